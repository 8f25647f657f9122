//! `show`: rows of a published table.

use std::sync::Arc;

use cxmill_spec::{Diagnostic, suggestion};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::prelude::DataFrame;

use crate::compile::diagnose::{plain, unknown};
use crate::compile::{Compiled, CompiledModel};
use crate::context::Context;
use crate::error::EngineError;
use crate::look::published::Published;

/// Rows to show.
#[derive(Debug, Clone)]
pub struct Table {
    /// Columns.
    pub schema: SchemaRef,
    /// Rows.
    pub batches: Vec<RecordBatch>,
    /// Rows there are in all, where that is known.
    pub total_rows: Option<u64>,
}

/// Rows of a published table. `filter` is a SQL condition over its columns; `total_rows` counts what it lets through.
///
/// Errors: [`EngineError::Invalid`] for a model that does not exist, was never published, or a condition that is wrong;
/// [`EngineError::Store`] where a published object cannot be read.
pub async fn show(
    context: &Context,
    compiled: &Compiled,
    model: &str,
    filter: Option<&str>,
    limit: usize,
) -> Result<Table, EngineError> {
    let Some(published) = Published::open(context, compiled).await? else {
        return Err(unpublished(context, model, context.project.models.keys()));
    };
    let Some((declared, state)) = published.model(model) else {
        return Err(unpublished(context, model, context.project.models.keys().chain(published.commit.models.keys())));
    };
    published.register(declared, state)?;
    match rows(&published, declared, filter, limit, state.rows).await {
        Ok(table) => Ok(table),
        Err(Failed::Filter(error)) => Err(error),
        Err(Failed::Query(error)) => Err(published.explain(model, &error, &[model]).await),
    }
}

/// Why no rows are shown.
enum Failed {
    /// The condition is wrong.
    Filter(EngineError),
    /// The table cannot be read.
    Query(DataFusionError),
}

impl From<DataFusionError> for Failed {
    fn from(error: DataFusionError) -> Self {
        Self::Query(error)
    }
}

async fn rows(
    published: &Published<'_>,
    model: &CompiledModel,
    filter: Option<&str>,
    limit: usize,
    all: u64,
) -> Result<Table, Failed> {
    let table = published.ctx.table(&model.name).await?;
    let (rows, total_rows) = match filter {
        None => (table, Some(all)),
        Some(condition) => {
            let rows = filtered(table, condition).map_err(Failed::Filter)?;
            let total = rows.clone().count().await?;
            (rows, Some(total as u64))
        }
    };
    let batches = rows.limit(0, Some(limit))?.collect().await?;
    Ok(Table { schema: Arc::clone(&model.schema), batches, total_rows })
}

/// The rows that meet a condition. It is parsed as an expression over the table's columns, so it cannot name another table
/// or do anything but compute.
fn filtered(table: DataFrame, condition: &str) -> Result<DataFrame, EngineError> {
    let wrong = |error: DataFusionError| {
        let (message, help) = match error.find_root() {
            DataFusionError::SQL(error, _) => (error.to_string().replace("sql parser error: ", ""), None),
            DataFusionError::SchemaError(error, _) => match error.as_ref() {
                SchemaError::FieldNotFound { field, valid_fields } => {
                    let (found, _) = unknown(field, valid_fields);
                    (found.message, found.help)
                }
                other => (plain(&other.to_string()), None),
            },
            other => (plain(&other.strip_backtrace()), None),
        };
        let diagnostic = Diagnostic::error("filter", None, format!("--where `{condition}`: {message}"));
        EngineError::Invalid(vec![Diagnostic { help, ..diagnostic }])
    };
    let predicate = table.parse_sql_expr(condition).map_err(wrong)?;
    table.filter(predicate).map_err(wrong)
}

fn unpublished<'a>(context: &Context, model: &str, known: impl Iterator<Item = &'a String>) -> EngineError {
    let near = suggestion(model, known.map(String::as_str), "published models");
    let message = if context.project.models.contains_key(model) {
        format!("model {model} is not published")
    } else {
        format!("no model is named `{model}`")
    };
    let help = match near {
        Some(near) if !context.project.models.contains_key(model) => near,
        _ => "`cxmill run` publishes it; a model of strategy view is never published".to_owned(),
    };
    EngineError::Invalid(vec![Diagnostic::error("unpublished-model", None, message).with_help(help)])
}
