//! Values written in YAML in the type of the column they are compared with.

use chrono::{DateTime, NaiveDate, Utc};
use cxmill_spec::check::Bound;
use datafusion::arrow::datatypes::{DataType, Date32Type};
use datafusion::common::ScalarValue;

use crate::compile::types::timestamp;

/// The value as SQL compares it with a column of `data_type`; `None` where it says nothing about such a column.
///
/// Whole numbers go with every number; numbers with a fraction too, because `between: {min: 0.5}` is meant for whole
/// numbers as well. A date without time is its midnight in UTC where the column is a timestamp.
pub(crate) fn bound_value(bound: &Bound, data_type: &DataType) -> Option<ScalarValue> {
    match (bound, data_type) {
        (
            Bound::Int(value),
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Decimal128(..),
        ) => Some(ScalarValue::Int64(Some(*value))),
        #[expect(clippy::cast_precision_loss, reason = "the column is a double, so the bound is read as one too")]
        (Bound::Int(value), DataType::Float64) => Some(ScalarValue::Float64(Some(*value as f64))),
        (
            Bound::Double(value),
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Float64
            | DataType::Decimal128(..),
        ) => Some(ScalarValue::Float64(Some(*value))),
        (Bound::Boolean(value), DataType::Boolean) => Some(ScalarValue::Boolean(Some(*value))),
        (Bound::Text(text), DataType::Utf8) => Some(ScalarValue::Utf8(Some(text.clone()))),
        (Bound::Text(text), DataType::Date32) => {
            Some(ScalarValue::Date32(Some(Date32Type::from_naive_date(date(text)?))))
        }
        (Bound::Text(text), data_type) if *data_type == timestamp() => {
            let instant = match DateTime::parse_from_rfc3339(text) {
                Ok(instant) => instant.with_timezone(&Utc),
                Err(_) => date(text)?.and_hms_opt(0, 0, 0)?.and_utc(),
            };
            Some(ScalarValue::TimestampMicrosecond(Some(instant.timestamp_micros()), Some("UTC".into())))
        }
        _ => None,
    }
}

fn date(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
}
