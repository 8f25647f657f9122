//! Publishing: making the output root show what a commit says.
//!
//! The commit is what is true; the output is a copy for readers that can be made again at any time. For each model the
//! folder is listed and held against the commit ([`crate::decide`]); what differs is put, one atomic put each; what does
//! not belong is removed; the record of the folder is put last, so it never vouches for an object that was not put. When
//! nothing differs there are only listings.
//!
//! The hard part is a runner that stalls here, is given up for dead, and wakes up after others have gone on. Its writes
//! must not replace newer ones, and no lock service tells it that it is late. So every replacing write goes
//!
//! ```text
//! look: etag E, or absent ──▶ newest commit still mine? ──▶ put only if the object is still E (or still absent)
//!            ▲                        │ no: stop                        │ refused
//!            └────────────────────────┼─────────────────────────────────┘
//!                                     ▼
//!                                overtaken
//! ```
//!
//! Whoever made a newer commit has published mine first: a run begins with recovery, which publishes the newest commit.
//! If that happened after my look, E is gone and my put is refused. If it happened before, I see the newer commit. (On S3
//! an etag is a hash of the bytes, so E is gone only if the bytes differ: published files carry the epoch that made them,
//! so a file that was made again differs even where its rows are the same.)
//! Three writes cannot be fenced so: creating a name that others have put *and removed* since, removing a name that others
//! have put since, and completing a multipart upload (used above a size that would not fit in memory), because stores
//! offer no condition for them. They follow their look as closely as can be, and when publishing has changed anything it
//! ends with one more look at the newest commit: a runner that finds itself overtaken publishes that newest commit, which
//! repairs what it may have done in the gap. If it dies even then, the next run repairs it: a replaced or missing object
//! differs from its record, and the record remembers names that were removed.
//!
//! On local disk there is no put over an etag. There one runner holds the lock from opening to the end, so nobody can
//! be overtaken; files are written and synced under another name and renamed into place.

mod folder;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use futures::{FutureExt, TryFutureExt};
use object_store::{ObjectStoreExt, PutMode, PutPayload, WriteMultipart};
use tokio::sync::Semaphore;

use self::folder::{Folder, ours, read_record};
use crate::decide;
use crate::error::LedgerError;
use crate::ledger::{Ledger, NOT_THERE, OutputRoot, PublishReport, to_json};
use crate::paths;
use crate::store::PutOutcome;
use crate::types::{Commit, Epoch, FORMAT, ModelState, PublishedFile, PublishedObject, PublishedRecord};

/// Results of more bytes than this are streamed; smaller ones are put whole, and all that are held at a time are not more.
pub(crate) const STREAM_ABOVE: u64 = 64 << 20;
/// Bytes of one part of a streamed result.
const PART: usize = 8 << 20;
/// Parts under way at a time.
const PARTS_AT_ONCE: usize = 2;
/// Models under way at a time: listings are slow on remote stores.
const MODELS_AT_ONCE: usize = 4;
/// Objects of one model under way at a time.
const OBJECTS_AT_ONCE: usize = 8;
/// Each refusal is another runner's successful put of the same commit; so many in a row is not a race any more.
const ATTEMPTS: usize = 16;
/// Rounds of repair after this runner was overtaken; each one more is one more commit made meanwhile.
const REPAIRS: usize = 8;

impl Ledger {
    /// Makes the output root show what `commit` says: missing or differing objects are put (one atomic put each, never over
    /// a newer epoch's), objects of models and partitions that are gone are removed, `_cxmill.json` is written last.
    ///
    /// A model without files (a view) has no folder. Parquet files that cxmill did not put are left alone and reported.
    ///
    /// # Errors
    /// [`LedgerError::Overtaken`] where a newer commit exists, [`LedgerError::Foreign`] where a folder is another state
    /// root's (nothing was put), [`LedgerError::Lost`] where a committed result is missing or has another size.
    pub async fn publish(&self, commit: &Commit, output: &OutputRoot) -> Result<PublishReport, LedgerError> {
        let publisher = Publisher::new(self, output)?;
        let shown = publisher.show(commit).await;
        let winner = match &shown {
            Err(LedgerError::Overtaken { winner }) => Some(*winner),
            Err(_) => return shown,
            Ok(_) if publisher.changed() => self.newer_than(commit.epoch).await?,
            Ok(_) => None,
        };
        let Some(winner) = winner else { return shown };
        if publisher.changed() {
            publisher.repair().await?;
        }
        Err(LedgerError::Overtaken { winner })
    }

