//! Checks of a model.

use std::cmp::Ordering;

use crate::check::{Bound, Check, CheckKind, Severity};
use crate::compile::{Scope, model};
use crate::keys::CHECK_KINDS;
use crate::literal::bound;
use crate::names::quoted;
use crate::sql;
use crate::units;
use crate::yaml::{Entry, Node, Value};

/// One check, if it is one.
pub(super) fn compile(node: &Node, scope: &mut Scope<'_>) -> Option<Check> {
    let kinds: Vec<&Entry> = node.entries().iter().filter(|entry| CHECK_KINDS.contains(&entry.key.as_str())).collect();
    let [entry] = kinds.as_slice() else {
        // A check with an unknown key is reported as that.
        let known =
            node.entries().iter().all(|entry| entry.key == "severity" || CHECK_KINDS.contains(&entry.key.as_str()));
        if matches!(node.value, Value::Map(_)) && known {
            let message = if kinds.is_empty() { "a check demands nothing" } else { "a check demands several things" };
            scope.error("bad-check", node.span, message, format!("write exactly one of {}", quoted(CHECK_KINDS)));
        }
        return None;
    };
    let severity = match node.get("severity").and_then(Node::text) {
        Some("warn") => Severity::Warn,
        _ => Severity::Error,
    };
    let kind = kind(entry, scope)?;
    Some(Check { kind, severity, span: entry.key_span.to(entry.node.span) })
}

fn kind(entry: &Entry, scope: &mut Scope<'_>) -> Option<CheckKind> {
    let node = &entry.node;
    match entry.key.as_str() {
        "not_null" => Some(CheckKind::NotNull(some_columns(entry, scope)?)),
        "unique" => Some(CheckKind::Unique(some_columns(entry, scope)?)),
        "between" => between(node, scope),
        "one_of" => {
            let column = node.get("column").and_then(Node::text)?.to_owned();
            let list = node.get("values")?;
            if matches!(&list.value, Value::List(items) if items.is_empty()) {
                scope.error("bad-value", list.span, "`values` is empty", "name at least one value");
            }
            let values = list.items().iter().filter_map(Node::scalar).map(bound).collect();
            Some(CheckKind::OneOf { column, values })
        }
        "row_count" => row_count(node, scope),
        "fresh" => {
            let column = node.get("column").and_then(Node::text)?.to_owned();
            let within = node.get("within")?;
            let text = within.text()?;
            let Some(duration) = units::duration(text) else {
                let help = "write a number and a unit, as in `90s`, `15m`, `12h`, `30d` or `2w`";
                scope.error("bad-value", within.span, format!("`{text}` is no duration"), help);
                return None;
            };
            Some(CheckKind::Fresh { column, within: duration })
        }
        "sql" => {
            node.scalar()?;
            sql::inline(entry, scope.texts).map(CheckKind::Sql).map_err(|diagnostic| scope.out.push(diagnostic)).ok()
        }
        _ => None,
    }
}

fn some_columns(entry: &Entry, scope: &mut Scope<'_>) -> Option<Vec<String>> {
    let columns = model::columns(&entry.node, &entry.key, scope);
    (!columns.is_empty()).then_some(columns)
}

fn between(node: &Node, scope: &mut Scope<'_>) -> Option<CheckKind> {
    let column = node.get("column").and_then(Node::text)?.to_owned();
    let min = node.get("min").and_then(Node::scalar).map(bound);
    let max = node.get("max").and_then(Node::scalar).map(bound);
    if min.is_none() && max.is_none() {
        scope.error("bad-check", node.span, "`between` has no end", "write `min`, `max` or both");
        return None;
    }
    if let (Some(min), Some(max)) = (&min, &max)
        && compare(min, max) == Some(Ordering::Greater)
    {
        scope.error("bad-check", node.span, "`between` allows nothing: `min` is above `max`", "swap them");
    }
    Some(CheckKind::Between { column, min, max })
}

/// The order of two bounds where it does not depend on the column's type.
fn compare(a: &Bound, b: &Bound) -> Option<Ordering> {
    #[expect(clippy::cast_precision_loss, reason = "two bounds that differ beyond 53 bits are not a mistake to find")]
    let number = |bound: &Bound| match bound {
        Bound::Int(value) => Some(*value as f64),
        Bound::Double(value) => Some(*value),
        Bound::Text(_) | Bound::Boolean(_) => None,
    };
    number(a)?.partial_cmp(&number(b)?)
}

fn row_count(node: &Node, scope: &mut Scope<'_>) -> Option<CheckKind> {
    let end = |key: &str| node.get(key).and_then(Node::text).and_then(|text| text.parse::<u64>().ok());
    let (min, max) = (end("min"), end("max"));
    if node.entry("min").is_none() && node.entry("max").is_none() {
        scope.error("bad-check", node.span, "`row_count` has no end", "write `min`, `max` or both");
        return None;
    }
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        scope.error("bad-check", node.span, "`row_count` allows nothing: `min` is above `max`", "swap them");
    }
    Some(CheckKind::RowCount { min, max })
}
