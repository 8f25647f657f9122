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
use super::convert::{Cell, ColumnPlan, Fault, Kind, Scalar};
use super::number;
use super::time::{self, ZoneCache};

/// Values of one column.
#[derive(Debug)]
pub(crate) struct ColumnData {
    values: Values,
    /// One flag a row; none at all as long as no row is NULL.
    valid: Vec<bool>,
}

#[derive(Debug)]
enum Values {
    Int(Vec<i64>),
    Double(Vec<f64>),
    Decimal(Vec<i128>),
    Text(Texts),
}

/// All texts end to end, and where each one ends after a first 0.
#[derive(Debug)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<i32>,
    /// Number of texts to expect.
    rows: usize,
}

impl ColumnData {
    pub(crate) fn new(plan: &ColumnPlan, rows: usize) -> Self {
        let values = if plan.private {
            Values::Text(Texts::new(rows, 32))
        } else {
            match plan.data_type {
                ColumnType::String => Values::Text(Texts::new(rows, 16)),
                ColumnType::Double => Values::Double(Vec::with_capacity(rows)),
                ColumnType::Decimal { .. } => Values::Decimal(Vec::with_capacity(rows)),
                _ => Values::Int(Vec::with_capacity(rows)),
            }
        };
        Self { values, valid: Vec::new() }
    }

