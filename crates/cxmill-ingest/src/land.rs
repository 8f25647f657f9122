//! One batch of raw files of one source: decode, enforce, deduplicate, land.
//!
//! ```text
//!  file 0 ─ chunks ─ decompress ─ split ─┬─ decode + enforce + hash keys ─┐   in order    ┌ segment ─ per event date:
//!  file 1 ─ …                            └─ decode + enforce + hash keys ─┼──► consumer ──┤  drop duplicates, sort,
//!  (a few files ahead)                     (any thread, any order)        ┘               │  write one Parquet object
//!                                                                                         └ quarantine parts
//! ```
//! The contract:
//!
//! - Rows are taken in the order of `files` and of the records in them, whatever finished first: what is written does not
//!   depend on the number of threads. It does depend on `memory`, which decides where a segment ends.
//! - Memory is bounded by `memory`, not by the size of files or of the batch. The segment that is filled and the one
//!   that is written take a sixth of it each, blocks in flight no more than a third, the rest is left to writers.
//! - A bad row or a damaged object never fails the batch; a store that does not answer always does.
//! - Objects written before an error or a stop are left: nobody reads them, and the ledger collects them.
//!
//! Sorting all rows of a batch on disk first was the alternative: it writes everything twice, and the only gain is fewer
//! objects where a batch is many times larger than memory.

mod balance;
mod chunks;
mod cpu;
mod dates;
mod dedupe;
mod flush;
mod keys;
mod late;
mod limits;
mod newest;
mod pipeline;
mod prepare;
mod probe;
pub(crate) mod quarantine;
pub(crate) mod quarantined;
mod render;
mod segment;
mod sieve;
mod stored;
pub(crate) mod strip;
#[cfg(test)]
mod tests;
mod text;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use cxmill_spec::Source;
use object_store::ObjectStore;
use object_store::path::Path;

use crate::discover::RawFile;
use crate::error::IngestError;
use crate::place::Place;
use crate::private::PrivateKey;

pub(crate) use chunks::{Chunks, Fetcher};
pub use keys::{FILE_COLUMN, KEY_COLUMN, ROW_COLUMN, trace};
pub use late::LATE;
pub(crate) use pipeline::{Outlet, Output, Stop, Work, damage};

/// Live counters of a running ingest, read by whoever shows progress.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes read from the raw store.
    pub bytes: AtomicU64,
    /// Rows read.
    pub rows: AtomicU64,
    /// Files finished.
    pub files: AtomicU64,
    /// The most bytes that rows and blocks in memory took at once, as far as they are counted.
    pub peak: AtomicU64,
    /// Set by the caller to stop the work at the next block.
    pub stop: AtomicBool,
}

/// What to land, with what, and where to.
pub struct LandRequest<'a> {
    /// The source with its contract.
    pub source: &'a Source,
    /// Where its raw files are.
    pub place: &'a Place,
    /// Files of this batch in the order they count as read.
    pub files: &'a [RawFile],
    /// Which records of each of them are taken; empty where all are of all.
    pub records: &'a [Records],
    /// For each file what its rows tell of it, made by [`trace`]; empty where rows do not tell their file.
    pub traces: &'a [u128],
    /// Key for private columns; needed where the contract has one.
    pub private_key: Option<&'a PrivateKey>,
    /// Store of the state root.
    pub state: Arc<dyn ObjectStore>,
    /// Name of the n-th landed object of an event date.
    pub landed_name: &'a (dyn Fn(NaiveDate, usize) -> Path + Send + Sync),
    /// Name of the n-th quarantine object.
    pub quarantine_name: &'a (dyn Fn(usize) -> Path + Send + Sync),
    /// Landed objects of earlier commits by event date, for duplicates across runs.
    pub landed: &'a BTreeMap<NaiveDate, Vec<Path>>,
    /// Epoch the batch will be committed in, written into quarantine rows.
    pub epoch: u64,
    /// Bytes of memory the work may take.
    pub memory: u64,
    /// Worker threads.
    pub threads: usize,
    /// Live counters.
    pub progress: Arc<Progress>,
}

/// Which records of a file are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Records {
    /// All of them.
    All,
    /// Those that begin at these lines (rows of a columnar file), in order: the file was read before, and what is damaged of
    /// it is known.
    At(Arc<[u64]>),
}

impl std::fmt::Debug for LandRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LandRequest").field("source", &self.source.name).field("files", &self.files.len()).finish()
    }
}

/// What a batch became. The caller decides whether it is committed; until then nobody reads what was written.
#[derive(Debug, Default)]
pub struct Landing {
    /// Landed objects.
    pub landed: Vec<LandedPart>,
    /// Quarantine objects.
    pub quarantine: Vec<QuarantinePart>,
    /// One outcome a file, in the order of the request.
    pub files: Vec<FileOutcome>,
    /// For each event date of which rows were landed, the numbers of their files in the request.
    pub dates: BTreeMap<NaiveDate, BTreeSet<usize>>,
    /// Newest event time among accepted rows that can be true: no later than a day after their file was put.
    pub newest_event: Option<DateTime<Utc>>,
    /// Newest event time among accepted rows that cannot, where one is newer than all of its date that can.
    pub newest_future: Option<DateTime<Utc>>,
    /// Objects that were refused as a whole or from some point on, in the order they were read.
    pub damaged: Vec<Reason>,
    /// The first ten reasons of quarantine.
    pub reasons: Vec<Reason>,
    /// Quarantined rows by rule.
    pub by_rule: BTreeMap<String, u64>,
}

/// One landed object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LandedPart {
    /// Path in the state store.
    pub path: Path,
    /// Event date of its rows in the source's time zone.
    pub date: NaiveDate,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
}

/// One quarantine object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinePart {
    /// Path in the state store.
    pub path: Path,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What one file became: `read = accepted + quarantined + duplicate`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileOutcome {
    /// Rows read.
    pub read: u64,
    /// Rows landed.
    pub accepted: u64,
    /// Rows in quarantine (a damaged object counts as one row).
    pub quarantined: u64,
    /// Duplicates dropped.
    pub duplicate: u64,
    /// Where rows tell their file: the newest event time among those landed that can be true.
    pub newest_event: Option<DateTime<Utc>>,
    /// The newest of those later than that, where there are such rows.
    pub newest_future: Option<DateTime<Utc>>,
}

/// Why a row went to quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Object.
    pub object: String,
    /// Line (text formats) or row number, from 1.
    pub line: u64,
    /// Rule that was broken.
    pub rule: String,
    /// What was wrong, without any private value.
    pub message: String,
}

/// Lands one batch.
///
/// # Errors
/// [`IngestError::Store`] where a file cannot be read or an object cannot be written; [`IngestError::Interrupted`] soon
/// after `progress.stop` was set.
pub async fn land(request: LandRequest<'_>) -> Result<Landing, IngestError> {
    let progress = Arc::clone(&request.progress);
    tokio::select! {
        landing = Box::pin(pipeline::run(&request)) => landing,
        () = stopped(&progress) => Err(IngestError::Interrupted),
    }
}

/// Waits until somebody sets the stop flag.
async fn stopped(progress: &Progress) {
    while !progress.stop.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
