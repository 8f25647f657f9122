//! Models that are built anew batch by batch: resumable, unnoticed by readers, and nobody's burden but their own.

use std::path::PathBuf;

use cxmill_engine::{EngineError, ModelPlan, ModelReport, RebuildPlan, RunOptions, RunReport, plan, status};

use crate::support::{Shop, action, answer, compiled};

/// A model that nobody reads and that reads nobody.
const CHANNELS: &str = "  channels:\n    sql: SELECT channel, count(*) AS answers FROM answers GROUP BY channel\n";

/// Six landed files: two event dates in each of three raw files.
fn days() -> [[String; 2]; 3] {
    [
        [answer("a", "2026-01-01T10:00:00Z", "web", 10), answer("b", "2026-02-03T11:00:00Z", "web", 5)],
        [answer("c", "2026-01-02T09:00:00Z", "app", 8), answer("d", "2026-02-04T09:00:00Z", "app", 7)],
        [answer("e", "2026-01-01T12:00:00Z", "web", 1), answer("f", "2026-03-01T09:00:00Z", "phone", 3)],
    ]
}

const LANDED: u64 = 6;

async fn built() -> Shop {
    let mut shop = Shop::new();
    shop.pipeline.push_str(CHANNELS);
    // Each raw file is a batch, and so is each landed file.
    shop.max_batch_bytes = Some(1);
    for (number, [one, other]) in days().iter().enumerate() {
        shop.raw(&format!("{number}.ndjson"), &[one, other]);
    }
    shop.run().await;
    shop
}

fn change(shop: &mut Shop) {
    shop.pipeline = shop.pipeline.replace("avg(score) AS mean", "avg(score) AS mean, max(score) AS best");
}

/// A run that takes at most so many batches.
async fn some(shop: &Shop, batches: u64) -> RunReport {
    shop.try_run(&RunOptions { rebuild_batches: Some(batches), ..RunOptions::default() }).await.unwrap()
}

fn model<'a>(report: &'a RunReport, name: &str) -> &'a ModelReport {
    report.models.iter().find(|model| model.name == name).unwrap()
}

/// Batches of earlier runs, of this run, and left.
fn batches(report: &RunReport) -> (u64, u64, u64) {
    let rebuild = model(report, "daily").rebuild.unwrap();
    (rebuild.batches_before, rebuild.batches, rebuild.batches_left)
}

async fn planned(shop: &Shop, options: &RunOptions) -> ModelPlan {
    let context = shop.context();
    let plan = plan(&context, &compiled(&context).await, options).await.unwrap();
    plan.models.into_iter().find(|model| model.name == "daily").unwrap()
}

/// Objects below a folder of the state root.
fn objects(shop: &Shop, folder: &str) -> Vec<PathBuf> {
    let files = shop.files(&format!("data/state/{folder}"));
    files.into_keys().filter(|path| path.extension().is_some_and(|extension| extension == "parquet")).collect()
}

fn landed_bytes(shop: &Shop) -> u64 {
    let files = shop.files("data/state/landed");
    let landed = files.iter().filter(|(path, _)| path.extension().is_some_and(|extension| extension == "parquet"));
    landed.map(|(_, (bytes, _))| bytes).sum()
}

/// What one query over everything publishes.
async fn at_once(shop: &Shop) -> [String; 3] {
    let mut other = Shop::new();
    other.pipeline.clone_from(&shop.pipeline);
    for raw in shop.files("data/raw/answers").into_keys() {
        std::fs::copy(&raw, other.path("data/raw/answers").join(raw.file_name().unwrap())).unwrap();
    }
    let report = other.run().await;
    assert_eq!(model(&report, "daily").rebuild, None, "a rebuild of one batch needs no batches");
    tables(&other).await
}

