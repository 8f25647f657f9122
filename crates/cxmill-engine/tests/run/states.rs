//! Models that keep states: a day of new rows costs a day, and what stands is never trusted blindly.

use cxmill_engine::{ModelReport, RunOptions, RunReport, plan};

use crate::support::{Shop, answer, compiled};

/// A shop whose rows have no key, so that landing looks at no older rows either.
async fn built() -> Shop {
    let mut shop = Shop::new();
    shop.pipeline = shop.pipeline.replace("    unique_key: [id]\n", "");
    shop.raw(
        "1.ndjson",
        &[
            &answer("a", "2026-01-01T10:00:00Z", "web", 10),
            &answer("b", "2026-01-01T11:00:00Z", "web", 5),
            &answer("c", "2026-02-03T09:00:00Z", "app", 8),
        ],
    );
    shop.run().await;
    shop
}

fn daily(report: &RunReport) -> &ModelReport {
    report.models.iter().find(|model| model.name == "daily").unwrap()
}

fn late(shop: &Shop) {
    shop.raw("2.ndjson", &[&answer("d", "2026-01-01T23:00:00Z", "web", 0)]);
}

const REVISED: &str = "| 2026-01-01 | web     | 3       | 5.0  |";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_landed_rows_and_untouched_partitions_are_not_opened() {
    let shop = built().await;
    let before = shop.objects("data/state/landed", "date=");
    assert!(!before.is_empty());
    let february = shop.objects("data/state/states", "month=2026-02");
    assert_eq!(february.len(), 1, "one object of states a partition");
    for object in before.iter().chain(&february) {
        std::fs::write(object, "spoilt").unwrap();
    }
    late(&shop);
    let report = shop.run().await;
    assert!(!report.failed(), "{:?}", report.models);
    let model = daily(&report);
    assert_eq!((model.strategy.as_str(), model.action.as_str()), ("state", "built"));
    assert_eq!((model.partitions_touched, model.partitions_written, model.rows), (Some(1), 1, 2));
    assert_eq!(model.touched, ["month=2026-01/part-0.parquet"]);
    assert!(model.bytes_read > 0);
    let rows = shop.published("daily").await;
    assert!(rows.contains(REVISED) && rows.contains("| 2026-02-03 | app     | 1       | 8.0  |"), "{rows}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_counts_only_the_rows_that_an_increment_reads() {
    let shop = built().await;
    let context = shop.context();
    let compiled = compiled(&context).await;
    late(&shop);
    let bytes = async |options: &RunOptions| {
        let plan = plan(&context, &compiled, options).await.unwrap();
        plan.models.iter().find(|model| model.name == "daily").unwrap().reads_bytes
    };
    assert_eq!(bytes(&RunOptions::default()).await, 0, "everything landed so far is counted already");
    assert!(bytes(&RunOptions { full_refresh: true, ..RunOptions::default() }).await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_states_are_made_again_from_all_landed_rows() {
    for spoil in
        [|path: &std::path::Path| std::fs::remove_file(path), |path: &std::path::Path| std::fs::write(path, "cut")]
    {
        let shop = built().await;
        let january = shop.objects("data/state/states", "month=2026-01");
        spoil(&january[0]).unwrap();
        late(&shop);
        let report = shop.run().await;
        assert!(report.warnings.iter().any(|warning| warning.contains("kept states")), "{:?}", report.warnings);
        assert_eq!(daily(&report).partitions_touched, None);
        assert!(shop.published("daily").await.contains(REVISED));
        shop.raw("3.ndjson", &[&answer("e", "2026-01-01T23:30:00Z", "web", 5)]);
        let report = shop.run().await;
        assert_eq!((report.warnings.len(), daily(&report).partitions_touched), (0, Some(1)));
        assert!(shop.published("daily").await.contains("| 2026-01-01 | web     | 4       | 5.0  |"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_were_dropped_do_not_stay_in_the_states() {
    let mut shop = built().await;
    shop.pipeline = shop.pipeline.replace("between: [0, 10]", "between: [0, 9]");
    // The source is read again while another model is built: `daily` is behind, and its states hold a row that is gone.
    let options = RunOptions { full_refresh: true, select: vec!["other".to_owned()], ..RunOptions::default() };
    shop.pipeline.push_str("  other:\n    sql: SELECT count(*) AS rows FROM answers\n");
    shop.try_run(&options).await.unwrap();
    shop.run().await;
    let rows = shop.published("daily").await;
    assert!(rows.contains("| 2026-01-01 | web     | 1       | 5.0  |"), "{rows}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_commit_names_any_more_is_collected() {
    let mut shop = built().await;
    late(&shop);
    shop.run().await;
    assert_eq!(shop.objects("data/state/states", "month=2026-01").len(), 1 + 1, "the newest and the one before");
    shop.raw("3.ndjson", &[&answer("e", "2026-01-01T23:30:00Z", "web", 5)]);
    shop.run().await;
    assert_eq!(shop.objects("data/state/states", "-new/").len(), 1, "february, which was never combined");
    let start = shop.pipeline.find("  daily:").unwrap();
    shop.pipeline.truncate(start);
    shop.pipeline.push_str("  other:\n    sql: SELECT count(*) AS rows FROM scored\n");
    shop.run().await;
    assert!(!shop.objects("data/state/states", "/daily/").is_empty(), "it may come back within the hour");
    shop.now += chrono::TimeDelta::minutes(61);
    shop.run().await;
    shop.raw("4.ndjson", &[&answer("f", "2026-01-01T23:40:00Z", "web", 5)]);
    shop.run().await;
    assert!(shop.objects("data/state/states", "/daily/").is_empty());
}
