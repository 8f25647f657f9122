//! Keys of rows that were landed before, read from the two hidden columns of a landed object.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::errors::ParquetError;

use super::cpu::Cpu;
use super::dedupe::Known;
use super::keys::{KEY_BYTES, KEY_COLUMN, ROW_COLUMN};
use crate::columnar::StoredObject;
use crate::error::IngestError;

/// Tells `known` of every row of a landed object; memory is that of one row group's two columns.
pub(crate) async fn probe(
    store: &Arc<dyn ObjectStore>,
    path: &Path,
    mut known: Known,
    cpu: &Cpu,
) -> Result<Known, IngestError> {
    let size = object_store::ObjectStoreExt::head(store.as_ref(), path)
        .await
        .map_err(|source| store_error(path, source))?
        .size;
    let object = StoredObject::landed(Arc::clone(store), path.clone(), size);
    let failure = object.failure();
    let fail = |error: ParquetError| match failure.take() {
        Some(source) => store_error(path, source),
        None => IngestError::Bug(format!("landed object {path} cannot be read: {error}")),
    };
    let options = ArrowReaderOptions::new();
    let builder = ParquetRecordBatchStreamBuilder::new_with_options(object, options).await.map_err(fail)?;
    let schema = builder.parquet_schema();
    let mask = ProjectionMask::columns(schema, [KEY_COLUMN, ROW_COLUMN]);
    let hidden = schema.columns().iter().filter(|column| matches!(column.name(), KEY_COLUMN | ROW_COLUMN)).count();
    if hidden != 2 {
        return Err(IngestError::Bug(format!("landed object {path} holds no keys: it was written without unique_key")));
    }
    let mut stream = builder.with_projection(mask).with_batch_size(32_768).build().map_err(fail)?;
    while let Some(reader) = stream.next_row_group().await.map_err(fail)? {
        let name = path.to_string();
        known = cpu
            .run(move || {
                for batch in reader {
                    let bad = |error: &dyn std::fmt::Display| {
                        IngestError::Bug(format!("landed object {name} cannot be read: {error}"))
                    };
                    tell(&mut known, &batch.map_err(|error| bad(&error))?).map_err(|error| bad(&error))?;
                }
                Ok(known)
            })
            .await??;
    }
    Ok(known)
}

fn tell(known: &mut Known, batch: &RecordBatch) -> Result<(), &'static str> {
    let keys = batch.column_by_name(KEY_COLUMN).and_then(|column| column.as_fixed_size_binary_opt());
    let hashes = batch.column_by_name(ROW_COLUMN).and_then(|column| column.as_primitive_opt::<Int64Type>());
    let (Some(keys), Some(hashes)) = (keys, hashes) else { return Err("its hidden columns have other types") };
    for row in 0..keys.len() {
        let bytes: [u8; KEY_BYTES] = keys.value(row).try_into().map_err(|_| "its keys have another width")?;
        known.landed(u128::from_le_bytes(bytes), hashes.value(row));
    }
    Ok(())
}

fn store_error(path: &Path, source: object_store::Error) -> IngestError {
    IngestError::Store { operation: "reading", place: path.to_string(), source }
}
