//! Keys of rows that were landed before, read from the two hidden columns of a landed object.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use object_store::ObjectStore;
use object_store::path::Path;

use super::cpu::Cpu;
use super::dedupe::{Known, Stay};
use super::keys::{KEY_BYTES, KEY_COLUMN, ROW_COLUMN};
use super::stored::Stored;
use crate::error::IngestError;

/// Tells `known` of every row of a landed object of an event date; memory is that of one row group's two columns.
pub(crate) async fn probe<S: Stay>(
    store: &Arc<dyn ObjectStore>,
    path: &Path,
    date: i32,
    known: Known<S>,
    cpu: &Cpu,
) -> Result<Known<S>, IngestError> {
    const COLUMNS: &[&str] = &[KEY_COLUMN, ROW_COLUMN];
    let object = Stored::open(store, path).await?;
    if !object.has(COLUMNS) {
        return Err(IngestError::Bug(format!("landed object {path} holds no keys: it was written without unique_key")));
    }
    object.fold(Some(COLUMNS), cpu, known, move |known, rows| tell(known, rows, date)).await
}

fn tell<S: Stay>(known: &mut Known<S>, batch: &RecordBatch, date: i32) -> Result<(), String> {
    let keys = batch.column_by_name(KEY_COLUMN).and_then(|column| column.as_fixed_size_binary_opt());
    let hashes = batch.column_by_name(ROW_COLUMN).and_then(|column| column.as_primitive_opt::<Int64Type>());
    let (Some(keys), Some(hashes)) = (keys, hashes) else {
        return Err("its hidden columns have other types".to_owned());
    };
    for row in 0..keys.len() {
        let bytes: [u8; KEY_BYTES] = keys.value(row).try_into().map_err(|_| "its keys have another width")?;
        known.landed(u128::from_le_bytes(bytes), date, hashes.value(row));
    }
    Ok(())
}
