//! Checks that one pass over a result judges together: conditions on each row, and bounds of a total over all rows.
//!
//! A model has three or four checks, and where they hold, which is nearly always, a query for each takes longer to plan and to open
//! files than to read rows.

use chrono::{DateTime, NaiveDate, Utc};
use cxmill_spec::check::Bound;
use cxmill_spec::{CheckKind, Project, Sql};
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, Date32Type, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::functions_aggregate::expr_fn::{bool_or, count, max};
use datafusion::logical_expr::{Expr, in_list, lit};
use datafusion::prelude::DataFrame;

use super::bound_value;
use crate::compile::query::column;
use crate::compile::types::timestamp;
use crate::session;

/// How a check is judged.
pub(super) enum Judged<'a> {
    /// With others, by what breaks it.
    Together(Box<Condition>),
    /// By itself: no two rows share the values of these columns.
    Unique(&'a [String]),
    /// By itself, as it is written.
    Sql(&'a Sql),
}

/// What breaks a check.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    /// A row of which this is true.
    Row(Expr),
    /// A total that is missing, or out of its bounds.
    Total {
        /// The total over all rows.
        total: Expr,
        /// What a report calls it.
        name: &'static str,
        /// The least that it may be.
        min: Option<ScalarValue>,
        /// The most that it may be.
        max: Option<ScalarValue>,
    },
}

impl<'a> Judged<'a> {
    /// How a check of this kind over these columns is judged.
    pub(super) fn of(
        kind: &'a CheckKind,
        schema: &SchemaRef,
        project: &Project,
        as_of: Option<DateTime<Utc>>,
    ) -> Result<Self> {
        Ok(Self::Together(Box::new(match kind {
            CheckKind::NotNull(columns) => Condition::Row(any(columns.iter().map(|name| column(name).is_null()))),
            CheckKind::Between { column: name, min, max } => {
                let low = typed(schema, name, min.as_ref())?.map(|min| column(name).lt(lit(min)));
                let high = typed(schema, name, max.as_ref())?.map(|max| column(name).gt(lit(max)));
                Condition::Row(any([low, high].into_iter().flatten()))
            }
            CheckKind::OneOf { column: name, values } => {
                let allowed = values
                    .iter()
                    .map(|value| Ok(typed(schema, name, Some(value))?.map(lit)))
                    .collect::<Result<Vec<_>>>()?;
                let outside = in_list(column(name), allowed.into_iter().flatten().collect(), true);
                Condition::Row(column(name).is_not_null().and(outside))
            }
            CheckKind::RowCount { min, max } => {
                // More rows than an i64 counts cannot be; such a bound is as good as none.
                let bound = |end: &Option<u64>| end.and_then(|end| i64::try_from(end).ok()).map(ScalarValue::from);
                Condition::Total { total: count(lit(1_i64)), name: "rows", min: bound(min), max: bound(max) }
            }
            CheckKind::Fresh { column: name, within } => {
                let oldest =
                    as_of.and_then(|as_of| as_of.checked_sub_signed(chrono::Duration::from_std(*within).ok()?));
                let oldest = oldest.map(|oldest| instant(schema, name, oldest, project)).transpose()?;
                Condition::Total { total: max(column(name)), name: "newest", min: oldest, max: None }
            }
            CheckKind::Unique(columns) => return Ok(Self::Unique(columns)),
            CheckKind::Sql(sql) => return Ok(Self::Sql(sql)),
        })))
    }
}

impl Condition {
    /// What of `staged` breaks the check.
    pub(super) fn failing(self, staged: DataFrame) -> Result<DataFrame> {
        match &self {
            Self::Row(broken) => staged.filter(broken.clone()),
            Self::Total { total, name, .. } => {
                staged.aggregate(vec![], vec![total.clone().alias(*name)])?.filter(self.broken(column(name)))
            }
        }
    }

    /// One value over all rows.
    fn total(&self) -> Expr {
        match self {
            Self::Row(broken) => bool_or(broken.clone()),
            Self::Total { total, .. } => total.clone(),
        }
    }

    /// Whether that value tells of a broken check.
    fn broken(&self, total: Expr) -> Expr {
        match self {
            Self::Row(_) => total,
            Self::Total { min, max, .. } => {
                let low = min.clone().map(|min| total.clone().lt(lit(min)));
                let high = max.clone().map(|max| total.clone().gt(lit(max)));
                any([Some(total.is_null()), low, high].into_iter().flatten())
            }
        }
    }
}

/// Whether each of these conditions is broken, by one pass over `staged`.
pub(super) async fn broken(staged: DataFrame, conditions: &[Condition]) -> Result<Vec<bool>> {
    if conditions.is_empty() {
        return Ok(Vec::new());
    }
    let name = |number: usize| format!("condition_{number}");
    let numbered = || conditions.iter().enumerate();
    let totals = numbered().map(|(number, condition)| condition.total().alias(name(number))).collect();
    let broken = numbered().map(|(number, condition)| condition.broken(column(&name(number))).alias(name(number)));
    let told = session::collect(staged.aggregate(vec![], totals)?.select(broken)?).await?;
    let is_broken = |number: usize| {
        told.iter().any(|batch| {
            let told = batch.column(number).as_boolean();
            (0..told.len()).any(|row| told.is_valid(row) && told.value(row))
        })
    };
    Ok((0..conditions.len()).map(is_broken).collect())
}

fn any(conditions: impl Iterator<Item = Expr>) -> Expr {
    conditions.reduce(Expr::or).unwrap_or_else(|| lit(false))
}

fn typed(schema: &SchemaRef, name: &str, bound: Option<&Bound>) -> Result<Option<ScalarValue>> {
    let Some(bound) = bound else { return Ok(None) };
    let data_type = schema.field_with_name(name)?.data_type();
    match bound_value(bound, data_type) {
        Some(value) => Ok(Some(value)),
        None => Err(DataFusionError::Plan(format!("a bound of column {name} does not fit its type {data_type}"))),
    }
}

/// An instant in the type of a column; days are those of the project's time zone.
fn instant(schema: &SchemaRef, name: &str, at: DateTime<Utc>, project: &Project) -> Result<ScalarValue> {
    match schema.field_with_name(name)?.data_type() {
        DataType::Date32 => {
            let day = at.with_timezone(&project.settings.time_zone).date_naive();
            Ok(ScalarValue::Date32(Some(days(day))))
        }
        data_type if *data_type == timestamp() => {
            Ok(ScalarValue::TimestampMicrosecond(Some(at.timestamp_micros()), Some("UTC".into())))
        }
        other => Err(DataFusionError::Plan(format!("column {name} is a {other}, not a date or timestamp"))),
    }
}

/// Days since 1970-01-01.
fn days(day: NaiveDate) -> i32 {
    Date32Type::from_naive_date(day)
}
