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
    /// Whether what is said there has colour.
    colour: bool,
}

impl Output {
    /// For this format, with colour where it is welcome; looks whether stderr is a terminal.
    pub(crate) fn new(format: Format, colour: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { format, terminal, colour: terminal && colour }
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
            // Whoever took the lines so far is gone: unlike at the end of one result, more is to come.
            Format::Json => written(&json().to_string()).map_err(not_written),
        }
    }

    /// Shows an error as one of many results.
    pub(crate) fn error_event(&self, error: &CliError) -> Result<(), CliError> {
        self.event(|| errors::json(error), || errors::human(error, self.colour))
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
        talk(errors::human(error, self.colour).trim_end());
    }

    /// Shows diagnostics on stderr.
    pub(crate) fn diagnostics(&self, texts: &Texts, diagnostics: &[Diagnostic]) {
        if !diagnostics.is_empty() {
            talk(diagnostics::human(texts, diagnostics, self.colour).trim_end());
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
    match written(text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(not_written(error)),
        _ => Ok(()),
    }
}

fn written(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.trim_end().as_bytes())?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

fn not_written(error: std::io::Error) -> CliError {
    CliError::Io { what: "writing to stdout".to_owned(), error }
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
pub(crate) fn logging(filter: Option<&str>, colour: bool) {
    use tracing_subscriber::EnvFilter;
    let filter = filter.map_or_else(
        || EnvFilter::new("error,cxmill_engine=warn,cxmill_ledger=warn,cxmill_ingest=warn"),
        EnvFilter::new,
    );
    // A second subscriber cannot be set; there is only this one.
    drop(
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(colour && std::io::stderr().is_terminal())
            .with_writer(std::io::stderr)
            .try_init(),
    );
}
