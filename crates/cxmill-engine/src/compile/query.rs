//! A checked model → a plan over the tables registered in a session.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use cxmill_incremental::{Reason, Split};
use cxmill_spec::{Output, PartitionBy, Project, Sql, Strategy};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::Column;
use datafusion::datasource::ViewTable;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, cast};
use datafusion::prelude::{DataFrame, SQLOptions, SessionContext};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::Statement;

use super::Compiled;
use super::bind::{Values, bind};
use super::sql::parse;
use super::types::published;
use crate::session::known_functions;

/// See [`crate::session::model_query`].
pub(crate) async fn model(
    ctx: &SessionContext,
    project: &Project,
    model: &str,
    as_of: Option<DateTime<Utc>>,
    schema: &SchemaRef,
) -> Result<DataFrame> {
    let plan = inlined(ctx, project, model, as_of).await?;
    as_published(ctx, model, plan, schema)
}

/// The rows of a model's plan under their published names and types.
pub(crate) fn as_published(
    ctx: &SessionContext,
    model: &str,
    plan: LogicalPlan,
    schema: &SchemaRef,
) -> Result<DataFrame> {
    let wanted = schema.fields().len();
    let given = plan.schema().fields().len();
    if wanted != given {
        return Err(DataFusionError::Plan(format!("model {model} has {given} columns where {wanted} are published")));
    }
    let columns: Vec<Expr> = plan
        .schema()
        .columns()
        .into_iter()
        .zip(schema.fields())
        .map(|(column, field)| typed(Expr::Column(column), plan.schema(), field.name(), field.data_type()))
        .collect::<Result<_>>()?;
    DataFrame::new(ctx.state(), plan).select(columns)
}

/// The plan of a model's query, views inlined, as the analyser leaves it.
pub(crate) async fn inlined(
    ctx: &SessionContext,
    project: &Project,
    model: &str,
    as_of: Option<DateTime<Utc>>,
) -> Result<LogicalPlan> {
    let values = Values { vars: &project.vars, as_of };
    let plan = with_views(ctx, project, model, values, 0).await?;
    analysed(&ctx.state(), plan)
}

/// The query of a model, views inlined, split into states over the one table it reads, or the reason why it cannot be.
pub(crate) async fn split(
    ctx: &SessionContext,
    project: &Project,
    model: &str,
    as_of: Option<DateTime<Utc>>,
) -> Result<std::result::Result<Split, Reason>> {
    let plan = inlined(ctx, project, model, as_of).await?;
    Ok(split_plan(&plan))
}

/// The plan of a query, views inlined, split into states.
pub(crate) fn split_plan(plan: &LogicalPlan) -> std::result::Result<Split, Reason> {
    cxmill_incremental::split(plan, &known_functions())
}

/// The columns of kept states that the partitions of an output are made of; none where a partition column is not one of the
/// keys as they are, so that a group's partition is not known before it is finished.
pub(crate) fn keys_of_partitions<'a>(split: &'a Split, output: &Output, published: &SchemaRef) -> Option<Vec<&'a str>> {
    let key = |by: &PartitionBy| {
        let key = split.keys().iter().find(|key| key.output.as_ref() == Some(&by.column))?;
        let shown = published.field_with_name(&by.column).ok()?;
        (key.data_type == *shown.data_type()).then_some(key.name.as_str())
    };
    output.partition_by.iter().map(key).collect()
}

/// Registers every model of strategy `view` that a model reads (through other views as well) under its name in `ctx`.
/// `model_query` does this by itself; this is for queries of other kinds, such as checks and `show`.
pub async fn register_views(
    ctx: &SessionContext,
    project: &Project,
    compiled: &Compiled,
    as_of: Option<DateTime<Utc>>,
) -> Result<()> {
    let values = Values { vars: &project.vars, as_of };
    for compiled in compiled.models.iter().filter(|model| model.strategy == Strategy::View) {
        let known = compiled.reads.iter().all(|read| ctx.table_exist(read.as_str()).unwrap_or(false));
        if known {
            register_view(ctx, project, &compiled.name, values, 0).await?;
        }
    }
    Ok(())
}

