//! States as columns: published, read by other models, and refused where they are not what they should be.

use cxmill_spec::Strategy;
use insta::assert_snapshot;

use super::{compiled, errors};
use crate::fixture::Fixture;

/// States that know the constants of their calls.
const WITH_CONSTANTS: &str = "SELECT channel, csat_state(score, 8) AS csat, percentile_cont_state(score, 0.5 + 0.25) AS high\n\
                              FROM survey_answers GROUP BY channel";

const DAILY: &str = "SELECT channel, nps_state(score) AS nps, count_distinct_state(customer_id) AS customers\n\
                     FROM survey_answers GROUP BY channel";

#[tokio::test]
async fn a_model_that_publishes_states_keeps_them_too() {
    let fixture = Fixture::shop()
        .model("daily", DAILY)
        .model("total", "SELECT nps_merge(nps) AS nps, count_distinct_merge(customers) AS customers FROM daily");
    let all = compiled(fixture).await;
    let (daily, total) = (all.model("daily").unwrap(), all.model("total").unwrap());
    assert_eq!(daily.strategy, Strategy::State);
    assert!(
        daily.why.contains("the state of count_distinct_state grows with the number of distinct values"),
        "{}",
        daily.why
    );
    assert!(!daily.why.contains("nps_state"), "its state has a fixed size: {}", daily.why);
    let types: Vec<String> = total.schema.fields().iter().map(|field| field.data_type().to_string()).collect();
    assert_eq!(types, ["Float64", "Int64"]);
}

#[tokio::test]
async fn states_know_the_constants_of_their_calls() {
    let read = "SELECT csat_merge(csat) AS csat, percentile_cont_merge(high) AS high FROM daily";
    let all = compiled(Fixture::shop().model("daily", WITH_CONSTANTS).model("total", read)).await;
    let (daily, total) = (all.model("daily").unwrap(), all.model("total").unwrap());
    assert_eq!(daily.strategy, Strategy::Full);
    assert!(daily.why.contains("the state of percentile_cont_state grows with the number of rows"), "{}", daily.why);
    let types: Vec<String> = total.schema.fields().iter().map(|field| field.data_type().to_string()).collect();
    assert_eq!(types, ["Float64", "Float64"]);
    let alone = "SELECT channel, csat_state(score, 8) AS csat FROM survey_answers GROUP BY channel";
    let alone = compiled(Fixture::shop().model("daily", alone)).await;
    assert_eq!(alone.model("daily").unwrap().strategy, Strategy::State);
}

#[tokio::test]
async fn states_that_are_none_of_the_function_are_told_where_they_are_read() {
    let queries = [
        "SELECT nps_merge(customers) AS a FROM daily",
        "SELECT nps_merge(channel) AS a FROM daily",
        "SELECT nps_finish(customers) AS a FROM daily",
        "SELECT channel, count_state(DISTINCT score) AS a FROM survey_answers GROUP BY channel",
        "SELECT csat_state(score, NULL) AS a FROM survey_answers",
        "SELECT first_value_state(score) AS a FROM survey_answers",
        "SELECT array_agg_state(score ORDER BY channel) AS a FROM survey_answers",
    ];
    let fixture = Fixture::shop().model("daily", DAILY);
    let numbered = queries.iter().enumerate();
    let fixture = numbered.fold(fixture, |fixture, (i, sql)| fixture.model(&format!("m{i:02}"), sql));
    assert_snapshot!(errors(fixture).await, @r"
    9:14: error[invalid-query]: the state belongs to count, not to nps
      | SELECT nps_merge(customers) AS a FROM daily
      |        ^^^^^^^^^
    12:14: error[invalid-query]: channel is not the state of an aggregate: it does not name the function it belongs to
      | SELECT nps_merge(channel) AS a FROM daily
      |        ^^^^^^^^^
    15:14: error[invalid-query]: the state belongs to count, not to nps
      | SELECT nps_finish(customers) AS a FROM daily
      |        ^^^^^^^^^^
    18:23: error[invalid-query]: count_state takes no DISTINCT: a state column would not remember it; use count_distinct_state
      | SELECT channel, count_state(DISTINCT score) AS a FROM survey_answers GROUP BY channel
      |                 ^^^^^^^^^^^
    21:14: error[invalid-query]: csat_state takes only constants that can be written as text, and only from SQL: a state column would not remember others
      | SELECT csat_state(score, NULL) AS a FROM survey_answers
      |        ^^^^^^^^^^
    24:14: error[unknown-function]: no function `first_value_state`
      | SELECT first_value_state(score) AS a FROM survey_answers
      |        ^^^^^^^^^^^^^^^^^
      help: did you mean `any_value_state`?
    27:14: error[invalid-query]: array_agg_state takes neither ORDER BY nor IGNORE NULLS: a state column would not remember them
      | SELECT array_agg_state(score ORDER BY channel) AS a FROM survey_answers
      |        ^^^^^^^^^^^^^^^
    ");
}

#[tokio::test]
async fn states_of_two_functions_that_union_brings_together_are_told() {
    let mixed =
        "SELECT stddev_state(score) AS s FROM survey_answers\nUNION ALL\nSELECT var_state(score) FROM survey_answers";
    let fixture = Fixture::shop()
        .model("daily", DAILY)
        .model("mixed", mixed)
        .model("alike", "SELECT nps FROM daily UNION ALL SELECT nps_state(score) FROM survey_answers");
    assert_snapshot!(errors(fixture).await, @r"
    9:14: error[invalid-query]: column s would hold states of stddev(double) and of var(double), which UNION would take for states of the first: give each a column of its own, with NULL in the other query
      | SELECT stddev_state(score) AS s FROM survey_answers
      |        ^^^^^^^^^^^^
    ");
}
