//! Rows as a multiset: each distinct row with how often it came. The state of every fit.
//!
//! Ten million customers in weeks are some hundred thousand distinct rows, so this is what makes a fit cheap, and it is exact:
//! a fit sees the same whatever the order, the split or the batches of the rows were. Its columns are one list for each part
//! of a row and one for the counts, in rising order.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Array, Int64Array, ListArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::cast::{as_float64_array, as_int64_array, as_list_array};
use datafusion::common::{HashMap, Result, internal_err};

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
    pub(crate) fn add(&mut self, row: Row<K>) {
        self.add_many(row, 1);
    }

    #[inline]
    pub(crate) fn add_many(&mut self, row: Row<K>, count: i64) {
        let total = self.counts.entry(row.map(f64::to_bits)).or_insert(0);
        *total = total.saturating_add(count);
    }

    /// Undoes [`Multiset::add`].
    pub(crate) fn remove(&mut self, row: Row<K>) {
        let key = row.map(f64::to_bits);
        if let Some(total) = self.counts.get_mut(&key) {
            *total -= 1;
            if *total <= 0 {
                self.counts.remove(&key);
            }
        }
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

    /// Bytes on the heap.
    pub(crate) fn size(&self) -> usize {
        // A key, a count and a control byte a slot; hashbrown fills seven slots of eight.
        self.counts.capacity() * 8 / 7 * (size_of::<([u64; K], i64)>() + 1)
    }

    /// State columns: a list for each part of a row, and one of counts; a list each multiset.
    pub(crate) fn columns<'a>(sets: impl Iterator<Item = &'a Self>) -> Result<Vec<ArrayRef>> {
        let mut ends = vec![0_i32];
        let mut parts: [Vec<f64>; K] = std::array::from_fn(|_| Vec::new());
        let mut counts = Vec::new();
        for set in sets {
            for (row, count) in set.sorted() {
                for (part, value) in parts.iter_mut().zip(row) {
                    part.push(value);
                }
                counts.push(count);
            }
            let Ok(end) = i32::try_from(counts.len()) else {
                return internal_err!("a state of more than 2,147,483,647 distinct rows in one batch");
            };
            ends.push(end);
        }
        let offsets = OffsetBuffer::new(ends.into());
        let list = |data_type, values| -> Result<ArrayRef> {
            Ok(Arc::new(ListArray::try_new(
                Arc::new(Field::new_list_field(data_type, true)),
                offsets.clone(),
                values,
                None,
            )?))
        };
        let mut columns = parts
            .into_iter()
            .map(|part| list(DataType::Float64, Arc::new(Float64Array::from(part))))
            .collect::<Result<Vec<_>>>()?;
        columns.push(list(DataType::Int64, Arc::new(Int64Array::from(counts)))?);
        Ok(columns)
    }

    /// State columns of multisets of one row each, none where `counted` says no.
    pub(crate) fn columns_of_rows(rows: &[Row<K>], counted: Option<&NullBuffer>) -> Result<Vec<ArrayRef>> {
        let sets: Vec<Self> = (0..rows.len())
            .map(|i| {
                let mut set = Self::default();
                if counted.is_none_or(|counted| counted.is_valid(i)) {
                    set.add(rows[i]);
                }
                set
            })
            .collect();
        Self::columns(sets.iter())
    }

    /// Hands every row of the state columns on, with the place of its multiset and its count. NULL is an empty multiset.
    pub(crate) fn read(columns: &[ArrayRef], mut each: impl FnMut(usize, Row<K>, i64)) -> Result<()> {
        let [parts @ .., counts] = columns else { return internal_err!("a state of no columns") };
        let lists = parts.iter().map(|part| as_list_array(part)).collect::<Result<Vec<_>>>()?;
        let counts = as_list_array(counts)?;
        let values = lists.iter().map(|list| as_float64_array(list.values())).collect::<Result<Vec<_>>>()?;
        let Ok(values) = <[&Float64Array; K]>::try_from(values) else {
            return internal_err!("a state of {} columns where {} are due", columns.len(), K + 1);
        };
        let count_values = as_int64_array(counts.values())?;
        for i in (0..counts.len()).filter(|i| counts.is_valid(*i) && lists.iter().all(|list| list.is_valid(*i))) {
            let len = counts.value_length(i);
            if lists.iter().any(|list| list.value_length(i) != len) {
                return internal_err!("the lists of a state differ in length");
            }
            let first = |list: &ListArray| list.value_offsets()[i] as usize;
            for at in 0..len as usize {
                let row = std::array::from_fn(|k| values[k].value(first(lists[k]) + at));
                each(i, row, count_values.value(first(counts) + at));
            }
        }
        Ok(())
    }
}

/// The type of a state column of doubles, and of the column of counts.
pub(crate) fn list_of(data_type: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(data_type, true)))
}

#[cfg(test)]
mod tests {
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
        let columns = Multiset::columns(sets.iter()).unwrap();
        for (from, len) in [(0, 4), (1, 2), (2, 2)] {
            let sliced: Vec<ArrayRef> = columns.iter().map(|column| column.slice(from, len)).collect();
            let mut read = vec![Multiset::<3>::default(); len];
            Multiset::read(&sliced, |i, row, count| read[i].add_many(row, count)).unwrap();
            for i in 0..len {
                assert_eq!(read[i].sorted(), sets[from + i].sorted());
            }
        }
    }
}
