//! States that are published: a day's events are read once, and weeks and months are rolled up from what is published of days.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{Shop, action, answer, published_files, same_tables};

/// The day is published as states, and read by other models and by people.
const ROLLUP: &str = r"
  daily_states:
    sql: |
      SELECT day, channel, nps_state(score) AS nps, avg_state(score) AS mean, count_state(score) AS answers,
             count_distinct_state(id) AS people, approx_distinct_state(id) AS people_about, max_state(score) AS best,
             stddev_state(score) AS spread, median_state(score) AS middle,
             csat_state(score, 8) AS satisfied, percentile_cont_state(score, 0.9) AS high
      FROM scored GROUP BY day, channel
    grain: [day, channel]
    output: {partition_by: {month: day}}
  weekly:
    sql: |
      SELECT CAST(date_trunc('week', day) AS DATE) AS week, nps_combine(nps) AS nps, count_distinct_combine(people) AS people,
             avg_combine(mean) AS mean
      FROM daily_states GROUP BY 1
    grain: [week]
  monthly:
    sql: |
      SELECT CAST(date_trunc('month', day) AS DATE) AS month, nps_merge(nps) AS nps, avg_merge(mean) AS mean,
             count_merge(answers) AS answers, count_distinct_merge(people) AS people,
             approx_distinct_merge(people_about) AS people_about, max_merge(best) AS best, stddev_merge(spread) AS spread,
             median_merge(middle) AS middle, csat_merge(satisfied) AS csat, percentile_cont_merge(high) AS high
      FROM daily_states GROUP BY 1
    grain: [month]
  monthly_direct:
    strategy: full
    sql: |
      SELECT CAST(date_trunc('month', day) AS DATE) AS month, nps(score) AS nps, avg(score) AS mean, count(score) AS answers,
             count(DISTINCT id) AS people, approx_distinct(id) AS people_about, max(score) AS best, stddev(score) AS spread,
             median(score) AS middle, csat(score, 8) AS csat, percentile_cont(score, 0.9) AS high
      FROM scored GROUP BY 1
    grain: [month]
  since_the_start:
    sql: |
      SELECT week, nps_finish(nps) AS nps, count_distinct_finish(people) AS people, avg_finish(mean) AS mean,
             count_distinct_merge(people) OVER (ORDER BY week) AS people_so_far
      FROM weekly
    grain: [week]
";

