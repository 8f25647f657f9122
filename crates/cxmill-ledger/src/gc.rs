//! Collecting garbage: objects that no commit names and no run can come to name.
//!
//! What a run in progress writes carries the epoch it wants to commit, which is later than the newest commit's; a run that
//! wants an epoch that stands has lost. So the name decides, however long a run takes and whatever the clocks say. The
//! grace period (remote roots only) delays removal: for losers that are still at work it spares what was put a short while
//! ago, and for readers of older commits what a commit named that was the newest one a short while ago, however old the
//! object is. It is measured between times that the store itself gave, so this machine's clock is not asked.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::stream::{self, StreamExt, TryStreamExt};
use xxhash_rust::xxh3::xxh3_128;

use crate::decide::{self, GarbageFacts};
use crate::error::LedgerError;
use crate::ledger::{Ledger, OutputRoot};
use crate::paths::{self, ObjectName};
use crate::types::{Commit, Epoch};

/// Removals under way at a time.
const REMOVALS_AT_ONCE: usize = 16;

/// An object of the state root that nothing needs any more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Garbage {
    /// Its name below the root.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
}

impl Ledger {
    /// Removes the [garbage](Ledger::garbage) of the state root and returns the number of objects removed.
    ///
    /// # Errors
    /// [`LedgerError::Record`] where a manifest that tells what is in use cannot be read: then nothing was removed.
    pub async fn collect_garbage(&self, commit: Option<&Commit>, grace: Duration) -> Result<u64, LedgerError> {
        let garbage = self.garbage(commit, grace).await?;
        self.remove_garbage(&garbage).await?;
        Ok(garbage.len() as u64)
    }

    /// Objects of the state root that `commit`, the newest one, does not name and that are older than the grace period, by name.
    /// Under the lock of a local root nobody else can be at work, so there neither the epoch nor the age of an object spares it,
    /// unfinished files of killed runners are garbage too, and there is garbage before the first commit.
    ///
    /// None is what is named by the commit before or by any commit that was replaced within the grace period, objects of runs
    /// that can still commit, the newest 100 commit records, and whatever cxmill did not make. Where a newer commit stands,
    /// collecting is left to its run.
    ///
    /// # Errors
    /// [`LedgerError::Record`] where a manifest that tells what is in use cannot be read.
    pub async fn garbage(&self, commit: Option<&Commit>, grace: Duration) -> Result<Vec<Garbage>, LedgerError> {
        let facts = self.facts(commit, grace).await?;
        let in_use = match facts {
            Some(_) => Some(self.in_use(commit).await?),
            None => None,
        };
        let mut garbage = match (self.root.local.clone().filter(|_| self.is_alone()), facts, in_use) {
            (Some(local), _, in_use) => self.on_disk(local, in_use).await?,
            (None, Some(facts), Some(in_use)) => self.listed(&in_use, facts).await?,
            (None, ..) => Vec::new(),
        };
        if let Some(facts) = facts {
            self.spare_lately_named(&mut garbage, facts).await?;
            garbage.extend(self.old_commits(facts).await?);
        }
        garbage.sort_unstable();
        Ok(garbage)
    }

    /// Removes what [`Ledger::garbage`] found.
    ///
    /// # Errors
    /// [`LedgerError::ReadOnly`] where the ledger was opened to look only, [`LedgerError::Store`] where the store failed.
    pub async fn remove_garbage(&self, garbage: &[Garbage]) -> Result<(), LedgerError> {
        self.writable()?;
        let (leftovers, objects): (Vec<_>, Vec<_>) =
            garbage.iter().map(|garbage| garbage.name.clone()).partition(|name| self.is_leftover(name));
        self.root.remove_leftovers(leftovers.clone()).await?;
        let removals: Vec<_> = objects.iter().map(|name| self.root.delete(name)).collect();
        stream::iter(removals).buffer_unordered(REMOVALS_AT_ONCE).try_collect::<()>().await?;
        self.root.remove_empty_folders(leftovers.into_iter().chain(objects).collect()).await
    }

    /// What decides over objects that nothing names; none where they have to stay, as it is the run of a newer commit that
    /// collects, or as nobody knows who is at work.
    async fn facts(&self, commit: Option<&Commit>, grace: Duration) -> Result<Option<GarbageFacts>, LedgerError> {
        if self.newest_epoch().await? != commit.map(|commit| commit.epoch) {
            return Ok(None);
        }
        let alone = self.is_alone();
        let Some(commit) = commit else {
            // Without any commit nothing is named; only the lock of a local root tells that no run is under way.
            return Ok(alone.then_some(GarbageFacts { epoch: Epoch(0), before: DateTime::UNIX_EPOCH, alone }));
        };
        let Some(record) = self.root.head(ObjectName::commit(commit.epoch).as_str()).await? else { return Ok(None) };
        let grace = TimeDelta::from_std(grace).unwrap_or(TimeDelta::MAX);
        let before = record.modified.checked_sub_signed(grace);
        Ok(before.map(|before| GarbageFacts { epoch: commit.epoch, before, alone }))
    }

