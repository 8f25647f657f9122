//! Models of which single partitions are computed: new rows cost the dates that they touch, and what stands elsewhere is left
//! alone.

use cxmill_engine::{ModelReport, RunOptions, RunReport, plan};

use crate::support::{Shop, answer, compiled};

const PIPELINE: &str = r"
sources:
  answers:
    location: ${raw}/answers/
    format: ndjson
    columns:
      id: {type: string, required: true}
      at: {type: timestamp, required: true}
      channel: {type: string, required: true}
      score: {type: int8}
    event_time: at
  channels:
    location: ${raw}/channels/
    format: ndjson
    columns: {channel: {type: string, required: true}, label: {type: string}}
models:
  ranked:
    sql: |
      SELECT local_day(at) AS day, id, label, rank() OVER (PARTITION BY local_day(at) ORDER BY score, id) AS place
      FROM answers JOIN channels ON channels.channel = answers.channel
    grain: [id]
    output: {partition_by: {month: day}}
  moving:
    sql: |
      WITH daily AS (SELECT local_day(at) AS day, count(*) AS answers FROM answers GROUP BY 1)
      SELECT day, sum(answers) OVER (ORDER BY day RANGE BETWEEN INTERVAL '1 day' PRECEDING AND CURRENT ROW) AS answers
      FROM daily
    output: {partition_by: [day]}
";

/// The source of answers alone.
fn answers() -> &'static str {
    PIPELINE.split("  channels:").next().unwrap()
}

