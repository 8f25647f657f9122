//! What is new is read, what is old is not read again, and the order of arrival does not show.

use cxmill_engine::{ModelAction, RunOptions, plan, status};

use crate::support::{Shop, action, answer, compiled};

fn first() -> Shop {
    let shop = Shop::new();
    shop.raw(
        "1.ndjson",
        &[
            &answer("a", "2026-01-01T10:00:00Z", "web", 10),
            &answer("b", "2026-01-01T11:00:00Z", "web", 5),
            &answer("c", "2026-02-03T09:00:00Z", "app", 8),
        ],
    );
    shop
}

const FIRST: &str = "\
+------------+---------+---------+------+
| day        | channel | answers | mean |
+------------+---------+---------+------+
| 2026-01-01 | web     | 2       | 7.5  |
| 2026-02-03 | app     | 1       | 8.0  |
+------------+---------+---------+------+";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_run_publishes_and_a_second_writes_nothing() {
    let shop = first();
    let report = shop.run().await;
    assert!(report.committed && !report.failed());
    assert_eq!(report.epoch, 2, "one commit for the batch, one for the models");
    assert_eq!(report.as_of.as_deref(), Some("2026-02-03T09:00:00Z"));
    let source = &report.sources[0];
    assert_eq!((source.totals.files, source.totals.read, source.totals.accepted), (1, 3, 3));
    assert_eq!(action(&report, "scored"), "inlined");
    assert_eq!(action(&report, "daily"), "built");
    assert_eq!(shop.published("daily").await, FIRST);
    assert_eq!(shop.partitions("daily"), ["month=2026-01/part-0.parquet", "month=2026-02/part-0.parquet"]);
    assert_eq!(shop.partitions("total"), ["part-0.parquet"]);
    assert!(!shop.path("data/output/scored").exists(), "a view is not published");

    let before = shop.files("data");
    let report = shop.run().await;
    assert!(!report.committed);
    assert_eq!((report.epoch, report.objects_written), (2, 0));
    assert_eq!(action(&report, "daily"), "kept");
    assert_eq!(shop.files("data"), before, "nothing new: no object may be written or touched");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_row_revises_its_own_partition_only() {
    let shop = first();
    shop.run().await;
    let before = shop.files("data/output/daily");
    shop.raw(
        "2.ndjson",
        &[&answer("d", "2026-01-01T23:00:00Z", "web", 0), &answer("a", "2026-01-01T10:00:00Z", "web", 10)],
    );
    let report = shop.run().await;
    assert_eq!(
        (report.sources[0].totals.read, report.sources[0].totals.accepted, report.sources[0].totals.duplicate),
        (2, 1, 1)
    );
    let daily = report.models.iter().find(|model| model.name == "daily").unwrap();
    assert_eq!((daily.partitions_written, daily.rows), (1, 2));
    assert_eq!(daily.why, "new rows in answers");
    let changed = |name: &str| {
        let model = report.models.iter().find(|model| model.name == name).unwrap();
        let changed = model.changed.iter().map(|changed| (changed.partition.clone(), changed.because_of.files.clone()));
        changed.collect::<Vec<_>>()
    };
    let file = vec!["data/raw/answers/2.ndjson".to_owned()];
    assert_eq!(changed("daily"), [("month=2026-01/part-0.parquet".to_owned(), file.clone())]);
    assert_eq!(changed("total"), [("part-0.parquet".to_owned(), file)], "through the model it reads");
    assert!(shop.published("daily").await.contains("| 2026-01-01 | web     | 3       | 5.0  |"));
    let after = shop.files("data/output/daily");
    let february = shop.path("data/output/daily/month=2026-02/part-0.parquet");
    assert_eq!(after[&february], before[&february], "an unchanged partition is not put again");
    assert!(shop.published("total").await.contains("| 4       | 2026-02-03 |"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rows_do_not_depend_on_batches_threads_or_memory() {
    let shop = first();
    shop.raw(
        "0.ndjson",
        &[&answer("z", "2026-02-03T08:00:00Z", "phone", 1), &answer("b", "2026-01-01T11:00:00Z", "web", 5)],
    );
    shop.run().await;
    let expected = (shop.published("daily").await, shop.published("total").await);
    for (threads, batch, memory) in [("1", 1, "128MB"), ("4", 200, "1GB")] {
        let mut other = first();
        other.settings.insert("threads", threads.to_owned());
        other.max_batch_bytes = Some(batch);
        other.settings.insert("memory_limit", memory.to_owned());
        let lines = std::fs::read_to_string(shop.path("data/raw/answers/0.ndjson")).unwrap();
        other.raw("0.ndjson", &lines.lines().collect::<Vec<_>>());
        other.run().await;
        assert_eq!((other.published("daily").await, other.published("total").await), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_selected_model_leaves_the_others_as_they_are() {
    let shop = first();
    shop.run().await;
    shop.raw("2.ndjson", &[&answer("d", "2026-03-01T00:00:00Z", "web", 9)]);
    let options = RunOptions { select: vec!["daily".to_owned()], ..RunOptions::default() };
    let report = shop.try_run(&options).await.unwrap();
    assert_eq!((action(&report, "daily"), action(&report, "total")), ("built", "skipped"));
    assert!(shop.published("total").await.contains("| 3       |"), "it still shows the first run");
    let report = shop.run().await;
    assert_eq!((action(&report, "daily"), action(&report, "total")), ("kept", "built"));
    assert!(shop.published("total").await.contains("| 4       |"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_model_and_its_readers_are_built_and_a_retired_one_is_removed() {
    let mut shop = first();
    shop.run().await;
    shop.pipeline = shop.pipeline.replace("avg(score) AS mean", "max(score) AS best");
    let report = shop.run().await;
    assert_eq!((action(&report, "daily"), action(&report, "total")), ("built", "built"));
    assert!(shop.published("daily").await.contains("| best |"));
    let keep = shop.pipeline.find("  total:").unwrap();
    shop.pipeline.truncate(keep);
    assert!(shop.run().await.committed);
    shop.now += chrono::TimeDelta::minutes(61);
    assert!(shop.run().await.committed);
    assert_eq!(shop.partitions("total"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_as_of_is_the_newest_event_or_the_one_asked_for() {
    let mut shop = first();
    shop.pipeline
        .push_str("  clock:\n    sql: SELECT CAST($as_of AS DATE) AS today, count(*) AS answers FROM answers\n");
    shop.run().await;
    assert!(shop.published("clock").await.contains("| 2026-02-03 | 3       |"));
    let options = RunOptions { as_of: chrono::DateTime::from_timestamp(1_800_000_000, 0), ..RunOptions::default() };
    let report = shop.try_run(&options).await.unwrap();
    assert_eq!((action(&report, "clock"), action(&report, "daily")), ("built", "kept"));
    assert!(shop.published("clock").await.contains("| 2027-01-15 | 3       |"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retired_source_leaves_the_commit_and_says_nothing_about_the_time() {
    let mut shop = first();
    let whole = shop.pipeline.clone();
    let start = whole.find("  answers:").unwrap();
    let end = whole.find("models:").unwrap();
    let future = whole.get(start..end).unwrap().replace("  answers:", "  future:").replace("/answers/", "/future/");
    shop.pipeline.insert_str(end, &future);
    std::fs::create_dir_all(shop.path("data/raw/future")).unwrap();
    std::fs::write(shop.path("data/raw/future/1.ndjson"), answer("z", "2026-03-01T00:00:00Z", "web", 1)).unwrap();
    assert_eq!(shop.run().await.as_of.as_deref(), Some("2026-03-01T00:00:00Z"));
    assert!(shop.path("data/state/landed/future").exists());
    shop.pipeline = whole;
    let report = shop.run().await;
    assert!(report.committed);
    assert_eq!(report.as_of.as_deref(), Some("2026-02-03T09:00:00Z"));
    assert!(!shop.run().await.committed, "and then everything stands");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_says_what_the_run_then_does() {
    let shop = first();
    let context = shop.context();
    let compiled = compiled(&context).await;
    let planned = plan(&context, &compiled, &RunOptions::default()).await.unwrap();
    assert_eq!((planned.epoch, planned.sources[0].new_files, planned.sources[0].batches), (0, 1, 1));
    let actions: Vec<_> = planned.models.iter().map(|model| (model.name.as_str(), model.action)).collect();
    use ModelAction::{Build, Inline};
    assert_eq!(actions, [("scored", Inline), ("daily", Build), ("total", Build)]);
    assert!(!shop.path("data/state").exists(), "a plan writes nothing");
    shop.run().await;
    let planned = plan(&context, &compiled, &RunOptions::default()).await.unwrap();
    assert_eq!((planned.sources[0].new_files, planned.sources[0].known_files), (0, 1));
    assert!(planned.models.iter().all(|model| model.action != Build));
    let status = status(&context, &compiled).await.unwrap();
    let states: Vec<_> = status.models.iter().map(|model| model.state.as_str()).collect();
    assert_eq!(states, ["inlined", "current", "current"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_added_optional_column_reads_null_in_old_rows() {
    let mut shop = first();
    shop.run().await;
    shop.pipeline =
        shop.pipeline.replace("    event_time: at\n", "      agent: {type: string}\n    event_time: at\n").replace(
            "models:\n",
            "models:\n  agents:\n    sql: SELECT id, agent FROM answers\n    grain: [id]\n    checks: []\n",
        );
    shop.raw(
        "2.ndjson",
        &[r#"{"id": "d", "at": "2026-02-04T00:00:00Z", "channel": "web", "score": 9, "agent": "kim"}"#],
    );
    shop.run().await;
    let rows = shop.published("agents").await;
    assert!(rows.contains("| a  |       |") && rows.contains("| d  | kim   |"), "{rows}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_of_which_no_column_has_an_order_is_published_as_it_comes() {
    let mut shop = Shop::new();
    shop.pipeline.push_str(
        "  listed:\n    strategy: full\n    sql: SELECT array_agg(score ORDER BY score) AS scores FROM answers\n",
    );
    shop.raw(
        "1.ndjson",
        &[&answer("a", "2026-01-01T10:00:00Z", "web", 10), &answer("b", "2026-01-02T11:00:00Z", "app", 5)],
    );
    shop.run().await;
    assert!(shop.published("listed").await.contains("[5, 10]"));
}
