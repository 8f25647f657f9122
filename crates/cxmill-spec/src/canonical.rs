//! A contract as stable text: equal texts accept the same rows and land them alike.

use crate::contract::{Column, ColumnType, DateFormat, Literal, Rule, TimestampFormat};
use crate::source::{Encoding, Format, Source, UniqueWithin, UnknownFields};

/// A short fingerprint of a source's contract: 32 hex digits of [`Source::canonical`].
#[must_use]
pub fn contract_fingerprint(source: &Source) -> String {
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(source.canonical().as_bytes()))
}

impl Source {
    /// Everything that decides which rows are accepted and how they look, as stable text of one fact a line: format, time
    /// zone, event time, unique key, unknown fields, and of each column where it is found, its type and its rules. Not the
    /// description, the location, the error budget or what is done about changed files.
    ///
    /// What a line forbids stands in a line of its own, so that a contract can be held against an older one:
    /// [`Source::keeps_rows_of`].
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut text = String::from("contract 2\n");
        line(&mut text, "format", &format(&self.format));
        line(&mut text, "time_zone", self.time_zone.name());
        line(&mut text, "event_time", self.event_time.as_deref().unwrap_or("none"));
        line(&mut text, "unique_key", &format!("{:?}", self.unique_key));
        match self.unique_within {
            UniqueWithin::Date => {}
            UniqueWithin::Days(days) => line(&mut text, "unique_within", &format!("{days}d")),
            UniqueWithin::All => line(&mut text, "unique_within", "all"),
        }
        if self.unknown_fields == UnknownFields::Reject {
            line(&mut text, "unknown_fields", "reject");
        }
        if let Some(late_after) = self.late_after {
            line(&mut text, "late_after", &late_after.as_secs().to_string());
        }
        for column in &self.columns {
            canonical_column(&mut text, column);
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

fn canonical_column(text: &mut String, column: &Column) {
    let mut fact = |key: &str, value: &str| line(text, key, &format!("{} {value}", column.name));
    fact("column", &format!("from={:?} private={}", column.from, column.private));
    fact("type", &canonical_type(&column.data_type));
    if column.required {
        fact("required", "true");
    }
    for rule in &column.rules {
        match rule {
            Rule::OneOf(values) => values.iter().for_each(|allowed| fact("one_of", &value(allowed))),
            Rule::Between(min, max) => {
                min.iter().for_each(|min| fact("at_least", &value(min)));
                max.iter().for_each(|max| fact("at_most", &value(max)));
            }
            Rule::Matches(regex) => fact("matches", &format!("{:?}", regex.as_str())),
            Rule::Length(min, max) => {
                min.iter().for_each(|min| fact("shortest", &min.to_string()));
                max.iter().for_each(|max| fact("longest", &max.to_string()));
            }
        }
    }
}

fn canonical_type(data_type: &ColumnType) -> String {
    let format = match data_type {
        ColumnType::Date(DateFormat::Strptime(format)) => return format!("{} format={format:?}", data_type.name()),
        ColumnType::Timestamp(format) => format,
        _ => return data_type.name(),
    };
    let format = match format {
        TimestampFormat::Iso8601 => "iso8601".to_owned(),
        TimestampFormat::EpochSeconds => "epoch_s".to_owned(),
        TimestampFormat::EpochMillis => "epoch_ms".to_owned(),
        TimestampFormat::EpochMicros => "epoch_us".to_owned(),
        TimestampFormat::Strptime(format) => format!("{format:?}"),
    };
    format!("{} format={format}", data_type.name())
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
