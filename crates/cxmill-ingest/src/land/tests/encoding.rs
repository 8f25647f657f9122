//! How landed objects are encoded: which columns get a dictionary, and that every value survives.

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::SchemaRef;
use parquet::basic::Encoding as Written;
use parquet::file::metadata::RowGroupMetaData;
use proptest::prelude::*;

use super::*;
use crate::land::prepare::PreparedRows;
use crate::land::segment::Segment;
use crate::land::write::{encode_rows, landed_properties};

/// Rows with columns that repeat themselves and columns that do not.
fn rows(numbers: &[u32]) -> RecordBatch {
    let texts = |text: &dyn Fn(u32) -> Option<String>| -> ArrayRef {
        Arc::new(numbers.iter().map(|n| text(*n)).collect::<StringArray>())
    };
    let times = TimestampMicrosecondArray::from_iter_values(numbers.iter().map(|n| i64::from(*n) * 1_000));
    RecordBatch::try_from_iter_with_nullable(vec![
        ("at", Arc::new(times.with_timezone("UTC")) as ArrayRef, false),
        ("id", texts(&|n| Some(format!("id-{n}"))), true),
        ("channel", texts(&|n| (n % 7 > 0).then(|| format!("channel-{}", n % 5))), true),
        ("amount", Arc::new(Float64Array::from_iter_values(numbers.iter().map(|n| f64::from(*n) / 3.0))), true),
        ("score", Arc::new(Int64Array::from_iter(numbers.iter().map(|n| Some(i64::from(n % 11))))), true),
        ("again", Arc::new(numbers.iter().map(|n| (n % 4 > 0).then_some(n % 3 > 0)).collect::<BooleanArray>()), true),
    ])
    .unwrap()
}

fn prepared(batch: RecordBatch) -> PreparedRows {
    let (lines, offsets, keys, hashes) = Default::default();
    let dates = (0..batch.num_rows()).map(|row| i32::try_from(row % 3).unwrap()).collect();
    PreparedRows { batch, lines, offsets, dates, keys, hashes }
}

/// The blocks as one segment, and its rows in this order as an object.
fn encoded(blocks: &[RecordBatch], order: &[u32], schema: &SchemaRef) -> Vec<u8> {
    let mut segment = Segment::default();
    blocks.iter().enumerate().for_each(|(file, block)| segment.push(file, prepared(block.clone())));
    let properties = landed_properties("events", 1, schema, Some(0));
    encode_rows(&segment.seal(Some(0)).unwrap(), order, schema, &properties, &[]).unwrap()
}

fn read(object: Vec<u8>) -> (RecordBatch, RowGroupMetaData) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(object)).unwrap();
    let (schema, group) = (Arc::clone(reader.schema()), reader.metadata().row_group(0).clone());
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    (concat_batches(&schema, &batches).unwrap(), group)
}

#[test]
fn only_columns_that_repeat_themselves_get_a_dictionary() {
    let numbers: Vec<u32> = (0..30_000).collect();
    let batch = rows(&numbers);
    let (_, group) = read(encoded(std::slice::from_ref(&batch), &numbers, &batch.schema()));
    let dictionary: Vec<bool> =
        group.columns().iter().map(|column| column.encodings().any(|e| e == Written::RLE_DICTIONARY)).collect();
    assert_eq!(dictionary, [false, false, true, false, true, false]);
    assert!(group.column(1).encodings().any(|encoding| encoding == Written::DELTA_LENGTH_BYTE_ARRAY));
    assert!(group.columns().iter().all(|column| column.statistics().is_some()), "every column has statistics");
}

#[test]
fn a_sample_is_taken_from_all_of_an_object() {
    // The first rows all differ, the others are all the same: a look at the beginning alone would see no repetition.
    let numbers: Vec<u32> = (0..30_000).map(|n| n.min(3_000)).collect();
    let order: Vec<u32> = (0..30_000).collect();
    let batch = rows(&numbers);
    let (read, group) = read(encoded(std::slice::from_ref(&batch), &order, &batch.schema()));
    assert!(group.column(1).encodings().any(|encoding| encoding == Written::RLE_DICTIONARY));
    assert_eq!(read.columns(), batch.columns());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_value_survives_in_the_order_asked_for(
        blocks in proptest::collection::vec(proptest::collection::vec(0..100_000_u32, 1..400), 1..5),
        seed in any::<u64>(),
    ) {
        let blocks: Vec<RecordBatch> = blocks.iter().map(|numbers| rows(numbers)).collect();
        let schema = blocks[0].schema();
        let whole = concat_batches(&schema, &blocks).unwrap();
        let mut order: Vec<u32> = (0..u32::try_from(whole.num_rows()).unwrap()).collect();
        order.sort_by_key(|row| (u64::from(*row) + 1).wrapping_mul(seed | 1));
        let (read, _) = read(encoded(&blocks, &order, &schema));
        let expected = take_record_batch(&whole, &UInt32Array::from(order)).unwrap();
        prop_assert_eq!(read.columns(), expected.columns());
    }

    #[test]
    fn a_sealed_segment_knows_the_file_and_the_date_of_each_row(
        blocks in proptest::collection::vec(1..40_u32, 1..8),
    ) {
        let mut segment = Segment::default();
        let mut expected = Vec::new();
        for (file, rows_of_block) in blocks.iter().enumerate() {
            segment.push(file, prepared(rows(&(0..*rows_of_block).collect::<Vec<u32>>())));
            expected.extend((0..*rows_of_block).map(|row| (file, i32::try_from(row % 3).unwrap())));
        }
        let dates = std::mem::take(&mut segment.dates);
        let sealed = segment.seal(Some(0)).unwrap();
        let mut seen = 0;
        for (date, rows) in &dates {
            prop_assert!(rows.is_sorted());
            for row in rows {
                prop_assert_eq!((sealed.file(*row), *date), expected[*row as usize]);
            }
            let mut counts = BTreeMap::new();
            rows.iter().for_each(|row| *counts.entry(sealed.file(*row)).or_default() += 1_u64);
            prop_assert_eq!(sealed.by_file(rows), counts);
            seen += rows.len();
        }
        prop_assert_eq!(seen, expected.len());
    }
}
