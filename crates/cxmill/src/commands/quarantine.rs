//! `quarantine`: rejected rows.

use std::process::ExitCode;
use std::sync::Arc;

use cxmill_engine::{Context, NoObserver, ReplayReport, ReplayedSource};
use cxmill_spec::suggestion;
use serde_json::json;

use super::{done, show};
use crate::args::{Args, Quarantine};
use crate::environment::Outside;
use crate::error::CliError;
use crate::output::table::TextTable;
use crate::output::{Output, units};
use crate::project::{self, Loaded, Sound, Stop};

/// Most files that the report for people names of a source.
const LEFT_SHOWN: usize = 10;

/// Lists counts, shows rows, or feeds them back.
pub(super) async fn quarantine(
    args: &Args,
    command: &Quarantine,
    outside: Outside,
    output: &Output,
) -> Result<ExitCode, CliError> {
    project::read_anew(|| Box::pin(once(args, command, outside.clone(), output))).await
}

async fn once(args: &Args, command: &Quarantine, outside: Outside, output: &Output) -> Result<ExitCode, CliError> {
    let loaded = project::load(args, outside, Sound::ByStanding, &Stop::default()).await?;
    match command {
        Quarantine::List => show::print(&cxmill_engine::quarantine_summary(&loaded.context).await?, output)?,
        Quarantine::Show { source, limit } => {
            known(&loaded.context, source.as_slice())?;
            show::print(&cxmill_engine::quarantine(&loaded.context, source.as_deref(), *limit).await?, output)?;
        }
        Quarantine::Replay { sources, dry_run } => {
            known(&loaded.context, sources)?;
            let report = replay(&loaded, sources, *dry_run, output).await?;
            output.result(|| json!(report), || human(&report))?;
        }
    }
    Ok(done())
}

/// Fails where a source is not there.
fn known(context: &Context, names: &[String]) -> Result<(), CliError> {
    let sources = &context.project.sources;
    match names.iter().find(|name| !sources.contains_key(*name)) {
        None => Ok(()),
        Some(name) => {
            let hint = suggestion(name, sources.keys().map(String::as_str), "sources");
            Err(CliError::usage(format!("there is no source {name}"), hint))
        }
    }
}

async fn replay(loaded: &Loaded, sources: &[String], dry_run: bool, output: &Output) -> Result<ReplayReport, CliError> {
    let observer = output.observer(Arc::clone(&loaded.context.progress)).unwrap_or_else(|| Arc::new(NoObserver));
    // The progress line ends with the watched context, before anything is printed.
    let watched = Context { observer, ..loaded.context.clone() };
    Ok(cxmill_engine::replay(&watched, &loaded.compiled, sources, dry_run).await?)
}

fn human(report: &ReplayReport) -> String {
    if report.sources.is_empty() {
        return "nothing is in quarantine\n".to_owned();
    }
    let mut table = TextTable::new(&[
        "source",
        ">in quarantine",
        ">read again",
        ">accepted",
        ">duplicate",
        ">quarantined",
        ">left",
    ]);
    for source in &report.sources {
        let left = source.left.iter().map(|left| left.rows).sum();
        let counts = [source.rows, source.read, source.accepted, source.duplicate, source.quarantined, left];
        table.row(std::iter::once(source.name.clone()).chain(counts.map(units::count)).collect());
    }
    let mut text = table.text(0);
    report.sources.iter().for_each(|source| text.push_str(&left(source)));
    let rows: u64 = report.sources.iter().map(|source| source.accepted).sum();
    text.push_str(&match (report.dry_run, report.committed) {
        (true, _) => format!("dry run: rows that would be landed: {}; nothing was changed\n", units::count(rows)),
        (false, true) => format!(
            "committed epoch {}; rows landed: {}; `cxmill run` takes them into the tables\n",
            report.epoch,
            units::count(rows)
        ),
        (false, false) => "no row passes: nothing was changed\n".to_owned(),
    });
    text
}

/// What could not be read again of a source.
fn left(source: &ReplayedSource) -> String {
    let mut lines: Vec<String> = source
        .left
        .iter()
        .map(|left| {
            format!("left: {}: {} (rows: {}): {}\n", source.name, left.object, units::count(left.rows), left.why)
        })
        .collect();
    let more = lines.len().saturating_sub(LEFT_SHOWN);
    lines.truncate(LEFT_SHOWN);
    if more > 0 {
        lines.push(format!("and {more} more files\n"));
    }
    lines.concat()
}
