//! The contract of a source: its declared columns, their types and the rules a raw row must meet.

use chrono::{DateTime, NaiveDate, Utc};

use crate::text::Span;

/// One declared column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Name in SQL and in landed rows.
    pub name: String,
    /// Where the value is found in a raw row: one name, or a path of names into nested objects. Never empty.
    pub from: Vec<String>,
    /// Type of the column.
    pub data_type: ColumnType,
    /// A missing or null value breaks the contract.
    pub required: bool,
    /// The value is replaced by a keyed hash before anything is written.
    pub private: bool,
    /// Rules a value that is present must meet.
    pub rules: Vec<Rule>,
    /// What it means, for people.
    pub description: Option<String>,
    /// Where the column is declared.
    pub span: Span,
}

/// Types a contract can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnType {
    /// UTF-8 text.
    String,
    /// 8-bit signed integer.
    Int8,
    /// 16-bit signed integer.
    Int16,
    /// 32-bit signed integer.
    Int32,
    /// 64-bit signed integer.
    Int64,
    /// 64-bit float; only finite values are accepted.
    Double,
    /// Exact decimal number.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point, 0 to `precision`.
        scale: i8,
    },
    /// True or false.
    Boolean,
    /// Calendar day.
    Date(DateFormat),
    /// Instant, kept as microseconds UTC.
    Timestamp(TimestampFormat),
}

/// How a calendar day is written in raw rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DateFormat {
    /// ISO 8601: `2026-01-31`.
    #[default]
    Iso8601,
    /// A strptime format. Of one that has a time of day as well, the day is taken as it is written.
    Strptime(String),
}

/// How an instant is written in raw rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TimestampFormat {
    /// ISO 8601 with or without offset; without one the source's time zone applies.
    #[default]
    Iso8601,
    /// Seconds since 1970-01-01 UTC (a fraction is allowed).
    EpochSeconds,
    /// Milliseconds since 1970-01-01 UTC.
    EpochMillis,
    /// Microseconds since 1970-01-01 UTC.
    EpochMicros,
    /// A strptime format; without an offset in it the source's time zone applies.
    Strptime(String),
}

/// A value of a rule, already in the type of its column.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// For string columns.
    String(String),
    /// For integer columns.
    Int(i64),
    /// For double columns.
    Double(f64),
    /// For decimal columns: the unscaled value at the column's scale.
    Decimal(i128),
    /// For boolean columns.
    Boolean(bool),
    /// For date columns.
    Date(NaiveDate),
    /// For timestamp columns.
    Timestamp(DateTime<Utc>),
}

/// A rule of a column. NULL passes every rule but `required`.
#[derive(Debug, Clone)]
pub enum Rule {
    /// The value is one of these.
    OneOf(Vec<Literal>),
    /// The value is at least the first and at most the second (either may be open).
    Between(Option<Literal>, Option<Literal>),
    /// The whole or a part of the text matches (anchor with `^…$` for the whole).
    Matches(regex::Regex),
    /// Length of the text in characters (either end may be open).
    Length(Option<u64>, Option<u64>),
}

impl Rule {
    /// Name of the rule as YAML and quarantine write it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::OneOf(_) => "one_of",
            Self::Between(..) => "between",
            Self::Matches(_) => "matches",
            Self::Length(..) => "length",
        }
    }
}
