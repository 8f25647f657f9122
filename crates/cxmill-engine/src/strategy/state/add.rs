//! Rows are added to states: of the new rows' partitions, the kept states are combined with those of the rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use cxmill_incremental::Split;
use cxmill_ledger::{LandedFile, Names, OutputRoot, PublishedFile, StateFile};
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::{DataFrame, SessionContext};
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;

use super::keep::Keeper;
use super::revise::{Again, Revision};
use crate::compile::query;
use crate::error::EngineError;
use crate::roots::path_of;
use crate::stage::{Failure, StageRequest, stage};
use crate::strategy::partition::cut::{Cut, Group};
use crate::strategy::partition::within;
use crate::strategy::work::{Done, Input, STATE, Work};
use crate::tables::{TableFile, table};

/// Looks at kept states under way at a time.
const LOOKS_AT_ONCE: usize = 16;

/// What stands and stays.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing<'a> {
    /// Kept states.
    pub(super) states: &'a [StateFile],
    /// The published files that show them; none where no file does.
    pub(super) shown: Option<&'a [PublishedFile]>,
}

/// How adding new rows ended.
pub(super) enum Added<T = Box<Done>> {
    Done(T),
    /// An object of kept states is not there as it was committed.
    Lost(String),
}

/// Adds new rows to what stands, makes again what rows were taken out of, and stages what they come to; `landed` are all files
/// of the source, which checks may read.
pub(super) async fn add(
    work: Work<'_>,
    names: &Names,
    landed: &[LandedFile],
    revision: &Revision<'_>,
    standing: Standing<'_>,
) -> Result<Added, EngineError> {
    let source = work.only_source()?;
    let rows = work.source(source, &revision.new)?;
    let (ctx, split) = planned(work, &rows).await?;
    let given = [work.source(source, landed)?, kept(work, &split, standing.states)?];
    let [all, _] = &given;
    let adding = Adding { work, names, ctx: &ctx, split: &split };
    let attempt = async {
        let states = match Box::pin(adding.add(standing.states, revision.again.as_ref())).await? {
            Added::Done(states) => states,
            Added::Lost(name) => return Ok(Added::Lost(name)),
        };
        let staged = Box::pin(adding.stage(&states, standing.shown)).await?;
        // Checks may read all rows of the source, so they have a session of their own.
        let checks = work.check(&work.session(std::slice::from_ref(all))?, &staged.files).await?;
        let bytes_read = revision.bytes();
        let touched = Some(states.touched.iter().cloned().collect());
        let done = Done { staged: Some(staged), checks, bytes_read, touched, states: states.all(), ..Done::default() };
        Ok(Added::Done(Box::new(done)))
    };
    work.settle(attempt, &given).await
}

/// Adds the rows of `new` files to kept states, which are there as they were committed; gives all states.
pub(super) async fn add_rows(
    work: Work<'_>,
    names: &Names,
    new: &[LandedFile],
    standing: &[StateFile],
) -> Result<Vec<StateFile>, EngineError> {
    let rows = work.source(work.only_source()?, new)?;
    let (ctx, split) = planned(work, &rows).await?;
    let given = [rows, kept(work, &split, standing)?];
    let adding = Adding { work, names, ctx: &ctx, split: &split };
    let attempt = async {
        match Box::pin(adding.add(standing, None)).await? {
            Added::Done(states) => Ok(states.all()),
            Added::Lost(name) => {
                let message = format!("the kept states of model {} in {name} are lost", work.model.name);
                let help = Some("run again: it begins to build the model anew".to_owned());
                Err(EngineError::Store { message, help }.into())
            }
        }
    };
    work.settle(attempt, &given).await
}

/// A session in which the source has only these rows, and the query of the model over it.
async fn planned(work: Work<'_>, rows: &Input<'_>) -> Result<(SessionContext, Split), EngineError> {
    let Work { run, model, .. } = work;
    let planned = async {
        let ctx = work.session(std::slice::from_ref(rows))?;
        let split = query::split(&ctx, &run.context.project, &model.name, work.instant()).await?;
        Ok((ctx, split.map_err(|reason| DataFusionError::Plan(reason.message))?))
    };
    planned.await.map_err(|error: DataFusionError| EngineError::query(&model.name, &error))
}

/// Kept states as a table that a query is given.
fn kept<'a>(work: Work<'_>, split: &Split, states: &[StateFile]) -> Result<Input<'a>, EngineError> {
    Ok(Input { name: "states", schema: Arc::clone(split.state_schema()), files: table_files(work, states)? })
}

/// Rows being added to what stands.
struct Adding<'a> {
    work: Work<'a>,
    names: &'a Names,
    /// A session in which the source has only the rows that are added.
    ctx: &'a SessionContext,
    split: &'a Split,
}

/// States of a model after rows were added.
struct States {
    /// Those that no row belongs to.
    untouched: Vec<StateFile>,
    /// Those that hold new rows.
    current: Vec<StateFile>,
    /// Partitions of the latter.
    touched: BTreeSet<String>,
}

impl States {
    /// All of them, sorted by partition.
    fn all(self) -> Vec<StateFile> {
        let mut states: Vec<StateFile> = self.untouched.into_iter().chain(self.current).collect();
        states.sort_by(|a, b| a.partition.cmp(&b.partition));
        states
    }
}

