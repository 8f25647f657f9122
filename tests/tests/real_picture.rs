//! The shipped models over real data made by others: their SQL as it stands in `pipelines/`, over sources of another shape,
//! held against what DuckDB computes from the raw files in another way.
#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

use std::path::PathBuf;

use cxmill_tests::{Peers, TestProject, outside, peers};
use serde_json::Value;

/// A fixture with shipped models laid over its views.
struct Real {
    project: TestProject,
    data: PathBuf,
    peers: Peers,
}

impl Real {
    /// Runs a fixture with models of shipped pipeline files; `None` after saying that the test is skipped.
    fn run(fixture: &str, shipped: &[(&str, &[&str])]) -> Option<Self> {
        let (data, peers) = (outside("CXMILL_SHARED_DATA")?, peers()?);
        let data = data.canonicalize().expect("CXMILL_SHARED_DATA names a folder");
        let project = TestProject::fixture(fixture);
        for (file, models) in shipped {
            project.add_shipped(file, models);
        }
        let raw = format!("raw={}", data.display());
        drop(project.cxmill(["--set", &raw, "run"]).exits(0));
        Some(Self { project, data, peers })
    }

    /// Rows of a published table, in an order that is asked for.
    fn published(&self, model: &str, columns: &str, order: &str) -> Vec<Value> {
        let table = self.project.path().join("data/output").join(model);
        self.peers.duckdb(&format!(
            "SELECT {columns} FROM read_parquet('{}/**/*.parquet', hive_partitioning = false) ORDER BY {order}",
            table.display()
        ))
    }

    /// What DuckDB says of the raw files, which a query names by `{data}`.
    fn referee(&self, sql: &str) -> Vec<Value> {
        self.peers.duckdb(&sql.replace("{data}", &self.data.display().to_string()))
    }
}

