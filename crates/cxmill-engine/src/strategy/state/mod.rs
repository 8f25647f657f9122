//! Strategy `state`: only new rows are read, and added to the states of the groups they belong to.
//!
//! ```text
//! new landed files ─ states of their rows ─ cut ─┬─ month=2026-01  + kept states ─ combine ─┬─ states, kept from now on
//!                                                └─ month=2026-03 ──────────────────────────┴─ finish ─ stage ─ check
//! ```
//! A partition that no new row belongs to is neither read nor written. A model that was never built, that changed, or whose
//! source dropped rows takes all landed rows, by the same path with no kept states. So does one of which a kept state is lost.

mod keep;

use std::collections::BTreeSet;
use std::sync::Arc;

use cxmill_incremental::Split;
use cxmill_ledger::{LandedFile, Names, OutputRoot, PublishedFile, StateFile};
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::{DataFrame, SessionContext};
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;

use self::keep::Keeper;
use crate::compile::query;
use crate::decide::{Take, take};
use crate::error::EngineError;
use crate::roots::path_of;
use crate::stage::{Failure, StageRequest, stage};
use crate::strategy::work::{Done, Input, STATE, Work};
use crate::tables::{TableFile, table};

/// Looks at kept states under way at a time.
const LOOKS_AT_ONCE: usize = 16;

/// What stands and stays: kept states and published files.
#[derive(Debug, Clone, Copy, Default)]
struct Standing<'a> {
    states: &'a [StateFile],
    files: &'a [PublishedFile],
}

/// How adding new rows ended.
enum Added {
    Done(Box<Done>),
    /// An object of kept states is not there as it was committed.
    Lost(String),
}

/// Brings a model up to date from the rows it has not seen, and checks the whole result. A stop drops the query at once.
pub(crate) async fn build(work: Work<'_>, names: &Names) -> Result<Done, EngineError> {
    let Work { run, model, models, .. } = work;
    let source = work.inputs.first().copied();
    let source = source.ok_or_else(|| EngineError::Bug(format!("model {} reads no source", model.name)))?;
    let landed = work.landed(source).await?;
    let previous = models.get(&model.name);
    let state = run.latest.as_ref().and_then(|commit| commit.sources.get(source));
    let mut lost = None;
    if let (Take::After(seen), Some(previous)) =
        (take(&model.fingerprint, previous, source, state, run.options.full_refresh), previous)
    {
        let new: Vec<LandedFile> = landed.iter().filter(|file| file.epoch() > Some(seen)).cloned().collect();
        let standing = Standing { states: &previous.states, files: &previous.files };
        match add(work, names, source, &landed, &new, standing).await? {
            Added::Done(done) => return Ok(*done),
            Added::Lost(name) => lost = Some(name),
        }
    }
    match add(work, names, source, &landed, &landed, Standing::default()).await? {
        Added::Done(done) => {
            let warning = lost.map(|name| {
                format!(
                    "model {}: the kept states in {name} were lost, so it was built from all landed rows",
                    model.name
                )
            });
            Ok(Done { warning, touched: None, ..*done })
        }
        Added::Lost(name) => Err(EngineError::Bug(format!("{name} was lost and is not needed"))),
    }
}

/// Adds the rows of `new` files to what stands; `landed` are all files of the source, which checks may read.
async fn add(
    work: Work<'_>,
    names: &Names,
    source: &str,
    landed: &[LandedFile],
    new: &[LandedFile],
    standing: Standing<'_>,
) -> Result<Added, EngineError> {
    let Work { run, model, .. } = work;
    let rows = work.source(source, new)?;
    let bytes_read = rows.files.iter().map(|file| file.bytes).sum();
    let planned = async {
        let ctx = work.session(std::slice::from_ref(&rows))?;
        let split = query::split(&ctx, &run.context.project, &model.name, work.instant()).await?;
        Ok((ctx, split.map_err(|reason| DataFusionError::Plan(reason.message))?))
    };
    let (ctx, split) = planned.await.map_err(|error: DataFusionError| EngineError::query(&model.name, &error))?;
    let kept =
        Input { name: "states", schema: Arc::clone(split.state_schema()), files: table_files(work, standing.states)? };
    let given = [work.source(source, landed)?, kept];
    let [all, _] = &given;
    let adding = Adding { work, names, ctx: &ctx, split: &split, standing };
    let attempt = async {
        let done = match Box::pin(adding.stage(source)).await? {
            Added::Done(done) => done,
            lost @ Added::Lost(_) => return Ok(lost),
        };
        // Checks may read all rows of the source, so they have a session of their own.
        let checks = match &done.staged {
            Some(staged) => work.check(&work.session(std::slice::from_ref(all))?, &staged.files).await?,
            None => Vec::new(),
        };
        Ok(Added::Done(Box::new(Done { checks, bytes_read, ..*done })))
    };
    work.settle(attempt, &given).await
}

