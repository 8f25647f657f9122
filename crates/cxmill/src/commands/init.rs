//! `init`: a new project that runs as it is.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::{done, empty_folder, write_file};
use crate::error::CliError;
use crate::output::Output;

/// Writes the template project.
pub(super) fn init(dir: &Path, output: &Output) -> Result<ExitCode, CliError> {
    empty_folder(dir)?;
    let files = cxmill_spec::template();
    for (name, content) in &files {
        write_file(dir, name, content.as_bytes())?;
    }
    let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
    output.result(
        || json!({"project": dir, "files": names}),
        || {
            let shown = dir.display();
            let list: String = names.iter().map(|name| format!("  {shown}/{name}\n")).collect();
            format!("made a project that runs as it is:\n{list}next: cxmill --project {shown} run")
        },
    )?;
    Ok(done())
}