    /// Under the lock of a local root: unfinished files, and, where it is known what is in use, whatever else cxmill made. One
    /// walk of names sees both, and only what may go is looked at: once through the store, which has to know it by that name.
    async fn on_disk(&self, local: PathBuf, in_use: Option<HashSet<u128>>) -> Result<Vec<Garbage>, LedgerError> {
        let is_unused = move |name: &str| {
            in_use.as_ref().is_some_and(|in_use| paths::epoch_of(name).is_some() && !in_use.contains(&hash(name)))
        };
        let (mut garbage, unused) = self.walk(local, is_unused).await?;
        for name in unused {
            if let Some(seen) = self.root.head(&name).await? {
                garbage.push(Garbage { name, bytes: seen.bytes });
            }
        }
        Ok(garbage)
    }

    /// Where others may be at work: what the store lists, nothing names and is old enough.
    async fn listed(&self, in_use: &HashSet<u128>, facts: GarbageFacts) -> Result<Vec<Garbage>, LedgerError> {
        let mut garbage = Vec::new();
        for folder in paths::COLLECTED {
            let mut objects = self.root.stream(folder);
            while let Some(object) = objects.try_next().await? {
                let made_for = paths::epoch_of(&object.name);
                if decide::is_garbage(made_for, object.modified, facts) && !in_use.contains(&hash(&object.name)) {
                    garbage.push(Garbage { name: object.name, bytes: object.bytes });
                }
            }
        }
        Ok(garbage)
    }

    /// Hashes of all names in use. Two names with one hash would only keep garbage.
    async fn in_use(&self, commit: Option<&Commit>) -> Result<HashSet<u128>, LedgerError> {
        let mut named = HashSet::new();
        let Some(commit) = commit else { return Ok(named) };
        let previous = match commit.epoch.0 {
            0 | 1 => None,
            epoch => self.read_commit(Epoch(epoch - 1)).await?,
        };
        let mut manifests = Vec::new();
        for commit in [Some(commit), previous.as_ref()].into_iter().flatten() {
            named.extend(commit.named().map(|name| hash(name.as_str())));
            manifests.extend(commit.sources.values().flat_map(|source| source.landed.iter().cloned()));
        }
        manifests.sort_unstable();
        manifests.dedup();
        for manifest in manifests {
            let landed = self.landed_in(&[manifest]).await?;
            named.extend(landed.iter().map(|file| hash(file.name.as_str())));
        }
        Ok(named)
    }

    /// Takes out of `garbage` what was named by commits that stood as the newest one within the grace period: a runner that
    /// began then may be reading it.
    async fn spare_lately_named(&self, garbage: &mut Vec<Garbage>, facts: GarbageFacts) -> Result<(), LedgerError> {
        if garbage.is_empty() || facts.alone {
            return Ok(());
        }
        let mut candidates: HashSet<String> = garbage.iter().map(|garbage| garbage.name.clone()).collect();
        for epoch in decide::replaced_since(&self.commit_times().await?, facts) {
            let Some(commit) = self.read_commit(epoch).await? else { continue };
            let named: Vec<ObjectName> =
                commit.named().filter(|name| candidates.remove(name.as_str())).cloned().collect();
            // Manifests that are no candidates are in use, and their files with them, or are gone.
            let landed = commit.sources.values().flat_map(|source| &source.landed);
            let manifests: Vec<ObjectName> = landed.filter(|name| named.contains(name)).cloned().collect();
            for file in self.landed_in(&manifests).await? {
                candidates.remove(file.name.as_str());
            }
        }
        garbage.retain(|garbage| candidates.contains(&garbage.name));
        Ok(())
    }

    /// Epochs of all commit records with the times they were put at, by the store's clock; in order.
    async fn commit_times(&self) -> Result<Vec<(Epoch, DateTime<Utc>)>, LedgerError> {
        let records = self.root.list(paths::COMMITS).await?;
        let epoch = |name: &str| paths::epoch_of_commit(name.rsplit('/').next().unwrap_or_default());
        Ok(records.iter().filter_map(|record| Some((epoch(&record.name)?, record.modified))).collect())
    }

    async fn old_commits(&self, facts: GarbageFacts) -> Result<Vec<Garbage>, LedgerError> {
        let records = self.root.list(paths::COMMITS).await?;
        let old = records.into_iter().filter(|record| {
            let file_name = record.name.rsplit('/').next().unwrap_or_default();
            paths::epoch_of_commit(file_name).is_some_and(|epoch| decide::is_old_commit(epoch, record.modified, facts))
        });
        Ok(old.map(|record| Garbage { name: record.name, bytes: record.bytes }).collect())
    }
}

fn hash(name: &str) -> u128 {
    xxh3_128(name.as_bytes())
}

impl OutputRoot {
    /// Removes folders that are empty now that the named objects are gone. Only local disk has folders; one that is not
    /// empty, or that cannot be removed, stays.
    pub(crate) async fn remove_empty_folders(&self, names: Vec<String>) -> Result<(), LedgerError> {
        let Some(local) = self.local.clone().filter(|_| !names.is_empty()) else { return Ok(()) };
        let swept = tokio::task::spawn_blocking(move || names.iter().for_each(|name| sweep(&local, name))).await;
        swept.map_err(|stopped| LedgerError::Store {
            operation: "removing empty folders of",
            place: self.shown.clone(),
            source: object_store::Error::Generic { store: "local disk", source: Box::new(stopped) },
        })
    }
}

/// Removes the folders between a name and the root, innermost first, until one is in use.
fn sweep(root: &Path, name: &str) {
    let path = root.join(name);
    let folders = path.ancestors().skip(1).take_while(|folder| *folder != root && folder.starts_with(root));
    for folder in folders {
        if std::fs::remove_dir(folder).is_err() {
            return;
        }
    }
}
