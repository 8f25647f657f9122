//! A replay of the quarantine, disturbed at every operation it does on its stores: whatever it came to, the next one ends where an
//! undisturbed one does, and each row counts once.

use std::sync::Arc;

use cxmill_engine::{Compiled, Context, EngineError, ReplayReport, RunOptions, Totals, replay, run, status};
use cxmill_ledger::testing::{Fault, FaultStore};
use futures::{FutureExt, StreamExt};
use object_store::ObjectStore;
use object_store::memory::InMemory;

use crate::faults::{One, SIDE_BY_SIDE, Seen, count_operations, put, seen};
use crate::support::{Shop, answer, compiled};

/// A project with rows in quarantine whose contract was mended.
struct World {
    context: Context,
    compiled: Arc<Compiled>,
    store: Arc<InMemory>,
    /// What is published once the rows are fed back and the models built.
    after: Seen,
}

impl World {
    async fn new() -> Self {
        let mut shop = Shop::new();
        for (key, place) in [("raw", "raw"), ("state", "state"), ("output", "out")] {
            shop.settings.insert(key, format!("memory://shop/{place}"));
        }
        shop.pipeline = shop.pipeline.replace("error_budget: 50%", "error_budget: 90%");
        let store: Arc<InMemory> = Arc::default();
        let (day, month) = ("2026-01-01T10:00:00Z", "2026-02-03T11:00:00Z");
        put(&store, "1", &[answer("a", day, "web", 10), answer("b", day, "fax", 5), answer("c", month, "fax", 1)])
            .await;
        // One that is there already once it is fed back, and one that breaks another rule.
        put(&store, "2", &[answer("b", day, "fax", 5), answer("d", month, "fax", 99), answer("e", day, "app", 2)])
            .await;
        let context = Context { stores: Arc::new(One(Arc::<InMemory>::clone(&store))), ..shop.context() };
        Box::pin(run(&context, &compiled(&context).await, &RunOptions::default())).await.unwrap();
        shop.pipeline = shop.pipeline.replace("[web, app, phone]", "[web, app, phone, fax]");
        let context = shop.context();
        let compiled = Arc::new(compiled(&context).await);
        let mut world = Self { context, compiled, store, after: Seen::new() };
        let clean = world.fork();
        let before = seen(clean.as_ref()).await;
        let report = world.replay_on(Arc::clone(&clean)).await.unwrap();
        assert_eq!((report.sources[0].accepted, report.sources[0].duplicate), (2, 1));
        world.run_on(Arc::clone(&clean)).await;
        world.after = seen(clean.as_ref()).await;
        assert_ne!(world.after, before);
        world
    }

    fn fork(&self) -> Arc<dyn ObjectStore> {
        Arc::new(self.store.fork())
    }

    fn on(&self, store: Arc<dyn ObjectStore>) -> Context {
        Context { stores: Arc::new(One(store)), ..self.context.clone() }
    }

    async fn replay_on(&self, store: Arc<dyn ObjectStore>) -> Result<ReplayReport, EngineError> {
        Box::pin(replay(&self.on(store), &self.compiled, &[], false)).await
    }

    async fn run_on(&self, store: Arc<dyn ObjectStore>) {
        let report = Box::pin(run(&self.on(store), &self.compiled, &RunOptions::default())).await.unwrap();
        assert!(!report.failed());
    }

    /// What must hold after a replay that was disturbed, once it is done again and the models are built.
    async fn settles(&self, store: &Arc<dyn ObjectStore>, what: &str) {
        self.replay_on(Arc::clone(store)).await.unwrap();
        self.run_on(Arc::clone(store)).await;
        assert_eq!(seen(store.as_ref()).await, self.after, "{what}");
        let status = status(&self.on(Arc::clone(store)), &self.compiled).await.unwrap();
        let Totals { files, read, accepted, quarantined, duplicate, .. } = status.sources[0].totals;
        assert_eq!((files, read, accepted, quarantined, duplicate), (2, 6, 4, 1, 1), "{what}");
    }
}

/// Disturbs the replay at each of these operations.
async fn every(fault: Fault, writes_only: bool) {
    let world = World::new().await;
    let operations = count_operations(world.fork(), async |store| drop(world.replay_on(store).await.unwrap())).await;
    assert!(operations.len() > 20, "the replay has many operations: {}", operations.len());
    let numbers = (1_u64..).zip(&operations).filter(|(_, writes)| !writes_only || **writes).map(|(number, _)| number);
    let trials = numbers.map(async |number| {
        let store = world.fork();
        let faulty = FaultStore::with_fault(Arc::clone(&store), number, fault);
        let outcome = world.replay_on(Arc::new(faulty)).await;
        let what = format!("operation {number}, {fault:?}");
        if let Err(error) = &outcome {
            assert!(matches!(error, EngineError::Store { .. }), "{what}: {error:?}");
        }
        Box::pin(world.settles(&store, &what)).await;
    });
    futures::stream::iter(trials).buffer_unordered(SIDE_BY_SIDE).collect::<Vec<()>>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_dies_before_any_write_has_fed_back_all_or_nothing() {
    every(Fault::Kill, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_operation_of_a_replay_may_fail() {
    every(Fault::Fail, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_any_write_of_a_replay_may_be_lost() {
    every(Fault::LoseAnswer, true).await;
}

/// Another replay passes this one while it waits before an operation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_replays_one_feeds_the_rows_back() {
    let world = Arc::new(World::new().await);
    let operations = count_operations(world.fork(), async |store| drop(world.replay_on(store).await.unwrap())).await;
    let trials = (1..=operations.len() as u64).map(async |number| {
        let store = world.fork();
        let sleeper = FaultStore::new(Arc::clone(&store));
        let (rival, beneath) = (Arc::clone(&world), Arc::clone(&store));
        sleeper.before_each(move |operation| {
            let (rival, beneath) = (Arc::clone(&rival), Arc::clone(&beneath));
            async move {
                if operation.number == number {
                    rival.replay_on(beneath).await.unwrap();
                }
            }
            .boxed()
        });
        let outcome = world.replay_on(Arc::new(sleeper)).await;
        let what = format!("asleep at operation {number}");
        match &outcome {
            Ok(_) | Err(EngineError::Conflict(_)) => {}
            Err(error) => panic!("{what}: {error:?}"),
        }
        Box::pin(world.settles(&store, &what)).await;
    });
    futures::stream::iter(trials).buffer_unordered(SIDE_BY_SIDE).collect::<Vec<()>>().await;
}