    /// Fails where a folder of one of these models shows what another state root published. A run asks before it begins, so
    /// that it does not learn at its end that its results have no place; publishing asks again.
    ///
    /// # Errors
    /// [`LedgerError::Foreign`] with the first such folder.
    pub async fn owns(&self, output: &OutputRoot, models: &[&str]) -> Result<(), LedgerError> {
        let identity = self.writable()?;
        let looks: Vec<_> = models.iter().map(|model| read_record(output, model).boxed()).collect();
        let records: Vec<_> = stream::iter(looks).buffered(MODELS_AT_ONCE).try_collect().await?;
        models.iter().zip(&records).try_for_each(|(model, record)| ours(output, model, record.as_ref(), identity))
    }

    /// The newest epoch where it is newer than `epoch` and somebody else can have made it.
    async fn newer_than(&self, epoch: Epoch) -> Result<Option<u64>, LedgerError> {
        if self.is_alone() {
            return Ok(None);
        }
        Ok(self.newest_epoch().await?.filter(|newest| *newest > epoch).map(|newest| newest.0))
    }
}

/// One attempt to publish.
struct Publisher<'a> {
    ledger: &'a Ledger,
    output: &'a OutputRoot,
    /// Identity of the state root.
    identity: &'a str,
    /// Bytes of results that may be held in memory.
    memory: Semaphore,
    /// How many bytes that is in all.
    permits: usize,
    /// Whether anything was written, or may have been.
    changed: AtomicBool,
    /// Names this attempt may have written. Not those alone that it created: a store that judges the etag before it has all of an object
    /// makes one anew that was removed meanwhile.
    written: Mutex<Vec<String>>,
}

impl<'a> Publisher<'a> {
    fn new(ledger: &'a Ledger, output: &'a OutputRoot) -> Result<Self, LedgerError> {
        let permits =
            usize::try_from(ledger.stream_above).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        let (memory, identity) = (Semaphore::new(permits), ledger.writable()?);
        Ok(Self {
            ledger,
            output,
            identity,
            memory,
            permits,
            changed: AtomicBool::new(false),
            written: Mutex::new(Vec::new()),
        })
    }

    fn changed(&self) -> bool {
        self.changed.load(Ordering::Relaxed)
    }

    /// Stops a runner that was overtaken.
    async fn hold(&self, epoch: Epoch) -> Result<(), LedgerError> {
        match self.ledger.newer_than(epoch).await? {
            Some(winner) => Err(LedgerError::Overtaken { winner }),
            None => Ok(()),
        }
    }

    async fn show(&self, commit: &Commit) -> Result<PublishReport, LedgerError> {
        let shown: Vec<_> = commit.models.iter().filter(|(_, state)| !state.files.is_empty()).collect();
        // The futures are made before the streams: a stream over a borrowing closure is not `Send`.
        let looks: Vec<_> = shown.iter().map(|(model, _)| Folder::read(self.output, model).boxed()).collect();
        let folders: Vec<Folder> = stream::iter(looks).buffered(MODELS_AT_ONCE).try_collect().await?;
        // All folders are looked at before the first is touched: half an output of each of two state roots helps nobody.
        for ((model, _), folder) in shown.iter().zip(&folders) {
            ours(self.output, model, folder.record.as_ref(), self.identity)?;
        }
        let models: Vec<_> = shown
            .into_iter()
            .zip(folders)
            .map(|((model, state), folder)| self.show_model(commit, model, state, folder).boxed())
            .collect();
        let shown = all(stream::iter(models).buffer_unordered(MODELS_AT_ONCE)).await?;
        let mut report = shown.into_iter().fold(PublishReport::default(), add);
        report.removed += self.clear_gone(commit).await?;
        report.strangers.sort_unstable();
        Ok(report)
    }

