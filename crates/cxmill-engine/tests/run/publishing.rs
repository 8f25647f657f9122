//! What readers see: published again when deleted, removed when gone, and one winner of two runs.

use std::sync::{Arc, Mutex};

use cxmill_engine::{Context, EngineError, Observer, RunOptions, Stage, doctor, run};
use datafusion::parquet::file::reader::{FileReader, SerializedFileReader};

use crate::support::{Shop, answer, compiled};

fn shop() -> Shop {
    let shop = Shop::new();
    shop.raw(
        "1.ndjson",
        &[&answer("a", "2026-01-01T10:00:00Z", "web", 10), &answer("b", "2026-02-02T10:00:00Z", "app", 5)],
    );
    shop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_outputs_are_published_again_without_building() {
    let shop = shop();
    shop.run().await;
    let before = shop.published("daily").await;
    std::fs::remove_dir_all(shop.path("data/output/daily")).unwrap();
    std::fs::remove_file(shop.path("data/output/total/part-0.parquet")).unwrap();
    let report = shop.run().await;
    assert!(!report.committed);
    assert!(report.objects_written >= 3, "{}", report.objects_written);
    assert_eq!(shop.published("daily").await, before);
    assert_eq!(shop.partitions("total"), ["part-0.parquet"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_without_rows_is_emptied_and_an_hour_later_removed() {
    let mut shop = shop();
    shop.run().await;
    let (january, february) = ("month=2026-01/part-0.parquet", "month=2026-02/part-0.parquet");
    assert_eq!(shop.partitions("daily"), [january, february]);
    shop.pipeline = shop.pipeline.replace("WHERE score IS NOT NULL", "WHERE score > 6");
    let report = shop.run().await;
    assert_eq!(shop.partitions("daily"), [january, february], "a reader that listed both can open both");
    let daily = report.models.iter().find(|model| model.name == "daily").unwrap();
    assert_eq!((daily.rows, daily.partitions_written), (1, 1), "January has the rows it had");
    assert!(!shop.published("daily").await.contains("2026-02"));
    let before = shop.files("data/output/daily");

    let minute = chrono::TimeDelta::minutes(1);
    shop.now += minute * 59;
    shop.raw("2.ndjson", &[&answer("c", "2026-01-03T10:00:00Z", "web", 10)]);
    shop.run().await;
    assert_eq!(shop.partitions("daily"), [january, february]);
    let after = shop.files("data/output/daily");
    assert_eq!(
        before[&shop.path("data/output/daily").join(february)],
        after[&shop.path("data/output/daily").join(february)]
    );

    shop.now += minute;
    shop.raw("3.ndjson", &[&answer("d", "2026-01-03T11:00:00Z", "web", 10)]);
    shop.run().await;
    assert_eq!(shop.partitions("daily"), [january]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_come_back_into_an_emptied_partition() {
    let mut shop = shop();
    shop.run().await;
    let all = shop.published("daily").await;
    let pipeline = shop.pipeline.clone();
    shop.pipeline = pipeline.replace("WHERE score IS NOT NULL", "WHERE score > 6");
    shop.run().await;
    shop.pipeline = pipeline;
    shop.run().await;
    assert_eq!(shop.published("daily").await, all);
    shop.now += chrono::TimeDelta::hours(2);
    shop.raw("2.ndjson", &[&answer("c", "2026-01-01T11:00:00Z", "web", 10)]);
    shop.run().await;
    assert_eq!(shop.partitions("daily").len(), 2, "it is not taken for empty any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_table_keeps_its_columns() {
    let mut shop = shop();
    shop.run().await;
    shop.pipeline = shop.pipeline.replace("WHERE score IS NOT NULL", "WHERE score > 10");
    shop.run().await;
    let nowhere = "month=__HIVE_DEFAULT_PARTITION__/part-0.parquet";
    assert_eq!(shop.partitions("daily").len(), 3, "two emptied partitions, and the file of an empty table");
    let table = shop.show("daily", None, 10).await.unwrap();
    assert_eq!((table.total_rows, table.schema.fields().len()), (Some(0), 4));
    shop.now += chrono::TimeDelta::hours(2);
    shop.raw("2.ndjson", &[&answer("c", "2026-01-03T10:00:00Z", "web", 1)]);
    shop.run().await;
    assert_eq!(shop.partitions("daily"), [nowhere]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_carry_epoch_model_fingerprint_and_order() {
    let shop = shop();
    shop.run().await;
    let file = std::fs::File::open(shop.path("data/output/daily/month=2026-01/part-0.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let metadata = reader.metadata().file_metadata();
    let value = |key: &str| {
        let pairs = metadata.key_value_metadata().unwrap();
        pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone())
    };
    assert_eq!(value("cxmill.epoch").as_deref(), Some("2"));
    assert_eq!(value("cxmill.model").as_deref(), Some("daily"));
    assert!(value("cxmill.fingerprint").is_some_and(|fingerprint| !fingerprint.is_empty()));
    let sorting = reader.metadata().row_group(0).sorting_columns().unwrap();
    let order: Vec<i32> = sorting.iter().map(|column| column.column_idx).collect();
    assert_eq!(order, [1, 0], "channel, then day");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn show_filters_by_an_expression_only() {
    let shop = shop();
    shop.run().await;
    let table = shop.show("daily", Some("channel = 'app'"), 10).await.unwrap();
    assert_eq!(table.total_rows, Some(1));
    assert_eq!(table.batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 1);
    let wrong = shop.show("daily", Some("chanel = 'app'"), 10).await.unwrap_err();
    assert!(matches!(wrong, EngineError::Invalid(_)), "{wrong:?}");
    let unknown = shop.show("dayly", None, 10).await.unwrap_err();
    let EngineError::Invalid(diagnostics) = unknown else { panic!("{unknown:?}") };
    assert_eq!(diagnostics[0].help.as_deref(), Some("did you mean `daily`?"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doctor_finds_a_whole_project_well_and_a_missing_source_ill() {
    let shop = shop();
    let findings = doctor(&shop.context()).await.unwrap();
    assert!(findings.iter().all(|finding| finding.ok), "{findings:#?}");
    std::fs::remove_dir_all(shop.path("data/raw")).unwrap();
    let findings = doctor(&shop.context()).await.unwrap();
    assert!(findings.iter().any(|finding| finding.what.starts_with("source answers")), "{findings:#?}");
    let state = shop.files("data/state");
    assert!(state.is_empty(), "a doctor leaves nothing behind: {state:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_partition_values_are_escaped_once() {
    let mut shop = shop();
    shop.pipeline.push_str(
        "  odd:\n    sql: SELECT channel || '/ÅÄ%=' AS region, id FROM answers\n    output: {partition_by: [region]}\n",
    );
    shop.run().await;
    let names = ["region=app%2FÅÄ%25%3D/part-0.parquet", "region=web%2FÅÄ%25%3D/part-0.parquet"];
    assert_eq!(shop.partitions("odd"), names);
    let before = shop.files("data");
    assert!(!shop.run().await.committed);
    assert_eq!(shop.files("data"), before, "a listing finds the names that the commit holds");
    let table = shop.show("odd", None, 10).await.unwrap();
    assert_eq!(table.batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_among_published_files_is_warned_of() {
    let shop = shop();
    assert!(shop.run().await.warnings.is_empty());
    std::fs::write(shop.path("data/output/daily/mine.parquet"), "x").unwrap();
    let report = shop.run().await;
    assert_eq!(report.warnings.len(), 1);
    assert!(report.warnings[0].contains("daily/mine.parquet"), "{:?}", report.warnings);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_first_run_leaves_no_garbage() {
    let mut shop = shop();
    shop.pipeline = shop.pipeline.replace("error_budget: 50%", "error_budget: 0");
    shop.raw("2.ndjson", &[&answer("x", "2026-01-03T10:00:00Z", "fax", 1)]);
    assert!(matches!(shop.try_run(&RunOptions::default()).await, Err(EngineError::Data { .. })));
    assert!(!shop.path("data/state/landed").exists() && !shop.path("data/state/quarantine").exists());
}

/// Dies at the n-th stage of a run.
#[derive(Debug)]
struct Mortal(Mutex<usize>);

impl Observer for Mortal {
    fn begins(&self, stage: &Stage) {
        let mut left = self.0.lock().unwrap();
        assert!(*left > 0, "dies at {stage:?}");
        *left -= 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_dies_at_any_stage_is_finished_by_the_next() {
    let whole = shop();
    whole.run().await;
    let expected = (whole.published("daily").await, whole.published("total").await);
    let mut deaths = 0;
    loop {
        let shop = shop();
        let context = Context { observer: Arc::new(Mortal(Mutex::new(deaths))), ..shop.context() };
        let fate = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let compiled = compiled(&context).await;
                run(&context, &compiled, &RunOptions::default()).await.unwrap();
            });
        });
        let survived = fate.join().is_ok();
        shop.run().await;
        assert_eq!((shop.published("daily").await, shop.published("total").await), expected, "after death {deaths}");
        assert!(!shop.run().await.committed);
        if survived {
            break;
        }
        deaths += 1;
    }
    assert!(deaths >= 6, "recover, discover, land, two builds, commit and publish were tried: {deaths}");
}

/// Runs the whole project once more, from another thread, when the models are about to be built.
#[derive(Debug)]
struct Rival(Mutex<Option<Context>>);

impl Observer for Rival {
    fn begins(&self, stage: &Stage) {
        if !matches!(stage, Stage::Build { .. }) {
            return;
        }
        let Some(context) = self.0.lock().unwrap().take() else { return };
        let rival = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let compiled = compiled(&context).await;
                run(&context, &compiled, &RunOptions::default()).await.unwrap()
            })
        });
        assert!(rival.join().unwrap().committed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_runs_one_commits_and_the_other_changes_nothing() {
    let mut shop = shop();
    shop.settings.insert("state", "memory://rivals/state".to_owned());
    shop.settings.insert("output", "memory://rivals/output".to_owned());
    let rival = Rival(Mutex::new(Some(shop.context())));
    let context = Context { observer: Arc::new(rival), ..shop.context() };
    let compiled = compiled(&context).await;
    let error = run(&context, &compiled, &RunOptions::default()).await.unwrap_err();
    assert!(matches!(error, EngineError::Conflict(_)), "{error:?}");
    let table = shop.show("daily", None, 10).await.unwrap();
    assert_eq!(table.total_rows, Some(2));
    let report = shop.run().await;
    assert!(!report.committed, "the winner left nothing to do");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_state_root_is_a_conflict() {
    let shop = shop();
    let root = shop.path("data/state");
    std::fs::create_dir_all(&root).unwrap();
    let rival = Rival(Mutex::new(None));
    let context = Context { observer: Arc::new(rival), ..shop.context() };
    let lock = std::fs::File::create(root.join("lock")).unwrap();
    lock.lock().unwrap();
    let compiled = compiled(&context).await;
    let error = run(&context, &compiled, &RunOptions::default()).await.unwrap_err();
    assert!(matches!(error, EngineError::Conflict(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_with_a_struct_column_and_no_grain_have_an_order() {
    let mut shop = Shop::new();
    shop.pipeline.push_str(
        "  intervals:\n    sql: SELECT day, channel, nps_interval(score, 0.95) AS nps FROM scored WHERE score > 2 GROUP BY 1, 2\n",
    );
    shop.raw(
        "1.ndjson",
        &[&answer("a", "2026-01-02T10:00:00Z", "web", 10), &answer("b", "2026-01-01T11:00:00Z", "app", 9)],
    );
    let report = shop.run().await;
    assert!(!report.failed(), "{:?}", report.models);
    assert!(shop.published("intervals").await.contains("| 2026-01-01 | app     | {low:"));
}
