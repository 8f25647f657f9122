//! A model: one SQL query with a name, whose result is a table.

use std::sync::Arc;

use crate::check::Check;
use crate::text::{FileId, Span};

/// One model, validated as far as YAML goes; its SQL is checked by the engine.
#[derive(Debug, Clone)]
pub struct Model {
    /// Name; the table name in SQL and in the output root.
    pub name: String,
    /// What it is, for people.
    pub description: Option<String>,
    /// The query.
    pub sql: Sql,
    /// Strategy pinned by the author.
    pub strategy: Option<Strategy>,
    /// How far the rows of a date look beyond it, where the author says so.
    pub window: Option<Window>,
    /// Columns that identify a row; implies the checks `not_null` and `unique` (they are in `checks` already).
    pub grain: Vec<String>,
    /// Checks of the staged result.
    pub checks: Vec<Check>,
    /// How the result is laid out in the output root.
    pub output: Output,
    /// Where the model is declared (its name).
    pub span: Span,
}

/// A SQL text and where each of its bytes stands in the file it was written in.
#[derive(Debug, Clone)]
pub struct Sql {
    /// The query as SQL reads it.
    pub text: Arc<str>,
    /// The file it was written in.
    pub file: FileId,
    /// For each line of `text`, the byte offset in the file where that line's first character stands.
    /// (A block scalar is indented in its file, a `.sql` file is not.)
    pub line_offsets: Vec<usize>,
}

impl Sql {
    /// The span in the file of a place in the SQL: line and column from 1, columns in characters; the end is exclusive.
    #[must_use]
    pub fn span(&self, start: (u64, u64), end: (u64, u64)) -> Span {
        let start = self.offset(start);
        Span { file: self.file, start, end: self.offset(end).max(start) }
    }

    /// The span of the whole query.
    #[must_use]
    pub fn whole(&self) -> Span {
        let start = self.line_offsets.first().copied().unwrap_or(0);
        let lines = self.text.trim_end().lines().count();
        let last = self.text.lines().nth(lines.saturating_sub(1)).unwrap_or_default();
        let end = self.line_offsets.get(lines.saturating_sub(1)).copied().unwrap_or(start) + last.len();
        Span { file: self.file, start, end }
    }

    fn offset(&self, (line, column): (u64, u64)) -> usize {
        let index = usize::try_from(line).unwrap_or(1).max(1) - 1;
        let Some(&base) = self.line_offsets.get(index) else { return self.whole().end };
        let column = usize::try_from(column).unwrap_or(1).max(1) - 1;
        let text = self.text.lines().nth(index).unwrap_or_default();
        base + text.char_indices().nth(column).map_or(text.len(), |(byte, _)| byte)
    }
}

/// How a model is brought up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Inlined into its readers; not published.
    View,
    /// Computed anew from all of its inputs whenever one of them changes.
    Full,
    /// States of its aggregates are kept; only new rows are read, and added to the groups they belong to.
    State,
    /// Only the partitions that new rows touch are computed anew, from the landed rows of their dates.
    Partition,
}

impl Strategy {
    /// The word of the YAML.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Full => "full",
            Self::State => "state",
            Self::Partition => "partition",
        }
    }
}

/// How far the rows of a date look beyond it: at the landed rows of so many days before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Days before.
    pub before: i32,
    /// Days after.
    pub after: i32,
    /// Where it is written.
    pub span: Span,
}

/// Layout of a published table.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// Partition keys, outermost first; empty for one unpartitioned file.
    pub partition_by: Vec<PartitionBy>,
    /// Order of rows within a file; empty means the grain's order.
    pub sort_by: Vec<String>,
    /// Where `output` is written, if it is.
    pub span: Option<Span>,
}

/// One partition key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionBy {
    /// Column of the result.
    pub column: String,
    /// For a date column: the calendar period; `None` partitions by the value itself.
    pub granularity: Option<Granularity>,
    /// Where it is written.
    pub span: Span,
}

impl PartitionBy {
    /// Key of the folder name, as in `month=2026-01`.
    #[must_use]
    pub fn key(&self) -> &str {
        match self.granularity {
            Some(granularity) => granularity.name(),
            None => &self.column,
        }
    }
}

/// A calendar period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// `day=2026-01-31`
    Day,
    /// `month=2026-01`
    Month,
    /// `year=2026`
    Year,
}

impl Granularity {
    /// The word of the YAML and of the folder name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}
