//! A source and its contract, in words.

use cxmill_ledger::SourceState;
use cxmill_report::{ColumnDoc, Fact, TableDoc, TableKind};
use cxmill_spec::{
    Column, ColumnType, DateFormat, ErrorBudget, Format, Literal, OnChange, Rule, Source, TimestampFormat,
    UniqueWithin, UnknownFields, duration_text,
};

use super::fact;
use crate::clock::rfc3339;

/// A source, with what was read of it.
pub(super) fn source(source: &Source, state: Option<&SourceState>) -> TableDoc {
    let mut facts = declared(source);
    facts.extend(state.into_iter().flat_map(consumed));
    TableDoc {
        name: source.name.clone(),
        kind: TableKind::Source,
        description: source.description.clone(),
        facts,
        columns: source.columns.iter().map(column).collect(),
        ..TableDoc::default()
    }
}

fn declared(source: &Source) -> Vec<Fact> {
    let mut facts = vec![fact("Location", &source.location), fact("Format", format(&source.format))];
    if source.is_snapshot() {
        let history = if source.keeps_history() { "; rows made with an older one stay" } else { "" };
        facts.push(fact("Kind", format!("snapshot: the newest delivery counts{history}")));
    }
    let zone = source.time_zone.name();
    facts.push(match &source.event_time {
        Some(column) => fact("Event time", format!("{column}, dated in {zone}")),
        None => fact("Event time", "none: rows are undated"),
    });
    if !source.unique_key.is_empty() {
        let within = match source.unique_within {
            UniqueWithin::Date => "of one event date".to_owned(),
            UniqueWithin::Days(days) => format!("within {days} days"),
            UniqueWithin::All => "of all event dates".to_owned(),
        };
        facts.push(fact("Unique key", format!("{}, among rows {within}", source.unique_key.join(", "))));
    }
    let budget = match source.error_budget {
        ErrorBudget::Share(share) => format!("{}% of the rows of a run", (share * 1e8).round() / 1e6),
        ErrorBudget::Rows(rows) => format!("{rows} rows a run"),
    };
    facts.push(fact("Error budget", budget));
    if source.unknown_fields == UnknownFields::Reject {
        facts.push(fact("Unknown fields", "the row is rejected"));
    }
    facts.push(fact(
        "Changed files",
        match source.on_change {
            OnChange::Fail => "stop the run",
            OnChange::Ignore => "count as read",
            OnChange::Restate => "are read again, and what they contributed is taken out",
        },
    ));
    facts.extend(source.late_after.map(|limit| {
        fact("Late rows", format!("quarantined where more than {} before their file", duration_text(limit)))
    }));
    facts
}

fn consumed(state: &SourceState) -> Vec<Fact> {
    let totals = state.totals;
    let rows = format!(
        "{} read from {} files: {} accepted, {} quarantined, {} duplicate",
        totals.read, totals.files, totals.accepted, totals.quarantined, totals.duplicate
    );
    let newest = state.newest_event.map(|newest| fact("Newest event", rfc3339(newest)));
    [fact("Rows", rows)].into_iter().chain(newest).collect()
}

fn format(format: &Format) -> String {
    match format {
        Format::Ndjson => "ndjson".to_owned(),
        Format::Parquet => "parquet".to_owned(),
        Format::Avro => "avro".to_owned(),
        Format::Arrow => "arrow".to_owned(),
        Format::Csv(options) => {
            let delimiter = match options.delimiter {
                Some(delimiter) => format!("{:?}", char::from(delimiter)),
                None => "blanks".to_owned(),
            };
            let header = if options.header { "with a header" } else { "without a header" };
            format!("csv {header}, delimited by {delimiter}")
        }
    }
}

fn column(column: &Column) -> ColumnDoc {
    let from = column.from.join(".");
    let found = (from != column.name).then(|| format!("found at {from}"));
    let required = column.required.then(|| "required".to_owned());
    let written = match &column.data_type {
        ColumnType::Timestamp(written) => timestamp(written),
        ColumnType::Date(DateFormat::Strptime(format)) => Some(format!("written as {format}")),
        _ => None,
    };
    let rules = column.rules.iter().map(|rule| self::rule(column, rule));
    ColumnDoc {
        name: column.name.clone(),
        data_type: column.data_type.name(),
        description: column.description.clone(),
        private: column.private,
        rules: required.into_iter().chain(rules).chain(written).chain(found).collect(),
        origins: Vec::new(),
    }
}

fn timestamp(format: &TimestampFormat) -> Option<String> {
    Some(match format {
        TimestampFormat::Iso8601 => return None,
        TimestampFormat::EpochSeconds => "written as seconds since 1970".to_owned(),
        TimestampFormat::EpochMillis => "written as milliseconds since 1970".to_owned(),
        TimestampFormat::EpochMicros => "written as microseconds since 1970".to_owned(),
        TimestampFormat::Strptime(format) => format!("written as {format}"),
    })
}

/// What a rule demands. Of a private column it does not tell the values: they might be those of somebody.
fn rule(column: &Column, rule: &Rule) -> String {
    let value = |literal: &Literal| literal.shown(&column.data_type);
    match rule {
        Rule::OneOf(values) if column.private => format!("one of {} values", values.len()),
        Rule::Between(..) if column.private => "between two values".to_owned(),
        Rule::OneOf(values) => format!("one of {}", values.iter().map(value).collect::<Vec<_>>().join(", ")),
        Rule::Between(min, max) => between(min.as_ref().map(value), max.as_ref().map(value)),
        Rule::Matches(_) if column.private => "matches a pattern".to_owned(),
        Rule::Matches(regex) => format!("matches {}", regex.as_str()),
        Rule::Length(min, max) => {
            let length = between(min.map(|min| min.to_string()), max.map(|max| max.to_string()));
            format!("length {length}")
        }
    }
}

/// A range in words.
pub(super) fn between(min: Option<String>, max: Option<String>) -> String {
    match (min, max) {
        (Some(min), Some(max)) if min == max => min,
        (Some(min), Some(max)) => format!("from {min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "anything".to_owned(),
    }
}
