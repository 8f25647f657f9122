//! The ledger of one project: open, read, append. Committing, publishing and collecting have their own files.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::TimeDelta;
use futures::TryStreamExt;
use futures::stream::{self, StreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, PutMode, PutPayload};
use rand::TryRngCore;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::decide;
use crate::error::LedgerError;
use crate::lock::Lock;
use crate::logs;
use crate::paths::{self, Names, ObjectName};
use crate::publish::STREAM_ABOVE;
use crate::store::PutOutcome;
use crate::types::{Commit, ConsumedFile, Epoch, FORMAT, KnownFiles, LandedFile, RunId, SourceState};

/// Logs read at a time: enough to hide the latency of a store, few enough to bound memory.
const LOGS_AT_ONCE: usize = 4;

/// Why an object is lost.
pub(crate) const NOT_THERE: &str = "a commit names it and it is not there";

/// A root in an object store.
#[derive(Debug, Clone)]
pub struct OutputRoot {
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// Prefix in it.
    pub prefix: Path,
    /// The same place on local disk, where it is one: files there are synced.
    pub local: Option<PathBuf>,
    /// How to show the root to people.
    pub shown: String,
}

/// How an attempt to commit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitOutcome {
    /// The commit stands.
    Committed,
    /// Another run made this epoch.
    Conflict,
}

/// What publishing did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishReport {
    /// Objects put.
    pub written: u64,
    /// Bytes put.
    pub bytes: u64,
    /// Objects removed.
    pub removed: u64,
    /// Objects that stood already.
    pub unchanged: u64,
    /// Addresses of Parquet files in output folders that cxmill did not put. They are left alone, and a reader's glob
    /// takes them for rows of the model: a person should look.
    pub strangers: Vec<String>,
}

/// The ledger of one project's state root.
#[derive(Debug)]
pub struct Ledger {
    pub(crate) root: OutputRoot,
    /// Identity of the state root; none where the ledger was opened to look only.
    identity: Option<String>,
    /// Held for local roots: then nobody else can commit or publish.
    lock: Option<Lock>,
    /// Random; run ids are made of it.
    seed: u64,
    /// Manifests read so far. They never change, and a run asks for the same ones for each batch and each model.
    manifests: Mutex<HashMap<ObjectName, Arc<[LandedFile]>>>,
    /// Counts what needs a number of its own: runs and logs.
    runs: AtomicU64,
    /// Newest epoch seen so far: listings start there.
    newest_seen: AtomicU64,
    /// Results of more bytes than this are streamed to the output.
    pub(crate) stream_above: u64,
}

/// The record that gives a state root its identity, so that outputs of another project are never taken for ours.
#[derive(Debug, Serialize, Deserialize)]
struct Identity {
    format: u32,
    id: String,
}

impl Ledger {
    /// Opens the ledger for a run. On local disk this takes the one file lock, held until drop.
    ///
    /// # Errors
    /// [`LedgerError::Locked`] where another run holds the lock, [`LedgerError::Store`] where the root cannot be used.
    pub async fn open(root: OutputRoot) -> Result<Self, LedgerError> {
        let lock = root.local.as_deref().map(Lock::take).transpose()?;
        let mut ledger = Self::opened(root)?;
        ledger.lock = lock;
        ledger.identity = Some(ledger.identify().await?);
        Ok(ledger)
    }

    /// Opens the ledger to look only: no lock, nothing is created.
    ///
    /// # Errors
    /// [`LedgerError::Store`] where no random number could be had.
    pub async fn open_read_only(root: OutputRoot) -> Result<Self, LedgerError> {
        futures::future::ready(Self::opened(root)).await
    }

    /// Opens the ledger to look only, while nobody else is at work: on local disk this takes the lock. Creates nothing but the
    /// lock file.
    ///
    /// # Errors
    /// [`LedgerError::Locked`] where a run holds the lock.
    pub async fn open_alone(root: OutputRoot) -> Result<Self, LedgerError> {
        let lock = root.local.as_deref().map(Lock::take).transpose()?;
        Ok(Self { lock, ..Self::open_read_only(root).await? })
    }

    fn opened(root: OutputRoot) -> Result<Self, LedgerError> {
        let seed = rand::rngs::OsRng.try_next_u64().map_err(|source| LedgerError::Store {
            operation: "drawing a run id for",
            place: root.shown.clone(),
            source: object_store::Error::Generic { store: "operating system", source: Box::new(source) },
        })?;
        let (manifests, runs, newest_seen) = (Mutex::default(), AtomicU64::new(0), AtomicU64::new(0));
        Ok(Self { root, identity: None, lock: None, seed, manifests, runs, newest_seen, stream_above: STREAM_ABOVE })
    }

