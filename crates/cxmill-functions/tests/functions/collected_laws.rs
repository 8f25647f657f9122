//! The laws of aggregates whose state grows with the data: journeys, retention, survival.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Float64Array, TimestampMillisecondArray};
use datafusion::arrow::datatypes::IntervalMonthDayNanoType;
use datafusion::common::ScalarValue;
use proptest::prelude::*;

use crate::call::{Argument, Call, GROUPS, Grouping};

/// A row of a journey: few distinct times, so that there are many ties and duplicates.
#[derive(Debug, Clone)]
struct Row {
    time: Option<i64>,
    steps: Vec<Option<bool>>,
    duration: Option<f64>,
    tenure: u8,
    event: Option<bool>,
    group: usize,
    passes: Option<bool>,
}

const MOST_STEPS: usize = 70;

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        prop::option::weighted(0.9, -20_000..20_000_i64),
        prop::collection::vec(prop::option::weighted(0.9, prop::bool::weighted(0.3)), MOST_STEPS),
        prop::option::weighted(0.9, prop_oneof![(0..6_u8).prop_map(f64::from), 0.0..1e6]),
        1..6_u8,
        prop::option::weighted(0.9, any::<bool>()),
        0..GROUPS,
        prop::option::weighted(0.9, prop::bool::weighted(0.7)),
    )
        .prop_map(|(time, steps, duration, tenure, event, group, passes)| Row {
            // A third of a minute apart at most, in quarters of it.
            time: time.map(|time| time / 5_000 * 5_000),
            steps,
            duration,
            tenure,
            event,
            group,
            passes,
        });
    prop::collection::vec(row, 1..80)
}

/// A call, the columns whose NULL means that the row is not there, and whether rows can be given back.
type Case = (Call, Vec<usize>, bool);

fn cases(rows: &[Row]) -> Vec<Case> {
    let window = |milliseconds: i64| {
        let interval = IntervalMonthDayNanoType::make_value(0, 0, milliseconds * 1_000_000);
        Argument::Constant(ScalarValue::IntervalMonthDayNano(Some(interval)))
    };
    let times: ArrayRef = Arc::new(rows.iter().map(|row| row.time).collect::<TimestampMillisecondArray>());
    let step = |i: usize| -> ArrayRef { Arc::new(rows.iter().map(|row| row.steps[i]).collect::<BooleanArray>()) };
    let duration: ArrayRef = Arc::new(rows.iter().map(|row| row.duration).collect::<Float64Array>());
    let tenure: ArrayRef =
        Arc::new(rows.iter().map(|row| row.duration.map(|_| f64::from(row.tenure))).collect::<Float64Array>());
    let event: ArrayRef = Arc::new(rows.iter().map(|row| row.event).collect::<BooleanArray>());
    let funnel = |function, steps: usize, milliseconds| {
        let mut arguments = vec![window(milliseconds), Argument::Column(Arc::clone(&times))];
        arguments.extend((0..steps).map(|i| Argument::Column(step(i))));
        (Call { function, arguments }, vec![1], false)
    };
    let survival = |function, duration: &ArrayRef, constants: &[f64]| {
        let mut arguments = vec![Argument::Column(Arc::clone(duration)), Argument::Column(Arc::clone(&event))];
        arguments.extend(constants.iter().map(|value| Argument::Constant(ScalarValue::from(*value))));
        (Call { function, arguments }, vec![0, 1], true)
    };
    let conditions = (0..3).map(|i| Argument::Column(step(i))).collect();
    vec![
        funnel("funnel", 4, 10_000),
        funnel("funnel", 1, 0),
        funnel("funnel", MOST_STEPS, 40_000),
        funnel("funnel_times", 4, 10_000),
        funnel("funnel_times", MOST_STEPS, 40_000),
        (Call { function: "retention", arguments: conditions }, vec![], true),
        survival("kaplan_meier", &duration, &[0.9]),
        survival("median_survival", &duration, &[]),
        survival("sbg_fit", &tenure, &[]),
    ]
}

/// The functions under these laws.
pub(crate) fn under() -> Vec<&'static str> {
    cases(&[]).iter().map(|(call, ..)| call.function).collect()
}

fn grouping(rows: &[Row]) -> Grouping {
    Grouping { groups: rows.iter().map(|row| row.group).collect(), passes: rows.iter().map(|row| row.passes).collect() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_split_merges_to_the_single_pass(rows in rows(), cuts in prop::collection::vec(0..120_usize, 0..6)) {
        for (call, ..) in cases(&rows) {
            call.merges(&cuts)?;
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter(
        (rows, order) in rows().prop_flat_map(|rows| {
            let order: Vec<i64> = (0..rows.len() as i64).collect();
            (Just(rows), Just(order).prop_shuffle())
        })
    ) {
        for (call, ..) in cases(&rows) {
            call.ignores_order(&order)?;
        }
    }

    #[test]
    fn rows_with_a_null_are_as_if_they_were_not_there(rows in rows()) {
        for (call, columns, _) in cases(&rows) {
            call.ignores_nulls_of(&columns)?;
        }
    }

    #[test]
    fn a_null_condition_is_as_one_that_is_not_met(rows in rows()) {
        let plain: Vec<Row> = rows
            .iter()
            .map(|row| {
                let steps = row.steps.iter().map(|step| Some(*step == Some(true))).collect();
                Row { steps, ..row.clone() }
            })
            .collect();
        for ((call, ..), (plain, ..)) in cases(&rows).iter().zip(cases(&plain)) {
            if call.function.starts_with("funnel") {
                prop_assert_eq!(call.one_pass(&call.all()), plain.one_pass(&plain.all()));
            }
        }
    }

    #[test]
    fn the_groups_accumulator_equals_the_row_accumulator(rows in rows(), cut in 0..120_usize, first in 0..=GROUPS) {
        for (call, ..) in cases(&rows) {
            call.groups_equal_rows(&grouping(&rows), cut, first)?;
        }
    }

    #[test]
    fn both_kinds_keep_one_state(rows in rows()) {
        for (call, ..) in cases(&rows) {
            call.keeps_one_state(&grouping(&rows))?;
        }
    }

    #[test]
    fn rows_that_leave_the_window_leave_nothing(rows in rows(), cut in 0..120_usize) {
        for (call, _, gives_back) in cases(&rows) {
            if gives_back {
                call.gives_rows_back(cut)?;
            } else {
                let accumulator = call.plan().create_accumulator().unwrap();
                prop_assert!(!accumulator.supports_retract_batch(), "{}", call.function);
            }
        }
    }

    #[test]
    fn no_result_is_nan_or_infinite(rows in rows()) {
        for (call, ..) in cases(&rows) {
            let shown = call.one_pass(&call.all()).to_string().to_lowercase();
            prop_assert!(!shown.contains("nan") && !shown.contains("inf"), "{}: {shown}", call.function);
        }
    }
}

#[test]
fn a_null_state_counts_nothing() {
    let row = Row {
        time: Some(0),
        steps: vec![Some(true); MOST_STEPS],
        duration: Some(1.0),
        tenure: 1,
        event: Some(true),
        group: 0,
        passes: None,
    };
    for (call, ..) in cases(&[row]) {
        call.reads_null_states();
    }
}
