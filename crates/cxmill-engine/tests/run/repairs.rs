//! A replay of the quarantine, or a run that restates a file, disturbed at every operation it does on its stores: whatever it came to,
//! the next one ends where an undisturbed one does, and each row counts once.

use std::sync::Arc;

use cxmill_engine::{Compiled, Context, EngineError, RunOptions, Totals, replay, run, status};
use cxmill_ledger::testing::{Fault, FaultStore};
use futures::{FutureExt, StreamExt};
use object_store::ObjectStore;
use object_store::memory::InMemory;

use crate::faults::{One, SIDE_BY_SIDE, Seen, count_operations, put, seen};
use crate::support::{Shop, answer, compiled};

/// What is disturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repair {
    /// Rows in quarantine are fed back.
    Replay,
    /// A file that changed is restated.
    Restate,
}

/// A project in which something is to be repaired.
struct World {
    repair: Repair,
    context: Context,
    compiled: Arc<Compiled>,
    store: Arc<InMemory>,
    /// What is published once it is repaired and the models are built.
    after: Seen,
    /// The counts then.
    totals: Totals,
}

impl World {
    async fn new(repair: Repair) -> Self {
        let mut shop = Shop::new();
        for (key, place) in [("raw", "raw"), ("state", "state"), ("output", "out")] {
            shop.settings.insert(key, format!("memory://shop/{place}"));
        }
        shop.pipeline = shop.pipeline.replace("error_budget: 50%", "error_budget: 90%\n    on_change: restate");
        let store: Arc<InMemory> = Arc::default();
        let (day, month) = ("2026-01-01T10:00:00Z", "2026-02-03T11:00:00Z");
        put(&store, "1", &[answer("a", day, "web", 10), answer("b", day, "fax", 5), answer("c", month, "fax", 1)])
            .await;
        // One that is there already once it is fed back, and one that breaks another rule.
        put(&store, "2", &[answer("b", day, "fax", 5), answer("d", month, "fax", 99), answer("e", day, "app", 2)])
            .await;
        // Copies of rows of the first file.
        put(&store, "3", &[answer("a", day, "web", 10), answer("f", month, "web", 3)]).await;
        let context = Context { stores: Arc::new(One(Arc::<InMemory>::clone(&store))), ..shop.context() };
        Box::pin(run(&context, &compiled(&context).await, &RunOptions::default())).await.unwrap();
        match repair {
            Repair::Replay => shop.pipeline = shop.pipeline.replace("[web, app, phone]", "[web, app, phone, fax]"),
            Repair::Restate => put(&store, "1", &[answer("g", day, "app", 7), answer("h", month, "fax", 1)]).await,
        }
        let context = shop.context();
        let compiled = Arc::new(compiled(&context).await);
        let mut world = Self { repair, context, compiled, store, after: Seen::new(), totals: Totals::default() };
        let clean = world.fork();
        let before = seen(clean.as_ref()).await;
        world.repair_on(Arc::clone(&clean)).await.unwrap();
        world.run_on(Arc::clone(&clean)).await;
        world.after = seen(clean.as_ref()).await;
        world.totals = world.totals_of(&clean).await;
        assert_ne!(world.after, before);
        let Totals { files, read, accepted, quarantined, duplicate, .. } = world.totals;
        let expected = if repair == Repair::Replay { (3, 8, 5, 1, 2) } else { (3, 7, 4, 3, 0) };
        assert_eq!((files, read, accepted, quarantined, duplicate), expected);
        world
    }

    fn fork(&self) -> Arc<dyn ObjectStore> {
        Arc::new(self.store.fork())
    }

    fn on(&self, store: Arc<dyn ObjectStore>) -> Context {
        Context { stores: Arc::new(One(store)), ..self.context.clone() }
    }

