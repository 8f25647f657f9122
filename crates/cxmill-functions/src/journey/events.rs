//! The events of many customers in a few flat vectors: when each happened, and which steps of a funnel it is.
//!
//! Events are put down as they come and brought into order once, at the end: by group, by time, by steps. That order does
//! not depend on how they came, so it is also the order of the state. Rows that are no step at all are not kept, and of rows
//! that are alike no more than there are steps, because a chain cannot use more.
//!
//! The state is a list of times and a list of words of 64 steps, one or more words an event.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::cast::{as_boolean_array, as_list_array};
use datafusion::common::{Result, exec_datafusion_err, internal_err};

use crate::aggregate::columns;
use crate::collect::Groups;
use crate::journey::chain::StepSet;
use crate::lists::list_of;

/// Events of all groups.
#[derive(Debug)]
pub(crate) struct Events<S: StepSet> {
    steps: usize,
    groups: usize,
    /// The group of each event.
    group_of: Vec<u32>,
    /// When each event happened, in units of its column, and which steps it is.
    events: Vec<(i64, S)>,
    /// Set while the events are in order: where each group begins, and the end.
    bounds: Option<Vec<usize>>,
}

/// The state columns.
pub(crate) fn state_columns() -> Vec<Field> {
    columns(&["times", "steps"].map(|name| (name, list_of(DataType::Int64))))
}

fn item() -> Field {
    Field::new_list_field(DataType::Int64, true)
}

impl<S: StepSet> Events<S> {
    pub(crate) fn new(steps: usize) -> Self {
        Self { steps, groups: 0, group_of: Vec::new(), events: Vec::new(), bounds: None }
    }

    pub(crate) fn empty(&self) -> Self {
        Self::new(self.steps)
    }

    pub(crate) fn grow(&mut self, groups: usize) {
        self.groups = self.groups.max(groups);
        self.bounds = None;
    }

    /// Takes rows of a column of times and one boolean column a step. A NULL condition is not met; a row without a time did
    /// not happen.
    pub(crate) fn add(
        &mut self,
        times: &ArrayRef,
        steps: &[ArrayRef],
        groups: Groups<'_>,
        counted: Option<NullBuffer>,
    ) -> Result<()> {
        self.bounds = None;
        let words = S::words(self.steps);
        let mut taken = vec![0_u64; words * times.len()];
        for (step, column) in steps.iter().enumerate() {
            let conditions = as_boolean_array(column)?;
            let (word, bit) = (step / 64, step % 64);
            let mut mark = |row: usize| taken[row * words + word] |= 1 << bit;
            match conditions.nulls() {
                None => conditions.values().set_indices().for_each(&mut mark),
                Some(valid) => (conditions.values() & valid.inner()).set_indices().for_each(&mut mark),
            }
        }
        let happened = NullBuffer::union(counted.as_ref(), times.nulls());
        let times = cast(times, &DataType::Int64)?;
        let times = times.as_primitive::<Int64Type>().values();
        for (row, (time, steps)) in times.iter().zip(taken.chunks_exact(words)).enumerate() {
            let counts = steps.iter().any(|word| *word != 0) && happened.as_ref().is_none_or(|rows| rows.is_valid(row));
            if counts {
                self.group_of.push(group_number(groups.of(row))?);
                self.events.push((*time, S::from_words(steps)));
            }
        }
        Ok(())
    }

    pub(crate) fn merge(&mut self, states: &[ArrayRef], groups: Groups<'_>) -> Result<()> {
        self.bounds = None;
        let [times, steps] = states else {
            return internal_err!("a funnel's state arrived as {} columns, not 2", states.len());
        };
        let (times, steps) = (as_list_array(times)?, as_list_array(steps)?);
        let words = S::words(self.steps);
        for row in 0..times.len() {
            if times.is_null(row) || steps.is_null(row) {
                continue;
            }
            let group = group_number(groups.of(row))?;
            let (times, steps) = (times.value(row), steps.value(row));
            let times = times.as_primitive::<Int64Type>().values();
            let steps = steps.as_primitive::<Int64Type>().values();
            if times.len() * words != steps.len() {
                return internal_err!("a funnel's state has {} times and {} step words", times.len(), steps.len());
            }
            let mut set = vec![0_u64; words];
            for (time, bits) in times.iter().zip(steps.chunks_exact(words)) {
                set.iter_mut().zip(bits).for_each(|(word, bits)| *word = bits.cast_unsigned());
                self.group_of.push(group);
                self.events.push((*time, S::from_words(&set)));
            }
        }
        Ok(())
    }