    async fn show_model(
        &self,
        commit: &Commit,
        model: &str,
        state: &ModelState,
        folder: Folder,
    ) -> Result<PublishReport, LedgerError> {
        let plan = decide::plan_publish(&state.files, folder.record.as_ref(), &folder.standing);
        let mut report = PublishReport {
            written: plan.put.len() as u64,
            bytes: plan.put.iter().map(|file| file.bytes).sum(),
            unchanged: plan.keep.len() as u64,
            ..PublishReport::default()
        };
        let mut put: Vec<(String, PublishedObject)> = Vec::new();
        // Partitions without rows come last: a row that moved from one to another is there twice for a moment rather than gone.
        let (filled, emptied): (Vec<&PublishedFile>, Vec<&PublishedFile>) =
            plan.put.iter().partition(|file| file.rows > 0);
        for files in [filled, emptied] {
            let puts: Vec<_> = files
                .into_iter()
                .map(|file| {
                    let stands = folder.standing.contains_key(&file.published);
                    let put = self.put_result(commit.epoch, model, file, stands);
                    put.map_ok(|etag| (file.published.clone(), published(file, etag))).boxed()
                })
                .collect();
            put.extend(all(stream::iter(puts).buffer_unordered(OBJECTS_AT_ONCE)).await?);
        }
        // The record must not outlive what it vouches for.
        let names = put.iter().map(|(name, _)| paths::output(model, name)).collect();
        self.output.sync_folders(names).await?;
        report.removed = self.remove(commit.epoch, model, &plan.remove, &folder.unfinished).await?;
        report.strangers = plan.strangers.iter().map(|name| self.output.address(&paths::output(model, name))).collect();
        for stranger in &report.strangers {
            tracing::warn!(object = %stranger, "a parquet file that cxmill did not put stands among published files");
        }
        let kept = plan.keep.into_iter().map(|(name, object)| (name.to_owned(), object));
        let record = PublishedRecord {
            format: FORMAT,
            ledger: self.identity.to_owned(),
            model: model.to_owned(),
            epoch: state.changed_at,
            as_of: state.as_of,
            rows: state.rows,
            schema: state.schema.clone(),
            files: kept.chain(put).collect(),
            removed: decide::removed_names(&state.files, folder.record.as_ref()),
        };
        if folder.record.as_ref() != Some(&record) {
            let name = paths::output(model, paths::PUBLISHED_RECORD);
            let payload = to_json(&record, || self.output.address(&name))?;
            self.put_whole(commit.epoch, &name, payload, folder.has_record).await?;
            self.output.sync_folders(vec![name]).await?;
        }
        Ok(report)
    }

    /// Removes the folders of models that the commit does not publish. Only folders that this state root has published
    /// are touched, and in them only files that were put by it.
    async fn clear_gone(&self, commit: &Commit) -> Result<u64, LedgerError> {
        let mut removed = 0;
        for model in self.output.folders().await? {
            if commit.models.get(&model).is_some_and(|state| !state.files.is_empty()) {
                continue;
            }
            let record = read_record(self.output, &model).await?;
            if record.is_none_or(|record| record.ledger != self.identity) {
                continue;
            }
            let folder = Folder::read(self.output, &model).await?;
            let plan = decide::plan_publish(&[], folder.record.as_ref(), &folder.standing);
            removed += self.remove(commit.epoch, &model, &plan.remove, &folder.unfinished).await?;
            self.remove(commit.epoch, &model, &[], &[paths::PUBLISHED_RECORD.to_owned()]).await?;
        }
        Ok(removed)
    }

    /// Removes published files and what is left of unfinished ones; returns the number of published files.
    async fn remove(
        &self,
        epoch: Epoch,
        model: &str,
        published: &[String],
        others: &[String],
    ) -> Result<u64, LedgerError> {
        let names: Vec<String> =
            published.iter().chain(others).map(|published| paths::output(model, published)).collect();
        let removals: Vec<_> = names.iter().map(|name| self.remove_object(epoch, name).boxed()).collect();
        all(stream::iter(removals).buffer_unordered(OBJECTS_AT_ONCE)).await?;
        self.output.sync_folders(names.clone()).await?;
        self.output.remove_empty_folders(names).await?;
        Ok(published.len() as u64)
    }