    async fn repair_on(&self, store: Arc<dyn ObjectStore>) -> Result<(), EngineError> {
        let context = self.on(store);
        match self.repair {
            Repair::Replay => Box::pin(replay(&context, &self.compiled, &[], false)).await.map(drop),
            Repair::Restate => Box::pin(run(&context, &self.compiled, &RunOptions::default())).await.map(drop),
        }
    }

    async fn run_on(&self, store: Arc<dyn ObjectStore>) {
        let report = Box::pin(run(&self.on(store), &self.compiled, &RunOptions::default())).await.unwrap();
        assert!(!report.failed());
    }

    async fn totals_of(&self, store: &Arc<dyn ObjectStore>) -> Totals {
        status(&self.on(Arc::clone(store)), &self.compiled).await.unwrap().sources[0].totals
    }

    /// Operations of an undisturbed repair; true for those that write.
    async fn operations(&self) -> Vec<bool> {
        count_operations(self.fork(), async |store| self.repair_on(store).await.unwrap()).await
    }

    /// What must hold after a repair that was disturbed, once it is done again and the models are built.
    async fn settles(&self, store: &Arc<dyn ObjectStore>, what: &str) {
        self.repair_on(Arc::clone(store)).await.unwrap();
        self.run_on(Arc::clone(store)).await;
        assert_eq!(seen(store.as_ref()).await, self.after, "{what}");
        assert_eq!(self.totals_of(store).await, self.totals, "{what}");
    }
}

/// Disturbs both repairs at each of these operations.
async fn every(fault: Fault, writes_only: bool) {
    for repair in [Repair::Replay, Repair::Restate] {
        let world = World::new(repair).await;
        let operations = world.operations().await;
        assert!(operations.len() > 20, "a repair has many operations: {}", operations.len());
        let numbers = (1_u64..).zip(&operations).filter(|(_, writes)| !writes_only || **writes);
        let trials = numbers.map(async |(number, _)| {
            let store = world.fork();
            let faulty = FaultStore::with_fault(Arc::clone(&store), number, fault);
            let outcome = world.repair_on(Arc::new(faulty)).await;
            let what = format!("{repair:?}, operation {number}, {fault:?}");
            if let Err(error) = &outcome {
                assert!(matches!(error, EngineError::Store { .. }), "{what}: {error:?}");
            }
            Box::pin(world.settles(&store, &what)).await;
        });
        futures::stream::iter(trials).buffer_unordered(SIDE_BY_SIDE).collect::<Vec<()>>().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_that_dies_before_any_write_has_done_all_or_nothing() {
    every(Fault::Kill, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_operation_of_a_repair_may_fail() {
    every(Fault::Fail, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_any_write_of_a_repair_may_be_lost() {
    every(Fault::LoseAnswer, true).await;
}

/// Another repair passes this one while it waits before an operation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_repairs_one_counts() {
    for repair in [Repair::Replay, Repair::Restate] {
        let world = Arc::new(World::new(repair).await);
        let operations = world.operations().await.len() as u64;
        let trials = (1..=operations).map(async |number| {
            let store = world.fork();
            let sleeper = FaultStore::new(Arc::clone(&store));
            let (rival, beneath) = (Arc::clone(&world), Arc::clone(&store));
            sleeper.before_each(move |operation| {
                let (rival, beneath) = (Arc::clone(&rival), Arc::clone(&beneath));
                async move {
                    if operation.number == number {
                        rival.repair_on(beneath).await.unwrap();
                    }
                }
                .boxed()
            });
            let outcome = world.repair_on(Arc::new(sleeper)).await;
            let what = format!("{repair:?}, asleep at operation {number}");
            match &outcome {
                Ok(()) | Err(EngineError::Conflict(_)) => {}
                Err(error) => panic!("{what}: {error:?}"),
            }
            Box::pin(world.settles(&store, &what)).await;
        });
        futures::stream::iter(trials).buffer_unordered(SIDE_BY_SIDE).collect::<Vec<()>>().await;
    }
}
