//! A contract as stable text: equal texts accept the same rows and land them alike.

use crate::contract::{Column, ColumnType, Literal, Rule, TimestampFormat};
use crate::source::{Encoding, Format, Source, UnknownFields};

/// A short fingerprint of a source's contract: 32 hex digits of [`Source::canonical`].
#[must_use]
pub fn contract_fingerprint(source: &Source) -> String {
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(source.canonical().as_bytes()))
}

impl Source {
    /// Everything that decides which rows are accepted and how they look, as stable text of one fact a line: format, time
    /// zone, event time, unique key, unknown fields, and each column with its type and rules. Not the description, the
    /// location, the error budget or what is done about changed files.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut text = String::from("contract 1\n");
        line(&mut text, "format", &format(&self.format));
        line(&mut text, "time_zone", self.time_zone.name());
        line(&mut text, "event_time", self.event_time.as_deref().unwrap_or("none"));
        line(&mut text, "unique_key", &format!("{:?}", self.unique_key));
        let unknown_fields = match self.unknown_fields {
            UnknownFields::Ignore => "ignore",
            UnknownFields::Reject => "reject",
        };
        line(&mut text, "unknown_fields", unknown_fields);
        for column in &self.columns {
            line(&mut text, "column", &canonical_column(column));
        }
        text
    }
}

/// One fact. Quoted values hold no line break, so that no value can look like another fact.
fn line(text: &mut String, key: &str, value: &str) {
    text.push_str(key);
    text.push(' ');
    text.push_str(value);
    text.push('\n');
}

fn format(format: &Format) -> String {
    match format {
        Format::Ndjson => "ndjson".to_owned(),
        Format::Parquet => "parquet".to_owned(),
        Format::Avro => "avro".to_owned(),
        Format::Arrow => "arrow".to_owned(),
        Format::Csv(options) => {
            let encoding = match options.encoding {
                Encoding::Utf8 => "utf-8",
                Encoding::Latin1 => "latin-1",
            };
            format!(
                "csv delimiter={:?} quote={} header={} encoding={encoding} null_values={:?}",
                options.delimiter, options.quote, options.header, options.null_values
            )
        }
    }
}

fn canonical_column(column: &Column) -> String {
    let mut text = format!("{} {}", column.name, column.data_type.name());
    if let ColumnType::Timestamp(format) = &column.data_type {
        let format = match format {
            TimestampFormat::Iso8601 => "iso8601".to_owned(),
            TimestampFormat::EpochSeconds => "epoch_s".to_owned(),
            TimestampFormat::EpochMillis => "epoch_ms".to_owned(),
            TimestampFormat::EpochMicros => "epoch_us".to_owned(),
            TimestampFormat::Strptime(format) => format!("{format:?}"),
        };
        push(&mut text, &format!("format={format}"));
    }
    push(&mut text, &format!("from={:?} required={} private={}", column.from, column.required, column.private));
    for rule in &column.rules {
        let what = match rule {
            Rule::OneOf(values) => format!("one_of={}", values.iter().map(value).collect::<Vec<_>>().join(",")),
            Rule::Between(min, max) => format!("between={}..{}", end(min.as_ref()), end(max.as_ref())),
            Rule::Matches(regex) => format!("matches={:?}", regex.as_str()),
            Rule::Length(min, max) => format!("length={min:?}..{max:?}"),
        };
        push(&mut text, &what);
    }
    text
}

fn push(text: &mut String, what: &str) {
    text.push(' ');
    text.push_str(what);
}

fn end(literal: Option<&Literal>) -> String {
    literal.map(value).unwrap_or_default()
}

fn value(literal: &Literal) -> String {
    match literal {
        Literal::String(value) => format!("{value:?}"),
        Literal::Int(value) => value.to_string(),
        Literal::Double(value) => format!("{value:?}"),
        Literal::Decimal(value) => value.to_string(),
        Literal::Boolean(value) => value.to_string(),
        Literal::Date(value) => value.to_string(),
        Literal::Timestamp(value) => value.timestamp_micros().to_string(),
    }
}
