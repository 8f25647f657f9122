//! The content hash of a published file: equal hashes mean equal columns and equal rows in equal order.
//!
//! It is taken over the Arrow values and not over the bytes of the file, so it depends neither on how rows were cut into
//! batches nor on what the Parquet writer made of them; a partition whose rows did not change is then not published again.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::error::Result;
use xxhash_rust::xxh3::Xxh3;

/// A hash that rows are added to.
pub(crate) struct ContentHash {
    rows: RowConverter,
    hash: Xxh3,
}

impl ContentHash {
    /// The hash of no rows of these columns.
    pub(crate) fn new(schema: &SchemaRef) -> Result<Self> {
        let fields = schema.fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
        let mut hash = Xxh3::new();
        for field in schema.fields() {
            add(&mut hash, field.name().as_bytes());
            add(&mut hash, field.data_type().to_string().as_bytes());
        }
        Ok(Self { rows: RowConverter::new(fields)?, hash })
    }

    /// Adds rows.
    pub(crate) fn update(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        for row in &self.rows.convert_columns(batch.columns())? {
            add(&mut self.hash, row.data());
        }
        Ok(())
    }

    /// The hash as 32 hex digits.
    pub(crate) fn finish(self) -> String {
        format!("{:032x}", self.hash.digest128())
    }
}

impl std::fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ContentHash")
    }
}

/// Adds a length and the bytes, so that two neighbours cannot be taken for one.
fn add(hash: &mut Xxh3, bytes: &[u8]) {
    hash.update(&(bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Int64Array, StringArray, StructArray};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn rows(name: &str, values: &[Option<&str>]) -> RecordBatch {
        let text = StringArray::from(values.to_vec());
        let numbers = Arc::new(Int64Array::from_iter_values(0..values.len() as i64));
        let pair = StructArray::from(vec![(Arc::new(Field::new("n", DataType::Int64, true)), numbers as _)]);
        let schema = Schema::new(vec![
            Field::new(name, DataType::Utf8, true),
            Field::new("pair", pair.data_type().clone(), true),
        ]);
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(text), Arc::new(pair)]).unwrap()
    }

    use datafusion::arrow::array::Array;

    fn hash(batches: &[RecordBatch]) -> String {
        let mut hash = ContentHash::new(&batches[0].schema()).unwrap();
        for batch in batches {
            hash.update(batch).unwrap();
        }
        hash.finish()
    }

    #[test]
    fn batch_boundaries_do_not_count() {
        let whole = rows("a", &[Some("x"), None, Some(""), Some("yy")]);
        let parts = [whole.slice(0, 1), whole.slice(1, 0), whole.slice(1, 3)];
        assert_eq!(hash(std::slice::from_ref(&whole)), hash(&parts));
    }

    #[test]
    fn order_values_nulls_and_names_count() {
        let base = hash(&[rows("a", &[Some("x"), Some("y")])]);
        assert_ne!(base, hash(&[rows("a", &[Some("y"), Some("x")])]));
        assert_ne!(base, hash(&[rows("b", &[Some("x"), Some("y")])]));
        assert_ne!(base, hash(&[rows("a", &[Some("xy"), Some("")])]));
        assert_ne!(hash(&[rows("a", &[None])]), hash(&[rows("a", &[Some("")])]));
    }
}
