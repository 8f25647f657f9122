//! Landed objects without the rows of some raw files.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, FixedSizeBinaryArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use cxmill_spec::Source;
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;

use super::cpu::Cpu;
use super::keys::{FILE_COLUMN, KEY_BYTES};
use super::stored::Stored;
use super::write::{landed_properties, upload};
use crate::error::IngestError;

/// What is left of a landed object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stripped {
    /// All of it: it holds no row of these files.
    Whole,
    /// Nothing.
    Nothing,
    /// A copy that lacks those rows.
    Copy {
        /// Its rows.
        rows: u64,
        /// Its bytes.
        bytes: u64,
    },
}

/// Copies a landed object without the rows of these raw files, each given by its [`super::trace`]. Nothing is written where it holds
/// none of them, or no other.
///
/// # Errors
/// [`IngestError::Store`] where it cannot be read or the copy cannot be written; [`IngestError::Bug`] where its rows do not tell
/// their file.
pub async fn strip(
    store: &Arc<dyn ObjectStore>,
    from: &Path,
    to: &Path,
    source: &Source,
    epoch: u64,
    files: &Arc<HashSet<u128>>,
) -> Result<Stripped, IngestError> {
    const COLUMNS: &[&str] = &[FILE_COLUMN];
    let cpu = Cpu::start(1)?;
    let object = Stored::open(store, from).await?;
    if !object.has(COLUMNS) {
        return Err(IngestError::Bug(format!("rows of landed object {from} do not tell their file")));
    }
    let gone = Arc::clone(files);
    let counted = object.fold(Some(COLUMNS), &cpu, (0, 0), move |(kept, dropped): &mut (usize, usize), rows| {
        let keep = kept_rows(rows, &gone)?;
        *kept += keep.true_count();
        *dropped += keep.false_count();
        Ok(())
    });
    match counted.await? {
        (_, 0) => return Ok(Stripped::Whole),
        (0, _) => return Ok(Stripped::Nothing),
        _ => {}
    }
    let bug = |error: ParquetError| IngestError::Bug(format!("copying landed rows: {error}"));
    let object = Stored::open(store, from).await?;
    // Without what the object says of its making.
    let schema: SchemaRef = Arc::new(Schema::new(object.schema().fields().clone()));
    let event_time = source.event_time.as_ref().and_then(|name| schema.index_of(name).ok());
    let properties = landed_properties(&source.name, epoch, &schema, event_time);
    let writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties)).map_err(bug)?;
    let gone = Arc::clone(files);
    let copy = object.fold(None, &cpu, (0, writer), move |(rows, writer), batch| {
        let batch = RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec());
        let batch = batch.map_err(|error| error.to_string())?;
        let left = filter_record_batch(&batch, &kept_rows(&batch, &gone)?).map_err(|error| error.to_string())?;
        *rows += left.num_rows() as u64;
        writer.write(&left).map_err(|error| error.to_string())
    });
    let (rows, writer) = copy.await?;
    let encoded = writer.into_inner().map_err(bug)?;
    let bytes = encoded.len() as u64;
    upload(store, to, encoded).await?;
    Ok(Stripped::Copy { rows, bytes })
}

/// Marks the rows that are of none of these files.
fn kept_rows(rows: &RecordBatch, gone: &HashSet<u128>) -> Result<BooleanArray, String> {
    let files: Option<&FixedSizeBinaryArray> =
        rows.column_by_name(FILE_COLUMN).and_then(|column| column.as_fixed_size_binary_opt());
    let files = files.ok_or("its rows tell their file in another way")?;
    let of = |row: usize| <[u8; KEY_BYTES]>::try_from(files.value(row)).map(u128::from_le_bytes);
    let keep = (0..files.len()).map(|row| of(row).map(|file| Some(!gone.contains(&file))));
    keep.collect::<Result<BooleanArray, _>>().map_err(|_| "its rows tell their file in another width".to_owned())
}
