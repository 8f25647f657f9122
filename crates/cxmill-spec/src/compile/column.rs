//! A column of a contract: its type, where it comes from, and its rules.

use std::cmp::Ordering;

use chrono_tz::Tz;

use crate::compile::Scope;
use crate::contract::{Column, ColumnType, DateFormat, Literal, Rule, TimestampFormat};
use crate::literal::literal;
use crate::names::{self, nearest};
use crate::source::Format;
use crate::yaml::{Entry, Node, Value};

const EPOCHS: &[&str] = &["iso8601", "epoch_s", "epoch_ms", "epoch_us"];

/// One column, as far as it can be read. `index` is its place among the columns, from 0.
pub(super) fn compile(
    index: usize,
    entry: &Entry,
    format: Option<&Format>,
    time_zone: Tz,
    scope: &mut Scope<'_>,
) -> Option<Column> {
    names::check(&entry.key, "a column", entry.key_span, &mut scope.out);
    let node = &entry.node;
    let type_node = if node.scalar().is_some() { node } else { node.get("type")? };
    let written = type_node.text()?;
    let mut data_type = match ColumnType::parse(written) {
        Ok(data_type) => data_type,
        Err(help) => {
            scope.error("unknown-type", type_node.span, format!("unknown type `{written}`"), help);
            return None;
        }
    };
    if let Some(format) = node.get("format") {
        data_type = with_format(data_type, format, scope);
    }
    let private = node.get("private").and_then(Node::boolean).unwrap_or(false);
    if private && data_type != ColumnType::String {
        let span = node.get("private").map_or(entry.key_span, |node| node.span);
        scope.error(
            "bad-private",
            span,
            format!("a private column cannot be of type {}: its hash is text", data_type.name()),
            "write `type: string`",
        );
    }
    Some(Column {
        name: entry.key.clone(),
        from: from(index, entry, format, scope),
        required: node.get("required").and_then(Node::boolean).unwrap_or(false),
        private,
        rules: rules(node, &data_type, time_zone, scope),
        description: node.get("description").and_then(Node::text).map(|text| text.trim_end().to_owned()),
        data_type,
        span: entry.key_span,
    })
}

fn with_format(data_type: ColumnType, node: &Node, scope: &mut Scope<'_>) -> ColumnType {
    let Some(text) = node.text() else { return data_type };
    let is_strptime = || {
        let broken = chrono::format::StrftimeItems::new(text).any(|item| item == chrono::format::Item::Error);
        !broken && text.contains('%')
    };
    match data_type {
        ColumnType::Date(_) if text == "iso8601" => data_type,
        ColumnType::Date(_) => {
            if !is_strptime() {
                let help = "write `iso8601`, or a strptime format such as `%d/%m/%Y`";
                scope.error("bad-format", node.span, format!("`{text}` is no date format"), help);
            }
            ColumnType::Date(DateFormat::Strptime(text.to_owned()))
        }
        ColumnType::Timestamp(_) => ColumnType::Timestamp(match text {
            "iso8601" => TimestampFormat::Iso8601,
            "epoch_s" => TimestampFormat::EpochSeconds,
            "epoch_ms" => TimestampFormat::EpochMillis,
            "epoch_us" => TimestampFormat::EpochMicros,
            _ => {
                if !is_strptime() {
                    let help = match nearest(text, EPOCHS.iter().copied()) {
                        Some(word) => format!("did you mean `{word}`?"),
                        None => {
                            let words = names::quoted(EPOCHS);
                            format!("write one of {words}, or a strptime format such as `%d/%m/%Y %H:%M`")
                        }
                    };
                    scope.error("bad-format", node.span, format!("`{text}` is no timestamp format"), help);
                }
                TimestampFormat::Strptime(text.to_owned())
            }
        }),
        other => {
            let message = format!("`format` has no meaning for the type {}", other.name());
            scope.error("misplaced-key", node.span, message, "take it out, or write `type: timestamp` or `type: date`");
            other
        }
    }
}

fn from(index: usize, entry: &Entry, format: Option<&Format>, scope: &mut Scope<'_>) -> Vec<String> {
    let headless = matches!(format, Some(Format::Csv(options)) if !options.header);
    let Some(node) = entry.node.get("from") else {
        // Without a header a column goes by its position.
        return vec![if headless { (index + 1).to_string() } else { entry.key.clone() }];
    };
    let parts: Vec<String> = match (node.text(), format) {
        (Some(text), Some(Format::Csv(_))) => vec![text.to_owned()],
        (Some(text), _) => text.split('.').map(str::to_owned).collect(),
        (None, _) => node.items().iter().filter_map(Node::text).map(str::to_owned).collect(),
    };
    if parts.is_empty() || parts.iter().any(String::is_empty) {
        let help = "write a name, or a path such as `submitted.at`";
        scope.error("bad-value", node.span, format!("`from` of `{}` has an empty part", entry.key), help);
    } else if parts.len() > 1 && matches!(format, Some(Format::Csv(_))) {
        let help = "write the name in the header, or the column's number";
        scope.error("bad-value", node.span, "delimited text has no paths", help);
    } else if headless && !parts.first().is_some_and(|part| part.parse::<u32>().is_ok_and(|number| number > 0)) {
        scope.error(
            "bad-value",
            node.span,
            format!("`from` of `{}` is no column number", entry.key),
            "a file without a header has numbers for columns, from 1",
        );
    }
    parts
}

