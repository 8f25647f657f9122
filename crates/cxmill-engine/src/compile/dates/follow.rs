//! Which expressions over known columns are days again, and how far they lie from the event dates.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono_tz::Tz;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, ExprSchemable, Operator};

use super::days::{Days, Snap};
use super::rows::{Anchor, Column, Rows};
use crate::compile::types::is_utc;

/// An expression whose value is a known day.
#[derive(Debug, Clone)]
pub(super) struct Followed {
    pub(super) column: Column,
    /// Where one of these columns is not NULL, neither is the expression.
    pub(super) filled_by: BTreeSet<usize>,
}

impl Followed {
    fn with(self, change: impl FnOnce(Column) -> Column) -> Self {
        Self { column: change(self.column), ..self }
    }
}

/// Follows expressions over rows.
pub(super) struct Follow<'a> {
    pub(super) rows: &'a mut Rows,
    /// Names and types of their columns.
    pub(super) schema: &'a DFSchema,
    /// The project's zone.
    pub(super) zone: Tz,
    /// Number of the next new anchor.
    pub(super) next: &'a mut Anchor,
}

impl Follow<'_> {
    /// What is known of an expression; nothing where its value is no day, or not one that event dates follow from.
    pub(super) fn expr(&mut self, expr: &Expr) -> Option<Followed> {
        if let Some((_, column, filled_by)) = self.rows.known.iter().find(|(known, _, _)| known == expr) {
            return Some(Followed { column: column.clone(), filled_by: filled_by.clone() });
        }
        match expr {
            Expr::Column(column) => {
                let index = self.schema.maybe_index_of_column(column)?;
                let column = self.rows.columns.get(index)?.clone()?;
                Some(Followed { column, filled_by: [index].into() })
            }
            Expr::Alias(alias) => self.expr(&alias.expr),
            Expr::Cast(cast) => self.cast(cast),
            Expr::BinaryExpr(sum) => self.sum(sum, &self.data_type(expr)?),
            Expr::ScalarFunction(call) => match (call.name(), call.args.as_slice()) {
                ("local_day", args) => self.local(args, Snap::Day),
                ("local_week", args) => self.local(args, Snap::Week),
                ("local_month", args) => self.local(args, Snap::Month),
                ("date_trunc", [unit, instant]) => self.truncated(unit, instant, &self.data_type(expr)?),
                ("coalesce", args) => self.first_known(args),
                _ => None,
            },
            _ => None,
        }
    }

    fn data_type(&self, expr: &Expr) -> Option<DataType> {
        expr.get_type(self.schema).ok()
    }

    fn cast(&mut self, cast: &Cast) -> Option<Followed> {
        let (from, to) = (self.data_type(&cast.expr)?, cast.field.data_type());
        let followed = self.expr(&cast.expr)?;
        match (&from, to) {
            (day, other) if is_day(day) && is_day(other) => Some(followed),
            (DataType::Date32, instant) if is_utc(instant) => Some(followed.with(|day| day.instant())),
            (instant, DataType::Date32) if is_utc(instant) => {
                Some(followed.with(|instant| instant.day_in(Some(Tz::UTC))))
            }
            (instant, other) if is_utc(instant) && is_utc(other) => Some(followed),
            _ => None,
        }
    }

    /// A day or an instant, sooner or later by a constant.
    fn sum(&mut self, sum: &BinaryExpr, data_type: &DataType) -> Option<Followed> {
        let (moved, by) = match sum.op {
            Operator::Plus => match constant(&sum.right) {
                Some(days) => (&sum.left, days),
                None => (&sum.right, constant(&sum.left)?),
            },
            Operator::Minus => (&sum.left, constant(&sum.right)?.back()),
            _ => return None,
        };
        let from = self.data_type(moved)?;
        let followed = self.expr(moved)?;
        // What is less than a day can take an instant into the day after or before, in any calendar but that of UTC by an hour
        // more where clocks change.
        let by = match followed.column.zone {
            Some(zone) if zone != Tz::UTC => by.plus(Days::around(1)),
            _ => by,
        };
        match (is_day(&from), data_type) {
            (true, day) if is_day(day) => Some(followed.with(|day| day.later(by))),
            (true, instant) if is_utc(instant) => Some(followed.with(|day| day.instant().later(by))),
            (false, instant) if is_utc(instant) => Some(followed.with(|instant| instant.later(by))),
            _ => None,
        }
    }

    /// `local_day(instant, zone)` and its like; a day has no zone.
    fn local(&mut self, args: &[Expr], period: Snap) -> Option<Followed> {
        let zone = match args.get(1) {
            None => Some(self.zone),
            Some(zone) => text(zone).and_then(|name| name.parse().ok()),
        };
        let followed = self.expr(args.first()?)?;
        Some(followed.with(|column| column.day_in(zone).first_of(period)))
    }

    /// `date_trunc(unit, instant)`, which goes by UTC.
    fn truncated(&mut self, unit: &Expr, instant: &Expr, data_type: &DataType) -> Option<Followed> {
        let period = match text(unit)?.to_ascii_lowercase().as_str() {
            "microsecond" | "millisecond" | "second" | "minute" | "hour" | "day" => Snap::Day,
            "week" => Snap::Week,
            "month" => Snap::Month,
            "quarter" => Snap::Quarter,
            "year" => Snap::Year,
            _ => return None,
        };
        let from = self.data_type(instant)?;
        if !(is_utc(&from) || from == DataType::Date32) || !is_utc(data_type) {
            return None;
        }
        let followed = self.expr(instant)?;
        Some(followed.with(|column| column.instant().first_of(period)))
    }

    /// `coalesce`: a row counts by the first of several days that it has, so all of them count.
    fn first_known(&mut self, args: &[Expr]) -> Option<Followed> {
        let args: Vec<Followed> =
            args.iter().filter(|arg| !is_null(arg)).map(|arg| self.expr(arg)).collect::<Option<_>>()?;
        let (first, rest) = args.split_first()?;
        let same = rest.iter().all(|other| other.column.zone == first.column.zone);
        let columns: Vec<Column> =
            args.iter().map(|arg| if same { arg.column.clone() } else { arg.column.instant() }).collect();
        let (head, tail) = columns.split_first()?;
        if !same && columns.iter().any(|column| column.zone.is_none()) {
            return None;
        }
        let anchor = *self.next;
        *self.next += 1;
        let needs = tail.iter().fold(self.rows.needs(head), |needs, column| needs.hull(&self.rows.needs(column)));
        self.rows.anchors.insert(anchor, needs);
        let mut column = head.clone();
        for other in tail {
            column.snap = if column.snap == other.snap { column.snap } else { Snap::Day };
            column.offsets = column
                .offsets
                .iter()
                .filter_map(|(anchor, days)| Some((*anchor, days.hull(*other.offsets.get(anchor)?))))
                .collect();
        }
        column.offsets.insert(anchor, Days::SAME);
        Some(Followed { column, filled_by: args.iter().flat_map(|arg| arg.filled_by.iter().copied()).collect() })
    }
}