fn shop() -> Shop {
    let mut shop = Shop::new();
    // A person may answer more than once.
    shop.pipeline = shop
        .pipeline
        .replace("    unique_key: [id]\n", "")
        .replace("day, channel, score FROM", "day, channel, score, id FROM");
    shop.pipeline.push_str(ROLLUP.trim_start_matches('\n'));
    shop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_roll_up_to_weeks_and_months_without_reading_events() {
    let mut shop = shop();
    shop.raw(
        "1.ndjson",
        &[
            &answer("a", "2026-01-05T10:00:00Z", "web", 10),
            &answer("b", "2026-01-06T10:00:00Z", "app", 3),
            &answer("a", "2026-01-12T10:00:00Z", "app", 9),
            &answer("c", "2026-02-02T10:00:00Z", "web", 7),
        ],
    );
    let report = shop.run().await;
    let daily = report.models.iter().find(|model| model.name == "daily_states").unwrap();
    assert_eq!(daily.strategy, "partition", "the states of median are rows");
    insta::assert_snapshot!(shop.published("since_the_start").await, @r"
    +------------+-------+--------+------+---------------+
    | week       | nps   | people | mean | people_so_far |
    +------------+-------+--------+------+---------------+
    | 2026-01-05 | 0.0   | 2      | 6.5  | 2             |
    | 2026-01-12 | 100.0 | 1      | 9.0  | 2             |
    | 2026-02-02 | 0.0   | 1      | 7.0  | 3             |
    +------------+-------+--------+------+---------------+
    ");
    let monthly = shop.published("monthly").await;
    assert_eq!(monthly, shop.published("monthly_direct").await);

    // The events are gone; a new roll-up is built from what is published.
    for (landed, _) in shop.files("data/state/landed") {
        if landed.extension().is_some_and(|extension| extension == "parquet") {
            std::fs::write(landed, "spoilt").unwrap();
        }
    }
    shop.pipeline.push_str("  by_channel:\n    sql: SELECT channel, nps_merge(nps) AS nps, count_distinct_merge(people) AS people FROM daily_states GROUP BY channel\n");
    let report = shop.run().await;
    assert_eq!((action(&report, "by_channel"), action(&report, "daily_states")), ("built", "kept"));
    insta::assert_snapshot!(shop.published("by_channel").await, @r"
    +---------+------+--------+
    | channel | nps  | people |
    +---------+------+--------+
    | app     | 0.0  | 2      |
    | web     | 50.0 | 2      |
    +---------+------+--------+
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_states_are_kept_states_and_their_version_is_told() {
    let mut shop = shop();
    // These two keep rows.
    for kept in [
        " median_state(score) AS middle,",
        "median_merge(middle) AS middle, ",
        ", percentile_cont_state(score, 0.9) AS high",
        ", percentile_cont_merge(high) AS high",
    ] {
        assert!(shop.pipeline.contains(kept), "{kept}");
        shop.pipeline = shop.pipeline.replace(kept, "");
    }
    shop.raw("1.ndjson", &[&answer("a", "2026-01-05T10:00:00Z", "web", 10)]);
    shop.run().await;
    shop.raw("2.ndjson", &[&answer("b", "2026-01-05T11:00:00Z", "web", 0)]);
    let report = shop.run().await;
    let daily = report.models.iter().find(|model| model.name == "daily_states").unwrap();
    assert_eq!((daily.strategy.as_str(), daily.partitions_touched), ("state", Some(1)));
    assert!(shop.published("monthly").await.contains("| 2026-01-01 | 0.0 | 5.0  | 2       | 2      |"));
    let files = published_files(&shop, "daily_states");
    let schema = files.values().next().unwrap().schema();
    let nps = schema.field_with_name("nps").unwrap();
    let origin = cxmill_incremental::Origin::of(nps).unwrap();
    assert_eq!((origin.function.as_str(), origin.version.as_str()), ("nps", "1"));
}

/// Runs of rows, each a day of three months, a channel, a person and a score.
fn rows() -> impl Strategy<Value = Vec<Vec<(u32, u32, u32, i64)>>> {
    let row = (0..90_u32, 0..3_u32, 0..9_u32, 0..=10_i64);
    proptest::collection::vec(proptest::collection::vec(row, 0..25), 1..4)
}

#[test]
fn a_roll_up_is_what_the_events_give() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let cases = std::env::var_os("PROPTEST_CASES").map_or(6, |_| Config::default().cases);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let outcome = runner.run(&rows(), |runs| {
        runtime.block_on(Box::pin(async {
            let shop = shop();
            for (number, rows) in runs.iter().enumerate() {
                let line = |(day, channel, person, score): &(u32, u32, u32, i64)| {
                    let at = format!("2026-{:02}-{:02}T10:00:00Z", 1 + day / 30, 1 + day % 28);
                    answer(&format!("p{person}"), &at, ["web", "app", "phone"][*channel as usize], *score)
                };
                let lines: Vec<String> = rows.iter().map(line).collect();
                shop.raw(&format!("{number}.ndjson"), &lines.iter().map(String::as_str).collect::<Vec<_>>());
                shop.run().await;
                let (rolled, direct) = (published_files(&shop, "monthly"), published_files(&shop, "monthly_direct"));
                prop_assert!(same_tables(&rolled, &direct), "{rolled:?}\n{direct:?}");
            }
            Ok(())
        }))
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
