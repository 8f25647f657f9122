//! Score columns: which types are taken, and how they become classes or numbers.
//!
//! Integers are read in their own width, without a cast; decimals and floats arrive as doubles. A value that a metric
//! refuses is an error only if its row counts: rows that a FILTER excludes may hold anything.

use datafusion::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{
    DataType, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::common::cast::as_primitive_array;
use datafusion::common::{Result, exec_err, internal_err, plan_err};

use crate::tally::Rows;

/// The type in which a score column reaches the accumulators.
pub(crate) fn score_type(function: &str, given: &DataType) -> Result<DataType> {
    match given {
        DataType::Null => Ok(DataType::Int64),
        integer if integer.is_integer() => Ok(integer.clone()),
        DataType::Dictionary(_, values) => score_type(function, values),
        number if number.is_numeric() => Ok(DataType::Float64),
        other => plan_err!("{function}: score is {other}; expected a number, for example CAST(score AS BIGINT)"),
    }
}

/// The type in which a weight, a confidence or another plain number arrives.
pub(crate) fn number_type(function: &str, argument: &str, given: &DataType) -> Result<DataType> {
    match given {
        DataType::Dictionary(_, values) => number_type(function, argument, values),
        number if number.is_numeric() || number.is_null() => Ok(DataType::Float64),
        other => plan_err!("{function}: {argument} is {other}; expected a number"),
    }
}

/// A number that a score can be.
pub(crate) trait Score: Copy + std::fmt::Display {
    /// The integer it is, `None` if it is none.
    fn integer(self) -> Option<i64>;
    fn double(self) -> f64;
}

macro_rules! integer_scores {
    ($($native:ty),+) => {$(
        impl Score for $native {
            #[inline]
            fn integer(self) -> Option<i64> {
                i64::try_from(self).ok()
            }

            #[inline]
            fn double(self) -> f64 {
                self as f64
            }
        }
    )+};
}
integer_scores!(i8, i16, i32, i64, u8, u16, u32, u64);

impl Score for f64 {
    #[inline]
    fn integer(self) -> Option<i64> {
        // The bound keeps the conversion exact; it is far beyond any scale.
        (self.fract() == 0.0 && self.abs() < 1e15).then_some(self as i64)
    }

    #[inline]
    fn double(self) -> f64 {
        self
    }
}

/// What a metric makes of one score.
pub(crate) trait Reading {
    type Row: Copy + Default;

    /// `None`: the score is refused.
    fn row(&self, score: impl Score) -> Option<Self::Row>;

    /// What is allowed, as a message ends.
    fn expected(&self) -> String;
}

/// Reads a score column. NULL scores do not count.
pub(crate) fn read_scores<R: Reading>(
    function: &str,
    reading: &R,
    scores: &ArrayRef,
    counted: Option<NullBuffer>,
) -> Result<Rows<R::Row>> {
    match scores.data_type() {
        DataType::Int8 => read::<Int8Type, R>(function, reading, scores, counted),
        DataType::Int16 => read::<Int16Type, R>(function, reading, scores, counted),
        DataType::Int32 => read::<Int32Type, R>(function, reading, scores, counted),
        DataType::Int64 => read::<Int64Type, R>(function, reading, scores, counted),
        DataType::UInt8 => read::<UInt8Type, R>(function, reading, scores, counted),
        DataType::UInt16 => read::<UInt16Type, R>(function, reading, scores, counted),
        DataType::UInt32 => read::<UInt32Type, R>(function, reading, scores, counted),
        DataType::UInt64 => read::<UInt64Type, R>(function, reading, scores, counted),
        DataType::Float64 => read::<Float64Type, R>(function, reading, scores, counted),
        other => internal_err!("{function}: scores arrived as {other}, which is never asked for"),
    }
}

fn read<T, R>(function: &str, reading: &R, scores: &ArrayRef, counted: Option<NullBuffer>) -> Result<Rows<R::Row>>
where
    T: ArrowPrimitiveType<Native: Score>,
    R: Reading,
{
    let scores: &PrimitiveArray<T> = as_primitive_array(scores)?;
    let counted = NullBuffer::union(counted.as_ref(), scores.nulls());
    // One pass over all slots, those that do not count included: it has no branch on validity. Only if something was
    // refused are the rows that count looked at again.
    let mut refused = false;
    let values = scores
        .values()
        .iter()
        .map(|&score| {
            let row = reading.row(score);
            refused |= row.is_none();
            row.unwrap_or_default()
        })
        .collect();
    if refused {
        let is_refused = |i: &usize| reading.row(scores.value(*i)).is_none();
        let first = match &counted {
            None => (0..scores.len()).find(is_refused),
            Some(counted) => counted.valid_indices().find(is_refused),
        };
        if let Some(i) = first {
            return exec_err!(
                "{function}: score {} is off the scale; expected {}",
                scores.value(i),
                reading.expected()
            );
        }
    }
    Ok(Rows { values, counted })
}
