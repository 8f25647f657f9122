//! Objects of the state root: how rows become Parquet, and how bytes become an object.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, FixedSizeBinaryArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::keys::{KEY_BYTES, KEY_COLUMN, ROW_COLUMN, distinct};
use super::segment::Sealed;
use crate::error::IngestError;

/// Rows that are gathered and encoded at a time.
const CHUNK_ROWS: usize = 16_384;
/// Rows that are looked at before an object is written, spread over all of it.
const SAMPLE_ROWS: usize = 2_048;
/// Where this share of them, in percent, differs in a column, a dictionary of it is not worth its while.
const UNREPEATED: usize = 95;
/// Rows of a row group.
const GROUP_ROWS: usize = 262_144;
/// Bytes of a row group, where rows are wide.
const GROUP_BYTES: usize = 64 << 20;
/// Objects larger than this are put in parts.
const ONE_PUT: usize = 32 << 20;
const PART: usize = 8 << 20;

/// What every object of the state root has in common.
pub(crate) fn properties(source: &str, epoch: u64) -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_created_by(format!("cxmill {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_max_row_group_bytes(Some(GROUP_BYTES))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_key_value_metadata(Some(vec![
            KeyValue::new("cxmill.source".to_owned(), source.to_owned()),
            KeyValue::new("cxmill.epoch".to_owned(), epoch.to_string()),
        ]))
}

/// Properties of landed objects: sorted by the column at `event_time`, if there is one; hashes are not worth any effort.
pub(crate) fn landed_properties(
    source: &str,
    epoch: u64,
    schema: &SchemaRef,
    event_time: Option<usize>,
) -> WriterProperties {
    let mut builder = properties(source, epoch);
    if let Some(event_time) = event_time {
        let time = ColumnPath::from(schema.field(event_time).name().as_str());
        builder = builder
            .set_sorting_columns(
                i32::try_from(event_time)
                    .ok()
                    .map(|column_idx| vec![SortingColumn { column_idx, descending: false, nulls_first: false }]),
            )
            .set_column_dictionary_enabled(time.clone(), false)
            .set_column_encoding(time, Encoding::DELTA_BINARY_PACKED);
    }
    // Without the lengths between them, texts are fewer bytes and compress better, and in a fraction of the time.
    for text in schema.fields().iter().filter(|field| *field.data_type() == DataType::Utf8) {
        let text = ColumnPath::from(text.name().as_str());
        builder = builder.set_column_encoding(text, Encoding::DELTA_LENGTH_BYTE_ARRAY);
    }
    for hidden in [KEY_COLUMN, ROW_COLUMN] {
        let column = ColumnPath::from(hidden);
        builder = builder
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_compression(column.clone(), Compression::UNCOMPRESSED)
            .set_column_statistics_enabled(column, EnabledStatistics::None);
    }
    builder.build()
}

/// Rows of a segment in this order as one Parquet file.
pub(crate) fn encode_rows(
    segment: &Sealed,
    rows: &[u32],
    schema: &SchemaRef,
    properties: &WriterProperties,
    traces: &[u128],
) -> Result<Vec<u8>, ParquetError> {
    let sample = rows.iter().copied().step_by(rows.len().div_ceil(SAMPLE_ROWS).max(1));
    let sample = segment.gather(&segment.places(sample))?;
    let properties = without_useless_dictionaries(properties, schema, &sample)?;
    let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(schema), Some(properties))?;
    for chunk in rows.chunks(CHUNK_ROWS) {
        writer.write(&gather(segment, chunk, schema, traces)?)?;
    }
    writer.into_inner()
}

/// These rows, with the hidden columns that the source needs; `traces` are those of the files, where rows tell them.
fn gather(segment: &Sealed, rows: &[u32], schema: &SchemaRef, traces: &[u128]) -> Result<RecordBatch, ArrowError> {
    let binary = |values: &mut dyn Iterator<Item = u128>| {
        let mut bytes = Vec::with_capacity(rows.len() * KEY_BYTES);
        values.for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
        FixedSizeBinaryArray::try_new(16, bytes.into(), None)
    };
    let mut columns = segment.gather(&segment.places(rows.iter().copied()))?;
    if !segment.keys.is_empty() {
        columns.push(Arc::new(binary(&mut rows.iter().map(|row| segment.keys[*row as usize]))?));
        let hashes: Vec<i64> = rows.iter().map(|row| segment.hashes[*row as usize]).collect();
        columns.push(Arc::new(Int64Array::from(hashes)));
    }
    if !traces.is_empty() {
        columns.push(Arc::new(binary(&mut rows.iter().map(|row| traces[segment.file(*row)]))?));
    }
    RecordBatch::try_new(Arc::clone(schema), columns)
}

/// Properties without a dictionary for columns whose values hardly repeat among these rows: building one costs more than
/// the rest of encoding, and it is given up in the end or makes the object larger.
fn without_useless_dictionaries(
    properties: &WriterProperties,
    schema: &SchemaRef,
    sample: &[ArrayRef],
) -> Result<WriterProperties, ParquetError> {
    let mut builder = properties.clone().into_builder();
    for (field, column) in schema.fields().iter().zip(sample) {
        let different = distinct(column).map_err(|error| ParquetError::General(error.to_string()))?;
        if different * 100 >= column.len() * UNREPEATED {
            builder = builder.set_column_dictionary_enabled(ColumnPath::from(field.name().as_str()), false);
        }
    }
    Ok(builder.build())
}

/// One batch as one Parquet file.
pub(crate) fn encode_batch(batch: &RecordBatch, properties: WriterProperties) -> Result<Vec<u8>, ParquetError> {
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))?;
    writer.write(batch)?;
    writer.into_inner()
}

/// Writes an object.
pub(crate) async fn upload(store: &Arc<dyn ObjectStore>, path: &Path, bytes: Vec<u8>) -> Result<(), IngestError> {
    let fail = |source| IngestError::Store { operation: "writing", place: path.to_string(), source };
    if bytes.len() <= ONE_PUT {
        store.put(path, PutPayload::from(bytes)).await.map_err(fail)?;
        return Ok(());
    }
    let upload = store.put_multipart(path).await.map_err(fail)?;
    let mut writer = WriteMultipart::new_with_chunk_size(upload, PART);
    let bytes = bytes::Bytes::from(bytes);
    for start in (0..bytes.len()).step_by(PART) {
        writer.wait_for_capacity(2).await.map_err(fail)?;
        writer.put(bytes.slice(start..bytes.len().min(start + PART)));
    }
    // A failing part makes `finish` abort the upload.
    writer.finish().await.map_err(fail)?;
    Ok(())
}
