//! Rows as a multiset: each distinct row with how often it came. The state of every fit.
//!
//! Ten million customers in weeks are some hundred thousand distinct rows, so this is what makes a fit cheap, and it is exact:
//! a fit sees the same whatever the order, the split or the batches of the rows were. Its columns are one list for each part
//! of a row and one for the counts, in rising order.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array};
use datafusion::common::cast::{as_float64_array, as_int64_array, as_list_array};
use datafusion::common::{HashMap, Result, internal_err};

use crate::value::collection::{Collection, for_each_entry, lists_of};

/// A row: `K` doubles, none of them NaN or negative zero.
pub(crate) type Row<const K: usize> = [f64; K];

/// How often each row came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Multiset<const K: usize> {
    /// By bits: a double is no key.
    counts: HashMap<[u64; K], i64>,
}

impl<const K: usize> Multiset<K> {
    #[inline]
    fn add_many(&mut self, row: Row<K>, count: i64) {
        let total = self.counts.entry(row.map(f64::to_bits)).or_insert(0);
        *total = total.saturating_add(count);
    }

    /// Distinct rows with their counts, in rising order.
    pub(crate) fn sorted(&self) -> Vec<(Row<K>, i64)> {
        let mut rows: Vec<_> = self.counts.iter().map(|(key, count)| (key.map(f64::from_bits), *count)).collect();
        // Rows are distinct, so an unstable sort has one outcome.
        rows.sort_unstable_by(|(a, _), (b, _)| {
            a.iter()
                .zip(b)
                .map(|(a, b)| a.total_cmp(b))
                .find(|order| order.is_ne())
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        rows
    }

    /// State columns: a list for each part of a row, and one of counts; a list each multiset.
    fn columns_of(sets: &[Self]) -> Result<Vec<ArrayRef>> {
        let mut lengths = Vec::with_capacity(sets.len());
        let mut parts: [Vec<f64>; K] = std::array::from_fn(|_| Vec::new());
        let mut counts = Vec::new();
        for set in sets {
            for (row, count) in set.sorted() {
                for (part, value) in parts.iter_mut().zip(row) {
                    part.push(value);
                }
                counts.push(count);
            }
            lengths.push(set.counts.len());
        }
        let mut values: Vec<ArrayRef> = Vec::new();
        for part in parts {
            values.push(Arc::new(Float64Array::from(part)));
        }
        values.push(Arc::new(Int64Array::from(counts)));
        lists_of(&lengths, values)
    }

    /// Hands every row of the state columns on, with the place of its multiset and its count. NULL is an empty multiset.
    fn read(columns: &[ArrayRef], mut each: impl FnMut(usize, Row<K>, i64)) -> Result<()> {
        let [parts @ .., counts] = columns else { return internal_err!("a state of no columns") };
        let lists = parts.iter().map(|part| as_list_array(part)).collect::<Result<Vec<_>>>()?;
        let counts = as_list_array(counts)?;
        let values = lists.iter().map(|list| as_float64_array(list.values())).collect::<Result<Vec<_>>>()?;
        let Ok(values) = <[&Float64Array; K]>::try_from(values) else {
            return internal_err!("a state of {} columns where {} are due", columns.len(), K + 1);
        };
        let count_values = as_int64_array(counts.values())?;
        let mut all = lists;
        all.push(counts);
        for_each_entry(&all, |i, at| {
            let row = std::array::from_fn(|k| values[k].value(at[k]));
            each(i, row, count_values.value(at[K]));
        })
    }
}

impl<const K: usize> Collection for Multiset<K> {
    type Row = Row<K>;

    #[inline]
    fn add(&mut self, row: Row<K>) {
        self.add_many(row, 1);
    }

    fn remove(&mut self, row: Row<K>) {
        let key = row.map(f64::to_bits);
        if let Some(total) = self.counts.get_mut(&key) {
            *total -= 1;
            if *total <= 0 {
                self.counts.remove(&key);
            }
        }
    }

    fn columns(sets: &[Self]) -> Result<Vec<ArrayRef>> {
        Self::columns_of(sets)
    }

    fn merge(columns: &[ArrayRef], groups: &mut [Self], group_of: impl Fn(usize) -> usize) -> Result<()> {
        Self::read(columns, |i, row, count| groups[group_of(i)].add_many(row, count))
    }

    fn size(&self) -> usize {
        // A key, a count and a control byte a slot; hashbrown fills seven slots of eight.
        self.counts.capacity() * 8 / 7 * (size_of::<([u64; K], i64)>() + 1)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Array;

    use super::*;

    #[test]
    fn what_is_added_and_removed_leaves_nothing() {
        let mut set = Multiset::<2>::default();
        [[1.0, 2.0], [1.0, 2.0], [0.0, 5.0]].into_iter().for_each(|row| set.add(row));
        assert_eq!(set.sorted(), [([0.0, 5.0], 1), ([1.0, 2.0], 2)]);
        [[1.0, 2.0], [0.0, 5.0], [1.0, 2.0], [7.0, 7.0]].into_iter().for_each(|row| set.remove(row));
        assert!(set.sorted().is_empty());
    }

    #[test]
    fn columns_are_read_back_from_any_slice() {
        let mut sets = vec![Multiset::<3>::default(); 4];
        for i in 0..40 {
            sets[i % 3].add([(i % 7) as f64, (i % 5) as f64, 9.5]);
        }
        let columns = Multiset::columns(&sets).unwrap();
        for (from, len) in [(0, 4), (1, 2), (2, 2)] {
            let sliced: Vec<ArrayRef> = columns.iter().map(|column| column.slice(from, len)).collect();
            let mut read = vec![Multiset::<3>::default(); len];
            Multiset::merge(&sliced, &mut read, |i| i).unwrap();
            for i in 0..len {
                assert_eq!(read[i].sorted(), sets[from + i].sorted());
            }
        }
    }
}
