//! Quarantine: rejected rows as Parquet, written in parts so that a flood of them takes no more memory than a few.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Int64Array, Int64Builder, RecordBatch, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use parquet::errors::ParquetError;

use super::cpu::Cpu;
use super::write::{encode_batch, properties, upload};
use super::{LandRequest, QuarantinePart, Reason};
use crate::decode::Reject;
use crate::error::IngestError;

/// Most rows of a part.
const PART_ROWS: usize = 65_536;
/// Reasons that are shown.
const REASONS: usize = 10;
/// Fixed bytes of a row in the buffers.
const ROW_BYTES: usize = 48;

/// Names of the columns of quarantine objects, in order.
pub const QUARANTINE_COLUMNS: &[&str] =
    &["source", "object", "line", "byte_offset", "rule", "column", "message", "raw", "epoch"];

/// Columns of quarantine objects.
pub(crate) fn schema() -> SchemaRef {
    let text = |name, nullable| Field::new(name, DataType::Utf8, nullable);
    let number = |name| Field::new(name, DataType::Int64, false);
    Arc::new(Schema::new(vec![
        text("source", false),
        text("object", false),
        number("line"),
        number("byte_offset"),
        text("rule", false),
        text("column", true),
        text("message", false),
        text("raw", true),
        number("epoch"),
    ]))
}

/// Rows of one part, as they come.
#[derive(Debug, Default)]
struct Columns {
    object: StringBuilder,
    line: Int64Builder,
    byte_offset: Int64Builder,
    rule: StringBuilder,
    column: StringBuilder,
    message: StringBuilder,
    raw: StringBuilder,
    rows: usize,
    bytes: usize,
}

impl Columns {
    fn push(&mut self, object: &str, reject: &Reject) {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.object.append_value(object);
        self.line.append_value(number(reject.line));
        self.byte_offset.append_value(number(reject.offset));
        self.rule.append_value(reject.rule);
        self.column.append_option(reject.column.as_deref());
        self.message.append_value(&reject.message);
        self.raw.append_option(reject.raw.as_deref());
        self.rows += 1;
        self.bytes += ROW_BYTES + object.len() + reject.message.len() + reject.raw.as_ref().map_or(0, String::len);
    }

    fn finish(mut self, source: &str, epoch: u64) -> Result<RecordBatch, ArrowError> {
        let source = StringArray::from_iter_values(std::iter::repeat_n(source, self.rows));
        let epoch = Int64Array::from_value(i64::try_from(epoch).unwrap_or(i64::MAX), self.rows);
        RecordBatch::try_new(
            schema(),
            vec![
                Arc::new(source),
                Arc::new(self.object.finish()),
                Arc::new(self.line.finish()),
                Arc::new(self.byte_offset.finish()),
                Arc::new(self.rule.finish()),
                Arc::new(self.column.finish()),
                Arc::new(self.message.finish()),
                Arc::new(self.raw.finish()),
                Arc::new(epoch),
            ],
        )
    }
}

/// Takes rejected rows of a batch in order.
pub(crate) struct Quarantine<'a> {
    request: &'a LandRequest<'a>,
    cpu: Cpu,
    /// Bytes of rows at which a part is written.
    limit: usize,
    columns: Columns,
    pub(crate) parts: Vec<QuarantinePart>,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) by_rule: BTreeMap<String, u64>,
}

impl<'a> Quarantine<'a> {
    pub(crate) fn new(request: &'a LandRequest<'a>, cpu: Cpu, limit: usize) -> Self {
        Self {
            request,
            cpu,
            limit,
            columns: Columns::default(),
            parts: Vec::new(),
            reasons: Vec::new(),
            by_rule: BTreeMap::new(),
        }
    }

    /// Adds a row of a file.
    pub(crate) async fn push(&mut self, file: usize, reject: Reject) -> Result<(), IngestError> {
        let object = self.request.files[file].path.as_ref();
        match self.by_rule.get_mut(reject.rule) {
            Some(count) => *count += 1,
            None => {
                self.by_rule.insert(reject.rule.to_owned(), 1);
            }
        }
        self.columns.push(object, &reject);
        if self.reasons.len() < REASONS {
            self.reasons.push(Reason {
                object: object.to_owned(),
                line: reject.line,
                rule: reject.rule.to_owned(),
                message: reject.message,
            });
        }
        if self.columns.rows >= PART_ROWS || self.columns.bytes >= self.limit {
            self.write().await?;
        }
        Ok(())
    }

    /// Writes what has come since the last part.
    pub(crate) async fn write(&mut self) -> Result<(), IngestError> {
        let columns = std::mem::take(&mut self.columns);
        if columns.rows == 0 {
            return Ok(());
        }
        let path = (self.request.quarantine_name)(self.parts.len());
        let (name, epoch, rows) = (self.request.source.name.clone(), self.request.epoch, columns.rows as u64);
        let encoded = self.cpu.run(move || {
            let batch = columns.finish(&name, epoch)?;
            encode_batch(&batch, properties(&name, epoch).build())
        });
        let encoded = encoded.await?.map_err(|error: ParquetError| IngestError::Bug(error.to_string()))?;
        let bytes = encoded.len() as u64;
        upload(&self.request.state, &path, encoded).await?;
        self.parts.push(QuarantinePart { path, rows, bytes });
        Ok(())
    }
}
