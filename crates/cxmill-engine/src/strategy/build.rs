//! The models of one round, several at a time: each is begun when what it reads is settled, and settled when its query and its checks
//! have ended.
//!
//! ```text
//!              Turns: whose turn is it?
//!                 │
//!   begin ────────┴── kept, skipped, inlined, waiting, withheld ──┐
//!     └─ attempt: query, stage, checks   (several under way) ─────┴─ settle: state, report
//! ```
//! Nothing is shared between attempts but what stood when they began, so what comes of a model does not depend on which others were
//! under way. What is said of models is put together in their order, whichever ended first.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use cxmill_ledger::{ModelState, Names, Withheld};
use cxmill_spec::Strategy;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;

use super::room::Room;
use super::rounds::Round;
use super::work::{Done, Work};
use super::{Built, because, facts, full, judged, partition, returned, standing, state, view};
use crate::check::failed_by;
use crate::clock::Stopwatch;
use crate::compile::CompiledModel;
use crate::context::Stage;
use crate::decide::{Decision, Step, decide};
use crate::discover::selected;
use crate::error::EngineError;
use crate::recover::Run;
use crate::report::{CheckReport, CheckResult, ModelReport, RunReport, SourceReport};
use crate::turns::{Turn, Turns};

/// Touched partitions that a report names.
const NAMED_PARTITIONS: usize = 5;

/// Builds models and keeps what becomes of them.
pub(super) struct Builder<'a> {
    run: &'a Run<'a>,
    as_of: Option<DateTime<Utc>>,
    room: &'a Room<'a>,
    names: &'a Names,
    /// The models of the round in the order of the DAG.
    open: Vec<&'a CompiledModel>,
    selected: BTreeSet<&'a str>,
    /// What an earlier round said.
    report: &'a mut RunReport,
    /// What a batch of a model ran into.
    failed: &'a mut BTreeMap<String, EngineError>,
    /// Models as they stand by now.
    models: BTreeMap<String, ModelState>,
    /// What is withheld of what this round does not look at.
    still_withheld: BTreeMap<String, Withheld>,
    withheld: BTreeMap<&'a str, String>,
    due: BTreeMap<usize, (String, Box<state::Due>)>,
    waiting: BTreeSet<String>,
    done: BTreeSet<String>,
    /// What is said of each model.
    told: BTreeMap<usize, Told>,
}

/// What is said of a model.
#[derive(Debug)]
struct Told {
    report: ModelReport,
    checks: Vec<CheckReport>,
    warning: Option<String>,
}

/// A model that is not settled at once.
struct Begun<'a> {
    turn: Turn,
    model: &'a CompiledModel,
    report: ModelReport,
    why: String,
    watch: Stopwatch,
}

/// How an attempt at a model ended.
type Ended<'a> = (Begun<'a>, Result<Done, EngineError>);

impl<'a> Builder<'a> {
    /// Nothing of a round is settled yet.
    pub(super) fn new(
        run: &'a Run<'a>,
        as_of: Option<DateTime<Utc>>,
        room: &'a Room<'a>,
        names: &'a Names,
        round: &'a mut Round,
        report: &'a mut RunReport,
    ) -> Self {
        let compiled = run.compiled;
        let selected = selected(compiled, run.options);
        let open: Vec<_> = compiled.models.iter().filter(|model| round.open.contains(&model.name)).collect();
        // What is said of models that this round does not look at stays true.
        let mut still_withheld = run.latest.as_ref().map(|commit| commit.withheld.clone()).unwrap_or_default();
        still_withheld.retain(|name, _| {
            view::find(compiled, name).is_some() && !(selected.contains(name.as_str()) && round.open.contains(name))
        });
        let mut models = run.models();
        for name in returned(compiled, run.latest.as_ref()) {
            if let Some(state) = models.get_mut(name) {
                state.retired_at = None;
            }
        }
        Self {
            run,
            as_of,
            room,
            names,
            open,
            selected,
            report,
            failed: &mut round.failed,
            models,
            still_withheld,
            withheld: BTreeMap::new(),
            due: BTreeMap::new(),
            waiting: BTreeSet::new(),
            done: BTreeSet::new(),
            told: BTreeMap::new(),
        }
    }

