//! Aggregates whose state grows with the data: events of a customer, distinct durations.
//!
//! ```text
//!  argument columns ──Collector::add──▶ flat vectors, all groups together ──Collector::results──▶ a result a group
//!                                              │            ▲
//!                                     Collector::state  Collector::merge
//!                                              ▼            │
//!                                      state: a list, or a few numbers, a group
//! ```
//! One collector holds all groups in a few vectors instead of a vector a group, so millions of small groups cost no
//! allocation each. The row accumulator is a collector of one group, so both kinds keep one state; it is written in a
//! canonical order, so that neither the order of arrival nor the split shows in it.

use std::fmt::Debug;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use crate::tally::{Tally, passing};

/// The groups of the rows of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Groups<'a> {
    /// All rows belong to group 0.
    One,
    /// Row `i` belongs to the group of this number.
    Of(&'a [usize]),
    /// Row `i` is a group of its own, of number `i`.
    Each,
}

impl Groups<'_> {
    #[inline]
    pub(crate) fn of(self, row: usize) -> usize {
        match self {
            Self::One => 0,
            Self::Of(groups) => groups[row],
            Self::Each => row,
        }
    }
}

/// What was collected, of all groups.
pub(crate) trait Collector: Debug + Send + Sync + 'static {
    /// One of the same call that has collected nothing.
    fn empty(&self) -> Self;

    /// There are now so many groups.
    fn grow(&mut self, groups: usize);

    /// Takes rows. Those that `counted` excludes must not raise errors, whatever they hold.
    fn add(&mut self, arguments: &[ArrayRef], groups: Groups<'_>, counted: Option<NullBuffer>) -> Result<()>;

    /// Whether [`Collector::remove`] works.
    fn can_remove(&self) -> bool;

    /// Undoes [`Collector::add`] of rows of group 0 that left a sliding window.
    fn remove(&mut self, arguments: &[ArrayRef]) -> Result<()>;

    /// Takes states, one a row. NULL reads as nothing collected, so that a state may pass through an outer join.
    fn merge(&mut self, states: &[ArrayRef], groups: Groups<'_>) -> Result<()>;

    /// State columns, a row for each group.
    fn state(&mut self) -> Result<Vec<ArrayRef>>;

    /// Results, one for each group. What was collected stays.
    fn results(&mut self) -> Result<ArrayRef>;

    /// Takes the first `groups` groups out; those that stay move down.
    fn take_first(&mut self, groups: usize) -> Self;

    /// Bytes on the heap.
    fn heap(&self) -> usize;
}

/// A collector ready to count.
pub(crate) fn bound<C: Collector>(collector: C) -> Box<dyn Tally> {
    Box::new(Bound(collector))
}

#[derive(Debug)]
struct Bound<C: Collector>(C);

impl<C: Collector> Tally for Bound<C> {
    fn row_accumulator(mut self: Box<Self>) -> Box<dyn Accumulator> {
        self.0.grow(1);
        Box::new(OneGroup(self.0))
    }

    fn groups_accumulator(self: Box<Self>) -> Box<dyn GroupsAccumulator> {
        Box::new(AllGroups(self.0))
    }
}

#[derive(Debug)]
struct OneGroup<C: Collector>(C);

impl<C: Collector> Accumulator for OneGroup<C> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.add(values, Groups::One, None)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.remove(values)
    }

    fn supports_retract_batch(&self) -> bool {
        self.0.can_remove()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge(states, Groups::One)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.state()?.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.0.results()?, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.heap()
    }
}

#[derive(Debug)]
struct AllGroups<C: Collector>(C);

impl<C: Collector> AllGroups<C> {
    fn take(&mut self, emit_to: EmitTo) -> C {
        match emit_to {
            EmitTo::All => {
                let empty = self.0.empty();
                std::mem::replace(&mut self.0, empty)
            }
            EmitTo::First(groups) => self.0.take_first(groups),
        }
    }
}

impl<C: Collector> GroupsAccumulator for AllGroups<C> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        same_length(values, group_indices)?;
        self.0.grow(total_num_groups);
        self.0.add(values, Groups::Of(group_indices), opt_filter.map(passing))
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        same_length(values, group_indices)?;
        self.0.grow(total_num_groups);
        self.0.merge(values, Groups::Of(group_indices))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.take(emit_to).state()
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.take(emit_to).results()
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let mut collector = self.0.empty();
        collector.grow(values.first().map_or(0, |column| column.len()));
        collector.add(values, Groups::Each, opt_filter.map(passing))?;
        collector.state()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.0.heap()
    }
}

fn same_length(columns: &[ArrayRef], group_indices: &[usize]) -> Result<()> {
    match columns.iter().find(|column| column.len() != group_indices.len()) {
        None => Ok(()),
        Some(column) => internal_err!("{} rows came with {} group indices", column.len(), group_indices.len()),
    }
}
