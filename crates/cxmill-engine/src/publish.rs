//! The end of a run: the commit that makes it real, the publishing that shows it, and the garbage.

use std::time::Duration;

use chrono::{DateTime, Utc};
use cxmill_ledger::LedgerError;

use crate::context::Stage;
use crate::error::EngineError;
use crate::recover::Run;
use crate::strategy::Built;

/// How old an object has to be before a run that holds no lock takes it for garbage: another run may have just written it.
const GRACE: Duration = Duration::from_secs(3600);

/// Commits what was built, where that differs from what stands. Records that the same rows were built again count as a
/// difference too: they spare the next run the work.
pub(crate) async fn commit_models(
    run: &mut Run<'_>,
    built: Built,
    as_of: Option<DateTime<Utc>>,
) -> Result<(), EngineError> {
    let mut sources = run.sources();
    let before = sources.len();
    // A source that the project no longer has is retired: its landed rows are garbage once this stands.
    sources.retain(|name, _| run.context.project.sources.contains_key(name));
    if built.models == run.models() && sources.len() == before {
        return Ok(());
    }
    run.go_on()?;
    run.context.observer.begins(&Stage::Commit);
    run.commit(&built.names, as_of, sources, built.models).await
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

/// Removes what the newest commit does not name. Readers of the output never look into the state root, so under the lock of a
/// local one nothing has to be spared.
pub(crate) async fn collect_garbage(run: &Run<'_>) -> Result<(), EngineError> {
    let grace = if run.roots.state.local.is_some() { Duration::ZERO } else { GRACE };
    let removed = run.ledger.collect_garbage(run.latest.as_ref(), grace).await?;
    tracing::debug!(removed, "garbage collected");
    Ok(())
}