    pub(crate) fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let bounds = self.sorted().to_vec();
        let words = S::words(self.steps);
        let times = self.events.iter().map(|(time, _)| *time);
        let steps = self.events.iter().flat_map(|(_, steps)| steps.as_words()).map(|word| word.cast_signed());
        let list = |offsets: OffsetBuffer<i32>, values: Int64Array| -> Result<ArrayRef> {
            Ok(Arc::new(ListArray::try_new(Arc::new(item()), offsets, Arc::new(values), None)?))
        };
        Ok(vec![
            list(offsets(&bounds, 1)?, Int64Array::from_iter_values(times))?,
            list(offsets(&bounds, words)?, Int64Array::from_iter_values(steps))?,
        ])
    }

    /// The events of each group, in order.
    pub(crate) fn by_group(&mut self) -> impl Iterator<Item = &[(i64, S)]> {
        self.sort();
        let bounds = self.bounds.as_deref().unwrap_or_default();
        bounds.windows(2).map(|bound| &self.events[bound[0]..bound[1]])
    }

    pub(crate) fn take_first(&mut self, groups: usize) -> Self {
        let mut first = self.empty();
        first.grow(groups);
        let (mut group_of, mut events) = (Vec::new(), Vec::new());
        for (group, event) in self.group_of.drain(..).zip(self.events.drain(..)) {
            match (group as usize).checked_sub(groups) {
                None => {
                    first.group_of.push(group);
                    first.events.push(event);
                }
                Some(rest) => {
                    // Smaller than a number that fits, so it fits.
                    group_of.push(u32::try_from(rest).unwrap_or(group));
                    events.push(event);
                }
            }
        }
        (self.group_of, self.events) = (group_of, events);
        self.groups = self.groups.saturating_sub(groups);
        self.bounds = None;
        first
    }

    pub(crate) fn heap(&self) -> usize {
        let sets: usize = self.events.first().map_or(0, |(_, steps)| steps.heap()) * self.events.len();
        self.group_of.capacity() * size_of::<u32>()
            + self.events.capacity() * size_of::<(i64, S)>()
            + self.bounds.as_ref().map_or(0, |bounds| bounds.capacity() * size_of::<usize>())
            + sets
    }

    fn sorted(&mut self) -> &[usize] {
        self.sort();
        self.bounds.as_deref().unwrap_or_default()
    }

    fn sort(&mut self) {
        if self.bounds.is_some() {
            return;
        }
        let gathered = self.gather();
        let (mut kept, mut bounds) = (0, vec![0]);
        for bound in gathered.windows(2) {
            // Where two sorted states were merged, this finds their runs.
            self.events[bound[0]..bound[1]].sort();
            // Of rows that are alike only so many are kept as a chain can use.
            let (first, mut alike) = (kept, 0);
            for row in bound[0]..bound[1] {
                let is_alike = kept > first && self.events[row] == self.events[kept - 1];
                alike = if is_alike { alike + 1 } else { 1 };
                if alike <= self.steps {
                    self.events.swap(kept, row);
                    kept += 1;
                }
            }
            bounds.push(kept);
        }
        self.events.truncate(kept);
        self.group_of.clear();
        for (group, bound) in (0_u32..).zip(bounds.windows(2)) {
            self.group_of.extend(std::iter::repeat_n(group, bound[1] - bound[0]));
        }
        self.bounds = Some(bounds);
    }

    /// Brings the events of each group together, in the order in which they came; gives where each group begins, and the end.
    /// `group_of` is without meaning after that.
    fn gather(&mut self) -> Vec<usize> {
        let mut bounds = vec![0_usize; self.groups + 1];
        self.group_of.iter().for_each(|group| bounds[*group as usize + 1] += 1);
        for group in 0..self.groups {
            bounds[group + 1] += bounds[group];
        }
        if !self.group_of.is_sorted() {
            let mut next = bounds.clone();
            let mut gathered = vec![(0, S::from_words(&[])); self.events.len()];
            for (group, event) in self.group_of.iter().zip(self.events.drain(..)) {
                let place = &mut next[*group as usize];
                gathered[*place] = event;
                *place += 1;
            }
            self.events = gathered;
        }
        bounds
    }
}

fn group_number(group: usize) -> Result<u32> {
    u32::try_from(group).map_err(|_| exec_datafusion_err!("a funnel has more than {} groups", u32::MAX))
}

/// Offsets of lists that hold `width` values an event.
fn offsets(bounds: &[usize], width: usize) -> Result<OffsetBuffer<i32>> {
    let offsets = bounds
        .iter()
        .map(|bound| {
            i32::try_from(bound * width)
                .map_err(|_| exec_datafusion_err!("a funnel's state has more than {} events in one batch", i32::MAX))
        })
        .collect::<Result<Vec<i32>>>()?;
    Ok(OffsetBuffer::new(offsets.into()))
}
