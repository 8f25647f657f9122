//! What publishing does to an output root.

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use object_store::ObjectStore;

use super::world::{World, expected, recover, run, target};
use crate::testing::{FaultStore, Kind};
use crate::*;

const BIG: &str = "a result that is longer than what this test holds in memory";

#[tokio::test]
async fn readers_see_what_was_committed_on_memory_and_disk() {
    for world in [World::memory(), World::local()] {
        let first =
            target(&[("nps", "month=2026-01/part-0.parquet", "a"), ("nps", "month=2026-02/part-0.parquet", "b")]);
        let report = world.run(&first).await.unwrap();
        assert_eq!((report.written, report.bytes, report.removed, report.unchanged), (2, 2, 0, 0));
        assert_eq!(world.readers_see().await, expected(&first));
        let second = target(&[("nps", "month=2026-02/part-0.parquet", "B"), ("clv", "part-0.parquet", "c")]);
        let report = world.run(&second).await.unwrap();
        assert_eq!((report.written, report.removed, report.unchanged), (2, 1, 0));
        assert_eq!(world.readers_see().await, expected(&second));
    }
}

#[tokio::test]
async fn a_project_without_models_publishes_nothing() {
    for world in [World::memory(), World::local()] {
        let report = world.run(&target(&[])).await.unwrap();
        assert_eq!(report, PublishReport::default());
        assert!(world.names("out").await.is_empty());
    }
}

#[tokio::test]
async fn a_second_publish_writes_nothing() {
    for world in [World::memory(), World::local()] {
        world.run(&target(&[("nps", "part-0.parquet", "a"), ("clv", "part-0.parquet", "b")])).await.unwrap();
        let counting = FaultStore::new(Arc::clone(&world.store));
        let (state, output) = world.through(&(Arc::new(counting.clone()) as Arc<dyn ObjectStore>));
        let ledger = Ledger::open(state).await.unwrap();
        let latest = ledger.latest().await.unwrap().unwrap();
        let report = ledger.publish(&latest, &output).await.unwrap();
        assert_eq!(report, PublishReport { unchanged: 2, ..PublishReport::default() });
        assert_eq!(counting.writes(), 0);
    }
}

#[tokio::test]
async fn a_row_that_moves_is_there_before_the_partition_it_left_is_emptied() {
    let world = World::memory();
    let (april, january) = ("month=2026-04/part-0.parquet", "month=2026-01/part-0.parquet");
    world.run(&target(&[("nps", january, "a")])).await.unwrap();
    let watched = FaultStore::new(Arc::clone(&world.store));
    let puts = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&puts);
    watched.before_each(move |operation| {
        let name = operation.path.to_string();
        if operation.kind == Kind::Write && name.starts_with("out/") {
            noted.lock().unwrap().push(name);
        }
        futures::future::ready(()).boxed()
    });
    let (state, output) = world.through(&(Arc::new(watched) as Arc<dyn ObjectStore>));
    run(state, &output, &target(&[("nps", january, ""), ("nps", april, "a")])).await.unwrap();
    let names = [april, january, "_cxmill.json"].map(|name| format!("out/nps/{name}"));
    assert_eq!(*puts.lock().unwrap(), names);
}

#[tokio::test]
async fn outputs_deleted_or_changed_by_hand_come_back() {
    for world in [World::memory(), World::local()] {
        let shown =
            target(&[("nps", "month=2026-01/part-0.parquet", "a"), ("nps", "month=2026-02/part-0.parquet", "b")]);
        world.run(&shown).await.unwrap();
        world.delete("out/nps/month=2026-01/part-0.parquet").await;
        world.put("out/nps/month=2026-02/part-0.parquet", "x").await;
        let ledger = Ledger::open(world.state()).await.unwrap();
        recover(&ledger, &world.output()).await.unwrap();
        assert_eq!(world.readers_see().await, expected(&shown));
        world.delete("out/nps/_cxmill.json").await;
        let latest = ledger.latest().await.unwrap().unwrap();
        assert_eq!(ledger.publish(&latest, &world.output()).await.unwrap().written, 2);
        assert!(world.names("out").await.contains(&"nps/_cxmill.json".to_owned()));
    }
}

#[tokio::test]
async fn a_model_that_is_gone_takes_its_folder_along() {
    for world in [World::memory(), World::local()] {
        let kept = target(&[("nps", "part-0.parquet", "a")]);
        let mut both = kept.clone();
        both.extend(target(&[("clv", "cohort=1/part-0.parquet", "b")]));
        world.run(&both).await.unwrap();
        assert_eq!(world.run(&kept).await.unwrap().removed, 1);
        assert_eq!(world.names("out").await, ["nps/_cxmill.json", "nps/part-0.parquet"]);
        let local = world.output().local;
        assert!(local.is_none_or(|out| !out.join("clv").exists()), "empty folders are removed too");
    }
}

