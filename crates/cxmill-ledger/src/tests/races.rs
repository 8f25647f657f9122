//! A runner that stalls, is overtaken and wakes up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::FutureExt;
use object_store::ObjectStore;

use super::world::{Target, World, expected, run, target};
use crate::testing::{FaultStore, Kind, Operation};
use crate::*;

/// Runs `second` through a store that, before the first operation that `stall_at` picks, lets whole other runs go by.
/// Returns how the stalled runner ended, or none where it never came to that operation.
async fn try_stalled(
    world: &World,
    second: &Target,
    meanwhile: Vec<Target>,
    stall_at: impl Fn(&Operation) -> bool + Send + Sync + 'static,
) -> Option<Result<PublishReport, LedgerError>> {
    let stalling = FaultStore::new(Arc::clone(&world.store));
    let (state, output) = (world.state(), world.output());
    let stalled = Arc::new(AtomicBool::new(false));
    let hook_stalled = Arc::clone(&stalled);
    stalling.before_each(move |operation| {
        if !stall_at(&operation) || hook_stalled.swap(true, Ordering::SeqCst) {
            return futures::future::ready(()).boxed();
        }
        let (state, output, meanwhile) = (state.clone(), output.clone(), meanwhile.clone());
        async move {
            for target in &meanwhile {
                run(state.clone(), &output, target).await.unwrap();
            }
        }
        .boxed()
    });
    let (state, output) = world.through(&(Arc::new(stalling) as Arc<dyn ObjectStore>));
    let outcome = run(state, &output, second).await;
    stalled.load(Ordering::SeqCst).then_some(outcome)
}

async fn stalled(
    world: &World,
    second: &Target,
    meanwhile: Vec<Target>,
    stall_at: fn(&Operation) -> bool,
) -> Result<PublishReport, LedgerError> {
    try_stalled(world, second, meanwhile, stall_at).await.expect("the runner comes to the point where it stalls")
}

fn is_write_of(operation: &Operation, kind: Kind, end: &str) -> bool {
    operation.kind == kind && operation.path.as_ref().starts_with("out/") && operation.path.as_ref().ends_with(end)
}

#[tokio::test]
async fn a_stalled_put_does_not_replace_a_newer_file() {
    let world = World::memory();
    world.run(&target(&[("nps", "part-0.parquet", "1")])).await.unwrap();
    let third = target(&[("nps", "part-0.parquet", "3")]);
    let outcome = stalled(&world, &target(&[("nps", "part-0.parquet", "2")]), vec![third.clone()], |operation| {
        is_write_of(operation, Kind::Write, "part-0.parquet")
    })
    .await;
    assert!(matches!(outcome, Err(LedgerError::Overtaken { winner: 3 })), "{outcome:?}");
    assert_eq!(world.readers_see().await, expected(&third));
}

#[tokio::test]
async fn a_stalled_put_does_not_replace_rows_that_came_back() {
    let world = World::memory();
    let first = target(&[("nps", "part-0.parquet", "1")]);
    world.run(&first).await.unwrap();
    let outcome = stalled(&world, &target(&[("nps", "part-0.parquet", "2")]), vec![first.clone()], |operation| {
        is_write_of(operation, Kind::Write, "part-0.parquet")
    })
    .await;
    assert!(matches!(outcome, Err(LedgerError::Overtaken { winner: 3 })), "{outcome:?}");
    assert_eq!(world.readers_see().await, expected(&first));
}

#[tokio::test]
async fn a_stalled_creation_of_a_removed_file_is_taken_back() {
    let world = World::memory();
    world.run(&target(&[("nps", "part-0.parquet", "1")])).await.unwrap();
    let third = target(&[("nps", "part-0.parquet", "1")]);
    let second = target(&[("nps", "part-0.parquet", "1"), ("nps", "part-1.parquet", "2"), ("new", "x.parquet", "n")]);
    let outcome =
        stalled(&world, &second, vec![third.clone()], |op| is_write_of(op, Kind::Write, "part-1.parquet")).await;
    assert!(matches!(outcome, Err(LedgerError::Overtaken { winner: 3 })), "{outcome:?}");
    assert_eq!(world.readers_see().await, expected(&third));
    assert_eq!(world.names("out").await, ["nps/_cxmill.json", "nps/part-0.parquet"]);
}

#[tokio::test]
async fn a_stalled_removal_of_a_file_that_came_back_is_made_good() {
    let world = World::memory();
    let both = target(&[("nps", "part-0.parquet", "1"), ("nps", "part-1.parquet", "2")]);
    world.run(&both).await.unwrap();
    let outcome = stalled(&world, &target(&[("nps", "part-0.parquet", "1")]), vec![both.clone()], |operation| {
        is_write_of(operation, Kind::Delete, "part-1.parquet")
    })
    .await;
    assert!(matches!(outcome, Err(LedgerError::Overtaken { winner: 3 })), "{outcome:?}");
    assert_eq!(world.readers_see().await, expected(&both));
}

#[tokio::test]
async fn a_name_that_a_dead_runner_brought_back_is_removed_by_the_next_run() {
    let world = World::memory();
    world.run(&target(&[("nps", "part-0.parquet", "1"), ("nps", "part-1.parquet", "2")])).await.unwrap();
    let one = target(&[("nps", "part-0.parquet", "1")]);
    world.run(&one).await.unwrap();
    world.put("out/nps/part-1.parquet", "2").await;
    world.run(&one).await.unwrap();
    assert_eq!(world.readers_see().await, expected(&one));
}

#[tokio::test]
async fn a_stalled_commit_conflicts_and_publishes_nothing() {
    let world = World::memory();
    world.run(&target(&[("nps", "part-0.parquet", "1")])).await.unwrap();
    let winner = target(&[("nps", "part-0.parquet", "3")]);
    let outcome = stalled(&world, &target(&[("nps", "part-0.parquet", "2")]), vec![winner.clone()], |operation| {
        operation.kind == Kind::Write && operation.path.as_ref().starts_with("state/commits/")
    })
    .await;
    assert!(matches!(outcome, Err(LedgerError::Overtaken { winner: 2 })), "{outcome:?}");
    assert_eq!(world.readers_see().await, expected(&winner));
}

#[tokio::test]
async fn wherever_a_runner_stalls_the_newest_commit_is_what_readers_see() {
    let second = target(&[("nps", "part-1.parquet", "b"), ("nps", "part-2.parquet", "c"), ("clv", "x.parquet", "d")]);
    let meanwhile = [
        target(&[("nps", "part-0.parquet", "e"), ("nps", "part-2.parquet", "f")]),
        target(&[("nps", "part-0.parquet", "a"), ("nps", "part-1.parquet", "B")]),
    ];
    for n in 1.. {
        let world = World::memory();
        world.run(&target(&[("nps", "part-0.parquet", "a"), ("nps", "part-1.parquet", "B")])).await.unwrap();
        let at = move |operation: &Operation| operation.number == n;
        let Some(outcome) = try_stalled(&world, &second, meanwhile.to_vec(), at).await else {
            assert!(n > 20, "the run has many operations");
            return;
        };
        let ledger = Ledger::open(world.state()).await.unwrap();
        let newest = ledger.latest().await.unwrap().unwrap();
        let shown = newest.models.iter().flat_map(|(model, state)| {
            state.files.iter().map(move |file| (format!("{model}/{}", file.published), file.content.clone()))
        });
        assert_eq!(world.readers_see().await, shown.collect(), "stalled at operation {n}: {outcome:?}");
    }
}
