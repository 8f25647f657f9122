//! Rows of slices of one partition, on disk until all of them are there: one query then sorts them into the partition's file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::prelude::{DataFrame, SessionContext};
use futures::StreamExt;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;

use crate::error::EngineError;
use crate::session;
use crate::stage::{Failure, parquet_properties, parquet_writer};
use crate::tables::{TableFile, table};

/// Name of the store of slices in a session, and of their folders.
const SLICES: &str = "slices";

/// Tells partitions of one run apart.
static FOLDERS: AtomicU64 = AtomicU64::new(0);

/// A folder of slices, removed with them.
#[derive(Debug)]
pub(super) struct Slices {
    folder: PathBuf,
    store: Arc<dyn ObjectStore>,
    schema: SchemaRef,
    files: Vec<TableFile>,
}

impl Slices {
    /// No slices yet, in a folder of their own below this one.
    pub(super) fn new(scratch: &Path, schema: &SchemaRef) -> Result<Self, EngineError> {
        let folder = scratch.join(format!("{SLICES}-{}", FOLDERS.fetch_add(1, Ordering::Relaxed)));
        let created = std::fs::create_dir_all(&folder);
        created.map_err(|error| EngineError::store("creating", &folder.to_string_lossy(), &error, None))?;
        let store = LocalFileSystem::new_with_prefix(&folder).map_err(DataFusionError::from);
        let store = store.map_err(|error| EngineError::store("opening", &folder.to_string_lossy(), &error, None))?;
        Ok(Self { folder, store: Arc::new(store), schema: Arc::clone(schema), files: Vec::new() })
    }

    /// Runs a query and keeps its rows.
    pub(super) async fn add(&mut self, query: DataFrame) -> Result<(), Failure> {
        let path = object_store::path::Path::from(format!("{}.parquet", self.files.len()));
        let failed = |error: ParquetError| {
            EngineError::store("writing", &self.folder.join(path.as_ref()).to_string_lossy(), &error, None)
        };
        let fast = ZstdLevel::try_new(1).map_err(&failed)?;
        let properties = parquet_properties().set_compression(Compression::ZSTD(fast)).build();
        let mut parquet = parquet_writer(&self.store, path.clone(), &self.schema, &properties).map_err(&failed)?;
        let (mut rows, mut written) = (session::rows(query).await?, 0);
        while let Some(batch) = rows.next().await {
            let batch = RecordBatch::try_new(Arc::clone(&self.schema), batch?.columns().to_vec());
            let batch = batch.map_err(DataFusionError::from)?;
            written += batch.num_rows() as u64;
            parquet.write(&batch).await.map_err(&failed)?;
        }
        parquet.finish().await.map_err(&failed)?;
        let bytes = parquet.bytes_written() as u64;
        self.files.push(TableFile { path, bytes, rows: written });
        Ok(())
    }

    /// The rows of all slices.
    pub(super) fn rows(&self, ctx: &SessionContext) -> Result<DataFrame, DataFusionError> {
        ctx.read_table(table(ctx, Arc::clone(&self.schema), SLICES, &self.store, self.files.clone())?)
    }
}

impl Drop for Slices {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            tracing::debug!(folder = %self.folder.display(), %error, "slices are left until the run ends");
        }
    }
}
