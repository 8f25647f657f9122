//! The laws of the functions over purchases, whose rows are customers.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Date32Array, Float64Array};
use datafusion::common::ScalarValue;
use proptest::prelude::*;

use crate::laws::{Call, GROUPS, Grouping, obey_the_laws};

#[derive(Debug, Clone)]
struct Row {
    x: Option<f64>,
    t_x: Option<f64>,
    age: Option<f64>,
    monetary: Option<f64>,
    day: Option<i32>,
    group: usize,
    passes: Option<bool>,
}

const MOST: usize = 36;

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (0..5_u8, 1..=4_u8, 0..8_u8, 1..400_u32, 0..90_i32, 0..GROUPS, 0..10_u8, prop::bool::weighted(0.8))
        .prop_map(|(x, part, age, cents, day, group, null, passes)| {
            let age = f64::from(age) * 2.5 + 1.0;
            let x = f64::from(x);
            let t_x = if x > 0.0 { age * f64::from(part) / 4.0 } else { 0.0 };
            let unless = |place: u8, value| (null != place).then_some(value);
            Row {
                x: unless(0, x),
                t_x: unless(1, t_x),
                age: unless(2, age),
                monetary: unless(3, f64::from(cents) / 10.0),
                day: (null != 4).then_some(20_000 + day),
                group,
                passes: (null != 5).then_some(passes),
            }
        });
    prop::collection::vec(row, 2..MOST)
}

fn calls(rows: &[Row]) -> Vec<Call> {
    let doubles =
        |part: fn(&Row) -> Option<f64>| -> ArrayRef { Arc::new(rows.iter().map(part).collect::<Float64Array>()) };
    let (x, t_x, age) = (doubles(|row| row.x), doubles(|row| row.t_x), doubles(|row| row.age));
    let monetary = doubles(|row| row.monetary);
    let days: ArrayRef = Arc::new(rows.iter().map(|row| row.day).collect::<Date32Array>());
    let purchases = [&x, &t_x, &age];
    let rfm = |unit: &str| {
        Call::new("rfm", &[&days, &monetary], &[ScalarValue::Date32(Some(20_060)), ScalarValue::from(unit)])
    };
    vec![
        rfm("day"),
        rfm("week"),
        rfm("month"),
        Call::new("bgnbd_fit", &purchases, &[]),
        Call::new("mbgnbd_fit", &purchases, &[]),
        Call::new("pareto_nbd_fit", &purchases, &[]),
        Call::new("gamma_gamma_fit", &[&x, &monetary], &[]),
    ]
}

/// The functions that are under the laws here.
pub(crate) fn under() -> Vec<&'static str> {
    calls(&[]).iter().map(|call| call.function).collect()
}

fn grouping(rows: &[Row]) -> Grouping {
    Grouping { groups: rows.iter().map(|row| row.group).collect(), passes: rows.iter().map(|row| row.passes).collect() }
}

obey_the_laws!(rows(), MOST, calls, grouping, 12);

#[test]
fn a_null_state_counts_nothing() {
    let row =
        Row { x: Some(1.0), t_x: Some(2.0), age: Some(3.0), monetary: Some(4.0), day: Some(0), group: 0, passes: None };
    for call in calls(&[row]) {
        call.reads_null_states();
    }
}
