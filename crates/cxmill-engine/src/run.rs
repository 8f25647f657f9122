//! The main path: start reading here.

use crate::clock::{self, rfc3339};
use crate::compile::Compiled;
use crate::context::{Context, RunOptions};
use crate::contract::Landed;
use crate::discover::PendingSource;
use crate::error::EngineError;
use crate::interrupt::interruptible;
use crate::land::land_source;
use crate::memory;
use crate::plan::{ModelAction, ModelPlan, Prepared, prepare};
use crate::publish::{leave_no_garbage, retired_sources};
use crate::recover::{Listed, Run, recover};
use crate::report::RunReport;
use crate::scratch::Scratch;
use crate::strategy::{bring_up_to_date as bring_models_up_to_date, returned, stale_rebuilds};

/// Runs the project once: recover → discover → begin → decode → enforce → land → build models → stage → check → commit →
/// publish → report.
///
/// Errors: [`EngineError::Data`] and [`EngineError::Invalid`] before the batch at fault is consumed;
/// [`EngineError::Conflict`] when another run won, with nothing changed; [`EngineError::Store`] with nothing published; the
/// next run continues from the last commit in all cases. A failed check is not an error: see [`RunReport::failed`].
pub async fn run(context: &Context, compiled: &Compiled, options: &RunOptions) -> Result<RunReport, EngineError> {
    Ok(Box::pin(once(context, compiled, options)).await?.0)
}

/// One run, with what it listed of each source.
pub(crate) async fn once(
    context: &Context,
    compiled: &Compiled,
    options: &RunOptions,
) -> Result<(RunReport, Listed), EngineError> {
    let mut run = recover(context, compiled, options).await?;
    let outcome = Box::pin(bring_up_to_date(&mut run)).await;
    if let Err(error) = outcome {
        return Err(failed(&run, error).await);
    }
    let mut report = run.report;
    report.seconds = run.watch.seconds();
    report.peak_memory_bytes = memory::peak();
    Ok((report, run.listed))
}

/// Everything after recovery, as one sentence.
async fn bring_up_to_date(run: &mut Run<'_>) -> Result<(), EngineError> {
    let prepared = discover(run).await?;
    run.listed = prepared.sources.iter().map(|source| (source.source.name.clone(), source.listing)).collect();
    hint_at_replay(run, &prepared);
    if nothing_to_do(run, &prepared) {
        stand_still(run, &prepared);
        return Ok(());
    }
    own_the_output(run, &prepared).await?;
    let scratch = Scratch::create(run.state())?;
    land(run, &prepared).await?;
    let as_of = clock::as_of(run.options, &run.context.project, &run.sources());
    run.report.as_of = as_of.map(rfc3339);
    Box::pin(bring_models_up_to_date(run, as_of, scratch.path())).await?;
    leave_no_garbage(run).await;
    Ok(())
}

/// Lists what is new and plans; a source that cannot be read as it is stops the run before anything is consumed.
async fn discover<'a>(run: &Run<'a>) -> Result<Prepared<'a>, EngineError> {
    let Run { context, compiled, options, roots, ledger, latest, .. } = run;
    let work = prepare(context, compiled, options, roots, ledger, latest.as_ref());
    let mut prepared = interruptible(&context.progress, Box::pin(work)).await?;
    match prepared.sources.iter_mut().find_map(|source| source.refusal.take()) {
        Some(refusal) => Err(refusal),
        None => Ok(prepared),
    }
}

/// Says where rows in quarantine may meet their contract now: it changed, and as landed rows stand, it allows more than it did.
fn hint_at_replay(run: &mut Run<'_>, prepared: &Prepared<'_>) {
    let standing = run.sources();
    for source in prepared.sources.iter().filter(|source| source.landed == Landed::Stay).map(|source| source.source) {
        let Some(state) = standing.get(&source.name).filter(|state| state.totals.quarantined > 0) else { continue };
        if state.contract != source.canonical() {
            let (name, rows) = (&source.name, state.totals.quarantined);
            run.report.warnings.push(format!(
                "source {name}: its contract changed while {rows} rows were in quarantine; `cxmill quarantine replay {name}` feeds \
                 back those that meet it now"
            ));
        }
    }
}

/// Lands the new files of every source, batch by batch; each batch is committed by itself.
async fn land(run: &mut Run<'_>, prepared: &Prepared<'_>) -> Result<(), EngineError> {
    for source in &prepared.sources {
        let report = Box::pin(land_source(run, source)).await?;
        run.report.sources.push(report);
    }
    Ok(())
}

/// Whether the plan has nothing to read, to build, to retire, to take up again or to give up.
fn nothing_to_do(run: &Run<'_>, prepared: &Prepared<'_>) -> bool {
    let stands = |plan: &ModelPlan| match plan.action {
        ModelAction::Build | ModelAction::Judge | ModelAction::Retire | ModelAction::Remove => false,
        ModelAction::Keep | ModelAction::Inline | ModelAction::Skip => true,
    };
    let known = |source: &PendingSource<'_>| {
        let unchanged = source.landed == Landed::Stay && source.restating.is_none();
        source.files.is_empty() && unchanged && source.moved.is_none()
    };
    prepared.sources.iter().all(known)
        && prepared.plan.models.iter().all(stands)
        && returned(run.compiled, run.latest.as_ref()).next().is_none()
        && retired_sources(run.context, run.options, run.latest.as_ref()).is_empty()
        && stale_rebuilds(run).is_empty()
}

/// Fails where a model is to be built whose folder in the output root another state root publishes in.
async fn own_the_output(run: &Run<'_>, prepared: &Prepared<'_>) -> Result<(), EngineError> {
    let published = run.models();
    let built = prepared.plan.models.iter().filter(|plan| plan.action == ModelAction::Build);
    // What is published already was looked at when it was published again.
    let new: Vec<&str> = built.map(|plan| plan.name.as_str()).filter(|name| !published.contains_key(*name)).collect();
    Ok(run.ledger.owns(&run.roots.output, &new).await?)
}

/// Reports that everything stands as it is.
fn stand_still(run: &mut Run<'_>, prepared: &Prepared<'_>) {
    run.report.as_of = clock::as_of(run.options, &run.context.project, &run.sources()).map(rfc3339);
    run.report.stand_still(&prepared.plan, &run.models());
}

/// The error that a run ends with, once its garbage is gone.
pub(crate) async fn failed(run: &Run<'_>, error: EngineError) -> EngineError {
    // An overtaken run touches nothing.
    if !matches!(error, EngineError::Conflict(_)) {
        leave_no_garbage(run).await;
    }
    error
}
