//! Rows of all common types, drawn at random.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int8Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray, UInt64Array,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::util::pretty::pretty_format_batches;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;

/// One event.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    channel: Option<String>,
    day: Option<i32>,
    whole: Option<i64>,
    small: Option<i8>,
    large: Option<u64>,
    double: Option<f64>,
    other: Option<f64>,
    money: Option<i128>,
    text: Option<String>,
    flag: Option<bool>,
    at: Option<i64>,
}

pub(crate) fn schema() -> SchemaRef {
    let field = |name: &str, data_type: DataType| Field::new(name, data_type, true);
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        field("channel", DataType::Utf8),
        field("day", DataType::Date32),
        field("whole", DataType::Int64),
        field("small", DataType::Int8),
        field("large", DataType::UInt64),
        field("double", DataType::Float64),
        field("other", DataType::Float64),
        field("money", DataType::Decimal128(12, 2)),
        field("text", DataType::Utf8),
        field("flag", DataType::Boolean),
        field("at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
    ]))
}

/// The events of one part in batches of at most `rows`; their ids go on from `first`.
pub(crate) fn batches(events: &[Event], first: usize, rows: usize) -> Vec<RecordBatch> {
    let batch = |(place, events): (usize, &[Event])| {
        let from = i64::try_from(first + place * rows).unwrap();
        let each = || events.iter().cloned();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(from..from + i64::try_from(events.len()).unwrap())),
            Arc::new(each().map(|event| event.channel).collect::<StringArray>()),
            Arc::new(each().map(|event| event.day).collect::<Date32Array>()),
            Arc::new(each().map(|event| event.whole).collect::<Int64Array>()),
            Arc::new(each().map(|event| event.small).collect::<Int8Array>()),
            Arc::new(each().map(|event| event.large).collect::<UInt64Array>()),
            Arc::new(each().map(|event| event.double).collect::<Float64Array>()),
            Arc::new(each().map(|event| event.other).collect::<Float64Array>()),
            Arc::new(
                each().map(|event| event.money).collect::<Decimal128Array>().with_precision_and_scale(12, 2).unwrap(),
            ),
            Arc::new(each().map(|event| event.text).collect::<StringArray>()),
            Arc::new(each().map(|event| event.flag).collect::<BooleanArray>()),
            Arc::new(each().map(|event| event.at).collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        ];
        RecordBatch::try_new(schema(), columns).unwrap()
    };
    events.chunks(rows).enumerate().map(batch).collect()
}

/// An event; `filled` is the chance of a value that is not NULL.
fn event(filled: f64) -> impl Strategy<Value = Event> {
    let words = ["", "a", "b", "ab", "é", "zz", "ü z"];
    (
        weighted(0.9, prop::sample::select(vec!["web", "app", "store"]).prop_map(str::to_owned)),
        weighted(0.9, 20_000..20_004_i32),
        weighted(filled, -50..50_i64),
        weighted(filled, 0..=10_i8),
        weighted(filled, prop_oneof![0..5_u64, u64::MAX - 3..=u64::MAX]),
        weighted(filled, -100.0..100.0_f64),
        weighted(filled, (0..8_i32).prop_map(f64::from)),
        weighted(filled, -10_000..10_000_i128),
        weighted(filled, prop::sample::select(words.to_vec()).prop_map(str::to_owned)),
        weighted(filled, any::<bool>()),
        weighted(filled, 1_700_000_000_000_000..1_700_000_000_001_000_i64),
    )
        .prop_map(|(channel, day, whole, small, large, double, other, money, text, flag, at)| Event {
            channel,
            day,
            whole,
            small,
            large,
            double,
            other,
            money,
            text,
            flag,
            at,
        })
}

/// Rows by parts, each in batches; shown as tables.
#[derive(Clone)]
pub(crate) struct Parts(pub(crate) Vec<Vec<RecordBatch>>);

impl std::fmt::Debug for Parts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for part in &self.0 {
            writeln!(formatter, "part in {} batches\n{}", part.len(), pretty_format_batches(part).unwrap())?;
        }
        Ok(())
    }
}

/// One to four parts, some of them empty, some of NULLs only, each in batches of its own size.
pub(crate) fn parts() -> impl Strategy<Value = Parts> {
    let part = prop_oneof![
        1 => Just(Vec::new()),
        1 => vec(event(0.001), 1..10),
        6 => vec(event(0.85), 1..60),
    ];
    vec((part, 1..70_usize), 1..5).prop_map(|parts| {
        let mut first = 0;
        let batches = parts
            .into_iter()
            .map(|(events, rows)| {
                let batches = batches(&events, first, rows);
                first += events.len();
                batches
            })
            .collect();
        Parts(batches)
    })
}

/// One part of many rows in small batches.
pub(crate) fn long_part() -> impl Strategy<Value = Parts> {
    vec(event(0.85), 120..160).prop_map(|events| Parts(vec![batches(&events, 0, 8)]))
}
