//! Confidence intervals: the normal quantile, and the struct in which an interval is returned.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, StructArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, internal_err};
use statrs::distribution::{ContinuousCDF, Normal};

/// An interval and half its width before it was cut to the range of the metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Interval {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) margin: f64,
}

/// The two-sided standard normal quantile: `z` with P(|Z| ≤ z) = `confidence`, for 0 < `confidence` < 1.
pub(crate) fn two_sided_z(confidence: f64) -> f64 {
    // The lower tail keeps its precision where 1 − tail would round to 1 and give infinity.
    -Normal::standard().inverse_cdf((1.0 - confidence) / 2.0)
}

/// `parameters[0]`, a confidence, as its normal quantile.
pub(crate) fn z_of(function: &str, parameters: &[Option<f64>]) -> Result<f64> {
    match parameters {
        [Some(confidence)] => Ok(two_sided_z(*confidence)),
        _ => internal_err!("{function} was planned without its confidence"),
    }
}

/// `struct{low, high, margin: double}`.
pub(crate) fn interval_type() -> DataType {
    DataType::Struct(interval_fields())
}

fn interval_fields() -> Fields {
    ["low", "high", "margin"].into_iter().map(|name| Field::new(name, DataType::Float64, true)).collect()
}

/// A struct a cell, NULL where there is no interval.
pub(crate) fn intervals(intervals: &[Option<Interval>]) -> Result<ArrayRef> {
    let column = |part: fn(&Interval) -> f64| -> ArrayRef {
        Arc::new(intervals.iter().map(|interval| interval.as_ref().map(part)).collect::<Float64Array>())
    };
    let columns = vec![column(|i| i.low), column(|i| i.high), column(|i| i.margin)];
    let nulls = NullBuffer::from_iter(intervals.iter().map(Option::is_some));
    Ok(Arc::new(StructArray::try_new(interval_fields(), columns, Some(nulls))?))
}
