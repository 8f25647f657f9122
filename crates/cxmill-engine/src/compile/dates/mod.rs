//! Whether the rows of a date can be computed from the landed rows around that date, and which those are.
//!
//! The date column that a model's output is partitioned by is followed through the plan of its query to the event dates of the
//! sources that it reads, and to the days of published models that are partitioned by a date themselves. What is found is a
//! promise about the query: its rows of one day, computed over those rows alone that [`Dates::needs`] names for the day, are its
//! rows of that day computed over everything. It holds for each node of the plan because it holds for the rows below it: groups
//! that have the date among their keys, window functions that have it in PARTITION BY or look at a RANGE of days around a row,
//! joins on the date or on a range of dates. Where a node looks at rows of any date, the days of its rows are lost, and the place
//! in the SQL is kept.
//!
//! Where the author writes `window:`, that is taken for how far window functions, `min` and `max` of a time, and joins with an
//! open range of dates look.

mod days;
mod follow;
mod join;
mod rows;
#[cfg(test)]
mod tests;
mod walk;
mod window;

use std::collections::BTreeMap;

use chrono_tz::Tz;
use cxmill_incremental::Reason;
use cxmill_spec::text::Span;
use cxmill_spec::{Model, PartitionBy, Project};
use datafusion::arrow::datatypes::{DataType, FieldRef, SchemaRef};
use datafusion::logical_expr::LogicalPlan;

pub(crate) use self::days::{Days, Reach, Snap};
use self::rows::Rows;
use self::walk::Walk;

/// How the rows of a model belong to dates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Dates {
    /// Which of the keys of `partition_by` is made of the date.
    pub(crate) key: usize,
    /// The days that its column can be.
    pub(crate) snap: Snap,
    /// For each source with event dates, and each published model of such partitions, that the query reads: the rows that the
    /// rows of one day need.
    pub(crate) needs: BTreeMap<String, Reach>,
    /// What is known of its columns.
    columns: BTreeMap<String, Known>,
}

/// A column whose day tells the date of its row.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    /// The zone whose calendar tells the day of an instant; none where the value is a day.
    zone: Option<Tz>,
    /// The days that it can be.
    snap: Snap,
    /// How far the date lies from it.
    offset: Days,
    /// Whether every row has one.
    is_filled: bool,
}

/// A published model whose files belong to dates, because it is partitioned by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dated {
    /// Which of the keys of `partition_by` is made of the date.
    pub(crate) key: usize,
    /// What is known of its columns, that of the date among them.
    columns: BTreeMap<String, Known>,
}

impl Dated {
    /// How the files of a published model belong to dates; nothing where they do not. `dates` is what its own query tells.
    pub(super) fn of(model: &Model, schema: &SchemaRef, dates: Option<&Dates>) -> Option<Self> {
        let zone = |by: &PartitionBy| match schema.field_with_name(&by.column).map(|field| field.data_type()) {
            Ok(DataType::Date32) => Some(None),
            Ok(DataType::Timestamp(..)) => by.granularity.map(|_| Some(Tz::UTC)),
            _ => None,
        };
        let mut keys = model.output.partition_by.iter().enumerate();
        let (key, by, zone) = keys.find_map(|(key, by)| Some((key, by, zone(by)?)))?;
        if let Some(dates) = dates.filter(|dates| dates.key == key) {
            return Some(Self { key, columns: dates.columns.clone() });
        }
        let is_filled = model.grain.contains(&by.column);
        let date = Known { zone, snap: Snap::Day, offset: Days::SAME, is_filled };
        Some(Self { key, columns: [(by.column.clone(), date)].into() })
    }
}

/// Why the rows of a model do not belong to dates, or not of use.
#[derive(Debug)]
pub(super) enum Undated {
    /// Something in its YAML.
    Yaml(String, Span),
    /// Something in its SQL, or in that of a view it reads.
    Sql(Reason),
}

