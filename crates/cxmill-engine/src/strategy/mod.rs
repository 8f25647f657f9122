//! Models in the order of the DAG, each brought up to date by its strategy.
//!
//! Each strategy is a file or folder here and an arm in [`build_models`].

mod because;
pub(crate) mod full;
pub(crate) mod partition;
mod rounds;
pub(crate) mod state;
pub(crate) mod view;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{DateTime, Utc};
use cxmill_ledger::{Commit, Epoch, FieldState, Judged, ModelState, Names, PublishedFile, Withheld};
use cxmill_spec::Strategy;

use crate::check::failed_by;
use crate::clock::Stopwatch;
use crate::compile::{Compiled, CompiledModel};
use crate::context::{RunOptions, Stage};
use crate::decide::{Decision, Facts, Input, Step, decide};
use crate::discover::selected;
use crate::error::EngineError;
use crate::recover::Run;
use crate::report::{CheckReport, CheckResult, ModelReport, SourceReport};
use crate::stage::Staged;
use crate::strategy::rounds::Round;
pub(crate) use crate::strategy::rounds::bring_up_to_date;
use crate::strategy::state::Due;
use crate::strategy::work::{Done, Work};

/// Touched partitions that a report names.
const NAMED_PARTITIONS: usize = 5;

/// What became of the models: staged, checked, not yet committed.
#[derive(Debug)]
pub(crate) struct Built {
    /// Names of everything that was staged.
    pub(crate) names: Names,
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

/// Models of the newest commit that a run retires: their tables are removed when it is published. Only a run of the whole
/// project knows which those are.
pub(crate) fn retired<'a>(
    compiled: &Compiled,
    options: &RunOptions,
    latest: Option<&'a Commit>,
) -> Vec<(&'a str, &'a ModelState)> {
    if !options.select.is_empty() {
        return Vec::new();
    }
    let published = |name: &str| view::find(compiled, name).is_some_and(|model| model.strategy != Strategy::View);
    let models = latest.into_iter().flat_map(|commit| &commit.models);
    models.filter(|(name, _)| !published(name)).map(|(name, state)| (name.as_str(), state)).collect()
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
    scratch: &Path,
    round: &mut Round,
) -> Result<Built, EngineError> {
    let (context, compiled) = (run.context, run.compiled);
    let selected = selected(compiled, run.options);
    let names = run.ledger.begin(run.latest.as_ref());
    let mut models = run.models();
    let retired: Vec<String> =
        retired(compiled, run.options, run.latest.as_ref()).into_iter().map(|(name, _)| name.to_owned()).collect();
    models.retain(|name, _| !retired.contains(name));
    let max_batch_bytes = context.project.settings.max_batch_bytes;
    // What is said of models that this round does not look at stays true.
    let mut still_withheld = run.latest.as_ref().map(|commit| commit.withheld.clone()).unwrap_or_default();
    still_withheld.retain(|name, _| {
        view::find(compiled, name).is_some() && !(selected.contains(name.as_str()) && round.open.contains(name))
    });
    let mut withheld: BTreeMap<&str, String> = BTreeMap::new();
    let (mut due, mut waiting, mut done) = (Vec::new(), BTreeSet::new(), BTreeSet::new());

    for model in compiled.models.iter().filter(|model| round.open.contains(&model.name)) {
        run.go_on()?;
        let watch = Stopwatch::start();
        let inputs = view::inputs(compiled, model);
        let mut report = ModelReport {
            name: model.name.clone(),
            strategy: model.strategy.name().to_owned(),
            rows: models.get(&model.name).map_or(0, |state| state.rows),
            // What an earlier round did with it counts on.
            ..run.report.take_model(&model.name).unwrap_or_default()
        };
        let is_withheld = |input: &str| withheld.contains_key(input) || still_withheld.contains_key(input);
        let blocking = inputs.iter().find(|input| is_withheld(input) || waiting.contains(**input));
        let Decision { step, mut why } = decide(&facts(run, model, &models, &inputs, as_of));
        let threads = context.project.settings.threads;
        let work = Work { run, model, inputs: &inputs, models: &models, as_of, scratch, threads };
        (report.action, report.why) = match (model.strategy, blocking) {
            _ if !selected.contains(model.name.as_str()) => ("skipped".to_owned(), "not selected".to_owned()),
            (Strategy::View, _) => ("inlined".to_owned(), "inlined into its readers".to_owned()),
            (_, Some(blocking)) if waiting.contains(*blocking) => {
                ("waiting".to_owned(), format!("{blocking} is being built anew"))
            }
            (_, Some(blocking)) => ("withheld".to_owned(), format!("{blocking} is withheld")),
            (_, None) if step == Step::Keep => ("kept".to_owned(), why),
            (_, None) => {
                context.observer.begins(&Stage::Build { model: model.name.clone() });
                let failed = round.failed.remove(&model.name);
                let building = async {
                    match failed {
                        Some(error) => Err(error),
                        None => attempt(work, step, &names).await,
                    }
                };
                let (outcome, failure) = match Box::pin(building).await {
                    Ok(outcome) => (outcome, None),
                    // A query that fails by its data costs its model and the readers of it, not the whole run.
                    Err(EngineError::Query { message, help, .. }) => (Done::default(), Some((message, help))),
                    Err(other) => return Err(other),
                };
                let Done { staged, checks, states, bytes_read, touched, because, warning, due: rebuild } = outcome;
                if let Some(because) = because {
                    why = format!("{why}; {because}");
                }
                report.bytes_read += bytes_read;
                report.partitions_touched = touched.as_ref().map(|touched| touched.len() as u64);
                report.touched = touched.unwrap_or_default();
                report.touched.truncate(NAMED_PARTITIONS);
                run.report.warn(warning);
                let failed = checks.iter().find(|check| check.result == CheckResult::Failed);
                let is_due = rebuild.is_some();
                if let Some(rebuild) = rebuild {
                    report.rebuild = Some(rebuild.report(report.rebuild, max_batch_bytes));
                    due.push((model.name.clone(), rebuild));
                }
                let outcome = match (failure.map_or(Ok(staged), Err), failed) {
                    (Err((message, help)), _) => {
                        (report.error, report.help) = (Some(message.clone()), help);
                        ("withheld".to_owned(), message)
                    }
                    (Ok(_), Some(check)) => ("withheld".to_owned(), failed_by(&check.check)),
                    (Ok(None), None) if is_due => ("rebuilding".to_owned(), why),
                    (Ok(None), None) => {
                        if let Some(state) = models.get_mut(&model.name) {
                            state.judged = judged(model, as_of, &checks);
                        }
                        ("kept".to_owned(), format!("{why}; they hold"))
                    }
                    (Ok(Some(staged)), None) => {
                        if let (Some(before), Some(written)) =
                            (models.get(&model.name), context.project.models.get(&model.name))
                        {
                            let sources: Vec<&SourceReport> = run
                                .report
                                .sources
                                .iter()
                                .filter(|source| model.sources.contains(&source.name))
                                .collect();
                            report.changed =
                                because::changed(written, &before.files, &staged.files, names.epoch, &sources);
                        }
                        let state = ModelState {
                            states,
                            judged: judged(model, as_of, &checks),
                            ..standing(model, run, &names, &inputs, &models, &staged, as_of)
                        };
                        models.insert(model.name.clone(), state);
                        report.rows = staged.rows;
                        report.partitions_written = staged.written;
                        report.bytes_written = staged.bytes_written;
                        ("built".to_owned(), why)
                    }
                };
                run.report.checks.extend::<Vec<CheckReport>>(checks);
                outcome
            }
        };
        match report.action.as_str() {
            "withheld" => {
                withheld.insert(&model.name, report.why.clone());
            }
            "rebuilding" | "waiting" => {
                waiting.insert(model.name.clone());
            }
            "built" => {
                done.insert(model.name.clone());
            }
            _ => {}
        }
        report.seconds += watch.seconds();
        run.report.models.push(report);
    }
    for name in retired {
        run.report.models.push(ModelReport {
            name,
            action: "retired".to_owned(),
            why: "the project no longer publishes it".to_owned(),
            ..ModelReport::default()
        });
    }
    let withheld = withheld.into_iter().map(|(name, why)| (name.to_owned(), Withheld { why, as_of }));
    let withheld = still_withheld.into_iter().chain(withheld).collect();
    Ok(Built { ended: ended(run, &done, &waiting), names, models, withheld, due, waiting })
}