#[tokio::test]
async fn strangers_are_left_alone_and_reported() {
    let world = World::memory();
    world.put("out/nps/mine.parquet", "stranger").await;
    world.put("out/nps/notes.txt", "stranger").await;
    world.put("out/else/part-0.parquet", "stranger").await;
    let report = world.run(&target(&[("nps", "part-0.parquet", "a")])).await.unwrap();
    assert_eq!(report.strangers, ["test:///out/nps/mine.parquet"]);
    world.run(&target(&[("clv", "part-0.parquet", "b")])).await.unwrap();
    let left = world.names("out").await;
    assert!(left.contains(&"nps/mine.parquet".to_owned()) && left.contains(&"nps/notes.txt".to_owned()));
    assert!(left.contains(&"else/part-0.parquet".to_owned()));
    assert!(!left.contains(&"nps/part-0.parquet".to_owned()));
}

#[tokio::test]
async fn outputs_of_another_state_root_are_not_removed() {
    let world = World::memory();
    world.run(&target(&[("nps", "part-0.parquet", "a")])).await.unwrap();
    let mut other = world.state();
    other.prefix = object_store::path::Path::from("state2");
    super::world::run(other, &world.output(), &target(&[("clv", "part-0.parquet", "b")])).await.unwrap();
    let both = target(&[("nps", "part-0.parquet", "a"), ("clv", "part-0.parquet", "b")]);
    assert_eq!(world.readers_see().await, expected(&both));
}

#[tokio::test]
async fn the_folder_of_another_state_root_is_never_written_to() {
    for world in [World::memory(), World::local()] {
        world.run(&target(&[("nps", "part-0.parquet", "a")])).await.unwrap();
        let before = (world.readers_see().await, world.names("out").await);
        let theirs = Ledger::open(world.state()).await.unwrap().writable().unwrap().to_owned();
        let mut other = world.state();
        other.prefix = object_store::path::Path::from("state2");
        other.local = other.local.map(|local| local.with_file_name("state2"));
        // The folder of `clv` comes first and is free: it stays free all the same.
        let wanted = target(&[("clv", "part-0.parquet", "b"), ("nps", "part-0.parquet", "c")]);
        let failure = super::world::run(other.clone(), &world.output(), &wanted).await.unwrap_err();
        let ledger = Ledger::open(other).await.unwrap();
        let ours = ledger.writable().unwrap().to_owned();
        assert_ne!(ours, theirs);
        assert_eq!(
            failure.to_string(),
            format!("test:///out/nps is published by the state root {theirs}, and this state root is {ours}")
        );
        assert_eq!((world.readers_see().await, world.names("out").await), before);
        assert!(ledger.owns(&world.output(), &["clv"]).await.is_ok());
        let asked = ledger.owns(&world.output(), &["clv", "nps"]).await.unwrap_err();
        assert!(matches!(asked, LedgerError::Foreign { .. }), "{asked}");
    }
}

#[tokio::test]
async fn large_results_are_streamed() {
    for world in [World::memory(), World::local()] {
        let shown = target(&[("nps", "part-0.parquet", BIG), ("nps", "part-1.parquet", "small")]);
        let mut ledger = Ledger::open(world.state()).await.unwrap();
        ledger.stream_above = 16;
        let names = ledger.begin(None);
        let commit = super::world::write(&ledger, &names, None, &shown).await.unwrap();
        assert_eq!(ledger.commit(&commit, None).await.unwrap(), CommitOutcome::Committed);
        assert_eq!(ledger.publish(&commit, &world.output()).await.unwrap().written, 2);
        assert_eq!(world.readers_see().await, expected(&shown));
        let again = ledger.publish(&commit, &world.output()).await.unwrap();
        assert_eq!((again.written, again.unchanged), (0, 2));
        assert_eq!(world.names("out").await.len(), 3, "nothing unfinished is left");
    }
}

#[tokio::test]
async fn a_missing_result_is_told_by_name() {
    let world = World::memory();
    let ledger = Ledger::open(world.state()).await.unwrap();
    let names = ledger.begin(None);
    let shown = target(&[("nps", "part-0.parquet", "a")]);
    let commit = super::world::write(&ledger, &names, None, &shown).await.unwrap();
    ledger.commit(&commit, None).await.unwrap();
    let result = names.result("nps", "part-0.parquet");
    world.delete(&format!("state/{}", result.as_str())).await;
    let failure = ledger.publish(&commit, &world.output()).await.unwrap_err();
    assert_eq!(
        failure.to_string(),
        format!("test:///state/{} is lost: a commit names it and it is not there", result.as_str())
    );
}

#[tokio::test]
async fn the_record_of_a_folder_says_what_stands() {
    let world = World::memory();
    world.run(&target(&[("nps", "part-0.parquet", "a"), ("nps", "part-1.parquet", "b")])).await.unwrap();
    world.run(&target(&[("nps", "part-0.parquet", "c")])).await.unwrap();
    let bytes = world.output().get("nps/_cxmill.json").await.unwrap().unwrap();
    let record: PublishedRecord = serde_json::from_slice(&bytes).unwrap();
    assert_eq!((record.format, record.epoch, record.rows, record.model.as_str()), (FORMAT, Epoch(2), 1, "nps"));
    assert_eq!(record.files.keys().collect::<Vec<_>>(), ["part-0.parquet"]);
    assert_eq!(record.files["part-0.parquet"].content, "c");
    assert_eq!(record.removed.keys().collect::<Vec<_>>(), ["part-1.parquet"]);
}
