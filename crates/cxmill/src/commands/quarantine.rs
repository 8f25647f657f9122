//! `quarantine`: rejected rows.

use std::process::ExitCode;

use cxmill_spec::suggestion;

use super::{done, show};
use crate::args::{Args, Quarantine};
use crate::environment::Outside;
use crate::error::CliError;
use crate::output::Output;
use crate::project;

/// Lists counts, or shows rows.
pub(super) async fn quarantine(
    args: &Args,
    command: &Quarantine,
    outside: Outside,
    output: &Output,
) -> Result<ExitCode, CliError> {
    let loaded = project::load(args, outside, output).await?;
    let table = match command {
        Quarantine::List => cxmill_engine::quarantine_summary(&loaded.context).await?,
        Quarantine::Show { source, limit } => {
            let sources = &loaded.context.project.sources;
            if let Some(name) = source.as_ref().filter(|name| !sources.contains_key(*name)) {
                let hint = suggestion(name, sources.keys().map(String::as_str), "sources");
                return Err(CliError::usage(format!("there is no source {name}"), hint));
            }
            cxmill_engine::quarantine(&loaded.context, source.as_deref(), *limit).await?
        }
    };
    show::print(&table, output)?;
    Ok(done())
}
