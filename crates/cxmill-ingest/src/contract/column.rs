//! A column under construction: values that can be taken back to the last accepted row.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array,
    StringArray, TimestampMicrosecondArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use cxmill_spec::ColumnType;

use super::Contract;
use super::convert::{Cell, ColumnPlan, Fault, Scalar};
use super::time::ZoneCache;

/// Values of one column.
#[derive(Debug)]
pub(crate) struct ColumnData {
    values: Values,
    /// One flag a row.
    valid: Vec<bool>,
}

#[derive(Debug)]
enum Values {
    Int(Vec<i64>),
    Double(Vec<f64>),
    Decimal(Vec<i128>),
    /// All texts end to end, and where each one ends after a first 0.
    Text {
        bytes: Vec<u8>,
        ends: Vec<i32>,
        /// Number of texts to expect.
        rows: usize,
    },
}

impl ColumnData {
    pub(crate) fn new(plan: &ColumnPlan, rows: usize) -> Self {
        let values = if plan.private {
            text(rows, 32)
        } else {
            match plan.data_type {
                ColumnType::String => text(rows, 16),
                ColumnType::Double => Values::Double(Vec::with_capacity(rows)),
                ColumnType::Decimal { .. } => Values::Decimal(Vec::with_capacity(rows)),
                _ => Values::Int(Vec::with_capacity(rows)),
            }
        };
        Self { values, valid: Vec::with_capacity(rows) }
    }

