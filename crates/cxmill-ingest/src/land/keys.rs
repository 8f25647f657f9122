//! Hashes by which a row is known: of its unique key and of all its declared columns.
//!
//! Landed objects of a source with a unique key carry both in two hidden columns, so that a later batch finds duplicates
//! by reading two narrow columns. The hash is taken over bytes that are laid down here and must not change: a tag for NULL
//! or not, then the value as little-endian bytes (integers as 64-bit, so that a column may be widened), or length and text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray, RecordBatch, StringArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Schema,
    SchemaRef, TimeUnit, TimestampMicrosecondType,
};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::error::IngestError;

/// Hidden column of landed objects: 128-bit hash of the unique key.
pub const KEY_COLUMN: &str = "__key";
/// Hidden column of landed objects: 64-bit hash of all declared columns; where
/// `unique_within` takes in other dates, of all but the event time.
pub const ROW_COLUMN: &str = "__row";
/// Hidden column of landed objects whose rows tell where they came from: 128-bit hash of the name of the raw file.
pub const FILE_COLUMN: &str = "__file";
/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 16;

/// The landed schema with the hidden columns.
pub(crate) fn with_hidden(schema: &SchemaRef, keyed: bool, traced: bool) -> SchemaRef {
    let mut fields: Vec<Field> = schema.fields().iter().map(|field| field.as_ref().clone()).collect();
    if keyed {
        fields.push(Field::new(KEY_COLUMN, DataType::FixedSizeBinary(16), false));
        fields.push(Field::new(ROW_COLUMN, DataType::Int64, false));
    }
    if traced {
        fields.push(Field::new(FILE_COLUMN, DataType::FixedSizeBinary(16), false));
    }
    Arc::new(Schema::new(fields))
}

/// What landed rows tell of the raw file of this name.
#[must_use]
pub fn trace(name: &str) -> u128 {
    xxh3_128(name.as_bytes())
}

/// Keys and row hashes of a batch; `key` are the positions of the unique key's columns, `beside` that of a column that does not
/// count for what a row says.
pub(crate) fn hash_rows(
    batch: &RecordBatch,
    key: &[usize],
    beside: Option<usize>,
) -> Result<(Vec<u128>, Vec<i64>), IngestError> {
    let columns: Vec<Values<'_>> = batch.columns().iter().map(Values::of).collect::<Result<_, _>>()?;
    let schema = batch.schema();
    let names: Vec<[u8; 8]> =
        schema.fields().iter().map(|field| xxh3_64(field.name().as_bytes()).to_le_bytes()).collect();
    // Nor does a contract that lists its columns in another order.
    let named = columns.iter().zip(&names).enumerate();
    let mut named: Vec<(usize, &Values<'_>, &[u8; 8])> =
        named.map(|(column, (values, name))| (column, values, name)).collect();
    named.sort_unstable_by_key(|(_, _, name)| **name);
    let key: Vec<&Values<'_>> = key.iter().filter_map(|index| columns.get(*index)).collect();
    let mut buffer = Vec::with_capacity(256);
    let mut keys = Vec::with_capacity(batch.num_rows());
    let mut rows = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        buffer.clear();
        key.iter().for_each(|values| values.append(row, &mut buffer));
        keys.push(xxh3_128(&buffer));
        buffer.clear();
        // By name and without NULLs: a column that the contract gains later does not make an old row another row.
        for (column, values, name) in &named {
            if beside != Some(*column) && !values.is_null(row) {
                buffer.extend_from_slice(*name);
                values.append(row, &mut buffer);
            }
        }
        rows.push(xxh3_64(&buffer).cast_signed());
    }
    Ok((keys, rows))
}

/// Number of different values of a column, NULL counted as one.
pub(crate) fn distinct(column: &ArrayRef) -> Result<usize, IngestError> {
    let values = Values::of(column)?;
    let mut buffer = Vec::with_capacity(64);
    let mut hashes: Vec<u64> = (0..column.len())
        .map(|row| {
            buffer.clear();
            values.append(row, &mut buffer);
            xxh3_64(&buffer)
        })
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    Ok(hashes.len())
}

