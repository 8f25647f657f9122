//! `test`: the scenario tests of the pipeline files, in memory.

use std::process::ExitCode;

use cxmill_engine::{Difference, EngineError, RunReport, ScenarioReport};
use cxmill_spec::Texts;
use serde_json::{Value, json};

use super::done;
use crate::args::Args;
use crate::environment::Outside;
use crate::error::CliError;
use crate::exit_code;
use crate::output::table::TextTable;
use crate::output::{Output, units};
use crate::project::{self, Sound, Stop};

/// Rows of one difference that people are shown.
const ROWS_SHOWN: usize = 40;

/// Runs the tests and shows those that failed.
pub(super) async fn test(
    args: &Args,
    filter: Option<&str>,
    outside: Outside,
    output: &Output,
) -> Result<ExitCode, CliError> {
    let loaded = project::load(args, outside, Sound::ByPlanning, &Stop::on_signal(output)).await?;
    let texts = &loaded.context.project.texts;
    output.diagnostics(texts, &loaded.warnings);
    let start = std::time::Instant::now();
    let reports = cxmill_engine::run_scenarios(&loaded.context, &loaded.compiled, filter, code).await?;
    let seconds = start.elapsed().as_secs_f64();
    if reports.is_empty() {
        return Err(CliError::usage(
            filter.map_or("no pipeline has a test".to_owned(), |part| format!("no test has `{part}` in its name")),
            Some("write one under `tests:` in a pipeline file".to_owned()),
        ));
    }
    let failed = reports.iter().filter(|report| !report.failures.is_empty()).count();
    output.result(|| json_of(texts, &reports), || human(texts, &reports, failed, seconds))?;
    Ok(if failed == 0 { done() } else { ExitCode::from(exit_code::DATA) })
}

/// The exit code that `run` would end with.
fn code(outcome: &Result<RunReport, EngineError>) -> u8 {
    match outcome {
        Ok(report) => exit_code::of_report(report),
        Err(error) => exit_code::of(error),
    }
}

fn human(texts: &Texts, reports: &[ScenarioReport], failed: usize, seconds: f64) -> String {
    let mut text = String::new();
    for report in reports.iter().filter(|report| !report.failures.is_empty()) {
        text.push_str(&format!("failed: {} ({})\n", report.name, texts.place(report.span)));
        for failure in &report.failures {
            text.push_str(&format!("  run {}, {}: {}\n", failure.run, texts.place(failure.span), failure.message));
            if let Some(difference) = &failure.difference {
                text.push_str(&rows(difference));
            }
        }
        text.push('\n');
    }
    let passed = units::counted(reports.len() - failed, "test");
    let failed = if failed == 0 { String::new() } else { format!(", {failed} failed") };
    text + &format!("{passed} passed{failed}; {}\n", units::seconds(seconds))
}

/// The rows that differ, one table: `-` is missing, `+` is there and not expected. Rows that are most alike stand below one
/// another, with the columns in which they differ.
fn rows(difference: &Difference) -> String {
    let Difference { columns: names, missing, unexpected, pairs } = difference;
    let marked = |mark: &str, row: &[Value], differ: &[String]| -> Vec<Value> {
        let note = if differ.is_empty() { Value::from("") } else { Value::from(differ.join(", ")) };
        std::iter::once(Value::from(mark)).chain(row.iter().cloned()).chain([note]).collect()
    };
    let mut all = Vec::new();
    for (index, row) in missing.iter().enumerate() {
        all.push(marked("-", row, &[]));
        let pair = pairs.iter().find(|pair| pair.missing == index);
        all.extend(pair.and_then(|pair| Some(marked("+", unexpected.get(pair.unexpected)?, &pair.differ))));
    }
    let alone = |index: &usize| pairs.iter().all(|pair| pair.unexpected != *index);
    let rest = unexpected.iter().enumerate().filter(|(index, _)| alone(index));
    all.extend(rest.map(|(_, row)| marked("+", row, &[])));
    let more = all.len().saturating_sub(ROWS_SHOWN);
    all.truncate(ROWS_SHOWN);
    let mut columns = vec![String::new()];
    columns.extend(names.iter().cloned());
    columns.push(if pairs.is_empty() { String::new() } else { "differs in".to_owned() });
    let more = if more > 0 {
        format!("    and {} more; --format json has all\n", units::counted(more, "row"))
    } else {
        String::new()
    };
    TextTable::from_values(&columns, &all).text(4) + &more
}

fn json_of(texts: &Texts, reports: &[ScenarioReport]) -> Value {
    let tests: Vec<Value> = reports
        .iter()
        .map(|report| {
            let failures: Vec<Value> = report
                .failures
                .iter()
                .map(|failure| {
                    json!({
                        "run": failure.run, "place": texts.place(failure.span), "message": failure.message,
                        "difference": failure.difference,
                    })
                })
                .collect();
            json!({
                "name": report.name, "place": texts.place(report.span), "passed": failures.is_empty(),
                "failures": failures, "seconds": report.seconds,
            })
        })
        .collect();
    json!({"passed": reports.iter().all(|report| report.failures.is_empty()), "tests": tests})
}
