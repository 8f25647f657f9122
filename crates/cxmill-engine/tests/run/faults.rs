//! A whole run, disturbed at every operation it does on its stores: it fails, dies, loses an answer or sleeps while another
//! run passes it. Readers see each object as it was before or as it is after, and the next run ends where an undisturbed
//! one does.
//!
//! Raw files, state and output lie in one store in memory, so that every operation has a number. A store that takes no
//! more bytes is one whose put fails.

use std::collections::BTreeMap;
use std::sync::Arc;

use cxmill_engine::{
    Compiled, Context, EngineError, Place, RunOptions, RunReport, StoreError, Stores, StoresOfProject, Totals,
    quarantine, replay, run, status,
};
use cxmill_ledger::testing::{Fault, FaultStore, Kind};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::support::{Shop, answer, compiled};

/// A model of which single partitions are computed, beside those of the shop.
const RANKED: &str = r"
  ranked:
    strategy: partition
    sql: SELECT day, channel, score, rank() OVER (PARTITION BY day ORDER BY score, channel) AS place FROM scored
    output: {partition_by: {month: day}}
";

/// A table that is delivered whole again and again, and a model that reads it.
const CHANNELS: &str = r"
  channels:
    kind: snapshot
    location: ${raw}/channels/
    format: ndjson
    columns: {channel: {type: string, required: true}, label: {type: string, required: true}}
models:
  labels:
    sql: |
      SELECT label, count(*) AS answers FROM answers JOIN channels ON channels.channel = answers.channel GROUP BY label
";

/// The last model of the shop.
const TOTAL: &str = "  total:\n    sql: SELECT sum(answers) AS answers, max(day) AS newest FROM daily\n";

/// Runs side by side.
pub(crate) const SIDE_BY_SIDE: usize = 4;

/// Every location of a project in one store.
#[derive(Debug)]
pub(crate) struct One(pub(crate) Arc<dyn ObjectStore>);

impl Stores for One {
    fn open(&self, location: &str, context: &Context) -> Result<Place, StoreError> {
        let place = StoresOfProject.open(location, context)?;
        Ok(Place { store: Arc::clone(&self.0), ..place })
    }
}

/// Rows of published objects, as text, by name.
pub(crate) type Seen = BTreeMap<String, String>;

/// What anybody can see besides the tables: the counts of each source, and the rows in quarantine.
type Counted = (BTreeMap<String, Totals>, Vec<String>);

/// A project whose first run is done and whose second run has something to do.
struct World {
    context: Context,
    compiled: Arc<Compiled>,
    store: Arc<InMemory>,
    /// Whether the second run comes after a replay of rejected rows.
    replays: bool,
    before: Seen,
    after: Seen,
    counted: Counted,
}