/// Rows being added to what stands.
struct Adding<'a> {
    work: Work<'a>,
    names: &'a Names,
    /// A session in which the source has only the rows that are added.
    ctx: &'a SessionContext,
    split: &'a Split,
    standing: Standing<'a>,
}

impl Adding<'_> {
    /// Makes the states of the rows, combines them with the kept ones of the same partitions, and stages the finished rows.
    async fn stage(&self, source: &str) -> Result<Added, Failure> {
        let Self { work, names, ctx, split, standing } = self;
        let Work { run, model, models, .. } = *work;
        let written = work.written()?;
        let keeper = Keeper::new(written, split, &model.schema, run.state())?;

        let rows = provider_as_source(ctx.table_provider(source).await?);
        let new = self.query(split.state_plan(rows)?);
        let new = keeper.keep(new, |partition| names.new_state(&model.name, partition)).await?;
        let touched: BTreeSet<&str> = new.iter().map(|state| state.partition.as_str()).collect();
        let (old, untouched): (Vec<StateFile>, Vec<StateFile>) =
            standing.states.iter().cloned().partition(|state| touched.contains(state.partition.as_str()));
        if let Some(lost) = self.lost(&old).await? {
            return Ok(Added::Lost(lost));
        }
        let known: BTreeSet<&str> = old.iter().map(|state| state.partition.as_str()).collect();
        let (again, mut current): (Vec<StateFile>, Vec<StateFile>) =
            new.iter().cloned().partition(|state| known.contains(state.partition.as_str()));
        if !again.is_empty() {
            let both: Vec<StateFile> = old.iter().chain(&again).cloned().collect();
            let combined = self.query(split.combine_plan(self.states(&both)?)?);
            current.extend(keeper.keep(combined, |partition| names.state(&model.name, partition)).await?);
        }

        let finished = split.finish_plan(self.states(&current)?)?;
        let finished = query::as_published(ctx, &model.name, finished, &model.schema)?;
        let stays = |file: &&PublishedFile| {
            let elsewhere = keeper.as_output() && !touched.contains(file.published.as_str());
            // The file without rows of an empty table goes when there are rows.
            file.rows > 0 && (touched.is_empty() || elsewhere)
        };
        let kept: Vec<PublishedFile> = standing.files.iter().filter(stays).cloned().collect();
        let request = StageRequest {
            model: written,
            compiled: model,
            names,
            root: run.state(),
            previous: models.get(&model.name),
            anew: run.options.full_refresh,
            kept: &kept,
            now: run.context.now,
        };
        let staged = Box::pin(stage(finished, request)).await?;
        let mut states: Vec<StateFile> = untouched.into_iter().chain(current).collect();
        states.sort_by(|a, b| a.partition.cmp(&b.partition));
        let touched = Some(new.into_iter().map(|state| state.partition).collect());
        Ok(Added::Done(Box::new(Done { staged: Some(staged), states, touched, ..Done::default() })))
    }

    fn query(&self, plan: LogicalPlan) -> DataFrame {
        DataFrame::new(self.ctx.state(), plan)
    }

    /// The rows of kept states.
    fn states(&self, states: &[StateFile]) -> Result<LogicalPlan, Failure> {
        let root = self.work.run.state();
        let files = table_files(self.work, states)?;
        let states = table(self.ctx, Arc::clone(self.split.state_schema()), STATE, &root.store, files)?;
        Ok(LogicalPlanBuilder::scan("states", provider_as_source(states), None)?.build()?)
    }

    /// The first of these objects that is not there with the size it was committed with.
    async fn lost(&self, states: &[StateFile]) -> Result<Option<String>, EngineError> {
        let root = self.work.run.state();
        let looks: Vec<_> = states.iter().map(|state| is_lost(root, state)).collect();
        let looks: Vec<bool> = futures::stream::iter(looks).buffered(LOOKS_AT_ONCE).try_collect().await?;
        Ok(states.iter().zip(looks).find_map(|(state, lost)| lost.then(|| state.name.as_str().to_owned())))
    }
}

async fn is_lost(root: &OutputRoot, state: &StateFile) -> Result<bool, EngineError> {
    match root.store.head(&path_of(root, state.name.as_str())?).await {
        Ok(found) => Ok(found.size != state.bytes),
        Err(object_store::Error::NotFound { .. }) => Ok(true),
        Err(error) => {
            let help = "look at `state` and at the permissions there".to_owned();
            Err(EngineError::store("looking at", state.name.as_str(), &error, help))
        }
    }
}

fn table_files(work: Work<'_>, states: &[StateFile]) -> Result<Vec<TableFile>, EngineError> {
    let file = |state: &StateFile| {
        let path = path_of(work.run.state(), state.name.as_str())?;
        Ok(TableFile { path, bytes: state.bytes, rows: state.rows })
    };
    states.iter().map(file).collect()
}