    /// The state root.
    #[must_use]
    pub fn root(&self) -> &OutputRoot {
        &self.root
    }

    /// Reads the identity of the state root, or gives it one.
    async fn identify(&self) -> Result<String, LedgerError> {
        let id = format!("{:016x}", self.draw());
        if let Some(found) = self.read_identity().await? {
            return Ok(found.id);
        }
        let record = Identity { format: FORMAT, id };
        let bytes = to_json(&record, || self.root.address(paths::IDENTITY))?;
        match self.root.put_if(paths::IDENTITY, bytes, PutMode::Create).await? {
            PutOutcome::Put(_) => {
                self.root.sync(vec![paths::IDENTITY.to_owned()]).await?;
                Ok(record.id)
            }
            // Another runner was first, or an answer was lost: what stands is the identity.
            PutOutcome::Refused | PutOutcome::NotOffered => match self.read_identity().await? {
                Some(found) => Ok(found.id),
                None => Err(self.damaged(paths::IDENTITY, "the store refused to create it, yet it is not there")),
            },
        }
    }

    async fn read_identity(&self) -> Result<Option<Identity>, LedgerError> {
        let Some(bytes) = self.root.get(paths::IDENTITY).await? else { return Ok(None) };
        self.parse_record(paths::IDENTITY, &bytes).map(Some)
    }

    /// The newest commit.
    ///
    /// # Errors
    /// [`LedgerError::Record`] where its record is damaged or of a newer format.
    pub async fn latest(&self) -> Result<Option<Commit>, LedgerError> {
        // A second look covers a record that was collected between listing and reading.
        for _ in 0..2 {
            let Some(epoch) = self.newest_epoch().await? else { return Ok(None) };
            if let Some(commit) = self.read_commit(epoch).await? {
                return Ok(Some(commit));
            }
            self.newest_seen.store(0, Ordering::Relaxed);
        }
        Err(self.damaged(paths::COMMITS, "the newest commit was listed and cannot be read"))
    }

    /// Epoch of the newest commit, without reading it.
    ///
    /// # Errors
    /// [`LedgerError::Store`] where the commits cannot be listed.
    pub async fn newest_epoch(&self) -> Result<Option<Epoch>, LedgerError> {
        let floor = self.newest_seen.load(Ordering::Relaxed);
        let after = (floor > 0).then(|| ObjectName::commit(Epoch(floor)));
        let newest = self
            .root
            .stream_after(paths::COMMITS, after.as_ref().map(ObjectName::as_str))
            .try_fold(floor, |newest, seen| {
                let file_name = seen.name.rsplit('/').next().unwrap_or_default();
                futures::future::ok(paths::epoch_of_commit(file_name).map_or(newest, |epoch| newest.max(epoch.0)))
            })
            .await?;
        self.newest_seen.fetch_max(newest, Ordering::Relaxed);
        Ok((newest > 0).then_some(Epoch(newest)))
    }

    /// The record of one commit, or none where it is not there.
    pub(crate) async fn read_commit(&self, epoch: Epoch) -> Result<Option<Commit>, LedgerError> {
        let name = ObjectName::commit(epoch);
        let Some(bytes) = self.root.get(name.as_str()).await? else { return Ok(None) };
        let commit: Commit = self.parse_record(name.as_str(), &bytes)?;
        if commit.epoch != epoch {
            return Err(self.damaged(name.as_str(), &format!("it says it is commit {}", commit.epoch.0)));
        }
        Ok(Some(commit))
    }

    /// Whether the record of `later` was put at most `grace` after that of `earlier`, by the store's clock. A record that is
    /// not there any more is too old.
    ///
    /// # Errors
    /// [`LedgerError::Store`] where the records cannot be looked at.
    pub async fn within(&self, earlier: &Commit, later: &Commit, grace: Duration) -> Result<bool, LedgerError> {
        let put = async |commit: &Commit| self.root.head(ObjectName::commit(commit.epoch).as_str()).await;
        let (Some(earlier), Some(later)) = (put(earlier).await?, put(later).await?) else { return Ok(false) };
        let grace = TimeDelta::from_std(grace).unwrap_or(TimeDelta::MAX);
        Ok(later.modified.signed_duration_since(earlier.modified) < grace)
    }

