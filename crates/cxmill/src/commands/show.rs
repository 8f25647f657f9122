//! `show`: a published table on the terminal.

use std::process::ExitCode;

use cxmill_spec::suggestion;
use serde_json::{Map, Value, json};

use super::done;
use crate::args::Args;
use crate::environment::Outside;
use crate::error::CliError;
use crate::output::table::TextTable;
use crate::output::{Output, units};
use crate::project::{self, Sound, Stop};

/// Shows rows of a published table.
pub(super) async fn show(
    args: &Args,
    model: &str,
    filter: Option<&str>,
    limit: usize,
    outside: Outside,
    output: &Output,
) -> Result<ExitCode, CliError> {
    let loaded = project::load(args, outside, Sound::ByStanding, &Stop::default()).await?;
    let models = &loaded.context.project.models;
    if !models.contains_key(model) {
        if loaded.context.project.sources.contains_key(model) {
            let help = format!("a model shows its rows: SELECT * FROM {model}");
            return Err(CliError::usage(format!("{model} is a source; published are models"), Some(help)));
        }
        let hint = suggestion(model, models.keys().map(String::as_str), "models")
            .unwrap_or_else(|| format!("there are: {}", models.keys().cloned().collect::<Vec<_>>().join(", ")));
        return Err(CliError::usage(format!("there is no model {model}"), Some(hint)));
    }
    let table = cxmill_engine::show(&loaded.context, &loaded.compiled, model, filter, limit).await?;
    drop(loaded);
    print(&table, output)?;
    Ok(done())
}

/// Prints rows: a text table, or a JSON array of objects.
pub(super) fn print(table: &cxmill_engine::Table, output: &Output) -> Result<(), CliError> {
    let (columns, rows) = (table.columns(), table.rows());
    output.result(
        || {
            let objects = rows
                .iter()
                .map(|row| Value::Object(columns.iter().cloned().zip(row.iter().cloned()).collect::<Map<_, _>>()));
            json!(objects.collect::<Vec<_>>())
        },
        || {
            let mut text = TextTable::from_values(&columns, &rows).text(0);
            match table.total_rows {
                Some(total) if total > rows.len() as u64 => {
                    text.push_str(&format!("{} of {total} rows; --limit shows more\n", rows.len()));
                }
                _ => text.push_str(&format!("{}\n", units::counted(rows.len(), "row"))),
            }
            text
        },
    )
}
