//! What a run will do, as data: `plan` prints it, `run` executes it.
//!
//! Both come from `prepare`: the same listing, the same batches, the same decisions. A run decides about each model once
//! more when its turn comes, by the same function, because only then it is known whether new files brought new rows.

use std::collections::{BTreeMap, BTreeSet};

use cxmill_ledger::{Commit, Epoch, Ledger, ModelState, SourceState};
use cxmill_spec::{Project, Strategy, UniqueWithin};
use serde::Serialize;

use crate::clock;
use crate::compile::{Compiled, CompiledModel};
use crate::context::{Context, RunOptions};
use crate::contract::Landed;
use crate::decide::{Decision, Facts, Input, Retirement, Step, batches as cut, decide, reads, retirement, take};
use crate::delivery;
use crate::discover::{PendingSource, discover_sources, selected};
use crate::error::EngineError;
use crate::location;
use crate::publish::retired_sources;
use crate::recover::check_selection;
use crate::restate::Restating;
use crate::roots::Roots;
use crate::strategy::partition::cut::Group;
use crate::strategy::state::begun;
use crate::strategy::state::revise::Revision;
use crate::strategy::view::{find, inputs};
use crate::strategy::{partition, retired};

/// What the next run would do.
#[derive(Debug, Serialize)]
pub struct RunPlan {
    /// Epoch of the newest commit; 0 before the first.
    pub epoch: u64,
    /// Sources by name.
    pub sources: Vec<SourcePlan>,
    /// Models in the order they are built, then those that are retired.
    pub models: Vec<ModelPlan>,
    /// Why the run would stop before it consumes anything; empty where it would not.
    pub stops: Vec<String>,
    /// The error that such a run would end with: the first of those that [`RunPlan::stops`] tells.
    #[serde(skip)]
    pub refusal: Option<EngineError>,
}

/// What a run would read of a source.
#[derive(Debug, Clone, Serialize)]
pub struct SourcePlan {
    /// Name.
    pub name: String,
    /// Location.
    pub location: String,
    /// New files.
    pub new_files: u64,
    /// Their bytes.
    pub new_bytes: u64,
    /// Files read before.
    pub known_files: u64,
    /// Files that changed after they were read.
    pub changed_files: Vec<String>,
    /// Batches of `max_batch_bytes`.
    pub batches: u64,
    /// Where rows of other event dates count for duplicates: the most bytes of keys of landed rows that each part of the new rows
    /// which fits memory is held against.
    pub compared_bytes: u64,
    /// What is promised and what is done, for people.
    pub why: String,
}

/// Bytes of the keys of a landed row.
const KEY_BYTES: u64 = 24;

/// What a run would do with a model.
#[derive(Debug, Clone, Serialize)]
pub struct ModelPlan {
    /// Name.
    pub name: String,
    /// Strategy.
    pub strategy: String,
    /// Why this strategy.
    pub strategy_why: String,
    /// What is done.
    pub action: ModelAction,
    /// Why: new, changed SQL, new rows in a source, another as-of, nothing new.
    pub why: String,
    /// What it reads.
    pub reads: Vec<String>,
    /// Bytes of landed rows it would read (what is landed already; new raw bytes come on top).
    pub reads_bytes: u64,
    /// Where single partitions are computed: those that rows touch which are landed already and that it has not seen.
    pub touches: Option<u64>,
    /// In how many batches, where it is built anew from more than one.
    pub rebuild: Option<RebuildPlan>,
    /// Where it is published.
    pub output: String,
    /// What is promised of the published table.
    pub promise: String,
}

/// The batches of a model that is built anew from landed rows, each committed by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RebuildPlan {
    /// Batches that earlier runs did; they are not read again.
    pub batches_done: u64,
    /// Batches that are left.
    pub batches: u64,
}

