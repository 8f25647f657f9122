//! Records of the ledger, as they stand on disk, and the ids in them.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::{AddAssign, SubAssign};

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::logs;
use crate::paths::{self, ObjectName};

/// Number of a commit. The first commit has epoch 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    /// Twenty digits, so that names sort as numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}", self.0)
    }
}

/// Random id of one run, in every name the run makes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Version of the records this crate writes: commits, the logs and manifests they name, `_cxmill.json`.
pub const FORMAT: u32 = 4;

/// One commit: everything a reader or the next run needs to know, by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    /// Version of this record's format.
    pub format: u32,
    /// Its number.
    pub epoch: Epoch,
    /// The run that made it.
    pub run: RunId,
    /// When it was made (information only; nothing is decided by it).
    pub committed_at: DateTime<Utc>,
    /// The logical time of the last run that built models.
    pub as_of: Option<DateTime<Utc>>,
    /// Sources by name.
    pub sources: BTreeMap<String, SourceState>,
    /// Models by name.
    pub models: BTreeMap<String, ModelState>,
    /// Models that the last run which tried could not bring up to date, with the reason: what stands of them is older.
    pub withheld: BTreeMap<String, Withheld>,
    /// Models whose states are being built anew, batch by batch. What stands published of them stays until that is done.
    pub rebuilds: BTreeMap<String, Rebuild>,
}

/// Why a model is withheld.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// The reason: the check that failed, the model before it, what its query ran into.
    pub why: String,
    /// The as-of of the run that withheld it.
    pub as_of: Option<DateTime<Utc>>,
}

impl Commit {
    /// Every object the record names itself. Landed files are named by the manifests among them.
    pub(crate) fn named(&self) -> impl Iterator<Item = &ObjectName> {
        let sources = self.sources.values().flat_map(|source| {
            let quarantine = source.quarantine.iter().map(|file| &file.name);
            source.file_logs.iter().chain(&source.landed).chain(quarantine)
        });
        let models = self.models.values().flat_map(|model| {
            let states = model.states.iter().map(|state| &state.name);
            model.files.iter().map(|file| &file.result).chain(states)
        });
        let rebuilds = self.rebuilds.values().flat_map(|rebuild| rebuild.states.iter().map(|state| &state.name));
        sources.chain(models).chain(rebuilds)
    }
}

/// Where a source stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SourceState {
    /// Where its files were when they were read last; the paths in the logs are below it.
    pub location: String,
    /// Fingerprint of the contract the rows were landed with.
    pub contract: String,
    /// Fingerprint of the key that private columns were hashed with.
    pub private_key: Option<String>,
    /// Logs of consumed files.
    pub file_logs: Vec<ObjectName>,
    /// Manifests of landed files.
    pub landed: Vec<ObjectName>,
    /// Quarantine files.
    pub quarantine: Vec<QuarantineFile>,
    /// Counts since the first run.
    pub totals: Totals,
    /// Newest event time landed that can be true: no later than a day after its file was put.
    pub newest_event: Option<DateTime<Utc>>,
    /// Newest event time landed of those later than that, where there are such rows.
    pub newest_future: Option<DateTime<Utc>>,
    /// Epoch in which landed rows last changed.
    pub changed_at: Epoch,
    /// Epoch since which rows were only added: in it the source was landed for the first time, or landed rows were dropped to
    /// be read again. What was counted of it before holds rows that are no longer there.
    pub added_since: Epoch,
    /// Whether each landed row tells the raw file that it came from.
    #[serde(default)]
    pub traced: bool,
    /// For each event date of which rows were dropped or replaced since then, the epoch in which that happened last: what was
    /// counted of such a date before may hold rows that are no longer there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped_on: BTreeMap<NaiveDate, Epoch>,
}

/// Row and file counts. `read = accepted + quarantined + duplicate` always holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Files consumed.
    pub files: u64,
    /// Bytes of those files as stored.
    pub bytes: u64,
    /// Rows read.
    pub read: u64,
    /// Rows landed.
    pub accepted: u64,
    /// Rows in quarantine.
    pub quarantined: u64,
    /// Rows dropped as duplicates.
    pub duplicate: u64,
}

