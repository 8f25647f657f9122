//! Who came back: `retention(day0, day1, …)`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, BooleanBuilder, ListArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::cast::{as_boolean_array, as_int64_array};
use datafusion::common::{Result, exec_datafusion_err, plan_err};

use crate::aggregate::{Call, Definition, Shared, udaf};
use crate::collect::{Collector, Groups, bound};
use crate::doc::{Doc, FunctionKind};
use crate::survey::counts::bigints;
use crate::tally::Tally;

pub(crate) static RETENTION: Shared = Shared::new(udaf::<Retention>);

pub(crate) static RETENTION_DOC: Doc = Doc {
    name: "retention",
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "retention(day0, day1, …) → list<boolean>",
    description: "Which conditions were met, each together with the first one: element 1 is true if some row meets day0, \
                  element i + 1 if some row meets day0 and some row, the same or another, meets day i. A NULL condition is not \
                  met; without rows that have a condition the result is NULL.",
    arguments: &[
        ("day0", "a boolean: whether the row belongs to the cohort, for example its first day"),
        ("day1", "a boolean: whether the row is a return, for example on the next day"),
        ("…", "a boolean for each further return, as many as there are"),
    ],
    errors: "An argument that is not a boolean is an error.",
    example: "SELECT customer, retention(day = 0, day = 1, day = 7) AS came\n\
              FROM (VALUES ('a', 0), ('a', 7), ('b', 1), ('b', 7)) AS visits(customer, day)\n\
              GROUP BY customer ORDER BY customer\n\
              -- a, [true, false, true]\n\
              -- b, [false, false, false]",
    source: "ClickHouse, aggregate function retention.",
};

/// `retention`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Retention;

fn item() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Boolean, true))
}

impl Definition for Retention {
    fn doc(&self) -> &'static Doc {
        &RETENTION_DOC
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        if types.is_empty() {
            return plan_err!("retention: 0 arguments; expected retention(day0, day1, …) with one condition or more");
        }
        for (i, condition) in types.iter().enumerate() {
            if !matches!(condition, DataType::Boolean | DataType::Null) {
                return plan_err!("retention: day{i} is {condition}; expected a boolean, for example day = {i}");
            }
        }
        Ok(vec![DataType::Boolean; types.len()])
    }

    fn returns(&self, _types: &[DataType]) -> DataType {
        DataType::List(item())
    }

    fn state(&self, types: &[DataType]) -> Vec<Field> {
        let met = (0..types.len()).map(|i| format!("met{i}"));
        std::iter::once("rows".to_owned()).chain(met).map(|name| Field::new(name, DataType::Int64, true)).collect()
    }

    fn tally(&self, call: &Call<'_>) -> Result<Box<dyn Tally>> {
        Ok(bound(Met { width: call.types.len() + 1, counts: Vec::new() }))
    }
}

/// Per group: how many rows had a condition, then how many met each.
#[derive(Debug)]
struct Met {
    width: usize,
    counts: Vec<i64>,
}

impl Met {
    /// Adds `by` for each row, 1 or −1.
    fn count(
        &mut self,
        conditions: &[ArrayRef],
        groups: Groups<'_>,
        counted: Option<&NullBuffer>,
        by: i64,
    ) -> Result<()> {
        let conditions = conditions.iter().map(|column| as_boolean_array(column)).collect::<Result<Vec<_>>>()?;
        let rows = conditions.first().map_or(0, |column| column.len());
        for row in 0..rows {
            if counted.is_some_and(|counted| counted.is_null(row)) {
                continue;
            }
            let from = groups.of(row) * self.width;
            let counts = &mut self.counts[from..from + self.width];
            counts[0] += if conditions.iter().any(|condition| condition.is_valid(row)) { by } else { 0 };
            for (count, condition) in counts[1..].iter_mut().zip(&conditions) {
                *count += if is_met(condition, row) { by } else { 0 };
            }
        }
        Ok(())
    }
}

#[inline]
fn is_met(condition: &BooleanArray, row: usize) -> bool {
    condition.is_valid(row) && condition.value(row)
}

impl Collector for Met {
    fn empty(&self) -> Self {
        Self { width: self.width, counts: Vec::new() }
    }

    fn grow(&mut self, groups: usize) {
        self.counts.resize(groups * self.width, 0);
    }

    fn add(&mut self, arguments: &[ArrayRef], groups: Groups<'_>, counted: Option<NullBuffer>) -> Result<()> {
        self.count(arguments, groups, counted.as_ref(), 1)
    }

    fn can_remove(&self) -> bool {
        true
    }

    fn remove(&mut self, arguments: &[ArrayRef]) -> Result<()> {
        self.count(arguments, Groups::One, None, -1)
    }

    fn merge(&mut self, states: &[ArrayRef], groups: Groups<'_>) -> Result<()> {
        for (place, column) in states.iter().enumerate().take(self.width) {
            for (row, count) in as_int64_array(column)?.iter().enumerate() {
                let own = &mut self.counts[groups.of(row) * self.width + place];
                *own = own.saturating_add(count.unwrap_or(0));
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let column = |place: usize| bigints(self.counts.chunks_exact(self.width).map(|counts| counts[place]));
        Ok((0..self.width).map(column).collect())
    }

    fn results(&mut self) -> Result<ArrayRef> {
        let (mut returned, mut lengths, mut has_rows) = (BooleanBuilder::new(), Vec::new(), Vec::new());
        for counts in self.counts.chunks_exact(self.width) {
            has_rows.push(counts[0] > 0);
            let is_in_cohort = counts[1] > 0;
            let elements = if counts[0] > 0 { &counts[1..] } else { &[] };
            elements.iter().for_each(|count| returned.append_value(is_in_cohort && *count > 0));
            lengths.push(elements.len());
        }
        let returned = returned.finish();
        i32::try_from(returned.len())
            .map_err(|_| exec_datafusion_err!("retention has more than {} elements in one batch", i32::MAX))?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(Arc::new(ListArray::try_new(item(), offsets, Arc::new(returned), Some(has_rows.into()))?))
    }

    fn take_first(&mut self, groups: usize) -> Self {
        let rest = self.counts.split_off(groups * self.width);
        Self { width: self.width, counts: std::mem::replace(&mut self.counts, rest) }
    }

    fn heap(&self) -> usize {
        self.counts.capacity() * size_of::<i64>()
    }
}
