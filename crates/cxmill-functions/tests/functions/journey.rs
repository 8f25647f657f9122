//! Journeys against twins that are slow and plainly right, and what the functions do in queries.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray, TimestampMillisecondArray};
use datafusion::arrow::datatypes::{IntervalMonthDayNanoType, TimestampMillisecondType};
use datafusion::common::ScalarValue;
use proptest::prelude::*;

use crate::laws::{Argument, Call};
use crate::{context, refusal, rows};

/// A row: its time and the steps that it is.
type Visit = (i64, Vec<bool>);

/// Every chain there is, by trying: the best by length, then the earliest end, the latest start, and step by step the
/// earliest times.
fn twin(visits: &[Visit], window: i64) -> Vec<i64> {
    fn extend(visits: &[Visit], window: i64, chain: &mut Vec<usize>, best: &mut Vec<i64>) {
        let times: Vec<i64> = chain.iter().map(|row| visits[*row].0).collect();
        let rank = |times: &[i64]| {
            let ends = (times.last().copied().unwrap_or(0), -times.first().copied().unwrap_or(0));
            (-(times.len() as i64), ends, times.to_vec())
        };
        if rank(&times) < rank(best) {
            best.clone_from(&times);
        }
        let steps = visits.first().map_or(0, |visit| visit.1.len());
        if chain.len() == steps {
            return;
        }
        for (row, visit) in visits.iter().enumerate() {
            let fits = match (times.first(), times.last()) {
                (Some(first), Some(last)) => visit.0 >= *last && visit.0 - first <= window,
                _ => true,
            };
            if visit.1[chain.len()] && fits && !chain.contains(&row) {
                chain.push(row);
                extend(visits, window, chain, best);
                chain.pop();
            }
        }
    }
    let mut best = Vec::new();
    extend(visits, window, &mut Vec::new(), &mut best);
    best
}

fn visits() -> impl Strategy<Value = Vec<Visit>> {
    (1..5_usize).prop_flat_map(|steps| {
        let visit = (0..7_i64, prop::collection::vec(prop::bool::weighted(0.45), steps));
        prop::collection::vec(visit, 1..9)
    })
}