/// The plan of a model; the views it reads are registered first.
async fn with_views(
    ctx: &SessionContext,
    project: &Project,
    name: &str,
    values: Values<'_>,
    depth: usize,
) -> Result<LogicalPlan> {
    let Some(model) = project.models.get(name) else {
        return Err(DataFusionError::Plan(format!("no model {name} in the project")));
    };
    if depth > project.models.len() {
        return Err(DataFusionError::Plan(format!("model {name} reads itself")));
    }
    let (query, findings) = parse(&ctx.state(), &model.sql);
    let Some(query) = query.filter(|_| findings.is_empty()) else {
        return Err(DataFusionError::Plan(format!("model {name} was not compiled")));
    };
    for table in query.table_names() {
        let is_view = project.models.get(&table).is_some_and(|read| read.strategy == Some(Strategy::View));
        if is_view {
            register_view(ctx, project, &table, values, depth + 1).await?;
        }
    }
    plan(ctx, query.statement, values).await
}

async fn register_view(
    ctx: &SessionContext,
    project: &Project,
    name: &str,
    values: Values<'_>,
    depth: usize,
) -> Result<()> {
    // Boxed because views may read views.
    let plan = Box::pin(with_views(ctx, project, name, values, depth)).await?;
    let view = view(analysed(&ctx.state(), plan)?)?;
    ctx.deregister_table(name)?;
    ctx.register_table(name, view)?;
    Ok(())
}

/// The table that stands for a view whose query has this plan.
pub(crate) fn view(plan: LogicalPlan) -> Result<Arc<ViewTable>> {
    Ok(Arc::new(ViewTable::new(publish(plan)?, None)))
}

/// A plan whose columns are cast to their published types.
pub(crate) fn publish(plan: LogicalPlan) -> Result<LogicalPlan> {
    let columns: Vec<Expr> = plan
        .schema()
        .columns()
        .into_iter()
        .zip(plan.schema().fields())
        .map(|(column, field)| {
            let data_type =
                published(field.data_type()).map_err(|error| DataFusionError::Plan(error.message.clone()))?;
            typed(Expr::Column(column), plan.schema(), field.name(), &data_type)
        })
        .collect::<Result<_>>()?;
    datafusion::logical_expr::LogicalPlanBuilder::from(plan).project(columns)?.build()
}

fn typed(expr: Expr, schema: &datafusion::common::DFSchema, name: &str, data_type: &DataType) -> Result<Expr> {
    if expr.get_type(schema)? == *data_type {
        let bare = matches!(&expr, Expr::Column(column) if column.relation.is_none() && column.name == name);
        return Ok(if bare { expr } else { expr.alias(name) });
    }
    Ok(cast(expr, data_type.clone()).alias(name))
}

/// Plans a bound query against the tables of a session.
pub(crate) async fn plan(ctx: &SessionContext, mut statement: Statement, values: Values<'_>) -> Result<LogicalPlan> {
    if let Some(missing) = bind(&mut statement, values).first() {
        let why = if missing.name == super::bind::AS_OF {
            "nothing has landed and no --as-of is given"
        } else {
            "no such variable"
        };
        return Err(DataFusionError::Plan(format!("${} has no value: {why}", missing.name)));
    }
    let plan = ctx.state().statement_to_plan(DfStatement::Statement(Box::new(statement))).await?;
    only_query(&plan)?;
    Ok(plan)
}

/// A second lock behind the walk of the syntax tree: plans that do more than query are refused.
pub(crate) fn only_query(plan: &LogicalPlan) -> Result<()> {
    SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false).verify_plan(plan)
}

/// The plan with all types settled, as DataFusion's analyser leaves it.
pub(crate) fn analysed(state: &datafusion::execution::SessionState, plan: LogicalPlan) -> Result<LogicalPlan> {
    state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})
}

/// Plans the SQL of a check over the tables of a session.
pub(crate) async fn check(ctx: &SessionContext, sql: &Sql, values: Values<'_>) -> Result<DataFrame> {
    let (query, findings) = parse(&ctx.state(), sql);
    let Some(query) = query.filter(|_| findings.is_empty()) else {
        return Err(DataFusionError::Plan("the check was not compiled".to_owned()));
    };
    let plan = plan(ctx, query.statement, values).await?;
    Ok(DataFrame::new(ctx.state(), plan))
}

/// A published schema from names and types; see [`super::types`] on why all fields are nullable.
pub(crate) fn published_schema(fields: Vec<(String, DataType)>) -> SchemaRef {
    let fields: Vec<FieldRef> =
        fields.into_iter().map(|(name, data_type)| Arc::new(Field::new(name, data_type, true))).collect();
    Arc::new(Schema::new(fields))
}

/// A column of a table without qualifier, whatever letters its name has.
pub(crate) fn column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}
