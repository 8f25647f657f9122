//! `show`: rows of a published table, read as a BI tool would read them, from the output root.

use std::path::Path;
use std::sync::Arc;

use cxmill_ledger::Ledger;
use cxmill_spec::{Diagnostic, Settings};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::prelude::{DataFrame, SessionContext};

use crate::compile::compile;
use crate::context::Context;
use crate::error::EngineError;
use crate::memory;
use crate::roots::{Roots, path_of};
use crate::session::session;
use crate::tables::{TableFile, register};

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
/// Errors: [`EngineError::Invalid`] for a model that does not exist, was never published, or a condition that is wrong.
pub async fn show(context: &Context, model: &str, filter: Option<&str>, limit: usize) -> Result<Table, EngineError> {
    let roots = Roots::open(context)?;
    let commit = Ledger::open_read_only(roots.state.clone()).await?.latest().await?;
    let Some(state) = commit.as_ref().and_then(|commit| commit.models.get(model)) else {
        return Err(unpublished(context, model, commit.iter().flat_map(|commit| commit.models.keys())));
    };
    let compiled = compile(&context.project).await.map_err(EngineError::Invalid)?;
    let Some(compiled) = compiled.models.iter().find(|compiled| compiled.name == model) else {
        return Err(unpublished(context, model, context.project.models.keys()));
    };
    let failed = |error: DataFusionError| missing(model, &error);
    let file = |file: &cxmill_ledger::PublishedFile| {
        let path = path_of(&roots.output, &format!("{model}/{}", file.published))?;
        Ok(TableFile { path, bytes: file.bytes, rows: file.rows })
    };
    let files = state.files.iter().map(file).collect::<Result<Vec<_>, EngineError>>()?;
    let ctx = looking_session(&context.project.settings).map_err(failed)?;
    register(&ctx, model, Arc::clone(&compiled.schema), "output", &roots.output.store, files).map_err(failed)?;
    let table = ctx.table(model).await.map_err(failed)?;
    let (rows, total_rows) = match filter {
        None => (table, Some(state.rows)),
        Some(condition) => {
            let rows = filtered(table, condition)?;
            let total = rows.clone().count().await.map_err(failed)?;
            (rows, Some(total as u64))
        }
    };
    let schema = Arc::clone(&compiled.schema);
    let batches = rows.limit(0, Some(limit)).map_err(failed)?.collect().await.map_err(failed)?;
    Ok(Table { schema, batches, total_rows })
}

/// A session that reads file after file, so that rows come in the order they are published in. Nothing is spilled: the
/// commands that look neither sort nor group.
pub(crate) fn looking_session(settings: &Settings) -> Result<SessionContext, DataFusionError> {
    let settings = Settings { threads: 1, ..settings.clone() };
    session(&settings, memory::query_share(settings.memory_limit), Path::new(&std::env::temp_dir()))
}

/// The rows that meet a condition. It is parsed as an expression over the table's columns, so it cannot name another table
/// or do anything but compute.
fn filtered(table: DataFrame, condition: &str) -> Result<DataFrame, EngineError> {
    let wrong = |error: DataFusionError| {
        let message = error.find_root().strip_backtrace();
        let message = format!("--where `{condition}`: {}", message.lines().next().unwrap_or_default());
        EngineError::Invalid(vec![Diagnostic::error("filter", None, message)])
    };
    let predicate = table.parse_sql_expr(condition).map_err(wrong)?;
    table.filter(predicate).map_err(wrong)
}

fn unpublished<'a>(context: &Context, model: &str, known: impl Iterator<Item = &'a String>) -> EngineError {
    let near = cxmill_spec::suggestion(model, known.map(String::as_str), "published models");
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

/// A published object that cannot be read is a fault of the output root, whatever DataFusion calls it.
fn missing(model: &str, error: &DataFusionError) -> EngineError {
    match EngineError::query(model, error) {
        EngineError::Store { message, .. } => EngineError::Store {
            message,
            help: Some("`cxmill run` publishes again what is missing in the output root".to_owned()),
        },
        other => other,
    }
}