/// How a world differs from one that lands new rows and adds them.
#[derive(Default)]
struct Plot {
    /// What the project is from its beginning.
    begins: Option<fn(&mut Shop)>,
    /// What it becomes before the second run.
    becomes: Option<fn(&mut Shop)>,
    /// Further raw files of the first run, by name without suffix.
    first: Vec<(&'static str, Vec<String>)>,
    /// And of the second.
    second: Vec<(&'static str, Vec<String>)>,
    replays: bool,
    /// Whether a run between the two saw what the project became, two hours before the second one.
    between: bool,
}

impl World {
    /// A second run that lands new rows and adds them.
    async fn new() -> Self {
        let world = Self::of(Plot::default()).await;
        let Totals { files, read, accepted, quarantined, duplicate, .. } = world.counted.0["answers"];
        assert_eq!((files, read, accepted, quarantined, duplicate), (3, 6, 4, 1, 1), "each file counts once");
        world
    }

    /// A second run that lands new rows and builds a changed model anew, each landed file a batch.
    async fn rebuilding() -> Self {
        let becomes = |shop: &mut Shop| {
            shop.max_batch_bytes = Some(1);
            shop.pipeline = shop.pipeline.replace("avg(score) AS mean", "avg(score) AS mean, max(score) AS best");
        };
        Self::of(Plot { becomes: Some(becomes), ..Plot::default() }).await
    }

    /// A second run that restates a changed file, and with it one that holds a copy of a row that goes; that sees a snapshot
    /// delivered anew; and that removes the table of a model that was retired two hours ago.
    async fn restating() -> Self {
        let begins = |shop: &mut Shop| {
            let restated = shop.pipeline.replace("error_budget: 50%", "error_budget: 50%\n    on_change: restate");
            shop.pipeline = restated.replace("models:\n", CHANNELS.trim_start_matches('\n'));
        };
        let becomes = |shop: &mut Shop| {
            assert!(shop.pipeline.contains(TOTAL));
            shop.pipeline = shop.pipeline.replace(TOTAL, "");
        };
        let channel = |name: &str, label: &str| format!(r#"{{"channel": "{name}", "label": "{label}"}}"#);
        let world = Self::of(Plot {
            begins: Some(begins),
            becomes: Some(becomes),
            first: vec![
                ("answers/1b", vec![answer("a", "2026-01-01T10:00:00Z", "web", 10)]),
                ("channels/1", vec![channel("web", "Web"), channel("app", "App")]),
            ],
            second: vec![
                ("answers/1", vec![answer("b", "2026-02-03T11:00:00Z", "app", 6)]),
                ("channels/2", vec![channel("web", "Browser"), channel("app", "Browser")]),
            ],
            replays: false,
            between: true,
        })
        .await;
        let Totals { files, read, accepted, quarantined, duplicate, .. } = world.counted.0["answers"];
        assert_eq!(
            (files, read, accepted, quarantined, duplicate),
            (4, 6, 4, 1, 1),
            "the copy took the place of its original"
        );
        assert_eq!(world.counted.0["channels"].accepted, 2);
        let total = "out/total/part-0.parquet";
        assert_eq!((world.before.contains_key(total), world.after.contains_key(total)), (true, false), "it is removed");
        world
    }

    /// A contract is fixed and rejected rows are fed back, then a run takes them into the tables beside new ones.
    async fn replaying() -> Self {
        let becomes =
            |shop: &mut Shop| shop.pipeline = shop.pipeline.replace("[web, app, phone]", "[web, app, phone, fax]");
        let world = Self::of(Plot {
            becomes: Some(becomes),
            first: vec![(
                "answers/1b",
                vec![answer("f", "2026-01-01T10:00:00Z", "fax", 1), answer("g", "2026-02-03T10:00:00Z", "fax", 99)],
            )],
            replays: true,
            ..Plot::default()
        })
        .await;
        let Totals { files, read, accepted, quarantined, duplicate, .. } = world.counted.0["answers"];
        assert_eq!((files, read, accepted, quarantined, duplicate), (4, 8, 5, 2, 1), "one of them is fed back");
        world
    }

    async fn of(plot: Plot) -> Self {
        let mut shop = Shop::new();
        if let Some(begins) = plot.begins {
            begins(&mut shop);
        }
        shop.pipeline.push_str(RANKED);
        for (key, place) in [("raw", "raw"), ("state", "state"), ("output", "out")] {
            shop.settings.insert(key, format!("memory://shop/{place}"));
        }
        let context = shop.context();
        let compiled = Arc::new(compiled(&context).await);
        let mut world = Self {
            context,
            compiled,
            store: Arc::default(),
            replays: false,
            before: Seen::new(),
            after: Seen::new(),
            counted: Counted::default(),
        };
        world
            .raw(
                "answers/1",
                &[answer("a", "2026-01-01T10:00:00Z", "web", 10), answer("b", "2026-02-03T11:00:00Z", "app", 5)],
            )
            .await;
        for (name, lines) in &plot.first {
            world.raw(name, lines).await;
        }
        world.run_on(Arc::<InMemory>::clone(&world.store)).await.unwrap();
        world.before = seen(world.store.as_ref()).await;
        if let Some(becomes) = plot.becomes {
            becomes(&mut shop);
        }
        if plot.between {
            world.context = shop.context();
            world.compiled = Arc::new(self::compiled(&world.context).await);
            world.run_on(Arc::<InMemory>::clone(&world.store)).await.unwrap();
            world.before = seen(world.store.as_ref()).await;
            shop.now += chrono::TimeDelta::hours(2);
        }
        world.context = shop.context();
        world.compiled = Arc::new(self::compiled(&world.context).await);
        world.replays = plot.replays;
        // A new partition, a revised one, one that stays, a duplicate and a bad row.
        world
            .raw(
                "answers/2",
                &[answer("c", "2026-03-01T10:00:00Z", "web", 7), answer("d", "2026-01-01T11:00:00Z", "web", 0)],
            )
            .await;
        let bad = if plot.replays { "pager" } else { "fax" };
        world
            .raw(
                "answers/3",
                &[answer("c", "2026-03-01T10:00:00Z", "web", 7), answer("e", "2026-01-01T11:00:00Z", bad, 0)],
            )
            .await;
        for (name, lines) in &plot.second {
            world.raw(name, lines).await;
        }
        let clean = world.fork();
        world.run_on(Arc::clone(&clean)).await.unwrap();
        world.after = seen(clean.as_ref()).await;
        world.counted = world.counted_on(&clean).await;
        assert_ne!(world.before, world.after);
        world
    }

    async fn raw(&self, name: &str, lines: &[String]) {
        self.store.put(&Path::from(format!("raw/{name}.ndjson")), lines.join("\n").into()).await.unwrap();
    }

    /// A store of its own with the same objects.
    fn fork(&self) -> Arc<dyn ObjectStore> {
        Arc::new(self.store.fork())
    }

    fn on(&self, store: Arc<dyn ObjectStore>) -> Context {
        Context { stores: Arc::new(One(store)), ..self.context.clone() }
    }

    async fn run_on(&self, store: Arc<dyn ObjectStore>) -> Result<RunReport, EngineError> {
        let context = self.on(store);
        if self.replays {
            Box::pin(replay(&context, &self.compiled, &[], false)).await?;
        }
        Box::pin(run(&context, &self.compiled, &RunOptions::default())).await
    }

    async fn counted_on(&self, store: &Arc<dyn ObjectStore>) -> Counted {
        let context = self.on(Arc::clone(store));
        let sources = status(&context, &self.compiled).await.unwrap().sources;
        let table = quarantine(&context, None, 1_000).await.unwrap();
        // In which epoch a row was rejected depends on how runs were disturbed; nothing else of it may.
        let epoch = table.columns().iter().position(|column| column == "epoch").unwrap();
        let row = |row: &Vec<serde_json::Value>| {
            let cells = row.iter().zip(0..).filter(|(_, number)| *number != epoch);
            cells.map(|(cell, _)| cell.to_string()).collect::<Vec<_>>().join(" ")
        };
        let mut rows: Vec<String> = table.rows().iter().map(row).collect();
        rows.sort_unstable();
        (sources.into_iter().map(|source| (source.name, source.totals)).collect(), rows)
    }

    /// Operations of an undisturbed second run; true for those that write.
    async fn operations(&self) -> Vec<bool> {
        count_operations(self.fork(), async |store| drop(self.run_on(store).await.unwrap())).await
    }

    /// What must hold after a second run that was disturbed, and after the next one.
    async fn settles(&self, store: &Arc<dyn ObjectStore>, outcome: &Result<RunReport, EngineError>, what: &str) {
        for (name, rows) in seen(store.as_ref()).await {
            let known = [self.before.get(&name), self.after.get(&name)];
            assert!(known.contains(&Some(&rows)), "{what}: {name} is neither as before nor as after");
        }
        if outcome.is_ok() {
            assert_eq!(seen(store.as_ref()).await, self.after, "{what}: a run that ended well has published");
        }
        let report = self.run_on(Arc::clone(store)).await.unwrap();
        assert!(!report.failed(), "{what}");
        assert_eq!(seen(store.as_ref()).await, self.after, "{what}");
        assert_eq!(self.counted_on(store).await, self.counted, "{what}");
    }
}

/// Operations that some work does on a store; true for those that write.
pub(crate) async fn count_operations(
    store: Arc<dyn ObjectStore>,
    work: impl AsyncFnOnce(Arc<dyn ObjectStore>),
) -> Vec<bool> {
    let counting = FaultStore::new(store);
    let kinds = Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = Arc::clone(&kinds);
    counting.before_each(move |operation| {
        noted.lock().unwrap().push(matches!(operation.kind, Kind::Write | Kind::Delete));
        futures::future::ready(()).boxed()
    });
    work(Arc::new(counting)).await;
    let kinds = kinds.lock().unwrap();
    kinds.clone()
}

/// Writes a raw file of answers.
pub(crate) async fn put(store: &InMemory, name: &str, lines: &[String]) {
    store.put(&Path::from(format!("raw/answers/{name}.ndjson")), lines.join("\n").into()).await.unwrap();
}

/// What a reader of the output sees.
pub(crate) async fn seen(store: &dyn ObjectStore) -> Seen {
    let mut seen = Seen::new();
    let objects: Vec<_> = store.list(Some(&Path::from("out"))).try_collect().await.unwrap();
    for object in objects.iter().filter(|object| object.location.as_ref().ends_with(".parquet")) {
        let bytes = store.get(&object.location).await.unwrap().bytes().await.unwrap();
        let rows = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
        let rows: Vec<_> = rows.map(Result::unwrap).collect();
        seen.insert(object.location.to_string(), pretty_format_batches(&rows).unwrap().to_string());
    }
    seen
}

/// Disturbs the run at each of these operations.
async fn every(world: World, fault: Fault, writes_only: bool) {
    let operations = world.operations().await;
    assert!(operations.len() > 40, "the run has many operations: {}", operations.len());
    let numbers = (1_u64..).zip(&operations).filter(|(_, writes)| !writes_only || **writes).map(|(number, _)| number);
    let trials = numbers.map(async |number| {
        let store = world.fork();
        let faulty = FaultStore::with_fault(Arc::clone(&store), number, fault);
        let outcome = world.run_on(Arc::new(faulty)).await;
        let what = format!("operation {number}, {fault:?}");
        if let Err(error) = &outcome {
            assert!(matches!(error, EngineError::Store { .. }), "{what}: {error:?}");
        }
        Box::pin(world.settles(&store, &outcome, &what)).await;
    });
    futures::stream::iter(trials).buffer_unordered(SIDE_BY_SIDE).collect::<Vec<()>>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_dies_before_any_write_is_finished_by_the_next() {
    // Death before an operation that only looks leaves what death before the next write leaves.
    every(World::new().await, Fault::Kill, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_operation_may_fail() {
    every(World::new().await, Fault::Fail, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_any_write_may_be_lost() {
    every(World::new().await, Fault::LoseAnswer, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_that_dies_before_any_write_is_gone_on_with_by_the_next_run() {
    every(World::rebuilding().await, Fault::Kill, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_operation_of_a_rebuild_may_fail() {
    every(World::rebuilding().await, Fault::Fail, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_any_write_of_a_rebuild_may_be_lost() {
    every(World::rebuilding().await, Fault::LoseAnswer, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restatement_that_dies_before_any_write_is_finished_by_the_next() {
    every(World::restating().await, Fault::Kill, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_operation_of_a_restatement_may_fail() {
    every(World::restating().await, Fault::Fail, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_dies_before_any_write_is_finished_by_the_next() {
    every(World::replaying().await, Fault::Kill, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_operation_of_a_replay_may_fail() {
    every(World::replaying().await, Fault::Fail, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_sleeps_at_any_operation_disturbs_nobody() {
    sleeps(World::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_that_sleeps_at_any_operation_disturbs_nobody() {
    sleeps(World::rebuilding().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restatement_that_sleeps_at_any_operation_disturbs_nobody() {
    sleeps(World::restating().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_sleeps_at_any_operation_disturbs_nobody() {
    sleeps(World::replaying().await).await;
}

/// Another run passes this one while it waits before an operation.
async fn sleeps(world: World) {
    let world = Arc::new(world);
    let operations = world.operations().await.len() as u64;
    let trials = (1..=operations).map(async |number| {
        let store = world.fork();
        let sleeper = FaultStore::new(Arc::clone(&store));
        let (rival, beneath) = (Arc::clone(&world), Arc::clone(&store));
        sleeper.before_each(move |operation| {
            let (rival, beneath) = (Arc::clone(&rival), Arc::clone(&beneath));
            async move {
                if operation.number == number {
                    rival.run_on(beneath).await.unwrap();
                }
            }
            .boxed()
        });
        let outcome = world.run_on(Arc::new(sleeper)).await;
        let what = format!("asleep at operation {number}");
        match &outcome {
            Ok(_) | Err(EngineError::Conflict(_)) => {}
            Err(error) => panic!("{what}: {error:?}"),
        }
        assert_eq!(seen(store.as_ref()).await, world.after, "{what}: the other run has published, and that stands");
        Box::pin(world.settles(&store, &outcome, &what)).await;
    });
    futures::stream::iter(trials).buffer_unordered(SIDE_BY_SIDE).collect::<Vec<()>>().await;
}