fn call(function: &'static str, visits: &[Visit], window: i64) -> ScalarValue {
    let interval = IntervalMonthDayNanoType::make_value(0, 0, window * 1_000_000);
    let times: ArrayRef = Arc::new(TimestampMillisecondArray::from_iter_values(visits.iter().map(|visit| visit.0)));
    let mut arguments =
        vec![Argument::Constant(ScalarValue::IntervalMonthDayNano(Some(interval))), Argument::Column(times)];
    for step in 0..visits[0].1.len() {
        let column: BooleanArray = visits.iter().map(|visit| Some(visit.1[step])).collect();
        arguments.push(Argument::Column(Arc::new(column)));
    }
    let call = Call { function, arguments, needed: vec![1], gives_back: false };
    call.one_pass(&call.all())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn path_is_what_sorting_and_dropping_repeats_gives(views in prop::collection::vec((0..5_i64, 0..3_u8), 1..12)) {
        let mut sorted = views.clone();
        sorted.sort();
        let mut expected: Vec<String> = sorted.iter().map(|(_, page)| page.to_string()).collect();
        expected.dedup();
        let times: ArrayRef = Arc::new(TimestampMillisecondArray::from_iter_values(views.iter().map(|view| view.0)));
        let pages: ArrayRef = Arc::new(StringArray::from_iter_values(views.iter().map(|view| view.1.to_string())));
        let call = Call::new("path", &[&times, &pages], &[]);
        let ScalarValue::List(found) = call.one_pass(&call.all()) else { panic!("a list") };
        let found: Vec<Option<String>> = found.value(0).as_string::<i32>().iter().map(|page| page.map(str::to_owned)).collect();
        prop_assert_eq!(found.into_iter().flatten().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn funnel_and_its_times_are_those_of_the_best_of_all_chains(visits in visits(), window in 0..8_i64) {
        let expected = twin(&visits, window);
        prop_assert_eq!(call("funnel", &visits, window), ScalarValue::Int32(Some(expected.len() as i32)));
        let ScalarValue::List(found) = call("funnel_times", &visits, window) else { panic!("a list") };
        let found = found.value(0);
        prop_assert_eq!(found.as_primitive::<TimestampMillisecondType>().values().to_vec(), expected);
    }

    #[test]
    fn retention_is_the_first_condition_and_each_other(
        rows in prop::collection::vec(prop::collection::vec(prop::option::of(any::<bool>()), 4), 1..6)
    ) {
        let conditions: [ArrayRef; 4] =
            std::array::from_fn(|i| Arc::new(rows.iter().map(|row| row[i]).collect::<BooleanArray>()) as ArrayRef);
        let call = Call::new("retention", &conditions.each_ref(), &[]);
        let ScalarValue::List(found) = call.one_pass(&call.all()) else { panic!("a list") };
        if rows.iter().all(|row| row.iter().all(Option::is_none)) {
            prop_assert!(found.is_null(0));
        } else {
            let met = |i: usize| rows.iter().any(|row| row[i] == Some(true));
            let expected: Vec<bool> = (0..4).map(|i| met(0) && met(i)).collect();
            let found: Vec<bool> = found.value(0).as_boolean().values().iter().collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn sessions_are_cut_at_every_longer_silence(
        mut events in prop::collection::vec((0..3_i64, prop::option::weighted(0.9, 0..40_i64)), 1..30),
        gap in 0..6_i64,
    ) {
        events.sort_by_key(|(customer, at)| (*customer, at.is_none(), *at));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let values: Vec<String> = events
            .iter()
            .enumerate()
            .map(|(n, (customer, at))| {
                let at = at.map_or("CAST(NULL AS TIMESTAMP)".to_owned(), |at| format!("to_timestamp({at})"));
                format!("({n}, {customer}, {at})")
            })
            .collect();
        let sql = format!(
            "SELECT session_id(at, INTERVAL '{gap} seconds') OVER (PARTITION BY customer ORDER BY at) AS s \
             FROM (VALUES {}) AS events(n, customer, at) ORDER BY n",
            values.join(", ")
        );
        let found = runtime.block_on(rows(&context(), &sql));
        let mut expected = Vec::new();
        for (row, (customer, at)) in events.iter().enumerate() {
            let Some(at) = at else {
                expected.push("NULL".to_owned());
                continue;
            };
            let earlier: Vec<i64> =
                events[..=row].iter().filter(|(other, _)| other == customer).filter_map(|(_, at)| *at).collect();
            let silences = earlier.windows(2).filter(|pair| pair[1] - pair[0] > gap).count();
            prop_assert_eq!(earlier.last(), Some(at));
            expected.push((silences + 1).to_string());
        }
        prop_assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn ties_follow_each_other_but_no_row_serves_two_steps() {
    let ctx = context();
    let at = "TIMESTAMP '2026-01-01'";
    let cases = [
        // One row that is both steps is one step; two such rows are two.
        ("(1, true, true)", 1),
        ("(1, true, true), (2, true, true)", 2),
        // The row that could be both must leave step 1 to the other.
        ("(1, true, true), (2, true, false)", 2),
        ("(1, false, true), (2, true, false)", 2),
    ];
    for (visits, steps) in cases {
        let sql = format!("SELECT funnel(INTERVAL '0 seconds', {at}, a, b) FROM (VALUES {visits}) AS visits(n, a, b)");
        assert_eq!(rows(&ctx, &sql).await, [steps.to_string()], "{visits}");
    }
}

#[tokio::test]
async fn many_rows_at_one_time_are_no_trouble() {
    // All rows are all steps: as many steps as the call has, out of 20,000 rows that share a second.
    let steps = vec!["value >= 0"; 90].join(", ");
    let sql = format!(
        "SELECT funnel(INTERVAL '1 second', to_timestamp(0), {steps}) AS one, \
         funnel(INTERVAL '1 second', to_timestamp(value % 3), {steps}) AS three FROM generate_series(1, 20000)"
    );
    assert_eq!(rows(&context(), &sql).await, ["90, 90"]);
}

#[tokio::test]
async fn every_type_of_time_is_taken() {
    let ctx = context();
    for unit in ["s", "ms", "us", "ns"] {
        let sql = format!(
            "SELECT funnel(INTERVAL '2 days', at, n = 1, n = 2) AS steps, \
             array_to_string(funnel_times(INTERVAL '1.5 days', at, n = 1, n = 2), '|') AS times \
             FROM (SELECT n, arrow_cast(at, 'Timestamp({unit}, \"UTC\")') AS at FROM \
             (VALUES (1, TIMESTAMP '2026-01-02'), (2, TIMESTAMP '2026-01-03')) AS t(n, at))"
        );
        assert_eq!(rows(&ctx, &sql).await, ["2, 2026-01-02T00:00:00Z|2026-01-03T00:00:00Z"], "{unit}");
    }
    let dates = "SELECT funnel(INTERVAL '1 day', d, n = 1, n = 2) AS steps, funnel(INTERVAL '23 hours', d, n = 1, n = 2), \
                 funnel(arrow_cast(86400, 'Duration(s)'), d, n = 1, n = 2) AS duration \
                 FROM (VALUES (1, DATE '2026-01-01'), (2, DATE '2026-01-02')) AS t(n, d)";
    assert_eq!(rows(&ctx, dates).await, ["2, 1, 2"]);
}

#[tokio::test]
async fn no_rows_are_no_steps_and_no_retention() {
    let nothing = "(SELECT to_timestamp(0) AS at WHERE false)";
    let sql = format!(
        "SELECT funnel(INTERVAL '1 day', at, true), funnel_times(INTERVAL '1 day', at, true), retention(at IS NULL) \
         FROM {nothing}"
    );
    assert_eq!(rows(&context(), &sql).await, ["0, [], NULL"]);
}

#[tokio::test]
async fn a_running_funnel_grows() {
    let sql = "SELECT n, funnel(INTERVAL '1 hour', to_timestamp(n), n = 1, n = 3) OVER (ORDER BY n) AS steps \
               FROM (VALUES (1), (2), (3)) AS t(n) ORDER BY n";
    assert_eq!(rows(&context(), sql).await, ["1, 1", "2, 1", "3, 2"]);
}

#[tokio::test]
async fn events_out_of_order_are_refused() {
    let events = "(VALUES (1, TIMESTAMP '2026-01-02'), (2, TIMESTAMP '2026-01-01')) AS t(n, at)";
    for order in ["ORDER BY n", "ORDER BY at DESC"] {
        let sql = format!("SELECT session_id(at, INTERVAL '1 hour') OVER ({order}) FROM {events}");
        let message = refusal(&context(), &sql).await;
        let expected = "session_id: event_time goes back in row 2 of its partition; expected ascending order";
        assert!(message.contains(expected), "{message}");
    }
}
