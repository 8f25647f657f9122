//! A source: its location, format and the rules that span its columns.

use crate::compile::config::{SCHEMES, unknown_scheme};
use crate::compile::{Scope, arrival, column, credential};
use crate::contract::{Column, ColumnType};
use crate::literal;
use crate::names::{self, meant};
use crate::source::{CsvOptions, Encoding, ErrorBudget, Format, History, Kind, OnChange, Source, UnknownFields};
use crate::units;
use crate::yaml::{Entry, Node};

/// One source, as far as it can be read.
pub(super) fn compile(entry: &Entry, scope: &mut Scope<'_>) -> Option<Source> {
    let node = &entry.node;
    names::check(&entry.key, "a source", entry.key_span, &mut scope.out);
    let time_zone = match node.get("time_zone").and_then(|node| node.text().map(|text| (node.span, text))) {
        None => scope.settings.time_zone,
        Some((span, text)) => literal::time_zone(text).unwrap_or_else(|help| {
            scope.error("bad-value", span, format!("`{text}` is no time zone"), help);
            scope.settings.time_zone
        }),
    };
    let format = format(entry, scope);
    let column_entries = node.get("columns").map(Node::entries).unwrap_or_default();
    if let Some(columns) = node.get("columns").filter(|columns| columns.entries().is_empty())
        && matches!(columns.value, crate::yaml::Value::Map(_))
    {
        scope.error("no-columns", columns.span, "a source declares no column", "name at least its event time");
    }
    let columns: Vec<Column> = column_entries
        .iter()
        .enumerate()
        .filter_map(|(index, entry)| column::compile(index, entry, format.as_ref(), time_zone, scope))
        .collect();
    // A column that cannot be read is still declared.
    let declared: Vec<&str> = column_entries.iter().map(|entry| entry.key.as_str()).collect();
    let event_time = event_time(node, &columns, &declared, scope);
    let unique_key = unique_key(node, &declared, scope);
    let kind = kind(node, scope);
    let error_budget = error_budget(node, scope);
    let (location, location_span) = location(node, scope)?;
    Some(Source {
        name: entry.key.clone(),
        description: node.get("description").and_then(Node::text).map(str::to_owned),
        kind,
        location,
        location_span,
        format: format?,
        columns,
        event_time,
        time_zone,
        unique_within: arrival::unique_within(node, scope),
        unique_key,
        error_budget,
        unknown_fields: match node.get("unknown_fields").and_then(Node::text) {
            Some("reject") => UnknownFields::Reject,
            _ => UnknownFields::Ignore,
        },
        on_change: match node.get("on_change").and_then(Node::text) {
            Some("ignore") => OnChange::Ignore,
            Some("restate") => OnChange::Restate,
            _ => OnChange::Fail,
        },
        late_after: arrival::late_after(node, scope),
        span: entry.key_span,
    })
}

fn kind(node: &Node, scope: &mut Scope<'_>) -> Kind {
    if node.get("kind").and_then(Node::text) == Some("snapshot") {
        for key in ["event_time", "on_change", "unique_within", "late_after"] {
            if let Some(entry) = node.entry(key) {
                let message =
                    format!("a snapshot has no `{key}`: its rows are no events, and each delivery replaces them");
                scope.error("misplaced-key", entry.key_span, message, "take it out, or write `kind: events`");
            }
        }
        return Kind::Snapshot(match node.get("history").and_then(Node::text) {
            Some("keep") => History::Keep,
            _ => History::Replace,
        });
    }
    if let Some(entry) = node.entry("history") {
        let message = "`history` has no meaning for events: each file adds rows";
        scope.error("misplaced-key", entry.key_span, message, "take it out, or write `kind: snapshot`");
    }
    Kind::Events
}

fn location(node: &Node, scope: &mut Scope<'_>) -> Option<(String, crate::text::Span)> {
    let node = node.get("location")?;
    let (text, span) = (node.text()?.trim(), node.span);
    let raw = scope.settings.raw.trim_end_matches('/').to_owned();
    let filled = text.replace("${raw}", if raw.is_empty() { "/" } else { &raw });
    if text.is_empty() {
        scope.error(
            "bad-value",
            span,
            "`location` is empty",
            "write a folder, a file or a URL, such as `${raw}/orders/`",
        );
        return None;
    }
    if credential::in_url(text) {
        scope.error(credential::URL, span, "`location` has a credential in its URL", credential::HELP);
        return None;
    }
    if let Some((_, rest)) = text.replace("${raw}", "").split_once("${") {
        let name = rest.split('}').next().unwrap_or_default().to_owned();
        scope.error(
            "unknown-placeholder",
            span,
            format!("`location` has the unknown placeholder `${{{name}}}`"),
            "only `${raw}`, the raw root of the settings, can stand in a location",
        );
        return None;
    }
    if let Some(scheme) = unknown_scheme(text) {
        let message = format!("`location` has the unknown scheme `{scheme}`");
        scope.error("bad-value", span, message, format!("{}; anything else is a local path", meant(scheme, SCHEMES)));
        return None;
    }
    Some((filled, span))
}