    /// Rows held.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.valid.len()
    }

    /// Converts a cell, checks it and appends it (hashed, where the column is private). Appends nothing where it is at fault.
    #[inline]
    pub(crate) fn append(
        &mut self,
        contract: &Contract,
        plan: &ColumnPlan,
        cell: Cell<'_>,
        zone: &mut ZoneCache,
    ) -> Result<(), Box<Fault>> {
        let value = plan.read(cell, zone)?;
        if plan.private && value != Scalar::Null {
            let hash = match value {
                Scalar::Text(text) => contract.hash(text),
                value => contract.hash(plan.text_of(value).as_bytes()),
            };
            self.push(Scalar::Text(hash.as_bytes()));
        } else {
            self.push(value);
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn push_null(&mut self) {
        self.push(Scalar::Null);
    }

    #[inline]
    fn push(&mut self, value: Scalar<'_>) {
        self.valid.push(value != Scalar::Null);
        match (&mut self.values, value) {
            (Values::Text { bytes, ends, rows }, value) => {
                if let Scalar::Text(text) = value {
                    if bytes.capacity() - bytes.len() < text.len() + WORDS {
                        grow(bytes, ends.len(), *rows, text.len() + WORDS);
                    }
                    extend(bytes, text);
                }
                // A block holds at most `MAX_RECORD` and a little more, so its texts fit 31 bits.
                ends.push(bytes.len() as i32);
            }
            (Values::Int(values), Scalar::Int(value)) => values.push(value),
            (Values::Int(values), _) => values.push(0),
            (Values::Double(values), Scalar::Double(value)) => values.push(value),
            (Values::Double(values), _) => values.push(0.0),
            (Values::Decimal(values), Scalar::Decimal(value)) => values.push(value),
            (Values::Decimal(values), _) => values.push(0),
        }
    }

    /// Takes back every row after the first `rows`.
    pub(crate) fn truncate(&mut self, rows: usize) {
        self.valid.truncate(rows);
        match &mut self.values {
            Values::Int(values) => values.truncate(rows),
            Values::Double(values) => values.truncate(rows),
            Values::Decimal(values) => values.truncate(rows),
            Values::Text { bytes, ends, .. } => {
                ends.truncate(rows + 1);
                bytes.truncate(ends.last().map_or(0, |end| *end as usize));
            }
        }
    }

    /// The landed array of the column.
    pub(crate) fn finish(self, plan: &ColumnPlan) -> ArrayRef {
        let nulls = (!self.valid.iter().all(|valid| *valid)).then(|| NullBuffer::new(BooleanBuffer::from(self.valid)));
        match self.values {
            Values::Text { bytes, ends, .. } => {
                Arc::new(StringArray::new(OffsetBuffer::new(ScalarBuffer::from(ends)), Buffer::from_vec(bytes), nulls))
            }
            Values::Double(values) => Arc::new(Float64Array::new(values.into(), nulls)),
            Values::Decimal(values) => {
                let array = Decimal128Array::new(values.into(), nulls);
                Arc::new(match plan.data_type {
                    ColumnType::Decimal { precision, scale } => {
                        array.with_data_type(DataType::Decimal128(precision, scale))
                    }
                    _ => array,
                })
            }
            Values::Int(values) => match plan.data_type {
                ColumnType::Int8 => Arc::new(Int8Array::new(narrow(&values, |value| value as i8), nulls)),
                ColumnType::Int16 => Arc::new(Int16Array::new(narrow(&values, |value| value as i16), nulls)),
                ColumnType::Int32 => Arc::new(Int32Array::new(narrow(&values, |value| value as i32), nulls)),
                ColumnType::Date => Arc::new(Date32Array::new(narrow(&values, |value| value as i32), nulls)),
                ColumnType::Boolean => {
                    let bits =
                        BooleanBuffer::collect_bool(values.len(), |i| values.get(i).is_some_and(|value| *value != 0));
                    Arc::new(BooleanArray::new(bits, nulls))
                }
                ColumnType::Timestamp(_) => {
                    Arc::new(TimestampMicrosecondArray::new(values.into(), nulls).with_timezone("UTC"))
                }
                _ => Arc::new(Int64Array::new(values.into(), nulls)),
            },
        }
    }
}

fn text(rows: usize, width: usize) -> Values {
    let mut ends = Vec::with_capacity(rows + 1);
    ends.push(0);
    Values::Text { bytes: Vec::with_capacity(rows.min(FIRST_TEXTS) * width), ends, rows }
}

/// Texts that room is made for before anything is known of their length.
const FIRST_TEXTS: usize = 64;

/// Bytes that a short text is copied with.
const WORDS: usize = 16;

/// Appends a text. Most are short: two words of fixed length are copied faster than the call for any length takes.
#[inline]
fn extend(bytes: &mut Vec<u8>, text: &[u8]) {
    let (length, end) = (text.len(), bytes.len() + text.len());
    let words = match (text.first_chunk::<8>(), text.last_chunk::<8>(), text.first_chunk::<4>(), text.last_chunk::<4>())
    {
        (Some(head), Some(tail), ..) if length <= WORDS => {
            // The two words overlap: what the first one holds is shifted out of the second one.
            let tail = u64::from_le_bytes(*tail).unbounded_shr(8 * (WORDS - length) as u32);
            u128::from(u64::from_le_bytes(*head)) | u128::from(tail) << 64
        }
        (None, None, Some(head), Some(tail)) => {
            let tail = u64::from(u32::from_le_bytes(*tail)) >> (8 * (8 - length));
            u128::from(u64::from(u32::from_le_bytes(*head)) | tail << 32)
        }
        _ => return bytes.extend_from_slice(text),
    };
    bytes.extend_from_slice(&words.to_le_bytes());
    bytes.truncate(end);
}

/// Makes room for the texts still to come, as long as those so far: doubling would copy more and keep up to half unused.
#[cold]
fn grow(bytes: &mut Vec<u8>, texts: usize, rows: usize, next: usize) {
    let left = rows.saturating_sub(texts);
    let mean = bytes.len() / texts.max(1) + 1;
    // An eighth more than the mean says, and never less than a quarter of what is there: then copies stay few.
    let room = (left * mean + left * mean / 8).max(bytes.len() / 4);
    bytes.reserve_exact(next + room);
}

/// Values were checked against the range of their type, so none is cut.
fn narrow<T: arrow::datatypes::ArrowNativeType>(values: &[i64], cast: impl Fn(i64) -> T) -> ScalarBuffer<T> {
    values.iter().map(|value| cast(*value)).collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_length_are_appended_whole() {
        let text: Vec<u8> = (1..=40).collect();
        for length in 0..=40 {
            let mut bytes = b"before".to_vec();
            extend(&mut bytes, &text[..length]);
            assert_eq!(bytes, [b"before", &text[..length]].concat(), "{length}");
        }
    }
}
