//! The most frequent value: `mode(value)`, or the one with the most weight: `mode(value, weight)`.
//!
//! The state is two lists: the distinct values of a group in their order, and the weight of each. In memory a value is the
//! number of its place among the values of all groups, so that a customer's few channels are a few numbers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::arrow::array::{Array, ArrayRef, Int64Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::cast::as_int64_array;
use datafusion::common::{Result, exec_err, internal_err, plan_err};

use crate::aggregate::{Call, Definition, Shared, columns, udaf};
use crate::collect::bound;
use crate::doc::{Doc, FunctionKind};
use crate::frequency::values::Values;
use crate::keyed::{ByGroup, Counted, Keyed, Summary};
use crate::lists::{Lists, end_of, list_of, lists_of};
use crate::tally::Tally;

pub(crate) static MODE: Shared = Shared::new(udaf::<Mode>);

pub(crate) static MODE_DOC: Doc = Doc {
    name: "mode",
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "mode(value) → the type of value\n\
                mode(value, weight) → the type of value",
    description: "The most frequent value: the channel that a customer chooses most, the hour of most visits. With a weight, the \
                  value whose rows have the most weight together: the category of which most pieces were bought. Of values that are \
                  as frequent the smallest is taken, the first in the order of their characters where they are text, so the result does not depend on the order of \
                  rows. Rows without a value or a weight, and rows of weight 0, are ignored; NULL if there is no other.",
    arguments: &[
        ("value", "a text, boolean, whole number, decimal, date or timestamp"),
        ("weight", "a whole number, 0 or more: how often the row counts"),
    ],
    errors: "A value of another type (cast a double to a decimal), or a weight that is negative or no whole number, is an error.",
    example: "SELECT customer, mode(channel) AS channel, mode(category, pieces) AS category\n\
              FROM (VALUES (1, 'web', 'home', 1), (1, 'app', 'home', 1), (1, 'app', 'toys', 3), (2, 'web', NULL, 1), (2, 'app', NULL, 1))\n\
              \x20    AS orders(customer, channel, category, pieces)\n\
              GROUP BY customer ORDER BY customer\n\
              -- 1, app, toys\n\
              -- 2, app, NULL",
    source: "The statistical mode, as the mode of DuckDB, Spark and PostgreSQL; which of equally frequent values, and the weight, by cxmill.",
};

/// `mode`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Mode;

impl Definition for Mode {
    fn doc(&self) -> &'static Doc {
        &MODE_DOC
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [value] => Ok(vec![value_type(value)?]),
            [value, weight] => Ok(vec![value_type(value)?, weight_type(weight)?]),
            _ => plan_err!("mode: {} arguments; expected mode(value) or mode(value, weight)", types.len()),
        }
    }

    fn state(&self, types: &[DataType]) -> Vec<Field> {
        columns(&[("values", list_of(self.returns(types))), ("weights", list_of(DataType::Int64))])
    }

    fn returns(&self, types: &[DataType]) -> DataType {
        types.first().cloned().unwrap_or(DataType::Null)
    }

    fn tally(&self, call: &Call<'_>) -> Result<Box<dyn Tally>> {
        let values = Values::new(&self.returns(&call.types))?;
        Ok(bound(Keyed::new(Frequencies::new(values))))
    }
}

/// Types whose values are equal exactly when they look so: of two doubles nobody can say that.
fn value_type(given: &DataType) -> Result<DataType> {
    match given {
        DataType::Null => Ok(DataType::Utf8),
        text if text.is_string() => Ok(DataType::Utf8),
        DataType::Dictionary(_, values) => value_type(values),
        DataType::Boolean | DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Ok(given.clone()),
        number if number.is_integer() || number.is_decimal() => Ok(given.clone()),
        other => plan_err!(
            "mode: value is {other}; expected a text, boolean, whole number, decimal, date or timestamp, for example CAST(value AS DECIMAL(12, 2))"
        ),
    }
}

fn weight_type(given: &DataType) -> Result<DataType> {
    match given {
        DataType::Null => Ok(DataType::Int64),
        number if number.is_integer() => Ok(DataType::Int64),
        other => plan_err!("mode: weight is {other}; expected a whole number, for example CAST(weight AS BIGINT)"),
    }
}