impl SubAssign for Totals {
    /// Takes out what was counted before.
    fn sub_assign(&mut self, other: Self) {
        self.files -= other.files;
        self.bytes -= other.bytes;
        self.read -= other.read;
        self.accepted -= other.accepted;
        self.quarantined -= other.quarantined;
        self.duplicate -= other.duplicate;
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.read += other.read;
        self.accepted += other.accepted;
        self.quarantined += other.quarantined;
        self.duplicate += other.duplicate;
    }
}

/// One quarantine file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineFile {
    /// Its name.
    pub name: ObjectName,
    /// Rows in it.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
}

/// One consumed file, a line of a file log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumedFile {
    /// Path below the source's location.
    pub path: String,
    /// Identity: etag, or size and modification time where a store has no etag.
    pub identity: String,
    /// Bytes as stored.
    pub bytes: u64,
    /// Rows read.
    pub read: u64,
    /// Rows landed.
    pub accepted: u64,
    /// Rows in quarantine.
    pub quarantined: u64,
    /// Duplicates dropped.
    pub duplicate: u64,
    /// Epoch it was consumed in.
    pub epoch: Epoch,
    /// Epoch in which rows of it were fed back from quarantine last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed: Option<Epoch>,
    /// Where landed rows tell their file: the newest event time among its rows that can be true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_event: Option<DateTime<Utc>>,
    /// The newest of those later than that, where there are such rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_future: Option<DateTime<Utc>>,
}

/// One landed file, an entry of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LandedFile {
    /// Its name.
    pub name: ObjectName,
    /// Event date of all its rows, in the source's time zone.
    pub date: NaiveDate,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
}

impl LandedFile {
    /// Epoch that the run which landed it wanted to commit; the `changed_at` of its source was the same then. Files of one
    /// source that are landed later have a later one. None where the name was not made by cxmill.
    #[must_use]
    pub fn epoch(&self) -> Option<Epoch> {
        paths::epoch_of(self.name.as_str())
    }
}

/// Where a model stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelState {
    /// Fingerprint of SQL, upstream fingerprints, functions and layout.
    pub fingerprint: String,
    /// Strategy it was built with.
    pub strategy: String,
    /// For each source and each built model it reads (views looked through): the `changed_at` it has seen.
    pub position: BTreeMap<String, Epoch>,
    /// The as-of it was built with, where its SQL (or an upstream model's) reads it.
    pub as_of: Option<DateTime<Utc>>,
    /// What its checks were judged with when they held last.
    pub judged: Judged,
    /// Rows published.
    pub rows: u64,
    /// Epoch in which published rows last changed.
    pub changed_at: Epoch,
    /// Columns as published.
    pub schema: Vec<FieldState>,
    /// Files, sorted by published name.
    pub files: Vec<PublishedFile>,
    /// The newest epoch of files that were dropped from this list: who has seen an older one cannot tell from the files that are
    /// left which partitions lost their rows.
    #[serde(default)]
    pub forgotten: Epoch,
    /// Kept states, sorted by partition; none unless the strategy keeps them. They hold all rows up to the position.
    pub states: Vec<StateFile>,
    /// When the project ceased to publish it: its table stands a while longer, for readers that have listed its folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<DateTime<Utc>>,
}

/// Kept states of a model: one object for each partition of its output, or one for all where states cannot be cut as the output is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateFile {
    /// Published name of the file that shows these groups, as in `month=2026-01/part-0.parquet`.
    pub partition: String,
    /// The object under the state root.
    pub name: ObjectName,
    /// Groups in it.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
}