fn format(entry: &Entry, scope: &mut Scope<'_>) -> Option<Format> {
    let node = &entry.node;
    let csv = node.get("csv");
    let word = match node.get("format") {
        Some(format) => format.text()?.to_owned(),
        None => {
            let location = node.get("location").and_then(Node::text)?;
            let Some(word) = format_of(location) else {
                scope.error(
                    "missing-key",
                    entry.key_span,
                    format!("`{}` has no `format`, and its location does not tell it", entry.key),
                    "format: one of `ndjson`, `csv`, `parquet`, `avro`, `arrow`",
                );
                return None;
            };
            word.to_owned()
        }
    };
    if let Some(csv) = csv.filter(|_| word != "csv") {
        let span = node.entry("csv").map_or(csv.span, |entry| entry.key_span);
        let help = "take it out, or write `format: csv`";
        scope.error("misplaced-key", span, format!("`csv` has no meaning for the format {word}"), help);
    }
    match word.as_str() {
        "ndjson" => Some(Format::Ndjson),
        "csv" => csv_options(csv, scope).map(Format::Csv),
        "parquet" => Some(Format::Parquet),
        "avro" => Some(Format::Avro),
        "arrow" => Some(Format::Arrow),
        _ => None,
    }
}

/// The format that the end of a location tells, compression set aside.
fn format_of(location: &str) -> Option<&'static str> {
    let name = location.rsplit('/').next()?.split('?').next()?;
    let name = [".gz", ".zst", ".bz2"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    match name.rsplit_once('.')?.1 {
        "ndjson" | "jsonl" => Some("ndjson"),
        "csv" => Some("csv"),
        "parquet" => Some("parquet"),
        "avro" => Some("avro"),
        "arrow" | "arrows" => Some("arrow"),
        _ => None,
    }
}

fn csv_options(node: Option<&Node>, scope: &mut Scope<'_>) -> Option<CsvOptions> {
    let mut options = CsvOptions::default();
    let Some(node) = node else { return Some(options) };
    let mut well = true;
    if let Some((node, text)) = node.get("delimiter").and_then(|node| Some((node, node.text()?))) {
        match (text, one_byte(text)) {
            ("whitespace", _) => options.delimiter = None,
            (_, Some(byte)) => options.delimiter = Some(byte),
            (_, None) => {
                let help = "write one ASCII character, as in `\";\"` or `\"\\t\"`, or the word `whitespace`";
                scope.error("bad-value", node.span, format!("`{text}` cannot be the delimiter"), help);
                well = false;
            }
        }
    }
    if let Some((node, text)) = node.get("quote").and_then(|node| Some((node, node.text()?))) {
        match one_byte(text).filter(|byte| options.delimiter != Some(*byte)) {
            Some(byte) => options.quote = byte,
            None => {
                let help = "write one ASCII character other than the delimiter, as in `'\"'`";
                scope.error("bad-value", node.span, format!("`{text}` cannot be the quote character"), help);
                well = false;
            }
        }
    }
    options.header = node.get("header").and_then(Node::boolean).unwrap_or(true);
    if node.get("encoding").and_then(Node::text) == Some("latin-1") {
        options.encoding = Encoding::Latin1;
    }
    options.null_values = node.get("null_values").map(texts).unwrap_or_default();
    well.then_some(options)
}

/// The one ASCII character of a text, line breaks excepted.
fn one_byte(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Some(*byte),
        _ => None,
    }
}

fn texts(node: &Node) -> Vec<String> {
    node.items().iter().filter_map(Node::text).map(str::to_owned).collect()
}

fn event_time(node: &Node, columns: &[Column], declared: &[&str], scope: &mut Scope<'_>) -> Option<String> {
    let node = node.get("event_time")?;
    let name = node.text()?;
    if declared.is_empty() {
        return None;
    }
    if !declared.contains(&name) {
        scope.error("unknown-column", node.span, format!("there is no column `{name}`"), meant(name, declared));
        return None;
    }
    let column = columns.iter().find(|column| column.name == name)?;
    if !matches!(column.data_type, ColumnType::Date(_) | ColumnType::Timestamp(_)) {
        scope.error(
            "bad-event-time",
            node.span,
            format!("the event time `{name}` is of type {}", column.data_type.name()),
            "name a column of type `timestamp` or `date`",
        );
        return None;
    }
    if !column.required {
        let place = scope.texts.place(column.span);
        scope.error(
            "bad-event-time",
            node.span,
            format!("the event time `{name}` may be missing from a row"),
            format!("write `required: true` at the column ({place})"),
        );
        return None;
    }
    Some(name.to_owned())
}

fn unique_key(node: &Node, declared: &[&str], scope: &mut Scope<'_>) -> Vec<String> {
    let Some(node) = node.get("unique_key") else { return Vec::new() };
    if matches!(&node.value, crate::yaml::Value::List(items) if items.is_empty()) {
        scope.error("bad-value", node.span, "`unique_key` is empty", "name its columns, or take it out");
    }
    let mut names: Vec<String> = Vec::new();
    for item in node.items() {
        let Some(name) = item.text() else { continue };
        if !declared.contains(&name) {
            scope.error("unknown-column", item.span, format!("there is no column `{name}`"), meant(name, declared));
        } else if names.iter().any(|known| known == name) {
            scope.error("bad-value", item.span, format!("`{name}` is named twice"), "name each column once");
        } else {
            names.push(name.to_owned());
        }
    }
    names
}

fn error_budget(node: &Node, scope: &mut Scope<'_>) -> ErrorBudget {
    let Some((node, text)) = node.get("error_budget").and_then(|node| Some((node, node.text()?))) else {
        return ErrorBudget::default();
    };
    units::error_budget(text).unwrap_or_else(|| {
        let help = "write a share such as `1%`, or a number of rows such as `20`";
        scope.error("bad-value", node.span, format!("`{text}` is no error budget"), help);
        ErrorBudget::default()
    })
}
