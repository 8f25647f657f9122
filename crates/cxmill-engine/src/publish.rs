//! The end of a run: the commit that makes it real, the publishing that shows it, and the garbage.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use cxmill_ledger::{Commit, LedgerError, Names, OutputRoot, SourceState};

use crate::commit::Change;
use crate::context::{Context, RunOptions, Stage};
use crate::error::EngineError;
use crate::recover::Run;
use crate::strategy::Built;

/// How old an object has to be before a run that holds no lock takes it for garbage: another run may have just written it.
pub(crate) const GRACE: Duration = Duration::from_secs(3600);

/// Whether what readers may still hold since then is to stand a while longer. The clock of who wrote the time may be ahead of this one.
pub(crate) fn in_grace(since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    (now - since).abs().to_std().is_ok_and(|apart| apart < GRACE)
}

/// Commits what was built, where that differs from what stands. Records that the same rows were built again count as a
/// difference too: they spare the next run the work.
pub(crate) async fn commit_models(
    run: &mut Run<'_>,
    names: &Names,
    built: Built,
    as_of: Option<DateTime<Utc>>,
) -> Result<(), EngineError> {
    let Built { models, withheld, ended, .. } = built;
    let retired: BTreeSet<String> =
        retired_sources(run.context, run.options, run.latest.as_ref()).into_keys().collect();
    let before = run.latest.as_ref().map(|commit| &commit.withheld);
    let same = models == run.models() && before.map_or(withheld.is_empty(), |before| *before == withheld);
    if same && retired.is_empty() && ended.is_empty() {
        return Ok(());
    }
    run.go_on()?;
    run.context.observer.begins(&Stage::Commit);
    run.commit(names, Change::Models { as_of, models, withheld, ended, retired }).await
}

/// Sources of the newest commit that a run retires: their landed rows are garbage once it has committed. Only a run of the
/// whole project knows which those are.
pub(crate) fn retired_sources(
    context: &Context,
    options: &RunOptions,
    latest: Option<&Commit>,
) -> BTreeMap<String, SourceState> {
    if !options.select.is_empty() {
        return BTreeMap::new();
    }
    let sources = latest.into_iter().flat_map(|commit| &commit.sources);
    let retired = sources.filter(|(name, _)| !context.project.sources.contains_key(*name));
    retired.map(|(name, state)| (name.clone(), state.clone())).collect()
}

/// Shows the newest commit in the output root. From here on a stop waits: half a publishing is finished by the next run, but
/// readers should not have to wait for one.
pub(crate) async fn publish(run: &mut Run<'_>) -> Result<(), EngineError> {
    if !run.report.committed {
        return Ok(());
    }
    let Some(commit) = &run.latest else { return Ok(()) };
    run.context.observer.begins(&Stage::Publish);
    match run.ledger.publish(commit, &run.roots.output).await {
        Ok(published) => run.report.add_published(published),
        // This run's commit stands, and whoever came after it publishes what follows from it.
        Err(LedgerError::Overtaken { winner }) => tracing::info!(winner, "a newer commit is published by its own run"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Removes what nobody names, after a failed run too; so a run that fails every hour does not fill the disk. What the caller
/// has to know is how the run itself ended, so trouble here is only logged.
pub(crate) async fn leave_no_garbage(run: &Run<'_>) {
    if let Err(error) = collect_garbage(run).await {
        tracing::warn!(%error, "garbage is left for the next run");
    }
}

/// Removes what the newest commit does not name.
async fn collect_garbage(run: &Run<'_>) -> Result<(), EngineError> {
    let removed = run.ledger.collect_garbage(run.latest.as_ref(), grace(run.state())).await?;
    tracing::debug!(removed, "garbage collected");
    Ok(())
}

/// How long garbage of a state root is spared. Readers of the output never look into the state root, so under the lock of a
/// local one nothing has to be.
pub(crate) fn grace(state: &OutputRoot) -> Duration {
    if state.local.is_some() { Duration::ZERO } else { GRACE }
}