/// What is done with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelAction {
    /// It is built.
    Build,
    /// It stands as it is.
    Keep,
    /// It stands as it is, and its checks are judged on it.
    Judge,
    /// It is inlined into its readers.
    Inline,
    /// It was not selected.
    Skip,
    /// The project no longer publishes it: its table stands for an hour more.
    Retire,
    /// The project has not published it for an hour, or everything is built anew: its table is removed.
    Remove,
}

/// What a run would do, with what it needs to do it.
#[derive(Debug)]
pub(crate) struct Prepared<'a> {
    /// The plan.
    pub(crate) plan: RunPlan,
    /// The selected sources with their new files.
    pub(crate) sources: Vec<PendingSource<'a>>,
}

/// Plans a run; reads listings and the ledger, no data.
///
/// A run that would stop (a changed file, a changed contract) is planned all the same: the source says why, and
/// [`RunPlan::refusal`] is the error that the run would end with.
pub async fn plan(context: &Context, compiled: &Compiled, options: &RunOptions) -> Result<RunPlan, EngineError> {
    check_selection(compiled, options)?;
    let roots = Roots::open(context)?;
    let ledger = Ledger::open_read_only(roots.state.clone()).await?;
    let latest = ledger.latest().await?;
    let Prepared { mut plan, mut sources } =
        prepare(context, compiled, options, &roots, &ledger, latest.as_ref()).await?;
    plan.refusal = sources.iter_mut().find_map(|source| source.refusal.take());
    Ok(plan)
}

/// Lists what is new and decides what to do about it.
pub(crate) async fn prepare<'a>(
    context: &'a Context,
    compiled: &Compiled,
    options: &RunOptions,
    roots: &Roots,
    ledger: &Ledger,
    latest: Option<&Commit>,
) -> Result<Prepared<'a>, EngineError> {
    let sources = discover_sources(context, compiled, options, ledger, latest).await?;
    let max_batch_bytes = context.project.settings.max_batch_bytes;
    let stops = sources.iter().filter_map(|source| source.refusal.as_ref()).map(said).collect();
    let retired = retired_sources(context, options, latest);
    let landed =
        |name: &str| latest.and_then(|commit| commit.sources.get(name)).map_or(0, |state| state.totals.accepted);
    let source_plans = sources.iter().map(|source| source_plan(source, landed(&source.source.name), max_batch_bytes));
    let source_plans = source_plans.chain(retired.into_iter().map(retired_source_plan)).collect();
    let models = model_plans(context, compiled, options, roots, ledger, latest, &sources).await?;
    let epoch = latest.map_or(0, |commit| commit.epoch.0);
    Ok(Prepared { plan: RunPlan { epoch, sources: source_plans, models, stops, refusal: None }, sources })
}

/// An error in one line.
fn said(error: &EngineError) -> String {
    match error {
        EngineError::Invalid(diagnostics) => {
            diagnostics.first().map_or_else(|| error.to_string(), |diagnostic| diagnostic.message.clone())
        }
        other => other.to_string(),
    }
}

fn source_plan(pending: &PendingSource<'_>, landed: u64, max_batch_bytes: u64) -> SourcePlan {
    let compares = pending.source.unique_within != UniqueWithin::Date && pending.landed == Landed::Stay;
    let restating = pending.restating.as_ref().map(Restating::why);
    let why = match (&pending.refusal, &pending.moved) {
        (Some(refusal), _) => format!("a run stops here: {}", said(refusal)),
        (None, _) if pending.source.is_snapshot() => match pending.files.first() {
            Some(file) => {
                let name = delivery::name(location::name(&pending.place, file.path.as_ref()));
                format!("a new delivery, {name}: it replaces the rows that are landed")
            }
            None => "no new delivery".to_owned(),
        },
        (None, _) if pending.landed == Landed::ReadAgain => {
            "the contract or read files changed, or landed rows are lost: every file is read again, landed rows are dropped"
                .to_owned()
        }
        (None, _) if restating.is_some() => restating.unwrap_or_default(),
        (None, Some(moved)) => {
            format!("its location was {}: {} files are there and are not read again", moved.from, moved.same)
        }
        (None, None) if pending.files.is_empty() => "nothing new".to_owned(),
        (None, None) => "each file is read once; each batch is committed by itself".to_owned(),
    };
    let restated = || pending.restating.iter().flat_map(|restating| &restating.files);
    SourcePlan {
        name: pending.source.name.clone(),
        location: pending.place.shown.clone(),
        new_files: (pending.files.len() + restated().count()) as u64,
        new_bytes: pending.files.iter().chain(restated()).map(|file| file.size).sum(),
        known_files: pending.known,
        changed_files: pending.changed.clone(),
        batches: (pending.batches(max_batch_bytes).len() + usize::from(pending.restating.is_some())) as u64,
        compared_bytes: if compares && pending.files.len() + restated().count() > 0 { landed * KEY_BYTES } else { 0 },
        why,
    }
}

