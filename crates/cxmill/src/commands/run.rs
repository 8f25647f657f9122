//! `run`: bring every table up to date, and report.

use std::process::ExitCode;
use std::sync::Arc;

use cxmill_engine::{
    ChangedPartition, CheckResult, Compiled, Context, ModelReport, NoObserver, RebuildReport, RunReport, SourceReport,
};
use serde_json::json;

use super::{run_options, sample};
use crate::args::{Args, Format, RunArgs};
use crate::environment::Outside;
use crate::error::CliError;
use crate::exit_code;
use crate::output::table::TextTable;
use crate::output::{Output, data, talk, totals, units};
use crate::project::{self, Sound, Stop};

/// Most damaged files that the report for people names.
const DAMAGED_SHOWN: usize = 10;

/// Most changed partitions that the report for people names.
const CHANGED_SHOWN: usize = 20;

/// Runs the project once.
pub(super) async fn run(
    args: &Args,
    options: &RunArgs,
    outside: Outside,
    output: &Output,
) -> Result<ExitCode, CliError> {
    project::read_anew(|| Box::pin(once(args, options, outside.clone(), output))).await
}

async fn once(args: &Args, options: &RunArgs, outside: Outside, output: &Output) -> Result<ExitCode, CliError> {
    let options = run_options(options, outside.now);
    let loaded = project::load(args, outside, Sound::ByStanding, &Stop::on_signal(output)).await?;
    let context = loaded.context;
    output.diagnostics(&context.project.texts, &loaded.warnings);
    make_sample(&context)?;
    let report = {
        let observer = output.observer(Arc::clone(&context.progress)).unwrap_or_else(|| Arc::new(NoObserver));
        // The progress line ends with the watched context, before anything is printed.
        let watched = Context { observer, ..context.clone() };
        cxmill_engine::run(&watched, &loaded.compiled, &options).await?
    };
    output.result(|| json!(report), || human(&report, &context))?;
    if output.format == Format::Human {
        // The run has done its work: a summary that fails is said, and changes nothing.
        match summary(&context, &loaded.compiled).await {
            Ok(text) => data(&text)?,
            Err(error) => output.error(&error),
        }
    }
    Ok(ExitCode::from(exit_code::of_report(&report)))
}

/// Makes the sample that the settings name, where the raw root is a local folder that does not exist.
pub(super) fn make_sample(context: &Context) -> Result<(), CliError> {
    let settings = &context.project.settings;
    let Some(wanted) = &settings.sample else { return Ok(()) };
    if settings.raw.contains("://") {
        return Ok(());
    }
    let raw = context.base.join(&settings.raw);
    if raw.exists() {
        return Ok(());
    }
    let options = cxmill_sample::Options {
        customers: wanted.customers,
        days: wanted.days,
        seed: wanted.seed,
        ..cxmill_sample::Options::default()
    };
    let written = sample::write(&raw, &options)?;
    talk(&format!(
        "{} did not exist: made the sample there ({} files, {})",
        raw.display(),
        units::count(written.files),
        units::bytes(written.bytes)
    ));
    Ok(())
}

/// The queries of `summary:` over the published tables.
async fn summary(context: &Context, compiled: &Compiled) -> Result<String, CliError> {
    let mut text = String::new();
    for (title, table) in cxmill_engine::summary(context, compiled).await? {
        let rows = TextTable::from_values(&table.columns(), &table.rows());
        text.push_str(&format!("\n{title}\n{}", rows.text(2)));
    }
    Ok(text)
}

fn human(report: &RunReport, context: &Context) -> String {
    let mut text = sources(report) + &models(report) + &checks(report);
    for warning in &report.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    for (model, help) in report.models.iter().filter_map(|model| Some((&model.name, model.help.as_ref()?))) {
        text.push_str(&format!("help: {model}: {help}\n"));
    }
    let as_of = report.as_of.as_ref().map_or(String::new(), |as_of| format!(", as of {as_of}"));
    let memory = report.peak_memory_bytes.map_or(String::new(), |peak| format!(", peak memory {}", units::bytes(peak)));
    let what = match (report.committed, report.objects_written) {
        (true, _) if report.failed() => "committed what holds;".to_owned(),
        (true, _) => "committed".to_owned(),
        (false, 0) if report.failed() => "checks failed: nothing published;".to_owned(),
        (false, 0) => "nothing new: nothing written;".to_owned(),
        (false, objects) => format!("nothing new; {objects} missing objects published again;"),
    };
    text.push_str(&format!("{what} epoch {}{as_of}; {}{memory}\n", report.epoch, units::seconds(report.seconds)));
    let output = &context.project.settings.output;
    let place = if output.contains("://") { output.clone() } else { plain(&context.base.join(output)) };
    text.push_str(&format!("tables are in {place}\n"));
    text
}

fn sources(report: &RunReport) -> String {
    let mut table = TextTable::new(&[&["source"], totals::COLUMNS.as_slice()].concat());
    for source in report.sources.iter().filter(|source| source.totals.files > 0) {
        table.row(std::iter::once(source.name.clone()).chain(totals::cells(&source.totals)).collect());
    }
    if table.is_empty() { String::new() } else { table.text(0) + &restated(report) + &damaged(report) + "\n" }
}

