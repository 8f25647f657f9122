//! What the checks of a model say about its columns, judged before there are any rows.

use cxmill_spec::check::Bound;
use cxmill_spec::{Check, CheckKind, Diagnostic, Model, Project, Unreadable};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::execution::SessionState;
use datafusion::prelude::SessionContext;

use super::bind::AS_OF;
use super::layout::{data_type, is_comparable, unknown_column};
use super::parsed::{self, Parsed};
use super::proven::Depth;
use super::sql::{self, Query};
use super::types;
use crate::check::bound_value;

/// All findings on the checks of a model whose result is registered in `ctx` under its name.
pub(super) async fn check(
    ctx: &SessionContext,
    project: &Project,
    unreadable: &Unreadable,
    (model, own): (&Model, &Parsed),
    schema: &SchemaRef,
    depth: Depth,
) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for check in &model.checks {
        match &check.kind {
            CheckKind::Sql(_) => findings.extend(query(ctx, project, unreadable, (model, own), check, depth).await),
            _ => findings.extend(columns(model, check, schema)),
        }
    }
    findings
}

/// The queries of the checks of kind `sql`, in order. Checks that were found sound all parse.
pub(super) fn queries(state: &SessionState, model: &Model) -> Vec<Query> {
    let texts = model.checks.iter().filter_map(|check| match &check.kind {
        CheckKind::Sql(text) => Some(text),
        _ => None,
    });
    texts.filter_map(|text| sql::parse(state, text).0).collect()
}

/// Whether what the checks of a model demand depends on the as-of; `queries` are its [`queries`].
pub(super) fn read_as_of(model: &Model, queries: &[Query]) -> bool {
    let fresh = |check: &Check| matches!(check.kind, CheckKind::Fresh { .. });
    let takes = |query: &Query| query.placeholders.iter().any(|named| named.name == AS_OF);
    model.checks.iter().any(fresh) || queries.iter().any(takes)
}

fn columns(model: &Model, check: &Check, schema: &SchemaRef) -> Vec<Diagnostic> {
    let name = check.kind.name();
    let named = |column: &String| match data_type(schema, column) {
        // The grain's own columns are judged with the grain.
        None if model.grain.contains(column) && implied_by_grain(model, check) => None,
        None => Some(unknown_column(schema, check.span, name, column)),
        Some(data_type) if matches!(check.kind, CheckKind::Unique(_)) && !is_comparable(data_type) => {
            (!model.grain.contains(column)).then(|| mismatch(check, column, data_type, "values that can be compared"))
        }
        Some(_) => None,
    };
    match &check.kind {
        CheckKind::NotNull(columns) | CheckKind::Unique(columns) => columns.iter().filter_map(named).collect(),
        CheckKind::Between { column, min, max } => values(check, schema, column, [min, max].into_iter().flatten()),
        CheckKind::OneOf { column, values: allowed } => values(check, schema, column, allowed.iter()),
        CheckKind::Fresh { column, .. } => match data_type(schema, column) {
            None => vec![unknown_column(schema, check.span, name, column)],
            Some(DataType::Date32 | DataType::Timestamp(..)) => Vec::new(),
            Some(data_type) => vec![mismatch(check, column, data_type, "a date or timestamp column")],
        },
        CheckKind::RowCount { .. } | CheckKind::Sql(_) => Vec::new(),
    }
}

/// Whether the check is one that the grain implies.
fn implied_by_grain(model: &Model, check: &Check) -> bool {
    matches!(&check.kind, CheckKind::NotNull(columns) | CheckKind::Unique(columns) if *columns == model.grain)
}

fn values<'a>(
    check: &Check,
    schema: &SchemaRef,
    column: &str,
    bounds: impl Iterator<Item = &'a Bound>,
) -> Vec<Diagnostic> {
    let Some(data_type) = data_type(schema, column) else {
        return vec![unknown_column(schema, check.span, check.kind.name(), column)];
    };
    bounds
        .filter(|bound| bound_value(bound, data_type).is_none())
        .map(|bound| {
            Diagnostic::error(
                "type-mismatch",
                check.span,
                format!(
                    "{}: {} is no {}, the type of column `{column}`",
                    check.kind.name(),
                    show(bound),
                    types::name(data_type)
                ),
            )
            .with_help(example(data_type))
        })
        .collect()
}

fn show(bound: &Bound) -> String {
    match bound {
        Bound::Int(value) => value.to_string(),
        Bound::Double(value) => value.to_string(),
        Bound::Text(value) => format!("`{value}`"),
        Bound::Boolean(value) => value.to_string(),
    }
}

fn example(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Date32 => "write a date: 2026-01-31",
        DataType::Timestamp(..) => "write a timestamp with its offset: 2026-01-31T12:00:00Z",
        DataType::Boolean => "write true or false",
        DataType::Utf8 => "write text",
        DataType::Struct(_) | DataType::List(_) => "check the columns it is made of",
        _ => "write a number that the type can hold",
    }
}

fn mismatch(check: &Check, column: &str, data_type: &DataType, wanted: &str) -> Diagnostic {
    let name = check.kind.name();
    let message = format!("{name}: column `{column}` is a {}; {name} needs {wanted}", types::name(data_type));
    Diagnostic::error("type-mismatch", check.span, message)
}

/// A query of a check may read the model and what the model reads: nothing else stands still while it is staged.
async fn query(
    ctx: &SessionContext,
    project: &Project,
    unreadable: &Unreadable,
    (model, own): (&Model, &Parsed),
    check: &Check,
    depth: Depth,
) -> Vec<Diagnostic> {
    let CheckKind::Sql(text) = &check.kind else { return Vec::new() };
    let (parsed, mut findings) = parsed::parse(&ctx.state(), project, unreadable, "", text);
    let foreign = parsed.reads(|table| {
        let known = project.sources.contains_key(table) || project.models.contains_key(table);
        (known || unreadable.may_declare_table(table)) && table != model.name && !own.reads_table(table)
    });
    for table in &foreign {
        findings.push(
            Diagnostic::error(
                "check-reads-other",
                parsed.place_of(text, table),
                format!("a check of `{}` cannot read `{table}`, which the model does not read", model.name),
            )
            .with_help("a check may read its model and what the model reads"),
        );
    }
    let unknown_tables = findings.iter().any(|finding| finding.code == "unknown-table");
    if foreign.is_empty() && !unknown_tables {
        findings.extend(parsed::analyse(ctx, project, text, &parsed, depth).await.diagnostics);
    }
    findings
}
