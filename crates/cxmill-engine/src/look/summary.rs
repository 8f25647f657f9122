//! What a run shows at its end: the queries of `summary:` over published tables.

use std::sync::Arc;

use cxmill_spec::Sql;
use datafusion::error::DataFusionError;

use crate::compile::bind::Values;
use crate::compile::{Compiled, query, sql};
use crate::context::Context;
use crate::error::EngineError;
use crate::look::published::Published;
use crate::look::show::Table;

/// The rows of every summary of the project with its title. A summary whose tables are not all published is left out.
///
/// # Errors
/// [`EngineError::Store`] where a published object cannot be read, [`EngineError::Query`] where a query fails.
pub async fn summary(context: &Context, compiled: &Compiled) -> Result<Vec<(String, Table)>, EngineError> {
    if context.project.summary.is_empty() {
        return Ok(Vec::new());
    }
    let Some(published) = Published::open(context, compiled).await? else { return Ok(Vec::new()) };
    for model in &compiled.models {
        if let Some((model, state)) = published.model(&model.name) {
            published.register(model, state)?;
        }
    }
    let mut tables = Vec::new();
    for summary in &context.project.summary {
        let names = tables_of(&published, &summary.sql);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if names.is_empty() || names.iter().any(|name| published.model(name).is_none()) {
            continue;
        }
        match rows(context, &published, &summary.sql).await {
            Ok(table) => tables.push((summary.title.clone(), table)),
            Err(error) => return Err(published.explain("summary", &error, &names).await),
        }
    }
    Ok(tables)
}

async fn rows(context: &Context, published: &Published<'_>, sql: &Sql) -> Result<Table, DataFusionError> {
    let as_of = published.commit.as_of.or(Some(chrono::DateTime::UNIX_EPOCH));
    let rows = query::check(&published.ctx, sql, Values { vars: &context.project.vars, as_of }).await?;
    let schema = Arc::new(rows.schema().as_arrow().clone());
    Ok(Table { schema, batches: rows.collect().await?, total_rows: None })
}

/// Names of the tables that a query reads; none where it cannot be parsed.
fn tables_of(published: &Published<'_>, text: &Sql) -> Vec<String> {
    let (query, _) = sql::parse(&published.ctx.state(), text);
    query.into_iter().flat_map(|query| query.table_names()).collect()
}