    /// Names for a run that would follow `latest`.
    #[must_use]
    pub fn begin(&self, latest: Option<&Commit>) -> Names {
        let epoch = Epoch(latest.map_or(1, |latest| latest.epoch.0 + 1));
        Names { epoch, run: RunId(format!("{:016x}", self.draw())) }
    }

    /// A number that no other call and no other runner gets.
    fn draw(&self) -> u64 {
        let n = self.runs.fetch_add(1, Ordering::Relaxed);
        xxhash_rust::xxh3::xxh3_64_with_seed(&n.to_le_bytes(), self.seed)
    }

    /// All consumed files of a source.
    ///
    /// # Errors
    /// [`LedgerError::Record`] where a log is missing or damaged.
    pub async fn known_files(&self, source: &SourceState) -> Result<KnownFiles, LedgerError> {
        let lines: u64 = source.file_logs.iter().map(paths::lines_of_log).sum();
        let mut known = KnownFiles::with_capacity(usize::try_from(lines).unwrap_or(0));
        let mut logs = self.read_logs(&source.file_logs);
        while let Some((name, bytes)) = logs.try_next().await? {
            let read = move || known.read(&bytes).map(|()| known);
            known = self.blocking(&name, read).await?;
        }
        Ok(known)
    }

    /// Everything that is recorded of the consumed files of a source, in the order it was; a later line about a path wins.
    ///
    /// # Errors
    /// [`LedgerError::Lost`] where a log is missing, [`LedgerError::Record`] where one is damaged.
    pub async fn consumed_files(&self, source: &SourceState) -> Result<Vec<ConsumedFile>, LedgerError> {
        self.entries(&source.file_logs).await
    }

    /// Objects of a source's landed rows that a commit names and that are not there with the size they were committed with.
    ///
    /// # Errors
    /// [`LedgerError::Lost`] where a manifest is missing: then nothing can be said of the objects it names.
    pub async fn lost_landed(&self, name: &str, source: &SourceState) -> Result<Vec<ObjectName>, LedgerError> {
        let folder = paths::landed_folder(name);
        let standing: HashMap<String, u64> =
            self.root.stream(&folder).map_ok(|seen| (seen.name, seen.bytes)).try_collect().await?;
        let landed = self.landed_files(source).await?;
        let lost = landed.into_iter().filter(|file| standing.get(file.name.as_str()) != Some(&file.bytes));
        Ok(lost.map(|file| file.name).collect())
    }

    /// Writes a log of newly consumed files and returns the source's new list of logs (small logs are merged now and then).
    ///
    /// # Errors
    /// [`LedgerError::Store`] where the log cannot be written.
    pub async fn append_files(
        &self,
        names: &Names,
        source: &str,
        logs: &[ObjectName],
        files: &[ConsumedFile],
    ) -> Result<Vec<ObjectName>, LedgerError> {
        self.append(logs, files, |n, lines| names.file_log(source, n, lines)).await
    }

    /// All landed files of a source.
    ///
    /// # Errors
    /// [`LedgerError::Record`] where a manifest is missing or damaged.
    pub async fn landed_files(&self, source: &SourceState) -> Result<Vec<LandedFile>, LedgerError> {
        self.landed_in(&source.landed).await
    }

    pub(crate) async fn landed_in(&self, manifests: &[ObjectName]) -> Result<Vec<LandedFile>, LedgerError> {
        let known = || self.manifests.lock().unwrap_or_else(PoisonError::into_inner);
        let new: Vec<ObjectName> = {
            let known = known();
            manifests.iter().filter(|name| !known.contains_key(*name)).cloned().collect()
        };
        let mut logs = self.read_logs(&new);
        while let Some((name, bytes)) = logs.try_next().await? {
            let read: Vec<LandedFile> = self.blocking(&name, move || logs::decode(&bytes)).await?;
            known().insert(name, read.into());
        }
        let known = known();
        Ok(manifests.iter().filter_map(|name| known.get(name)).flat_map(|files| files.iter().cloned()).collect())
    }

