//! Snapshots: tables that are delivered whole again and again, of which the newest delivery counts.

use cxmill_engine::{EngineError, RunOptions, plan};

use crate::support::{Shop, action, answer, compiled};

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
    kind: snapshot
    location: ${raw}/channels/
    format: ndjson
    columns: {channel: {type: string, required: true}, label: {type: string, required: true}}
    unique_key: [channel]
    error_budget: 0%
models:
  labelled:
    sql: |
      SELECT local_day(at) AS day, id, label FROM answers LEFT JOIN channels ON channels.channel = answers.channel
    grain: [id]
    output: {partition_by: [day]}
  labels:
    sql: SELECT label, count(*) AS channels FROM channels GROUP BY label
";

fn channel(channel: &str, label: &str) -> String {
    format!(r#"{{"channel": "{channel}", "label": "{label}"}}"#)
}

fn deliver(shop: &Shop, name: &str, rows: &[(&str, &str)]) {
    let lines: Vec<String> = rows.iter().map(|(name, label)| channel(name, label)).collect();
    shop.raw_of("channels", name, &lines.iter().map(String::as_str).collect::<Vec<_>>());
}

fn shop(history: &str) -> Shop {
    let mut shop = Shop::new();
    shop.pipeline = PIPELINE.replace("kind: snapshot\n", &format!("kind: snapshot\n{history}"));
    if !history.is_empty() {
        shop.pipeline = shop.pipeline.split("  labels:").next().unwrap().to_owned();
    }
    shop.raw(
        "1.ndjson",
        &[&answer("a", "2026-01-01T10:00:00Z", "web", 10), &answer("b", "2026-01-02T11:00:00Z", "app", 5)],
    );
    shop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_delivery_by_name_counts_whole() {
    let shop = shop("");
    deliver(&shop, "2026-01-02.ndjson", &[("web", "Web"), ("app", "App")]);
    // An older one that comes first is never read.
    deliver(&shop, "2026-01-01.ndjson", &[("web", "Old"), ("app", "Old"), ("fax", "Fax")]);
    let report = shop.run().await;
    assert_eq!(report.sources.iter().map(|source| source.totals.accepted).collect::<Vec<_>>(), [2, 2]);
    let rows = shop.published("labelled").await;
    assert!(rows.contains("| 2026-01-01 | a  | Web   |") && rows.contains("| 2026-01-02 | b  | App   |"), "{rows}");
    let report = shop.run().await;
    assert!(!report.committed, "nothing new");

    deliver(&shop, "2026-01-03.ndjson", &[("web", "Browser")]);
    let report = shop.run().await;
    assert_eq!((action(&report, "labelled"), action(&report, "labels")), ("built", "built"));
    let rows = shop.published("labelled").await;
    assert!(rows.contains("| 2026-01-01 | a  | Browser |") && rows.contains("| 2026-01-02 | b  |         |"), "{rows}");
    let rows = shop.published("labels").await;
    assert!(rows.contains("| Browser | 1        |") && !rows.contains("App"), "{rows}");

    // One that sorts before what is landed changes nothing.
    deliver(&shop, "2026-01-02b.ndjson", &[("web", "Late")]);
    assert!(!shop.run().await.committed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_is_one_delivery() {
    let shop = shop("");
    deliver(&shop, "date=2026-01-01/1.ndjson", &[("web", "Web")]);
    deliver(&shop, "date=2026-01-01/2.ndjson", &[("app", "App")]);
    shop.run().await;
    assert!(shop.published("labelled").await.contains("| b  | App   |"));
    // A file that comes to the same delivery, and one that is put anew, are the delivery as it is now.
    deliver(&shop, "date=2026-01-01/3.ndjson", &[("fax", "Fax")]);
    deliver(&shop, "date=2026-01-01/2.ndjson", &[("app", "Application")]);
    let report = shop.run().await;
    assert_eq!(action(&report, "labels"), "built");
    assert!(shop.published("labelled").await.contains("| b  | Application |"));
    assert!(shop.published("labels").await.contains("| Fax         | 1        |"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_delivery_does_not_replace_a_good_one() {
    let mut shop = shop("");
    deliver(&shop, "1.ndjson", &[("web", "Web"), ("app", "App")]);
    shop.run().await;
    let before = shop.published_files("labelled");
    shop.raw_of("channels", "2.ndjson", &[&channel("web", "Browser"), r#"{"channel": "app"}"#]);
    let error = shop.try_run(&RunOptions::default()).await.unwrap_err();
    assert!(matches!(&error, EngineError::Data { message, .. } if message.contains("error_budget")), "{error:?}");
    // Cut off in the middle, however many bad rows may be.
    shop.pipeline = shop.pipeline.replace("error_budget: 0%", "error_budget: 100%");
    let whole = shop.path("data/raw/channels/2.ndjson");
    std::fs::remove_file(&whole).unwrap();
    std::fs::write(shop.path("data/raw/channels/3.ndjson.gz"), &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b][..])
        .unwrap();
    let error = shop.try_run(&RunOptions::default()).await.unwrap_err();
    assert!(matches!(&error, EngineError::Data { message, .. } if message.contains("is damaged")), "{error:?}");
    assert_eq!(before, shop.published_files("labelled"));
    std::fs::remove_file(shop.path("data/raw/channels/3.ndjson.gz")).unwrap();
    deliver(&shop, "4.ndjson", &[("web", "Browser"), ("app", "App")]);
    shop.run().await;
    assert!(shop.published("labelled").await.contains("| a  | Browser |"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn published_partitions_keep_what_they_were_built_with_where_that_is_asked_for() {
    let shop = shop("    history: keep\n");
    deliver(&shop, "1.ndjson", &[("web", "Web"), ("app", "App")]);
    shop.run().await;
    deliver(&shop, "2.ndjson", &[("web", "Browser"), ("app", "Application")]);
    let report = shop.run().await;
    assert_eq!(action(&report, "labelled"), "kept");
    // Only the day that a late row touches sees the new labels.
    shop.raw("2.ndjson", &[&answer("c", "2026-01-02T12:00:00Z", "app", 1)]);
    let report = shop.run().await;
    let labelled = report.models.iter().find(|model| model.name == "labelled").unwrap();
    assert_eq!(labelled.touched, ["day=2026-01-02/part-0.parquet"]);
    let rows = shop.published("labelled").await;
    assert!(rows.contains("| 2026-01-01 | a  | Web         |"), "{rows}");
    assert!(rows.contains("| 2026-01-02 | b  | Application |"), "{rows}");
    shop.try_run(&RunOptions { full_refresh: true, ..RunOptions::default() }).await.unwrap();
    assert!(
        shop.published("labelled").await.contains("| 2026-01-01 | a  | Browser     |"),
        "a rebuild sees the newest alone"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn landed_rows_of_older_deliveries_are_collected() {
    let shop = shop("");
    for name in ["1", "2", "3", "4"] {
        deliver(&shop, &format!("{name}.ndjson"), &[("web", name)]);
        shop.run().await;
    }
    // Those of the newest commit, and of the one before it.
    let landed = shop.objects("data/state/landed/channels", "date=");
    assert!(landed.len() <= 2, "{landed:?}");
    assert!(shop.published("labelled").await.contains("| a  | 4     |"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_contract_reads_the_newest_delivery_again() {
    let mut shop = shop("");
    deliver(&shop, "1.ndjson", &[("web", "Web")]);
    shop.run().await;
    shop.pipeline = shop
        .pipeline
        .replace("label: {type: string, required: true}", "label: {type: string, required: true, length: [1, 9]}");
    let context = shop.context();
    let plan = plan(&context, &compiled(&context).await, &RunOptions::default()).await.unwrap();
    let channels = plan.sources.iter().find(|source| source.name == "channels").unwrap();
    assert_eq!(channels.why, "a new delivery, 1.ndjson: it replaces the rows that are landed");
    assert!(plan.stops.is_empty(), "{:?}", plan.stops);
    assert!(shop.run().await.committed);
    assert!(!shop.run().await.committed);
}
