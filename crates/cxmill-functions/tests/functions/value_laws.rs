//! The laws of `laws.rs` for the functions over purchases, whose rows are customers. All comparisons are exact, to the last bit.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, new_null_array};
use datafusion::arrow::compute::{concat, take};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::EmitTo;
use proptest::prelude::*;

use crate::laws::{Call, state_of, through_parquet};

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

const GROUPS: usize = 3;
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
    let purchases = || vec![Arc::clone(&x), Arc::clone(&t_x), Arc::clone(&age)];
    let call = |function, columns| Call { function, columns, constants: vec![] };
    let rfm = |unit: &str| Call {
        function: "rfm",
        columns: vec![Arc::clone(&days), Arc::clone(&monetary)],
        constants: vec![ScalarValue::Date32(Some(20_060)), ScalarValue::from(unit)],
    };
    vec![
        rfm("day"),
        rfm("week"),
        rfm("month"),
        call("bgnbd_fit", purchases()),
        call("mbgnbd_fit", purchases()),
        call("pareto_nbd_fit", purchases()),
        call("gamma_gamma_fit", vec![Arc::clone(&x), Arc::clone(&monetary)]),
    ]
}

/// The functions that are under the laws here.
pub(crate) fn under() -> Vec<&'static str> {
    calls(&[]).iter().map(|call| call.function).collect()
}

/// Rows that count: complete ones, and for Gamma-Gamma those who came back.
fn complete(call: &Call, rows: &[Row]) -> BooleanArray {
    (0..rows.len()).map(|i| Some(call.columns.iter().all(|column| column.is_valid(i)))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_split_in_any_order_merges_to_the_single_pass(
        (rows, order) in rows().prop_flat_map(|rows| {
            let order: Vec<i64> = (0..rows.len() as i64).collect();
            (Just(rows), Just(order).prop_shuffle())
        }),
        cuts in prop::collection::vec(0..MOST, 0..5),
    ) {
        for call in calls(&rows) {
            let order = Int64Array::from(order.clone());
            let shuffled: Vec<ArrayRef> = call.all().iter().map(|column| take(column, &order, None).unwrap()).collect();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % rows.len()).chain([0, rows.len()]).collect();
            cuts.sort_unstable();
            let mut total = call.plan().create_accumulator().unwrap();
            for part in cuts.windows(2) {
                let mut accumulator = call.plan().create_accumulator().unwrap();
                let slice: Vec<ArrayRef> = shuffled.iter().map(|column| column.slice(part[0], part[1] - part[0])).collect();
                accumulator.update_batch(&slice).unwrap();
                total.merge_batch(&state_of(accumulator.as_mut())).unwrap();
            }
            let single = call.one_pass(&call.kept(&complete(&call, &rows)));
            prop_assert_eq!(total.evaluate().unwrap(), single.clone(), "{}", call.function);
            let shown = single.to_string().to_lowercase();
            prop_assert!(!shown.contains("nan") && !shown.contains("inf"), "{}: {shown}", call.function);
        }
    }

    #[test]
    fn both_kinds_of_accumulator_keep_one_state_and_it_survives_parquet(rows in rows(), first in 0..=GROUPS) {
        let groups: Vec<usize> = rows.iter().map(|row| row.group).collect();
        let passes: BooleanArray = rows.iter().map(|row| row.passes).collect();
        for call in calls(&rows) {
            let plan = call.plan();
            let declared = plan.state_fields().unwrap();
            let mut by_group = plan.create_groups_accumulator().unwrap();
            by_group.update_batch(&call.all(), &groups, Some(&passes), GROUPS).unwrap();
            let state = through_parquet(&by_group.state(EmitTo::All).unwrap(), &declared);
            let row_states = plan.create_groups_accumulator().unwrap().convert_to_state(&call.all(), Some(&passes)).unwrap();
            let mut merged = plan.create_groups_accumulator().unwrap();
            merged.merge_batch(&row_states, &groups, GROUPS).unwrap();
            let merged = merged.state(EmitTo::All).unwrap();
            let mut restored = plan.create_groups_accumulator().unwrap();
            restored.merge_batch(&state, &(0..GROUPS).collect::<Vec<_>>(), GROUPS).unwrap();
            let head = restored.evaluate(EmitTo::First(first)).unwrap();
            let results = concat(&[head.as_ref(), restored.evaluate(EmitTo::All).unwrap().as_ref()]).unwrap();
            for group in 0..GROUPS {
                let own: BooleanArray =
                    rows.iter().map(|row| Some(row.group == group && row.passes == Some(true))).collect();
                let mut one = plan.create_accumulator().unwrap();
                one.update_batch(&call.kept(&own)).unwrap();
                for (column, own) in state_of(one.as_mut()).iter().enumerate() {
                    prop_assert_eq!(own.data_type(), declared[column].data_type());
                    prop_assert_eq!(own, &state[column].slice(group, 1), "{}", call.function);
                    prop_assert_eq!(own, &merged[column].slice(group, 1), "{}", call.function);
                }
                let result = ScalarValue::try_from_array(&results, group).unwrap();
                prop_assert_eq!(result, one.evaluate().unwrap(), "{}", call.function);
            }
        }
    }

    #[test]
    fn rows_that_leave_the_window_leave_nothing(rows in rows(), cut in 0..MOST) {
        let cut = cut % (rows.len() + 1);
        for call in calls(&rows) {
            let mut accumulator = call.plan().create_sliding_accumulator().unwrap();
            prop_assert!(accumulator.supports_retract_batch());
            accumulator.update_batch(&call.all()).unwrap();
            accumulator.retract_batch(&call.slice(0, cut)).unwrap();
            let rest = call.one_pass(&call.slice(cut, rows.len() - cut));
            prop_assert_eq!(accumulator.evaluate().unwrap(), rest, "{}", call.function);
        }
    }
}

#[test]
fn a_null_state_counts_nothing() {
    let row =
        Row { x: Some(1.0), t_x: Some(2.0), age: Some(3.0), monetary: Some(4.0), day: Some(0), group: 0, passes: None };
    for call in calls(&[row]) {
        let plan = call.plan();
        let mut accumulator = plan.create_accumulator().unwrap();
        let nulls: Vec<ArrayRef> =
            plan.state_fields().unwrap().iter().map(|field| new_null_array(field.data_type(), 3)).collect();
        accumulator.merge_batch(&nulls).unwrap();
        let nothing = call.one_pass(&call.slice(0, 0));
        assert_eq!(accumulator.evaluate().unwrap(), nothing, "{}", call.function);
        assert_eq!(plan.default_value(&nothing.data_type()).unwrap(), nothing, "{}", call.function);
    }
}