async fn built() -> Shop {
    let mut shop = Shop::new();
    shop.pipeline = PIPELINE.to_owned();
    shop.raw_of("channels", "1.ndjson", &[r#"{"channel": "web", "label": "Web"}"#]);
    shop.raw(
        "1.ndjson",
        &[
            &answer("a", "2026-01-01T10:00:00Z", "web", 10),
            &answer("b", "2026-01-02T11:00:00Z", "web", 5),
            &answer("c", "2026-01-03T11:00:00Z", "web", 5),
            &answer("d", "2026-02-03T09:00:00Z", "web", 8),
        ],
    );
    shop.run().await;
    shop
}

fn of<'a>(report: &'a RunReport, model: &str) -> &'a ModelReport {
    report.models.iter().find(|found| found.name == model).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn landed_rows_of_other_dates_and_other_partitions_are_not_opened() {
    let shop = built().await;
    for spoilt in shop
        .objects("data/state/landed/answers", "date=2026-02")
        .iter()
        .chain(&shop.objects("data/state/landed/answers", "date=2026-01-03"))
    {
        std::fs::write(spoilt, "spoilt").unwrap();
    }
    let before = shop.files("data/output");
    shop.raw("2.ndjson", &[&answer("e", "2026-01-01T23:00:00Z", "web", 0)]);
    let report =
        shop.try_run(&RunOptions { select: vec!["moving".to_owned()], ..RunOptions::default() }).await.unwrap();
    assert!(!report.failed(), "{:?}", report.models);
    let moving = of(&report, "moving");
    assert_eq!((moving.strategy.as_str(), moving.action.as_str()), ("partition", "built"));
    assert_eq!(moving.touched, ["day=2026-01-01/part-0.parquet", "day=2026-01-02/part-0.parquet"]);
    assert_eq!((moving.partitions_touched, moving.partitions_written, moving.rows), (Some(2), 2, 4));
    let after = shop.files("data/output");
    let stays = |path: &&std::path::PathBuf| {
        path.ends_with("day=2026-02-03/part-0.parquet") || path.ends_with("day=2026-01-03/part-0.parquet")
    };
    assert_eq!(before.keys().filter(stays).count(), 2);
    for path in before.keys().filter(stays) {
        assert_eq!(before[path], after[path], "{}", path.display());
    }
    let rows = shop.published("moving").await;
    assert!(rows.contains("| 2026-01-01 | 2       |") && rows.contains("| 2026-01-02 | 3       |"), "{rows}");
    assert!(rows.contains("| 2026-01-03 | 2       |") && rows.contains("| 2026-02-03 | 1       |"), "{rows}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_of_a_partition_that_no_row_touches_stay_as_they_are() {
    let shop = built().await;
    for day in ["date=2026-01-02", "date=2026-01-03", "date=2026-02-03"] {
        for spoilt in shop.objects("data/state/landed/answers", day) {
            std::fs::write(spoilt, "spoilt").unwrap();
        }
    }
    shop.raw("2.ndjson", &[&answer("e", "2026-01-01T23:00:00Z", "web", 0)]);
    let only = RunOptions { select: vec!["ranked".to_owned()], ..RunOptions::default() };
    let report = shop.try_run(&only).await.unwrap();
    assert!(!report.failed(), "{:?}", report.models);
    let ranked = of(&report, "ranked");
    assert_eq!((ranked.touched.as_slice(), ranked.rows), (&["month=2026-01/part-0.parquet".to_owned()][..], 5));
    let rows = shop.published("ranked").await;
    for row in [
        "| 2026-01-01 | a  | Web   | 2     |",
        "| 2026-01-01 | e  | Web   | 1     |",
        "| 2026-01-02 | b  | Web   | 1     |",
    ] {
        assert!(rows.contains(row), "{rows}");
    }
    // A day of which nothing was known, in a partition that stands, and one whose rows are kept with the third.
    shop.raw("3.ndjson", &[&answer("f", "2026-01-09T23:00:00Z", "web", 0)]);
    let report = shop.try_run(&only).await.unwrap();
    assert!(!report.failed(), "{:?}", report.models);
    assert_eq!(of(&report, "ranked").rows, 6);
    let rows = shop.published("ranked").await;
    assert!(
        rows.contains("| 2026-01-09 | f  | Web   | 1     |") && rows.contains("| 2026-01-03 | c  | Web   | 1 "),
        "{rows}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_partition_is_named_where_some_of_its_days_stay() {
    let shop = built().await;
    let lost = shop.objects("data/state/results/ranked", "month=2026-01");
    assert_eq!(lost.len(), 1);
    std::fs::remove_file(&lost[0]).unwrap();
    shop.raw("2.ndjson", &[&answer("e", "2026-01-01T23:00:00Z", "web", 0)]);
    let error = shop.try_run(&RunOptions::default()).await.unwrap_err().to_string();
    assert!(error.contains("month=2026-01"), "{error}");
    let anew = RunOptions { full_refresh: true, ..RunOptions::default() };
    assert_eq!(of(&shop.try_run(&anew).await.unwrap(), "ranked").rows, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_dates_touches_every_partition_when_it_changes() {
    let shop = built().await;
    shop.raw("2.ndjson", &[&answer("e", "2026-01-01T23:00:00Z", "app", 0)]);
    let report = shop.run().await;
    let ranked = of(&report, "ranked");
    assert_eq!((ranked.touched.as_slice(), ranked.rows), (&["month=2026-01/part-0.parquet".to_owned()][..], 4));
    assert_eq!(ranked.partitions_written, 0, "the channel of the row is not known");
    shop.raw_of("channels", "2.ndjson", &[r#"{"channel": "app", "label": "App"}"#]);
    let report = shop.run().await;
    let ranked = of(&report, "ranked");
    assert_eq!((ranked.action.as_str(), ranked.partitions_touched, ranked.rows), ("built", None, 5));
    assert_eq!(ranked.partitions_written, 1, "all were computed, and one is another");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_counts_the_landed_rows_of_the_dates_that_are_touched() {
    let shop = built().await;
    let context = shop.context();
    let compiled = compiled(&context).await;
    let bytes = async |options: &RunOptions, model: &str| {
        let plan = plan(&context, &compiled, options).await.unwrap();
        let found = plan.models.iter().find(|found| found.name == model).unwrap();
        assert!(found.strategy_why.starts_with("only the partitions that new rows touch"), "{}", found.strategy_why);
        (found.reads_bytes, found.touches.unwrap())
    };
    shop.raw("2.ndjson", &[&answer("e", "2026-01-01T23:00:00Z", "web", 0)]);
    assert_eq!(bytes(&RunOptions::default(), "moving").await, (0, 0), "nothing that is landed was not seen");
    // The row lands, and the model does not see it yet.
    shop.try_run(&RunOptions { select: vec!["ranked".to_owned()], ..RunOptions::default() }).await.unwrap();
    let (some, touched) = bytes(&RunOptions::default(), "moving").await;
    let (all, in_all) = bytes(&RunOptions { full_refresh: true, ..RunOptions::default() }, "moving").await;
    assert!(0 < some && some < all, "{some} of {all}");
    assert_eq!((touched, in_all), (2, 6), "a day and the one after it, of all days and those after them");
    let report = shop.run().await;
    assert_eq!(of(&report, "moving").bytes_read, some, "a run reads what the plan says");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_history_is_worked_through_in_pieces() {
    let mut shop = built().await;
    let before = (shop.published_files("moving"), shop.published_files("ranked"));
    let whole = shop.try_run(&RunOptions { full_refresh: true, ..RunOptions::default() }).await.unwrap();
    shop.max_batch_bytes = Some(1);
    let report = shop.try_run(&RunOptions { full_refresh: true, ..RunOptions::default() }).await.unwrap();
    assert_eq!(before, (shop.published_files("moving"), shop.published_files("ranked")));
    let moving = of(&report, "moving");
    // Each day has a piece of its own and reads the day before once more.
    assert!(moving.bytes_read > of(&whole, "moving").bytes_read);
    assert_eq!(moving.partitions_touched, None);
    // Each month is computed in slices of its days, and each slice reads the names of channels.
    let names: u64 =
        shop.objects("data/state/landed/channels", "").iter().map(|file| file.metadata().unwrap().len()).sum();
    assert_eq!(of(&report, "ranked").bytes_read, of(&whole, "ranked").bytes_read + 5 * names);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_loses_its_rows_is_emptied() {
    let mut shop = Shop::new();
    shop.pipeline = answers().to_owned();
    shop.pipeline.push_str(&shop.pipeline.clone().replace("sources:\n", "").replace("answers", "visits"));
    shop.pipeline.push_str(
        "
models:
  lonely:
    sql: |
      SELECT day, id FROM (SELECT local_day(at) AS day, id FROM answers) a
      LEFT ANTI JOIN (SELECT local_day(at) AS visited FROM visits WHERE score < 5) v ON v.visited = a.day
    output: {partition_by: [day]}
",
    );
    shop.raw_of("visits", "1.ndjson", &[&answer("v", "2026-01-02T10:00:00Z", "web", 1)]);
    shop.raw(
        "1.ndjson",
        &[&answer("a", "2026-01-01T10:00:00Z", "web", 1), &answer("b", "2026-01-02T10:00:00Z", "web", 1)],
    );
    shop.run().await;
    let filled = || {
        let files = shop.published_files("lonely").into_iter().filter(|(_, rows)| rows.contains("| 2026-"));
        files.map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(filled(), ["day=2026-01-01/part-0.parquet"]);
    shop.raw_of("visits", "2.ndjson", &[&answer("w", "2026-01-01T10:00:00Z", "web", 1)]);
    let report = shop.run().await;
    assert_eq!(of(&report, "lonely").touched, ["day=2026-01-01/part-0.parquet"]);
    assert_eq!((filled().len(), of(&report, "lonely").rows), (0, 0));
    shop.raw("2.ndjson", &[&answer("c", "2026-01-03T10:00:00Z", "web", 1)]);
    shop.run().await;
    assert_eq!(filled(), ["day=2026-01-03/part-0.parquet"]);
}

/// Models over the partitions of another: the answers of a day with their place, and how many there are a month.
const LAYERS: &str = r"    on_change: restate
models:
  ranked:
    sql: SELECT local_day(at) AS day, id, rank() OVER (PARTITION BY local_day(at) ORDER BY score, id) AS place FROM answers
    output: {partition_by: {month: day}}
  monthly:
    sql: |
      SELECT CAST(date_trunc('month', day) AS DATE) AS month, count(*) AS answers, max(place) AS places FROM ranked GROUP BY 1
    grain: [month]
    output: {partition_by: {month: month}}
  yearly:
    sql: SELECT CAST(date_trunc('year', month) AS DATE) AS year, sum(answers) AS answers FROM monthly GROUP BY 1
    grain: [year]
    output: {partition_by: {year: year}}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn models_over_partitions_of_models_cost_the_partitions_that_changed() {
    let mut shop = Shop::new();
    shop.pipeline = answers().to_owned() + LAYERS;
    shop.raw(
        "1.ndjson",
        &[
            &answer("a", "2025-12-31T10:00:00Z", "web", 10),
            &answer("b", "2026-01-02T11:00:00Z", "web", 5),
            &answer("c", "2026-02-03T09:00:00Z", "web", 8),
        ],
    );
    let report = shop.run().await;
    assert!(!report.failed(), "{:?}", report.models);
    for model in ["ranked", "monthly", "yearly"] {
        assert_eq!(of(&report, model).strategy, "partition", "{model}");
    }
    // Neither the landed rows nor the partitions of other months are opened.
    let landed = shop.objects("data/state/landed/answers", "date=2026-01");
    let ranked = shop.objects("data/state/results/ranked", "month=2026-01");
    assert_eq!((landed.len(), ranked.len()), (1, 1));
    for spoilt in landed.iter().chain(&ranked) {
        std::fs::write(spoilt, "spoilt").unwrap();
    }
    shop.raw("2.ndjson", &[&answer("d", "2026-02-03T21:00:00Z", "web", 0)]);
    let report = shop.run().await;
    let touched = |model: &str| of(&report, model).touched.clone();
    assert_eq!(touched("ranked"), ["month=2026-02/part-0.parquet"]);
    assert_eq!(touched("monthly"), ["month=2026-02/part-0.parquet"]);
    assert_eq!(touched("yearly"), ["year=2026/part-0.parquet"]);
    let rows = shop.published("monthly").await;
    assert!(rows.contains("| 2026-02-01 | 2       | 2      |"), "{rows}");
}

/// A row of each of two years, in the models over one another.
async fn layers() -> Shop {
    let mut shop = Shop::new();
    shop.pipeline = answers().to_owned() + LAYERS;
    shop.raw("1.ndjson", &[&answer("a", "2025-12-31T10:00:00Z", "web", 10), &later()]);
    shop.run().await;
    shop
}

/// The row of the later year.
fn later() -> String {
    answer("b", "2026-01-02T11:00:00Z", "web", 5)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_that_a_model_lost_is_lost_by_the_models_over_it() {
    let shop = layers().await;
    shop.raw("1.ndjson", &[&later()]);
    // The model is built, and those over it have not seen it.
    let only = |model: &str| RunOptions { select: vec![model.to_owned()], ..RunOptions::default() };
    shop.try_run(&only("ranked")).await.unwrap();
    let report = shop.run().await;
    assert!(!report.failed(), "{:?}", report.models);
    let rows = shop.published("monthly").await;
    assert!(rows.contains("| 2026-01-01 | 1 ") && !rows.contains("2025-12-01"), "{rows}");
    let rows = shop.published("yearly").await;
    assert!(rows.contains("| 2026-01-01 | 1 ") && !rows.contains("2025-01-01"), "{rows}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn models_over_a_model_that_forgot_an_emptied_partition_are_computed_whole() {
    let mut shop = layers().await;
    let only_ranked = RunOptions { select: vec!["ranked".to_owned()], ..RunOptions::default() };
    shop.raw("1.ndjson", &[&later()]);
    shop.try_run(&only_ranked).await.unwrap();
    assert_eq!(shop.objects("data/output/ranked", "month=2025-12").len(), 1, "it is emptied");
    // A build an hour later drops it, and nothing but the rows that are gone told of December.
    shop.now += chrono::TimeDelta::hours(2);
    shop.raw("2.ndjson", &[&answer("c", "2026-01-03T11:00:00Z", "web", 5)]);
    shop.try_run(&only_ranked).await.unwrap();
    assert_eq!(shop.objects("data/output/ranked", "month=2025-12").len(), 0, "it is dropped");
    let report = shop.run().await;
    assert_eq!((of(&report, "monthly").action.as_str(), of(&report, "monthly").partitions_touched), ("built", None));
    let rows = shop.published("monthly").await;
    assert!(rows.contains("| 2026-01-01 | 2 ") && !rows.contains("2025-12-01"), "{rows}");
}