fn rules(node: &Node, data_type: &ColumnType, time_zone: Tz, scope: &mut Scope<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    if let Some(node) = node.get("one_of") {
        rules.extend(one_of(node, data_type, time_zone, scope));
    }
    if let Some(node) = node.get("between") {
        rules.extend(between(node, data_type, time_zone, scope));
    }
    if let Some(node) = node.get("matches").filter(|node| for_text("matches", node, data_type, scope)) {
        match regex::Regex::new(node.text().unwrap_or_default()) {
            Ok(regex) => rules.push(Rule::Matches(regex)),
            Err(error) => {
                let error = error.to_string();
                let reason = error.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned();
                let help = "quote it with `'…'` so that YAML leaves backslashes alone; look-around and back-references do not exist";
                scope.error("bad-regex", node.span, format!("`matches` is no regular expression: {reason}"), help);
            }
        }
    }
    if let Some(node) = node.get("length").filter(|node| for_text("length", node, data_type, scope)) {
        rules.extend(length(node, scope));
    }
    rules
}

/// Reports a rule for text on a column that holds none.
fn for_text(rule: &str, node: &Node, data_type: &ColumnType, scope: &mut Scope<'_>) -> bool {
    let fits = *data_type == ColumnType::String;
    if !fits {
        let message = format!("`{rule}` has no meaning for the type {}", data_type.name());
        scope.error("misplaced-rule", node.span, message, "it is a rule for `type: string`");
    }
    fits
}

fn one_of(node: &Node, data_type: &ColumnType, time_zone: Tz, scope: &mut Scope<'_>) -> Option<Rule> {
    if matches!(&node.value, Value::List(items) if items.is_empty()) {
        scope.error("bad-value", node.span, "`one_of` allows no value", "name at least one value");
    }
    let values: Vec<_> = node.items().iter().filter_map(|item| value(item, data_type, time_zone, scope)).collect();
    (!values.is_empty()).then_some(Rule::OneOf(values))
}

fn between(node: &Node, data_type: &ColumnType, time_zone: Tz, scope: &mut Scope<'_>) -> Option<Rule> {
    if matches!(data_type, ColumnType::String | ColumnType::Boolean) {
        let message = format!("`between` has no meaning for the type {}", data_type.name());
        let help =
            "it is a rule for numbers, dates and timestamps; for text there are `length`, `matches` and `one_of`";
        scope.error("misplaced-rule", node.span, message, help);
        return None;
    }
    let [low, high] = node.items() else { return None };
    if low.is_null() && high.is_null() {
        scope.error("bad-value", node.span, "`between` is open at both ends", "write at least one end");
        return None;
    }
    let min = end(low, data_type, time_zone, scope)?;
    let max = end(high, data_type, time_zone, scope)?;
    if let (Some(min), Some(max)) = (&min, &max)
        && compare(min, max) == Some(Ordering::Greater)
    {
        scope.error(
            "bad-value",
            node.span,
            "`between` allows nothing: its ends are the wrong way round",
            "write the least value first",
        );
    }
    Some(Rule::Between(min, max))
}

/// An end of a range: `Some(None)` where it is open, `None` where it is wrong.
fn end(node: &Node, data_type: &ColumnType, time_zone: Tz, scope: &mut Scope<'_>) -> Option<Option<Literal>> {
    if node.is_null() {
        return Some(None);
    }
    value(node, data_type, time_zone, scope).map(Some)
}

fn value(node: &Node, data_type: &ColumnType, time_zone: Tz, scope: &mut Scope<'_>) -> Option<Literal> {
    match literal(node.scalar()?, data_type, time_zone) {
        Ok(value) => Some(value),
        Err(wrong) => {
            scope.error("bad-value", node.span, wrong, format!("the column is of type {}", data_type.name()));
            None
        }
    }
}

fn compare(a: &Literal, b: &Literal) -> Option<Ordering> {
    match (a, b) {
        (Literal::Int(a), Literal::Int(b)) => Some(a.cmp(b)),
        (Literal::Double(a), Literal::Double(b)) => a.partial_cmp(b),
        (Literal::Decimal(a), Literal::Decimal(b)) => Some(a.cmp(b)),
        (Literal::Date(a), Literal::Date(b)) => Some(a.cmp(b)),
        (Literal::Timestamp(a), Literal::Timestamp(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn length(node: &Node, scope: &mut Scope<'_>) -> Option<Rule> {
    if node.scalar().is_some() {
        let exact = node.text()?.parse().ok()?;
        return Some(Rule::Length(Some(exact), Some(exact)));
    }
    let [low, high] = node.items() else { return None };
    let mut number = |node: &Node| -> Option<Option<u64>> {
        if node.is_null() {
            return Some(None);
        }
        let number = node.text()?.parse().ok();
        if number.is_none() {
            scope.error(
                "bad-value",
                node.span,
                format!("an end of `length` is {}", node.what()),
                "write a whole number or null",
            );
        }
        number.map(Some)
    };
    let (min, max) = (number(low), number(high));
    let (min, max) = (min?, max?);
    if min.is_none() && max.is_none() {
        scope.error("bad-value", node.span, "`length` is open at both ends", "write at least one end");
    } else if min.zip(max).is_some_and(|(min, max)| min > max) {
        scope.error(
            "bad-value",
            node.span,
            "`length` allows nothing: its ends are the wrong way round",
            "write the least value first",
        );
    }
    Some(Rule::Length(min, max))
}
