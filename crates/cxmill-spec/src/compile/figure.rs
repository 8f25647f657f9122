//! Figures of the report.

use crate::compile::{Scope, model};
use crate::figure::{Chart, Drawn, Figure, Role};
use crate::keys::FIGURE;
use crate::names::quoted;
use crate::shape::is_misspelt;
use crate::sql;
use crate::yaml::{Entry, Node, Value};

/// The figures of a file.
pub(super) fn compile(file: &Node, scope: &mut Scope<'_>) -> Vec<Figure> {
    file.get("report").map(Node::items).unwrap_or_default().iter().filter_map(|node| figure(node, scope)).collect()
}

fn figure(node: &Node, scope: &mut Scope<'_>) -> Option<Figure> {
    let text = |key: &str| node.get(key).and_then(Node::text).map(|text| text.trim_end().to_owned());
    let chart = node.entry("chart").and_then(|entry| {
        let word = entry.node.text()?;
        Some((entry, Chart::ALL.into_iter().find(|chart| chart.name() == word)?))
    });
    let columns = chart.map(|(entry, chart)| columns(node, entry, chart, scope));
    let sql = node.entry("sql").filter(|entry| entry.node.scalar().is_some());
    let sql = sql.and_then(|entry| sql::inline(entry, scope.texts).map_err(|found| scope.out.push(found)).ok());
    let (entry, chart) = chart?;
    Some(Figure {
        section: text("section"),
        title: text("title")?,
        question: text("question"),
        chart,
        columns: columns?,
        unit: text("unit"),
        sql: sql?,
        span: entry.node.span,
    })
}

/// The columns that are drawn, which must be those that the chart takes.
fn columns(node: &Node, chart_entry: &Entry, chart: Chart, scope: &mut Scope<'_>) -> Vec<Drawn> {
    let name = chart.name();
    let mut all = Vec::new();
    for role in Role::ALL {
        let part = chart.parts().iter().find(|part| part.role == role);
        let Some(entry) = node.entry(role.name()) else {
            if part.is_some_and(|part| part.required) && !is_misspelt(node, &FIGURE, role.name()) {
                let message = format!("a chart of kind `{name}` needs `{}`", role.name());
                scope.error("missing-key", chart_entry.node.span, message, parts(chart));
            }
            continue;
        };
        if part.is_none() {
            let message = format!("`{}` has no meaning for a chart of kind `{name}`", role.name());
            scope.error("misplaced-key", entry.key_span, message, parts(chart));
            continue;
        }
        let several = matches!(entry.node.value, Value::List(_));
        if several && !(chart.takes_several() && role == Role::Y) {
            let message = format!("`{}` names several columns; a chart of kind `{name}` takes one", role.name());
            scope.error("wrong-type", entry.node.span, message, "name one column");
            continue;
        }
        let names = model::columns(&entry.node, role.name(), scope);
        let place = |name: &str| {
            let item = entry.node.items().iter().find(|item| item.text() == Some(name));
            item.map_or(entry.node.span, |item| item.span)
        };
        all.extend(names.into_iter().map(|column| Drawn { role, span: place(&column), column }));
    }
    for (one, other) in [("low", "high"), ("high", "low")] {
        if let (Some(entry), None) = (node.entry(one), node.entry(other))
            && chart.parts().iter().any(|part| part.role.name() == one && !part.required)
        {
            scope.error("missing-key", entry.key_span, format!("`{one}` has no `{other}`"), "an interval has two ends");
        }
    }
    all
}

/// What a chart takes, for help.
fn parts(chart: Chart) -> String {
    let names = |required: bool| -> Vec<&str> {
        chart.parts().iter().filter(|part| part.required == required).map(|part| part.role.name()).collect()
    };
    let (needed, optional) = (names(true), names(false));
    match (needed.is_empty(), optional.is_empty()) {
        (true, _) => format!("`{}` shows all columns of the query and takes none of these keys", chart.name()),
        (false, true) => format!("`{}` takes {}", chart.name(), quoted(&needed)),
        (false, false) => format!("`{}` takes {}, and may have {}", chart.name(), quoted(&needed), quoted(&optional)),
    }
}