/// A model whose states are being built anew from landed rows, as far as that has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebuild {
    /// Fingerprint of the model that is built. The rebuild of another one is of no use.
    pub fingerprint: String,
    /// All rows that landed up to this epoch are in the states; none at first.
    pub after: Option<Epoch>,
    /// Rows that landed up to this epoch are being taken: the `changed_at` of the source when that began.
    pub position: Epoch,
    /// The landed file up to which those rows are in the states, by event date and name; none before the first batch is done.
    pub taken: Option<Taken>,
    /// Batches done.
    pub batches: u64,
    /// Bytes of landed rows in them.
    pub bytes: u64,
    /// States of all rows taken, sorted by partition.
    pub states: Vec<StateFile>,
}

/// The last landed file that a rebuild took.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Taken {
    /// Its event date.
    pub date: NaiveDate,
    /// Its name.
    pub name: ObjectName,
}

/// With what the checks of a model held.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Judged {
    /// Fingerprint of the checks.
    pub checks: String,
    /// The as-of, where a check reads it.
    pub as_of: Option<DateTime<Utc>>,
    /// Those of its checks that only warn and did not hold; unknown of what was judged before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warned: Option<Vec<String>>,
}

/// One published column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldState {
    /// Name.
    pub name: String,
    /// Arrow type as text.
    pub data_type: String,
}

/// One published file and the committed result it is a copy of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedFile {
    /// Name below `<output>/<model>/`, as in `month=2026-01/part-0.parquet`.
    pub published: String,
    /// The committed result under the state root.
    pub result: ObjectName,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// Hash of the rows: equal hashes mean equal rows in equal order.
    pub content: String,
    /// Epoch that made it.
    pub epoch: Epoch,
    /// When it was made, where it has no rows: the partition stays for readers that have listed it, and goes later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emptied_at: Option<DateTime<Utc>>,
}

/// What stands in a model's output folder: `<output>/<model>/_cxmill.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedRecord {
    /// Version of this record's format.
    pub format: u32,
    /// Identity of the state root that publishes here.
    pub ledger: String,
    /// The model.
    pub model: String,
    /// Epoch in which the rows last changed.
    pub epoch: Epoch,
    /// The as-of the rows were built with, where the model's SQL (or an upstream model's) reads it.
    pub as_of: Option<DateTime<Utc>>,
    /// Rows in all files.
    pub rows: u64,
    /// Columns.
    pub schema: Vec<FieldState>,
    /// Files by published name.
    pub files: BTreeMap<String, PublishedObject>,
    /// Published names that stood here once, with their bytes: an object of this name and size that comes back was put
    /// by a stalled runner and is removed again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub removed: BTreeMap<String, u64>,
}

/// One object in a model's output folder, as it was put.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedObject {
    /// Hash of the rows.
    pub content: String,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// Epoch that made it.
    pub epoch: Epoch,
    /// Etag the store gave it, without quotes, where the store has etags.
    pub etag: Option<String>,
}

/// What the ledger knows of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// Never read.
    New,
    /// Read, and unchanged since.
    Read,
    /// Read, and changed since.
    Changed,
}

/// All consumed files of a source, small enough for millions of them.
#[derive(Debug, Clone, Default)]
pub struct KnownFiles {
    /// Hash of the path to hash of the identity.
    pub(crate) files: HashMap<u128, u128>,
}

impl KnownFiles {
    /// Room for so many files, so that growing never holds two tables.
    pub(crate) fn with_capacity(files: usize) -> Self {
        Self { files: HashMap::with_capacity(files) }
    }

    /// Takes in a log; a later line about a path wins.
    pub(crate) fn read(&mut self, log: &[u8]) -> std::io::Result<()> {
        logs::each_line(log, |line| {
            let (path, identity) =
                logs::path_and_identity(line, |path, identity| (xxh3_128(path), xxh3_128(identity)))?;
            self.files.insert(path, identity);
            Ok(())
        })
    }

    /// What is known of a file.
    #[must_use]
    pub fn state(&self, path: &str, identity: &str) -> FileState {
        match self.files.get(&xxh3_128(path.as_bytes())) {
            None => FileState::New,
            Some(known) if *known == xxh3_128(identity.as_bytes()) => FileState::Read,
            Some(_) => FileState::Changed,
        }
    }

    /// Number of files.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether no file was ever read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}
