//! Accepted rows that wait for their flush: batches as they were decoded, and for each event date the rows that belong to it.

use std::collections::BTreeMap;

use super::prepare::PreparedRows;

/// A row of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowRef {
    /// Number of its batch in the segment.
    pub(crate) batch: u32,
    /// Number of the row in the batch.
    pub(crate) row: u32,
}

/// Rows of one file that were decoded together.
#[derive(Debug)]
pub(crate) struct Held {
    /// Number of the file in the request.
    pub(crate) file: usize,
    pub(crate) rows: PreparedRows,
}

/// Rows in order of arrival, by event date.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    pub(crate) held: Vec<Held>,
    /// Rows by event date (days since 1970-01-01), in order of arrival.
    pub(crate) dates: BTreeMap<i32, Vec<RowRef>>,
    /// Bytes of memory that the segment takes.
    pub(crate) bytes: u64,
}

impl Segment {
    pub(crate) fn push(&mut self, file: usize, mut rows: PreparedRows) {
        if rows.batch.num_rows() == 0 {
            return;
        }
        self.bytes += rows.bytes();
        // A block has at most a few million rows and a segment at most a few million batches.
        let batch = u32::try_from(self.held.len()).unwrap_or(u32::MAX);
        for (row, date) in std::mem::take(&mut rows.dates).into_iter().enumerate() {
            let row = u32::try_from(row).unwrap_or(u32::MAX);
            self.dates.entry(date).or_default().push(RowRef { batch, row });
        }
        self.held.push(Held { file, rows });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub(crate) fn at(&self, row: RowRef) -> (&Held, usize) {
        (&self.held[row.batch as usize], row.row as usize)
    }
}