/// The same rows: numbers to 1e-9 of their size, all else to the letter. Of the place between two values that a ninth decile
/// lies at, DataFusion's `percentile_cont` knows a millionth.
#[track_caller]
fn same(ours: &[Value], theirs: &[Value]) {
    assert_eq!(ours.len(), theirs.len());
    assert!(!ours.is_empty());
    for (ours, theirs) in ours.iter().zip(theirs) {
        let (columns, expected) = (ours.as_object().expect("a row"), theirs.as_object().expect("a row"));
        assert_eq!(columns.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (name, value) in columns {
            match (value.as_f64(), expected[name].as_f64()) {
                (Some(found), Some(stated)) => {
                    let share = if name.starts_with("p90") { 1e-6 } else { 1e-9 };
                    let tolerance = share * stated.abs().max(1.0);
                    assert!((found - stated).abs() <= tolerance, "{name} is {found} in {ours}, DuckDB says {theirs}");
                }
                _ => assert_eq!(value, &expected[name], "{name} in {ours}, DuckDB says {theirs}"),
            }
        }
    }
}

/// MRR of each account at the end of each month, from the spans of its subscriptions; the shipped model follows changes.
#[test]
fn recurring_revenue_of_the_software_company() {
    let Some(real) = Real::run("ravenstack", &[("churn", &["mrr_monthly"])]) else { return };
    let ours = real.published(
        "mrr_monthly",
        "CAST(month AS VARCHAR) AS month, opening_subscribers, new_subscribers, reactivated_subscribers,
         churned_subscribers, closing_subscribers, opening_mrr, new_mrr, reactivated_mrr, expansion_mrr, contraction_mrr,
         churned_mrr, closing_mrr, logo_churn_percent, grr_percent, nrr_percent",
        "month",
    );
    let theirs = real.referee(
        "WITH months AS (
           SELECT CAST(unnest(generate_series(DATE '2023-01-01', DATE '2024-12-01', INTERVAL 1 MONTH)) AS DATE) AS month),
         ends AS (
           SELECT month, account_id, coalesce(sum(mrr_amount) FILTER (
                    WHERE start_date <= last_day(month) AND (end_date IS NULL OR end_date > last_day(month))), 0) AS mrr
           FROM months CROSS JOIN read_csv('{data}/ravenstack/ravenstack_subscriptions.csv') GROUP BY ALL),
         pairs AS (
           SELECT month, mrr, coalesce(lag(mrr) OVER each, 0) AS before,
                  coalesce(max(mrr) OVER (each ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) > 0 AS paid_ever
           FROM ends WINDOW each AS (PARTITION BY account_id ORDER BY month))
         SELECT CAST(month AS VARCHAR) AS month,
                count_if(before > 0) AS opening_subscribers,
                count_if(before = 0 AND mrr > 0 AND NOT paid_ever) AS new_subscribers,
                count_if(before = 0 AND mrr > 0 AND paid_ever) AS reactivated_subscribers,
                count_if(before > 0 AND mrr = 0) AS churned_subscribers,
                count_if(mrr > 0) AS closing_subscribers,
                sum(before) AS opening_mrr,
                coalesce(sum(mrr) FILTER (before = 0 AND NOT paid_ever), 0) AS new_mrr,
                coalesce(sum(mrr) FILTER (before = 0 AND paid_ever), 0) AS reactivated_mrr,
                coalesce(sum(mrr - before) FILTER (before > 0 AND mrr > before), 0) AS expansion_mrr,
                coalesce(sum(before - mrr) FILTER (mrr > 0 AND mrr < before), 0) AS contraction_mrr,
                coalesce(sum(before) FILTER (mrr = 0), 0) AS churned_mrr,
                sum(mrr) AS closing_mrr,
                100.0 * count_if(before > 0 AND mrr = 0) / nullif(count_if(before > 0), 0) AS logo_churn_percent,
                100.0 * CAST(sum(least(mrr, before)) FILTER (before > 0) AS DOUBLE) / nullif(sum(before), 0) AS grr_percent,
                100.0 * CAST(sum(mrr) FILTER (before > 0) AS DOUBLE) / nullif(sum(before), 0) AS nrr_percent
         FROM pairs GROUP BY month ORDER BY month",
    );
    assert_eq!(ours.len(), 24);
    same(&ours, &theirs);
}

#[test]
fn journeys_through_the_web_shop() {
    let models: &[&str] = &["sessions", "journey_paths", "moves_daily", "journey_flows"];
    let Some(real) = Real::run("retentioneering", &[("journey", models)]) else { return };
    let ours = real.published("purchase_funnel", "device, step_number, sessions", "device, step_number");
    // A step is taken at the first time that is not before the step before it.
    let theirs = real.referee(
        "WITH clicks AS (SELECT platform AS device, session_id, event, timestamp AS moment
                         FROM read_csv('{data}/retentioneering/ecom.csv.gz')),
         one AS (SELECT device, session_id, min(moment) FILTER (event = 'product_view') AS moment FROM clicks GROUP BY ALL),
         two AS (SELECT o.session_id, min(c.moment) AS moment FROM one o JOIN clicks c ON c.session_id = o.session_id
                 WHERE c.event = 'add_to_cart' AND c.moment >= o.moment GROUP BY ALL),
         three AS (SELECT o.session_id, min(c.moment) AS moment FROM two o JOIN clicks c ON c.session_id = o.session_id
                   WHERE c.event = 'shipping_details' AND c.moment >= o.moment GROUP BY ALL),
         four AS (SELECT o.session_id, min(c.moment) AS moment FROM three o JOIN clicks c ON c.session_id = o.session_id
                  WHERE c.event = 'payment_details' AND c.moment >= o.moment GROUP BY ALL),
         five AS (SELECT o.session_id, min(c.moment) AS moment FROM four o JOIN clicks c ON c.session_id = o.session_id
                  WHERE c.event = 'purchase' AND c.moment >= o.moment GROUP BY ALL),
         taken AS (
           SELECT session_id, 1 AS step_number FROM one WHERE moment IS NOT NULL UNION ALL SELECT session_id, 2 FROM two
           UNION ALL SELECT session_id, 3 FROM three UNION ALL SELECT session_id, 4 FROM four
           UNION ALL SELECT session_id, 5 FROM five)
         SELECT device, step_number, count(*) AS sessions FROM taken JOIN one USING (session_id)
         GROUP BY ALL ORDER BY device, step_number",
    );
    assert_eq!(ours.len() % 5, 0);
    same(&ours, &theirs);

    let ours = real.published("journey_flows", "*", "channel, from_touchpoint, to_touchpoint");
    let theirs = real.referee(
        "WITH ordered AS (
           SELECT session_id, acquisition_channel AS channel,
                  ['start'] || list(event ORDER BY timestamp, event) || ['exit'] AS stops
           FROM read_csv('{data}/retentioneering/ecom.csv.gz') GROUP BY ALL),
         moves AS (
           SELECT channel, unnest(stops[:-2]) AS from_touchpoint, unnest(stops[2:]) AS to_touchpoint FROM ordered),
         counts AS (SELECT channel, from_touchpoint, to_touchpoint, count(*) AS moves FROM moves GROUP BY ALL)
         SELECT *, 100.0 * moves / sum(moves) OVER (PARTITION BY channel, from_touchpoint) AS share_percent
         FROM counts ORDER BY channel, from_touchpoint, to_touchpoint",
    );
    same(&ours, &theirs);

    let ours = real.published("journey_paths", "path, sessions, share_percent, basket_percent", "path_rank");
    let theirs = real.referee(
        "WITH ordered AS (
           SELECT session_id, list(event ORDER BY timestamp, event) AS stops
           FROM read_csv('{data}/retentioneering/ecom.csv.gz') GROUP BY session_id),
         paths AS (
           SELECT array_to_string(list_filter(stops, lambda stop, i: i = 1 OR stop <> stops[i - 1]), ' > ') AS path,
                  list_contains(stops, 'cart') AS has_basket
           FROM ordered)
         SELECT path, count(*) AS sessions, 100.0 * count(*) / sum(count(*)) OVER () AS share_percent,
                100.0 * count_if(has_basket) / count(*) AS basket_percent
         FROM paths GROUP BY path ORDER BY sessions DESC, path LIMIT 50",
    );
    same(&ours, &theirs);
}

