//! A whole run, disturbed at every operation it does on its stores: it fails, dies, loses an answer or sleeps while another
//! run passes it. Readers see each object as it was before or as it is after, and the next run ends where an undisturbed
//! one does.
//!
//! Raw files, state and output lie in one store in memory, so that every operation has a number. A store that takes no
//! more bytes is one whose put fails.

use std::collections::BTreeMap;
use std::sync::Arc;

use cxmill_engine::{
    Compiled, Context, EngineError, Place, RunOptions, RunReport, StoreError, Stores, StoresOfProject, run, status,
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

/// A project whose first run is done and whose second run has something to do.
struct World {
    context: Context,
    compiled: Arc<Compiled>,
    store: Arc<InMemory>,
    before: Seen,
    after: Seen,
}

impl World {
    /// A second run that lands new rows and adds them.
    async fn new() -> Self {
        Self::of(|_| {}).await
    }

    /// A second run that lands new rows and builds a changed model anew, each landed file a batch.
    async fn rebuilding() -> Self {
        Self::of(|shop| {
            shop.max_batch_bytes = Some(1);
            shop.pipeline = shop.pipeline.replace("avg(score) AS mean", "avg(score) AS mean, max(score) AS best");
        })
        .await
    }

    async fn of(change: impl FnOnce(&mut Shop)) -> Self {
        let mut shop = Shop::new();
        shop.pipeline.push_str(RANKED);
        for (key, place) in [("raw", "raw"), ("state", "state"), ("output", "out")] {
            shop.settings.insert(key, format!("memory://shop/{place}"));
        }
        let context = shop.context();
        let compiled = Arc::new(compiled(&context).await);
        let mut world = Self { context, compiled, store: Arc::default(), before: Seen::new(), after: Seen::new() };
        world
            .raw("1", &[answer("a", "2026-01-01T10:00:00Z", "web", 10), answer("b", "2026-02-03T11:00:00Z", "app", 5)])
            .await;
        world.run_on(Arc::<InMemory>::clone(&world.store)).await.unwrap();
        world.before = seen(world.store.as_ref()).await;
        change(&mut shop);
        world.context = shop.context();
        world.compiled = Arc::new(self::compiled(&world.context).await);
        // A new partition, a revised one, one that stays, a duplicate and a bad row.
        world
            .raw("2", &[answer("c", "2026-03-01T10:00:00Z", "web", 7), answer("d", "2026-01-01T11:00:00Z", "web", 0)])
            .await;
        world
            .raw("3", &[answer("c", "2026-03-01T10:00:00Z", "web", 7), answer("e", "2026-01-01T11:00:00Z", "fax", 0)])
            .await;
        let clean = world.fork();
        world.run_on(Arc::clone(&clean)).await.unwrap();
        world.after = seen(clean.as_ref()).await;
        assert_ne!(world.before, world.after);
        world
    }

    async fn raw(&self, name: &str, lines: &[String]) {
        put(&self.store, name, lines).await;
    }

    /// A store of its own with the same objects.
    fn fork(&self) -> Arc<dyn ObjectStore> {
        Arc::new(self.store.fork())
    }

    fn on(&self, store: Arc<dyn ObjectStore>) -> Context {
        Context { stores: Arc::new(One(store)), ..self.context.clone() }
    }

    async fn run_on(&self, store: Arc<dyn ObjectStore>) -> Result<RunReport, EngineError> {
        Box::pin(run(&self.on(store), &self.compiled, &RunOptions::default())).await
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
        let status = status(&self.on(Arc::clone(store)), &self.compiled).await.unwrap();
        let totals = status.sources[0].totals;
        assert_eq!((totals.files, totals.read, totals.accepted), (3, 6, 4), "{what}: each file counts once");
        assert_eq!((totals.duplicate, totals.quarantined), (1, 1), "{what}");
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
async fn a_run_that_sleeps_at_any_operation_disturbs_nobody() {
    sleeps(World::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_that_sleeps_at_any_operation_disturbs_nobody() {
    sleeps(World::rebuilding().await).await;
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