fn retired_source_plan((name, state): (String, SourceState)) -> SourcePlan {
    SourcePlan {
        name,
        location: state.location,
        new_files: 0,
        new_bytes: 0,
        known_files: state.totals.files,
        changed_files: Vec::new(),
        batches: 0,
        compared_bytes: 0,
        why: "the project no longer has it: its landed rows and what is known of its files are removed".to_owned(),
    }
}

async fn model_plans(
    context: &Context,
    compiled: &Compiled,
    options: &RunOptions,
    roots: &Roots,
    ledger: &Ledger,
    latest: Option<&Commit>,
    sources: &[PendingSource<'_>],
) -> Result<Vec<ModelPlan>, EngineError> {
    let project = &context.project;
    let selected = selected(compiled, options);
    let new_rows = |source: &PendingSource<'_>| {
        !source.files.is_empty() || source.landed == Landed::ReadAgain || source.restating.is_some()
    };
    let as_of = latest.and_then(|commit| clock::as_of(options, project, &commit.sources)).or(options.as_of);
    let as_of_may_move = options.as_of.is_none() && sources.iter().any(new_rows);
    let mut plans: Vec<ModelPlan> = Vec::new();
    for model in &compiled.models {
        let previous = latest.and_then(|commit| commit.models.get(&model.name));
        let names = inputs(compiled, model);
        let chosen = selected.contains(model.name.as_str());
        let ahead_of = |name: &str| match sources.iter().find(|source| source.source.name == name) {
            Some(source) => new_rows(source).then(|| format!("new files in {name}")),
            None => {
                let built = plans.iter().any(|plan| plan.name == name && plan.action == ModelAction::Build);
                built.then(|| format!("{name} is built before it"))
            }
        };
        // Partitions stay as they were built with older deliveries.
        let facts: Vec<Input<'_>> = names
            .iter()
            .filter(|name| !project.keeps_history(name))
            .map(|name| Input { name, changed_at: changed_at(latest, name), ahead: ahead_of(name) })
            .collect();
        let ahead: BTreeSet<&str> =
            facts.iter().filter(|input| input.ahead.is_some()).map(|input| input.name).collect();
        let Decision { step, why } = decide(&Facts {
            fingerprint: &model.fingerprint,
            previous,
            inputs: facts,
            reads_as_of: model.reads_as_of,
            checks: &model.checks,
            checks_read_as_of: model.checks_read_as_of,
            as_of,
            as_of_may_move,
            full_refresh: options.refreshes(&model.name),
            under_way: begun(latest, model, &names).is_some(),
        });
        let why = match previous {
            Some(ModelState { retired_at: Some(_), .. }) if step == Step::Keep => format!("published again; {why}"),
            _ => why,
        };
        let (action, why) = match model.strategy {
            _ if !chosen => (ModelAction::Skip, "not selected".to_owned()),
            Strategy::View => (ModelAction::Inline, "inlined into its readers".to_owned()),
            Strategy::Full | Strategy::State | Strategy::Partition => match step {
                Step::Build => (ModelAction::Build, why),
                Step::Judge => (ModelAction::Judge, why),
                Step::Keep => (ModelAction::Keep, why),
            },
        };
        let reading = Reading { project, compiled, ledger, latest, options };
        let mut plan = model_plan(model, roots, action, why);
        match (model.strategy, action) {
            (Strategy::Partition, ModelAction::Build) => {
                let (bytes, touches) = reading.partitions(model, previous, &names, &ahead).await?;
                (plan.reads_bytes, plan.touches) = (bytes, Some(touches));
            }
            (Strategy::State, ModelAction::Build) => {
                (plan.reads_bytes, plan.rebuild) = reading.states(model, previous, &names).await?;
            }
            (_, ModelAction::Build | ModelAction::Judge) => {
                for name in &names {
                    plan.reads_bytes += reading.input(name).await?;
                }
            }
            _ => {}
        }
        plans.push(plan);
    }
    for (name, state) in retired(compiled, options, latest) {
        let retirement = retirement(state, context.now, options.full_refresh);
        // A model that is a view now has its place among the models; what is done to its table is what is new.
        if retirement.is_none() && find(compiled, name).is_some() {
            continue;
        }
        plans.retain(|plan| plan.name != name);
        plans.push(retired_plan(compiled, name, state, retirement, roots));
    }
    Ok(plans)
}

