//! A source: a location of raw files with a contract.

use std::time::Duration;

use chrono_tz::Tz;

use crate::contract::Column;
use crate::text::Span;

/// One source, validated.
#[derive(Debug, Clone)]
pub struct Source {
    /// Name; the table name in SQL.
    pub name: String,
    /// What it is, for people.
    pub description: Option<String>,
    /// What its files hold.
    pub kind: Kind,
    /// Folder, file or glob with `${raw}` filled in: a local path (absolute, or relative to the project) or a URL.
    pub location: String,
    /// Where the location is written.
    pub location_span: Span,
    /// How files are encoded; compression follows from the suffix of each file.
    pub format: Format,
    /// Declared columns in order; never empty.
    pub columns: Vec<Column>,
    /// Name of the required date or timestamp column that says when the event happened; `None` for undated rows.
    pub event_time: Option<String>,
    /// Zone of timestamps without offset, and of event dates.
    pub time_zone: Tz,
    /// Columns that identify a row; empty where rows are not deduplicated.
    pub unique_key: Vec<String>,
    /// How far apart the event dates of two rows with one key may lie.
    pub unique_within: UniqueWithin,
    /// How many bad rows a run tolerates.
    pub error_budget: ErrorBudget,
    /// What to do with fields that no column names.
    pub unknown_fields: UnknownFields,
    /// What to do about a file that changed after it was read.
    pub on_change: OnChange,
    /// How long before its file was put the event of a row may lie; no limit where there is none.
    pub late_after: Option<Duration>,
    /// Where the source is declared (its name).
    pub span: Span,
}

impl Source {
    /// Whether each delivery replaces what was landed.
    #[must_use]
    pub fn is_snapshot(&self) -> bool {
        matches!(self.kind, Kind::Snapshot(_))
    }

    /// Whether rows that were made with an older delivery stay.
    #[must_use]
    pub fn keeps_history(&self) -> bool {
        self.kind == Kind::Snapshot(History::Keep)
    }

    /// The declared column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// What the files of a source hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// Events: each file adds rows.
    #[default]
    Events,
    /// A table that is delivered whole again and again: the newest delivery counts.
    Snapshot(History),
}

/// What becomes of rows that were made with an older delivery of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum History {
    /// They are made again with the newest one.
    #[default]
    Replace,
    /// They stay as they are until new rows touch their partition.
    Keep,
}

/// File formats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Ndjson,
    /// Delimited text.
    Csv(CsvOptions),
    /// Apache Parquet.
    Parquet,
    /// Apache Avro object container files.
    Avro,
    /// Arrow IPC, file or stream.
    Arrow,
}

/// How delimited text is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvOptions {
    /// Field delimiter; `None` splits at runs of blanks and tabs.
    pub delimiter: Option<u8>,
    /// Quote character.
    pub quote: u8,
    /// Whether the first record names the columns; without it `from` is a column number from 1, or columns go by position.
    pub header: bool,
    /// Encoding of the text.
    pub encoding: Encoding,
    /// Cells that mean NULL, besides the empty one.
    pub null_values: Vec<String>,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self { delimiter: Some(b','), quote: b'"', header: true, encoding: Encoding::Utf8, null_values: Vec::new() }
    }
}

/// Text encodings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// UTF-8; a byte order mark is skipped.
    #[default]
    Utf8,
    /// ISO 8859-1.
    Latin1,
}

/// How far apart the event dates of two rows with one unique key may lie, that one of them is a duplicate or a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UniqueWithin {
    /// They are the same.
    #[default]
    Date,
    /// At most so many days.
    Days(u16),
    /// However far.
    All,
}

impl UniqueWithin {
    /// The greatest distance in days.
    #[must_use]
    pub fn days(self) -> u32 {
        match self {
            Self::Date => 0,
            Self::Days(days) => days.into(),
            Self::All => u32::MAX,
        }
    }
}

/// The most bad rows a run takes from a source before it stops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ErrorBudget {
    /// A share of the rows read, 0 to 1.
    Share(f64),
    /// A number of rows.
    Rows(u64),
}

impl Default for ErrorBudget {
    /// One row in a hundred.
    fn default() -> Self {
        Self::Share(0.01)
    }
}

/// What to do with fields of a raw row that no column names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownFields {
    /// They are not read.
    #[default]
    Ignore,
    /// The row breaks the contract.
    Reject,
}

/// What to do about a file that changed after it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnChange {
    /// The run stops and names the file.
    #[default]
    Fail,
    /// The file counts as read.
    Ignore,
    /// What its old version contributed is taken out, and the new one is read.
    Restate,
}
