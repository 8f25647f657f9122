//! The state functions by name: published, read from Parquet by a session of its own, rolled up.

use std::sync::Arc;

use cxmill_incremental::{KnownFunctions, RefuseMixedStates, StateError, register_state_functions};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionStateBuilder;
use datafusion::optimizer::Analyzer;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use datafusion::scalar::ScalarValue;

fn session(known: &KnownFunctions) -> SessionContext {
    registered(SessionContext::new(), known)
}

fn registered(mut ctx: SessionContext, known: &KnownFunctions) -> SessionContext {
    cxmill_functions::register_all(&mut ctx).unwrap();
    let named = register_state_functions(&mut ctx, known).unwrap();
    assert!(named.contains(&"count_distinct".to_owned()) && named.contains(&"nps".to_owned()), "{named:?}");
    ctx
}

async fn rows(ctx: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>> {
    ctx.sql(sql).await?.collect().await
}

async fn shown(ctx: &SessionContext, sql: &str) -> String {
    pretty_format_batches(&rows(ctx, sql).await.unwrap()).unwrap().to_string()
}

async fn events(ctx: &SessionContext) {
    let rows = "CREATE TABLE events AS SELECT * FROM (VALUES (1, 'a', 10), (1, 'b', 3), (1, 'a', 9), (2, 'b', NULL),
        (2, NULL, 8), (8, 'c', 0)) AS events(day, customer, score)";
    ctx.sql(rows).await.unwrap();
}

const STATES: &str = "SELECT day, avg_state(score) AS score, count_distinct_state(customer) AS customers,
    nps_state(score) AS nps, max_state(customer) AS latest, approx_distinct_state(customer) AS about,
    corr_state(score, day) AS trend FROM events GROUP BY day";

#[tokio::test]
async fn published_states_roll_up_to_what_the_events_give() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("daily.parquet");
    let ctx = session(&KnownFunctions::new());
    events(&ctx).await;
    let options = DataFrameWriteOptions::new().with_single_file_output(true);
    ctx.sql(STATES).await.unwrap().write_parquet(file.to_str().unwrap(), options, None).await.unwrap();

    // Another session, as it comes: DataFusion drops the metadata of columns, turns strings into views.
    let later = session(&KnownFunctions::new());
    later.register_parquet("daily", file.to_str().unwrap(), ParquetReadOptions::default()).await.unwrap();
    let columns = "(day - 1) / 7 AS week";
    let rolled = shown(
        &later,
        &format!(
            "SELECT {columns}, avg_merge(score) AS score, count_distinct_merge(customers) AS customers, nps_merge(nps) AS nps,
             max_merge(latest) AS latest, approx_distinct_merge(about) AS about, corr_merge(trend) AS trend
             FROM daily GROUP BY 1 ORDER BY 1"
        ),
    )
    .await;
    let direct = shown(
        &ctx,
        &format!(
            "SELECT {columns}, avg(score) AS score, count(DISTINCT customer) AS customers, nps(score) AS nps,
             max(customer) AS latest, approx_distinct(customer) AS about, corr(score, day) AS trend
             FROM events GROUP BY 1 ORDER BY 1"
        ),
    )
    .await;
    assert_eq!(rolled, direct);
    let combined = "SELECT avg_finish(avg_combine(score)) AS score, count_distinct_finish(count_distinct_combine(customers)) AS customers FROM daily";
    let once = "SELECT avg(score) AS score, count(DISTINCT customer) AS customers FROM events";
    assert_eq!(shown(&later, combined).await, shown(&ctx, once).await);
}

#[tokio::test]
async fn states_merge_in_a_running_window() {
    let ctx = session(&KnownFunctions::new());
    events(&ctx).await;
    let running = shown(
        &ctx,
        &format!(
            "SELECT day, count_distinct_merge(customers) OVER (ORDER BY day) AS customers FROM ({STATES}) ORDER BY day"
        ),
    )
    .await;
    let expected = ["| day | customers |", "| 1   | 2         |", "| 2   | 2         |", "| 8   | 3         |"];
    for line in expected {
        assert!(running.contains(line), "{running}");
    }
}

