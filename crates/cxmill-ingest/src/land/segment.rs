//! Accepted rows that wait for their flush, numbered in order of arrival, and for each event date the rows that belong to it.
//!
//! A segment is filled block by block and its blocks stay as they were decoded: rows of any order are gathered straight from
//! them. Making one array a column of them first would move every byte once more.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::{concat, interleave};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use super::prepare::PreparedRows;
use crate::error::IngestError;

/// Rows in order of arrival, by event date.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    /// Blocks as they were decoded, each with the number of its file in the request.
    held: Vec<(usize, PreparedRows)>,
    rows: u32,
    /// Rows by event date (days since 1970-01-01), in order of arrival.
    pub(crate) dates: BTreeMap<i32, Vec<u32>>,
    /// Bytes of memory that the segment takes.
    pub(crate) bytes: u64,
}

impl Segment {
    pub(crate) fn push(&mut self, file: usize, mut rows: PreparedRows) {
        if rows.batch.num_rows() == 0 {
            return;
        }
        self.bytes += rows.bytes();
        let dates = std::mem::take(&mut rows.dates);
        for run in dates.chunk_by(|a, b| a == b) {
            // A segment takes at most a gibibyte and a block more, and each row some bytes of it.
            let end = self.rows.saturating_add(u32::try_from(run.len()).unwrap_or(u32::MAX));
            if let Some(date) = run.first() {
                self.dates.entry(*date).or_default().extend(self.rows..end);
            }
            self.rows = end;
        }
        self.held.push((file, rows));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Numbers the rows of all blocks through; `event_time` is the column that rows are sorted by.
    pub(crate) fn seal(self, event_time: Option<usize>) -> Result<Sealed, IngestError> {
        let rows = self.rows as usize;
        let mut sealed = Sealed::default();
        let mut first = 0;
        for (file, prepared) in self.held {
            let PreparedRows { batch, lines, offsets, keys, hashes, .. } = prepared;
            sealed.origins.push((first, file));
            first += u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
            for (all, some) in [(&mut sealed.lines, lines), (&mut sealed.offsets, offsets)] {
                append(all, some, rows);
            }
            append(&mut sealed.keys, keys, rows);
            append(&mut sealed.hashes, hashes, rows);
            sealed.blocks.push(batch.into_parts().1);
        }
        if let Some(column) = event_time {
            let times: Vec<&dyn Array> = sealed.parts(column).collect();
            let joined = concat(&times).map_err(|error| IngestError::Bug(format!("joining event times: {error}")))?;
            sealed.times = Some(joined);
        }
        Ok(sealed)
    }
}

/// Appends values, with room for all rows from the beginning.
fn append<T>(all: &mut Vec<T>, some: Vec<T>, rows: usize) {
    if !some.is_empty() {
        all.reserve_exact(rows - all.len());
        all.extend(some);
    }
}

/// All rows of a segment.
#[derive(Debug, Default)]
pub(crate) struct Sealed {
    /// Declared columns of each block.
    blocks: Vec<Vec<ArrayRef>>,
    /// Event time of each row, where rows have one.
    pub(crate) times: Option<ArrayRef>,
    /// Line and offset of each row in its file; empty where the source has no unique key, like the two after them.
    pub(crate) lines: Vec<u64>,
    pub(crate) offsets: Vec<u64>,
    pub(crate) keys: Vec<u128>,
    pub(crate) hashes: Vec<i64>,
    /// First row of each block, and the number of its file in the request.
    origins: Vec<(u32, usize)>,
}

/// Where rows lie: the number of the block and of the row in it.
#[derive(Debug)]
pub(crate) struct Places(Vec<(usize, usize)>);

impl Sealed {
    /// Where these rows lie.
    pub(crate) fn places(&self, rows: impl Iterator<Item = u32>) -> Places {
        Places(rows.map(|row| self.place(row)).collect())
    }

    fn place(&self, row: u32) -> (usize, usize) {
        let block = self.origins.partition_point(|(first, _)| *first <= row).saturating_sub(1);
        let first = self.origins.get(block).map_or(0, |(first, _)| *first);
        (block, (row - first) as usize)
    }

    /// Declared columns, each with these rows in this order.
    pub(crate) fn gather(&self, places: &Places) -> Result<Vec<ArrayRef>, ArrowError> {
        let columns = self.blocks.first().map_or(0, Vec::len);
        (0..columns).map(|column| gather(&self.parts(column).collect::<Vec<_>>(), &places.0)).collect()
    }

    /// The declared columns that a row lies in, and its number in them.
    pub(crate) fn row(&self, row: u32) -> (&[ArrayRef], usize) {
        let (block, row) = self.place(row);
        (self.blocks.get(block).map_or(&[], Vec::as_slice), row)
    }

    /// The parts of a column, block by block.
    fn parts(&self, column: usize) -> impl Iterator<Item = &dyn Array> {
        self.blocks.iter().filter_map(move |block| block.get(column)).map(AsRef::as_ref)
    }

    /// Number of the file that a row came from.
    pub(crate) fn file(&self, row: u32) -> usize {
        let after = self.origins.partition_point(|(first, _)| *first <= row);
        after.checked_sub(1).and_then(|block| self.origins.get(block)).map_or(0, |(_, file)| *file)
    }

    /// Number of rows by file, of rows in order of arrival.
    pub(crate) fn by_file(&self, mut rows: &[u32]) -> BTreeMap<usize, u64> {
        let mut counts = BTreeMap::new();
        while let Some(first) = rows.first() {
            let after = self.origins.partition_point(|(start, _)| start <= first);
            let next = self.origins.get(after).map_or(u32::MAX, |(start, _)| *start);
            let (block, rest) = rows.split_at(rows.partition_point(|row| *row < next));
            *counts.entry(self.file(*first)).or_default() += block.len() as u64;
            rows = rest;
        }
        counts
    }
}

fn gather(parts: &[&dyn Array], places: &[(usize, usize)]) -> Result<ArrayRef, ArrowError> {
    if !parts.iter().all(|part| *part.data_type() == DataType::Boolean) {
        return interleave(parts, places);
    }
    // The library gathers bits one run of rows after the other, and here every row is a run.
    let parts: Vec<&BooleanArray> = parts.iter().map(|part| part.as_boolean()).collect();
    let bit = |of: fn(&BooleanArray, usize) -> bool| {
        BooleanBuffer::collect_bool(places.len(), |i| {
            let (block, row) = places[i];
            of(parts[block], row)
        })
    };
    let nulls =
        parts.iter().any(|part| part.null_count() > 0).then(|| NullBuffer::new(bit(|part, row| part.is_valid(row))));
    Ok(std::sync::Arc::new(BooleanArray::new(bit(BooleanArray::value), nulls)))
}