#[test]
fn service_of_the_call_centre() {
    let models: &[&str] = &["service_times", "service_contacts"];
    let Some(real) = Real::run("call_centre", &[("service", models), ("drivers", &["drivers_effects"])]) else {
        return;
    };
    let ours = real.published(
        "service_times",
        "CAST(month AS VARCHAR) AS month, contacts, abandoned, abandoned_percent, long_wait_percent, median_response_s,
         p90_response_s, median_handling_s, p90_handling_s, resolved_percent",
        "month",
    );
    let theirs = real.referee(
        "WITH calls AS (
           SELECT date_trunc('month', \"Date\") AS month, \"Answered (Y/N)\" = 'Y' AS answered, Resolved = 'Y' AS resolved,
                  \"Speed of answer in seconds\" AS wait, epoch(AvgTalkDuration) AS talk
           FROM read_csv('{data}/callcentre_pwc/call_center.csv'))
         SELECT CAST(CAST(month AS DATE) AS VARCHAR) AS month, count(*) AS contacts, count_if(NOT answered) AS abandoned,
                100.0 * count_if(NOT answered) / count(*) AS abandoned_percent,
                100.0 * count_if(wait > 300) / count(wait) AS long_wait_percent,
                quantile_cont(wait, 0.5) AS median_response_s, quantile_cont(wait, 0.9) AS p90_response_s,
                quantile_cont(talk, 0.5) AS median_handling_s, quantile_cont(talk, 0.9) AS p90_handling_s,
                100.0 * count_if(resolved) / count(*) AS resolved_percent
         FROM calls GROUP BY month ORDER BY month",
    );
    same(&ours, &theirs);
    let ours = real.published(
        "service_contacts",
        "CAST(day AS VARCHAR) AS day, topic, contacts, mean_response_s, resolved_percent",
        "day, topic",
    );
    let theirs = real.referee(
        "SELECT CAST(\"Date\" AS VARCHAR) AS day, Topic AS topic, count(*) AS contacts,
                avg(\"Speed of answer in seconds\") AS mean_response_s,
                100.0 * count_if(Resolved = 'Y') / count(*) AS resolved_percent
         FROM read_csv('{data}/callcentre_pwc/call_center.csv') GROUP BY ALL ORDER BY day, topic",
    );
    same(&ours, &theirs);
    let ours = real.published(
        "drivers_effects",
        "answers_with, answers_without, difference, (difference_high - difference_low) / 2 AS margin",
        "effect_rank",
    );
    let theirs = real.referee(
        "SELECT count_if(Resolved = 'N') AS answers_with, count_if(Resolved = 'Y') AS answers_without,
                avg(score) FILTER (Resolved = 'N') - avg(score) FILTER (Resolved = 'Y') AS difference,
                1.959964 * sqrt(var_samp(score) FILTER (Resolved = 'N') / count_if(Resolved = 'N')
                                + var_samp(score) FILTER (Resolved = 'Y') / count_if(Resolved = 'Y')) AS margin
         FROM (SELECT Resolved, \"Satisfaction rating\" AS score FROM read_csv('{data}/callcentre_pwc/call_center.csv'))
         WHERE score IS NOT NULL",
    );
    same(&ours, &theirs);
}

#[test]
fn promises_of_the_marketplace_and_what_they_do_to_scores() {
    let shipped: &[(&str, &[&str])] = &[
        ("delivery", &["delivery_promises", "delivery_satisfaction"]),
        ("drivers", &["drivers_effects", "drivers_model"]),
        ("service", &[]),
    ];
    let Some(real) = Real::run("olist", shipped) else { return };
    let ours = real.published(
        "delivery_promises",
        "CAST(month AS VARCHAR) AS month, deliveries, on_time, median_days_promised, median_days_taken, p90_days_taken,
         median_hours_late",
        "month",
    );
    let theirs = real.referee(
        "WITH orders AS (
           SELECT order_purchase_timestamp AS ordered, order_delivered_customer_date AS delivered,
                  order_estimated_delivery_date AS promised
           FROM read_csv('{data}/olist/olist_orders_dataset.csv')
           WHERE order_delivered_customer_date IS NOT NULL)
         SELECT CAST(CAST(date_trunc('month', delivered) AS DATE) AS VARCHAR) AS month, count(*) AS deliveries,
                count_if(delivered <= promised) AS on_time,
                quantile_cont(epoch(promised - ordered) / 86400, 0.5) AS median_days_promised,
                quantile_cont(epoch(delivered - ordered) / 86400, 0.5) AS median_days_taken,
                quantile_cont(epoch(delivered - ordered) / 86400, 0.9) AS p90_days_taken,
                quantile_cont(epoch(delivered - promised) / 3600, 0.5) FILTER (delivered > promised) AS median_hours_late
         FROM orders GROUP BY 1 ORDER BY 1",
    );
    same(&ours, &theirs);

    let reviews = "WITH reviews AS (
           SELECT r.review_score AS score, o.order_delivered_customer_date > o.order_estimated_delivery_date AS late
           FROM (SELECT DISTINCT ON (review_id, order_id) * FROM read_csv('{data}/olist/olist_order_reviews_dataset.csv')) r
           JOIN read_csv('{data}/olist/olist_orders_dataset.csv') o USING (order_id)
           WHERE o.order_delivered_customer_date IS NOT NULL) ";
    let ours = real.published("delivery_satisfaction", "delivery, answers, csat", "delivery");
    let theirs = real.referee(&format!(
        "{reviews} SELECT CASE WHEN late THEN 'late' ELSE 'on_time' END AS delivery, count(*) AS answers,
                          100.0 * count_if(score >= 4) / count(*) AS csat
                   FROM reviews GROUP BY 1 ORDER BY 1"
    ));
    same(&ours, &theirs);

    let ours = real.published(
        "drivers_effects",
        "driver, answers_with, answers_without, mean_with, mean_without, difference, is_significant",
        "effect_rank",
    );
    let theirs = real.referee(&format!(
        "{reviews} SELECT 'late delivery' AS driver, count_if(late) AS answers_with, count_if(NOT late) AS answers_without,
                          avg(score) FILTER (late) AS mean_with, avg(score) FILTER (NOT late) AS mean_without,
                          avg(score) FILTER (late) - avg(score) FILTER (NOT late) AS difference, true AS is_significant
                   FROM reviews"
    ));
    same(&ours, &theirs);
    assert!(ours.iter().all(|row| row["difference"].as_f64().expect("a number") < -1.0), "late is disliked: {ours:?}");

    // With one driver that varies the model is the regression on it.
    let model = real.published(
        "drivers_model",
        "answers, points, residual_deviation",
        "CASE driver WHEN 'late delivery' THEN 0 ELSE 1 END LIMIT 1",
    );
    let theirs = real.referee(&format!(
        "{reviews} SELECT count(*) AS answers, regr_slope(score, CAST(late AS INT)) AS points,
                          sqrt((regr_syy(score, CAST(late AS INT)) - regr_slope(score, CAST(late AS INT)) * regr_sxy(score, CAST(late AS INT)))
                               / (count(*) - 2)) AS residual_deviation
                   FROM reviews"
    ));
    same(&model, &theirs);
}