#[tokio::test]
async fn a_null_state_is_that_of_no_rows() {
    let ctx = session(&KnownFunctions::new());
    events(&ctx).await;
    let sql = "SELECT count_merge(s) AS value FROM (SELECT CASE WHEN day = 1 THEN s END AS s
         FROM (SELECT day, count_state(score) AS s FROM events GROUP BY day))";
    let merged = rows(&ctx, sql).await.unwrap();
    assert_eq!(ScalarValue::try_from_array(merged[0].column(0), 0).unwrap(), ScalarValue::Int64(Some(3)));
    let finished = rows(
        &ctx,
        "SELECT count_finish(s) AS value FROM (SELECT CASE WHEN day > 99 THEN s END AS s
         FROM (SELECT day, count_state(score) AS s FROM events GROUP BY day))",
    )
    .await
    .unwrap();
    assert_eq!(ScalarValue::try_from_array(finished[0].column(0), 0).unwrap(), ScalarValue::Int64(Some(0)));
}

fn state_error(error: &DataFusionError) -> StateError {
    StateError::of(error).unwrap_or_else(|| panic!("{error}")).clone()
}

#[tokio::test]
async fn a_state_is_only_read_by_the_function_and_version_it_names() {
    let ctx = session(&KnownFunctions::new());
    events(&ctx).await;
    let states = rows(&ctx, STATES).await.unwrap();
    let newer = session(&KnownFunctions::new().with_versions([("avg", 2)]));
    for ctx in [&ctx, &newer] {
        ctx.register_batch("daily", states[0].clone()).unwrap();
    }
    let refused = async |ctx: &SessionContext, sql: &str| state_error(&rows(ctx, sql).await.unwrap_err());
    assert!(matches!(
        refused(&newer, "SELECT avg_merge(score) FROM daily").await,
        StateError::OtherVersion { wanted: 2, .. }
    ));
    assert!(matches!(refused(&ctx, "SELECT avg_merge(nps) FROM daily").await, StateError::OtherFunction { .. }));
    assert!(matches!(refused(&ctx, "SELECT count_merge(customers) FROM daily").await, StateError::OtherCall { .. }));
    assert!(matches!(refused(&ctx, "SELECT avg_merge(day) FROM daily").await, StateError::NotAState { .. }));
    assert!(matches!(
        refused(&ctx, "SELECT avg_finish(named_struct('count', 1)) FROM daily").await,
        StateError::NotAState { .. }
    ));
    assert!(matches!(refused(&ctx, "SELECT count_state(DISTINCT day) FROM daily").await, StateError::NoState { .. }));
    let untold = "SELECT nps_interval_state(day, CAST(NULL AS DOUBLE)) FROM daily";
    assert!(matches!(refused(&ctx, untold).await, StateError::NoState { .. }));
}

/// Calls with constants: the state function's arguments, and the call that says the same.
const CONSTANTS: [(&str, &str, &str); 6] = [
    ("csat", "score, 8", "csat(score, 8)"),
    ("nps_interval", "score, 1 - 0.1", "nps_interval(score, 0.9)"),
    ("ces", "score + 1, 11", "ces(score + 1, 11)"),
    ("percentile_cont", "score, 0.25", "percentile_cont(score, 0.25)"),
    ("string_agg", "customer, ' & '", "string_agg(customer, ' & ' ORDER BY customer)"),
    ("kaplan_meier", "day, score > 5, 0.9", "kaplan_meier(day, score > 5, 0.9)"),
];