    /// Brings all of them up to date. Where one fails in a way that ends the run, those under way are waited for.
    pub(super) async fn build(mut self) -> Result<Built, EngineError> {
        let reads = self.open.iter().map(|model| (model.name.as_str(), view::inputs(self.run.compiled, model)));
        let mut turns = Turns::new(reads, self.room.slots);
        let mut under_way: FuturesUnordered<BoxFuture<'a, Ended<'a>>> = FuturesUnordered::new();
        let mut failures: BTreeMap<usize, EngineError> = BTreeMap::new();
        loop {
            while failures.is_empty()
                && let Some(turn) = turns.next()
            {
                if let Err(interrupted) = self.run.go_on() {
                    failures.insert(turn.number, interrupted);
                    break;
                }
                match self.begin(turn) {
                    Some(attempt) => under_way.push(attempt),
                    None => turns.settled(turn.number),
                }
            }
            let Some((begun, outcome)) = under_way.next().await else { break };
            let turn = begun.turn;
            match outcome {
                Err(EngineError::Query { is_memory: true, .. }) if !turn.alone => {
                    let Begun { mut report, watch, .. } = begun;
                    report.seconds += watch.seconds();
                    self.report.models.push(report);
                    turns.again(turn.number);
                }
                outcome => {
                    if let Err(fatal) = self.settle(begun, outcome) {
                        failures.insert(turn.number, fatal);
                    }
                    turns.settled(turn.number);
                }
            }
        }
        match failures.pop_first() {
            Some((_, error)) => Err(error),
            None => Ok(self.built()),
        }
    }

    /// Settles a model of which nothing is to be built, or begins an attempt at it.
    fn begin(&mut self, turn: Turn) -> Option<BoxFuture<'a, Ended<'a>>> {
        let (run, as_of, room, names) = (self.run, self.as_of, self.room, self.names);
        let model: &'a CompiledModel = self.open.get(turn.number).copied()?;
        let watch = Stopwatch::start();
        let inputs = view::inputs(run.compiled, model);
        // What an earlier round did with it counts on.
        let before = self.report.take_model(&model.name);
        let mut report = ModelReport {
            name: model.name.clone(),
            strategy: model.strategy.name().to_owned(),
            rows: self.models.get(&model.name).map_or(0, |state| state.rows),
            ..before.unwrap_or_default()
        };
        let is_withheld = |input: &str| self.withheld.contains_key(input) || self.still_withheld.contains_key(input);
        let blocking = inputs.iter().find(|input| is_withheld(input) || self.waiting.contains(**input));
        let Decision { step, why } = decide(&facts(run, model, &self.models, &inputs, as_of));
        (report.action, report.why) = match (model.strategy, blocking) {
            _ if !self.selected.contains(model.name.as_str()) => ("skipped".to_owned(), "not selected".to_owned()),
            (Strategy::View, _) => ("inlined".to_owned(), "inlined into its readers".to_owned()),
            (_, Some(blocking)) if self.waiting.contains(*blocking) => {
                self.waiting.insert(model.name.clone());
                ("waiting".to_owned(), format!("{blocking} is being built anew"))
            }
            (_, Some(blocking)) => {
                let why = format!("{blocking} is withheld");
                self.withheld.insert(&model.name, why.clone());
                ("withheld".to_owned(), why)
            }
            (_, None) if step == Step::Keep => ("kept".to_owned(), why),
            (_, None) => {
                run.context.observer.begins(&Stage::Build { model: model.name.clone() });
                let failed = self.failed.remove(&model.name);
                // What a batch ran into it ran into alone.
                let turn = Turn { alone: turn.alone || failed.is_some(), ..turn };
                let models = self.standing(model, &inputs);
                let threads = run.context.project.settings.threads;
                let begun = Begun { turn, model, report, why, watch };
                return Some(Box::pin(async move {
                    let work = Work { run, model, inputs: &inputs, models: &models, as_of, room, threads };
                    let outcome = match failed {
                        Some(error) => Err(error),
                        None if turn.alone => Box::pin(alone(work, step, names)).await,
                        None => Box::pin(once(work, step, names)).await,
                    };
                    (begun, outcome)
                }));
            }
        };
        report.seconds += watch.seconds();
        self.told.insert(turn.number, Told { report, checks: Vec::new(), warning: None });
        None
    }

    /// Where a model and what it reads stand.
    fn standing(&self, model: &CompiledModel, inputs: &BTreeSet<&str>) -> BTreeMap<String, ModelState> {
        let names = inputs.iter().copied().chain([model.name.as_str()]);
        names.filter_map(|name| Some((name.to_owned(), self.models.get(name)?.clone()))).collect()
    }

