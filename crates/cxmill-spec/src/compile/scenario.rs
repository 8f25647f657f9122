//! Scenario tests of a pipeline file.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::compile::Scope;
use crate::literal;
use crate::model::Model;
use crate::names::suggestion;
use crate::scenario::{Given, Rows, Scenario, ScenarioRun};
use crate::source::{Format, Source, UnknownFields};
use crate::yaml::{Entry, Kind, Node, Value};

/// The tables that scenarios may name.
pub(super) struct Tables<'a> {
    pub(super) sources: &'a BTreeMap<String, Source>,
    pub(super) models: &'a BTreeMap<String, Model>,
    /// Names that are declared, whether they could be read or not.
    pub(super) declared: Vec<&'a str>,
}

/// All scenarios of the files.
pub(super) fn compile(files: &[Node], tables: &Tables<'_>, scope: &mut Scope<'_>) -> Vec<Scenario> {
    let mut all: Vec<Scenario> = Vec::new();
    for node in files.iter().filter_map(|file| file.get("tests")).flat_map(Node::items) {
        let Some(name) = node.get("name").filter(|name| name.text().is_some()) else { continue };
        let text = name.text().unwrap_or_default();
        if let Some(first) = all.iter().find(|scenario| scenario.name == text) {
            let place = scope.texts.place(first.span);
            let message = format!("two tests are named `{text}`");
            scope.error("duplicate-name", name.span, message, format!("the first one is at {place}"));
        }
        let runs = node.get("runs").map(Node::items).unwrap_or_default();
        if let Some(list) = node.get("runs").filter(|_| runs.is_empty()) {
            scope.error("bad-value", list.span, "a test without a run shows nothing", "write at least one run");
        }
        let runs = runs.iter().filter_map(|node| run(node, tables, scope)).collect();
        all.push(Scenario { name: text.to_owned(), runs, span: name.span });
    }
    all
}

fn run(node: &Node, tables: &Tables<'_>, scope: &mut Scope<'_>) -> Option<ScenarioRun> {
    if !matches!(node.value, Value::Map(_)) {
        return None;
    }
    let mut given = BTreeMap::new();
    for entry in node.get("given").map(Node::entries).unwrap_or_default() {
        if let Some(source) = known(entry, tables.sources, "source", tables, scope) {
            given.extend(raw(entry, source, scope).map(|raw| (entry.key.clone(), raw)));
        }
    }
    let expect = rows(node, "expect", tables.models, "model", tables, scope);
    let quarantined = rows(node, "quarantined", tables.sources, "source", tables, scope);
    if expect.is_empty() && quarantined.is_empty() && node.get("exit").is_none() && node.get("expect").is_none() {
        scope.error(
            "bad-value",
            node.span,
            "a run that expects nothing shows nothing",
            "write `expect`, `quarantined` or `exit`",
        );
    }
    Some(ScenarioRun {
        given,
        as_of: as_of(node, scope),
        expect,
        quarantined,
        exit: exit(node, scope),
        span: node.span,
    })
}

/// The table that an entry names.
fn known<'t, T>(
    entry: &Entry,
    known: &'t BTreeMap<String, T>,
    kind: &str,
    tables: &Tables<'_>,
    scope: &mut Scope<'_>,
) -> Option<&'t T> {
    let found = known.get(&entry.key);
    if found.is_none() && scope.all_read {
        let message = format!("there is no {kind} `{}`", entry.key);
        if !tables.declared.contains(&entry.key.as_str()) {
            let help = suggestion(&entry.key, known.keys().map(String::as_str), &format!("{kind}s"));
            scope.error("unknown-table", entry.key_span, message, help.unwrap_or_else(|| format!("declare a {kind}")));
        } else if tables.sources.contains_key(&entry.key) || tables.models.contains_key(&entry.key) {
            let help = if kind == "model" { "it is a source" } else { "it is a model" };
            scope.error("unknown-table", entry.key_span, message, help);
        }
    }
    found
}

fn raw(entry: &Entry, source: &Source, scope: &mut Scope<'_>) -> Option<Given> {
    if let Some(lines) = entry.node.entry("lines") {
        let text = lines.node.text()?;
        if !matches!(source.format, Format::Ndjson | Format::Csv(_)) {
            let message = format!("`{}` is no text format: its files have no lines", source.name);
            scope.error("misplaced-key", lines.key_span, message, "give rows instead");
            return None;
        }
        return Some(Given::Lines(text.to_owned()));
    }
    let mut rows = Vec::new();
    for item in entry.node.items() {
        if source.unknown_fields == UnknownFields::Ignore {
            unknown_fields(item, source, scope);
        }
        rows.push(map(item));
    }
    Some(Given::Rows(rows))
}

/// A field that no column reads is a typo in a test, whatever it is in a file.
fn unknown_fields(row: &Node, source: &Source, scope: &mut Scope<'_>) {
    let names: Vec<&str> = source.columns.iter().filter_map(|column| column.from.first()).map(String::as_str).collect();
    for entry in row.entries().iter().filter(|entry| !names.contains(&entry.key.as_str())) {
        let message = format!("no column of `{}` reads the field `{}`", source.name, entry.key);
        let help = suggestion(&entry.key, names.iter().copied(), "fields").unwrap_or_default();
        scope.error("unknown-column", entry.key_span, message, help);
    }
}

fn rows<T>(
    node: &Node,
    key: &str,
    among: &BTreeMap<String, T>,
    kind: &str,
    tables: &Tables<'_>,
    scope: &mut Scope<'_>,
) -> BTreeMap<String, Rows> {
    let mut all = BTreeMap::new();
    for entry in node.get(key).map(Node::entries).unwrap_or_default() {
        if known(entry, among, kind, tables, scope).is_some() {
            let rows = entry.node.items().iter().map(|item| (map(item), item.span)).collect();
            all.insert(entry.key.clone(), Rows { rows, span: entry.key_span });
        }
    }
    all
}

fn as_of(node: &Node, scope: &mut Scope<'_>) -> Option<chrono::DateTime<chrono::Utc>> {
    let node = node.get("as_of")?;
    let text = node.text()?;
    let found = literal::timestamp(text, chrono_tz::Tz::UTC);
    if found.is_none() {
        scope.error(
            "bad-value",
            node.span,
            format!("`as_of` is {}", node.what()),
            "write a date or a timestamp, as in `2026-01-31` or `2026-01-31T12:00:00Z`",
        );
    }
    found
}

fn exit(node: &Node, scope: &mut Scope<'_>) -> u8 {
    let Some(node) = node.get("exit") else { return 0 };
    match node.text().and_then(|text| text.parse::<u8>().ok()) {
        Some(code @ (0 | 3)) => code,
        _ => {
            let help = "write 0 (done) or 3 (the data failed): nothing else can come of a run in memory";
            scope.error("bad-value", node.span, format!("`exit` is {}", node.what()), help);
            0
        }
    }
}

fn map(node: &Node) -> Map<String, Json> {
    node.entries().iter().map(|entry| (entry.key.clone(), value(&entry.node))).collect()
}

/// A value as JSON. A number stays the text it is written as, so that nothing is lost on the way to its type.
fn value(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Scalar(scalar) => match scalar.kind {
            Kind::Boolean(value) => Json::Bool(value),
            Kind::Text | Kind::Int(_) | Kind::Double(_) => Json::String(scalar.text.clone()),
        },
        Value::List(items) => Json::Array(items.iter().map(value).collect()),
        Value::Map(_) => Json::Object(map(node)),
    }
}
