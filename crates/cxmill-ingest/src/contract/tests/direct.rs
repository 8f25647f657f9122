//! Columns taken as a whole hold what the way through cells gives, on random arrays of every type that a file may bring.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, LargeStringArray, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use cxmill_spec::{Column, ColumnType, Format, Literal, Rule, TimestampFormat};
use proptest::prelude::*;

use crate::contract::columnar::Enforcer;
use crate::contract::direct::direct;
use crate::contract::testing::{ISO, KEY, column, private, required, ruled, source};
use crate::contract::{Contract, landed_schema};

/// What a file may bring, with the values that sit at the edges of the types.
fn any_array() -> impl Strategy<Value = ArrayRef> {
    let seeds = proptest::collection::vec(proptest::option::weighted(0.9, any::<i64>()), 0..24);
    (seeds, 0..20u8, any::<bool>()).prop_map(|(seeds, kind, tame)| array(&seeds, kind, tame))
}

/// An array of a kind; tame values are small, so that often the whole column keeps its contract.
fn array(seeds: &[Option<i64>], kind: u8, tame: bool) -> ArrayRef {
    let ints = || seeds.iter().map(|seed| seed.map(|seed| if tame { seed.rem_euclid(12) } else { edge(seed) }));
    let texts =
        || ints().map(|int| int.map(|int| ["web", "app", "", "5", "2026-01-02", "true"][int.rem_euclid(6) as usize]));
    let doubles = || {
        ints().map(|int| {
            int.map(|int| match int.rem_euclid(16) {
                12 => f64::NAN,
                13 => f64::INFINITY,
                14 => -0.0,
                _ => int as f64 / 4.0,
            })
        })
    };
    match kind {
        0 => Arc::new(ints().map(|int| int.map(|int| int as i8)).collect::<Int8Array>()),
        1 => Arc::new(ints().map(|int| int.map(|int| int as i16)).collect::<Int16Array>()),
        2 => Arc::new(ints().map(|int| int.map(|int| int as i32)).collect::<Int32Array>()),
        3 => Arc::new(ints().collect::<Int64Array>()),
        4 => Arc::new(ints().map(|int| int.map(i64::cast_unsigned)).collect::<UInt64Array>()),
        5 => Arc::new(doubles().collect::<Float64Array>()),
        6 => Arc::new(doubles().map(|value| value.map(|value| value as f32)).collect::<Float32Array>()),
        7 => decimal(ints(), 12, 2),
        8 => decimal(ints(), 38, 2),
        9 => decimal(ints(), 12, 3),
        10 => Arc::new(ints().map(|int| int.map(|int| int % 2 == 0)).collect::<BooleanArray>()),
        11 => Arc::new(ints().map(|int| int.map(|int| int as i32)).collect::<Date32Array>()),
        12 => Arc::new(ints().collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        13 => Arc::new(ints().collect::<TimestampMillisecondArray>().with_timezone("+02:00")),
        14 => Arc::new(ints().collect::<TimestampMicrosecondArray>()),
        15 => match tame {
            true => Arc::new(ints().collect::<TimestampNanosecondArray>().with_timezone("UTC")),
            false => Arc::new(ints().map(|int| int.map(|int| int / 4)).collect::<TimestampSecondArray>()),
        },
        16 => Arc::new(texts().collect::<StringArray>()),
        17 => Arc::new(texts().collect::<LargeStringArray>()),
        18 => Arc::new(texts().collect::<StringViewArray>()),
        _ => {
            let plain: ArrayRef = Arc::new(texts().collect::<StringArray>());
            let key = Box::new(DataType::Int32);
            cast(&plain, &DataType::Dictionary(key, Box::new(DataType::Utf8))).unwrap()
        }
    }
}

/// A number near the end of some type or range.
fn edge(seed: i64) -> i64 {
    let edges = [0, 127, -128, 32_767, i64::from(i32::MAX), i64::MAX, i64::MIN, 253_402_300_800_000_000];
    edges[(seed as usize >> 2) % edges.len()].wrapping_add(seed % 3)
}

fn decimal(values: impl Iterator<Item = Option<i64>>, precision: u8, scale: i8) -> ArrayRef {
    let array: Decimal128Array = values.map(|value| value.map(i128::from)).collect();
    Arc::new(array.with_precision_and_scale(precision, scale).unwrap())
}

/// A column of every type, with and without rules.
fn any_column() -> impl Strategy<Value = Column> {
    let int = |value| Some(Literal::Int(value));
    let web = Rule::OneOf(vec![Literal::String("web".to_owned()), Literal::String("app".to_owned())]);
    let columns = vec![
        column("c", ColumnType::String),
        ruled(column("c", ColumnType::String), vec![web]),
        ruled(column("c", ColumnType::String), vec![Rule::Length(Some(1), Some(4))]),
        column("c", ColumnType::Int8),
        ruled(column("c", ColumnType::Int8), vec![Rule::Between(int(0), int(10))]),
        column("c", ColumnType::Int16),
        column("c", ColumnType::Int32),
        column("c", ColumnType::Int64),
        ruled(column("c", ColumnType::Int64), vec![Rule::Between(int(0), None)]),
        column("c", ColumnType::Double),
        ruled(column("c", ColumnType::Double), vec![Rule::Between(int(0), int(2))]),
        column("c", ColumnType::Decimal { precision: 12, scale: 2 }),
        column("c", ColumnType::Decimal { precision: 38, scale: 2 }),
        column("c", ColumnType::Boolean),
        column("c", ColumnType::Date(cxmill_spec::DateFormat::Iso8601)),
        column("c", ISO),
        column("c", ColumnType::Timestamp(TimestampFormat::EpochMillis)),
    ];
    (proptest::sample::select(columns), any::<bool>(), proptest::bool::weighted(0.1)).prop_map(
        |(column, must, hidden)| {
            let column = if must { required(column) } else { column };
            if hidden { private(column) } else { column }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn both_ways_give_the_same_rows(column in any_column(), array in any_array()) {
        let source = source(Format::Parquet, vec![column]);
        let batch = RecordBatch::try_from_iter_with_nullable([("c", array, true)]).unwrap();
        let enforcer = Enforcer::new(&source, Some(&KEY)).unwrap();
        let fast = enforcer.enforce(&batch, 7).unwrap();
        let slow = enforcer.enforce_with(|_, _, _| None, &batch, 7).unwrap();
        prop_assert_eq!(fast.batch, slow.batch);
        prop_assert_eq!(fast.lines, slow.lines);
        prop_assert_eq!(fast.rejects, slow.rejects);
        prop_assert_eq!(fast.rows, slow.rows);
    }
}

/// Whether a column takes an array as a whole.
fn taken(column: Column, array: ArrayRef) -> bool {
    let source = source(Format::Parquet, vec![column]);
    let contract = Contract::new(&source, Some(&KEY)).unwrap();
    direct(&array, &contract.columns[0], landed_schema(&source).field(0)).is_some()
}

#[test]
fn whole_columns_are_taken_where_every_value_fits_and_only_there() {
    let ints = |values: &[i64]| Arc::new(Int64Array::from(values.to_vec())) as ArrayRef;
    assert!(taken(column("c", ColumnType::Int8), ints(&[1, -128, 127])));
    assert!(!taken(column("c", ColumnType::Int8), ints(&[1, 128])));
    let score =
        ruled(column("c", ColumnType::Int8), vec![Rule::Between(Some(Literal::Int(0)), Some(Literal::Int(10)))]);
    assert!(taken(score.clone(), ints(&[0, 10])));
    assert!(!taken(score, ints(&[0, 11])));
    let texts = |values: &[Option<&str>]| Arc::new(StringViewArray::from(values.to_vec())) as ArrayRef;
    assert!(taken(column("c", ColumnType::String), texts(&[Some("a"), None])));
    assert!(!taken(required(column("c", ColumnType::String)), texts(&[Some("a"), None])));
    assert!(!taken(private(column("c", ColumnType::String)), texts(&[Some("a")])));
    assert!(!taken(column("c", ColumnType::Double), Arc::new(Float64Array::from(vec![1.0, f64::NAN]))));
}

#[test]
fn a_small_part_of_a_large_column_does_not_hold_the_whole_of_it() {
    let whole: ArrayRef = Arc::new(StringArray::from_iter_values((0..100_000).map(|n| format!("value-{n}"))));
    let part = whole.slice(50_000, 10);
    let source = source(Format::Parquet, vec![column("c", ColumnType::String)]);
    let contract = Contract::new(&source, Some(&KEY)).unwrap();
    let landed = direct(&part, &contract.columns[0], landed_schema(&source).field(0)).unwrap();
    assert_eq!(landed.as_string::<i32>().value(9), "value-50009");
    assert!(landed.get_array_memory_size() < 4_096, "{}", landed.get_array_memory_size());
}
