//! The types that states and keys have at rest: those that every Parquet reader understands.
//!
//! Each type maps to one that holds its values without loss, and back. Unsigned integers become wider signed ones (64 bits a
//! decimal), views and dictionaries plain values, times and durations in nanoseconds or seconds 64-bit integers or
//! finer units. Every field is nullable. Intervals, unions, maps and columns that hold nothing but NULL are refused.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::error::Result;

use crate::error::StateError;

/// The type at rest of values of a type; `what` names them in the error.
pub(crate) fn stored_type(what: &str, data_type: &DataType) -> Result<DataType, StateError> {
    let stored = match data_type {
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32
        | DataType::Utf8
        | DataType::Binary
        | DataType::FixedSizeBinary(_)
        | DataType::Time32(TimeUnit::Millisecond)
        | DataType::Time64(TimeUnit::Microsecond)
        | DataType::Timestamp(TimeUnit::Millisecond | TimeUnit::Microsecond, _)
        | DataType::Decimal32(_, _)
        | DataType::Decimal64(_, _)
        | DataType::Decimal128(_, _)
        | DataType::Decimal256(_, _) => data_type.clone(),
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        // 20 digits hold 2^64 - 1.
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Date64 => DataType::Timestamp(TimeUnit::Millisecond, None),
        DataType::Timestamp(TimeUnit::Second, zone) => DataType::Timestamp(TimeUnit::Millisecond, zone.clone()),
        DataType::Time32(_) => DataType::Time32(TimeUnit::Millisecond),
        DataType::Timestamp(TimeUnit::Nanosecond, _) | DataType::Time64(_) | DataType::Duration(_) => DataType::Int64,
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, values) => stored_type(what, values)?,
        DataType::RunEndEncoded(_, values) => stored_type(what, values.data_type())?,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => {
            DataType::List(Arc::new(Field::new_list_field(stored_type(what, item.data_type())?, true)))
        }
        DataType::Struct(fields) if !fields.is_empty() => {
            DataType::Struct(fields.iter().map(|field| stored_field(what, field)).collect::<Result<_, _>>()?)
        }
        DataType::Null | DataType::Interval(_) | DataType::Struct(_) | DataType::Union(_, _) | DataType::Map(_, _) => {
            return Err(StateError::UnsupportedType { what: what.to_owned(), data_type: data_type.clone() });
        }
    };
    Ok(stored)
}

fn stored_field(what: &str, field: &FieldRef) -> Result<FieldRef, StateError> {
    Ok(Arc::new(Field::new(field.name(), stored_type(what, field.data_type())?, true)))
}

/// Casts values to their type at rest or back; a value that does not fit is an error, never NULL.
pub(crate) fn converted(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if values.data_type() == to {
        return Ok(Arc::clone(values));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    Ok(cast_with_options(values, to, &options)?)
}
