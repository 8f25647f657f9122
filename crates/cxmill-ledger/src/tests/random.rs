//! Random sequences of actions against a model: whatever happens, readers see the newest commit after the next recovery,
//! and every consumed file is known exactly once.

use std::sync::Arc;

use object_store::ObjectStore;
use proptest::prelude::*;

use super::world::{Target, World, expected, recover, run, target};
use crate::testing::{Fault, FaultStore};
use crate::*;

const NAMES: [(&str, &str); 5] = [
    ("nps", "month=2026-01/part-0.parquet"),
    ("nps", "month=2026-02/part-0.parquet"),
    ("nps", "month=2026-03/part-0.parquet"),
    ("clv", "part-0.parquet"),
    ("churn", "part-0.parquet"),
];
const ROWS: [&str; 4] = ["", "a", "b", "longer"];

#[derive(Debug, Clone)]
enum Action {
    /// A run that wants these rows under the names above (none: the file is not wanted).
    Run([usize; 5]),
    /// The same, with a fault at an operation.
    Disturbed([usize; 5], u64, Fault),
    /// Somebody removes a published file or a folder's record.
    Vandal(usize, bool),
    Collect,
}

fn action() -> impl Strategy<Value = Action> {
    let fault = prop_oneof![Just(Fault::Fail), Just(Fault::LoseAnswer), Just(Fault::Kill), Just(Fault::KillAfter)];
    prop_oneof![
        3 => prop::array::uniform5(0..ROWS.len()).prop_map(Action::Run),
        4 => (prop::array::uniform5(0..ROWS.len()), 1_u64..50, fault).prop_map(|(rows, n, f)| Action::Disturbed(rows, n, f)),
        1 => (0..NAMES.len(), any::<bool>()).prop_map(|(n, record)| Action::Vandal(n, record)),
        1 => Just(Action::Collect),
    ]
}

fn wanted(rows: &[usize; 5]) -> Target {
    let files = NAMES.iter().zip(rows).filter(|(_, row)| **row > 0);
    target(&files.map(|((model, published), row)| (*model, *published, ROWS[*row])).collect::<Vec<_>>())
}

async fn act(world: &World, action: &Action) {
    match action {
        Action::Run(rows) => {
            world.run(&wanted(rows)).await.unwrap();
            assert_eq!(world.readers_see().await, expected(&wanted(rows)));
        }
        Action::Disturbed(rows, n, fault) => {
            let faulty = FaultStore::with_fault(Arc::clone(&world.store), *n, *fault);
            let (state, output) = world.through(&(Arc::new(faulty) as Arc<dyn ObjectStore>));
            if run(state, &output, &wanted(rows)).await.is_ok() {
                assert_eq!(world.readers_see().await, expected(&wanted(rows)));
            }
        }
        Action::Vandal(n, record) => {
            let (model, published) = NAMES[*n];
            if *record {
                // A folder that is half removed and has lost its record holds what nothing tells from somebody else's files: it
                // is left alone. So records are lost when publishing has come to its end.
                recover(&Ledger::open(world.state()).await.unwrap(), &world.output()).await.unwrap();
            }
            let name = if *record { "_cxmill.json" } else { published };
            world.output().delete(&format!("{model}/{name}")).await.unwrap();
        }
        Action::Collect => {
            let ledger = Ledger::open(world.state()).await.unwrap();
            if let Some(latest) = ledger.latest().await.unwrap() {
                ledger.collect_garbage(Some(&latest), std::time::Duration::ZERO).await.unwrap();
            }
        }
    }
}

async fn after_all(world: &World) {
    let ledger = Ledger::open(world.state()).await.unwrap();
    let Some(latest) = recover(&ledger, &world.output()).await.unwrap() else { return };
    for (model, state) in &latest.models {
        for file in &state.files {
            let seen = world.readers_see().await;
            assert_eq!(seen.get(&format!("{model}/{}", file.published)), Some(&file.content));
        }
    }
    let source = &latest.sources["answers"];
    assert_eq!(ledger.known_files(source).await.unwrap().len() as u64, latest.epoch.0);
    let landed = ledger.landed_files(source).await.unwrap();
    assert_eq!(landed.len() as u64, latest.epoch.0);
    let names = world.names("state").await;
    assert!(landed.iter().all(|file| names.contains(&file.name.0)), "landed files are never collected");
    let counted = latest.sources["answers"].totals.files;
    assert_eq!(counted, latest.epoch.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn whatever_happens_readers_see_the_newest_commit(actions in prop::collection::vec(action(), 1..12), disk in prop::bool::weighted(0.1)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = if disk { World::local() } else { World::memory() };
            for action in &actions {
                act(&world, action).await;
            }
            after_all(&world).await;
        });
    }
}
