//! What a run shows at its end: the queries of `summary:` over published tables.

use std::sync::Arc;

use cxmill_ledger::{Commit, Ledger};
use cxmill_spec::Sql;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use crate::compile::bind::Values;
use crate::compile::query;
use crate::compile::{Compiled, compile};
use crate::context::Context;
use crate::error::EngineError;
use crate::look::show::{Table, looking_session};
use crate::roots::{Roots, path_of};
use crate::tables::{TableFile, register};

/// The rows of every summary of the project with its title. A summary whose tables are not all published is left out.
///
/// # Errors
/// [`EngineError::Store`] where a published object cannot be read, [`EngineError::Query`] where a query fails.
pub async fn summary(context: &Context) -> Result<Vec<(String, Table)>, EngineError> {
    if context.project.summary.is_empty() {
        return Ok(Vec::new());
    }
    let roots = Roots::open(context)?;
    let Some(commit) = Ledger::open_read_only(roots.state.clone()).await?.latest().await? else {
        return Ok(Vec::new());
    };
    let compiled = compile(&context.project).await.map_err(EngineError::Invalid)?;
    let failed = |error: DataFusionError| EngineError::query("summary", &error);
    let ctx = looking_session(&context.project.settings).map_err(failed)?;
    register_published(&ctx, &roots, &compiled, &commit)?;
    let mut tables = Vec::new();
    for summary in &context.project.summary {
        if !all_published(&ctx, &summary.sql)? {
            continue;
        }
        let values = Values { vars: &context.project.vars, as_of: commit.as_of.or(Some(chrono::DateTime::UNIX_EPOCH)) };
        let rows = query::check(&ctx, &summary.sql, values).await.map_err(failed)?;
        let schema = Arc::new(rows.schema().as_arrow().clone());
        let batches = rows.collect().await.map_err(failed)?;
        tables.push((summary.title.clone(), Table { schema, batches, total_rows: None }));
    }
    Ok(tables)
}

/// Every published table under its model's name.
fn register_published(
    ctx: &SessionContext,
    roots: &Roots,
    compiled: &Compiled,
    commit: &Commit,
) -> Result<(), EngineError> {
    for model in &compiled.models {
        let Some(state) = commit.models.get(&model.name) else { continue };
        let files = state
            .files
            .iter()
            .map(|file| {
                let path = path_of(&roots.output, &format!("{}/{}", model.name, file.published))?;
                Ok(TableFile { path, bytes: file.bytes, rows: file.rows })
            })
            .collect::<Result<Vec<_>, EngineError>>()?;
        register(ctx, &model.name, Arc::clone(&model.schema), "output", &roots.output.store, files)
            .map_err(|error| EngineError::query(&model.name, &error))?;
    }
    Ok(())
}

fn all_published(ctx: &SessionContext, sql: &Sql) -> Result<bool, EngineError> {
    let (query, _) = crate::compile::sql::parse(&ctx.state(), sql);
    let Some(query) = query else { return Ok(false) };
    for table in query.table_names() {
        if !ctx.table_exist(table.as_str()).map_err(|error| EngineError::query("summary", &error))? {
            return Ok(false);
        }
    }
    Ok(true)
}
