//! Aggregates whose state is a list of entries per group: a multiset, or sums by period.
//!
//! The row accumulator and the groups accumulator are both made here, so they keep the same state and cannot drift apart.

use std::fmt::Debug;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, ListArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use crate::tally::{Rows, Tally, for_each_counted, passing, same_length};

/// What is kept of one group.
pub(crate) trait Collection: Default + Debug + Send + Sync + 'static {
    /// What one row adds.
    type Row: Copy;

    fn add(&mut self, row: Self::Row);

    /// Undoes [`Collection::add`] of a row that left a sliding window.
    fn remove(&mut self, row: Self::Row);

    /// State columns, a list in each for each collection, its entries in one order whatever way they came.
    fn columns(collections: &[Self]) -> Result<Vec<ArrayRef>>;

    /// Adds row `i` of state columns to group `group_of(i)`. NULL is an empty collection.
    fn merge(columns: &[ArrayRef], groups: &mut [Self], group_of: impl Fn(usize) -> usize) -> Result<()>;

    /// Bytes on the heap.
    fn size(&self) -> usize;
}

/// A function over a collection.
pub(crate) trait Summary: Debug + Send + Sync + 'static {
    type Collection: Collection;

    /// Reads the arguments. Rows that `counted` excludes must not raise errors, whatever they hold.
    fn rows(&self, arguments: &[ArrayRef], counted: Option<NullBuffer>) -> Result<Rows<RowOf<Self>>>;

    /// Results, one for each group.
    fn finish(&self, groups: &[Self::Collection]) -> Result<ArrayRef>;
}

type RowOf<S> = <<S as Summary>::Collection as Collection>::Row;

/// A summary ready to collect.
#[derive(Debug)]
pub(crate) struct Collecting<S>(pub(crate) S);

impl<S: Summary> Tally for Collecting<S> {
    fn row_accumulator(self: Box<Self>) -> Box<dyn Accumulator> {
        Box::new(One { summary: self.0, group: [S::Collection::default()] })
    }

    fn groups_accumulator(self: Box<Self>) -> Box<dyn GroupsAccumulator> {
        Box::new(Groups { summary: self.0, groups: Vec::new() })
    }
}

#[derive(Debug)]
struct One<S: Summary> {
    summary: S,
    group: [S::Collection; 1],
}

impl<S: Summary> Accumulator for One<S> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for_each_counted(&self.summary.rows(values, None)?, |_, row| self.group[0].add(row));
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for_each_counted(&self.summary.rows(values, None)?, |_, row| self.group[0].remove(row));
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        S::Collection::merge(states, &mut self.group, |_| 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let columns = S::Collection::columns(&self.group)?;
        columns.iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.summary.finish(&self.group)?, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.group[0].size()
    }
}

#[derive(Debug)]
struct Groups<S: Summary> {
    summary: S,
    /// Indexed by group.
    groups: Vec<S::Collection>,
}

impl<S: Summary> GroupsAccumulator for Groups<S> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups.resize_with(total_num_groups, S::Collection::default);
        let rows = self.summary.rows(values, opt_filter.map(passing))?;
        same_length(rows.values.len(), group_indices.len())?;
        for_each_counted(&rows, |i, row| self.groups[group_indices[i]].add(row));
        Ok(())
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.groups.resize_with(total_num_groups, S::Collection::default);
        same_length(values.first().map_or(0, |column| column.len()), group_indices.len())?;
        S::Collection::merge(values, &mut self.groups, |i| group_indices[i])
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        S::Collection::columns(&emit_to.take_needed(&mut self.groups))
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.summary.finish(&emit_to.take_needed(&mut self.groups))
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows = self.summary.rows(values, opt_filter.map(passing))?;
        let mut alone = Vec::new();
        alone.resize_with(rows.values.len(), S::Collection::default);
        for_each_counted(&rows, |i, row| alone[i].add(row));
        S::Collection::columns(&alone)
    }

    fn size(&self) -> usize {
        size_of_val(self)
            + self.groups.capacity() * size_of::<S::Collection>()
            + self.groups.iter().map(Collection::size).sum::<usize>()
    }
}

/// The type of a state column.
pub(crate) fn list_of(data_type: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(data_type, true)))
}

/// Lists of these lengths over each of the value columns.
pub(crate) fn lists_of(lengths: &[usize], values: Vec<ArrayRef>) -> Result<Vec<ArrayRef>> {
    if i32::try_from(lengths.iter().sum::<usize>()).is_err() {
        return internal_err!("a state of more than 2,147,483,647 entries in one batch");
    }
    let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
    values
        .into_iter()
        .map(|values| -> Result<ArrayRef> {
            let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
            Ok(Arc::new(ListArray::try_new(field, offsets.clone(), values, None)?))
        })
        .collect()
}

/// Hands on each entry of parallel lists: the row, and the entry's place in the values of each list. A row with a NULL list is
/// empty.
pub(crate) fn for_each_entry(lists: &[&ListArray], mut each: impl FnMut(usize, &[usize])) -> Result<()> {
    let rows = lists.first().map_or(0, |list| list.len());
    let mut places = vec![0; lists.len()];
    for i in (0..rows).filter(|i| lists.iter().all(|list| list.is_valid(*i))) {
        let length = lists[0].value_length(i);
        if lists.iter().any(|list| list.value_length(i) != length) {
            return internal_err!("the lists of a state differ in length");
        }
        for entry in 0..length as usize {
            for (place, list) in places.iter_mut().zip(lists) {
                *place = list.value_offsets()[i] as usize + entry;
            }
            each(i, &places);
        }
    }
    Ok(())
}
