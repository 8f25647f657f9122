//! Checks: queries over a staged result that must return no rows.

use crate::model::Sql;
use crate::text::Span;

/// One check of a model.
#[derive(Debug, Clone)]
pub struct Check {
    /// What must hold.
    pub kind: CheckKind,
    /// What happens where it does not.
    pub severity: Severity,
    /// Where it is written (the grain, for implied checks).
    pub span: Span,
}

/// What a check demands.
#[derive(Debug, Clone)]
pub enum CheckKind {
    /// No NULL in any of these columns.
    NotNull(Vec<String>),
    /// No two rows share the values of these columns.
    Unique(Vec<String>),
    /// Values of a column lie in a range (either end may be open); written as numbers or ISO dates.
    Between {
        /// Column of the result.
        column: String,
        /// Least allowed value, as a SQL literal's text.
        min: Option<Bound>,
        /// Greatest allowed value.
        max: Option<Bound>,
    },
    /// Values of a column are among these.
    OneOf {
        /// Column of the result.
        column: String,
        /// Allowed values.
        values: Vec<Bound>,
    },
    /// The number of rows lies in a range.
    RowCount {
        /// Least number of rows.
        min: Option<u64>,
        /// Greatest number of rows.
        max: Option<u64>,
    },
    /// The newest value of a date or timestamp column is at most this much before the as-of.
    Fresh {
        /// Column of the result.
        column: String,
        /// Greatest age.
        within: std::time::Duration,
    },
    /// A query that must return no rows.
    Sql(Sql),
}

/// A value written in YAML for comparison with a column whose type only the engine knows.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Double(f64),
    /// Text, a date or a timestamp: the column's type decides.
    Text(String),
    /// True or false.
    Boolean(bool),
}

/// What a failing check does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Severity {
    /// The model and its readers are withheld.
    #[default]
    Error,
    /// The report says so.
    Warn,
}

impl CheckKind {
    /// Name of the check as YAML and reports write it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotNull(_) => "not_null",
            Self::Unique(_) => "unique",
            Self::Between { .. } => "between",
            Self::OneOf { .. } => "one_of",
            Self::RowCount { .. } => "row_count",
            Self::Fresh { .. } => "fresh",
            Self::Sql(_) => "sql",
        }
    }
}