async fn tables(shop: &Shop) -> [String; 3] {
    [shop.published("daily").await, shop.published("total").await, shop.published("channels").await]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_model_is_built_anew_in_batches_while_the_others_run_on() {
    let mut shop = built().await;
    let before = (shop.published("daily").await, shop.published("total").await);
    change(&mut shop);
    let bytes = landed_bytes(&shop);
    let wanted = planned(&shop, &RunOptions::default()).await;
    assert_eq!((wanted.reads_bytes, wanted.rebuild), (bytes, Some(RebuildPlan { batches_done: 0, batches: LANDED })));

    let mut read = 0;
    for taken in 1..=LANDED {
        let report = some(&shop, 1).await;
        assert_eq!(batches(&report), (taken - 1, 1, LANDED - taken));
        assert_eq!((action(&report, "daily"), action(&report, "total")), ("rebuilding", "waiting"));
        let beside = if taken == 1 { "kept" } else { "built" };
        assert_eq!(action(&report, "channels"), beside, "it has a position of its own");
        read += model(&report, "daily").bytes_read;
        assert_eq!((shop.published("daily").await, shop.published("total").await), before, "readers notice nothing");
        assert!(shop.published("channels").await.contains(&format!("| app     | {}       |", 1 + taken)));
        let context = shop.context();
        let status = status(&context, &compiled(&context).await).await.unwrap();
        let daily = status.models.iter().find(|model| model.name == "daily").unwrap();
        assert_eq!((daily.state.as_str(), daily.rebuild.unwrap().batches), ("rebuilding", taken));
        shop.raw(&format!("late{taken}.ndjson"), &[&answer(&format!("l{taken}"), "2026-01-02T12:00:00Z", "app", 9)]);
    }
    assert_eq!(read, bytes, "nothing that is taken is read again");
    let wanted = planned(&shop, &RunOptions::default()).await;
    assert_eq!(
        wanted.rebuild,
        Some(RebuildPlan { batches_done: LANDED, batches: LANDED - 1 }),
        "what landed meanwhile"
    );

    let report = shop.run().await;
    assert_eq!((batches(&report), action(&report, "daily")), ((LANDED, LANDED, 0), "built"));
    assert_eq!(action(&report, "total"), "built");
    assert_eq!(tables(&shop).await, at_once(&shop).await);
    let report = shop.run().await;
    assert_eq!((report.committed, action(&report, "daily")), (false, "kept"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_run_takes_all_batches_and_the_next_adds_to_their_states() {
    let mut shop = built().await;
    change(&mut shop);
    let report = shop.run().await;
    assert_eq!((batches(&report), model(&report, "daily").bytes_read), ((0, LANDED, 0), landed_bytes(&shop)));
    assert_eq!(tables(&shop).await, at_once(&shop).await);
    shop.raw("late.ndjson", &[&answer("g", "2026-02-03T20:00:00Z", "web", 9)]);
    let report = shop.run().await;
    assert_eq!((model(&report, "daily").partitions_touched, model(&report, "daily").rebuild), (Some(1), None));
    assert_eq!(tables(&shop).await, at_once(&shop).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_whose_model_changes_again_begins_anew() {
    let mut shop = built().await;
    change(&mut shop);
    some(&shop, 3).await;
    shop.pipeline = shop.pipeline.replace("max(score) AS best", "min(score) AS worst");
    assert_eq!(planned(&shop, &RunOptions::default()).await.rebuild.unwrap().batches_done, 0);
    assert_eq!(batches(&some(&shop, 2).await), (0, 2, LANDED - 2));
    let report = shop.run().await;
    assert_eq!(batches(&report), (2, LANDED - 2, 0));
    assert_eq!(tables(&shop).await, at_once(&shop).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_that_is_given_up_leaves_nothing_behind() {
    let mut shop = built().await;
    let (tables_before, old) = (tables(&shop).await, shop.pipeline.clone());
    shop.run().await;
    let standing = objects(&shop, "states/daily");
    change(&mut shop);
    some(&shop, 3).await;
    assert!(objects(&shop, "states/daily").len() > standing.len(), "states of a rebuild that is under way are spared");
    shop.pipeline = old;
    let report = shop.run().await;
    assert_eq!((report.committed, action(&report, "daily")), (true, "kept"));
    // What the commit before named goes one commit later.
    shop.raw("late.ndjson", &[&answer("g", "2026-03-01T20:00:00Z", "phone", 9)]);
    shop.run().await;
    shop.raw("later.ndjson", &[&answer("h", "2026-03-01T21:00:00Z", "phone", 9)]);
    shop.run().await;
    let march = |path: &&PathBuf| path.to_str().unwrap().contains("month=2026-03");
    let others: Vec<_> = objects(&shop, "states/daily").into_iter().filter(|path| !march(&path)).collect();
    assert_eq!(others, standing.iter().filter(|path| !march(path)).cloned().collect::<Vec<_>>());
    assert_ne!(tables(&shop).await, tables_before);
    assert_eq!(tables(&shop).await, at_once(&shop).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_whose_states_are_lost_begins_anew_and_says_so() {
    let mut shop = built().await;
    let standing = objects(&shop, "states/daily");
    change(&mut shop);
    some(&shop, 3).await;
    let new = objects(&shop, "states/daily").into_iter().filter(|path| !standing.contains(path));
    for path in new {
        std::fs::remove_file(path).unwrap();
    }
    let report = shop.run().await;
    assert!(report.warnings.iter().any(|warning| warning.contains("were lost")), "{:?}", report.warnings);
    assert_eq!(batches(&report), (0, LANDED, 0));
    assert_eq!(tables(&shop).await, at_once(&shop).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_are_read_again_are_not_in_a_rebuild_that_took_the_old_ones() {
    let mut shop = built().await;
    change(&mut shop);
    some(&shop, 3).await;
    shop.pipeline = shop.pipeline.replace("between: [0, 10]", "between: [0, 9]");
    let report = shop.try_run(&RunOptions { full_refresh: true, ..RunOptions::default() }).await.unwrap();
    assert_eq!(batches(&report).0, 0);
    assert_eq!(tables(&shop).await, at_once(&shop).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_fails_withholds_its_model_and_keeps_the_batches_before_it() {
    let mut shop = built().await;
    let before = (shop.published("daily").await, shop.published("total").await);
    // A division by zero in the rows of the fourth batch, that of february 3.
    shop.pipeline = shop.pipeline.replace("avg(score) AS mean", "sum(1 / (CAST(score AS INT) - 5)) AS mean");
    for (done, here) in [(0, 3), (3, 0)] {
        let report = shop.run().await;
        assert!(report.failed());
        assert_eq!((action(&report, "daily"), action(&report, "total")), ("withheld", "withheld"));
        assert!(model(&report, "daily").error.as_ref().unwrap().contains("zero"), "{:?}", model(&report, "daily"));
        assert_eq!((batches(&report).0, batches(&report).1), (done, here));
        assert_eq!((shop.published("daily").await, shop.published("total").await), before);
    }
    shop.pipeline = shop.pipeline.replace("- 5)", "- 55)");
    assert!(!shop.run().await.failed());
    assert_eq!(tables(&shop).await, at_once(&shop).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_between_batches_is_no_loss() {
    let mut shop = built().await;
    change(&mut shop);
    some(&shop, 2).await;
    shop.progress.stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let stopped = shop.try_run(&RunOptions::default()).await;
    assert!(matches!(stopped, Err(EngineError::Interrupted)), "{stopped:?}");
    shop.progress.stop.store(false, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(batches(&shop.run().await), (2, LANDED - 2, 0));
    assert_eq!(tables(&shop).await, at_once(&shop).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_refresh_builds_the_named_models_anew_and_brings_up_to_date_what_they_read() {
    let shop = built().await;
    let refresh = |select: &[&str]| RunOptions {
        full_refresh: true,
        select: select.iter().map(|name| (*name).to_owned()).collect(),
        ..RunOptions::default()
    };
    assert_eq!(planned(&shop, &refresh(&["daily"])).await.rebuild.unwrap().batches, LANDED);
    let report = shop.try_run(&refresh(&["total"])).await.unwrap();
    assert_eq!((action(&report, "daily"), action(&report, "total")), ("kept", "built"));
    let report = shop.try_run(&refresh(&["daily"])).await.unwrap();
    assert_eq!((action(&report, "daily"), batches(&report)), ("built", (0, LANDED, 0)));
    assert_eq!((action(&report, "total"), action(&report, "channels")), ("skipped", "skipped"));
    let report = shop.try_run(&RunOptions { rebuild_batches: Some(2), ..refresh(&["daily"]) }).await.unwrap();
    assert_eq!((action(&report, "daily"), batches(&report)), ("rebuilding", (0, 2, LANDED - 2)));
    // Whoever runs next goes on with it.
    let report = shop.run().await;
    assert_eq!((action(&report, "daily"), batches(&report)), ("built", (2, LANDED - 2, 0)));
    assert_eq!(tables(&shop).await, at_once(&shop).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_that_comes_to_no_rows_comes_to_an_end() {
    let mut shop = built().await;
    shop.pipeline = shop.pipeline.replace("WHERE score IS NOT NULL", "WHERE score > 10");
    shop.run().await;
    let refresh = RunOptions { full_refresh: true, select: vec!["daily".to_owned()], ..RunOptions::default() };
    let report = shop.try_run(&refresh).await.unwrap();
    assert_eq!((batches(&report), model(&report, "daily").rows), ((0, LANDED, 0), 0));
    assert_eq!(action(&shop.run().await, "daily"), "kept");
}
