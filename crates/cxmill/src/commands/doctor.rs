//! `doctor`: can a run do what it needs to?

use std::process::ExitCode;

use cxmill_engine::Concern;

use super::done;
use crate::args::Args;
use crate::environment::Outside;
use crate::error::CliError;
use crate::exit_code;
use crate::output::Output;
use crate::project::{self, Sound, Stop};

/// Tries everything and shows what is missing.
pub(super) async fn doctor(args: &Args, outside: Outside, output: &Output) -> Result<ExitCode, CliError> {
    let loaded = project::load(args, outside, Sound::ByPlanning, &Stop::default()).await?;
    let findings = cxmill_engine::doctor(&loaded.context).await?;
    let healthy = findings.iter().all(|finding| finding.ok);
    output.result(
        || serde_json::json!({"healthy": healthy, "findings": findings}),
        || {
            let mut text = String::new();
            for finding in &findings {
                let mark = if finding.ok { "ok     " } else { "missing" };
                text.push_str(&format!("{mark}  {}: {}\n", finding.what, finding.detail));
            }
            text.push_str(if healthy { "a run has everything it needs" } else { "a run would fail" });
            text
        },
    )?;
    let fails = |about: Concern| findings.iter().any(|finding| !finding.ok && finding.about == about);
    // The code that a run would end with.
    Ok(if fails(Concern::Store) {
        ExitCode::from(exit_code::STORE)
    } else if fails(Concern::Settings) {
        ExitCode::from(exit_code::INVALID)
    } else {
        done()
    })
}
