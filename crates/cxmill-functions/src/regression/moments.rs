//! What a linear model keeps of its rows: their number, and the sums of its columns and of the products of each two.
//!
//! The sums are pairs of doubles, so they do not depend on the order of the rows or on how these were split.

use datafusion::arrow::array::{Array, ArrayRef, Float64Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::common::cast::{as_float64_array, as_int64_array, as_struct_array};
use datafusion::common::{Result, exec_err, internal_err};

use crate::collect::{Collector, Groups};
use crate::lists::{Lists, end_of, lists_of};
use crate::regression::least_squares::{Sums, pair};
use crate::regression::linear_model::Table;
use crate::sum::Sum;
use crate::survey::counts::{bigints, doubles};

/// Numbers are taken up to this size, so that no sum of products is too large for a double.
const LARGEST: f64 = 1e100;

/// The moments of all groups.
#[derive(Debug)]
pub(crate) struct Moments {
    table: Table,
    /// Rows, by group.
    rows: Vec<i64>,
    /// By group: the sums of the columns, then those of the products.
    sums: Vec<Sum>,
}

impl Moments {
    pub(crate) fn new(table: Table) -> Self {
        Self { table, rows: Vec::new(), sums: Vec::new() }
    }

    /// Sums of a group.
    fn width(&self) -> usize {
        let columns = self.table.columns();
        columns + pair(0, columns)
    }

    /// Hands on each row that counts: its place, and its columns with y as the last.
    fn each_row(
        &mut self,
        arguments: &[ArrayRef],
        counted: Option<NullBuffer>,
        mut take: impl FnMut(&mut Self, usize, &[f64]),
    ) -> Result<()> {
        let [y, drivers, ..] = arguments else {
            return internal_err!("linear_model was called with {} arguments", arguments.len());
        };
        let drivers = as_struct_array(drivers)?;
        let columns: Vec<&Float64Array> =
            drivers.columns().iter().chain([y]).map(|column| as_float64_array(column)).collect::<Result<_>>()?;
        let counted = NullBuffer::union(counted.as_ref(), drivers.nulls());
        let counted =
            columns.iter().fold(counted, |counted, column| NullBuffer::union(counted.as_ref(), column.nulls()));
        let mut row = vec![0.0; columns.len()];
        for i in (0..drivers.len()).filter(|i| counted.as_ref().is_none_or(|counted| counted.is_valid(*i))) {
            for (place, (value, column)) in row.iter_mut().zip(&columns).enumerate() {
                *value = column.value(i);
                let is_taken = value.abs() <= LARGEST;
                if !is_taken {
                    let name = self.table.name(place);
                    return exec_err!("linear_model: {name} is {value}; expected a number from -1e100 to 1e100");
                }
            }
            take(self, i, &row);
        }
        Ok(())
    }

    /// Adds a row to a group, or takes it away, as `by` is 1 or −1.
    fn count(&mut self, group: usize, row: &[f64], by: i64) {
        self.rows[group] += by;
        let sign = if by < 0 { -1.0 } else { 1.0 };
        let width = self.width();
        let sums = &mut self.sums[group * width..(group + 1) * width];
        let (values, products) = sums.split_at_mut(row.len());
        for (j, &value) in row.iter().enumerate() {
            values[j].add(sign * value);
            for (i, &other) in row[..=j].iter().enumerate() {
                products[pair(i, j)].merge(Sum::product(sign * other, value));
            }
        }
    }
}

impl Collector for Moments {
    fn empty(&self) -> Self {
        Self::new(self.table.clone())
    }

    fn grow(&mut self, groups: usize) {
        self.rows.resize(groups, 0);
        self.sums.resize(groups * self.width(), Sum::default());
    }

    fn add(&mut self, arguments: &[ArrayRef], groups: Groups<'_>, counted: Option<NullBuffer>) -> Result<()> {
        self.each_row(arguments, counted, |own, i, row| own.count(groups.of(i), row, 1))
    }

    fn can_remove(&self) -> bool {
        true
    }

    fn remove(&mut self, arguments: &[ArrayRef]) -> Result<()> {
        self.each_row(arguments, None, |own, _, row| own.count(0, row, -1))
    }

    fn merge(&mut self, states: &[ArrayRef], groups: Groups<'_>) -> Result<()> {
        let [rows, sums @ ..] = states else {
            return internal_err!("linear_model: a state of no columns");
        };
        for (row, count) in as_int64_array(rows)?.iter().enumerate() {
            let own = &mut self.rows[groups.of(row)];
            *own = own.saturating_add(count.unwrap_or(0));
        }
        let lists = Lists::read(sums)?;
        let [high, low] = lists.values()[..] else {
            return internal_err!("linear_model: a state of {} columns where 3 are due", states.len());
        };
        let (high, low) = (as_float64_array(high)?.values(), as_float64_array(low)?.values());
        let width = self.width();
        let (mut last, mut place) = (usize::MAX, 0);
        lists.each(|row, at| {
            place = if row == last { place + 1 } else { 0 };
            last = row;
            if place >= width {
                return internal_err!("linear_model: a state of more than {width} sums");
            }
            self.sums[groups.of(row) * width + place].merge(Sum { high: high[at[0]], low: low[at[1]] });
            Ok(())
        })
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let width = self.width();
        let ends = (1..=self.rows.len()).map(|groups| end_of(groups * width)).collect::<Result<_>>()?;
        let parts = [|sum: &Sum| sum.high, |sum: &Sum| sum.low].map(|part| doubles(self.sums.iter().map(part)));
        let mut columns = vec![bigints(self.rows.iter().copied())];
        columns.extend(lists_of(ends, parts.into())?);
        Ok(columns)
    }

    fn results(&mut self) -> Result<ArrayRef> {
        let groups = self.rows.iter().zip(self.sums.chunks_exact(self.width()));
        let columns = self.table.columns();
        self.table.results(groups.map(|(&n, sums)| {
            let (values, products) = sums.split_at(columns);
            Sums { n, values, products }
        }))
    }

    fn take_first(&mut self, groups: usize) -> Self {
        let rows = self.rows.split_off(groups);
        let sums = self.sums.split_off(groups * self.width());
        Self {
            table: self.table.clone(),
            rows: std::mem::replace(&mut self.rows, rows),
            sums: std::mem::replace(&mut self.sums, sums),
        }
    }

    fn heap(&self) -> usize {
        self.rows.capacity() * size_of::<i64>() + self.sums.capacity() * size_of::<Sum>()
    }
}