impl Adding<'_> {
    fn keeper(&self) -> Result<Keeper<'_>, Failure> {
        let Work { run, model, .. } = self.work;
        Ok(Keeper::new(self.work.written()?, self.split, &model.schema, run.state())?)
    }

    /// Makes the states of the rows and combines them with the kept ones of the same partitions. Kept states that rows were
    /// taken out of are made `again` from landed rows.
    async fn add(&self, standing: &[StateFile], again: Option<&Again<'_>>) -> Result<Added<States>, Failure> {
        let Self { work, names, ctx, split } = self;
        let (keeper, model) = (self.keeper()?, &work.model.name);
        let rows = provider_as_source(ctx.table_provider(work.only_source()?).await?);
        let mut new = self.query(split.state_plan(rows)?);
        let (mut made, mut touched) = (Vec::new(), BTreeSet::new());
        let mut standing = standing.to_vec();
        if let Some(again) = again {
            made = self.make(again, &keeper).await?;
            let replaced = standing.extract_if(.., |state| again.replaces(state)).map(|state| state.partition);
            touched.extend(replaced.chain(made.iter().map(|state| state.partition.clone())));
            // Rows of these partitions are in them already.
            new = new.filter(self.within(again.cut, &again.groups)?.is_not_true())?;
        }
        let new = keeper.keep(new, |partition| names.new_state(model, partition)).await?;
        touched.extend(new.iter().map(|state| state.partition.clone()));
        let (old, untouched): (Vec<StateFile>, Vec<StateFile>) =
            standing.into_iter().partition(|state| touched.contains(&state.partition));
        if let Some(lost) = first_lost(work.run.state(), &old).await? {
            return Ok(Added::Lost(lost));
        }
        let known: BTreeSet<&str> = old.iter().map(|state| state.partition.as_str()).collect();
        let (again, mut current): (Vec<StateFile>, Vec<StateFile>) =
            new.into_iter().partition(|state| known.contains(state.partition.as_str()));
        if !again.is_empty() {
            let both: Vec<StateFile> = old.iter().chain(&again).cloned().collect();
            let combined = self.query(split.combine_plan(self.states(&both)?)?);
            current.extend(keeper.keep(combined, |partition| names.state(model, partition)).await?);
        }
        current.extend(made);
        Ok(Added::Done(States { untouched, current, touched }))
    }

    /// Makes states of partitions from all landed rows that these need.
    async fn make(&self, again: &Again<'_>, keeper: &Keeper<'_>) -> Result<Vec<StateFile>, Failure> {
        let Self { work, names, ctx, split } = self;
        let source = work.only_source()?;
        let mut made = Vec::new();
        for group in &again.groups {
            work.run.go_on()?;
            let files = group.files.get(source).map_or(&[][..], Vec::as_slice);
            let Input { schema, files, .. } = work.dated(source, files)?;
            let rows = provider_as_source(table(ctx, schema, STATE, &work.run.state().store, files)?);
            let states = self.query(split.state_plan(rows)?);
            let states = states.filter(self.within(again.cut, std::slice::from_ref(group))?)?;
            made.extend(keeper.keep(states, |partition| names.state(&work.model.name, partition)).await?);
        }
        Ok(made)
    }

    /// Whether the groups of a table of states belong to these partitions.
    fn within(&self, cut: Cut<'_>, groups: &[Group<'_>]) -> Result<Expr, EngineError> {
        let key = self.split.keys().iter().find(|key| key.output.as_deref() == Some(cut.column()));
        let key = key.ok_or_else(|| EngineError::Bug(format!("no key of {} tells its dates", self.work.model.name)))?;
        Ok(within(&key.name, &key.data_type, groups))
    }

    /// Finishes the states that published files do not show as they are, and stages the rows.
    async fn stage(&self, states: &States, shown: Option<&[PublishedFile]>) -> Result<crate::stage::Staged, Failure> {
        let Self { work, names, ctx, split } = self;
        let Work { run, model, models, .. } = *work;
        let as_output = self.keeper()?.as_output();
        let States { untouched, current, touched } = states;
        let finish: Vec<StateFile> = match shown {
            Some(_) => current.clone(),
            None => untouched.iter().chain(current).cloned().collect(),
        };
        let finished = split.finish_plan(self.states(&finish)?)?;
        let finished = query::as_published(ctx, &model.name, finished, &model.schema)?;
        let stays = |file: &&PublishedFile| {
            let elsewhere = as_output && !touched.contains(&file.published);
            // The file without rows of an empty table goes when there are rows.
            file.rows > 0 && (touched.is_empty() || elsewhere)
        };
        let kept: Vec<PublishedFile> = shown.unwrap_or_default().iter().filter(stays).cloned().collect();
        let request = StageRequest {
            model: work.written()?,
            compiled: model,
            names,
            root: run.state(),
            previous: models.get(&model.name),
            anew: work.anew(),
            kept: &kept,
            now: run.context.now,
        };
        Box::pin(stage(finished, request)).await
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
}

/// The first of these objects that is not there with the size it was committed with.
pub(super) async fn first_lost(root: &OutputRoot, states: &[StateFile]) -> Result<Option<String>, EngineError> {
    let looks: Vec<_> = states.iter().map(|state| is_lost(root, state)).collect();
    let looks: Vec<bool> = futures::stream::iter(looks).buffered(LOOKS_AT_ONCE).try_collect().await?;
    Ok(states.iter().zip(looks).find_map(|(state, lost)| lost.then(|| state.name.as_str().to_owned())))
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
