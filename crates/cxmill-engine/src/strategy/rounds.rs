//! Models in rounds, so that one which is built anew from much data holds up nobody but its readers.
//!
//! ```text
//! round 1   every model but those that are due a rebuild in batches, and what reads them ─ commit ─ publish
//!           a batch of the first of those ─ commit ─ a batch ─ commit ─ …            readers notice nothing of it
//! round 2   that model from its states, and what reads it ─ commit ─ publish
//!           …                                                                       until none is due
//! ```
//! Each batch is committed by itself, so the next run goes on where this one ends, however it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{DateTime, Utc};

use super::room::Room;
use super::state::{Due, take_batch};
use super::work::Work;
use super::{build_models, view};
use crate::clock::Stopwatch;
use crate::commit::Change;
use crate::context::Stage;
use crate::error::EngineError;
use crate::publish::{commit_models, leave_no_garbage, publish};
use crate::recover::Run;

/// What a round of models looks at.
#[derive(Debug)]
pub(super) struct Round {
    /// The models that no earlier round settled.
    pub(super) open: BTreeSet<String>,
    /// What a batch of a model ran into.
    pub(super) failed: BTreeMap<String, EngineError>,
}

/// Builds, commits and publishes every selected model that is not up to date.
pub(crate) async fn bring_up_to_date(
    run: &mut Run<'_>,
    as_of: Option<DateTime<Utc>>,
    scratch: &Path,
) -> Result<(), EngineError> {
    let open = run.compiled.models.iter().map(|model| model.name.clone()).collect();
    let mut round = Round { open, failed: BTreeMap::new() };
    let room = Room::new(&run.context.project.settings, scratch);
    let mut allowed = run.options.rebuild_batches.unwrap_or(u64::MAX);
    loop {
        let names = run.ledger.begin(run.latest.as_ref());
        let mut built = Box::pin(build_models(run, as_of, &room, &names, &mut round)).await?;
        let due = built.due.drain(..).next();
        round.open = std::mem::take(&mut built.waiting);
        commit_models(run, &names, built, as_of).await?;
        publish(run).await?;
        let Some((model, due)) = due else { return Ok(()) };
        let left = due.batches(run.context.project.settings.max_batch_bytes).len() as u64;
        match Box::pin(take_batches(run, &model, *due, as_of, &room, allowed)).await {
            Ok(()) => allowed = allowed.saturating_sub(left),
            Err(error @ EngineError::Query { .. }) => {
                round.failed.insert(model, error);
            }
            Err(other) => return Err(other),
        }
        if allowed == 0 {
            return Ok(());
        }
    }
}

/// Takes what a model is due, at most so many batches, each in a commit of its own.
async fn take_batches(
    run: &mut Run<'_>,
    name: &str,
    due: Due,
    as_of: Option<DateTime<Utc>>,
    room: &Room<'_>,
    allowed: u64,
) -> Result<(), EngineError> {
    let model = view::find(run.compiled, name);
    let model = model.ok_or_else(|| EngineError::Bug(format!("model {name} is due and not compiled")))?;
    let inputs = view::inputs(run.compiled, model);
    let batches = due.batches(run.context.project.settings.max_batch_bytes);
    let mut rebuild = due.rebuild.clone();
    let all = rebuild.batches + batches.len() as u64;
    for (batch, _) in batches.into_iter().zip(0..allowed) {
        run.go_on()?;
        let watch = Stopwatch::start();
        let stage = Stage::Rebuild { model: name.to_owned(), batch: rebuild.batches + 1, batches: all };
        run.context.observer.begins(&stage);
        let names = run.ledger.begin(run.latest.as_ref());
        let models = run.models();
        let threads = run.context.project.settings.threads;
        let work = Work { run, model, inputs: &inputs, models: &models, as_of, room, threads };
        rebuild = Box::pin(take_batch(work, &names, &rebuild, batch)).await?;
        let change = Change::Rebuild { model: name.to_owned(), rebuild: Box::new(rebuild.clone()) };
        run.commit(&names, change).await?;
        run.report.took_batch(name, batch.iter().map(|file| file.bytes).sum(), watch.seconds());
        leave_no_garbage(run).await;
    }
    Ok(())
}
