//! How many answers fell into each of a few classes.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Array, Int64Array};
use datafusion::common::Result;
use datafusion::common::cast::{as_float64_array, as_int64_array};

use crate::tally::Cell;

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

    fn columns(cells: &[Self]) -> Vec<ArrayRef> {
        (0..K).map(|class| bigints(cells.iter().map(|cell| cell.0[class]))).collect()
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
