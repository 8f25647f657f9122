//! The one error of the CLI: what happened, what to do, and the exit code.

use std::path::Path;
use std::process::ExitCode;

use cxmill_engine::EngineError;
use cxmill_spec::{Diagnostic, Texts};

use crate::exit_code;

/// Why a command ends without success.
#[derive(Debug)]
pub(crate) enum CliError {
    /// The project is invalid: all diagnostics with the texts they point into.
    Invalid(Texts, Vec<Diagnostic>),
    /// The command line asks for something that cannot be.
    Usage {
        /// What is wrong.
        message: String,
        /// What to do.
        help: Option<String>,
    },
    /// A local file or folder could not be read or written.
    Io {
        /// What was tried, with the path.
        what: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The engine ended the command.
    Engine(EngineError),
}

impl CliError {
    /// A wrong command line.
    pub(crate) fn usage(message: impl Into<String>, help: impl Into<Option<String>>) -> Self {
        Self::Usage { message: message.into(), help: help.into() }
    }

    /// A failed file operation, as in `reading pipelines/nps.yaml`.
    pub(crate) fn io(operation: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let what = format!("{operation} {}", path.strip_prefix(".").unwrap_or(path).display());
        move |error| Self::Io { what, error }
    }

    /// Exit code of this error.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Invalid(..) | Self::Usage { .. } => exit_code::INVALID,
            Self::Io { .. } => exit_code::STORE,
            Self::Engine(error) => exit_code::of(error),
        })
    }
}

impl From<EngineError> for CliError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}
