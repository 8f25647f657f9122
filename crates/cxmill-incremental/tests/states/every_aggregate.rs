//! Every aggregate of a default session: equal to one pass, or refused with a reason. A new one in an upgrade fails here.

use std::collections::{BTreeMap, BTreeSet};

use cxmill_incremental::{Forbids, built_in};
use datafusion::arrow::array::RecordBatch;
use datafusion::prelude::SessionContext;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::data::{parts, schema};
use crate::support::{at_once, by_parts, same, session, splitted, table};

/// Calls of each function whose result does not depend on the order of rows.
const CALLS: &[(&str, &[&str])] = &[
    ("any_value", &["any_value(channel) FILTER (WHERE channel = 'web')"]),
    (
        "approx_distinct",
        &[
            "approx_distinct(text)",
            "approx_distinct(whole)",
            "approx_distinct(small)",
            "approx_distinct(DISTINCT at)",
            "approx_distinct(flag)",
        ],
    ),
    (
        "array_agg",
        &[
            "array_sort(array_agg(whole))",
            "array_agg(text ORDER BY at DESC, id)",
            "array_agg(DISTINCT text ORDER BY text)",
            "array_agg(DISTINCT whole ORDER BY whole DESC NULLS LAST)",
            "array_agg(whole ORDER BY id) FILTER (WHERE flag)",
        ],
    ),
    (
        "avg",
        &[
            "avg(whole)",
            "avg(money)",
            "avg(double)",
            "avg(DISTINCT money)",
            "avg(DISTINCT whole)",
            "avg(double) FILTER (WHERE flag)",
        ],
    ),
    ("bit_and", &["bit_and(whole)", "bit_and(large)", "bit_and(DISTINCT whole)"]),
    ("bit_or", &["bit_or(whole)", "bit_or(large)", "bit_or(DISTINCT whole)"]),
    ("bit_xor", &["bit_xor(whole)", "bit_xor(large)"]),
    ("bool_and", &["bool_and(flag)"]),
    ("bool_or", &["bool_or(flag)"]),
    ("corr", &["corr(double, other)"]),
    (
        "count",
        &[
            "count(*)",
            "count(text)",
            "count(DISTINCT text)",
            "count(DISTINCT whole)",
            "count(DISTINCT at)",
            "count(DISTINCT money)",
            "count(DISTINCT flag)",
            "count(whole, text)",
            "count(*) FILTER (WHERE small >= 9)",
            "count(DISTINCT text) FILTER (WHERE flag)",
        ],
    ),
    ("covar_pop", &["covar_pop(double, other)"]),
    ("covar_samp", &["covar_samp(double, other)"]),
    (
        "first_value",
        &[
            "first_value(text ORDER BY at, id)",
            "first_value(text ORDER BY at DESC NULLS LAST, id) IGNORE NULLS",
            "first_value(money ORDER BY id)",
            "first_value(large ORDER BY whole NULLS FIRST, id)",
        ],
    ),
    (
        "last_value",
        &[
            "last_value(text ORDER BY at, id)",
            "last_value(whole ORDER BY at DESC, id) IGNORE NULLS",
            "last_value(flag ORDER BY id) FILTER (WHERE small > 4)",
        ],
    ),
    (
        "max",
        &[
            "max(whole)",
            "max(text)",
            "max(at)",
            "max(money)",
            "max(double)",
            "max(flag)",
            "max(large)",
            "max(DISTINCT text)",
        ],
    ),
    ("median", &["median(whole)", "median(double)", "median(money)", "median(DISTINCT whole)"]),
    ("min", &["min(whole)", "min(text)", "min(at)", "min(day)", "min(large)", "min(DISTINCT whole)"]),
    ("nth_value", &["nth_value(text, 2 ORDER BY at, id)"]),
    ("nth_value", &["nth_value(whole, -1 ORDER BY id)"]),
    (
        "percentile_cont",
        &[
            "percentile_cont(whole, 0.25)",
            "percentile_cont(0.9) WITHIN GROUP (ORDER BY double)",
            "percentile_cont(0.9) WITHIN GROUP (ORDER BY double DESC)",
            "percentile_cont(DISTINCT whole, 0.5)",
        ],
    ),
    ("regr_avgx", &["regr_avgx(double, other)"]),
    ("regr_avgy", &["regr_avgy(double, other)"]),
    ("regr_count", &["regr_count(double, other)"]),
    ("regr_intercept", &["regr_intercept(double, other)"]),
    ("regr_r2", &["regr_r2(double, other)"]),
    ("regr_slope", &["regr_slope(double, other)"]),
    ("regr_sxx", &["regr_sxx(double, other)"]),
    ("regr_sxy", &["regr_sxy(double, other)"]),
    ("regr_syy", &["regr_syy(double, other)"]),
    ("stddev", &["stddev(whole)", "stddev(double)"]),
    ("stddev_pop", &["stddev_pop(double)"]),
    ("string_agg", &["string_agg(text, ', ' ORDER BY id)"]),
    ("string_agg", &["string_agg(DISTINCT text, '|' ORDER BY text)"]),
    (
        "sum",
        &[
            "sum(whole)",
            "sum(small)",
            "sum(large)",
            "sum(money)",
            "sum(double)",
            "sum(DISTINCT whole)",
            "sum(DISTINCT money)",
        ],
    ),
    ("var", &["var(double)", "var_samp(whole)", "var(DISTINCT whole)"]),
    ("var_pop", &["var_pop(double)"]),
];

