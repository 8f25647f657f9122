//! `plan`: what the next run would read, do and write, and why.

use std::process::ExitCode;

use cxmill_engine::{ModelAction, ModelPlan, RebuildPlan, RunPlan};

use super::{done, run_options};
use crate::args::{Args, RunArgs};
use crate::environment::Outside;
use crate::error::CliError;
use crate::output::table::TextTable;
use crate::output::{Output, units};
use crate::project::{self, Sound, Stop};

/// Plans a run and shows the plan.
pub(super) async fn plan(
    args: &Args,
    options: &RunArgs,
    outside: Outside,
    output: &Output,
) -> Result<ExitCode, CliError> {
    let options = run_options(options, outside.now);
    let loaded = project::load(args, outside, Sound::ByStanding, &Stop::default()).await?;
    output.diagnostics(&loaded.context.project.texts, &loaded.warnings);
    let mut plan = cxmill_engine::plan(&loaded.context, &loaded.compiled, &options).await?;
    output.result(|| serde_json::json!(plan), || human(&plan))?;
    // The plan is shown whole; the command then ends as the run would.
    match plan.refusal.take() {
        Some(refusal) => {
            let error = CliError::from(refusal);
            output.say(&error);
            Ok(error.exit_code())
        }
        None => Ok(done()),
    }
}

fn human(plan: &RunPlan) -> String {
    let mut text = format!("epoch {} stands; a run would:\n\nread\n", plan.epoch);
    let mut sources = TextTable::new(&["source", ">new files", ">bytes", ">known files", ">batches", "why"]);
    for source in &plan.sources {
        sources.row(vec![
            source.name.clone(),
            units::count(source.new_files),
            units::bytes(source.new_bytes),
            units::count(source.known_files),
            units::count(source.batches),
            source.why.clone(),
        ]);
    }
    text.push_str(&sources.text(2));
    for source in &plan.sources {
        for file in &source.changed_files {
            text.push_str(&format!("  {}: {file} changed after it was read\n", source.name));
        }
    }
    for source in plan.sources.iter().filter(|source| source.compared_bytes > 0) {
        text.push_str(&format!(
            "  {}: duplicates may be of other dates: up to {} of keys of landed rows are read for each part of the new rows that fits \
             memory\n",
            source.name,
            units::bytes(source.compared_bytes)
        ));
    }
    text.push_str("\nbuild\n");
    let mut models = TextTable::new(&["model", "action", "strategy", ">reads", "why"]);
    for model in &plan.models {
        models.row(vec![
            model.name.clone(),
            action(model.action).to_owned(),
            model.strategy.clone(),
            units::bytes(model.reads_bytes),
            why(model),
        ]);
    }
    text.push_str(&models.text(2));
    text.push_str("\nwrite\n");
    for model in plan.models.iter().filter(|model| model.action == ModelAction::Build) {
        text.push_str(&format!("  {} from {} ({})\n", model.output, model.reads.join(", "), model.strategy_why));
        if let Some(touches) = model.touches {
            let partitions = units::count(touches);
            text.push_str(&format!(
                "    partitions: {partitions} by landed rows; those that new files touch come on top\n"
            ));
        }
        text.push_str(&format!("    promised: {}\n", model.promise));
    }
    for model in plan.models.iter().filter(|model| model.action == ModelAction::Remove) {
        text.push_str(&format!("  {} is removed ({})\n", model.output, model.why));
    }
    if plan.models.iter().all(|model| !matches!(model.action, ModelAction::Build | ModelAction::Remove)) {
        text.push_str("  nothing\n");
    }
    text
}

/// Why something is done with a model, and in how many batches where it is built anew from several.
fn why(model: &ModelPlan) -> String {
    let batches = |count: u64| format!("{} {}", units::count(count), if count == 1 { "batch" } else { "batches" });
    match model.rebuild {
        None => model.why.clone(),
        Some(RebuildPlan { batches_done: 0, batches: left }) => {
            format!("{}: built anew from landed rows in {}", model.why, batches(left))
        }
        Some(RebuildPlan { batches_done, batches: left }) => {
            format!("{}: {} done, {} left", model.why, batches(batches_done), units::count(left))
        }
    }
}

fn action(action: ModelAction) -> &'static str {
    match action {
        ModelAction::Build => "build",
        ModelAction::Keep => "keep",
        ModelAction::Inline => "inline",
        ModelAction::Judge => "judge checks",
        ModelAction::Skip => "skip",
        ModelAction::Retire => "retire",
        ModelAction::Remove => "remove",
    }
}