/// Builds or judges a model: on all threads, or where memory does not allow that, on one, for each thread of a query keeps groups, sorted
/// runs and hash tables of its own.
async fn attempt(work: Work<'_>, step: Step, names: &Names) -> Result<Done, EngineError> {
    match once(work, step, names).await {
        Err(EngineError::Query { is_memory: true, .. }) if work.threads > 1 => {
            let done = once(Work { threads: 1, ..work }, step, names).await?;
            let alone = "on one thread, as all of them need more memory than the run may take";
            let because = done.because.map_or_else(|| alone.to_owned(), |because| format!("{because}; {alone}"));
            Ok(Done { because: Some(because), ..done })
        }
        outcome => outcome,
    }
}

async fn once(work: Work<'_>, step: Step, names: &Names) -> Result<Done, EngineError> {
    match (step, work.model.strategy) {
        (Step::Build, Strategy::State) => Box::pin(state::build(work, names)).await,
        (Step::Build, Strategy::Partition) => Box::pin(partition::build(work, names)).await,
        (Step::Build, Strategy::Full | Strategy::View) => Box::pin(full::build(work, names)).await,
        (Step::Judge | Step::Keep, _) => full::judge(work).await,
    }
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
    }
}

/// The newest epoch of files of a model that are no longer named.
fn forgotten(standing: Option<&ModelState>, files: &[PublishedFile]) -> Epoch {
    let Some(standing) = standing else { return Epoch::default() };
    let names: BTreeSet<&str> = files.iter().map(|file| file.published.as_str()).collect();
    let gone = standing.files.iter().filter(|file| !names.contains(file.published.as_str()));
    gone.map(|file| file.epoch).fold(standing.forgotten, Epoch::max)
}
