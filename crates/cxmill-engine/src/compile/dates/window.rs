//! Window functions: which of the rows around it a row looks at.

use chrono_tz::Tz;
use cxmill_incremental::Forbids;
use datafusion::common::DFSchema;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{Expr, Window, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition};

use super::days::Days;
use super::follow::{Followed, days};
use super::rows::{Anchor, Rows};
use super::walk::Walk;

/// Window functions that look at their frame; others look at all rows of their partition.
const OF_THE_FRAME: [&str; 3] = ["first_value", "last_value", "nth_value"];

/// What a window function looks at.
enum Looks {
    /// The rows that share one of these days with the row.
    AtDays(Vec<(Expr, Followed)>),
    /// The rows whose day lies in this range of the row's.
    Around(Followed, Days),
    /// Rows of any date.
    Anywhere,
}

impl Walk<'_> {
    pub(super) fn window(&mut self, window: &Window) -> Rows {
        let schema = window.input.schema();
        let mut rows = self.rows(&window.input, &[]);
        let mut all_look = Vec::new();
        for expr in &window.window_expr {
            let mut looks = self.looks(&mut rows, called(expr), window);
            if let Looks::AtDays(keys) = &mut looks {
                keys.iter_mut().for_each(|(expr, key)| self.anchor_key(&mut rows, expr, key, schema));
            }
            if matches!(looks, Looks::Anywhere) && !self.told {
                let message = "a window function looks at rows of any date: put the date in its PARTITION BY";
                if !rows.anchors.is_empty() {
                    self.forget(Forbids::Window, message, std::slice::from_ref(expr));
                }
            }
            all_look.push(looks);
        }
        let told = self.told;
        rows.keep(|anchor, needs| {
            let far = all_look.iter().map(|looks| looks.far(anchor, told)).collect::<Option<Vec<Days>>>()?;
            Some(far.into_iter().reduce(Days::hull).map_or_else(|| needs.clone(), |days| needs.shifted(days)))
        });
        for expr in &window.window_expr {
            let chosen = if told { self.chosen_value(&mut rows, expr, schema) } else { None };
            let place = rows.columns.len();
            if let Some(Followed { column, filled_by }) = chosen {
                if rows.filled.iter().any(|set| set.is_subset(&filled_by)) {
                    rows.filled.push([place].into());
                }
                rows.columns.push(Some(column));
            } else {
                rows.columns.push(None);
            }
        }
        rows
    }

    /// Rows of one partition share the key's day exactly, however far from their event dates it is.
    fn anchor_key(&mut self, rows: &mut Rows, expr: &Expr, key: &mut Followed, schema: &DFSchema) {
        if key.column.offsets.values().any(|offset| offset.width() == 0) {
            return;
        }
        let anchor = self.new_anchor();
        rows.anchor(anchor, &key.column);
        key.column.offsets.insert(anchor, Days::SAME);
        if let Expr::Column(named) = expr
            && let Some(index) = schema.maybe_index_of_column(named)
            && let Some(column) = rows.columns.get_mut(index)
        {
            *column = Some(key.column.clone());
        }
        rows.known.push((expr.clone(), key.column.clone(), key.filled_by.clone()));
    }

    fn looks(&mut self, rows: &mut Rows, call: Option<&WindowFunction>, window: &Window) -> Looks {
        let schema = window.input.schema();
        let Some(WindowFunction { fun, params: call }) = call else { return Looks::Anywhere };
        let keys = call.partition_by.iter().filter_map(|key| Some((key.clone(), self.follow(rows, key, schema)?)));
        let keys: Vec<(Expr, Followed)> = keys.collect();
        if !keys.is_empty() {
            return Looks::AtDays(keys);
        }
        let of_the_frame = match fun {
            WindowFunctionDefinition::AggregateUDF(_) => true,
            WindowFunctionDefinition::WindowUDF(function) => OF_THE_FRAME.contains(&function.name()),
        };
        if !of_the_frame {
            return Looks::Anywhere;
        }
        let ([order], WindowFrameUnits::Range) = (call.order_by.as_slice(), call.window_frame.units) else {
            return Looks::Anywhere;
        };
        let (Some(day), Some(before), Some(after)) = (
            self.follow(rows, &order.expr, schema),
            bound(&call.window_frame.start_bound),
            bound(&call.window_frame.end_bound),
        ) else {
            return Looks::Anywhere;
        };
        let (before, after) = if order.asc { (before, after) } else { (-after, -before) };
        // In zones other than UTC a day can have more than 24 hours.
        let more = i32::from(day.column.zone.is_some_and(|zone| zone != Tz::UTC));
        Looks::Around(day, Days::new(before.min(0) - more, after.max(0) + more))
    }
}

impl Looks {
    /// How far from a row's anchor the anchors of the rows are that it looks at.
    fn far(&self, anchor: Anchor, told: bool) -> Option<Days> {
        match self {
            Self::AtDays(keys) => {
                let widths = keys.iter().filter_map(|(_, key)| Some(key.column.offsets.get(&anchor)?.width()));
                widths.min().map(Days::around)
            }
            Self::Around(day, days) => Some(Days::around(day.column.offsets.get(&anchor)?.width()).plus(*days)),
            Self::Anywhere => told.then_some(Days::SAME),
        }
    }
}

/// What a window expression calls.
fn called(expr: &Expr) -> Option<&WindowFunction> {
    match expr {
        Expr::Alias(alias) => called(&alias.expr),
        Expr::WindowFunction(window) => Some(window),
        _ => None,
    }
}

/// How many days from the row's own day a frame ends, at most; none where it ends with the partition.
fn bound(bound: &WindowFrameBound) -> Option<i32> {
    match bound {
        WindowFrameBound::CurrentRow => Some(0),
        WindowFrameBound::Preceding(span) => Some(-days(span)?.to),
        WindowFrameBound::Following(span) => Some(days(span)?.to),
    }
}
