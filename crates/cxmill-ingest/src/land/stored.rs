//! Parquet objects of the state root, read again.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::errors::ParquetError;

use super::cpu::Cpu;
use crate::columnar::{Failure, StoredObject};
use crate::error::IngestError;

/// Rows that are handed on at a time.
const BATCH_ROWS: usize = 32_768;

/// An object whose footer was read.
pub(crate) struct Stored {
    path: Path,
    failure: Failure,
    builder: ParquetRecordBatchStreamBuilder<StoredObject>,
}

impl Stored {
    /// Opens an object.
    pub(crate) async fn open(store: &Arc<dyn ObjectStore>, path: &Path) -> Result<Self, IngestError> {
        let size = store.head(path).await.map_err(|source| store_error(path, source))?.size;
        let object = StoredObject::landed(Arc::clone(store), path.clone(), size);
        let failure = object.failure();
        match ParquetRecordBatchStreamBuilder::new(object).await {
            Ok(builder) => Ok(Self { path: path.clone(), failure, builder }),
            Err(error) => Err(broken(path, &failure, &error)),
        }
    }

    /// Whether it has all of these columns.
    pub(crate) fn has(&self, columns: &[&str]) -> bool {
        let schema = self.builder.schema();
        columns.iter().all(|column| schema.index_of(column).is_ok())
    }

    /// Its columns.
    pub(crate) fn schema(&self) -> &SchemaRef {
        self.builder.schema()
    }

    /// Hands all rows on, batch by batch, with these columns or with all; memory is that of one row group of them.
    pub(crate) async fn fold<T: Send + 'static>(
        self,
        columns: Option<&[&str]>,
        cpu: &Cpu,
        mut state: T,
        take: impl Fn(&mut T, &RecordBatch) -> Result<(), String> + Send + Sync + 'static,
    ) -> Result<T, IngestError> {
        let Self { path, failure, mut builder } = self;
        if let Some(columns) = columns {
            let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
            builder = builder.with_projection(mask);
        }
        let fail = |error: ParquetError| broken(&path, &failure, &error);
        let take = Arc::new(take);
        let mut stream = builder.with_batch_size(BATCH_ROWS).build().map_err(fail)?;
        while let Some(reader) = stream.next_row_group().await.map_err(fail)? {
            let (name, take) = (path.clone(), Arc::clone(&take));
            state = cpu
                .run(move || {
                    for batch in reader {
                        let batch = batch.map_err(|error| unreadable(&name, &error))?;
                        take(&mut state, &batch).map_err(|error| unreadable(&name, &error))?;
                    }
                    Ok::<T, IngestError>(state)
                })
                .await??;
        }
        Ok(state)
    }
}

/// An error of reading: the store's, where it was the store.
fn broken(path: &Path, failure: &Failure, error: &ParquetError) -> IngestError {
    match failure.take() {
        Some(source) => store_error(path, source),
        None => unreadable(path, error),
    }
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> IngestError {
    IngestError::Bug(format!("object {path} of the state root cannot be read: {error}"))
}

fn store_error(path: &Path, source: object_store::Error) -> IngestError {
    IngestError::Store { operation: "reading", place: path.to_string(), source }
}
