//! What the user sees: data on stdout, talk on stderr, both readable without colour.

mod diagnostics;
mod errors;
mod progress;
pub(crate) mod table;
pub(crate) mod totals;
pub(crate) mod units;

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use cxmill_engine::{Observer, Progress};
use cxmill_spec::{Diagnostic, Texts};

use crate::args::Format;
use crate::error::CliError;

/// How and where results are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// Format of stdout.
    pub(crate) format: Format,
    /// Whether a person looks at stderr.
    terminal: bool,
}

impl Output {
    /// For this format; looks whether stderr is a terminal.
    pub(crate) fn new(format: Format) -> Self {
        Self { format, terminal: std::io::stderr().is_terminal() }
    }

    /// Shows a result: `human` makes its text, or `json` is printed as one document.
    pub(crate) fn result(
        &self,
        json: impl FnOnce() -> serde_json::Value,
        human: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        match self.format {
            Format::Human => data(&human()),
            Format::Json => data(&format!("{:#}", json())),
        }
    }

    /// Shows one of many results: in JSON as one line on stdout, for people as talk on stderr.
    pub(crate) fn event(
        &self,
        json: impl FnOnce() -> serde_json::Value,
        human: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        match self.format {
            Format::Human => {
                talk(human().trim_end());
                Ok(())
            }
            Format::Json => data(&json().to_string()),
        }
    }

    /// Shows an error as one of many results.
    pub(crate) fn error_event(&self, error: &CliError) -> Result<(), CliError> {
        self.event(|| errors::json(error), || errors::human(error, self.terminal))
    }

    /// Shows an error on stderr; in JSON also as one document on stdout.
    pub(crate) fn error(&self, error: &CliError) {
        self.say(error);
        if self.format == Format::Json {
            // Nothing can be said any more where stdout is closed.
            drop(data(&format!("{:#}", errors::json(error))));
        }
    }

    /// Shows an error on stderr alone: what is on stdout says it already.
    pub(crate) fn say(&self, error: &CliError) {
        talk(errors::human(error, self.terminal).trim_end());
    }

    /// Shows diagnostics on stderr.
    pub(crate) fn diagnostics(&self, texts: &Texts, diagnostics: &[Diagnostic]) {
        if !diagnostics.is_empty() {
            talk(diagnostics::human(texts, diagnostics, self.terminal).trim_end());
        }
    }

    /// Whether a person looks at stderr.
    pub(crate) fn is_watched(&self) -> bool {
        self.terminal
    }

    /// Who shows progress, if anybody looks.
    pub(crate) fn observer(&self, progress: Arc<Progress>) -> Option<Arc<dyn Observer>> {
        self.terminal.then(|| Arc::new(progress::Bar::new(progress)) as Arc<dyn Observer>)
    }
}

/// Prints a result on stdout. A reader that has seen enough (`| head`) is not an error.
pub(crate) fn data(text: &str) -> Result<(), CliError> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.trim_end().as_bytes()).and_then(|()| stdout.write_all(b"\n"));
    match written.and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CliError::Io { what: "writing to stdout".to_owned(), error })
        }
        _ => Ok(()),
    }
}

/// Says something on stderr.
pub(crate) fn talk(text: &str) {
    // Nobody can be told where stderr is closed.
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}

/// JSON of diagnostics with places as people write them.
pub(crate) fn diagnostics_json(texts: &Texts, list: &[Diagnostic]) -> serde_json::Value {
    diagnostics::json(texts, list)
}

/// Sends log records to stderr; warnings only unless `CXMILL_LOG` asks for more.
pub(crate) fn logging(filter: Option<&str>) {
    use tracing_subscriber::EnvFilter;
    let filter = filter.map_or_else(
        || EnvFilter::new("error,cxmill_engine=warn,cxmill_ledger=warn,cxmill_ingest=warn"),
        EnvFilter::new,
    );
    // A second subscriber cannot be set; there is only this one.
    drop(
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr)
            .try_init(),
    );
}
