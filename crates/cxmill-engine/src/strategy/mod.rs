//! Models in the order of the DAG, each brought up to date by its strategy.
//!
//! Each strategy is a file or folder here and an arm in `build.rs`.

mod because;
mod build;
pub(crate) mod full;
pub(crate) mod partition;
mod room;
mod rounds;
pub(crate) mod state;
pub(crate) mod view;
mod work;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use cxmill_ledger::{Commit, Epoch, FieldState, Judged, ModelState, Names, PublishedFile, Withheld};
use cxmill_spec::Strategy;

use self::build::Builder;
use self::room::Room;
use self::rounds::Round;
pub(crate) use self::rounds::bring_up_to_date;
use self::state::Due;
use crate::compile::{Compiled, CompiledModel};
use crate::context::RunOptions;
use crate::decide::{Facts, Input, Retirement, retirement};
use crate::error::EngineError;
use crate::recover::Run;
use crate::report::{CheckReport, CheckResult, ModelReport};
use crate::stage::Staged;

/// What became of the models: staged, checked, not yet committed.
#[derive(Debug)]
pub(crate) struct Built {
    /// Models as they stand if this is committed.
    pub(crate) models: BTreeMap<String, ModelState>,
    /// Models that are withheld if this is committed.
    pub(crate) withheld: BTreeMap<String, Withheld>,
    /// Models whose rebuilds come to an end if this is committed.
    pub(crate) ended: BTreeSet<String>,
    /// Models that are to be built anew batch by batch, in order.
    pub(crate) due: Vec<(String, Box<Due>)>,
    /// These and what reads them: the models that wait for a later round.
    pub(crate) waiting: BTreeSet<String>,
}

/// Models of the newest commit that the project no longer publishes. Only a run of the whole project knows which those are.
pub(crate) fn retired<'a>(
    compiled: &Compiled,
    options: &RunOptions,
    latest: Option<&'a Commit>,
) -> Vec<(&'a str, &'a ModelState)> {
    if !options.select.is_empty() {
        return Vec::new();
    }
    let models = latest.into_iter().flat_map(|commit| &commit.models);
    models.filter(|(name, _)| !is_published(compiled, name)).map(|(name, state)| (name.as_str(), state)).collect()
}

/// Builds every selected model of the round whose inputs, SQL or as-of changed, and checks each before anything reads it.
/// Checks that changed, or that read an as-of that moved, are judged on the rows that stand.
///
/// A model whose query fails, or that fails an `error` check, is withheld with all that reads it: what was published of them stays, and as their
/// positions stay too, the next run tries again. A model that is to be built anew batch by batch waits, and so does all that
/// reads it.
async fn build_models(
    run: &mut Run<'_>,
    as_of: Option<DateTime<Utc>>,
    room: &Room<'_>,
    names: &Names,
    round: &mut Round,
) -> Result<Built, EngineError> {
    // While models are under way the run is only looked at; what is said of them is put together beside it.
    let mut report = std::mem::take(&mut run.report);
    let built = Box::pin(Builder::new(run, as_of, room, names, round, &mut report).build()).await;
    run.report = report;
    let mut built = built?;
    retire(run, &mut built.models);
    Ok(built)
}

/// Gives up the models that the project no longer publishes: their tables stand for the grace period, then they are removed.
fn retire(run: &mut Run<'_>, models: &mut BTreeMap<String, ModelState>) {
    let now = run.context.now;
    let mut told = Vec::new();
    for (name, state) in retired(run.compiled, run.options, run.latest.as_ref()) {
        let (action, why) = match retirement(state, now, run.options.full_refresh) {
            Some(Retirement::Begins) => {
                // A run may take long; the table stands for an hour from now.
                models.insert(name.to_owned(), ModelState { retired_at: Some(run.now()), ..state.clone() });
                ("retired", "the project no longer publishes it; its table stands for an hour more")
            }
            Some(Retirement::Ends) => {
                models.remove(name);
                ("removed", "the project no longer publishes it")
            }
            None => continue,
        };
        told.push(ModelReport {
            name: name.to_owned(),
            strategy: state.strategy.clone(),
            action: action.to_owned(),
            why: why.to_owned(),
            ..ModelReport::default()
        });
    }
    run.report.models.extend(told);
}

/// Models of a commit that the project ceased to publish and publishes again.
pub(crate) fn returned<'a>(compiled: &'a Compiled, latest: Option<&'a Commit>) -> impl Iterator<Item = &'a str> {
    let models = latest.into_iter().flat_map(|commit| &commit.models);
    let retired = models.filter(|(_, state)| state.retired_at.is_some()).map(|(name, _)| name.as_str());
    retired.filter(|name| is_published(compiled, name))
}

fn is_published(compiled: &Compiled, name: &str) -> bool {
    view::find(compiled, name).is_some_and(|model| model.strategy != Strategy::View)
}

