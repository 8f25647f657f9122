//! A whole project, validated.

use std::collections::BTreeMap;

use crate::contract::{ColumnType, Literal};
use crate::model::{Model, Sql};
use crate::settings::Settings;
use crate::source::Source;
use crate::text::{Span, Texts};

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
    /// The texts that spans point into.
    pub texts: Texts,
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
