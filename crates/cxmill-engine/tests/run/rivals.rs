//! Two runs at a time on a store without a lock: what goes together is committed by both, what does not is a conflict.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use cxmill_engine::{Context, EngineError, Observer, Progress, ProjectFiles, RunOptions, RunReport, Stage, run};

use crate::support::{Shop, answer, compiled};

/// What happens while a run is about to begin a stage.
type Event = Box<dyn FnOnce() + Send>;

/// Lets something happen once, when a stage begins.
struct When(fn(&Stage) -> bool, Mutex<Option<Event>>);

impl std::fmt::Debug for When {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("When")
    }
}

impl Observer for When {
    fn begins(&self, stage: &Stage) {
        if self.0(stage)
            && let Some(event) = self.1.lock().unwrap().take()
        {
            event();
        }
    }
}

fn when(stage: fn(&Stage) -> bool, event: impl FnOnce() + Send + 'static) -> Arc<dyn Observer> {
    Arc::new(When(stage, Mutex::new(Some(Box::new(event)))))
}

fn shop(name: &str) -> Shop {
    let mut shop = Shop::new();
    shop.settings.insert("state", format!("memory://{name}/state"));
    shop.raw("1.ndjson", &[&answer("a", "2026-01-01T10:00:00Z", "web", 10)]);
    shop
}

/// A run from another thread, to its end.
fn elsewhere(context: Context) -> Result<RunReport, EngineError> {
    elsewhere_with(context, RunOptions::default())
}

fn elsewhere_with(context: Context, options: RunOptions) -> Result<RunReport, EngineError> {
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let compiled = compiled(&context).await;
            Box::pin(run(&context, &compiled, &options)).await
        })
    };
    std::thread::spawn(work).join().unwrap()
}

/// A run that lands what is new and is stopped before it builds a model.
fn lands_only(shop: &Shop) -> impl FnOnce() + Send + 'static + use<> {
    let progress = Arc::new(Progress::default());
    let stop = Arc::clone(&progress);
    let observer = when(|stage| matches!(stage, Stage::Build { .. }), move || stop.stop.store(true, Ordering::Relaxed));
    let context = Context { observer, progress, ..shop.context() };
    move || assert!(matches!(elsewhere(context), Err(EngineError::Interrupted)))
}

