//! The encodings of raw files.

mod csv;
mod json;
mod parquet;

pub(crate) use csv::CsvSink;
pub(crate) use json::JsonSink;
pub(crate) use parquet::ParquetSink;
