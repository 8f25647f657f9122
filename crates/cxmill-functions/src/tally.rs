//! Aggregates whose state is a few numbers per group.
//!
//! ```text
//!  argument columns ──Metric::rows──▶ one small value a row ──Cell::add──▶ one cell a group ──Metric::finish──▶ result
//!                                                                         │        ▲
//!                                                               Cell::columns   Cell::read
//!                                                                         ▼        │
//!                                                               state: plain bigint and double columns
//! ```
//! A function says what its cell is, how a row changes it and how a cell becomes a result. The row accumulator and the
//! groups accumulator are both made here from those, so they keep the same state and cannot drift apart. That matters for
//! state that is persisted: it may be written by one kind and read by the other.

use std::fmt::Debug;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

/// The partial aggregate of one group.
pub(crate) trait Cell: Copy + Default + Debug + Send + Sync + 'static {
    /// What one row adds.
    type Row: Copy;

    fn add(&mut self, row: Self::Row);

    /// Undoes [`Cell::add`] of a row that left a sliding window.
    fn remove(&mut self, row: Self::Row);

    fn merge(&mut self, other: &Self);

    /// Adds every row that counts.
    fn add_all(&mut self, rows: &Rows<Self::Row>) {
        for_each_counted(rows, |_, row| self.add(row));
    }

    /// State columns, a row for each cell, without NULL.
    fn columns(cells: &[Self]) -> Vec<ArrayRef>;

    /// State columns of cells that have counted one row each.
    fn columns_of_rows(rows: &Rows<Self::Row>) -> Vec<ArrayRef> {
        let mut cells = vec![Self::default(); rows.values.len()];
        for_each_counted(rows, |i, row| cells[i].add(row));
        Self::columns(&cells)
    }

    /// The cells of state columns. NULL reads as nothing counted, so that a state may pass through an outer join.
    fn read(columns: &[ArrayRef]) -> Result<Vec<Self>>;

    /// Merges state columns: row `i` into the cell of number `cell_of(i)`.
    fn merge_columns(columns: &[ArrayRef], cells: &mut [Self], cell_of: impl Fn(usize) -> usize) -> Result<()> {
        merge_read(columns, cells, cell_of)
    }
}

/// Merges states that are read as cells first.
pub(crate) fn merge_read<C: Cell>(
    columns: &[ArrayRef],
    cells: &mut [C],
    cell_of: impl Fn(usize) -> usize,
) -> Result<()> {
    for (i, other) in C::read(columns)?.iter().enumerate() {
        cells[cell_of(i)].merge(other);
    }
    Ok(())
}

/// The rows of a batch as a cell takes them.
#[derive(Debug)]
pub(crate) struct Rows<R> {
    /// One for each row of the batch; without meaning where `counted` says no.
    pub(crate) values: Vec<R>,
    /// Rows that count; `None`: all.
    pub(crate) counted: Option<NullBuffer>,
}

/// A function with its parameters bound.
pub(crate) trait Metric: Debug + Send + Sync + 'static {
    type Cell: Cell;

    /// Reads the arguments. Rows that `counted` excludes must not raise errors, whatever they hold.
    fn rows(&self, arguments: &[ArrayRef], counted: Option<NullBuffer>) -> Result<Rows<RowOf<Self>>>;

    /// Results, one for each cell.
    fn finish(&self, cells: &[Self::Cell]) -> Result<ArrayRef>;
}

pub(crate) type RowOf<M> = <<M as Metric>::Cell as Cell>::Row;

/// A metric ready to count, of whatever cell.
pub(crate) trait Tally {
    fn row_accumulator(self: Box<Self>) -> Box<dyn Accumulator>;
    fn groups_accumulator(self: Box<Self>) -> Box<dyn GroupsAccumulator>;
}

impl<M: Metric> Tally for M {
    fn row_accumulator(self: Box<Self>) -> Box<dyn Accumulator> {
        Box::new(OneCell { metric: *self, cell: M::Cell::default() })
    }

    fn groups_accumulator(self: Box<Self>) -> Box<dyn GroupsAccumulator> {
        Box::new(GroupCells { metric: *self, cells: Vec::new() })
    }
}

#[derive(Debug)]
struct OneCell<M: Metric> {
    metric: M,
    cell: M::Cell,
}

impl<M: Metric> Accumulator for OneCell<M> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.cell.add_all(&self.metric.rows(values, None)?);
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = self.metric.rows(values, None)?;
        for_each_counted(&rows, |_, row| self.cell.remove(row));
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        M::Cell::merge_columns(states, std::slice::from_mut(&mut self.cell), |_| 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        M::Cell::columns(&[self.cell]).iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&self.metric.finish(&[self.cell])?, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

#[derive(Debug)]
struct GroupCells<M: Metric> {
    metric: M,
    /// Indexed by group.
    cells: Vec<M::Cell>,
}

impl<M: Metric> GroupsAccumulator for GroupCells<M> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.cells.resize(total_num_groups, M::Cell::default());
        let rows = self.metric.rows(values, opt_filter.map(passing))?;
        same_length(rows.values.len(), group_indices.len())?;
        for_each_counted(&rows, |i, row| self.cells[group_indices[i]].add(row));
        Ok(())
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.cells.resize(total_num_groups, M::Cell::default());
        same_length(values.first().map_or(0, |column| column.len()), group_indices.len())?;
        M::Cell::merge_columns(values, &mut self.cells, |row| group_indices[row])
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(M::Cell::columns(&emit_to.take_needed(&mut self.cells)))
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.metric.finish(&emit_to.take_needed(&mut self.cells))
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        Ok(M::Cell::columns_of_rows(&self.metric.rows(values, opt_filter.map(passing))?))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.cells.capacity() * size_of::<M::Cell>()
    }
}

#[inline]
pub(crate) fn for_each_counted<R: Copy>(rows: &Rows<R>, mut apply: impl FnMut(usize, R)) {
    match &rows.counted {
        None => rows.values.iter().enumerate().for_each(|(i, &row)| apply(i, row)),
        Some(counted) => counted.valid_indices().for_each(|i| apply(i, rows.values[i])),
    }
}

/// Rows for which a `FILTER (WHERE …)` condition is true; NULL is not true.
pub(crate) fn passing(filter: &BooleanArray) -> NullBuffer {
    let passes = NullBuffer::new(filter.values().clone());
    NullBuffer::union(Some(&passes), filter.nulls()).unwrap_or(passes)
}

pub(crate) fn same_length(rows: usize, group_indices: usize) -> Result<()> {
    if rows == group_indices { Ok(()) } else { internal_err!("{rows} rows came with {group_indices} group indices") }
}
