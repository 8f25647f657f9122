//! Scenario tests of pipeline files: real runs, one after the other, over stores in memory.
//!
//! Nothing is mocked: given rows become a raw file in the format of their source, which a run discovers, decodes, lands,
//! builds models of, checks, commits and publishes; what is compared is read back from the published files.

mod compare;
mod put;
mod raw;

use std::collections::BTreeSet;
use std::sync::Arc;

use cxmill_ingest::{Place, PrivateKey, StoreError};
use cxmill_spec::{Format, Rows, Scenario, ScenarioRun, Span};
use object_store::memory::InMemory;
use object_store::{ObjectStoreExt, PutPayload};
use serde::Serialize;
use tokio::task::JoinSet;

pub use compare::{Difference, Pair};

use crate::clock::Stopwatch;
use crate::compile::Compiled;
use crate::context::{Context, NoFiles, NoObserver, RunOptions, Stores, StoresOfProject};
use crate::error::EngineError;
use crate::look::{Table, quarantine, show};
use crate::report::RunReport;
use crate::roots::open_place;
use crate::run::run;

/// How one scenario went.
#[derive(Debug, Clone, Serialize)]
pub struct ScenarioReport {
    /// Its name.
    pub name: String,
    /// Where it is written.
    #[serde(skip)]
    pub span: Span,
    /// What was not as expected; empty where it passed.
    pub failures: Vec<Failure>,
    /// Seconds.
    pub seconds: f64,
}

/// One thing that was not as expected.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// Number of the run, from 1.
    pub run: usize,
    /// Where the expectation is written.
    #[serde(skip)]
    pub span: Span,
    /// What was looked at, and what was wrong with it.
    pub message: String,
    /// The rows that differ.
    pub difference: Option<Difference>,
}

/// No limit: the query engine counts rows as signed numbers.
const ALL_ROWS: usize = usize::MAX >> 1;

/// What the caller would end a run with.
type ExitCode = fn(&Result<RunReport, EngineError>) -> u8;

/// Runs the scenarios whose name contains `filter`, as many at a time as the project has threads, and reports on them in the
/// order they are written. The project is compiled once, by the caller. `exit_code` is the code that a run would end with.
///
/// A scenario that fails is a report and not an error. Errors: [`EngineError::Interrupted`], and [`EngineError::Bug`].
pub async fn run_scenarios(
    context: &Context,
    compiled: &Compiled,
    filter: Option<&str>,
    exit_code: ExitCode,
) -> Result<Vec<ScenarioReport>, EngineError> {
    let (base, scenarios) = in_memory(context);
    let (base, compiled) = (Arc::new(base), Arc::new(compiled.clone()));
    let wanted = scenarios.into_iter().filter(|scenario| filter.is_none_or(|part| scenario.name.contains(part)));
    let mut waiting = wanted.enumerate();
    let mut running = JoinSet::new();
    let mut reports = Vec::new();
    loop {
        while running.len() < context.project.settings.threads.max(1)
            && let Some((number, scenario)) = waiting.next()
        {
            let (base, compiled) = (Arc::clone(&base), Arc::clone(&compiled));
            running.spawn(async move { (number, Box::pin(one(&base, &compiled, &scenario, exit_code)).await) });
        }
        match running.join_next().await {
            Some(Ok((number, report))) => reports.push((number, report?)),
            Some(Err(failed)) => return Err(EngineError::Bug(format!("a test did not come to its end: {failed}"))),
            None => break,
        }
    }
    reports.sort_by_key(|(number, _)| *number);
    Ok(reports.into_iter().map(|(_, report)| report).collect())
}

