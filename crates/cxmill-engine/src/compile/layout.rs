//! The columns of a model as published, and what its YAML says about them: grain, partitions, order.

use std::collections::BTreeSet;

use cxmill_spec::text::Span;
use cxmill_spec::{CheckKind, Diagnostic, Model, Sql};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::sql::sqlparser::ast::{Query as AstQuery, SelectItem, SetExpr, Spanned, Statement};
use datafusion::sql::sqlparser::tokenizer::Span as SqlSpan;

use super::query::published_schema;
use super::sql::{Query, place};
use super::types::{self, published};
use cxmill_spec::suggestion;

/// Published columns of a query: every one named once, in a type that every reader understands.
pub(super) fn columns(
    sql: &Sql,
    query: &Query,
    columns: &[(String, DataType)],
) -> (Option<SchemaRef>, Vec<Diagnostic>) {
    let items = items(&query.statement, columns.len());
    let item = |index: usize| items.get(index).map_or_else(|| sql.whole(), |span| place(sql, *span));
    let mut findings = Vec::new();
    let mut fields = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, (name, data_type)) in columns.iter().enumerate() {
        if !is_plain(name) {
            findings.push(
                Diagnostic::error("unnamed-column", item(index), format!("column {} has no plain name", index + 1))
                    .with_help("give it one in lower_snake_case: … AS name"),
            );
        } else if !seen.insert(name.as_str()) {
            findings.push(
                Diagnostic::error("duplicate-column", item(index), format!("a second column `{name}`"))
                    .with_help("give it another name: … AS name"),
            );
        }
        match published(data_type) {
            Ok(data_type) => fields.push((name.clone(), data_type)),
            Err(error) => {
                let message = format!("column `{name}` cannot be published: {}", error.message);
                findings.push(Diagnostic::error("unpublishable-type", item(index), message).with_help(error.help));
            }
        }
    }
    let complete = findings.is_empty() && !fields.is_empty();
    (complete.then(|| published_schema(fields)), findings)
}

/// Whether a name needs no quoting in any reader: `[a-z_][a-z0-9_]*`.
fn is_plain(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|first| first.is_ascii_lowercase() || first == '_')
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Places of the output columns, where the select list says them one by one.
fn items(statement: &Statement, columns: usize) -> Vec<SqlSpan> {
    let Statement::Query(query) = statement else { return Vec::new() };
    let Some(items) = select_list(query) else { return Vec::new() };
    let spans: Vec<SqlSpan> = items.iter().map(Spanned::span).collect();
    let wildcard = items.iter().any(|item| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)));
    if wildcard || spans.len() != columns { Vec::new() } else { spans }
}

fn select_list(query: &AstQuery) -> Option<&[SelectItem]> {
    let mut body = &*query.body;
    loop {
        match body {
            SetExpr::Select(select) => return Some(&select.projection),
            SetExpr::Query(query) => body = &query.body,
            // The first branch of a set operation names the columns.
            SetExpr::SetOperation { left, .. } => body = left,
            _ => return None,
        }
    }
}

/// Checks grain, partitions and order against the columns.
pub(super) fn check(model: &Model, schema: &SchemaRef) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let grain = grain_span(model);
    for name in &model.grain {
        match data_type(schema, name) {
            None => findings.push(unknown_column(schema, grain, "grain", name)),
            Some(data_type) if !is_comparable(data_type) => findings.push(
                Diagnostic::error(
                    "type-mismatch",
                    grain,
                    format!("grain: column `{name}` is a {}, which cannot identify a row", types::name(data_type)),
                )
                .with_help("use the columns it is made of"),
            ),
            Some(_) => {}
        }
    }
    for partition in &model.output.partition_by {
        match data_type(schema, &partition.column) {
            None => findings.push(unknown_column(schema, partition.span, "partition_by", &partition.column)),
            Some(data_type) => findings.extend(partition_type(partition, data_type)),
        }
    }
    let output = model.output.span.unwrap_or(model.span);
    for name in &model.output.sort_by {
        match data_type(schema, name) {
            None => findings.push(unknown_column(schema, output, "sort_by", name)),
            Some(data_type) if !is_comparable(data_type) => findings.push(
                Diagnostic::error(
                    "type-mismatch",
                    output,
                    format!("sort_by: column `{name}` is a {}, which has no order", types::name(data_type)),
                )
                .with_help("sort by the columns it is made of"),
            ),
            Some(_) => {}
        }
    }
    findings
}

fn partition_type(partition: &cxmill_spec::PartitionBy, data_type: &DataType) -> Option<Diagnostic> {
    let column = &partition.column;
    let is_time = matches!(data_type, DataType::Date32 | DataType::Timestamp(..));
    let (message, help) = match (partition.granularity, data_type) {
        (Some(granularity), other) if !is_time => (
            format!(
                "partition_by {}: column `{column}` is a {}, not a date or timestamp",
                granularity.name(),
                types::name(other)
            ),
            "name a date column, or partition by the value itself".to_owned(),
        ),
        (None, DataType::Timestamp(..)) => (
            format!("partition_by: column `{column}` is a timestamp; every instant would be a folder"),
            format!("partition by a period of it: {{month: {column}}}"),
        ),
        (None, DataType::Float64 | DataType::Binary | DataType::List(_) | DataType::Struct(_)) => (
            format!("partition_by: column `{column}` is a {}, which is no name for a folder", types::name(data_type)),
            "partition by a string, integer, boolean or date".to_owned(),
        ),
        _ => return None,
    };
    Some(Diagnostic::error("type-mismatch", partition.span, message).with_help(help))
}

/// The grain has no place of its own in the model; the checks it implies carry it.
fn grain_span(model: &Model) -> Span {
    let implied = model.checks.iter().find(|check| match &check.kind {
        CheckKind::Unique(columns) => *columns == model.grain,
        _ => false,
    });
    implied.map_or(model.span, |check| check.span)
}

/// An error on a name that is no column of the result.
pub(super) fn unknown_column(schema: &SchemaRef, span: Span, what: &str, name: &str) -> Diagnostic {
    let mut finding = Diagnostic::error("unknown-column", span, format!("{what}: the result has no column `{name}`"));
    finding.help = suggestion(name, schema.fields().iter().map(|field| field.name().as_str()), "columns");
    finding
}

/// Type of a column of the result.
pub(super) fn data_type<'a>(schema: &'a SchemaRef, name: &str) -> Option<&'a DataType> {
    schema.fields().iter().find(|field| field.name() == name).map(|field| field.data_type())
}

/// Whether values of a type can be told apart and ordered by every reader.
pub(super) fn is_comparable(data_type: &DataType) -> bool {
    !matches!(data_type, DataType::Struct(_) | DataType::List(_))
}
