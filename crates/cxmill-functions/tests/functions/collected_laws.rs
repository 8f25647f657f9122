//! The laws of aggregates whose state is lists: journeys, most frequent values, retention, survival, linear models.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, StructArray, TimestampMillisecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, IntervalMonthDayNanoType};
use datafusion::common::ScalarValue;
use proptest::prelude::*;

use crate::laws::{Argument, Call, GROUPS, Grouping, obey_the_laws};

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
const MOST: usize = 80;

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
    prop::collection::vec(row, 1..MOST)
}

fn calls(rows: &[Row]) -> Vec<Call> {
    let window = |milliseconds: i64| {
        let interval = IntervalMonthDayNanoType::make_value(0, 0, milliseconds * 1_000_000);
        Argument::Constant(ScalarValue::IntervalMonthDayNano(Some(interval)))
    };
    let times: ArrayRef = Arc::new(rows.iter().map(|row| row.time).collect::<TimestampMillisecondArray>());
    let step = |i: usize| -> ArrayRef { Arc::new(rows.iter().map(|row| row.steps[i]).collect::<BooleanArray>()) };
    let duration: ArrayRef = Arc::new(rows.iter().map(|row| row.duration).collect::<Float64Array>());
    let tenure: ArrayRef =
        Arc::new(rows.iter().map(|row| row.duration.map(|_| f64::from(row.tenure))).collect::<Float64Array>());
    let weight: ArrayRef =
        Arc::new(rows.iter().map(|row| row.duration.map(|_| i64::from(row.tenure) - 1)).collect::<Int64Array>());
    let event: ArrayRef = Arc::new(rows.iter().map(|row| row.event).collect::<BooleanArray>());
    // Few pages, so that many rows follow one of the same page, or are alike.
    let pages: StringArray =
        rows.iter().map(|row| row.steps[0].map(|step| format!("page {}{}", step, row.tenure % 2))).collect();
    let pages: ArrayRef = Arc::new(pages);
    let funnel = |function, steps: usize, milliseconds| {
        let mut arguments = vec![window(milliseconds), Argument::Column(Arc::clone(&times))];
        arguments.extend((0..steps).map(|i| Argument::Column(step(i))));
        Call { function, arguments, needed: vec![1], gives_back: false }
    };
    let survival = |function, duration: &ArrayRef, constants: &[f64]| {
        Call::new(function, &[duration, &event], &constants.iter().copied().map(ScalarValue::from).collect::<Vec<_>>())
    };
    // Whole numbers, some of which follow from others.
    let driver =
        |value: fn(&Row) -> Option<f64>| -> ArrayRef { Arc::new(rows.iter().map(value).collect::<Float64Array>()) };
    let drivers = [
        ("tenure", driver(|row| Some(f64::from(row.tenure)))),
        ("step", driver(|row| row.steps[0].map(|step| f64::from(u8::from(step))))),
        ("twice", driver(|row| Some(2.0 * f64::from(row.tenure)))),
        ("group", driver(|row| Some(row.group as f64 * 0.125))),
    ];
    let drivers =
        drivers.into_iter().map(|(name, values)| (Arc::new(Field::new(name, DataType::Float64, true)), values));
    let drivers: ArrayRef = Arc::new(StructArray::from(drivers.collect::<Vec<_>>()));
    let seconds = driver(|row| row.time.map(|time| time as f64 / 1_000.0));
    let attribution = |model: &str, half_life: Option<i64>| {
        let mut call = Call::new("attribution", &[&times, &pages], &[ScalarValue::from(model)]);
        call.arguments.extend(half_life.map(window));
        Call { gives_back: false, ..call }
    };
    let conditions = (0..3).map(|i| Argument::Column(step(i))).collect();
    vec![
        funnel("funnel", 4, 10_000),
        funnel("funnel", 1, 0),
        funnel("funnel", MOST_STEPS, 40_000),
        funnel("funnel_times", 4, 10_000),
        funnel("funnel_times", MOST_STEPS, 40_000),
        Call { gives_back: false, ..Call::new("path", &[&times, &pages], &[]) },
        attribution("first", None),
        attribution("last", None),
        attribution("linear", None),
        attribution("position", None),
        attribution("time_decay", Some(7_000)),
        Call::new("linear_model", &[&seconds, &drivers], &[ScalarValue::from(0.9)]),
        Call::new("mode", &[&pages], &[]),
        Call::new("mode", &[&times], &[]),
        Call::new("mode", &[&event, &weight], &[]),
        Call { function: "retention", arguments: conditions, needed: vec![], gives_back: true },
        survival("kaplan_meier", &duration, &[0.9]),
        survival("median_survival", &duration, &[]),
        survival("sbg_fit", &tenure, &[]),
    ]
}

/// The functions under these laws.
pub(crate) fn under() -> Vec<&'static str> {
    calls(&[]).iter().map(|call| call.function).collect()
}

fn grouping(rows: &[Row]) -> Grouping {
    Grouping { groups: rows.iter().map(|row| row.group).collect(), passes: rows.iter().map(|row| row.passes).collect() }
}

obey_the_laws!(rows(), MOST, calls, grouping, 32);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_null_condition_is_as_one_that_is_not_met(rows in rows()) {
        let plain: Vec<Row> = rows
            .iter()
            .map(|row| {
                let steps = row.steps.iter().map(|step| Some(*step == Some(true))).collect();
                Row { steps, ..row.clone() }
            })
            .collect();
        for (call, plain) in calls(&rows).iter().zip(calls(&plain)) {
            if call.function.starts_with("funnel") {
                prop_assert_eq!(call.one_pass(&call.all()), plain.one_pass(&plain.all()));
            }
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
    for call in calls(&[row]) {
        call.reads_null_states();
    }
}