    /// Rows held.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match &self.values {
            Values::Int(values) => values.len(),
            Values::Double(values) => values.len(),
            Values::Decimal(values) => values.len(),
            Values::Text(texts) => texts.ends.len() - 1,
        }
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
        if !plan.private && self.append_plain(plan, cell, zone) {
            return Ok(());
        }
        self.append_any(contract, plan, cell, zone)
    }

    /// The short way of most cells: a good value, written as its type mostly is. False where a cell has to take the long way;
    /// then nothing was appended.
    #[inline]
    fn append_plain(&mut self, plan: &ColumnPlan, cell: Cell<'_>, zone: &mut ZoneCache) -> bool {
        match (&mut self.values, &plan.kind, cell) {
            (Values::Text(texts), Kind::String, Cell::Text(text)) if plan.allows(Scalar::Text(text)) => {
                texts.push(text);
            }
            (Values::Double(values), Kind::Double, Cell::Number(text) | Cell::Text(text)) => {
                match number::parse_double(text) {
                    Ok(value) if plan.allows(Scalar::Double(value)) => values.push(value),
                    _ => return false,
                }
            }
            (Values::Int(values), kind, cell) => {
                let value = match (kind, cell) {
                    (Kind::Int { min, max }, Cell::Number(text) | Cell::Text(text)) => {
                        number::parse_int(text).ok().filter(|value| (*min..=*max).contains(value))
                    }
                    (Kind::Iso, Cell::Text(text)) => time::parse_iso(text, zone).ok(),
                    (Kind::Boolean, Cell::Boolean(value)) => Some(value.into()),
                    (Kind::Boolean, Cell::Text(b"true")) => Some(1),
                    (Kind::Boolean, Cell::Text(b"false")) => Some(0),
                    _ => None,
                };
                match value {
                    Some(value) if plan.allows(Scalar::Int(value)) => values.push(value),
                    _ => return false,
                }
            }
            _ => return false,
        }
        if !self.valid.is_empty() {
            self.valid.push(true);
        }
        true
    }

    fn append_any(
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

    pub(crate) fn push_null(&mut self) {
        self.push(Scalar::Null);
    }

    fn push(&mut self, value: Scalar<'_>) {
        let null = value == Scalar::Null;
        if null && self.valid.is_empty() {
            self.valid = vec![true; self.len()];
        }
        if null || !self.valid.is_empty() {
            self.valid.push(!null);
        }
        match (&mut self.values, value) {
            (Values::Text(texts), Scalar::Text(text)) => texts.push(text),
            (Values::Text(texts), _) => texts.push(b""),
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
            Values::Text(Texts { bytes, ends, .. }) => {
                ends.truncate(rows + 1);
                bytes.truncate(ends.last().map_or(0, |end| *end as usize));
            }
        }
    }

    /// The landed array of the column.
    pub(crate) fn finish(self, plan: &ColumnPlan) -> ArrayRef {
        let nulls = (!self.valid.iter().all(|valid| *valid)).then(|| NullBuffer::new(BooleanBuffer::from(self.valid)));
        match self.values {
            Values::Text(Texts { bytes, ends, .. }) => {
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
                ColumnType::Date(_) => Arc::new(Date32Array::new(narrow(&values, |value| value as i32), nulls)),
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

impl Texts {
    fn new(rows: usize, width: usize) -> Self {
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        Self { bytes: Vec::with_capacity(rows.min(FIRST_TEXTS) * width), ends, rows }
    }

    #[inline]
    fn push(&mut self, text: &[u8]) {
        if self.bytes.capacity() - self.bytes.len() < text.len() + WORDS {
            self.grow(text.len() + WORDS);
        }
        extend(&mut self.bytes, text);
        // A block holds at most `MAX_RECORD` and a little more, so its texts fit 31 bits.
        self.ends.push(self.bytes.len() as i32);
    }

    /// Makes room for the texts still to come, as long as those so far: doubling would copy more and keep up to half unused.
    #[cold]
    fn grow(&mut self, next: usize) {
        let left = self.rows.saturating_sub(self.ends.len());
        let mean = self.bytes.len() / self.ends.len() + 1;
        // An eighth more than the mean says, and never less than a quarter of what is there: then copies stay few.
        let room = (left * mean + left * mean / 8).max(self.bytes.len() / 4);
        self.bytes.reserve_exact(next + room);
    }
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

/// Values were checked against the range of their type, so none is cut.
fn narrow<T: arrow::datatypes::ArrowNativeType>(values: &[i64], cast: impl Fn(i64) -> T) -> ScalarBuffer<T> {
    values.iter().map(|value| cast(*value)).collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use cxmill_spec::{Format, Literal, Rule};
    use proptest::prelude::*;

    use super::super::testing::{ISO, KEY, column, ruled, source};
    use super::*;

    /// Texts that some column can read, texts that are nearly so, and any others.
    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<i64>().prop_map(|value| value.to_string()),
            (-200_i64..200).prop_map(|value| value.to_string()),
            any::<f64>().prop_map(|value| value.to_string()),
            "[-+]?[0-9]{0,4}[.]?[0-9]{0,4}([eE][-+]?[0-9])?",
            "20[0-9]{2}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?(Z|[+]0[0-9]:?30)?",
            "(true|false|TRUE|0|1)",
            ".{0,24}",
        ]
    }

    fn any_columns() -> Vec<cxmill_spec::Column> {
        let types = [
            ColumnType::String,
            ColumnType::Int8,
            ColumnType::Int64,
            ColumnType::Double,
            ColumnType::Decimal { precision: 9, scale: 2 },
            ColumnType::Boolean,
            ColumnType::Date(cxmill_spec::DateFormat::Iso8601),
            ISO,
            ColumnType::Timestamp(cxmill_spec::TimestampFormat::EpochSeconds),
        ];
        let plain = types.map(|data_type| column("a", data_type));
        let between = |low, high| vec![Rule::Between(Some(low), Some(high))];
        let text = |text: &str| Literal::String(text.to_owned());
        let ruled = [
            ruled(column("a", ColumnType::String), vec![Rule::OneOf(vec![text("true"), text("1")])]),
            ruled(column("a", ColumnType::Int64), between(Literal::Int(-50), Literal::Int(50))),
            ruled(column("a", ColumnType::Double), between(Literal::Double(-50.0), Literal::Double(50.0))),
            ruled(column("a", ColumnType::Boolean), vec![Rule::OneOf(vec![Literal::Boolean(true)])]),
        ];
        plain.into_iter().chain(ruled).collect()
    }

    proptest! {
        #[test]
        fn both_ways_of_a_cell_give_the_same(
            cells in proptest::collection::vec((any_text(), 0..12_u8), 1..20), zone in 0..2_usize,
        ) {
            for declared in any_columns() {
                let mut source = source(Format::Ndjson, vec![declared]);
                source.time_zone = [chrono_tz::Tz::UTC, chrono_tz::Tz::Europe__Stockholm][zone];
                let contract = Contract::new(&source, Some(&KEY)).unwrap();
                let plan = &contract.columns[0];
                let (mut short, mut long) = (ColumnData::new(plan, 4), ColumnData::new(plan, 4));
                let mut zone = ZoneCache::new(contract.zone);
                for (text, kind) in &cells {
                    let cell = match kind {
                        0 => Cell::Null,
                        1 => Cell::Boolean(text.len() % 2 == 0),
                        2..6 => Cell::Number(text.as_bytes()),
                        _ => Cell::Text(text.as_bytes()),
                    };
                    let before = short.len();
                    let one = short.append(&contract, plan, cell, &mut zone);
                    let other = long.append_any(&contract, plan, cell, &mut zone);
                    prop_assert_eq!(&one, &other);
                    prop_assert_eq!(short.len(), before + usize::from(one.is_ok()));
                    if *kind == 11 {
                        short.truncate(before);
                        long.truncate(before);
                    }
                }
                prop_assert_eq!(&short.finish(plan), &long.finish(plan));
            }
        }
    }

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