async fn run_with(shop: &Shop, observer: Arc<dyn Observer>) -> Result<RunReport, EngineError> {
    let context = Context { observer, ..shop.context() };
    Box::pin(run(&context, &compiled(&context).await, &RunOptions::default())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn models_are_committed_beside_rows_that_another_run_landed() {
    let shop = shop("beside");
    let (folder, lands) = (shop.path("data/raw/answers"), lands_only(&shop));
    let observer = when(
        |stage| matches!(stage, Stage::Build { .. }),
        move || {
            std::fs::write(folder.join("2.ndjson"), answer("b", "2026-01-02T10:00:00Z", "web", 5)).unwrap();
            lands();
        },
    );
    let report = run_with(&shop, observer).await.unwrap();
    assert!(report.committed);
    assert_eq!(report.epoch, 3, "one commit of each run landed rows, and this run's models follow both");
    assert!(shop.published("total").await.contains("| 1 "), "they are built from what they were given");
    let report = shop.run().await;
    assert_eq!(report.sources[0].totals.files, 0, "the other run has landed it");
    assert!(shop.published("total").await.contains("| 2 "), "and the next run catches up");
}

/// Files of a project that somebody edits at some point.
#[derive(Debug, Default)]
struct Edited(AtomicBool);

impl ProjectFiles for Edited {
    fn unchanged(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_files_are_committed_on_top_of_nothing_that_another_run_did() {
    let shop = shop("edited");
    let (folder, lands) = (shop.path("data/raw/answers"), lands_only(&shop));
    let files = Arc::new(Edited::default());
    let edited = Arc::clone(&files);
    let observer = when(
        |stage| matches!(stage, Stage::Build { .. }),
        move || {
            std::fs::write(folder.join("2.ndjson"), answer("b", "2026-01-02T10:00:00Z", "web", 5)).unwrap();
            lands();
            edited.0.store(true, Ordering::Relaxed);
        },
    );
    let context = Context { files, observer, ..shop.context() };
    let compiled = compiled(&context).await;
    let ran = Box::pin(run(&context, &compiled, &RunOptions::default())).await;
    assert!(matches!(ran, Err(EngineError::Conflict(_))), "{ran:?}");
    assert!(!shop.path("data/output").exists(), "nothing was published");
    let again = Box::pin(run(&context, &compiled, &RunOptions::default())).await;
    assert!(matches!(again, Err(EngineError::Edited)), "{again:?}");
    assert!(shop.run().await.committed, "the files as they are now");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_landed_beside_models_that_another_run_built() {
    let mut shop = shop("landing");
    // Two sources, so that the other run builds a model while this one lands.
    let whole = shop.pipeline.clone();
    let (start, end) = (whole.find("  answers:").unwrap(), whole.find("models:").unwrap());
    let late = whole.get(start..end).unwrap().replace("  answers:", "  late:").replace("/answers/", "/late/");
    shop.run().await;
    shop.pipeline.insert_str(end, &late);
    std::fs::create_dir_all(shop.path("data/raw/late")).unwrap();
    std::fs::write(shop.path("data/raw/late/1.ndjson"), answer("z", "2026-01-02T10:00:00Z", "web", 1)).unwrap();
    let rival = rival_of(&shop);
    let observer = when(
        |stage| matches!(stage, Stage::Land { .. }),
        move || assert!(elsewhere(rival.context()).unwrap().committed),
    );
    let report = run_with(&shop, observer).await.unwrap();
    assert!(report.committed);
    assert_eq!(report.sources.iter().map(|source| source.totals.files).sum::<u64>(), 1);
    assert!(!shop.run().await.committed);
}

/// The same project with one more check: a run of it judges a model and commits nothing else.
fn rival_of(shop: &Shop) -> Shop {
    let mut rival = shop.twin();
    rival.pipeline = rival
        .pipeline
        .replace("    grain: [day, channel]\n", "    grain: [day, channel]\n    checks: [{row_count: {min: 0}}]\n");
    let keep = rival.pipeline.find("  late:").unwrap();
    let models = rival.pipeline.find("models:").unwrap();
    // It does not know the other source yet; a selected run would do as well.
    let late = rival.pipeline.get(keep..models).unwrap().to_owned();
    rival.pipeline = rival.pipeline.replace(&late, "");
    rival
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_that_land_the_same_source_conflict_and_rows_count_once() {
    let shop = shop("same");
    shop.run().await;
    let published = shop.files("data/output");
    shop.raw("2.ndjson", &[&answer("b", "2026-01-02T10:00:00Z", "web", 5)]);
    let (folder, lands) = (shop.path("data/raw/answers"), lands_only(&shop));
    let observer = when(
        |stage| matches!(stage, Stage::Land { .. }),
        // The other run lands one file more, which this run must not undo.
        move || {
            std::fs::write(folder.join("3.ndjson"), answer("c", "2026-01-03T10:00:00Z", "web", 5)).unwrap();
            lands();
        },
    );
    let error = run_with(&shop, observer).await.unwrap_err();
    let EngineError::Conflict(message) = &error else { panic!("{error:?}") };
    assert_eq!(message, "it made commit 3 and changed rows of answers");
    assert_eq!(shop.files("data/output"), published, "nothing was changed");
    assert_eq!(shop.run().await.sources[0].totals.files, 0);
    assert!(shop.published("total").await.contains("| 3 "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_that_build_models_conflict_and_the_loser_says_what_changed() {
    let shop = shop("models");
    let context = shop.context();
    let observer =
        when(|stage| matches!(stage, Stage::Build { .. }), move || assert!(elsewhere(context).unwrap().committed));
    let error = run_with(&shop, observer).await.unwrap_err();
    let EngineError::Conflict(message) = &error else { panic!("{error:?}") };
    assert_eq!(message, "it made commit 2 and changed models daily, total");
    assert!(!shop.run().await.committed, "the winner left nothing to do");
}

/// A shop with a model to be built anew in three batches, and one beside it.
async fn rebuilding(name: &str) -> Shop {
    let mut shop = shop(name);
    shop.raw("2.ndjson", &[&answer("b", "2026-01-02T10:00:00Z", "web", 5)]);
    shop.raw("3.ndjson", &[&answer("c", "2026-02-03T10:00:00Z", "app", 1)]);
    shop.max_batch_bytes = Some(1);
    shop.pipeline.push_str("  beside:\n    sql: SELECT channel, count(*) AS answers FROM answers GROUP BY channel\n");
    shop.run().await;
    shop.pipeline = shop.pipeline.replace("avg(score) AS mean", "min(score) AS mean");
    shop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_goes_on_beside_other_models_that_another_run_builds() {
    let shop = rebuilding("rebuild-beside").await;
    shop.raw("4.ndjson", &[&answer("d", "2026-01-01T11:00:00Z", "web", 0)]);
    let folder = shop.path("data/raw/answers");
    let rival = shop.context();
    let observer = when(
        |stage| matches!(stage, Stage::Rebuild { batch: 2, .. }),
        move || {
            std::fs::write(folder.join("5.ndjson"), answer("e", "2026-01-01T12:00:00Z", "web", 7)).unwrap();
            let beside = RunOptions { select: vec!["beside".to_owned()], ..RunOptions::default() };
            assert!(elsewhere_with(rival, beside).unwrap().committed);
        },
    );
    let report = run_with(&shop, observer).await.unwrap();
    let daily = report.models.iter().find(|model| model.name == "daily").unwrap();
    assert_eq!((daily.action.as_str(), daily.rebuild.unwrap().batches), ("built", 4));
    assert!(shop.published("beside").await.contains("| web     | 4       |"), "the other run has published it");
    assert!(shop.published("daily").await.contains("| 2026-01-01 | web     | 3       | 0    |"), "with what it landed");
    assert!(!shop.run().await.committed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_that_go_on_with_one_rebuild_conflict_and_no_batch_counts_twice() {
    let shop = rebuilding("rebuild-both").await;
    let rival = shop.context();
    let observer = when(
        |stage| matches!(stage, Stage::Rebuild { batch: 2, .. }),
        move || {
            let some = RunOptions { rebuild_batches: Some(1), ..RunOptions::default() };
            assert!(elsewhere_with(rival, some).unwrap().committed);
        },
    );
    let error = run_with(&shop, observer).await.unwrap_err();
    let EngineError::Conflict(message) = &error else { panic!("{error:?}") };
    assert!(message.ends_with("and changed rebuilds of daily"), "{message}");
    let report = shop.run().await;
    let daily = report.models.iter().find(|model| model.name == "daily").unwrap();
    assert_eq!(daily.rebuild.map(|rebuild| (rebuild.batches_before, rebuild.batches)), Some((2, 1)));
    assert!(shop.published("total").await.contains("| 3 "));
}