async fn one(
    base: &Context,
    compiled: &Compiled,
    scenario: &Scenario,
    exit_code: ExitCode,
) -> Result<ScenarioReport, EngineError> {
    let watch = Stopwatch::start();
    let times = put::Times::default();
    let one: Arc<dyn Stores> = Arc::new(OneStore::default());
    let context = Context { stores: times.over(&one), ..base.clone() };
    let models: BTreeSet<&String> = scenario.runs.iter().flat_map(|run| run.expect.keys()).collect();
    let select: Vec<String> = models.into_iter().cloned().collect();
    let mut failures = Vec::new();
    for (index, step) in scenario.runs.iter().enumerate() {
        let failed = |span, message| Failure { run: index + 1, span, message, difference: None };
        give(&context, step, index, &times).await?;
        let options = RunOptions { select: select.clone(), as_of: step.as_of, ..RunOptions::default() };
        let outcome = Box::pin(run(&context, compiled, &options)).await;
        if let Err(error @ (EngineError::Interrupted | EngineError::Bug(_))) = outcome {
            return Err(error);
        }
        let code = exit_code(&outcome);
        if code != step.exit {
            failures.push(failed(step.span, ended(step.exit, code, &outcome)));
            break;
        }
        for (model, rows) in &step.expect {
            match Box::pin(show(&context, compiled, model, None, ALL_ROWS)).await {
                Ok(table) => failures.extend(compared(index, model, rows, &table)),
                Err(EngineError::Invalid(_)) => failures.push(failed(rows.span, format!("{model} is not published"))),
                Err(error) => return Err(error),
            }
        }
        for (source, rows) in &step.quarantined {
            let table = Box::pin(quarantine(&context, Some(source), ALL_ROWS)).await?;
            failures.extend(compared(index, &format!("quarantine of {source}"), rows, &table));
        }
        if !failures.is_empty() {
            // What follows builds on what is wrong already.
            break;
        }
    }
    Ok(ScenarioReport { name: scenario.name.clone(), span: scenario.span, failures, seconds: watch.seconds() })
}

/// The project with all its places in memory, which its scenarios share, and the scenarios.
fn in_memory(context: &Context) -> (Context, Vec<Scenario>) {
    let mut project = (*context.project).clone();
    let scenarios = std::mem::take(&mut project.scenarios);
    let root = |name: &str| format!("memory://scenario/{name}");
    let settings = &mut project.settings;
    (settings.raw, settings.output, settings.state) = (root("raw"), root("output"), root("state"));
    for (name, source) in &mut project.sources {
        source.location = root(&format!("raw/{name}/"));
        if !matches!(source.format, Format::Csv(_)) {
            // Rows of binary formats are given in the one text format that nests as they do.
            source.format = Format::Ndjson;
        }
    }
    // A key that everybody knows: hashes are the same on every machine, and nothing real is hashed.
    let private_key = Some(PrivateKey([0; 32]));
    let context = Context {
        project: Arc::new(project),
        files: Arc::new(NoFiles),
        private_key,
        observer: Arc::new(NoObserver),
        ..context.clone()
    };
    (context, scenarios)
}

/// The store of one scenario: every location is in it.
#[derive(Debug, Default)]
struct OneStore(Arc<InMemory>);

impl Stores for OneStore {
    fn open(&self, location: &str, context: &Context) -> Result<Place, StoreError> {
        let place = StoresOfProject.open(location, context)?;
        Ok(Place { store: Arc::<InMemory>::clone(&self.0), ..place })
    }
}

/// Writes the raw files of a run, put at its logical time.
async fn give(context: &Context, step: &ScenarioRun, index: usize, times: &put::Times) -> Result<(), EngineError> {
    for (name, given) in &step.given {
        let Some(source) = context.project.sources.get(name) else { continue };
        let place = open_place(context, &source.location)?;
        let path = place.prefix.clone().join(format!("run-{:04}.{}", index + 1, raw::suffix(source)));
        let bytes = raw::file(source, given);
        times.set(&path, step.as_of);
        place
            .store
            .put(&path, PutPayload::from(bytes))
            .await
            .map_err(|error| EngineError::store("writing", &place.address(&path), &error, None))?;
    }
    Ok(())
}

fn compared(index: usize, what: &str, expected: &Rows, table: &Table) -> Option<Failure> {
    let difference = compare::difference(expected, table)?;
    let count =
        |rows: usize, what: &str| if rows == 1 { format!("1 row {what}") } else { format!("{rows} rows {what}") };
    let message = format!(
        "{what}: {}, {}",
        count(difference.missing.len(), "missing"),
        count(difference.unexpected.len(), "not expected")
    );
    Some(Failure { run: index + 1, span: expected.span, message, difference: Some(difference) })
}

fn ended(expected: u8, code: u8, outcome: &Result<RunReport, EngineError>) -> String {
    let why = match outcome {
        Err(EngineError::Data { message, details, .. }) => {
            let first = details.first().map(|detail| format!("; {}", detail.trim())).unwrap_or_default();
            format!(": {message}{first}")
        }
        Err(EngineError::Invalid(found)) => {
            format!(": {}", found.first().map_or("the project is invalid", |finding| &finding.message))
        }
        Err(error) => format!(": {error}"),
        Ok(report) => report
            .models
            .iter()
            .find(|model| model.action == "withheld")
            .map(|model| format!(": model {} is withheld: {}", model.name, model.why))
            .unwrap_or_default(),
    };
    format!("the run ends with exit code {code} where {expected} is expected{why}")
}