/// Follows the date that a model is partitioned by through the plan of its query, which has gone through the analyzer and
/// not through the optimizer.
pub(super) fn dates(
    project: &Project,
    models: &BTreeMap<String, Dated>,
    model: &Model,
    plan: &LogicalPlan,
    schema: &SchemaRef,
) -> Result<Dates, Undated> {
    let is_date = |column: &str| {
        let data_type = schema.field_with_name(column).map(|field| field.data_type());
        matches!(data_type, Ok(DataType::Date32 | DataType::Timestamp(..)))
    };
    let keys: Vec<_> = model.output.partition_by.iter().enumerate().filter(|(_, by)| is_date(&by.column)).collect();
    let Some((_, first)) = keys.first() else {
        let message = "its output is not partitioned by a date, as `output: {partition_by: {month: day}}` does it";
        return Err(Undated::Yaml(message.to_owned(), model.output.span.unwrap_or(model.span)));
    };
    let mut walk = Walk { project, models, told: model.window.is_some(), next: 0, lost: Vec::new() };
    let rows = walk.rows(plan, &[]);
    let followed = keys
        .iter()
        .find_map(|(key, by)| Some((*key, by, rows.columns.get(schema.index_of(&by.column).ok()?)?.as_ref()?)));
    let Some((key, by, column)) = followed else {
        if let Some(reason) = walk.lost.into_iter().next() {
            return Err(Undated::Sql(reason));
        }
        let message = format!("`{}` does not follow from the event time of a source", first.column);
        return Err(Undated::Yaml(message, first.span));
    };
    let date = schema.index_of(&by.column).unwrap_or_default();
    if !rows.is_filled(date) {
        let message = format!(
            "`{}` can be NULL, and rows without a date belong to no date: keep them out (WHERE … IS NOT NULL)",
            by.column
        );
        return Err(Undated::Yaml(message, by.span));
    }
    let column = column.day_in(Some(Tz::UTC));
    let needs = widened(&rows, &column, model);
    if !needs.values().any(|reach| matches!(reach, Reach::Within(_))) {
        let message = format!("no event date of a source tells `{}`", by.column);
        return Err(walk.lost.into_iter().next().map_or(Undated::Yaml(message, by.span), Undated::Sql));
    }
    let known = |(index, field): (usize, &FieldRef)| {
        let known = rows.columns.get(index)?.as_ref()?;
        let is_date = index == date && known.zone.is_none_or(|zone| zone == Tz::UTC);
        let offset = if is_date { Days::SAME } else { column.from(known)? };
        Some((
            field.name().clone(),
            Known { zone: known.zone, snap: known.snap, offset, is_filled: rows.is_filled(index) },
        ))
    };
    let columns = schema.fields().iter().enumerate().filter_map(known).collect();
    Ok(Dates { key, snap: column.snap, needs, columns })
}

/// What the rows of one day need, with what the author says of rows around them.
fn widened(rows: &Rows, column: &rows::Column, model: &Model) -> BTreeMap<String, Reach> {
    let told = model.window.map_or(Days::SAME, |window| Days::new(-window.before, window.after));
    rows.needs(column).shifted(told).0
}

impl Dates {
    /// Sources and dated models of which all rows are needed, whatever the date.
    pub(crate) fn whole(&self) -> impl Iterator<Item = &str> {
        self.needs.iter().filter(|(_, reach)| **reach == Reach::All).map(|(source, _)| source.as_str())
    }

    /// What is read for a partition, in words.
    pub(super) fn describe(&self) -> String {
        let sources = self.needs.iter().map(|(source, reach)| match reach {
            Reach::All => format!("all of {source}"),
            Reach::Within(days) => match (before(days.from), after(days.to)) {
                (None, None) => format!("{source} of its dates"),
                (before, after) => {
                    let both: Vec<String> = before.into_iter().chain(after).collect();
                    format!("{source} of its dates and {}", both.join(" and "))
                }
            },
        });
        sources.collect::<Vec<_>>().join(", ")
    }
}

fn before(from: i32) -> Option<String> {
    (from < 0).then(|| format!("{} before", counted(-from)))
}

fn after(to: i32) -> Option<String> {
    (to > 0).then(|| format!("{} after", counted(to)))
}

fn counted(days: i32) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}
