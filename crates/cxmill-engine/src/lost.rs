//! Which object a query could not read.
//!
//! DataFusion says that a Parquet file is broken or that an object is not there, and often not which one. The ledger knows all
//! objects that the query was given, so they are looked at one by one: is it there, has it the size that was committed, can
//! all of it be read. This is done only after a query failed, and only where it failed for want of an object.

use std::sync::Arc;

use cxmill_ledger::OutputRoot;
use cxmill_spec::Settings;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use futures::TryStreamExt;
use object_store::ObjectStoreExt;
use parquet::errors::ParquetError;

use crate::error::{EngineError, causes};
use crate::session::planning_session;
use crate::tables::{TableFile, register};

/// Objects of a root that a query was given as one table.
#[derive(Debug, Clone)]
pub(crate) struct Given<'a> {
    /// The root.
    pub(crate) root: &'a OutputRoot,
    /// The objects.
    pub(crate) files: &'a [TableFile],
    /// Columns of the table.
    pub(crate) schema: SchemaRef,
    /// What to do where one of them is lost.
    pub(crate) help: &'a str,
}

/// What a query of `subject` ran into. Where an object it was given is lost, the error is the store's and names the object.
pub(crate) async fn explain(
    subject: &str,
    error: &DataFusionError,
    given: &[Given<'_>],
    settings: &Settings,
) -> EngineError {
    if !is_unreadable(error) {
        return EngineError::query(subject, error);
    }
    for table in given {
        for file in table.files {
            if let Some(reason) = fault(table, file, settings).await {
                let message = format!("reading for model {subject}: {} is lost: {reason}", address(table.root, file));
                return EngineError::Store { message, help: Some(table.help.to_owned()) };
            }
        }
    }
    EngineError::query(subject, error)
}

/// Whether a query failed because it could not read: a store said so, or what it gave is no Parquet.
fn is_unreadable(error: &DataFusionError) -> bool {
    causes(error).any(|cause| cause.is::<object_store::Error>() || cause.is::<ParquetError>())
}

/// What is wrong with an object; `None` where nothing is, or where the store does not say.
async fn fault(table: &Given<'_>, file: &TableFile, settings: &Settings) -> Option<String> {
    if file.rows == 0 {
        return None;
    }
    match table.root.store.head(&file.path).await {
        Err(object_store::Error::NotFound { .. }) => return Some("it is not there".to_owned()),
        Err(_) => return None,
        Ok(found) if found.size != file.bytes => {
            return Some(format!("it has {} bytes where {} were committed", found.size, file.bytes));
        }
        Ok(_) => {}
    }
    match read_through(table, file, settings).await {
        Err(error) if !causes(&error).any(|cause| cause.is::<object_store::Error>()) => {
            let innermost = causes(&error).last().map_or_else(String::new, ToString::to_string);
            Some(innermost.lines().next().unwrap_or_default().to_owned())
        }
        _ => None,
    }
}

async fn read_through(table: &Given<'_>, file: &TableFile, settings: &Settings) -> Result<(), DataFusionError> {
    const OBJECT: &str = "object";
    let ctx = planning_session(settings)?;
    let schema = Arc::clone(&table.schema);
    register(&ctx, OBJECT, schema, OBJECT, &table.root.store, vec![file.clone()])?;
    let mut rows = ctx.table(OBJECT).await?.execute_stream().await?;
    while rows.try_next().await?.is_some() {}
    Ok(())
}

/// Address of an object of a root, for people.
fn address(root: &OutputRoot, file: &TableFile) -> String {
    let path = file.path.as_ref();
    let below = path.strip_prefix(root.prefix.as_ref()).unwrap_or(path).trim_start_matches('/');
    format!("{}/{below}", root.shown.trim_end_matches('/'))
}
