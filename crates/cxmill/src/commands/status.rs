//! `status`: where the project stands.

use std::process::ExitCode;

use cxmill_engine::Status;

use super::done;
use crate::args::Args;
use crate::environment::Outside;
use crate::error::CliError;
use crate::output::table::TextTable;
use crate::output::{Output, totals, units};
use crate::project::{self, Sound, Stop};

/// Shows epoch, sources and models.
pub(super) async fn status(args: &Args, outside: Outside, output: &Output) -> Result<ExitCode, CliError> {
    let loaded = project::load(args, outside, Sound::ByStanding, &Stop::default()).await?;
    let status = cxmill_engine::status(&loaded.context, &loaded.compiled).await?;
    output.result(|| serde_json::json!(status), || human(&status))?;
    Ok(done())
}

fn human(status: &Status) -> String {
    if status.epoch == 0 {
        return "nothing was committed yet: cxmill run makes the first epoch".to_owned();
    }
    let at = status.committed_at.as_ref().map_or(String::new(), |time| format!(", committed {time}"));
    let as_of = status.as_of.as_ref().map_or(String::new(), |time| format!(", as of {time}"));
    let mut text = format!("epoch {}{at}{as_of}\n\n", status.epoch);
    let mut sources = TextTable::new(&[&["source"], totals::COLUMNS.as_slice(), &["newest event"]].concat());
    for source in &status.sources {
        let newest = source.newest_event.clone().unwrap_or_else(|| "-".to_owned());
        let cells = std::iter::once(source.name.clone()).chain(totals::cells(&source.totals)).chain([newest]);
        sources.row(cells.collect());
    }
    text.push_str(&sources.text(0));
    text.push('\n');
    let mut models = TextTable::new(&["model", "strategy", "state", ">rows", ">files", ">changed at", "position"]);
    for model in &status.models {
        let newest = model.position.values().max();
        models.row(vec![
            model.name.clone(),
            model.strategy.clone(),
            model.state.clone(),
            units::count(model.rows),
            units::count(model.files),
            model.changed_at.to_string(),
            newest.map_or_else(|| "-".to_owned(), |epoch| format!("epoch {epoch}")),
        ]);
    }
    text.push_str(&models.text(0));
    for (model, rebuild) in status.models.iter().filter_map(|model| Some((&model.name, model.rebuild?))) {
        text.push_str(&format!(
            "{model} is being built anew: {} batches of landed rows ({}) are taken, and the next run goes on; what stands of it \
             is older\n",
            rebuild.batches,
            units::bytes(rebuild.bytes)
        ));
    }
    for (model, withheld) in status.models.iter().filter_map(|model| Some((model, model.withheld.as_ref()?))) {
        let as_of = withheld.as_of.as_ref().map_or(String::new(), |time| format!(" (as of {time})"));
        text.push_str(&format!("{} is withheld: {}{as_of}; what stands of it is older\n", model.name, withheld.why));
    }
    text
}