    /// All entries of some logs, in order.
    async fn entries<T: DeserializeOwned + Send + 'static>(&self, logs: &[ObjectName]) -> Result<Vec<T>, LedgerError> {
        let mut entries = Vec::new();
        let mut logs = self.read_logs(logs);
        while let Some((name, bytes)) = logs.try_next().await? {
            let read: Vec<T> = self.blocking(&name, move || logs::decode(&bytes)).await?;
            entries.extend(read);
        }
        Ok(entries)
    }

    /// Writes a manifest of newly landed files and returns the source's new list of manifests (merged now and then).
    ///
    /// # Errors
    /// [`LedgerError::Store`] where the manifest cannot be written.
    pub async fn append_landed(
        &self,
        names: &Names,
        source: &str,
        manifests: &[ObjectName],
        files: &[LandedFile],
    ) -> Result<Vec<ObjectName>, LedgerError> {
        self.append(manifests, files, |n, lines| names.landed_manifest(source, n, lines)).await
    }

    async fn append<T: Serialize + Clone + Send + Sync + 'static>(
        &self,
        logs: &[ObjectName],
        entries: &[T],
        name: impl FnOnce(u64, u64) -> ObjectName + Send,
    ) -> Result<Vec<ObjectName>, LedgerError> {
        if entries.is_empty() {
            return Ok(logs.to_vec());
        }
        self.writable()?;
        let lengths: Vec<u64> = logs.iter().map(paths::lines_of_log).collect();
        let new = entries.len() as u64;
        let (kept, merged) = logs.split_at(decide::merge_from(&lengths, new));
        let lines = new + merged.iter().map(paths::lines_of_log).sum::<u64>();
        let name = name(self.runs.fetch_add(1, Ordering::Relaxed), lines);
        let older: Vec<Bytes> = self.read_logs(merged).map_ok(|(_, bytes)| bytes).try_collect().await?;
        let entries = entries.to_vec();
        let log = self.blocking(&name, move || logs::encode(&older, &entries)).await?;
        self.root.put(name.as_str(), log.into()).await?;
        Ok(kept.iter().cloned().chain([name]).collect())
    }

    /// Reads logs in order, a few ahead.
    fn read_logs<'a>(
        &'a self,
        logs: &'a [ObjectName],
    ) -> stream::BoxStream<'a, Result<(ObjectName, Bytes), LedgerError>> {
        stream::iter(logs.to_vec())
            .map(async |name: ObjectName| match self.root.get(name.as_str()).await? {
                Some(bytes) => Ok((name, bytes)),
                None => Err(self.lost(name.as_str(), NOT_THERE)),
            })
            .buffered(LOGS_AT_ONCE)
            .boxed()
    }

    /// Runs work on a log off the async threads.
    async fn blocking<T: Send + 'static>(
        &self,
        name: &ObjectName,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done.map_err(|source| self.damaged(name.as_str(), &source.to_string())),
            Err(stopped) => Err(self.damaged(name.as_str(), &stopped.to_string())),
        }
    }

    /// Whether nobody else can commit or publish, because the lock of a local root is held.
    pub(crate) fn is_alone(&self) -> bool {
        self.lock.is_some()
    }

    /// The identity of the state root, or the error that this ledger was opened to look only.
    pub(crate) fn writable(&self) -> Result<&str, LedgerError> {
        self.identity.as_deref().ok_or_else(|| LedgerError::ReadOnly { place: self.root.shown.clone() })
    }

    pub(crate) fn damaged(&self, name: &str, reason: &str) -> LedgerError {
        LedgerError::Record { place: self.root.address(name), reason: reason.to_owned() }
    }

    /// An object that a commit names is gone or is not what was committed.
    pub(crate) fn lost(&self, name: &str, reason: &str) -> LedgerError {
        LedgerError::Lost { place: self.root.address(name), reason: reason.to_owned() }
    }

    fn parse_record<T: DeserializeOwned>(&self, name: &str, bytes: &[u8]) -> Result<T, LedgerError> {
        parse_record(bytes).map_err(|reason| self.damaged(name, &reason))
    }
}

/// Reads a record that carries a format version. The version is looked at first, so that a record of a newer format is
/// told apart from a damaged one.
pub(crate) fn parse_record<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    let Version { format } = serde_json::from_slice(bytes).map_err(|source| source.to_string())?;
    if format != FORMAT {
        return Err(format!("it has format {format}, this cxmill knows format {FORMAT}: use the cxmill that wrote it"));
    }
    serde_json::from_slice(bytes).map_err(|source| source.to_string())
}

/// A record as JSON that people can read.
pub(crate) fn to_json(record: &impl Serialize, place: impl FnOnce() -> String) -> Result<PutPayload, LedgerError> {
    match serde_json::to_vec_pretty(record) {
        Ok(mut bytes) => {
            bytes.push(b'\n');
            Ok(bytes.into())
        }
        Err(source) => Err(LedgerError::Record { place: place(), reason: source.to_string() }),
    }
}
