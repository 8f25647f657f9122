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
pub(crate) fn intervals(intervals: impl ExactSizeIterator<Item = Option<Interval>>) -> Result<ArrayRef> {
    let none = Interval { low: 0.0, high: 0.0, margin: 0.0 };
    let mut parts: [Vec<f64>; 3] = std::array::from_fn(|_| Vec::with_capacity(intervals.len()));
    let mut valid = Vec::with_capacity(intervals.len());
    for interval in intervals {
        valid.push(interval.is_some());
        let Interval { low, high, margin } = interval.unwrap_or(none);
        parts.iter_mut().zip([low, high, margin]).for_each(|(column, part)| column.push(part));
    }
    let nulls = NullBuffer::from(valid);
    let columns =
        parts.into_iter().map(|part| -> ArrayRef { Arc::new(Float64Array::new(part.into(), Some(nulls.clone()))) });
    Ok(Arc::new(StructArray::try_new(interval_fields(), columns.collect(), Some(nulls.clone()))?))
}