#[tokio::test]
async fn states_know_the_constants_of_their_calls() {
    let folder = tempfile::tempdir().unwrap();
    let ctx = session(&KnownFunctions::new());
    events(&ctx).await;
    for (function, arguments, direct) in CONSTANTS {
        let file = folder.path().join(format!("{function}.parquet"));
        let options = DataFrameWriteOptions::new().with_single_file_output(true);
        let states = format!("SELECT day, {function}_state({arguments}) AS s FROM events GROUP BY day");
        ctx.sql(&states).await.unwrap().write_parquet(file.to_str().unwrap(), options, None).await.unwrap();
        let later = session(&KnownFunctions::new());
        later.register_parquet("daily", file.to_str().unwrap(), ParquetReadOptions::default()).await.unwrap();
        let direct = shown(&ctx, &format!("SELECT {direct} AS value FROM events")).await;
        let merged = shown(&later, &format!("SELECT {function}_merge(s) AS value FROM daily")).await;
        assert_eq!(merged, direct, "{function}");
        let finished = format!("SELECT {function}_finish({function}_combine(s)) AS value FROM daily");
        assert_eq!(shown(&later, &finished).await, direct, "{function}");
        let running = format!("SELECT DISTINCT {function}_merge(s) OVER () AS value FROM daily");
        assert_eq!(shown(&later, &running).await, direct, "{function}");
    }
    let within =
        "SELECT csat_finish(csat_state(score, 8) OVER (ORDER BY day ROWS UNBOUNDED PRECEDING)) AS value FROM events";
    assert!(shown(&ctx, within).await.contains("100.0"));
}

#[tokio::test]
async fn states_of_other_constants_are_not_merged() {
    let ctx = session(&KnownFunctions::new());
    events(&ctx).await;
    let state = |level: &str| format!("SELECT nps_interval_state(score, {level}) AS s FROM events");
    let merged = async |one: &str, other: &str| {
        let sql = format!("SELECT nps_interval_merge(s) AS value FROM ({} UNION ALL {})", state(one), state(other));
        rows(&ctx, &sql).await
    };
    assert!(merged("0.9", "0.90").await.is_ok());
    let refused = merged("0.9", "0.95").await.unwrap_err();
    assert!(matches!(state_error(&refused), StateError::OtherCall { .. }), "{refused}");
    assert!(refused.to_string().contains("was built as a call with other constants, not as"), "{refused}");
}

#[tokio::test]
async fn states_of_two_calls_are_not_brought_together() {
    let mut rules = Analyzer::new().rules;
    rules.insert(0, Arc::new(RefuseMixedStates));
    let state = SessionStateBuilder::new().with_default_features().with_analyzer_rules(rules).build();
    let ctx = registered(SessionContext::new_with_state(state), &KnownFunctions::new());
    events(&ctx).await;
    let both = async |one: &str, other: &str| {
        let sql =
            format!("SELECT count(s) AS n FROM (SELECT {one} AS s FROM events UNION ALL SELECT {other} FROM events)");
        rows(&ctx, &sql).await
    };
    for (one, other) in [
        ("stddev_state(score)", "var_state(score)"),
        ("max_state(score)", "min_state(score)"),
        ("max_state(score)", "max_state(customer)"),
        ("nps_interval_state(score, 0.9)", "nps_interval_state(score, 0.95)"),
    ] {
        let refused = both(one, other).await.unwrap_err();
        assert!(matches!(state_error(&refused), StateError::MixedStates { .. }), "{one} {other}: {refused}");
    }
    let inside = "SELECT count(*) AS n FROM events WHERE day IN (SELECT var_merge(s) FROM
        (SELECT var_state(score) AS s FROM events UNION SELECT stddev_state(score) FROM events))";
    let refused = rows(&ctx, inside).await.unwrap_err();
    assert!(refused.to_string().contains("column s would hold states of var"), "{refused}");
    assert!(both("max_state(score)", "max_state(day)").await.is_ok(), "one call of two columns");
    assert!(both("max_state(score)", "NULL").await.is_ok(), "no state at all");
}

#[tokio::test]
async fn registering_twice_makes_no_states_of_states() {
    let mut ctx = session(&KnownFunctions::new());
    let again = register_state_functions(&mut ctx, &KnownFunctions::new()).unwrap();
    assert!(again.iter().all(|name| !name.ends_with("_state") && !name.ends_with("_merge")), "{again:?}");
    let state = ctx.state();
    let missing = ["first_value_state", "nth_value_state", "approx_median_state", "approx_percentile_cont_state"];
    assert!(missing.iter().all(|name| !state.aggregate_functions().contains_key(*name)));
    assert!(Arc::clone(&state.aggregate_functions()["median_merge"]).name() == "median_merge");
}