    /// Keeps what came of a model. A query that fails by its data costs its model and the readers of it, not the whole run; what else
    /// fails is given back.
    fn settle(&mut self, begun: Begun<'a>, outcome: Result<Done, EngineError>) -> Result<(), EngineError> {
        let Begun { turn, model, mut report, mut why, watch } = begun;
        let (outcome, failure) = match outcome {
            Ok(outcome) => (outcome, None),
            Err(EngineError::Query { message, help, .. }) => (Done::default(), Some((message, help))),
            Err(other) => return Err(other),
        };
        let Done { staged, checks, states, bytes_read, touched, because, warning, due } = outcome;
        if let Some(because) = because {
            why = format!("{why}; {because}");
        }
        report.bytes_read += bytes_read;
        report.partitions_touched = touched.as_ref().map(|touched| touched.len() as u64);
        report.touched = touched.unwrap_or_default();
        report.touched.truncate(NAMED_PARTITIONS);
        let is_due = due.is_some();
        if let Some(due) = due {
            let max_batch_bytes = self.run.context.project.settings.max_batch_bytes;
            report.rebuild = Some(due.report(report.rebuild, max_batch_bytes));
            self.due.insert(turn.number, (model.name.clone(), due));
        }
        let failed = checks.iter().find(|check| check.result == CheckResult::Failed);
        (report.action, report.why) = match (failure.map_or(Ok(staged), Err), failed) {
            (Err((message, help)), _) => {
                (report.error, report.help) = (Some(message.clone()), help);
                self.withheld.insert(&model.name, message.clone());
                ("withheld".to_owned(), message)
            }
            (Ok(_), Some(check)) => {
                let why = failed_by(&check.check);
                self.withheld.insert(&model.name, why.clone());
                ("withheld".to_owned(), why)
            }
            (Ok(None), None) if is_due => {
                self.waiting.insert(model.name.clone());
                ("rebuilding".to_owned(), why)
            }
            (Ok(None), None) => {
                if let Some(state) = self.models.get_mut(&model.name) {
                    state.judged = judged(model, self.as_of, &checks);
                }
                ("kept".to_owned(), format!("{why}; they hold"))
            }
            (Ok(Some(staged)), None) => {
                report.changed = self.changed(model, &staged.files);
                let inputs = view::inputs(self.run.compiled, model);
                let state = ModelState {
                    states,
                    judged: judged(model, self.as_of, &checks),
                    ..standing(model, self.run, self.names, &inputs, &self.models, &staged, self.as_of)
                };
                self.models.insert(model.name.clone(), state);
                self.done.insert(model.name.clone());
                report.rows = staged.rows;
                report.partitions_written = staged.written;
                report.bytes_written = staged.bytes_written;
                ("built".to_owned(), why)
            }
        };
        report.seconds += watch.seconds();
        self.told.insert(turn.number, Told { report, checks, warning });
        Ok(())
    }

    /// Partitions of a model that changed, and because of which files.
    fn changed(
        &self,
        model: &CompiledModel,
        files: &[cxmill_ledger::PublishedFile],
    ) -> Vec<crate::report::ChangedPartition> {
        let written = self.run.context.project.models.get(&model.name);
        let (Some(before), Some(written)) = (self.models.get(&model.name), written) else { return Vec::new() };
        let sources = self.report.sources.iter().filter(|source| model.sources.contains(&source.name));
        let sources: Vec<&SourceReport> = sources.collect();
        because::changed(written, &before.files, files, self.names.epoch, &sources)
    }

    fn built(self) -> Built {
        let Self { run, as_of, report, models, still_withheld, withheld, due, waiting, done, told, .. } = self;
        for Told { report: model, checks, warning } in told.into_values() {
            report.warn(warning);
            report.checks.extend(checks);
            report.models.push(model);
        }
        let withheld = withheld.into_iter().map(|(name, why)| (name.to_owned(), Withheld { why, as_of }));
        Built {
            ended: super::ended(run, &done, &waiting),
            models,
            withheld: still_withheld.into_iter().chain(withheld).collect(),
            due: due.into_values().collect(),
            waiting,
        }
    }
}

/// Builds or judges a model that nothing is built beside: on all threads, or where memory does not allow that, on one, for each thread of
/// a query keeps groups, sorted runs and hash tables of its own.
async fn alone(work: Work<'_>, step: Step, names: &Names) -> Result<Done, EngineError> {
    work.room.is_given_back().await;
    match once(work, step, names).await {
        Err(EngineError::Query { is_memory: true, .. }) if work.threads > 1 => {
            work.room.is_given_back().await;
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