/// Types whose values number days.
pub(super) fn is_day(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Int32 | DataType::Int64)
}

fn is_null(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(value, _) => value.is_null(),
        Expr::Cast(cast) => is_null(&cast.expr),
        _ => false,
    }
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        Expr::Cast(cast) => text(&cast.expr),
        _ => None,
    }
}

/// A constant span of time, or number of days, as the days that it can be.
fn constant(expr: &Expr) -> Option<Days> {
    // As in `CAST($hours || ' hours' AS INTERVAL)`.
    let worked_out = || days(&cxmill_incremental::constant(expr, &Arc::new(DFSchema::empty())).ok()??);
    match expr {
        Expr::Literal(value, _) => days(value),
        Expr::Cast(cast) => constant(&cast.expr).or_else(worked_out),
        Expr::Negative(inner) => constant(inner).map(Days::back),
        _ => worked_out(),
    }
}

/// A span as the days that it can be; a month has 28 to 31, and what is left of a day can end in the next one.
pub(super) fn days(value: &ScalarValue) -> Option<Days> {
    match value {
        ScalarValue::Int8(Some(days)) => span(0, i64::from(*days), 0),
        ScalarValue::Int16(Some(days)) => span(0, i64::from(*days), 0),
        ScalarValue::Int32(Some(days)) => span(0, i64::from(*days), 0),
        ScalarValue::Int64(Some(days)) => span(0, *days, 0),
        ScalarValue::IntervalYearMonth(Some(months)) => span(*months, 0, 0),
        ScalarValue::IntervalDayTime(Some(value)) => {
            span(0, i64::from(value.days), i64::from(value.milliseconds).saturating_mul(1_000_000))
        }
        ScalarValue::IntervalMonthDayNano(Some(value)) => span(value.months, i64::from(value.days), value.nanoseconds),
        ScalarValue::DurationNanosecond(Some(nanos)) => span(0, 0, *nanos),
        _ => None,
    }
}

fn span(months: i32, days: i64, nanos: i64) -> Option<Days> {
    const DAY: i64 = 86_400_000_000_000;
    // Longer ones than this are no constant of a calendar.
    const MOST: i64 = 1_000_000;
    // So many months are at least 28 and at most 31 days each.
    let (short, long) = if months < 0 { (31, 28) } else { (28, 31) };
    let rest = days.checked_add(nanos.div_euclid(DAY))?;
    let bound = |each: i64, more: i64| {
        let days = (i64::from(months) * each).checked_add(rest)?.checked_add(more)?;
        i32::try_from(days).ok().filter(|_| (-MOST..=MOST).contains(&days))
    };
    Some(Days::new(bound(short, 0)?, bound(long, i64::from(nanos.rem_euclid(DAY) > 0))?))
}
