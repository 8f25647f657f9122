//! Decisions, free of I/O: facts go in, what to do comes out.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};

use crate::types::{Epoch, PublishedFile, PublishedObject, PublishedRecord};

/// Commit records that are always kept.
pub(crate) const KEPT_COMMITS: u64 = 100;
/// Logs of one source beyond which small ones are merged.
pub(crate) const MAX_LOGS: usize = 16;

/// Where merging begins: the old logs from this index on and the new lines become one log. `old.len()` merges nothing.
///
/// Logs stay in order of age. Only when there are too many, the newest are merged, and an older one joins while it is at
/// most twice as long as all that is merged already: lengths then fall at least geometrically, so a line is rewritten a
/// logarithmic number of times and a million files are not rewritten by each run.
pub(crate) fn merge_from(old: &[u64], new: u64) -> usize {
    if old.len() < MAX_LOGS {
        return old.len();
    }
    let mut from = old.len();
    let mut merged = new;
    while let Some(next) = from.checked_sub(1).and_then(|at| old.get(at)) {
        if from < MAX_LOGS && *next > merged.saturating_mul(2) {
            break;
        }
        merged = merged.saturating_add(*next);
        from -= 1;
    }
    debug_assert!(from < MAX_LOGS, "merging leaves at most the allowed number of logs");
    from
}

/// An object that stands in a model's output folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Bytes.
    pub(crate) bytes: u64,
    /// Etag, where the store has etags.
    pub(crate) etag: Option<String>,
}

/// What is to be done in one model's output folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PublishPlan<'a> {
    /// Files to put.
    pub(crate) put: Vec<&'a PublishedFile>,
    /// Files that stand as they should, with what is recorded of them.
    pub(crate) keep: BTreeMap<&'a str, PublishedObject>,
    /// Published names to remove.
    pub(crate) remove: Vec<String>,
    /// Parquet files that cxmill did not put: left alone and reported.
    pub(crate) strangers: Vec<String>,
}

/// Compares what a model's folder should show with what stands there. A file is right when it stands with the expected
/// size, the record says it holds the expected content, and it is still the object that was put (same etag). A file
/// under a wanted name that is not right is put again, whoever made it.
pub(crate) fn plan_publish<'a>(
    wanted: &'a [PublishedFile],
    recorded: Option<&PublishedRecord>,
    standing: &BTreeMap<String, Standing>,
) -> PublishPlan<'a> {
    let mut plan = PublishPlan::default();
    for file in wanted {
        let known = recorded.and_then(|record| record.files.get(&file.published));
        match (known, standing.get(&file.published)) {
            (Some(known), Some(stands)) if is_right(file, known, stands) => {
                plan.keep.insert(&file.published, known.clone());
            }
            _ => plan.put.push(file),
        }
    }
    let names: HashSet<&str> = wanted.iter().map(|file| file.published.as_str()).collect();
    for (name, stands) in standing.iter().filter(|(name, _)| !names.contains(name.as_str())) {
        if recorded.is_some_and(|record| made_by_us(record, name, stands)) {
            plan.remove.push(name.clone());
        } else if name.ends_with(".parquet") {
            plan.strangers.push(name.clone());
        }
    }
    debug_assert_eq!(plan.put.len() + plan.keep.len(), wanted.len(), "every wanted file is put or kept");
    plan
}

fn is_right(wanted: &PublishedFile, known: &PublishedObject, stands: &Standing) -> bool {
    known.content == wanted.content
        && known.bytes == wanted.bytes
        && stands.bytes == wanted.bytes
        && known.etag == stands.etag
}

/// Only names that a record vouches for are ours to remove.
fn made_by_us(record: &PublishedRecord, name: &str, stands: &Standing) -> bool {
    record.files.contains_key(name) || record.removed.get(name) == Some(&stands.bytes)
}

/// Names that stood once and do not any more, with their bytes.
pub(crate) fn removed_names(wanted: &[PublishedFile], recorded: Option<&PublishedRecord>) -> BTreeMap<String, u64> {
    let Some(record) = recorded else { return BTreeMap::new() };
    let names: HashSet<&str> = wanted.iter().map(|file| file.published.as_str()).collect();
    let listed = record.files.iter().map(|(name, object)| (name, object.bytes));
    let before = record.removed.iter().map(|(name, bytes)| (name, *bytes));
    before
        .chain(listed)
        .filter(|(name, _)| !names.contains(name.as_str()))
        .map(|(name, bytes)| (name.clone(), bytes))
        .collect()
}

/// What is known when garbage is looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GarbageFacts {
    /// Newest commit.
    pub(crate) epoch: Epoch,
    /// Objects changed at or after this time are kept.
    pub(crate) before: DateTime<Utc>,
    /// The lock of a local root is held: no other run is under way.
    pub(crate) alone: bool,
}

/// Whether an object that no kept commit names is garbage. A run that can still commit makes names of a later epoch than
/// the newest commit's, so those are never touched, however long the run takes. The grace period is for runs that lost
/// and for readers of a commit that has just been replaced.
pub(crate) fn is_garbage(made_for: Option<Epoch>, modified: DateTime<Utc>, facts: GarbageFacts) -> bool {
    made_for.is_some_and(|made_for| facts.alone || (made_for <= facts.epoch && modified < facts.before))
}

/// Commits that were replaced at or after the time before which things are garbage, newest first. The newest one and the one
/// before are not among them: what they name is in use anyway. `commits` are all records in order, each with its time.
pub(crate) fn replaced_since(commits: &[(Epoch, DateTime<Utc>)], facts: GarbageFacts) -> Vec<Epoch> {
    let pairs = commits.windows(2).rev();
    let replaced = pairs.filter_map(|pair| match pair {
        [(epoch, _), (_, replaced)] => (*replaced >= facts.before).then_some(*epoch),
        _ => None,
    });
    replaced.filter(|epoch| epoch.0 + 1 < facts.epoch.0).collect()
}

/// Whether a commit record may be collected.
pub(crate) fn is_old_commit(epoch: Epoch, modified: DateTime<Utc>, facts: GarbageFacts) -> bool {
    is_collectable(epoch, facts.epoch) && modified < facts.before
}

/// Whether the record of `epoch` may be gone when `newest` stands. A runner that creates such a record has filled a hole
/// left by the collector: it did not commit.
pub(crate) fn is_collectable(epoch: Epoch, newest: Epoch) -> bool {
    newest.0.saturating_sub(epoch.0) >= KEPT_COMMITS
}
