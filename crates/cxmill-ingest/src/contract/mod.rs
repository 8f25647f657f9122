//! The contract of a source, compiled: how a cell becomes a typed value, and which rules the value must meet.
//!
//! One conversion serves every format, so a value means the same in NDJSON, CSV and Parquet. It is strict: nothing is
//! rounded, cut off or guessed. [`convert`](self) is documented in `convert.rs`; the landed types are these:
//!
//! | contract | landed |
//! |---|---|
//! | string, and every private column | Utf8 |
//! | int8 … int64 | Int8 … Int64 |
//! | double | Float64 |
//! | decimal(p, s) | Decimal128(p, s) |
//! | boolean | Boolean |
//! | date | Date32 |
//! | timestamp | Timestamp(Microsecond, "UTC") |

mod column;
pub mod columnar;
mod convert;
mod direct;
mod number;
mod rule;
mod time;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use chrono_tz::Tz;
use cxmill_spec::{Column, ColumnType, Source};

use crate::error::IngestError;
use crate::private::PrivateKey;

pub(crate) use column::ColumnData;
pub(crate) use convert::{Cell, ColumnPlan, Fault, shortened};
pub(crate) use time::ZoneCache;

/// Schema of landed rows: the declared columns in order; a column that is not required is nullable.
#[must_use]
pub fn landed_schema(source: &Source) -> SchemaRef {
    let fields: Vec<Field> =
        source.columns.iter().map(|column| Field::new(&column.name, landed_type(column), !column.required)).collect();
    Arc::new(Schema::new(fields))
}

fn landed_type(column: &Column) -> DataType {
    if column.private {
        return DataType::Utf8;
    }
    match column.data_type {
        ColumnType::String => DataType::Utf8,
        ColumnType::Int8 => DataType::Int8,
        ColumnType::Int16 => DataType::Int16,
        ColumnType::Int32 => DataType::Int32,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Double => DataType::Float64,
        ColumnType::Decimal { precision, scale } => DataType::Decimal128(precision, scale),
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Date(_) => DataType::Date32,
        ColumnType::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
    }
}

/// The compiled contract of a source.
#[derive(Debug)]
pub(crate) struct Contract {
    /// Columns in declared order.
    pub(crate) columns: Vec<ColumnPlan>,
    /// Zone of timestamps without offset.
    pub(crate) zone: Tz,
    schema: SchemaRef,
    key: Option<PrivateKey>,
}

impl Contract {
    pub(crate) fn new(source: &Source, key: Option<&PrivateKey>) -> Result<Self, IngestError> {
        if key.is_none() && source.columns.iter().any(|column| column.private) {
            return Err(IngestError::Bug(format!("source {} has private columns and no key was given", source.name)));
        }
        let columns = source.columns.iter().map(|column| ColumnPlan::new(source, column)).collect::<Result<_, _>>()?;
        Ok(Self { columns, zone: source.time_zone, schema: landed_schema(source), key: key.cloned() })
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Empty columns to append to, with room for `rows` rows.
    pub(crate) fn columns_for(&self, rows: usize) -> Vec<ColumnData> {
        self.columns.iter().map(|plan| ColumnData::new(plan, rows)).collect()
    }

    pub(crate) fn has_private(&self) -> bool {
        self.columns.iter().any(|column| column.private)
    }

    /// The keyed hash of a private value, as [`PrivateKey::hash`] gives it but without its detour over characters: every row
    /// may have one. Without a key there is no private column, and nothing is hashed.
    pub(crate) fn hash(&self, value: &[u8]) -> String {
        let Some(key) = &self.key else { return String::new() };
        blake3::keyed_hash(&key.0, value).to_hex().get(..32).unwrap_or_default().to_owned()
    }
}
