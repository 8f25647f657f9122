//! From YAML text to a validated cxmill project, or to every diagnostic at once.
//!
//! This crate does no I/O, reads no environment and knows no SQL: [`compile()`] takes the texts of a project's files
//! and gives back a [`Project`] or its [`Diagnostic`]s (with what could be read all the same, so that mistakes in SQL can be told
//! together with those in YAML). What is written (the tree of a file) and what is meant (the public
//! types here) are two sets of types; the rest of cxmill never sees the first. The keys of files are one table, which
//! drives the reader and the JSON schemas.
//!
//! ```
//! use cxmill_spec::{Input, Texts, compile};
//!
//! let mut texts = Texts::default();
//! let file = texts.add("pipelines/nps.yaml", "models:\n  daily: {sqll: SELECT 1}\n");
//! let rejected = compile(Input { texts, pipelines: vec![file], ..Input::default() }).unwrap_err();
//! let shown = rejected.diagnostics[0].plain(&rejected.project.texts);
//! assert!(shown.starts_with("pipelines/nps.yaml:2:11: error[unknown-key]: unknown key `sqll` of a model"));
//! ```

mod canonical;
pub mod check;
mod compile;
pub mod contract;
pub mod diagnostic;
pub mod figure;
mod keys;
mod literal;
mod loosening;
pub mod model;
mod names;
pub mod project;
pub mod scenario;
mod schema;
pub mod settings;
mod shape;
pub mod source;
mod sql;
mod template;
pub mod text;
mod units;
mod yaml;

pub use canonical::contract_fingerprint;
pub use check::{Bound, Check, CheckKind, Severity};
pub use compile::{Input, Rejected, compile};
pub use contract::{Column, ColumnType, DateFormat, Literal, Rule, TimestampFormat};
pub use diagnostic::{Diagnostic, Level};
pub use model::{Granularity, Model, Output, PartitionBy, Sql, Strategy, Window};
pub use names::{nearest, suggestion};
pub use project::{Project, Summary, Unreadable, Var};
pub use scenario::{Given, Rows, Scenario, ScenarioRun};
pub use schema::{config_schema, pipeline_schema};
pub use settings::{SampleSettings, Settings};
pub use source::{
    CsvOptions, Encoding, ErrorBudget, Format, History, Kind, OnChange, Source, UniqueWithin, UnknownFields,
};
pub use template::{DEFAULT_CONFIG, template};
pub use text::{FileId, Position, Span, Texts};
pub use units::duration_text;