/// Files that changed after they were read.
fn restated(report: &RunReport) -> String {
    let sources = report.sources.iter().filter(|source| source.restated > 0);
    let line = |source: &SourceReport| {
        let beside = match source.read_again {
            0 => String::new(),
            again => format!(", and {} with rows that had been dropped as copies", units::count(again)),
        };
        format!("restated: {}: files that changed: {}{beside}\n", source.name, units::count(source.restated))
    };
    sources.map(line).collect()
}

/// Files that could not be read to their end, or at all.
pub(super) fn damaged(report: &RunReport) -> String {
    let files = report.sources.iter().flat_map(|source| source.damaged.iter().map(|file| (&source.name, file)));
    let mut lines: Vec<String> = files
        .map(|(source, file)| format!("damaged: {source}: {} from line {}: {}\n", file.object, file.line, file.reason))
        .collect();
    let more = lines.len().saturating_sub(DAMAGED_SHOWN);
    lines.truncate(DAMAGED_SHOWN);
    if more > 0 {
        lines.push(format!("and {more} more damaged files: cxmill quarantine show\n"));
    }
    lines.concat()
}

fn models(report: &RunReport) -> String {
    let mut table = TextTable::new(&["model", "strategy", "done", ">rows", ">partitions", ">bytes", ">seconds", "why"]);
    let told = ["built", "withheld", "rebuilding", "waiting", "retired", "removed"];
    for model in report.models.iter().filter(|model| told.contains(&model.action.as_str())) {
        table.row(vec![
            model.name.clone(),
            model.strategy.clone(),
            model.action.clone(),
            units::count(model.rows),
            units::count(model.partitions_written),
            units::bytes(model.bytes_written),
            format!("{:.2}", model.seconds),
            why(model),
        ]);
    }
    if table.is_empty() { String::new() } else { table.text(0) + &changed(report) + "\n" }
}

/// Which partitions of models changed, and because of which files.
fn changed(report: &RunReport) -> String {
    let partitions =
        report.models.iter().flat_map(|model| model.changed.iter().map(|partition| (&model.name, partition)));
    let line = |(model, ChangedPartition { partition, because_of }): (&String, &ChangedPartition)| {
        let folder = partition.rsplit_once('/').map(|(folder, _)| format!(" {folder}")).unwrap_or_default();
        let more = match because_of.more_files {
            0 => String::new(),
            more => format!(" and {} more", units::count(more)),
        };
        format!("changed: {model}{folder}: by {}{more}\n", because_of.files.join(", "))
    };
    let partitions = partitions.filter(|(_, partition)| !partition.because_of.files.is_empty());
    let mut lines: Vec<String> = partitions.map(line).collect();
    let more = lines.len().saturating_sub(CHANGED_SHOWN);
    lines.truncate(CHANGED_SHOWN);
    if more > 0 {
        lines.push(format!("and {more} more changed partitions: --format json\n"));
    }
    lines.concat()
}

/// Why it was built; where only the partitions of new rows were, or landed rows were taken in batches, what that took.
fn why(model: &ModelReport) -> String {
    let read = units::bytes(model.bytes_read);
    if let Some(rebuild) = model.rebuild {
        let RebuildReport { batches_before, batches, batches_left, .. } = rebuild;
        let before =
            if batches_before == 0 { String::new() } else { format!(" after {batches_before} of earlier runs") };
        let left =
            if batches_left == 0 { String::new() } else { format!(", {batches_left} are left for the next run") };
        let word = if batches == 1 { "batch" } else { "batches" };
        return format!("{}: {read} read in {batches} {word}{before}{left}", model.why);
    }
    let Some(touched) = model.partitions_touched else { return model.why.clone() };
    let folders: Vec<&str> =
        model.touched.iter().filter_map(|name| name.rsplit_once('/')).map(|(folder, _)| folder).collect();
    let more = match touched.saturating_sub(folders.len() as u64) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match folders.is_empty() {
        true => format!("{}: {read} read", model.why),
        false => format!("{}: {read} read, into {}{more}", model.why, folders.join(", ")),
    }
}

pub(super) fn checks(report: &RunReport) -> String {
    let mut text = String::new();
    for check in report.checks.iter().filter(|check| check.result != CheckResult::Passed) {
        let word = if check.result == CheckResult::Failed { "failed" } else { "warned" };
        text.push_str(&format!(
            "check {word}: {} {}: {} rows\n",
            check.model,
            check.check,
            units::count(check.failing_rows)
        ));
        if let Some(sample) = &check.sample {
            text.push_str(&format!("  {}\n", sample.trim_end().replace('\n', "\n  ")));
        }
    }
    let passed = report.checks.iter().filter(|check| check.result == CheckResult::Passed).count();
    if passed > 0 {
        text.push_str(&format!("{passed} checks passed\n"));
    }
    text
}

/// A path without a leading `./`.
fn plain(path: &std::path::Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}
