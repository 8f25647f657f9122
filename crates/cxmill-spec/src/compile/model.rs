//! A model: its query and how its result is kept.

use crate::check::{Check, CheckKind, Severity};
use crate::compile::{Scope, checks};
use crate::keys::MODEL;
use crate::model::{Granularity, Model, Output, PartitionBy, Sql, Strategy, Window};
use crate::names;
use crate::shape::is_misspelt;
use crate::sql;
use crate::units;
use crate::yaml::{Entry, Node, Value};

const DAY: u64 = 24 * 60 * 60;
/// Days that a window can have on each side.
const LONGEST_WINDOW: i32 = 3660;

/// One model, as far as it can be read.
pub(super) fn compile(entry: &Entry, scope: &mut Scope<'_>) -> Option<Model> {
    let node = &entry.node;
    names::check(&entry.key, "a model", entry.key_span, &mut scope.out);
    let strategy = match node.get("strategy").and_then(Node::text) {
        Some("view") => Some(Strategy::View),
        Some("full") => Some(Strategy::Full),
        Some("state") => Some(Strategy::State),
        Some("partition") => Some(Strategy::Partition),
        _ => None,
    };
    let window = window(node, scope);
    if let Some(strategy) = strategy.filter(|strategy| *strategy != Strategy::Partition)
        && let Some(entry) = node.entry("window")
    {
        let message = format!("`window` has no meaning for the strategy `{}`", strategy.name());
        scope.error("misplaced-key", entry.key_span, message, "take it out, or write `strategy: partition`");
    }
    if strategy == Some(Strategy::View) {
        for key in ["grain", "checks", "output"] {
            if let Some(entry) = node.entry(key) {
                let message = format!("a view has no `{key}`: it is not published");
                scope.error("misplaced-key", entry.key_span, message, "take it out, or write `strategy: full`");
            }
        }
    }
    let grain = node.get("grain").map(|node| columns(node, "grain", scope)).unwrap_or_default();
    let mut all_checks = Vec::new();
    if let Some(node) = node.get("grain").filter(|_| !grain.is_empty()) {
        for kind in [CheckKind::NotNull(grain.clone()), CheckKind::Unique(grain.clone())] {
            all_checks.push(Check { kind, severity: Severity::Error, span: node.span });
        }
    }
    for check in node.get("checks").map(Node::items).unwrap_or_default() {
        all_checks.extend(checks::compile(check, scope));
    }
    let output = output(node, scope);
    Some(Model {
        name: entry.key.clone(),
        description: node.get("description").and_then(Node::text).map(str::to_owned),
        sql: query(entry, scope)?,
        strategy,
        window,
        grain,
        checks: all_checks,
        output,
        span: entry.key_span,
    })
}

fn query(entry: &Entry, scope: &mut Scope<'_>) -> Option<Sql> {
    let (inline, file) = (entry.node.entry("sql"), entry.node.entry("sql_file"));
    let found = match (inline, file) {
        (Some(_), Some(file)) => {
            let help = "keep either `sql` or `sql_file`";
            scope.error("misplaced-key", file.key_span, format!("`{}` has two queries", entry.key), help);
            return None;
        }
        (None, None) => {
            let misspelt = ["sql", "sql_file"].iter().any(|key| is_misspelt(&entry.node, &MODEL, key));
            if matches!(entry.node.value, Value::Map(_)) && !misspelt {
                scope.error(
                    "missing-key",
                    entry.key_span,
                    format!("`{}` has no query", entry.key),
                    "write it after `sql: |`, or name a file with `sql_file`",
                );
            }
            return None;
        }
        (Some(inline), None) => {
            inline.node.scalar()?;
            sql::inline(inline, scope.texts)
        }
        (None, Some(file)) => {
            file.node.scalar()?;
            sql::from_file(&file.node, scope.texts)
        }
    };
    found.map_err(|diagnostic| scope.out.push(diagnostic)).ok()
}

/// A list of columns of the result, or a single one: each once.
pub(super) fn columns(node: &Node, key: &str, scope: &mut Scope<'_>) -> Vec<String> {
    if let Some(text) = node.text() {
        return vec![text.to_owned()];
    }
    if matches!(&node.value, Value::List(items) if items.is_empty()) {
        scope.error("bad-value", node.span, format!("`{key}` is empty"), "name at least one column, or take it out");
    }
    let mut names: Vec<String> = Vec::new();
    for item in node.items() {
        let Some(name) = item.text() else { continue };
        if name.is_empty() {
            scope.error("bad-value", item.span, format!("`{key}` has an empty name"), "name a column");
        } else if names.iter().any(|known| known == name) {
            scope.error("bad-value", item.span, format!("`{name}` is named twice in `{key}`"), "name each column once");
        } else {
            names.push(name.to_owned());
        }
    }
    names
}

fn window(node: &Node, scope: &mut Scope<'_>) -> Option<Window> {
    let entry = node.entry("window")?;
    if matches!(&entry.node.value, Value::Map(entries) if entries.is_empty()) {
        let help = "write how far the rows of a date look, as in `{before: 1d}`, or take it out";
        scope.error("bad-value", entry.node.span, "`window` is empty", help);
    }
    let mut days = |key: &str| {
        let Some((node, text)) = entry.node.get(key).and_then(|node| Some((node, node.text()?))) else { return 0 };
        let seconds = units::duration(text).map(|duration| duration.as_secs());
        let days = seconds.filter(|seconds| seconds % DAY == 0).and_then(|seconds| i32::try_from(seconds / DAY).ok());
        days.filter(|days| *days <= LONGEST_WINDOW).unwrap_or_else(|| {
            let help = "write a number of days, such as `1d` or `2w`, of at most ten years";
            scope.error("bad-value", node.span, format!("`{text}` is no number of days"), help);
            0
        })
    };
    let (before, after) = (days("before"), days("after"));
    Some(Window { before, after, span: entry.key_span })
}

fn output(node: &Node, scope: &mut Scope<'_>) -> Output {
    let Some(entry) = node.entry("output") else { return Output::default() };
    let node = &entry.node;
    Output {
        partition_by: node.get("partition_by").map(|node| partition_by(node, scope)).unwrap_or_default(),
        sort_by: node.get("sort_by").map(|node| columns(node, "sort_by", scope)).unwrap_or_default(),
        span: Some(entry.key_span),
    }
}

fn partition_by(node: &Node, scope: &mut Scope<'_>) -> Vec<PartitionBy> {
    if let Value::List(items) = &node.value {
        let names = columns(node, "partition_by", scope);
        let span = |name: &str| items.iter().find(|item| item.text() == Some(name)).map_or(node.span, |item| item.span);
        return names
            .into_iter()
            .map(|column| PartitionBy { span: span(&column), column, granularity: None })
            .collect();
    }
    let mut keys = Vec::new();
    for entry in node.entries() {
        let Some(column) = entry.node.text() else { continue };
        let granularity = match entry.key.as_str() {
            "day" => Some(Granularity::Day),
            "month" => Some(Granularity::Month),
            "year" => Some(Granularity::Year),
            _ => None,
        };
        if granularity.is_none() && entry.key != column {
            scope.error(
                "bad-partition",
                entry.key_span,
                format!("`{}` is neither a period nor the column `{column}`", entry.key),
                format!("write `day`, `month` or `year` for periods of a date column, or `{column}: {column}` for its values"),
            );
            continue;
        }
        keys.push(PartitionBy { column: column.to_owned(), granularity, span: entry.key_span.to(entry.node.span) });
    }
    keys
}