/// Calls that are refused, and a word of the reason.
const REFUSED: &[(&str, &str, &str)] = &[
    ("approx_median", "approx_median(whole)", "percentile_cont"),
    ("approx_percentile_cont", "approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY double)", "percentile_cont"),
    (
        "approx_percentile_cont_with_weight",
        "approx_percentile_cont_with_weight(1.0, 0.5) WITHIN GROUP (ORDER BY double)",
        "percentile_cont",
    ),
    ("first_value", "first_value(whole)", "ORDER BY"),
    ("last_value", "last_value(whole)", "ORDER BY"),
    ("nth_value", "nth_value(whole, 2)", "ORDER BY"),
];

/// The same rows every time.
fn sample(cases: usize) -> Vec<Vec<Vec<RecordBatch>>> {
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    (0..cases).map(|_| parts().new_tree(&mut runner).unwrap().current().0).collect()
}

#[test]
fn the_table_names_every_aggregate_of_a_default_session() {
    let known: BTreeSet<&str> = built_in().into_iter().map(|function| function.name).collect();
    let ctx = SessionContext::new();
    let state = ctx.state();
    let registered: BTreeSet<&str> = state.aggregate_functions().values().map(|function| function.name()).collect();
    assert_eq!(registered, known);
    let tested: BTreeMap<&str, &[&str]> = CALLS.iter().copied().collect();
    for function in built_in() {
        let called = tested.contains_key(function.name);
        assert_eq!(called, function.growth.is_some(), "{}", function.name);
        assert_eq!(function.growth.is_none(), function.refused.is_some(), "{}", function.name);
    }
}

#[tokio::test]
async fn every_call_through_states_equals_one_pass() {
    let samples = sample(2);
    let mut failures = Vec::new();
    for (_, calls) in CALLS {
        let values: Vec<String> =
            calls.iter().enumerate().map(|(place, call)| format!("{call} AS value_{place}")).collect();
        let values = values.join(", ");
        for sql in
            [format!("SELECT {values} FROM events"), format!("SELECT channel, {values} FROM events GROUP BY channel")]
        {
            for parts in &samples {
                let (once, states) = (at_once(&sql, &schema(), parts).await, by_parts(&sql, &schema(), parts).await);
                let outcome = match (once, states) {
                    (Ok(once), Ok(states)) => same(&once, &states),
                    (once, states) => Err(format!("{:?} / {:?}", once.err(), states.err())),
                };
                if let Err(difference) = outcome {
                    failures.push(format!("{sql}: {difference}"));
                    break;
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[tokio::test]
async fn a_call_without_a_state_is_refused_with_a_reason() {
    let ctx = session();
    ctx.register_table("events", table(&schema(), &[])).unwrap();
    for (function, call, word) in REFUSED {
        let reason = splitted(&ctx, &format!("SELECT {call} FROM events")).await.unwrap_err();
        assert_eq!(reason.forbids, Forbids::NoState((*function).to_owned()));
        assert!(reason.message.contains(word), "{reason}");
        assert!(reason.span.is_some(), "{call}: {reason}");
    }
}

/// What DataFusion cannot do at once is held against the same call over distinct rows.
#[tokio::test]
async fn distinct_calls_that_datafusion_lacks_are_right_too() {
    for (call, over_distinct) in [
        ("bit_xor(DISTINCT whole)", "SELECT bit_xor(whole) AS value FROM (SELECT DISTINCT whole FROM events)"),
        ("stddev(DISTINCT whole)", "SELECT stddev(whole) AS value FROM (SELECT DISTINCT whole FROM events)"),
        (
            "count(DISTINCT channel, text)",
            "SELECT count(channel, text) AS value FROM (SELECT DISTINCT channel, text FROM events)",
        ),
        (
            "corr(DISTINCT small, whole)",
            "SELECT corr(small, whole) AS value FROM (SELECT DISTINCT small, whole FROM events)",
        ),
    ] {
        for parts in sample(2) {
            let once = at_once(over_distinct, &schema(), &parts).await.unwrap();
            let states = by_parts(&format!("SELECT {call} AS value FROM events"), &schema(), &parts).await.unwrap();
            same(&once, &states).unwrap();
        }
    }
}

/// Calls whose result is any of several right ones give the same one whatever the order of arrival.
#[tokio::test]
async fn ties_and_orderless_calls_do_not_depend_on_the_order_of_arrival() {
    let sql = "SELECT any_value(text) AS a, array_agg(whole) AS b, string_agg(text, ',') AS c,
        first_value(text ORDER BY small) AS d, last_value(text ORDER BY small) AS e FROM events";
    for mut parts in sample(4) {
        let forwards = by_parts(sql, &schema(), &parts).await.unwrap();
        parts.reverse();
        let backwards = by_parts(sql, &schema(), &parts).await.unwrap();
        let together = by_parts(sql, &schema(), &[parts.concat()]).await.unwrap();
        same(&forwards, &backwards).unwrap();
        same(&forwards, &together).unwrap();
    }
}

/// Fields of a struct are taken out below the projection that names them, where a state may have the same name.
#[tokio::test]
async fn names_of_the_result_may_be_those_of_states() {
    let sql = "SELECT nps_parts(small) AS parts, nps_parts(small)['promoters'] AS nps, nps(small) AS promoters,
        named_struct('day', max(day), 'parts', count(*))['parts'] AS day FROM events GROUP BY channel";
    for parts in sample(2) {
        let once = at_once(sql, &schema(), &parts).await.unwrap();
        let states = by_parts(sql, &schema(), &parts).await.unwrap();
        same(&once, &states).unwrap();
    }
}
