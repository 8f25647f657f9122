//! Numbers that others published, out of pipeline files under `tests/projects/`, through the CLI, read back with DuckDB
//! and Polars.
#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

use std::path::PathBuf;

use cxmill_tests::{Peers, TestProject, outside, peers};
use serde_json::Value;

/// Runs a fixture over the real data and gives the project with the readers.
fn run(fixture: &str) -> Option<(TestProject, PathBuf, Peers)> {
    let (data, peers) = (outside("CXMILL_SHARED_DATA")?, peers()?);
    let data = data.canonicalize().expect("CXMILL_SHARED_DATA names a folder");
    let project = TestProject::fixture(fixture);
    let raw = format!("raw={}", data.display());
    let report = project.cxmill(["--set", &raw, "--format", "json", "run"]).exits(0).json();
    for source in report["sources"].as_array().expect("sources") {
        let count = |key: &str| source[key].as_u64().expect("a count");
        assert_eq!(count("read"), count("accepted") + count("quarantined") + count("duplicate"), "{source}");
    }
    Some((project, data, peers))
}

/// The one row of a published table, the same through DuckDB and Polars.
fn one_row(project: &TestProject, peers: &Peers, model: &str) -> Value {
    let table = project.path().join("data/output").join(model);
    let duckdb = peers.duckdb(&format!("SELECT * FROM '{}/*.parquet'", table.display()));
    assert_eq!(duckdb, peers.polars(&table), "DuckDB and Polars read the same");
    assert_eq!(duckdb.len(), 1);
    duckdb.into_iter().next().expect("a row")
}

#[track_caller]
fn close(found: &Value, expected: f64, tolerance: f64) {
    let found = found.as_f64().expect("a number");
    assert!((found - expected).abs() <= tolerance, "{found} is not {expected} ± {tolerance}");
}

#[test]
fn nps_of_the_garden_centre_chain() {
    let Some((project, _, peers)) = run("nps_garden") else { return };
    let row = one_row(&project, &peers, "nps_total");
    assert_eq!((row["respondents"].as_u64(), row["missing"].as_u64()), (Some(13_954), Some(342)));
    assert_eq!(row["answers"], 13_612);
    assert_eq!(
        (&row["promoters"], &row["passives"], &row["detractors"]),
        (&8_465.into(), &3_953.into(), &1_194.into())
    );
    close(&row["nps"], 53.41610, 1e-5);
    assert!(row["low"].as_f64() < row["nps"].as_f64() && row["nps"].as_f64() < row["high"].as_f64());
}

/// Comments of the garden-centre chain are in French. Which themes they have is counted anew by the forms of their words.
#[test]
fn voice_of_the_garden_centre_chain() {
    let Some((project, _, peers)) = run("nps_garden") else { return };
    let comments = format!("'{}/*.parquet'", project.path().join("data/output/comments").display());
    let languages =
        peers.duckdb(&format!("SELECT language, count(*) AS texts FROM {comments} GROUP BY 1 ORDER BY texts DESC"));
    let texts = |language: Option<&str>| -> u64 {
        let of = languages.iter().filter(|row| row["language"].as_str() == language);
        of.map(|row| row["texts"].as_u64().expect("a count")).sum()
    };
    let total: u64 = languages.iter().map(|row| row["texts"].as_u64().expect("a count")).sum();
    assert_eq!(total, 3_839);
    assert!(texts(Some("fr")) * 100 > total * 94, "{languages:?}");
    // Two people wrote in English.
    assert_eq!(texts(Some("fr")) + texts(Some("en")) + texts(None), total, "{languages:?}");
    assert_eq!(texts(Some("en")), 2, "{languages:?}");

    let groups = peers.duckdb(&format!(
        "SELECT * FROM '{}/*.parquet' ORDER BY people",
        project.path().join("data/output/sentiment_by_group").display()
    ));
    let mean = |group: usize| groups[group]["mean_sentiment"].as_f64().expect("a mean");
    assert_eq!((groups.len(), &groups[0]["people"]), (3, &"detractors".into()));
    assert!(mean(0) < -0.05 && mean(0) + 0.1 < mean(1) && mean(1) + 0.2 < mean(2), "{groups:?}");

    for (theme, forms, fewest) in [
        ("price", "prix|chers?|cheres?", 800),
        ("waiting", "files? d. ?attentes?|temps d. ?attentes?|queues?", 30),
        ("choice", "choix", 200),
    ] {
        let counted = peers.duckdb(&format!(
            "SELECT count(*) FILTER (ours) AS ours, count(*) FILTER (ours <> theirs) AS different
             FROM (SELECT list_contains(string_split(themes, ','), '{theme}') AS ours,
                          regexp_matches(strip_accents(lower(comment)), '(^|[^a-z0-9])({forms})($|[^a-z0-9])') AS theirs
                   FROM {comments} WHERE language = 'fr')"
        ));
        let count = |name: &str| counted[0][name].as_u64().expect("a count");
        assert!(count("ours") >= fewest, "{theme}: {counted:?}");
        assert!(count("different") * 100 <= count("ours"), "{theme}: {counted:?}");
    }
}