/// How often a value came, 1 or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Weight(i64);

impl Counted for Weight {
    type Row = i64;

    fn of(row: i64) -> Self {
        Self(row)
    }

    fn merge(&mut self, other: Self) {
        // None is negative, so where it stops does not depend on the order either.
        self.0 = self.0.saturating_add(other.0);
    }

    fn remove(&mut self, row: i64) {
        self.0 -= row;
    }

    fn is_gone(&self) -> bool {
        self.0 == 0
    }
}

/// How often each value of a group came.
#[derive(Debug, Clone)]
struct Frequencies {
    /// Of all groups, and of those that were taken out of them, where a value keeps its number.
    values: Arc<Mutex<Values>>,
}

impl Frequencies {
    fn new(values: Values) -> Self {
        Self { values: Arc::new(Mutex::new(values)) }
    }

    fn values(&self) -> MutexGuard<'_, Values> {
        // A value is there with its place or not at all, so there is nothing that a panic could leave half done.
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Summary for Frequencies {
    type Key = u32;
    type Counted = Weight;

    fn function(&self) -> &'static str {
        "mode"
    }

    fn fresh(&self) -> Self {
        Self::new(self.values().none())
    }

    fn each_row(
        &self,
        arguments: &[ArrayRef],
        counted: Option<NullBuffer>,
        mut take: impl FnMut(usize, u32, i64) -> Result<()>,
    ) -> Result<()> {
        let (column, weights) = match arguments {
            [column] => (column, None),
            [column, weights] => (column, Some(as_int64_array(weights)?)),
            _ => return internal_err!("mode was called with {} arguments", arguments.len()),
        };
        let valid = NullBuffer::union(column.nulls(), weights.and_then(Array::nulls));
        let valid = NullBuffer::union(valid.as_ref(), counted.as_ref());
        let mut values = self.values();
        let rows = values.read(column)?;
        for (row, value) in rows.iter().enumerate() {
            if valid.as_ref().is_some_and(|valid| valid.is_null(row)) {
                continue;
            }
            match weights.map_or(1, |weights| weights.value(row)) {
                0 => {}
                weight @ 1.. => take(row, values.place_of(value)?, weight)?,
                weight => return exec_err!("mode: weight is {weight}; expected a whole number, 0 or more"),
            }
        }
        Ok(())
    }

    fn each_kept(&self, states: &[ArrayRef], mut take: impl FnMut(usize, u32, Weight) -> Result<()>) -> Result<()> {
        let lists = Lists::read(states)?;
        let [column, weights] = lists.values()[..] else {
            return internal_err!("mode: a state of {} columns where 2 are due", states.len());
        };
        let weights = as_int64_array(weights)?.values();
        let mut values = self.values();
        let rows = values.read(column)?;
        lists.each(|row, at| take(row, values.place_of(rows.row(at[0]))?, Weight(weights[at[1]])))
    }

    fn state(&self, groups: ByGroup<'_, Self>) -> Result<Vec<ArrayRef>> {
        let values = self.values();
        let (mut places, mut weights, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for group in groups {
            let mut ordered = Vec::from_iter(group);
            ordered.sort_unstable_by_key(|entry| values.order_of(entry.key));
            places.extend(ordered.iter().map(|entry| entry.key));
            weights.extend(ordered.iter().map(|entry| entry.counted.0));
            ends.push(end_of(places.len())?);
        }
        let column = values.column(places.into_iter().map(Some))?;
        lists_of(ends, vec![column, Arc::new(Int64Array::from(weights))])
    }

    fn results(&self, groups: ByGroup<'_, Self>) -> Result<ArrayRef> {
        let values = self.values();
        let modes = groups.map(|group| {
            let mode = group.iter().max_by(|a, b| {
                a.counted.cmp(&b.counted).then_with(|| values.order_of(b.key).cmp(values.order_of(a.key)))
            });
            mode.map(|entry| entry.key)
        });
        values.column(modes)
    }

    fn heap(&self) -> usize {
        self.values().heap()
    }
}
