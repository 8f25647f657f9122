//! Confidence intervals: the normal quantile, and the struct in which an interval is returned.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, StructArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, internal_err};
use statrs::distribution::{Continuous, ContinuousCDF, Normal, StudentsT};

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

/// The two-sided quantile of Student's t: `t` with P(|T| ≤ t) = `confidence`, for 1 degree of freedom or more.
///
/// Many degrees: the expansion around the normal quantile, Abramowitz & Stegun 1964, 26.7.5. Few: Newton's method on the
/// logarithm of the tail by the logarithm of t, which is concave, so that it closes in from one side after the first step.
pub(crate) fn two_sided_t(confidence: f64, degrees: f64) -> f64 {
    let z = two_sided_z(confidence);
    let few = if degrees <= 1_000.0 && z > 0.0 { StudentsT::new(0.0, 1.0, degrees).ok() } else { None };
    let Some(student) = few else {
        let s = z * z;
        let terms = [
            (s + 1.0) / 4.0,
            ((5.0 * s + 16.0) * s + 3.0) / 96.0,
            (((3.0 * s + 19.0) * s + 17.0) * s - 15.0) / 384.0,
            ((((79.0 * s + 776.0) * s + 1_482.0) * s - 1_920.0) * s - 945.0) / 92_160.0,
        ];
        return z + z * terms.iter().rev().fold(0.0, |sum, term| (sum + term) / degrees);
    };
    let tail = ((1.0 - confidence) / 2.0).ln();
    let mut t = z;
    for _ in 0..60 {
        let beyond = student.sf(t);
        let step = (beyond.ln() - tail) * beyond / (t * student.pdf(t));
        t *= step.exp();
        if step.abs() < 1e-15 {
            break;
        }
    }
    t
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_student_equal_scipy() {
        // scipy 1.17.1: t.isf((1 - confidence) / 2, degrees).
        let cases = [
            (0.5, 1.0, 1.000_000_000_000_000_2),
            (0.95, 1.0, 12.706_204_736_174_694),
            (0.999_999_999, 1.0, 636_619_790.372_418_6),
            (0.9, 2.0, 2.919_985_580_353_726_5),
            (0.999_999_999, 3.0, 1_301.637_179_562_648),
            (0.95, 5.0, 2.570_581_835_636_314_6),
            (0.99, 30.0, 2.749_995_653_567_225_4),
            (0.5, 100.0, 0.676_951_043_011_471_7),
            (0.95, 999.0, 1.962_341_461_133_449_3),
            (0.99, 1_000.0, 2.580_754_698_065_951),
            (0.99, 1_001.0, 2.580_749_768_750_524_5),
            (0.999_999_999, 1_001.0, 6.168_370_804_984_594),
            (0.95, 5_000.0, 1.960_438_551_706_507_3),
            (0.95, 1e12, 1.959_963_984_542_426_2),
        ];
        for (confidence, degrees, expected) in cases {
            let t = two_sided_t(confidence, degrees);
            // The lower the tail, the more of it is rounded away.
            let tolerance = if confidence > 0.999 { 1e-7 } else { 1e-11 };
            assert!((t / expected - 1.0).abs() < tolerance, "{confidence}, {degrees}: {t} is not {expected}");
        }
        assert!(two_sided_t(1e-9, 4.0).is_finite() && two_sided_t(1e-300, 4.0) == 0.0);
    }
}
