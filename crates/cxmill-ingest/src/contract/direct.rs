//! Columns of a columnar file that need no conversion row by row: their values have, or widen to, the landed type.
//!
//! [`direct`] gives the landed array where every value of the column keeps the contract, and nothing otherwise: then the
//! column takes the way through cells, which knows what is wrong with which row. Both ways give the same values.

use arrow::array::{Array, ArrayRef, AsArray, MutableArrayData, make_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Field, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimeUnit, TimestampMicrosecondType,
};

use super::convert::{ColumnPlan, Kind, Scalar};
use super::time;

/// The landed array of a column, where all of it can be taken as it is. `landed` is the field of the landed schema.
pub(crate) fn direct(array: &ArrayRef, plan: &ColumnPlan, landed: &Field) -> Option<ArrayRef> {
    // Private values are hashed one by one, and a missing value costs its row.
    if plan.private || (plan.required && array.null_count() > 0) || !fits(array.data_type(), plan) {
        return None;
    }
    let options = CastOptions { safe: true, ..CastOptions::default() };
    let cast = cast_with_options(array, landed.data_type(), &options).ok()?;
    // A safe cast makes NULL of what does not fit.
    if cast.null_count() != array.null_count() || !keeps_contract(&cast, plan) {
        return None;
    }
    Some(compact(cast))
}

/// Whether values of a type become those of the column by a cast alone, without rounding and without a rule of text.
fn fits(from: &DataType, plan: &ColumnPlan) -> bool {
    match &plan.kind {
        Kind::String => match from {
            DataType::Dictionary(_, values) => matches!(**values, DataType::Utf8 | DataType::LargeUtf8),
            other => matches!(other, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
        },
        Kind::Int { .. } => from.is_integer(),
        Kind::Double => from.is_integer() || *from == DataType::Float64,
        Kind::Decimal { precision, scale, .. } => *from == DataType::Decimal128(*precision, *scale),
        Kind::Boolean => *from == DataType::Boolean,
        Kind::Date | Kind::DateFormat(_) => *from == DataType::Date32,
        // A coarser unit may leave the range, a finer one is cut by the way through cells.
        Kind::Iso | Kind::Epoch { .. } | Kind::Format(_) => {
            matches!(from, DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Millisecond, Some(_)))
        }
    }
}

/// Whether every value is one that the column may hold.
fn keeps_contract(array: &ArrayRef, plan: &ColumnPlan) -> bool {
    let ruled = plan.has_rules();
    match array.data_type() {
        DataType::Utf8 => {
            let values = array.as_string::<i32>();
            !ruled || every(array, |row| plan.allows(Scalar::Text(values.value(row).as_bytes())))
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>().values();
            // What lies under a NULL does not matter, but costs one look when it is no number.
            let finite = values.iter().all(|value| value.is_finite());
            (finite && !ruled)
                || every(array, |row| values[row].is_finite() && plan.allows(Scalar::Double(values[row])))
        }
        DataType::Decimal128(..) => {
            let values = array.as_primitive::<Decimal128Type>().values();
            let Kind::Decimal { limit, .. } = plan.kind else { return false };
            let fits = |value: i128| -limit < value && value < limit;
            every(array, |row| fits(values[row]) && plan.allows(Scalar::Decimal(values[row])))
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let values = array.as_primitive::<TimestampMicrosecondType>().values();
            every(array, |row| time::in_range(values[row]) && plan.allows(Scalar::Int(values[row])))
        }
        _ if !ruled => true,
        DataType::Boolean => {
            let values = array.as_boolean();
            every(array, |row| plan.allows(Scalar::Int(values.value(row).into())))
        }
        DataType::Int8 => every_int::<Int8Type>(array, plan),
        DataType::Int16 => every_int::<Int16Type>(array, plan),
        DataType::Int32 => every_int::<Int32Type>(array, plan),
        DataType::Int64 => every_int::<Int64Type>(array, plan),
        DataType::Date32 => every_int::<Date32Type>(array, plan),
        _ => false,
    }
}

fn every_int<T: ArrowPrimitiveType<Native: Into<i64>>>(array: &ArrayRef, plan: &ColumnPlan) -> bool {
    let values = array.as_primitive::<T>().values();
    every(array, |row| plan.allows(Scalar::Int(values[row].into())))
}

/// Whether every row that is not NULL is good.
fn every(array: &ArrayRef, good: impl Fn(usize) -> bool) -> bool {
    match array.nulls() {
        None => (0..array.len()).all(good),
        Some(nulls) => nulls.valid_indices().all(good),
    }
}

/// The array in buffers of its own, where it is a small part of larger ones: it waits in memory until it is written, and
/// what lies around it (other columns of an IPC message, other rows) would wait with it, uncounted.
fn compact(array: ArrayRef) -> ArrayRef {
    let data = array.to_data();
    let used = data.get_slice_memory_size().unwrap_or(0);
    if array.get_array_memory_size() <= used + used / 2 + 1024 {
        return array;
    }
    let mut copy = MutableArrayData::new(vec![&data], false, data.len());
    match copy.try_extend(0, 0, data.len()) {
        Ok(()) => make_array(copy.freeze()),
        // A copy of what fits an array fits one; were it not so, the array itself is as good.
        Err(_) => array,
    }
}
