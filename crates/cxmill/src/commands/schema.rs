//! `schema`: JSON schemas for editors.

use std::process::ExitCode;

use super::done;
use crate::args::SchemaKind;
use crate::error::CliError;
use crate::output::data;

/// Prints the JSON schema of a kind of file.
pub(super) fn schema(kind: SchemaKind) -> Result<ExitCode, CliError> {
    let schema = match kind {
        SchemaKind::Pipeline => cxmill_spec::pipeline_schema(),
        SchemaKind::Config => cxmill_spec::config_schema(),
    };
    data(&format!("{schema:#}"))?;
    Ok(done())
}
