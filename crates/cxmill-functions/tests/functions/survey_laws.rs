//! The laws of the functions over survey scores.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Float64Array, Int8Array, Int64Array};
use datafusion::common::ScalarValue;
use proptest::prelude::*;

use crate::laws::{Call, GROUPS, Grouping, obey_the_laws};

#[derive(Debug, Clone)]
struct Row {
    score: Option<i8>,
    weight: Option<f64>,
    is_after: Option<bool>,
    group: usize,
    passes: Option<bool>,
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        prop::option::weighted(0.85, 0..=10_i8),
        prop::option::weighted(0.9, (0..2_000_u32).prop_map(|tenths| f64::from(tenths) / 10.0)),
        prop::option::weighted(0.9, any::<bool>()),
        0..GROUPS,
        prop::option::weighted(0.9, prop::bool::weighted(0.7)),
    )
        .prop_map(|(score, weight, is_after, group, passes)| Row { score, weight, is_after, group, passes });
    prop::collection::vec(row, 1..MOST)
}

const MOST: usize = 120;

/// Every aggregate over scores, over every type family of score that it takes.
fn calls(rows: &[Row]) -> Vec<Call> {
    let int8 =
        |map: fn(i8) -> i8| -> ArrayRef { Arc::new(rows.iter().map(|row| row.score.map(map)).collect::<Int8Array>()) };
    let int64: ArrayRef = Arc::new(rows.iter().map(|row| row.score.map(i64::from)).collect::<Int64Array>());
    let double: ArrayRef = Arc::new(rows.iter().map(|row| row.score.map(f64::from)).collect::<Float64Array>());
    let effort: ArrayRef =
        Arc::new(rows.iter().map(|row| row.score.map(|score| 1.0 + f64::from(score) * 0.6)).collect::<Float64Array>());
    let weight: ArrayRef = Arc::new(rows.iter().map(|row| row.weight).collect::<Float64Array>());
    let is_after: ArrayRef = Arc::new(rows.iter().map(|row| row.is_after).collect::<BooleanArray>());
    let call = |function, columns: &[&ArrayRef], constants: &[f64]| {
        Call::new(function, columns, &constants.iter().copied().map(ScalarValue::from).collect::<Vec<_>>())
    };
    let (score, score_of_effort) = (int8(|score| score), int8(|score| score.max(1)));
    vec![
        call("nps", &[&score], &[]),
        call("nps", &[&double], &[]),
        call("nps", &[&int64, &weight], &[]),
        call("nps_parts", &[&int64], &[]),
        call("nps_interval", &[&score], &[0.9]),
        call("nps_se", &[&int64], &[]),
        call("nps_differs", &[&score, &is_after], &[0.95]),
        call("csat", &[&int64], &[8.0]),
        call("csat_interval", &[&double], &[8.0, 0.99]),
        call("ces", &[&effort], &[]),
        call("ces", &[&score_of_effort], &[10.0]),
    ]
}

/// The functions that are under the laws here.
pub(crate) fn under() -> Vec<&'static str> {
    calls(&[]).iter().map(|call| call.function).collect()
}

fn grouping(rows: &[Row]) -> Grouping {
    Grouping { groups: rows.iter().map(|row| row.group).collect(), passes: rows.iter().map(|row| row.passes).collect() }
}

obey_the_laws!(rows(), MOST, calls, grouping, 48);

#[test]
fn a_null_state_counts_nothing() {
    for call in calls(&[Row { score: Some(9), weight: Some(1.0), is_after: Some(true), group: 0, passes: None }]) {
        call.reads_null_states();
    }
}
