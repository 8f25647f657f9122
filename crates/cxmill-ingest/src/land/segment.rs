//! Accepted rows that wait for their flush, numbered in order of arrival, and for each event date the rows that belong to it.
//!
//! A segment is filled block by block. Once it is full it is sealed: its blocks become one array a column, so that rows of any
//! order are then gathered from one place. That moves every byte once, in order, which is cheap; gathering straight from many
//! blocks would look up the block of every value.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef};
use arrow::compute::concat;

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

    /// Makes one array a column of all blocks.
    pub(crate) fn seal(self) -> Result<Sealed, IngestError> {
        let rows = self.rows as usize;
        let mut sealed = Sealed::default();
        let mut blocks: Vec<Vec<ArrayRef>> = Vec::with_capacity(self.held.len());
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
            blocks.push(batch.into_parts().1);
        }
        // From the last column to the first, each one's blocks let go as soon as they are joined.
        for _ in 0..blocks.first().map_or(0, Vec::len) {
            let parts: Vec<ArrayRef> = blocks.iter_mut().filter_map(Vec::pop).collect();
            sealed.columns.push(joined(parts)?);
        }
        sealed.columns.reverse();
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

fn joined(mut parts: Vec<ArrayRef>) -> Result<ArrayRef, IngestError> {
    if parts.len() == 1
        && let Some(only) = parts.pop()
    {
        return Ok(only);
    }
    let arrays: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    concat(&arrays).map_err(|error| IngestError::Bug(format!("joining the blocks of a segment: {error}")))
}

/// All rows of a segment, column by column.
#[derive(Debug, Default)]
pub(crate) struct Sealed {
    /// Declared columns.
    pub(crate) columns: Vec<ArrayRef>,
    /// Line and offset of each row in its file; empty where the source has no unique key, like the two after them.
    pub(crate) lines: Vec<u64>,
    pub(crate) offsets: Vec<u64>,
    pub(crate) keys: Vec<u128>,
    pub(crate) hashes: Vec<i64>,
    /// First row of each block, and the number of its file in the request.
    origins: Vec<(u32, usize)>,
}

impl Sealed {
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
