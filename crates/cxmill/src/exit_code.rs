//! Exit codes: a promise to schedulers, documented in `--help`.

use cxmill_engine::{EngineError, RunReport};

/// Done; also: nothing new.
pub(crate) const DONE: u8 = 0;
/// A bug in cxmill.
pub(crate) const BUG: u8 = 1;
/// The project, or the command line, is invalid.
pub(crate) const INVALID: u8 = 2;
/// The data failed: a check, the error budget, or a file that changed after it was read.
pub(crate) const DATA: u8 = 3;
/// Another runner won.
pub(crate) const CONFLICT: u8 = 4;
/// A store could not be reached, read or written.
pub(crate) const STORE: u8 = 5;
/// Interrupted.
pub(crate) const INTERRUPTED: u8 = 130;

/// The code of an error of the engine.
pub(crate) fn of(error: &EngineError) -> u8 {
    match error {
        EngineError::Invalid(_) => INVALID,
        EngineError::Store { .. } => STORE,
        EngineError::Data { .. } | EngineError::Query { .. } => DATA,
        EngineError::Conflict(_) | EngineError::Edited => CONFLICT,
        EngineError::Interrupted => INTERRUPTED,
        _ => BUG,
    }
}

/// The code of a run that came to its end.
pub(crate) fn of_report(report: &RunReport) -> u8 {
    if report.failed() { DATA } else { DONE }
}

/// The table shown by `--help`.
pub(crate) const HELP: &str = "Exit codes:
  0    done, or nothing new; run --follow was asked to stop
  1    a bug in cxmill
  2    the project or the command line is invalid
  3    the data failed: a check, the error budget, a file that changed after it was read, or a test
  4    another runner won, or the project's files kept changing; nothing was changed
  5    a store could not be reached, read or written; the next run continues
  130  interrupted; nothing half-done is visible

Settings are laid over one another in this order: built-in defaults, config/default.yaml, config/<env>.yaml,
CXMILL_<KEY> variables (CXMILL_STORES__S3__ENDPOINT for stores.s3.endpoint), --set. Credentials come from the
environment only (AWS_…, GOOGLE_…, AZURE_…), the key for private columns from CXMILL_PRIVATE_KEY.
CXMILL_LOG=debug shows what goes on inside. cxmill sends no telemetry.";
