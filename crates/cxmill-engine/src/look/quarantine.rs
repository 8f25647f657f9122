//! `quarantine`: rejected rows, newest first.

use std::sync::Arc;

use cxmill_ledger::{ObjectName, OutputRoot};
use cxmill_spec::{Diagnostic, Source};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::expr_fn::{count, max};
use datafusion::prelude::{SessionContext, col, lit};
use object_store::ObjectStoreExt;

use crate::context::Context;
use crate::error::EngineError;
use crate::look::published::looking_session;
use crate::look::show::Table;
use crate::roots::{Roots, path_of};
use crate::tables::{TableFile, register};

/// Rows of the quarantine, newest epoch first; without a source, of all of them.
///
/// Errors: [`EngineError::Invalid`] for a source that does not exist.
pub async fn quarantine(context: &Context, source: Option<&str>, limit: usize) -> Result<Table, EngineError> {
    if let Some(name) = source {
        known_source(context, name)?;
    }
    let Some((ctx, schema, total_rows)) = register_quarantine(context, source).await? else {
        return Ok(nothing());
    };
    let rows = ctx.table(TABLE).await.and_then(|rows| rows.limit(0, Some(limit))).map_err(failed)?;
    Ok(Table { schema, batches: rows.collect().await.map_err(failed)?, total_rows: Some(total_rows) })
}

/// The source of this name, or the error that there is none.
pub(crate) fn known_source<'a>(context: &'a Context, name: &str) -> Result<&'a Source, EngineError> {
    let sources = &context.project.sources;
    sources.get(name).ok_or_else(|| {
        let diagnostic = Diagnostic::error("unknown-source", None, format!("no source is named `{name}`"));
        let help = cxmill_spec::suggestion(name, sources.keys().map(String::as_str), "sources");
        EngineError::Invalid(vec![Diagnostic { help, ..diagnostic }])
    })
}

/// Counts of the quarantine by source and rule, with the newest epoch of each; most rows first.
///
/// # Errors
/// [`EngineError::Store`] where the state root cannot be read.
pub async fn quarantine_summary(context: &Context) -> Result<Table, EngineError> {
    let Some((ctx, ..)) = register_quarantine(context, None).await? else { return Ok(nothing()) };
    let by = |name: &str| col(name);
    let counted = ctx
        .table(TABLE)
        .await
        .and_then(|rows| {
            rows.aggregate(
                vec![by("source"), by("rule")],
                vec![count(lit(1_i64)).alias("rows"), max(by("epoch")).alias("newest_epoch")],
            )
        })
        .and_then(|rows| {
            rows.sort(vec![by("rows").sort(false, false), by("source").sort(true, false), by("rule").sort(true, false)])
        })
        .map_err(failed)?;
    let schema = Arc::new(counted.schema().as_arrow().clone());
    Ok(Table { schema, batches: counted.collect().await.map_err(failed)?, total_rows: None })
}

/// Name of the quarantine among the tables of a session.
const TABLE: &str = "quarantine";

fn failed(error: DataFusionError) -> EngineError {
    EngineError::query(TABLE, &error)
}

fn nothing() -> Table {
    Table { schema: Arc::new(Schema::empty()), batches: Vec::new(), total_rows: Some(0) }
}

/// A session that knows the quarantine, its columns and its rows in all; `None` where it is empty.
async fn register_quarantine(
    context: &Context,
    source: Option<&str>,
) -> Result<Option<(SessionContext, SchemaRef, u64)>, EngineError> {
    let roots = Roots::open(context)?;
    let commit = roots.newest_commit().await?;
    let sources = commit.iter().flat_map(|commit| &commit.sources);
    let mut files: Vec<_> = sources
        .filter(|(name, _)| source.is_none_or(|wanted| wanted == name.as_str()))
        .flat_map(|(_, state)| &state.quarantine)
        .filter(|file| file.rows > 0)
        .collect();
    // The name's last part starts with the epoch in twenty digits, so names sort as epochs do.
    files.sort_by(|a, b| last_part(&b.name).cmp(last_part(&a.name)));
    let total_rows = files.iter().map(|file| file.rows).sum();
    let Some(newest) = files.first() else { return Ok(None) };
    let ctx = looking_session(&context.project.settings).map_err(failed)?;
    let schema = columns(&ctx, &roots.state, newest.name.as_str()).await?;
    let shown = files
        .iter()
        .map(|file| {
            let path = path_of(&roots.state, file.name.as_str())?;
            Ok(TableFile { path, bytes: file.bytes, rows: file.rows })
        })
        .collect::<Result<Vec<_>, EngineError>>()?;
    register(&ctx, TABLE, Arc::clone(&schema), "state", &roots.state.store, shown).map_err(failed)?;
    Ok(Some((ctx, schema, total_rows)))
}

fn last_part(name: &ObjectName) -> &str {
    name.as_str().rsplit('/').next().unwrap_or_default()
}

/// Columns of the newest object; older ones may have fewer.
async fn columns(ctx: &SessionContext, root: &OutputRoot, name: &str) -> Result<SchemaRef, EngineError> {
    let place = format!("{}/{name}", root.shown.trim_end_matches('/'));
    let object = root
        .store
        .head(&path_of(root, name)?)
        .await
        .map_err(|error| EngineError::store("reading", &place, &error, None))?;
    let format = ParquetFormat::default().with_force_view_types(false);
    format
        .infer_schema(&ctx.state(), &root.store, &[object])
        .await
        .map_err(|error| EngineError::store("reading", &place, &error, None))
}