enum Values<'a> {
    Text(&'a StringArray),
    Int8(&'a PrimitiveArray<Int8Type>),
    Int16(&'a PrimitiveArray<Int16Type>),
    Int32(&'a PrimitiveArray<Int32Type>),
    Int64(&'a PrimitiveArray<Int64Type>),
    Double(&'a PrimitiveArray<Float64Type>),
    Decimal(&'a PrimitiveArray<Decimal128Type>),
    Boolean(&'a BooleanArray),
    Date(&'a PrimitiveArray<Date32Type>),
    Timestamp(&'a PrimitiveArray<TimestampMicrosecondType>),
}

impl<'a> Values<'a> {
    fn of(column: &'a ArrayRef) -> Result<Self, IngestError> {
        Ok(match column.data_type() {
            DataType::Utf8 => Self::Text(column.as_string()),
            DataType::Int8 => Self::Int8(column.as_primitive()),
            DataType::Int16 => Self::Int16(column.as_primitive()),
            DataType::Int32 => Self::Int32(column.as_primitive()),
            DataType::Int64 => Self::Int64(column.as_primitive()),
            DataType::Float64 => Self::Double(column.as_primitive()),
            DataType::Decimal128(..) => Self::Decimal(column.as_primitive()),
            DataType::Boolean => Self::Boolean(column.as_boolean()),
            DataType::Date32 => Self::Date(column.as_primitive()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => Self::Timestamp(column.as_primitive()),
            other => return Err(IngestError::Bug(format!("a landed column cannot be of type {other}"))),
        })
    }

    fn is_null(&self, row: usize) -> bool {
        let array: &dyn Array = match self {
            Self::Text(values) => *values,
            Self::Int8(values) => *values,
            Self::Int16(values) => *values,
            Self::Int32(values) => *values,
            Self::Int64(values) => *values,
            Self::Double(values) => *values,
            Self::Decimal(values) => *values,
            Self::Boolean(values) => *values,
            Self::Date(values) => *values,
            Self::Timestamp(values) => *values,
        };
        array.is_null(row)
    }

    fn append(&self, row: usize, buffer: &mut Vec<u8>) {
        if self.is_null(row) {
            buffer.push(0);
            return;
        }
        buffer.push(1);
        let int = |value: i64, buffer: &mut Vec<u8>| buffer.extend_from_slice(&value.to_le_bytes());
        match self {
            Self::Text(values) => {
                let text = values.value(row).as_bytes();
                int(i64::try_from(text.len()).unwrap_or(i64::MAX), buffer);
                buffer.extend_from_slice(text);
            }
            Self::Int8(values) => int(i64::from(values.value(row)), buffer),
            Self::Int16(values) => int(i64::from(values.value(row)), buffer),
            Self::Int32(values) => int(i64::from(values.value(row)), buffer),
            Self::Int64(values) => int(values.value(row), buffer),
            Self::Double(values) => {
                let value = values.value(row);
                // The two zeros are equal, so they must hash alike.
                let value = if value == 0.0 { 0.0 } else { value };
                buffer.extend_from_slice(&value.to_le_bytes());
            }
            Self::Decimal(values) => buffer.extend_from_slice(&values.value(row).to_le_bytes()),
            Self::Boolean(values) => buffer.push(u8::from(values.value(row))),
            Self::Date(values) => int(i64::from(values.value(row)), buffer),
            Self::Timestamp(values) => int(values.value(row), buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;

    use super::*;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn texts(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringArray::from(values.to_vec()))
    }

    #[test]
    fn a_key_keeps_its_columns_apart() {
        let rows = batch(vec![
            ("a", texts(&[Some("ab"), Some("a"), None, Some("")])),
            ("b", texts(&[Some("c"), Some("bc"), Some("x"), Some("x")])),
        ]);
        let (keys, _) = hash_rows(&rows, &[0, 1], None).unwrap();
        let distinct: std::collections::BTreeSet<u128> = keys.iter().copied().collect();
        assert_eq!(distinct.len(), 4);
    }

    #[test]
    fn a_key_outlives_the_widening_of_an_integer() {
        let narrow = batch(vec![("n", Arc::new(PrimitiveArray::<Int8Type>::from(vec![-3]))), ("t", texts(&[None]))]);
        let wide = batch(vec![("n", Arc::new(Int64Array::from(vec![-3]))), ("t", texts(&[Some("other")]))]);
        let (narrow, wide) = (hash_rows(&narrow, &[0], None).unwrap(), hash_rows(&wide, &[0], None).unwrap());
        assert_eq!(narrow.0, wide.0);
        assert_ne!(narrow.1, wide.1);
    }

    #[test]
    fn hashes_are_laid_down() {
        // These values stand in landed objects: a change of them would make every resent row look new.
        let rows = batch(vec![("a", texts(&[Some("answer-1")])), ("b", Arc::new(Int64Array::from(vec![10])))]);
        let (keys, hashes) = hash_rows(&rows, &[0], None).unwrap();
        let mut bytes = vec![1, 8, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend_from_slice(b"answer-1");
        assert_eq!(keys, [xxh3_128(&bytes)]);
        let named = |name: &str, value: &[u8]| [&xxh3_64(name.as_bytes()).to_le_bytes(), value].concat();
        // By the hashes of their names.
        let row = [named("a", &bytes), named("b", &[1, 10, 0, 0, 0, 0, 0, 0, 0])].concat();
        assert_eq!(hashes, [xxh3_64(&row).cast_signed()]);
        let wider = batch(vec![
            ("a", texts(&[Some("answer-1")])),
            ("z", texts(&[None])),
            ("b", Arc::new(Int64Array::from(vec![10]))),
        ]);
        assert_eq!(
            hash_rows(&wider, &[0], None).unwrap().1,
            hashes,
            "a column that the contract gains changes no old row"
        );
        let alone = batch(vec![("a", texts(&[Some("answer-1")]))]);
        assert_eq!(
            hash_rows(&rows, &[0], Some(1)).unwrap(),
            hash_rows(&alone, &[0], None).unwrap(),
            "it does not count"
        );
        let turned = rows.project(&[1, 0]).unwrap();
        assert_eq!(hash_rows(&turned, &[1], None).unwrap(), (keys, hashes), "nor does another order of its columns");
    }
}