    async fn remove_object(&self, epoch: Epoch, name: &str) -> Result<(), LedgerError> {
        self.hold(epoch).await?;
        self.changed.store(true, Ordering::Relaxed);
        self.output.delete(name).await
    }

    /// Puts a committed result at its published name; returns the etag it was given.
    async fn put_result(
        &self,
        epoch: Epoch,
        model: &str,
        file: &PublishedFile,
        stands: bool,
    ) -> Result<Option<String>, LedgerError> {
        let (state, result) = (&self.ledger.root, file.result.as_str());
        let missing = |reason: &str| self.ledger.lost(result, reason);
        let name = paths::output(model, &file.published);
        if file.bytes > self.ledger.stream_above {
            return self.put_streamed(epoch, &name, file).await;
        }
        let held = u32::try_from(file.bytes).unwrap_or(u32::MAX);
        let _held =
            self.memory.acquire_many(held).await.map_err(|closed| self.ledger.damaged(result, &closed.to_string()))?;
        let bytes = state.get(result).await?.ok_or_else(|| missing(NOT_THERE))?;
        if bytes.len() as u64 != file.bytes {
            return Err(missing(&wrong_size(file.bytes, bytes.len() as u64)));
        }
        self.put_whole(epoch, &name, bytes.into(), stands).await
    }

    /// Puts an object by the fenced write described above, or by rename on local disk.
    async fn put_whole(
        &self,
        epoch: Epoch,
        name: &str,
        payload: PutPayload,
        stands: bool,
    ) -> Result<Option<String>, LedgerError> {
        if self.output.local.is_some() {
            let staged = staged_beside(epoch, name);
            self.changed.store(true, Ordering::Relaxed);
            self.output.put(&staged, payload).await?;
            return self.rename_into_place(epoch, &staged, name).await;
        }
        let mut may_stand = stands;
        for _ in 0..ATTEMPTS {
            let seen = if may_stand { self.output.head(name).await? } else { None };
            let mode = match seen {
                None => PutMode::Create,
                Some(seen) if seen.version.e_tag.is_none() && seen.version.version.is_none() => PutMode::Overwrite,
                Some(seen) => PutMode::Update(seen.version),
            };
            self.hold(epoch).await?;
            self.will_write(name);
            match self.output.put_if(name, payload.clone(), mode).await? {
                PutOutcome::Put(etag) => return Ok(etag),
                PutOutcome::Refused => may_stand = true,
                PutOutcome::NotOffered => return self.output.put(name, payload).await,
            }
        }
        Err(LedgerError::Store {
            operation: "writing",
            place: self.output.address(name),
            source: object_store::Error::Precondition {
                path: name.to_owned(),
                source: "other writers kept replacing it".into(),
            },
        })
    }

    /// Puts a result that is too large to hold: part by part, invisible until it is whole.
    async fn put_streamed(
        &self,
        epoch: Epoch,
        name: &str,
        file: &PublishedFile,
    ) -> Result<Option<String>, LedgerError> {
        let result = file.result.as_str();
        // The parts under way and the one that is being filled count against what may be held.
        let parts = (PARTS_AT_ONCE + 1) * PART;
        let held = u32::try_from(parts.min(self.permits)).unwrap_or(u32::MAX);
        let closed = |closed: tokio::sync::AcquireError| self.ledger.damaged(result, &closed.to_string());
        let _held = self.memory.acquire_many(held).await.map_err(closed)?;
        let local = self.output.local.is_some();
        let target = if local { staged_beside(epoch, name) } else { name.to_owned() };
        let failed = |source| LedgerError::Store { operation: "writing", place: self.output.address(&target), source };
        let found = self.ledger.root.open_object(result).await?.ok_or_else(|| self.ledger.lost(result, NOT_THERE))?;
        if found.meta.size != file.bytes {
            return Err(self.ledger.lost(result, &wrong_size(file.bytes, found.meta.size)));
        }
        let path = paths::below(&self.output.prefix, &target);
        self.changed.store(true, Ordering::Relaxed);
        let upload = self.output.store.put_multipart(&path).await.map_err(failed)?;
        let mut write = WriteMultipart::new_with_chunk_size(upload, PART);
        let mut chunks = found.into_stream();
        let filled = async {
            while let Some(chunk) = chunks.try_next().await.map_err(|source| LedgerError::Store {
                operation: "reading",
                place: self.ledger.root.address(result),
                source,
            })? {
                write.wait_for_capacity(PARTS_AT_ONCE).await.map_err(failed)?;
                write.put(chunk);
            }
            // All but the last parts are sent before the look, which keeps the gap after it small.
            write.wait_for_capacity(1).await.map_err(failed)?;
            self.hold(epoch).await
        };
        if let Err(failure) = filled.await {
            if let Err(left) = write.abort().await {
                tracing::warn!(error = %left, object = %target, "an unfinished upload was left behind");
            }
            return Err(failure);
        }
        self.will_write(name);
        write.finish().await.map_err(failed)?;
        if local {
            return self.rename_into_place(epoch, &target, name).await;
        }
        Ok(self.output.head(name).await?.and_then(|seen| seen.etag))
    }

