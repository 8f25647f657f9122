//! What a decoded block needs before it can wait in a segment; done on the thread that decoded it.

use arrow::array::RecordBatch;
use cxmill_spec::{Source, UniqueWithin};

use super::dates::{Times, event_dates};
use super::keys::hash_rows;
use crate::decode::{Decoded, RawRows, Reject};
use crate::error::IngestError;

/// A block, ready to be appended to a segment.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) rows: PreparedRows,
    pub(crate) rejects: Vec<Reject>,
    /// Rows read.
    pub(crate) read: u64,
    /// Raw records of the rows, until it is decided which are taken. They hold the whole block.
    pub(crate) raw: Option<RawRows>,
}

/// Accepted rows with all that is known of each.
#[derive(Debug)]
pub(crate) struct PreparedRows {
    /// Declared columns.
    pub(crate) batch: RecordBatch,
    /// Where each row stands. What waits in a segment has it for conflicts: then it is empty where there is no unique key.
    pub(crate) lines: Vec<u64>,
    pub(crate) offsets: Vec<u64>,
    /// Event dates in days since 1970-01-01.
    pub(crate) dates: Vec<i32>,
    /// Hash of the unique key; empty where the source has none.
    pub(crate) keys: Vec<u128>,
    /// Hash of all declared columns; empty where the source has no unique key.
    pub(crate) hashes: Vec<i64>,
}

/// The event date that all undated rows share: 1970-01-01.
const UNDATED: i32 = 0;

/// Bytes that are kept for a row besides its columns: its place in the date's list and in the order by time.
const ROW_BYTES: u64 = 24;
/// What a unique key adds: line, offset, key, hash, and the row's share of the table of keys.
const KEYED_ROW_BYTES: u64 = 80;

impl PreparedRows {
    /// Bytes of memory that these rows take until they are written.
    pub(crate) fn bytes(&self) -> u64 {
        // Buffers as they were allocated: builders leave some room, and columns taken from a file may be parts of larger ones.
        let columns: usize = self.batch.columns().iter().map(|column| column.get_array_memory_size()).sum();
        let keyed = if self.keys.is_empty() { 0 } else { KEYED_ROW_BYTES };
        columns as u64 + self.batch.num_rows() as u64 * (ROW_BYTES + keyed)
    }
}

/// Which columns matter for landing.
#[derive(Debug)]
pub(crate) struct Preparer {
    zone: chrono_tz::Tz,
    /// Position of the event time; `None` where rows are undated.
    pub(crate) event_time: Option<usize>,
    /// Positions of the unique key's columns.
    pub(crate) key: Vec<usize>,
    /// Position of the column in which two rows may differ that are the same otherwise: the event time, where rows of other
    /// dates are looked at. A row that is sent again then often has another time.
    beside: Option<usize>,
}

impl Preparer {
    pub(crate) fn new(source: &Source) -> Result<Self, IngestError> {
        let position = |name: &str| {
            let column = source.columns.iter().position(|column| column.name == name);
            column.ok_or_else(|| IngestError::Bug(format!("source {} does not declare {name}", source.name)))
        };
        let key = source.unique_key.iter().map(|name| position(name)).collect::<Result<_, _>>()?;
        let event_time = source.event_time.as_deref().map(position).transpose()?;
        let beside = event_time.filter(|_| source.unique_within != UniqueWithin::Date);
        Ok(Self { zone: source.time_zone, event_time, key, beside })
    }

    pub(crate) fn prepare(&self, decoded: Decoded) -> Result<Prepared, IngestError> {
        let Decoded { batch, lines, offsets, raw, rejects, rows } = decoded;
        debug_assert_eq!(rows, batch.num_rows() as u64 + rejects.len() as u64, "a block balances");
        let dates = match self.event_time {
            Some(column) => event_dates(&Times::of(batch.column(column))?, self.zone)?,
            None => vec![UNDATED; batch.num_rows()],
        };
        let (keys, hashes) =
            if self.key.is_empty() { Default::default() } else { hash_rows(&batch, &self.key, self.beside)? };
        let kept = PreparedRows { batch, lines, offsets, dates, keys, hashes };
        Ok(Prepared { rows: kept, rejects, read: rows, raw: Some(raw) })
    }
}
