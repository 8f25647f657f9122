//! Kill a run at every operation, recover, and demand the output of a run that was not disturbed.

use std::sync::Arc;

use object_store::ObjectStore;

use super::world::{Target, World, expected, recover, run, target};
use crate::testing::{Fault, FaultStore};
use crate::*;

fn before() -> Target {
    target(&[
        ("nps", "month=2026-01/part-0.parquet", "a"),
        ("nps", "month=2026-02/part-0.parquet", "b"),
        ("nps", "month=2026-03/part-0.parquet", "c"),
        ("old", "part-0.parquet", "d"),
    ])
}

fn after() -> Target {
    target(&[
        ("nps", "month=2026-01/part-0.parquet", "a"),
        ("nps", "month=2026-02/part-0.parquet", "B"),
        ("nps", "month=2026-04/part-0.parquet", "e"),
        ("clv", "part-0.parquet", "f"),
    ])
}

/// Runs `after` with a fault at operation `n`; whether the run ended well, and whether there was such an operation.
async fn disturbed(world: &World, n: u64, fault: Fault) -> (bool, bool) {
    let faulty = FaultStore::with_fault(Arc::clone(&world.store), n, fault);
    let (state, output) = world.through(&(Arc::new(faulty.clone()) as Arc<dyn ObjectStore>));
    let outcome = run(state, &output, &after()).await;
    if let Err(failure) = &outcome {
        assert!(matches!(failure, LedgerError::Store { .. }), "operation {n}, {fault:?}: {failure}");
    }
    (outcome.is_ok(), faulty.operations() >= n)
}

/// Operations tried side by side: on disk the time goes into waiting for syncs.
const SIDE_BY_SIDE: u64 = 8;

/// Disturbs every operation of a run once. A runner that dies after operation n leaves what one leaves that dies before
/// operation n + 1, so the two kinds of death are not tried on both stores.
async fn every_operation(make: fn() -> World, fault: Fault) {
    let mut first = 1;
    loop {
        let batch = (first..first + SIDE_BY_SIDE).map(|n| one_operation(make(), n, fault));
        if futures::future::join_all(batch).await.contains(&false) {
            assert!(first + SIDE_BY_SIDE > 20, "the run has many operations");
            return;
        }
        first += SIDE_BY_SIDE;
    }
}

/// Whether there is such an operation.
async fn one_operation(world: World, n: u64, fault: Fault) -> bool {
    world.run(&before()).await.unwrap();
    let (well, reached) = disturbed(&world, n, fault).await;
    if !reached {
        assert!(well, "without a fault the run ends well");
        return false;
    }
    let ledger = Ledger::open(world.state()).await.unwrap();
    let latest = recover(&ledger, &world.output()).await.unwrap().unwrap();
    // Readers see the whole of one commit.
    let stands = if latest.epoch == Epoch(2) { after() } else { before() };
    assert_eq!(world.readers_see().await, expected(&stands), "operation {n}, {fault:?}");
    assert!(!well || latest.epoch == Epoch(2), "operation {n}, {fault:?}: a run that ended well has committed");
    drop(ledger);
    if latest.epoch == Epoch(1) {
        world.run(&after()).await.unwrap();
    }
    assert_eq!(world.readers_see().await, expected(&after()), "operation {n}, {fault:?}");
    let ledger = Ledger::open(world.state()).await.unwrap();
    let source = &ledger.latest().await.unwrap().unwrap().sources["answers"];
    assert_eq!(ledger.known_files(source).await.unwrap().len(), 2, "each file is consumed once");
    assert_eq!(ledger.landed_files(source).await.unwrap().len(), 2, "each file is landed once");
    assert!(world.names("out").await.iter().all(|name| !name.contains("_staged-")), "operation {n}, {fault:?}");
    true
}

#[tokio::test]
async fn killed_before_any_operation_in_memory() {
    every_operation(World::memory, Fault::Kill).await;
}

#[tokio::test]
async fn killed_after_any_operation_in_memory() {
    every_operation(World::memory, Fault::KillAfter).await;
}

#[tokio::test]
async fn any_one_operation_fails_in_memory() {
    every_operation(World::memory, Fault::Fail).await;
}

#[tokio::test]
async fn any_one_answer_is_lost_in_memory() {
    every_operation(World::memory, Fault::LoseAnswer).await;
}

#[tokio::test]
async fn killed_before_any_operation_on_disk() {
    every_operation(World::local, Fault::Kill).await;
}
