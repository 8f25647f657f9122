//! The retention pipeline over the sample, counted again by DuckDB from the landed rows.
#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

use cxmill_tests::{Peers, TestProject, peers};
use serde_json::Value;

/// Landed rows of a source, as DuckDB reads them.
fn landed(project: &TestProject, source: &str) -> String {
    format!("read_parquet('{}/data/state/landed/{source}/**/*.parquet')", project.path().display())
}

fn published(project: &TestProject, model: &str) -> String {
    format!("read_parquet('{}/data/output/{model}/**/*.parquet', hive_partitioning = false)", project.path().display())
}

/// Rows that the two queries do not share, in either direction.
#[track_caller]
fn assert_same(peers: &Peers, found: &str, expected: &str) {
    let differ = format!(
        "WITH found AS ({found}), expected AS ({expected}) SELECT (SELECT count(*) FROM found) AS n, \
         (SELECT count(*) FROM (FROM found EXCEPT ALL FROM expected)) AS more, \
         (SELECT count(*) FROM (FROM expected EXCEPT ALL FROM found)) AS less"
    );
    let rows = peers.duckdb(&differ);
    assert!(rows[0]["n"].as_u64().expect("a count") > 0, "{found} has rows");
    assert_eq!((&rows[0]["more"], &rows[0]["less"]), (&Value::from(0), &Value::from(0)), "{}", rows[0]);
}

#[test]
fn cohorts_and_curves_are_those_that_duckdb_counts() {
    let Some(peers) = peers() else { return };
    let project = TestProject::shipped();
    drop(project.cxmill(["sample", "data/sample", "--customers", "150", "--days", "75"]).exits(0));
    // Within March: the cells of that month, and of days from the 12th on, are not known.
    let as_of = "2026-03-12T09:00:00Z";
    drop(project.cxmill(["run", "--as-of", as_of]).exits(0));
    let as_of = "TIMESTAMP '2026-03-12 09:00:00'";

    let days = format!(
        "SELECT DISTINCT customer_id, CAST(occurred_at AT TIME ZONE 'UTC' AS DATE) AS day FROM {} \
         WHERE occurred_at AT TIME ZONE 'UTC' <= {as_of}",
        landed(&project, "interactions")
    );
    assert_same(
        &peers,
        &format!(
            "SELECT cohort, day_of_life, customers, active_customers, round(retention_percent, 6) AS percent FROM {}",
            published(&project, "retention_daily")
        ),
        &format!(
            "WITH days AS ({days}), lives AS (SELECT customer_id, day, min(day) OVER (PARTITION BY customer_id) AS cohort FROM days), \
             sizes AS (SELECT cohort, count(DISTINCT customer_id) AS customers FROM lives GROUP BY cohort), \
             cells AS (SELECT cohort, n.n AS day_of_life, customers, (SELECT count(*) FROM lives l WHERE l.cohort = s.cohort \
             AND l.day = s.cohort + CAST(n.n AS INT)) AS active FROM sizes s, range(31) AS n(n)) \
             SELECT cohort, day_of_life, customers, CASE WHEN cohort + CAST(day_of_life AS INT) < DATE '2026-03-12' THEN active END, \
             CASE WHEN cohort + CAST(day_of_life AS INT) < DATE '2026-03-12' THEN round(100.0 * active / customers, 6) END FROM cells"
        ),
    );

    let orders: Vec<String> = ["orders_online", "orders_store"]
        .iter()
        .map(|source| {
            format!(
                "SELECT customer_id, CAST(date_trunc('month', ordered_at AT TIME ZONE 'UTC') AS DATE) AS month FROM {} \
                 WHERE ordered_at AT TIME ZONE 'UTC' <= {as_of}",
                landed(&project, source)
            )
        })
        .collect();
    assert_same(
        &peers,
        &format!(
            "SELECT cohort, month_of_life, customers, active_customers FROM {} WHERE active_customers IS NOT NULL",
            published(&project, "retention_monthly")
        ),
        &format!(
            "WITH months AS (SELECT DISTINCT * FROM ({})), \
             lives AS (SELECT customer_id, month, min(month) OVER (PARTITION BY customer_id) AS cohort FROM months), \
             sizes AS (SELECT cohort, count(DISTINCT customer_id) AS customers FROM lives GROUP BY cohort) \
             SELECT cohort, n.n AS month_of_life, customers, (SELECT count(*) FROM lives l WHERE l.cohort = s.cohort AND \
             date_diff('month', l.cohort, l.month) = n.n) AS active FROM sizes s, range(12) AS n(n) \
             WHERE cohort + to_months(CAST(n.n AS INT)) < DATE '2026-03-01'",
            orders.join(" UNION ALL ")
        ),
    );

    // The product limit by hand: the factors (at risk − cancelled) / at risk, over subscriptions with a start.
    let lives = format!(
        "SELECT customer_id, min(changed_at) AS first, max(changed_at) AS last, bool_or(action = 'cancelled') AS cancelled \
         FROM {} WHERE changed_at AT TIME ZONE 'UTC' <= {as_of} GROUP BY customer_id HAVING bool_or(action = 'started')",
        landed(&project, "subscriptions")
    );
    let projection = published(&project, "renewal_projection");
    assert_same(
        &peers,
        &format!(
            "SELECT term, at_risk, cancelled, round(survival_seen, 9) AS survival FROM {projection} WHERE cancelled > 0"
        ),
        &format!(
            "WITH lives AS ({lives}), terms AS (SELECT cancelled, CAST(round(date_diff('day', first AT TIME ZONE 'UTC', \
             last AT TIME ZONE 'UTC') / 30.0) AS BIGINT) AS term FROM lives), \
             counts AS (SELECT term, (SELECT count(*) FROM terms o WHERE o.term >= t.term) AS at_risk, \
             count(*) FILTER (WHERE cancelled) AS gone FROM terms t GROUP BY term) \
             SELECT term, at_risk, gone, round(exp(sum(ln((at_risk - gone) / at_risk)) OVER (ORDER BY term)), 9) FROM counts \
             WHERE gone > 0"
        ),
    );
    let ends = peers.duckdb(&format!(
        "SELECT count(*) AS n, max(survival_projected) < 1 AND min(survival_projected) > 0 AS falls FROM {projection}"
    ));
    assert_eq!((&ends[0]["n"], &ends[0]["falls"]), (&Value::from(12), &Value::from(true)));
}
