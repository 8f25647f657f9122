//! A run's commits: what changes, and on top of what.
//!
//! A run commits more than once: each batch of a source by itself, then the models. Where another run (on a store without
//! a lock) commits in between, this run's change still stands if the other changed other things: a source that this run
//! does not land, or sources only while this run builds models, which then are behind those sources as they would be had
//! they been built a minute earlier. Such a change is laid over the newer commit. Everything else is a conflict: one of
//! two runs that land the same source, or build models, commits, and the other has changed nothing.
//!
//! What this run wrote carries the epoch it began with, so once that epoch stands the other run's garbage collector may take
//! what is older than the grace period. A change is therefore laid over a newer commit only within it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use cxmill_ledger::{Commit, CommitOutcome, Epoch, ModelState, Names, Rebuild, SourceState, Withheld};

use crate::error::EngineError;
use crate::publish::GRACE;
use crate::recover::Run;

/// Each round is one more commit that another run made meanwhile.
const ROUNDS: usize = 16;

/// What a commit changes.
#[derive(Debug)]
pub(crate) enum Change {
    /// One source.
    Source {
        /// Its name.
        name: String,
        /// Where it stands.
        state: Box<SourceState>,
    },
    /// The models, and sources that are no longer declared.
    Models {
        /// The as-of they were built with.
        as_of: Option<DateTime<Utc>>,
        /// All models as they stand.
        models: BTreeMap<String, ModelState>,
        /// Models that are withheld.
        withheld: BTreeMap<String, Withheld>,
        /// Models whose rebuilds come to an end: they are built, or their rebuilds are of no use any more.
        ended: BTreeSet<String>,
        /// Sources that go.
        retired: BTreeSet<String>,
    },
    /// How far a model that is built anew has come. Readers do not notice.
    Rebuild {
        /// The model.
        model: String,
        /// Where it stands.
        rebuild: Box<Rebuild>,
    },
}

impl Run<'_> {
    /// Makes the commit that follows the newest one. Nothing before this call is visible to anybody.
    ///
    /// # Errors
    /// [`EngineError::Conflict`] where another run changed the same things; nothing was changed.
    pub(crate) async fn commit(&mut self, names: &Names, change: Change) -> Result<(), EngineError> {
        let mut base = self.latest.clone();
        for _ in 0..ROUNDS {
            let next = self.next(names, &change, base.as_ref());
            match self.ledger.commit(&next, base.as_ref()).await? {
                CommitOutcome::Committed => {
                    self.report.epoch = next.epoch.0;
                    self.report.committed = true;
                    self.latest = Some(next);
                    return Ok(());
                }
                CommitOutcome::Conflict => {
                    let Some(newest) = self.ledger.latest().await? else { break };
                    let theirs = changes(self.latest.as_ref(), &newest);
                    let stands = change.goes_with(&theirs) && self.context.files.unchanged();
                    if !stands || !self.in_time(&newest).await? {
                        return Err(conflict(&newest, &theirs));
                    }
                    tracing::info!(
                        epoch = newest.epoch.0,
                        "another run committed other things; committing on top of it"
                    );
                    base = Some(newest);
                }
            }
        }
        Err(EngineError::Conflict(format!("commit {} was made by another run, and more follow", names.epoch.0)))
    }

    fn next(&self, names: &Names, change: &Change, base: Option<&Commit>) -> Commit {
        let mut next = Commit {
            format: cxmill_ledger::FORMAT,
            epoch: Epoch(base.map_or(1, |base| base.epoch.0 + 1)),
            run: names.run.clone(),
            committed_at: self.context.now,
            as_of: base.and_then(|base| base.as_of),
            sources: base.map(|base| base.sources.clone()).unwrap_or_default(),
            models: base.map(|base| base.models.clone()).unwrap_or_default(),
            withheld: base.map(|base| base.withheld.clone()).unwrap_or_default(),
            rebuilds: base.map(|base| base.rebuilds.clone()).unwrap_or_default(),
        };
        match change {
            Change::Source { name, state } => {
                next.sources.insert(name.clone(), state.as_ref().clone());
            }
            Change::Rebuild { model, rebuild } => {
                next.rebuilds.insert(model.clone(), rebuild.as_ref().clone());
            }
            Change::Models { as_of, models, withheld, ended, retired } => {
                next.as_of = *as_of;
                next.models.clone_from(models);
                next.withheld.clone_from(withheld);
                next.rebuilds.retain(|name, _| !ended.contains(name));
                next.sources.retain(|name, _| !retired.contains(name));
            }
        }
        next
    }

    /// Whether what this run wrote since the commit it began with is younger than the grace period at a newer commit.
    async fn in_time(&self, newest: &Commit) -> Result<bool, EngineError> {
        match &self.latest {
            Some(began) => Ok(self.ledger.within(began, newest, GRACE).await?),
            None => Ok(false),
        }
    }
}

/// What another run changed, by name.
#[derive(Debug, PartialEq, Eq)]
struct Changes<'a> {
    sources: BTreeSet<&'a str>,
    models: BTreeSet<&'a str>,
    rebuilds: BTreeSet<&'a str>,
}

fn changes<'a>(before: Option<&'a Commit>, after: &'a Commit) -> Changes<'a> {
    fn differing<'a, T: PartialEq>(
        before: Option<&'a BTreeMap<String, T>>,
        after: &'a BTreeMap<String, T>,
    ) -> BTreeSet<&'a str> {
        let names = before.into_iter().flat_map(BTreeMap::keys).chain(after.keys());
        let differs = |name: &&String| before.and_then(|before| before.get(*name)) != after.get(*name);
        names.filter(differs).map(String::as_str).collect()
    }
    let mut models = differing(before.map(|commit| &commit.models), &after.models);
    models.extend(differing(before.map(|commit| &commit.withheld), &after.withheld));
    Changes {
        sources: differing(before.map(|commit| &commit.sources), &after.sources),
        models,
        rebuilds: differing(before.map(|commit| &commit.rebuilds), &after.rebuilds),
    }
}

impl Change {
    /// Whether this change stands beside what another run changed.
    fn goes_with(&self, theirs: &Changes<'_>) -> bool {
        match self {
            Self::Source { name, .. } => !theirs.sources.contains(name.as_str()),
            Self::Models { retired, ended, .. } => {
                let any = |ours: &BTreeSet<String>, theirs: &BTreeSet<&str>| {
                    ours.iter().any(|name| theirs.contains(name.as_str()))
                };
                theirs.models.is_empty() && !any(retired, &theirs.sources) && !any(ended, &theirs.rebuilds)
            }
            Self::Rebuild { model, .. } => {
                !theirs.models.contains(model.as_str()) && !theirs.rebuilds.contains(model.as_str())
            }
        }
    }
}

fn conflict(newest: &Commit, theirs: &Changes<'_>) -> EngineError {
    let list = |names: &BTreeSet<&str>| names.iter().copied().collect::<Vec<_>>().join(", ");
    let mut changed = Vec::new();
    if !theirs.sources.is_empty() {
        changed.push(format!("rows of {}", list(&theirs.sources)));
    }
    if !theirs.models.is_empty() {
        changed.push(format!("models {}", list(&theirs.models)));
    }
    if !theirs.rebuilds.is_empty() {
        changed.push(format!("rebuilds of {}", list(&theirs.rebuilds)));
    }
    let what = if changed.is_empty() { String::new() } else { format!(" and changed {}", changed.join(" and ")) };
    EngineError::Conflict(format!("it made commit {}{what}", newest.epoch.0))
}
