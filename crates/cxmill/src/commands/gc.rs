//! `gc`: remove what nothing needs any more from the state root.

use std::process::ExitCode;

use cxmill_engine::Collected;
use serde_json::json;

use super::done;
use crate::args::Args;
use crate::environment::Outside;
use crate::error::CliError;
use crate::output::table::TextTable;
use crate::output::{Output, units};
use crate::project::{self, Sound, Stop};

/// Removes garbage, or lists it.
pub(super) async fn gc(args: &Args, dry_run: bool, outside: Outside, output: &Output) -> Result<ExitCode, CliError> {
    let loaded = project::load(args, outside, Sound::ByStanding, &Stop::default()).await?;
    let collected = cxmill_engine::gc(&loaded.context, dry_run).await?;
    output.result(|| json!(collected), || human(&collected))?;
    Ok(done())
}

fn human(collected: &Collected) -> String {
    let mut text = String::new();
    if !collected.removed && !collected.objects.is_empty() {
        let mut table = TextTable::new(&[">bytes", "object"]);
        for object in &collected.objects {
            table.row(vec![units::bytes(object.bytes), object.name.clone()]);
        }
        text = table.text(0) + "\n";
    }
    let count = units::counted(collected.objects.len(), "object");
    let verb = if collected.removed { "removed" } else { "would remove" };
    text.push_str(&format!("{verb} {count}, {}\n", units::bytes(collected.bytes)));
    if collected.grace_seconds > 0 {
        let minutes = collected.grace_seconds / 60;
        text.push_str(&format!("what stopped being named less than {minutes} minutes ago is spared\n"));
    }
    text
}
