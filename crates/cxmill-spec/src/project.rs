//! A whole project, validated.

use std::collections::{BTreeMap, BTreeSet};

use crate::contract::{ColumnType, Literal};
use crate::figure::Figure;
use crate::model::{Model, Sql};
use crate::scenario::Scenario;
use crate::settings::Settings;
use crate::source::Source;
use crate::text::{FileId, Span, Texts};

/// A project: settings, sources, models and variables of all its files, which share one namespace.
#[derive(Debug, Clone)]
pub struct Project {
    /// Settings.
    pub settings: Settings,
    /// Sources by name.
    pub sources: BTreeMap<String, Source>,
    /// Models by name.
    pub models: BTreeMap<String, Model>,
    /// Variables by name; SQL reads them as `$name`.
    pub vars: BTreeMap<String, Var>,
    /// Queries over published tables that are shown at the end of a run.
    pub summary: Vec<Summary>,
    /// Figures of the report.
    pub report: Vec<Figure>,
    /// Scenario tests.
    pub scenarios: Vec<Scenario>,
    /// What pipeline files say they are for.
    pub descriptions: BTreeMap<FileId, String>,
    /// The texts that spans point into.
    pub texts: Texts,
}

impl Project {
    /// Whether a table is a snapshot of which rows made with an older delivery stay.
    #[must_use]
    pub fn keeps_history(&self, table: &str) -> bool {
        self.sources.get(table).is_some_and(Source::keeps_history)
    }
}

/// What a project with mistakes declares and nobody can read. Whatever uses it is not at fault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unreadable {
    /// Sources and models.
    pub tables: BTreeSet<String>,
    /// Variables.
    pub vars: BTreeSet<String>,
    /// Whether a whole file could not be read: then any name may be declared there.
    pub whole_files: bool,
}

impl Unreadable {
    /// Whether a table of this name may be declared, though it cannot be read.
    #[must_use]
    pub fn may_declare_table(&self, name: &str) -> bool {
        self.whole_files || self.tables.contains(name)
    }

    /// Whether a variable of this name may be declared, though it cannot be read.
    #[must_use]
    pub fn may_declare_var(&self, name: &str) -> bool {
        self.whole_files || self.vars.contains(name)
    }
}

/// A query over published tables, shown at the end of a run.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The line above its rows.
    pub title: String,
    /// The query.
    pub sql: Sql,
}

/// A typed value that SQL reads as `$name`.
#[derive(Debug, Clone)]
pub struct Var {
    /// Its type.
    pub data_type: ColumnType,
    /// Its value, in that type.
    pub value: Literal,
    /// What it is, for people.
    pub description: Option<String>,
    /// Where it is declared.
    pub span: Span,
}