#[test]
fn csat_of_the_call_centre() {
    let Some((project, _, peers)) = run("call_centre") else { return };
    let row = one_row(&project, &peers, "csat_total");
    assert_eq!((&row["calls"], &row["ratings"], &row["satisfied"]), (&5_000.into(), &4_054.into(), &2_023.into()));
    close(&row["csat"], 49.901, 1e-3);
    close(&row["mean_rating"], 3.40, 0.005);
    close(&row["mean_waiting"], 67.52, 0.005);
    close(&row["answered_share"], 81.1, 0.05);
    close(&row["resolved_share"], 72.9, 0.05);
}

#[test]
fn totals_of_the_gift_shop() {
    let Some((project, _, peers)) = run("online_retail") else { return };
    let row = one_row(&project, &peers, "retail_total");
    assert_eq!((&row["lines"], &row["customers"], &row["invoices"]), (&397_884.into(), &4_338.into(), &18_532.into()));
    close(&row["revenue"], 8_911_407.904, 1e-2);
    let table = project.path().join("data/output/revenue_monthly");
    let months = peers.duckdb(&format!(
        "SELECT count(*) AS months, sum(revenue) AS revenue, min(year) AS first, max(year) AS last
         FROM read_parquet('{}/*/*.parquet', hive_partitioning = true)",
        table.display()
    ));
    assert_eq!(
        (&months[0]["months"], &months[0]["first"], &months[0]["last"]),
        (&13.into(), &2010.into(), &2011.into())
    );
    close(&months[0]["revenue"], 8_911_407.904, 1e-2);
}

#[test]
fn value_of_the_cd_shop() {
    let Some((project, _, peers)) = run("cdnow") else { return };
    let row = one_row(&project, &peers, "cdnow_total");
    assert_eq!(
        (&row["lines"], &row["customer_days"], &row["customers"]),
        (&69_659.into(), &67_591.into(), &23_570.into())
    );
    close(&row["top_share"], 67.777_382_97, 1e-3);
}

/// Fader, Hardie & Lee 2005: BG/NBD on the first 39 weeks of the tenth of customers that everybody uses, held against the next 39.
#[test]
fn lifetime_value_of_the_cd_shop() {
    let Some((project, _, peers)) = run("cdnow_value") else { return };
    let row = one_row(&project, &peers, "parameters");
    assert_eq!((&row["customers"], &row["converged"], &row["repeaters"]), (&2_357.into(), &true.into(), &946.into()));
    let published =
        [("r", 0.2426), ("alpha", 4.4136), ("a", 0.7929), ("b", 2.4259), ("p", 6.25), ("q", 3.74), ("v", 15.44)];
    for (name, expected) in published {
        close(&row[name], expected, 2e-3 * expected);
    }
    close(&row["log_likelihood"], -9_582.429, 1e-3);
    close(&row["pareto_log_likelihood"], -9_594.976, 1e-3);
    let table = project.path().join("data/output/backtest");
    let classes = peers.duckdb(&format!("SELECT * FROM '{}/*.parquet' ORDER BY known", table.display()));
    let total = |name: &str| classes.iter().map(|row| row[name].as_f64().expect("a number")).sum::<f64>();
    assert_eq!((classes.len(), total("customers")), (8, 2_357.0));
    // Expectations are some 12 % below what came in all, and close to it in every class of purchases known.
    assert!((total("expected") / total("actual") - 1.0).abs() < 0.13, "{classes:?}");
    for class in &classes {
        let each =
            |name: &str| class[name].as_f64().expect("a number") / class["customers"].as_f64().expect("a number");
        assert!((each("expected") - each("actual")).abs() < 0.6, "{class}");
    }
}

#[test]
fn csat_of_the_marketplace_by_delay() {
    let Some((project, data, peers)) = run("olist") else { return };
    let table = project.path().join("data/output/csat_by_delay");
    let published =
        peers.duckdb(&format!("SELECT delay, reviews, csat FROM '{}/*.parquet' ORDER BY delay", table.display()));
    let referee = peers.duckdb(&format!(
        "WITH joined AS (
           SELECT review_score AS score,
                  date_diff('day', CAST(o.order_estimated_delivery_date AS DATE), CAST(o.order_delivered_customer_date AS DATE)) AS late
           FROM (SELECT DISTINCT ON (review_id, order_id) * FROM read_csv('{0}/olist/olist_order_reviews_dataset.csv')) r
           JOIN read_csv('{0}/olist/olist_orders_dataset.csv') o USING (order_id)
           WHERE o.order_delivered_customer_date IS NOT NULL)
         SELECT CASE WHEN late <= 0 THEN '0 on time' WHEN late <= 3 THEN '1 up to 3 days'
                     WHEN late <= 7 THEN '2 up to a week' ELSE '3 later' END AS delay,
                count(score) AS reviews, 100.0 * count(*) FILTER (WHERE score >= 4) / count(*) AS csat
         FROM joined GROUP BY 1 ORDER BY 1",
        data.display()
    ));
    assert_eq!(published.len(), 4);
    for (ours, theirs) in published.iter().zip(&referee) {
        assert_eq!((&ours["delay"], &ours["reviews"]), (&theirs["delay"], &theirs["reviews"]));
        close(&ours["csat"], theirs["csat"].as_f64().expect("a number"), 1e-9);
    }
    let csat = |row: &Value| row["csat"].as_f64().expect("a number");
    assert!(csat(&published[0]) > csat(&published[3]) + 20.0, "a late delivery costs satisfaction");
}
