//! Checks as queries over a staged result: each must return no rows.
//!
//! All kinds but `sql` are built from expressions, so no name or value is ever pasted into SQL. A check reads the result
//! once where it holds; where it fails, the rows are counted in a second pass and the first of them are kept for people.

mod bound;

#[cfg(test)]
mod tests;

use chrono::{DateTime, NaiveDate, Utc};
use cxmill_spec::check::Bound;
use cxmill_spec::{Check, CheckKind, Project, Severity};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::functions_aggregate::expr_fn::{count, max};
use datafusion::logical_expr::{Expr, in_list, lit};
use datafusion::prelude::{DataFrame, SessionContext};

use crate::compile::bind::Values;
use crate::compile::query::{self, column};
use crate::compile::types::timestamp;
use crate::compile::{Compiled, CompiledModel};
use crate::report::{CheckReport, CheckResult};

pub(crate) use bound::bound_value;

/// Failing rows that a report shows.
const SHOWN: usize = 10;

/// Longest part of a query that names a check of kind `sql`, in characters.
const NAME_CHARS: usize = 60;

/// One check of a model, ready to run.
#[derive(Debug)]
pub struct CheckQuery {
    /// Name for people, as in `unique(day, channel)`.
    pub name: String,
    /// What a failure does.
    pub severity: Severity,
    /// The query that must return no rows.
    pub query: DataFrame,
}

/// Runs all checks of a model. `ctx` holds the staged result under the model's name, and for checks of kind `sql` what the
/// model reads (views are inlined). The reports come in the order of the project; a failing check is not an error.
pub async fn run_checks(
    ctx: &SessionContext,
    project: &Project,
    compiled: &Compiled,
    model: &CompiledModel,
    as_of: Option<DateTime<Utc>>,
) -> Result<Vec<CheckReport>> {
    let mut reports = Vec::new();
    for check in check_queries(ctx, project, compiled, model, as_of).await? {
        reports.push(run_check(&model.name, check).await?);
    }
    Ok(reports)
}

/// The checks of a model as queries; see [`run_checks`].
pub async fn check_queries(
    ctx: &SessionContext,
    project: &Project,
    compiled: &Compiled,
    model: &CompiledModel,
    as_of: Option<DateTime<Utc>>,
) -> Result<Vec<CheckQuery>> {
    let Some(declared) = project.models.get(&model.name) else {
        return Err(DataFusionError::Plan(format!("no model {} in the project", model.name)));
    };
    if declared.checks.iter().any(|check| matches!(check.kind, CheckKind::Sql(_))) {
        query::register_views(ctx, project, compiled, as_of).await?;
    }
    let values = Values { vars: &project.vars, as_of };
    let staged = || ctx.table(datafusion::common::TableReference::bare(model.name.as_str()));
    let mut queries = Vec::new();
    for check in &declared.checks {
        let query = match &check.kind {
            CheckKind::Sql(sql) => query::check(ctx, sql, values).await?,
            kind => failing(staged().await?, kind, &model.schema, project, as_of)?,
        };
        queries.push(CheckQuery { name: name(check), severity: check.severity, query });
    }
    Ok(queries)
}

async fn run_check(model: &str, check: CheckQuery) -> Result<CheckReport> {
    let CheckQuery { name, severity, query } = check;
    let order: Vec<_> = query
        .schema()
        .iter()
        .filter(|(_, field)| !matches!(field.data_type(), DataType::Struct(_) | DataType::List(_) | DataType::Null))
        .map(|(qualifier, field)| Expr::Column((qualifier, field).into()).sort(true, true))
        .collect();
    // A sort with a limit keeps the shown rows the same however the work was split.
    let ordered = if order.is_empty() { query.clone() } else { query.clone().sort(order)? };
    let first = ordered.limit(0, Some(SHOWN))?.collect().await?;
    let shown: usize = first.iter().map(|batch| batch.num_rows()).sum();
    if shown == 0 {
        return Ok(CheckReport {
            model: model.to_owned(),
            check: name,
            result: CheckResult::Passed,
            failing_rows: 0,
            sample: None,
        });
    }
    let rows = if shown < SHOWN { shown } else { query.count().await? };
    Ok(CheckReport {
        model: model.to_owned(),
        check: name,
        result: match severity {
            Severity::Error => CheckResult::Failed,
            Severity::Warn => CheckResult::Warned,
        },
        failing_rows: rows as u64,
        sample: Some(pretty_format_batches(&first)?.to_string()),
    })
}