fn retired_plan(
    compiled: &Compiled,
    name: &str,
    state: &ModelState,
    retirement: Option<Retirement>,
    roots: &Roots,
) -> ModelPlan {
    let now = match find(compiled, name) {
        Some(_) => "it is a view now",
        None => "the project no longer has it",
    };
    let (action, table) = match retirement {
        Some(Retirement::Begins) => (ModelAction::Retire, "its table stands for an hour more"),
        Some(Retirement::Ends) => (ModelAction::Remove, "its table is removed"),
        None => (ModelAction::Keep, "its table stands for an hour, then a run removes it"),
    };
    ModelPlan {
        name: name.to_owned(),
        strategy: state.strategy.clone(),
        strategy_why: "as it was built".to_owned(),
        action,
        why: format!("{now}; {table}"),
        reads: Vec::new(),
        reads_bytes: 0,
        touches: None,
        rebuild: None,
        output: folder(roots, name),
        promise: "not published".to_owned(),
    }
}

fn folder(roots: &Roots, model: &str) -> String {
    format!("{}/{model}/", roots.output.shown.trim_end_matches('/'))
}

fn model_plan(model: &CompiledModel, roots: &Roots, action: ModelAction, why: String) -> ModelPlan {
    let published = model.strategy != Strategy::View;
    ModelPlan {
        name: model.name.clone(),
        strategy: model.strategy.name().to_owned(),
        strategy_why: model.why.clone(),
        action,
        why,
        reads: model.reads.iter().cloned().collect(),
        reads_bytes: 0,
        touches: None,
        rebuild: None,
        output: if published { folder(roots, &model.name) } else { String::new() },
        promise: if published {
            "every row counts once; late rows revise; each file is replaced by one atomic put; files of one table are \
             replaced one after the other, not all at the same instant"
                .to_owned()
        } else {
            "not published".to_owned()
        },
    }
}

/// Epoch in which the rows of a source or model last changed; 0 where it has none yet.
pub(crate) fn changed_at(latest: Option<&Commit>, name: &str) -> Epoch {
    let source = latest.and_then(|commit| commit.sources.get(name)).map(|source| source.changed_at);
    let model = latest.and_then(|commit| commit.models.get(name)).map(|model| model.changed_at);
    source.or(model).unwrap_or_default()
}

/// What is landed already and what a model would read of it.
#[derive(Clone, Copy)]
struct Reading<'a> {
    project: &'a Project,
    compiled: &'a Compiled,
    ledger: &'a Ledger,
    latest: Option<&'a Commit>,
    options: &'a RunOptions,
}

