//! Columnar batches.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, LargeStringArray,
    ListArray, RecordBatch, StringArray, StringViewArray, StructArray, TimestampMillisecondArray,
    TimestampNanosecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int32Type, TimestampMicrosecondType};
use cxmill_spec::{Column, ColumnType, Format, Source};

use crate::contract::columnar::enforce;
use crate::contract::testing::{ISO, KEY, column, from, private, required, source};
use crate::decode::Decoded;

fn run(columns: Vec<Column>, arrays: Vec<(&str, ArrayRef)>) -> Decoded {
    run_source(&source(Format::Parquet, columns), arrays)
}

fn run_source(source: &Source, arrays: Vec<(&str, ArrayRef)>) -> Decoded {
    let batch =
        RecordBatch::try_from_iter_with_nullable(arrays.into_iter().map(|(name, array)| (name, array, true))).unwrap();
    let decoded = enforce(source, Some(&KEY), &batch, 101).unwrap();
    assert_eq!(decoded.batch.schema(), crate::contract::landed_schema(source));
    assert_eq!(decoded.rows as usize, decoded.batch.num_rows() + decoded.rejects.len());
    decoded
}

#[test]
fn numbers_take_the_declared_type_or_cost_their_row() {
    let decoded = run(
        vec![column("n", ColumnType::Int8), column("x", ColumnType::Double), column("u", ColumnType::Int64)],
        vec![
            ("n", Arc::new(Int64Array::from(vec![Some(1), Some(300), None, Some(4)]))),
            ("x", Arc::new(Float64Array::from(vec![0.1, 1.0, 2.0, f64::NAN]))),
            ("u", Arc::new(UInt64Array::from(vec![5, 6, 7, 8]))),
        ],
    );
    assert_eq!(decoded.lines, [101, 103]);
    let told: Vec<_> = decoded.rejects.iter().map(|r| format!("{} {} {}", r.line, r.rule, r.message)).collect();
    assert_eq!(
        told,
        [
            "102 type n: expected a whole number from -128 to 127, found 300",
            "104 type x: expected a finite number, found NaN"
        ]
    );
    assert_eq!(decoded.rejects[0].raw.as_deref(), Some(r#"{"n":300,"x":1.0,"u":6}"#));
}

#[test]
fn exactness_holds_between_kinds_of_numbers() {
    let decimal = ColumnType::Decimal { precision: 6, scale: 2 };
    let decimals = Decimal128Array::from(vec![12_340, 12_345]).with_precision_and_scale(10, 3).unwrap();
    let decoded = run(
        vec![from(column("d", decimal), &["d"]), from(column("i", ColumnType::Int64), &["f"])],
        vec![("d", Arc::new(decimals)), ("f", Arc::new(Float64Array::from(vec![3.0, 3.0])))],
    );
    assert_eq!(decoded.lines, [101]);
    assert!(decoded.rejects[0].message.contains("12.345"));
    let fraction =
        run(vec![column("f", ColumnType::Int64)], vec![("f", Arc::new(Float64Array::from(vec![1.5, 1e18])))]);
    assert_eq!(fraction.lines, [102]);
    assert_eq!(
        fraction.batch.column(0).as_primitive::<arrow::datatypes::Int64Type>().value(0),
        1_000_000_000_000_000_000
    );
}

#[test]
fn every_kind_of_text_is_a_string() {
    let dictionary: arrow::array::DictionaryArray<Int32Type> = vec![Some("a"), None].into_iter().collect();
    let texts: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec![Some("a"), None])),
        Arc::new(LargeStringArray::from(vec![Some("a"), None])),
        Arc::new(StringViewArray::from(vec![Some("a"), None])),
        Arc::new(dictionary),
        Arc::new(arrow::array::BinaryArray::from(vec![Some(&b"a"[..]), None])),
    ];
    for text in texts {
        let decoded = run(vec![column("t", ColumnType::String)], vec![("t", Arc::clone(&text))]);
        let column = decoded.batch.column(0).as_string::<i32>();
        assert_eq!((column.value(0), column.is_null(1)), ("a", true), "{}", text.data_type());
    }
    let number = run(vec![column("t", ColumnType::String)], vec![("t", Arc::new(Int32Array::from(vec![5])))]);
    assert_eq!(number.rejects[0].message, "t: expected a string, found 5");
}

#[test]
fn instants_become_microseconds_utc() {
    let mut rome = source(Format::Parquet, vec![column("at", ISO)]);
    rome.time_zone = chrono_tz::Tz::Europe__Rome;
    let hour = 3_600_000;
    let zoned = TimestampMillisecondArray::from(vec![10 * hour]).with_timezone("UTC");
    let local = TimestampNanosecondArray::from(vec![10 * hour * 1_000_000]);
    for (array, expected) in [(Arc::new(zoned) as ArrayRef, 10), (Arc::new(local), 9)] {
        let decoded = run_source(&rome, vec![("at", array)]);
        let column = decoded.batch.column(0).as_primitive::<TimestampMicrosecondType>();
        assert_eq!(column.value(0), expected * hour * 1000);
    }
    let text = run_source(&rome, vec![("at", Arc::new(StringArray::from(vec!["1970-01-01 10:00:00", "soon"])))]);
    assert_eq!(text.lines, [101]);
    let day = run_source(&rome, vec![("at", Arc::new(Date32Array::from(vec![1])))]);
    assert_eq!(
        day.rejects[0].message,
        "at: expected a timestamp such as 2026-01-31T10:00:00Z, found the date 1970-01-02"
    );
}

#[test]
fn paths_lead_through_structs() {
    let inner = StructArray::from((
        vec![(
            Arc::new(Field::new("mail", DataType::Utf8, true)),
            Arc::new(StringArray::from(vec!["s@x", "s@y"])) as ArrayRef,
        )],
        vec![0b01].into(),
    ));
    let decoded = run(
        vec![
            private(from(column("mail", ColumnType::String), &["who", "mail"])),
            column("gone", ColumnType::Date(cxmill_spec::DateFormat::Iso8601)),
        ],
        vec![("who", Arc::new(inner))],
    );
    let mail = decoded.batch.column(0).as_string::<i32>();
    assert_eq!(mail.value(0), KEY.hash(b"s@x"));
    assert!(mail.is_null(1), "a field of a struct that is NULL is NULL");
    assert_eq!(decoded.batch.column(1).null_count(), 2);
    assert_eq!(decoded.raw.raw(0), Some(format!(r#"{{"who":{{"mail":"{}"}}}}"#, KEY.hash(b"s@x"))));
}

#[test]
fn required_columns_and_lists() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)]), None]);
    let decoded = run(
        vec![required(column("id", ColumnType::String)), column("tags", ColumnType::String)],
        vec![("id", Arc::new(StringArray::from(vec![Some("a"), None]))), ("tags", Arc::new(list))],
    );
    let told: Vec<_> = decoded.rejects.iter().map(|r| format!("{} {}", r.rule, r.message)).collect();
    assert_eq!(told, ["type tags: expected a string, found a list", "required id: a value is required, found none"]);
}