/// The rows of `staged` that break a check.
fn failing(
    staged: DataFrame,
    kind: &CheckKind,
    schema: &SchemaRef,
    project: &Project,
    as_of: Option<DateTime<Utc>>,
) -> Result<DataFrame> {
    match kind {
        CheckKind::NotNull(columns) => {
            let missing = columns.iter().map(|name| column(name).is_null()).reduce(Expr::or);
            staged.filter(missing.unwrap_or_else(|| lit(false)))
        }
        CheckKind::Unique(columns) => {
            let rows = free_name("rows", columns);
            let keys = columns.iter().map(|name| column(name)).collect();
            staged.aggregate(keys, vec![count(lit(1_i64)).alias(&rows)])?.filter(column(&rows).gt(lit(1_i64)))
        }
        CheckKind::Between { column: name, min, max } => {
            let low = typed(schema, name, min.as_ref())?.map(|min| column(name).lt(lit(min)));
            let high = typed(schema, name, max.as_ref())?.map(|max| column(name).gt(lit(max)));
            staged.filter([low, high].into_iter().flatten().reduce(Expr::or).unwrap_or_else(|| lit(false)))
        }
        CheckKind::OneOf { column: name, values } => {
            let allowed = values
                .iter()
                .map(|value| Ok(typed(schema, name, Some(value))?.map(lit)))
                .collect::<Result<Vec<_>>>()?;
            let outside = in_list(column(name), allowed.into_iter().flatten().collect(), true);
            staged.filter(column(name).is_not_null().and(outside))
        }
        CheckKind::RowCount { min, max } => {
            let rows = staged.aggregate(vec![], vec![count(lit(1_i64)).alias("rows")])?;
            // More rows than an i64 counts cannot be; such a bound is as good as none.
            let low = min.and_then(|min| i64::try_from(min).ok()).map(|min| column("rows").lt(lit(min)));
            let high = max.and_then(|max| i64::try_from(max).ok()).map(|max| column("rows").gt(lit(max)));
            rows.filter([low, high].into_iter().flatten().reduce(Expr::or).unwrap_or_else(|| lit(false)))
        }
        CheckKind::Fresh { column: name, within } => {
            let newest = staged.aggregate(vec![], vec![max(column(name)).alias("newest")])?;
            let missing = column("newest").is_null();
            let oldest = as_of.and_then(|as_of| as_of.checked_sub_signed(chrono::Duration::from_std(*within).ok()?));
            match oldest {
                Some(oldest) => {
                    newest.filter(missing.or(column("newest").lt(lit(instant(schema, name, oldest, project)?))))
                }
                None => newest.filter(missing),
            }
        }
        CheckKind::Sql(_) => Err(DataFusionError::Plan("a check of kind sql is a query of its own".to_owned())),
    }
}

fn typed(schema: &SchemaRef, name: &str, bound: Option<&Bound>) -> Result<Option<ScalarValue>> {
    let Some(bound) = bound else { return Ok(None) };
    let data_type = schema.field_with_name(name)?.data_type();
    match bound_value(bound, data_type) {
        Some(value) => Ok(Some(value)),
        None => Err(DataFusionError::Plan(format!("a bound of column {name} does not fit its type {data_type}"))),
    }
}

/// An instant in the type of a column; days are those of the project's time zone.
fn instant(schema: &SchemaRef, name: &str, at: DateTime<Utc>, project: &Project) -> Result<ScalarValue> {
    match schema.field_with_name(name)?.data_type() {
        DataType::Date32 => {
            let day = at.with_timezone(&project.settings.time_zone).date_naive();
            Ok(ScalarValue::Date32(Some(days(day))))
        }
        data_type if *data_type == timestamp() => {
            Ok(ScalarValue::TimestampMicrosecond(Some(at.timestamp_micros()), Some("UTC".into())))
        }
        other => Err(DataFusionError::Plan(format!("column {name} is a {other}, not a date or timestamp"))),
    }
}

/// Days since 1970-01-01.
fn days(day: NaiveDate) -> i32 {
    datafusion::arrow::datatypes::Date32Type::from_naive_date(day)
}

/// `wanted`, or with underscores after it where a column has that name.
fn free_name(wanted: &str, taken: &[String]) -> String {
    let mut name = wanted.to_owned();
    while taken.contains(&name) {
        name.push('_');
    }
    name
}

/// Why a model is withheld of which the check of this name failed.
pub(crate) fn failed_by(name: &str) -> String {
    format!("check {name} failed")
}

/// Name of a check for people, as in `unique(day, channel)`.
#[must_use]
pub fn name(check: &Check) -> String {
    let kind = check.kind.name();
    match &check.kind {
        CheckKind::NotNull(columns) | CheckKind::Unique(columns) => format!("{kind}({})", columns.join(", ")),
        CheckKind::Between { column, .. } | CheckKind::OneOf { column, .. } => format!("{kind}({column})"),
        CheckKind::RowCount { min, max } => {
            let end = |end: &Option<u64>| end.map(|end| end.to_string()).unwrap_or_default();
            format!("{kind}({}..{})", end(min), end(max))
        }
        CheckKind::Fresh { column, .. } => format!("{kind}({column})"),
        CheckKind::Sql(sql) => {
            let text = sql.text.split_whitespace().collect::<Vec<_>>().join(" ");
            let short: String = text.chars().take(NAME_CHARS).collect();
            if short.len() < text.len() { format!("{kind}({short}…)") } else { format!("{kind}({short})") }
        }
    }
}
