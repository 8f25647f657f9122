//! Strategy `state`: only new rows are read, and added to the states of the groups they belong to.
//!
//! ```text
//! new landed files ─ states of their rows ─ cut ─┬─ month=2026-01  + kept states ─ combine ─┬─ states, kept from now on
//!                                                └─ month=2026-03 ──────────────────────────┴─ finish ─ stage ─ check
//! ```
//! A partition that no new row belongs to is neither read nor written; one that rows were taken out of is made again (see
//! [`revise`]). A model that was never built, that changed, or whose source was read as a whole takes all landed rows, by the
//! same path with no kept states. So does one of which a kept state is lost, or whose event dates do not tell which states rows
//! were taken out of. Where all landed rows are more than one batch, they are taken batch by batch: see [`Due`].

mod add;
mod keep;
mod rebuild;
pub(crate) mod revise;

use cxmill_ledger::{Epoch, LandedFile, Names, Rebuild};

use self::add::{Added, Standing, add, first_lost};
pub(crate) use self::rebuild::{Due, begun, take_batch};
use self::revise::{Again, Revision};
use crate::decide::{Take, batches, begin, go_on, left, take};
use crate::error::EngineError;
use crate::strategy::work::{Done, Work};

/// Brings a model up to date from the rows it has not seen, and checks the whole result; or tells what is due before that. A
/// stop drops the query at once.
pub(crate) async fn build(work: Work<'_>, names: &Names) -> Result<Done, EngineError> {
    let Work { run, model, models, .. } = work;
    let source = work.only_source()?;
    let landed = work.landed(source).await?;
    let state = run.latest.as_ref().and_then(|commit| commit.sources.get(source));
    let (mut lost, mut because) = (None, None);
    let mut begun = begun(run.latest.as_ref(), model, work.inputs);
    if let Some(rebuild) = begun {
        lost = first_lost(run.state(), &rebuild.states).await?;
        begun = begun.filter(|_| lost.is_none());
    } else if let (Some(previous), Some(state)) = (models.get(&model.name), state) {
        let take = take(&model.fingerprint, Some(previous), source, Some(state), work.anew());
        let max_bytes = run.context.project.settings.max_batch_bytes;
        if let Some(revision) = Revision::of(work.written()?, model, state, &landed, take, max_bytes) {
            let standing = Standing { states: &previous.states, shown: Some(&previous.files) };
            match add(work, names, &landed, &revision, standing).await? {
                Added::Done(done) => return Ok(Done { because: revision.again.as_ref().map(made_again), ..*done }),
                Added::Lost(name) => lost = Some(name),
            }
        } else if matches!(take, Take::Revised(_)) {
            let built = "rows were taken out, and it is built from all landed rows, as `plan` says why";
            because = Some(built.to_owned());
        }
    }
    let warning = lost.map(|name| {
        format!("model {}: the kept states in {name} were lost, so it is built from all landed rows", model.name)
    });
    let position = state.map(|state| state.changed_at).unwrap_or_default();
    let rebuild = begun.cloned().unwrap_or_else(|| begin(&model.fingerprint, position));
    let done = Box::pin(finish(work, names, &landed, rebuild, position)).await?;
    Ok(Done { warning, because, touched: None, ..done })
}

fn made_again(again: &Again<'_>) -> String {
    let partitions = match again.partitions() {
        1 => "the partition that they were in is".to_owned(),
        more => format!("the {more} partitions that they can have been in are"),
    };
    format!("rows were taken out, and {partitions} made again")
}

/// Publishes what a rebuild comes to with the rows it did not take, where those are no more than a batch.
async fn finish(
    work: Work<'_>,
    names: &Names,
    landed: &[LandedFile],
    rebuild: Rebuild,
    position: Epoch,
) -> Result<Done, EngineError> {
    let max_batch_bytes = work.run.context.project.settings.max_batch_bytes;
    let due = |rebuild, left| Ok(Done { due: Some(Box::new(Due { rebuild, left })), ..Done::default() });
    let many = |files: &[LandedFile]| batches(files, |file| file.bytes, max_batch_bytes).len() > 1;
    let rest = left(landed, &rebuild);
    if many(&rest) || (rebuild.batches > 0 && !rest.is_empty()) {
        return due(rebuild, rest);
    }
    let whole = if rest.is_empty() { go_on(rebuild, position) } else { rebuild };
    let new = left(landed, &whole);
    if many(&new) {
        return due(whole, new);
    }
    let standing = Standing { states: &whole.states, shown: None };
    match add(work, names, landed, &Revision::first(new), standing).await? {
        Added::Done(done) => Ok(*done),
        Added::Lost(name) => Err(EngineError::Bug(format!("{name} was looked at and is lost"))),
    }
}