impl Reading<'_> {
    /// Bytes that a model reads which keeps states, and the batches it reads them in where it is built anew from several.
    async fn states(
        &self,
        model: &CompiledModel,
        previous: Option<&ModelState>,
        names: &BTreeSet<&str>,
    ) -> Result<(u64, Option<RebuildPlan>), EngineError> {
        let Some(source) = names.first() else { return Ok((0, None)) };
        let Some(state) = self.latest.and_then(|commit| commit.sources.get(*source)) else { return Ok((0, None)) };
        let Some(written) = self.project.models.get(&model.name) else { return Ok((0, None)) };
        let taken = take(&model.fingerprint, previous, source, Some(state), self.options.refreshes(&model.name));
        let begun = begun(self.latest, model, names);
        let landed = self.ledger.landed_files(state).await?;
        let max_bytes = self.project.settings.max_batch_bytes;
        if begun.is_none()
            && let Some(revision) = Revision::of(written, model, state, &landed, taken, max_bytes)
        {
            return Ok((revision.bytes(), None));
        }
        let files = reads(&landed, begun);
        let batches = cut(&files, |file| file.bytes, max_bytes).len() as u64;
        let several = begun.is_some() || batches > 1;
        let batches_done = begun.map_or(0, |rebuild| rebuild.batches);
        let bytes = files.iter().map(|file| file.bytes).sum();
        Ok((bytes, several.then_some(RebuildPlan { batches_done, batches })))
    }

    /// Bytes that a model reads of which single partitions are computed, and how many those are.
    async fn partitions(
        &self,
        model: &CompiledModel,
        previous: Option<&ModelState>,
        names: &BTreeSet<&str>,
        ahead: &BTreeSet<&str>,
    ) -> Result<(u64, u64), EngineError> {
        let Some(written) = self.project.models.get(&model.name) else { return Ok((0, 0)) };
        let cut = partition::cut(written, model)?;
        let others: Vec<&str> = names.iter().copied().filter(|name| !cut.dated().any(|dated| dated == *name)).collect();
        let changing = others.iter().filter(|name| !self.project.keeps_history(name));
        // What may change before the model is built counts as changed.
        let seen = |name: &&str| if ahead.contains(name) { Epoch(u64::MAX) } else { changed_at(self.latest, name) };
        let seen: Vec<(&str, Epoch)> = changing.map(|name| (*name, seen(name))).collect();
        let facts = partition::Facts { previous, others: &seen, full_refresh: self.options.refreshes(&model.name) };
        let none = BTreeMap::new();
        let models = self.latest.map_or(&none, |commit| &commit.models);
        let Self { project, compiled, ledger, latest, .. } = *self;
        let stand = partition::Stand { project, compiled, ledger, latest, models };
        let touched = partition::touched(cut, model, stand, facts).await?;
        let mut bytes = partition::standing(cut, &touched.groups, previous).iter().map(|file| file.bytes).sum::<u64>();
        let mut queries = 0;
        for group in &touched.groups {
            let slices = cut.slices(group, touched.max_bytes);
            let slices = if slices.is_empty() { std::slice::from_ref(group) } else { &slices };
            bytes += slices.iter().map(Group::bytes).sum::<u64>();
            queries += slices.len() as u64;
        }
        for name in others {
            bytes += self.input(name).await? * queries;
        }
        Ok((bytes, touched.groups.iter().map(|group| group.parts.len() as u64).sum()))
    }

    async fn input(&self, name: &str) -> Result<u64, EngineError> {
        let Some(commit) = self.latest else { return Ok(0) };
        if let Some(source) = commit.sources.get(name) {
            return Ok(self.ledger.landed_files(source).await?.iter().map(|file| file.bytes).sum());
        }
        let files = commit.models.get(name).map(|model| model.files.iter().map(|file| file.bytes).sum());
        Ok(files.unwrap_or(0))
    }
}