/// Models whose rebuilds no model can go on with.
pub(crate) fn stale_rebuilds(run: &Run<'_>) -> BTreeSet<String> {
    ended(run, &BTreeSet::new(), &BTreeSet::new())
}

/// Models whose rebuilds come to an end: they are built from them, or can no longer be, or are gone.
fn ended(run: &Run<'_>, built: &BTreeSet<String>, waiting: &BTreeSet<String>) -> BTreeSet<String> {
    let commit = run.latest.as_ref();
    let names = commit.into_iter().flat_map(|commit| commit.rebuilds.keys());
    let ends = |name: &&String| match view::find(run.compiled, name) {
        _ if waiting.contains(*name) => false,
        None => run.options.select.is_empty(),
        Some(_) if built.contains(*name) => true,
        Some(model) => state::begun(commit, model, &view::inputs(run.compiled, model)).is_none(),
    };
    names.filter(ends).cloned().collect()
}

/// That the checks of a model hold now, but for those that only warn.
fn judged(model: &CompiledModel, as_of: Option<DateTime<Utc>>, checks: &[CheckReport]) -> Judged {
    let warned = checks.iter().filter(|check| check.result == CheckResult::Warned);
    Judged {
        checks: model.checks.clone(),
        as_of: as_of.filter(|_| model.checks_read_as_of),
        warned: Some(warned.map(|check| check.check.clone()).collect()),
    }
}

fn facts<'a>(
    run: &Run<'_>,
    model: &'a CompiledModel,
    models: &'a BTreeMap<String, ModelState>,
    inputs: &BTreeSet<&'a str>,
    as_of: Option<DateTime<Utc>>,
) -> Facts<'a> {
    Facts {
        fingerprint: &model.fingerprint,
        previous: models.get(&model.name),
        inputs: position(run, models, inputs)
            .into_iter()
            // Partitions stay as they were built with older deliveries.
            .filter(|(name, _)| !run.context.project.keeps_history(name))
            .map(|(name, changed_at)| Input { name, changed_at, ahead: None })
            .collect(),
        reads_as_of: model.reads_as_of,
        checks: &model.checks,
        checks_read_as_of: model.checks_read_as_of,
        as_of,
        as_of_may_move: false,
        full_refresh: run.options.refreshes(&model.name),
        under_way: state::begun(run.latest.as_ref(), model, inputs).is_some(),
    }
}

/// What a model that is built now has seen of each of its inputs.
fn position<'a>(
    run: &Run<'_>,
    models: &BTreeMap<String, ModelState>,
    inputs: &BTreeSet<&'a str>,
) -> Vec<(&'a str, Epoch)> {
    let sources = run.latest.as_ref().map(|commit| &commit.sources);
    let seen = |name: &str| {
        let source = sources.and_then(|sources| sources.get(name)).map(|source| source.changed_at);
        source.or_else(|| models.get(name).map(|model| model.changed_at)).unwrap_or_default()
    };
    inputs.iter().map(|name| (*name, seen(name))).collect()
}

/// Where a model stands once this is committed; its states and what its checks held with are not in it.
fn standing(
    model: &CompiledModel,
    run: &Run<'_>,
    names: &Names,
    inputs: &BTreeSet<&str>,
    models: &BTreeMap<String, ModelState>,
    staged: &Staged,
    as_of: Option<DateTime<Utc>>,
) -> ModelState {
    let standing = models.get(&model.name);
    let previous = standing.filter(|_| !staged.changed);
    let position = position(run, models, inputs);
    ModelState {
        fingerprint: model.fingerprint.clone(),
        strategy: model.strategy.name().to_owned(),
        position: position.into_iter().map(|(name, epoch)| (name.to_owned(), epoch)).collect(),
        as_of: as_of.filter(|_| model.reads_as_of),
        judged: Judged::default(),
        rows: staged.rows,
        changed_at: previous.map_or(names.epoch, |previous| previous.changed_at),
        schema: model
            .schema
            .fields()
            .iter()
            .map(|field| FieldState { name: field.name().clone(), data_type: field.data_type().to_string() })
            .collect(),
        files: staged.files.clone(),
        forgotten: forgotten(standing, &staged.files),
        states: Vec::new(),
        retired_at: None,
    }
}

/// The newest epoch of files of a model that are no longer named.
fn forgotten(standing: Option<&ModelState>, files: &[PublishedFile]) -> Epoch {
    let Some(standing) = standing else { return Epoch::default() };
    let names: BTreeSet<&str> = files.iter().map(|file| file.published.as_str()).collect();
    let gone = standing.files.iter().filter(|file| !names.contains(file.published.as_str()));
    gone.map(|file| file.epoch).fold(standing.forgotten, Epoch::max)
}