    /// The last step of a local write: the file is whole and synced before it gets its name.
    async fn rename_into_place(&self, epoch: Epoch, staged: &str, name: &str) -> Result<Option<String>, LedgerError> {
        self.output.sync_content(staged.to_owned()).await?;
        self.hold(epoch).await?;
        self.will_write(name);
        self.output.rename(staged, name).await?;
        Ok(self.output.head(name).await?.and_then(|seen| seen.etag))
    }

    fn will_write(&self, name: &str) {
        self.changed.store(true, Ordering::Relaxed);
        if let Ok(mut written) = self.written.lock() {
            written.push(name.to_owned());
        }
    }

    /// Publishes the newest commit after this runner was overtaken, and takes back names it wrote that are not in it.
    async fn repair(&self) -> Result<(), LedgerError> {
        for _ in 0..REPAIRS {
            let Some(newest) = self.ledger.latest().await? else { return Ok(()) };
            let repaired = async {
                let written = self.written.lock().map(|written| written.clone()).unwrap_or_default();
                for name in written.iter().filter(|name| !shows(&newest, name)) {
                    self.hold(newest.epoch).await?;
                    self.output.delete(name).await?;
                }
                self.show(&newest).await?;
                self.hold(newest.epoch).await
            };
            match repaired.await {
                Err(LedgerError::Overtaken { .. }) => {}
                other => return other,
            }
        }
        Ok(())
    }
}

/// What all of these give, or the first failure, once all have ended: a write that is dropped on its way may still arrive, after its
/// name was taken back.
async fn all<T>(results: impl Stream<Item = Result<T, LedgerError>>) -> Result<Vec<T>, LedgerError> {
    results.collect::<Vec<_>>().await.into_iter().collect()
}

fn wrong_size(expected: u64, found: u64) -> String {
    format!("it has {found} bytes where the commit says {expected}")
}

/// Whether a commit publishes a name (below the output root), records included.
fn shows(commit: &Commit, name: &str) -> bool {
    let Some((model, published)) = name.split_once('/') else { return false };
    commit.models.get(model).is_some_and(|state| {
        state.files.iter().any(|file| file.published == published)
            || (published == paths::PUBLISHED_RECORD && !state.files.is_empty())
    })
}

/// The name under which a local file is written, in the folder of the model it belongs to.
fn staged_beside(epoch: Epoch, name: &str) -> String {
    let (model, published) = name.split_once('/').unwrap_or(("", name));
    paths::output(model, &paths::staged_output(epoch, published))
}

fn published(file: &PublishedFile, etag: Option<String>) -> PublishedObject {
    PublishedObject { content: file.content.clone(), rows: file.rows, bytes: file.bytes, epoch: file.epoch, etag }
}

fn add(sum: PublishReport, one: PublishReport) -> PublishReport {
    PublishReport {
        written: sum.written + one.written,
        bytes: sum.bytes + one.bytes,
        removed: sum.removed + one.removed,
        unchanged: sum.unchanged + one.unchanged,
        strangers: [sum.strangers, one.strangers].concat(),
    }
}
