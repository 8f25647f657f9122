//! Keys of rows that were landed before, read from the two hidden columns of a landed object.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::TryFutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::ObjectStore;
use object_store::path::Path;

use super::cpu::Cpu;
use super::dedupe::{Known, Stay};
use super::keys::{KEY_BYTES, KEY_COLUMN, ROW_COLUMN};
use super::stored::Stored;
use crate::error::IngestError;

/// The columns that are read.
const COLUMNS: &[&str] = &[KEY_COLUMN, ROW_COLUMN];

/// Objects whose footers are fetched while the rows of one before them are read.
const OPENED_AHEAD: usize = 8;

/// Tells `known` of every row of landed objects, each with its event date; memory is that of one row group's two columns, and of
/// the footers of a few objects.
pub(crate) async fn probe<S: Stay>(
    store: &Arc<dyn ObjectStore>,
    objects: Vec<(i32, Path)>,
    mut known: Known<S>,
    cpu: &Cpu,
) -> Result<Known<S>, IngestError> {
    let opened =
        objects.into_iter().map(|(date, path)| open(Arc::clone(store), path).map_ok(move |object| (date, object)));
    let mut opened = stream::iter(opened).buffered(OPENED_AHEAD);
    while let Some((date, object)) = opened.try_next().await? {
        known = object.fold(Some(COLUMNS), cpu, known, move |known, rows| tell(known, rows, date)).await?;
    }
    Ok(known)
}

async fn open(store: Arc<dyn ObjectStore>, path: Path) -> Result<Stored, IngestError> {
    let object = Stored::open(&store, &path).await?;
    if !object.has(COLUMNS) {
        return Err(IngestError::Bug(format!("landed object {path} holds no keys: it was written without unique_key")));
    }
    Ok(object)
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
