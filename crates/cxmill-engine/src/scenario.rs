//! Scenario tests of pipeline files: real runs, one after the other, over stores in memory.
//!
//! Nothing is mocked: given rows become a raw file in the format of their source, which a run discovers, decodes, lands,
//! builds models of, checks, commits and publishes; what is compared is read back from the published files.

mod compare;
mod put;
mod raw;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cxmill_ingest::{Place, PrivateKey};
use cxmill_spec::{Format, Rows, Scenario, ScenarioRun, Span};
use futures::{StreamExt, stream};
use object_store::{ObjectStoreExt, PutPayload};
use serde::Serialize;

pub use compare::Difference;

use crate::clock::Stopwatch;
use crate::compile::Compiled;
use crate::context::{Context, NoObserver, RunOptions};
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

/// Tells the stores of scenarios of one process apart.
static SCENARIOS: AtomicU64 = AtomicU64::new(0);

/// Runs the scenarios whose name contains `filter`, several at a time, and reports on them in the order they are written.
/// `exit_code` is the code that the caller would end a run with.
///
/// A scenario that fails is a report and not an error. Errors: [`EngineError::Interrupted`], and [`EngineError::Bug`].
pub async fn run_scenarios(
    context: &Context,
    compiled: &Compiled,
    filter: Option<&str>,
    exit_code: fn(&Result<RunReport, EngineError>) -> u8,
) -> Result<Vec<ScenarioReport>, EngineError> {
    let wanted = |scenario: &&Scenario| filter.is_none_or(|part| scenario.name.contains(part));
    let scenarios = context.project.scenarios.iter().filter(wanted);
    stream::iter(scenarios.map(|scenario| Box::pin(one(context, compiled, scenario, exit_code))))
        .buffered(context.project.settings.threads.max(1))
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .collect()
}

async fn one(
    context: &Context,
    compiled: &Compiled,
    scenario: &Scenario,
    exit_code: fn(&Result<RunReport, EngineError>) -> u8,
) -> Result<ScenarioReport, EngineError> {
    let watch = Stopwatch::start();
    let store = format!("scenario-{}-{}", std::process::id(), SCENARIOS.fetch_add(1, Ordering::Relaxed));
    let times = put::Times::default();
    let context = in_memory(context, &store, &times);
    let models: BTreeSet<&String> = scenario.runs.iter().flat_map(|run| run.expect.keys()).collect();
    let select: Vec<String> = models.into_iter().cloned().collect();
    let mut failures = Vec::new();
    for (index, step) in scenario.runs.iter().enumerate() {
        let failed = |span, message| Failure { run: index + 1, span, message, difference: None };
        give(&context, step, index, &times).await?;
        let options = RunOptions { select: select.clone(), as_of: step.as_of, ..RunOptions::default() };
        let outcome = Box::pin(run(&context, compiled, &options)).await;
        if let Err(error @ (EngineError::Interrupted | EngineError::Bug(_))) = outcome {
            Place::forget_memory(&store);
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
    Place::forget_memory(&store);
    Ok(ScenarioReport { name: scenario.name.clone(), span: scenario.span, failures, seconds: watch.seconds() })
}

/// The project with all its places in one store of this process.
fn in_memory(context: &Context, store: &str, times: &put::Times) -> Context {
    let mut project = (*context.project).clone();
    let root = |name: &str| format!("memory://{store}/{name}");
    let settings = &mut project.settings;
    (settings.raw, settings.output, settings.state) = (root("raw"), root("output"), root("state"));
    for (name, source) in &mut project.sources {
        source.location = format!("memory://{store}/raw/{name}/");
        if !matches!(source.format, Format::Csv(_)) {
            // Rows of binary formats are given in the one text format that nests as they do.
            source.format = Format::Ndjson;
        }
    }
    // A key that everybody knows: hashes are the same on every machine, and nothing real is hashed.
    let private_key = Some(PrivateKey([0; 32]));
    let stores = times.over(&context.stores);
    Context { project: Arc::new(project), private_key, stores, observer: Arc::new(NoObserver), ..context.clone() }
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
