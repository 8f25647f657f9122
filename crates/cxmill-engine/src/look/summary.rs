//! What a run shows at its end: the queries of `summary:` over published tables.

use crate::compile::Compiled;
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
    published.register_all()?;
    let mut tables = Vec::new();
    for summary in &context.project.summary {
        if let Some(rows) = published.query("summary", &summary.sql, None).await? {
            tables.push((summary.title.clone(), rows));
        }
    }
    Ok(tables)
}
