//! How many answers fell into each of a few classes.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Array, Int64Array};
use datafusion::common::Result;
use datafusion::common::cast::{as_float64_array, as_int64_array};

use crate::tally::{Cell, Rows, for_each_counted, merge_read};

/// Rows whose classes are counted in bytes before the sums are widened; fewer than a byte can count.
const COUNTED_IN_BYTES: usize = 240;

/// Answers in each of `K` classes; a row is the number of its class, below `K`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts<const K: usize>(pub(crate) [i64; K]);

impl<const K: usize> Default for Counts<K> {
    fn default() -> Self {
        Self([0; K])
    }
}

impl<const K: usize> Cell for Counts<K> {
    type Row = u8;

    #[inline]
    fn add(&mut self, row: u8) {
        self.0[usize::from(row)] += 1;
    }

    #[inline]
    fn remove(&mut self, row: u8) {
        self.0[usize::from(row)] -= 1;
    }

    #[inline]
    fn merge(&mut self, other: &Self) {
        for (own, others) in self.0.iter_mut().zip(other.0) {
            *own = own.saturating_add(others);
        }
    }

    fn add_all(&mut self, rows: &Rows<u8>) {
        if rows.counted.is_some() {
            return for_each_counted(rows, |_, row| self.add(row));
        }
        // One comparison a class for many rows at a time, where adding row by row waits for the count before.
        for chunk in rows.values.chunks(COUNTED_IN_BYTES) {
            for (class, count) in self.0.iter_mut().enumerate() {
                *count += i64::from(chunk.iter().map(|row| u8::from(usize::from(*row) == class)).sum::<u8>());
            }
        }
    }

    fn columns(cells: &[Self]) -> Vec<ArrayRef> {
        (0..K).map(|class| bigints(cells.iter().map(|cell| cell.0[class]))).collect()
    }

    fn columns_of_rows(rows: &Rows<u8>) -> Vec<ArrayRef> {
        let column = |class: usize| -> ArrayRef {
            let is_class = |row: &u8| usize::from(*row) == class;
            match &rows.counted {
                None => bigints(rows.values.iter().map(|row| i64::from(is_class(row)))),
                Some(counted) => {
                    bigints(rows.values.iter().zip(counted).map(|(row, counts)| i64::from(counts && is_class(row))))
                }
            }
        };
        (0..K).map(column).collect()
    }

    fn merge_columns(columns: &[ArrayRef], cells: &mut [Self], cell_of: impl Fn(usize) -> usize) -> Result<()> {
        let counts = columns.iter().map(|column| as_int64_array(column)).collect::<Result<Vec<_>>>()?;
        if counts.len() != K || counts.iter().any(|column| column.null_count() > 0) {
            return merge_read(columns, cells, cell_of);
        }
        // Straight from the columns: cells of their own would have to be written and read once more.
        let counts: [&[i64]; K] = std::array::from_fn(|class| &counts[class].values()[..]);
        for i in 0..counts.first().map_or(0, |first| first.len()) {
            let cell = &mut cells[cell_of(i)];
            for (own, others) in cell.0.iter_mut().zip(&counts) {
                *own = own.saturating_add(others[i]);
            }
        }
        Ok(())
    }

    fn read(columns: &[ArrayRef]) -> Result<Vec<Self>> {
        let mut cells = vec![Self::default(); columns.first().map_or(0, |column| column.len())];
        for (class, column) in columns.iter().enumerate().take(K) {
            read_bigints(column, &mut cells, |cell, count| cell.0[class] = count)?;
        }
        Ok(cells)
    }
}

pub(crate) fn bigints(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

/// Hands each value that is not NULL to its cell.
pub(crate) fn read_bigints<C>(column: &ArrayRef, cells: &mut [C], mut set: impl FnMut(&mut C, i64)) -> Result<()> {
    let column = as_int64_array(column)?;
    for (cell, value) in cells.iter_mut().zip(column.iter()) {
        if let Some(value) = value {
            set(cell, value);
        }
    }
    Ok(())
}

pub(crate) fn doubles(values: impl Iterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

/// Hands each value that is not NULL to its cell.
pub(crate) fn read_doubles<C>(column: &ArrayRef, cells: &mut [C], mut set: impl FnMut(&mut C, f64)) -> Result<()> {
    let column = as_float64_array(column)?;
    for (cell, value) in cells.iter_mut().zip(column.iter()) {
        if let Some(value) = value {
            set(cell, value);
        }
    }
    Ok(())
}
