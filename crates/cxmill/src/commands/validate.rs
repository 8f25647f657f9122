//! `validate`: every error in the project at once; touches no data.

use std::process::ExitCode;

use serde_json::json;

use super::done;
use crate::args::{Args, Format};
use crate::environment::Outside;
use crate::error::CliError;
use crate::output::{Output, data, diagnostics_json, units};
use crate::project::{self, Sound, Stop};

/// Validates the project.
pub(super) async fn validate(args: &Args, outside: Outside, output: &Output) -> Result<ExitCode, CliError> {
    match project::load(args, outside, Sound::ByPlanning, &Stop::default()).await {
        Ok(loaded) => {
            let project = &loaded.context.project;
            let counts = (project.sources.len(), project.models.len());
            if output.format == Format::Human {
                output.diagnostics(&project.texts, &loaded.warnings);
            }
            output.result(
                || {
                    json!({
                        "valid": true, "sources": counts.0, "models": counts.1,
                        "diagnostics": diagnostics_json(&project.texts, &loaded.warnings),
                    })
                },
                || format!("valid: {}, {}", units::counted(counts.0, "source"), units::counted(counts.1, "model")),
            )?;
            Ok(done())
        }
        Err(CliError::Invalid(texts, list)) if output.format == Format::Json => {
            data(&format!("{:#}", json!({"valid": false, "diagnostics": diagnostics_json(&texts, &list)})))?;
            Ok(CliError::Invalid(texts, list).exit_code())
        }
        Err(error) => Err(error),
    }
}
