//! Rows as Parquet, where a value cannot have the wrong type: spoiled rows hold nulls or values out of range.

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, Decimal128Builder, Int32Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::SampleError;
use crate::calendar::Calendar;
use crate::damage::Damage;
use crate::sink::{Id, Sink};

/// Digits of amounts, in all and after the point.
const PRECISION: u8 = 12;
const SCALE: i8 = 2;

/// Collects columns; the first row says which there are.
#[derive(Debug)]
pub(crate) struct ParquetSink<'a> {
    calendar: &'a Calendar,
    damage: Option<&'static Damage>,
    columns: Vec<(&'static str, Column)>,
    cursor: usize,
    text: Vec<u8>,
}

#[derive(Debug)]
enum Column {
    Text(StringBuilder),
    Int(Int32Builder),
    Money(Decimal128Builder),
    Time(TimestampMicrosecondBuilder),
}

impl Column {
    fn data_type(&self) -> DataType {
        match self {
            Self::Text(_) => DataType::Utf8,
            Self::Int(_) => DataType::Int32,
            Self::Money(_) => DataType::Decimal128(PRECISION, SCALE),
            Self::Time(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }

    fn finish(self) -> Result<ArrayRef, SampleError> {
        Ok(match self {
            Self::Text(mut builder) => ArrayBuilder::finish(&mut builder),
            Self::Int(mut builder) => ArrayBuilder::finish(&mut builder),
            Self::Money(builder) => Arc::new(builder.with_precision_and_scale(PRECISION, SCALE).map_err(bug)?.finish()),
            Self::Time(builder) => Arc::new(builder.with_timezone("UTC").finish()),
        })
    }
}

fn bug(error: impl std::fmt::Display) -> SampleError {
    SampleError(format!("writing a parquet file of the sample: {error}"))
}

impl<'a> ParquetSink<'a> {
    pub(crate) fn new(calendar: &'a Calendar) -> Self {
        Self { calendar, damage: None, columns: Vec::new(), cursor: 0, text: Vec::new() }
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>, SampleError> {
        let mut fields = Vec::new();
        let mut arrays = Vec::new();
        for (name, column) in self.columns {
            fields.push(Field::new(name, column.data_type(), true));
            arrays.push(column.finish()?);
        }
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(bug)?;
        let properties = WriterProperties::builder()
            .set_created_by("cxmill sample".to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).map_err(bug)?))
            .build();
        let mut out = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut out, schema, Some(properties)).map_err(bug)?;
        writer.write(&batch).map_err(bug)?;
        writer.close().map_err(bug)?;
        Ok(out)
    }

    /// The column of the next field, and what the damage puts in its place.
    fn next(
        &mut self,
        name: &'static str,
        new: impl FnOnce() -> Column,
    ) -> (Option<&mut Column>, Option<Option<&'static str>>) {
        if self.cursor == self.columns.len() {
            self.columns.push((name, new()));
        }
        let replaced = self.damage.and_then(|damage| damage.replaces(name));
        let column = self.columns.get_mut(self.cursor).map(|(_, column)| column);
        self.cursor += 1;
        (column, replaced)
    }
}

/// The value that stands in a field: the damage's, read as the column's type, or the row's own.
fn value<T>(own: T, replaced: Option<Option<&'static str>>, read: impl FnOnce(&'static str) -> Option<T>) -> Option<T> {
    match replaced {
        None => Some(own),
        Some(raw) => raw.and_then(read),
    }
}

impl Sink for ParquetSink<'_> {
    fn begin(&mut self, damage: Option<&'static Damage>) {
        self.damage = damage;
        self.cursor = 0;
    }

    fn end(&mut self) {}

    fn open(&mut self, _name: &'static str) {}

    fn close(&mut self) {}

    fn id(&mut self, name: &'static str, id: Id) {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        id.write(&mut text);
        self.text(name, std::str::from_utf8(&text).unwrap_or_default());
        self.text = text;
    }

    fn text(&mut self, name: &'static str, own: &str) {
        let (column, replaced) = self.next(name, || Column::Text(StringBuilder::new()));
        if let Some(Column::Text(builder)) = column {
            builder.append_option(replaced.unwrap_or(Some(own)));
        }
    }

    fn int(&mut self, name: &'static str, own: i64) {
        let (column, replaced) = self.next(name, || Column::Int(Int32Builder::new()));
        if let Some(Column::Int(builder)) = column {
            builder.append_option(value(i32::try_from(own).unwrap_or(i32::MAX), replaced, |raw| raw.parse().ok()));
        }
    }

    fn money(&mut self, name: &'static str, cents: i64) {
        let (column, replaced) = self.next(name, || Column::Money(Decimal128Builder::new()));
        if let Some(Column::Money(builder)) = column {
            builder.append_option(value(i128::from(cents), replaced, |raw| raw.replace('.', "").parse().ok()));
        }
    }

    fn flag(&mut self, name: &'static str, own: bool) {
        self.text(name, if own { "true" } else { "false" });
    }

    fn time(&mut self, name: &'static str, at: u32) {
        let micros = self.calendar.epoch_seconds(at) * 1_000_000;
        let (column, replaced) = self.next(name, || Column::Time(TimestampMicrosecondBuilder::new()));
        if let Some(Column::Time(builder)) = column {
            builder.append_option(value(micros, replaced, |raw| raw.parse().ok()));
        }
    }

    fn null(&mut self, name: &'static str) {
        let (column, _) = self.next(name, || Column::Text(StringBuilder::new()));
        if let Some(Column::Text(builder)) = column {
            builder.append_null();
        }
    }
}
