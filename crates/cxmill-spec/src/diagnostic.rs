//! What is wrong with a project, where, and what to do about it.

use crate::text::{Span, Texts};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The project cannot run.
    Error,
    /// The project can run, but somebody should look.
    Warning,
}

/// One finding. Text is a lowercase fragment without a final period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable kebab-case code, such as `unknown-key` or `unknown-column`.
    pub code: &'static str,
    /// Error or warning.
    pub level: Level,
    /// What is wrong.
    pub message: String,
    /// Where; `None` only where no text is at fault (for example a missing folder).
    pub span: Option<Span>,
    /// What to do: the nearest right name, the allowed values.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: &'static str, span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Self { code, level: Level::Error, message: message.into(), span: span.into(), help: None }
    }

    /// A warning at a place.
    pub fn warning(code: &'static str, span: impl Into<Option<Span>>, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(code, span, message) }
    }

    /// The same with a hint on what to do.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// One line without colour: `file:line:col: error[code]: message (help: …)`.
    #[must_use]
    pub fn plain(&self, texts: &Texts) -> String {
        let place = self.span.map(|span| format!("{}: ", texts.place(span))).unwrap_or_default();
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        let help = self.help.as_ref().map(|help| format!(" (help: {help})")).unwrap_or_default();
        format!("{place}{level}[{}]: {}{help}", self.code, self.message)
    }
}
