//! Checks as queries over a staged result: each must return no rows.
//!
//! All kinds but `sql` are built from expressions, so no name or value is ever pasted into SQL. Checks on single rows and on totals are
//! judged together, in one pass over the result; `unique` and `sql` take a pass each. Where a check fails, its rows are counted and the
//! first of them are kept for people.

mod bound;
mod condition;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use cxmill_spec::{Check, CheckKind, Project, Severity};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::common::TableReference;
use datafusion::error::{DataFusionError, Result};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::{DataFrame, SessionContext};

use self::condition::{Judged, broken};
use crate::compile::bind::Values;
use crate::compile::query::{self, column};
use crate::compile::{Compiled, CompiledModel};
use crate::report::{CheckReport, CheckResult};
use crate::session;

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
    let held = held(ctx, project, model, as_of).await?;
    for (number, check) in check_queries(ctx, project, compiled, model, as_of).await?.into_iter().enumerate() {
        reports.push(match held.contains(&number) {
            true => passed(&model.name, check.name),
            false => run_check(&model.name, check).await?,
        });
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
    let staged = || staged(ctx, model);
    let mut queries = Vec::new();
    for check in &declared.checks {
        let query = match Judged::of(&check.kind, &model.schema, project, as_of)? {
            Judged::Together(condition) => condition.failing(staged().await?)?,
            Judged::Unique(columns) => repeated(staged().await?, columns)?,
            Judged::Sql(sql) => query::check(ctx, sql, values).await?,
        };
        queries.push(CheckQuery { name: name(check), severity: check.severity, query });
    }
    Ok(queries)
}

/// The result of a model, which has its name in the session.
async fn staged(ctx: &SessionContext, model: &CompiledModel) -> Result<DataFrame> {
    ctx.table(TableReference::bare(model.name.as_str())).await
}

/// Numbers of the checks that one pass over the result shows to hold.
async fn held(
    ctx: &SessionContext,
    project: &Project,
    model: &CompiledModel,
    as_of: Option<DateTime<Utc>>,
) -> Result<BTreeSet<usize>> {
    let checks = project.models.get(&model.name).map_or(&[][..], |declared| &declared.checks);
    let (mut numbers, mut conditions) = (Vec::new(), Vec::new());
    for (number, check) in checks.iter().enumerate() {
        if let Judged::Together(condition) = Judged::of(&check.kind, &model.schema, project, as_of)? {
            numbers.push(number);
            conditions.push(*condition);
        }
    }
    let broken = broken(staged(ctx, model).await?, &conditions).await?;
    Ok(numbers.into_iter().zip(broken).filter(|(_, broken)| !broken).map(|(number, _)| number).collect())
}

fn passed(model: &str, check: String) -> CheckReport {
    CheckReport { model: model.to_owned(), check, result: CheckResult::Passed, failing_rows: 0, sample: None }
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
    let first = session::collect(ordered.limit(0, Some(SHOWN))?).await?;
    let shown: usize = first.iter().map(|batch| batch.num_rows()).sum();
    if shown == 0 {
        return Ok(passed(model, name));
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

/// The groups of `staged` that have more than one row.
fn repeated(staged: DataFrame, columns: &[String]) -> Result<DataFrame> {
    let rows = free_name("rows", columns);
    let keys = columns.iter().map(|name| column(name)).collect();
    staged.aggregate(keys, vec![count(lit(1_i64)).alias(&rows)])?.filter(column(&rows).gt(lit(1_i64)))
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
