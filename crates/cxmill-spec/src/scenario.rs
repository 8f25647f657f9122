//! Scenario tests: runs one after the other, and what must stand after each.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use crate::text::Span;

/// One scenario test.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it shows.
    pub name: String,
    /// Runs one after the other, over one state.
    pub runs: Vec<ScenarioRun>,
    /// Where it is written (its name).
    pub span: Span,
}

/// One run of a scenario.
#[derive(Debug, Clone)]
pub struct ScenarioRun {
    /// New raw rows by source, each source in one new file.
    pub given: BTreeMap<String, Given>,
    /// The run's logical time.
    pub as_of: Option<DateTime<Utc>>,
    /// All published rows by model after the run.
    pub expect: BTreeMap<String, Rows>,
    /// All rows in quarantine by source after the run.
    pub quarantined: BTreeMap<String, Rows>,
    /// Exit code of the run.
    pub exit: u8,
    /// Where it is written.
    pub span: Span,
}

/// What a raw file holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// Rows in the shape they have in a file: the names of `from`, nested where that is a path. Numbers are text, as written.
    Rows(Vec<Map<String, Value>>),
    /// The text of the file.
    Lines(String),
}

/// Rows of a table: each with the columns it names and their values. Numbers are text, as written.
#[derive(Debug, Clone)]
pub struct Rows {
    /// The rows, each with its place.
    pub rows: Vec<(Map<String, Value>, Span)>,
    /// The name of the table.
    pub span: Span,
}
