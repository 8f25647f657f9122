//! What goes wrong changes nothing that a reader sees, and says what to do.

use std::sync::atomic::Ordering;

use cxmill_engine::{CheckResult, EngineError, PrivateKey, RunOptions, quarantine};

use crate::support::{Shop, action, answer};

fn shop() -> Shop {
    let shop = Shop::new();
    shop.raw(
        "1.ndjson",
        &[&answer("a", "2026-01-01T10:00:00Z", "web", 10), &answer("b", "2026-01-02T10:00:00Z", "app", 5)],
    );
    shop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_row_costs_that_row_and_stands_in_quarantine() {
    let shop = shop();
    shop.raw(
        "2.ndjson",
        &[&answer("c", "2026-01-03T10:00:00Z", "web", 99), &answer("d", "2026-01-03T10:00:00Z", "web", 9)],
    );
    let report = shop.run().await;
    let source = &report.sources[0];
    assert_eq!((source.totals.read, source.totals.accepted, source.totals.quarantined), (4, 3, 1));
    assert_eq!(source.by_rule.get("between"), Some(&1));
    let rows = quarantine(&shop.context(), Some("answers"), 10).await.unwrap();
    assert_eq!(rows.total_rows, Some(1));
    let shown = datafusion::arrow::util::pretty::pretty_format_batches(&rows.batches).unwrap().to_string();
    assert!(shown.contains("2.ndjson") && shown.contains("between"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_the_error_budget_nothing_of_the_batch_is_consumed() {
    let mut shop = shop();
    shop.pipeline = shop.pipeline.replace("error_budget: 50%", "error_budget: 1%");
    shop.run().await;
    let published = shop.files("data/output");
    shop.raw(
        "2.ndjson",
        &[&answer("c", "2026-01-03T10:00:00Z", "fax", 1), &answer("d", "2026-01-03T10:00:00Z", "fax", 9)],
    );
    let error = shop.try_run(&RunOptions::default()).await.unwrap_err();
    let EngineError::Data { message, details, help } = error else { panic!("{error:?}") };
    assert_eq!(message, "source answers: 2 of 2 rows break the contract (one_of 2), more than its error_budget of 1 %");
    assert_eq!(details.len(), 2);
    assert!(details[0].contains("2.ndjson:1 one_of"), "{details:?}");
    assert!(help.unwrap().contains("error_budget"));
    assert_eq!(shop.files("data/output"), published);
    let rows = quarantine(&shop.context(), None, 10).await.unwrap();
    assert_eq!(rows.total_rows, Some(0), "a batch that was not consumed leaves no quarantine");

    shop.pipeline = shop.pipeline.replace("error_budget: 1%", "error_budget: 2");
    assert_eq!(shop.run().await.sources[0].totals.read, 2, "the files are still new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_file_stops_the_run_unless_it_is_ignored() {
    let mut shop = shop();
    shop.run().await;
    shop.raw("1.ndjson", &[&answer("a", "2026-01-01T10:00:00Z", "web", 1)]);
    shop.raw("2.ndjson", &[&answer("c", "2026-01-03T10:00:00Z", "web", 1)]);
    let error = shop.try_run(&RunOptions::default()).await.unwrap_err();
    let EngineError::Data { message, details, .. } = error else { panic!("{error:?}") };
    assert_eq!(message, "source answers: 1 file changed after they were read");
    assert!(details[0].ends_with("answers/1.ndjson"), "{details:?}");
    shop.pipeline = shop.pipeline.replace("    error_budget", "    on_change: ignore\n    error_budget");
    let report = shop.run().await;
    assert_eq!((report.sources[0].totals.files, report.sources[0].totals.read), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_check_withholds_the_model_and_its_readers_until_it_holds() {
    let mut shop = shop();
    shop.pipeline = shop.pipeline.replace(
        "    output: {partition_by",
        "    checks: [{between: {column: mean, min: 0, max: 9}}]\n    output: {partition_by",
    );
    shop.pipeline.push_str("  other:\n    sql: SELECT count(*) AS rows FROM answers\n");
    let report = shop.run().await;
    assert!(report.failed());
    let failed: Vec<_> = report.checks.iter().filter(|check| check.result == CheckResult::Failed).collect();
    assert_eq!((failed.len(), failed[0].failing_rows), (1, 1));
    assert!(failed[0].sample.as_ref().unwrap().contains("10.0"));
    assert_eq!((action(&report, "daily"), action(&report, "total")), ("withheld", "withheld"));
    assert_eq!(action(&report, "other"), "built");
    assert!(shop.partitions("daily").is_empty() && shop.partitions("total").is_empty());
    assert_eq!(shop.partitions("other"), ["part-0.parquet"]);

    shop.raw("2.ndjson", &[&answer("c", "2026-01-01T10:00:00Z", "web", 0)]);
    let report = shop.run().await;
    assert!(!report.failed());
    assert_eq!((action(&report, "daily"), action(&report, "total")), ("built", "built"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_fails_costs_its_model_and_the_readers_of_it() {
    let mut shop = shop();
    shop.pipeline.push_str("  odd:\n    sql: SELECT CAST(id AS BIGINT) AS n FROM answers\n");
    shop.pipeline.push_str("  reader:\n    sql: SELECT sum(n) AS n FROM odd\n");
    let report = shop.run().await;
    assert!(report.failed());
    let odd = report.models.iter().find(|model| model.name == "odd").unwrap();
    assert!(odd.error.as_ref().is_some_and(|error| error.contains("Cannot cast")), "{odd:?}");
    assert_eq!((odd.action.as_str(), action(&report, "reader")), ("withheld", "withheld"));
    assert_eq!((action(&report, "daily"), action(&report, "total")), ("built", "built"));
    assert!(shop.partitions("odd").is_empty() && !shop.partitions("daily").is_empty());
    assert!(shop.run().await.failed(), "the next run tries again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_leaves_nothing_visible_and_the_next_run_goes_on() {
    let shop = shop();
    shop.progress.stop.store(true, Ordering::Relaxed);
    assert!(matches!(shop.try_run(&RunOptions::default()).await, Err(EngineError::Interrupted)));
    assert!(shop.partitions("daily").is_empty());
    shop.progress.stop.store(false, Ordering::Relaxed);
    assert_eq!(shop.run().await.sources[0].totals.read, 2);
    assert!(!shop.path("data/state/tmp").exists(), "temporary folders go with the run");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_contract_needs_a_full_refresh() {
    let mut shop = shop();
    shop.run().await;
    shop.pipeline = shop.pipeline.replace("between: [0, 10]", "between: [0, 9]");
    let error = shop.try_run(&RunOptions::default()).await.unwrap_err();
    assert!(
        matches!(&error, EngineError::Data { help: Some(help), .. } if help.contains("--full-refresh")),
        "{error:?}"
    );
    let options = RunOptions { full_refresh: true, ..RunOptions::default() };
    let report = shop.try_run(&options).await.unwrap();
    assert_eq!((report.sources[0].totals.read, report.sources[0].totals.quarantined), (2, 1));
    assert!(!shop.published("daily").await.contains("web"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn landed_rows_whose_raw_files_are_gone_are_never_dropped() {
    let mut shop = shop();
    shop.raw("2.ndjson", &[&answer("c", "2026-01-03T10:00:00Z", "web", 9)]);
    shop.run().await;
    let before = shop.published("daily").await;
    shop.pipeline = shop.pipeline.replace("between: [0, 10]", "between: [0, 9]");
    let options = RunOptions { full_refresh: true, ..RunOptions::default() };
    for (file, gone) in [("1.ndjson", "1 of 2 files"), ("2.ndjson", "2 of 2 files")] {
        std::fs::remove_file(shop.path("data/raw/answers").join(file)).unwrap();
        let error = shop.try_run(&options).await.unwrap_err();
        let EngineError::Data { message, help, .. } = error else { panic!("{error:?}") };
        assert_eq!(message, format!("source answers cannot be read again: {gone} that were read are gone"));
        assert!(help.unwrap().contains("bring the files back"));
        assert_eq!(shop.published("daily").await, before);
    }
    shop.pipeline = shop.pipeline.replace("between: [0, 9]", "between: [0, 10]");
    shop.raw("3.ndjson", &[&answer("d", "2026-01-01T11:00:00Z", "web", 0)]);
    shop.try_run(&options).await.unwrap();
    assert!(shop.published("total").await.contains("| 4 "), "old rows stand beside the new one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_read_too_early_are_read_again_by_a_full_refresh() {
    let shop = shop();
    shop.run().await;
    let lines = [answer("a", "2026-01-01T10:00:00Z", "web", 10), answer("e", "2026-01-05T10:00:00Z", "web", 1)];
    shop.raw("1.ndjson", &[&lines[0], &lines[1]]);
    let error = shop.try_run(&RunOptions::default()).await.unwrap_err();
    assert!(
        matches!(&error, EngineError::Data { help: Some(help), .. } if help.contains("--full-refresh")),
        "{error:?}"
    );
    let options = RunOptions { full_refresh: true, ..RunOptions::default() };
    let report = shop.try_run(&options).await.unwrap();
    assert_eq!((report.sources[0].totals.read, report.sources[0].totals.accepted), (2, 2));
    let daily = shop.published("daily").await;
    assert!(daily.contains("2026-01-05") && !daily.contains("2026-01-02"), "{daily}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_columns_need_the_key_they_were_hashed_with() {
    let mut shop = shop();
    shop.pipeline = shop
        .pipeline
        .replace("id: {type: string, required: true}", "id: {type: string, required: true, private: true}");
    let error = shop.try_run(&RunOptions::default()).await.unwrap_err();
    let EngineError::Invalid(diagnostics) = error else { panic!("{error:?}") };
    assert!(diagnostics[0].help.as_ref().unwrap().contains("CXMILL_PRIVATE_KEY"));
    shop.key = Some(PrivateKey([7; 32]));
    shop.run().await;
    shop.key = Some(PrivateKey([8; 32]));
    let error = shop.try_run(&RunOptions::default()).await.unwrap_err();
    assert!(matches!(&error, EngineError::Data { message, .. } if message.contains("CXMILL_PRIVATE_KEY")), "{error:?}");
}
