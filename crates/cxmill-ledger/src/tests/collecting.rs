//! What the garbage collector takes and what it leaves.

use std::collections::BTreeMap;
use std::time::Duration;

use super::world::{World, expected, recover, target, write};
use crate::*;

#[tokio::test]
async fn only_what_no_commit_names_is_collected() {
    let world = World::memory();
    world.run(&target(&[("nps", "part-0.parquet", "1")])).await.unwrap();
    world.run(&target(&[("nps", "part-0.parquet", "2")])).await.unwrap();
    let lost = Names { epoch: Epoch(3), run: RunId("lost".to_owned()) };
    world.put(&format!("state/{}", lost.result("nps", "part-0.parquet").as_str()), "x").await;
    world.put(&format!("state/{}", lost.quarantine("answers", 0).as_str()), "x").await;
    world.put(&format!("state/{}", lost.new_state("nps", "part-0.parquet").as_str()), "x").await;
    world.put("state/results/notes.txt", "a stranger's").await;
    world.run(&target(&[("nps", "part-0.parquet", "3")])).await.unwrap();
    let ledger = Ledger::open(world.state()).await.unwrap();
    let commit = ledger.latest().await.unwrap().unwrap();
    let running = ledger.begin(Some(&commit));
    world.put(&format!("state/{}", running.result("nps", "part-0.parquet").as_str()), "in progress").await;
    // Three objects of the lost run, and the result and the state of commit 1, which neither the newest commit nor the one
    // before names.
    assert_eq!(ledger.collect_garbage(Some(&commit), Duration::ZERO).await.unwrap(), 5);
    assert_eq!(ledger.collect_garbage(Some(&commit), Duration::ZERO).await.unwrap(), 0);
    let left = world.names("state").await;
    assert!(left.contains(&running.result("nps", "part-0.parquet").0));
    assert!(left.contains(&"results/notes.txt".to_owned()));
    let source = &commit.sources["answers"];
    assert_eq!(ledger.landed_files(source).await.unwrap().len(), 3);
    for landed in ledger.landed_files(source).await.unwrap() {
        assert!(left.contains(&landed.name.0), "{landed:?}");
    }
    let previous = ledger.read_commit(Epoch(2)).await.unwrap().unwrap();
    assert!(previous.named().all(|name| left.contains(&name.0)), "the commit before can still be read");
    world.delete("out/nps/part-0.parquet").await;
    recover(&ledger, &world.output()).await.unwrap();
    assert_eq!(world.readers_see().await, expected(&target(&[("nps", "part-0.parquet", "3")])));
}

#[tokio::test]
async fn states_of_a_rebuild_are_spared_while_a_commit_names_them() {
    let world = World::memory();
    let shown = target(&[("nps", "part-0.parquet", "1")]);
    world.run(&shown).await.unwrap();
    let ledger = Ledger::open(world.state()).await.unwrap();
    let names = ledger.begin(ledger.latest().await.unwrap().as_ref());
    let state = names.state("nps", "part-0.parquet");
    world.put(&format!("state/{}", state.as_str()), "state").await;
    let follow = async |rebuilds: BTreeMap<String, Rebuild>, names: Names| {
        let latest = ledger.latest().await.unwrap();
        let next = Commit { epoch: names.epoch, run: names.run, rebuilds, ..latest.clone().unwrap() };
        assert_eq!(ledger.commit(&next, latest.as_ref()).await.unwrap(), CommitOutcome::Committed);
        ledger.collect_garbage(Some(&next), Duration::ZERO).await.unwrap();
        world.names("state").await.contains(&state.0)
    };
    let partition = "part-0.parquet".to_owned();
    let states = vec![StateFile { partition, name: state.clone(), rows: 1, bytes: 5 }];
    let (fingerprint, position) = ("f".to_owned(), names.epoch);
    let rebuild = Rebuild { fingerprint, after: None, position, taken: None, batches: 1, bytes: 3, states };
    assert!(follow(BTreeMap::from([("nps".to_owned(), rebuild)]), names).await);
    assert_eq!(world.readers_see().await, expected(&shown), "readers see nothing of it");
    let given_up = ledger.begin(ledger.latest().await.unwrap().as_ref());
    assert!(follow(BTreeMap::new(), given_up).await, "the commit before still names them");
    let later = ledger.begin(ledger.latest().await.unwrap().as_ref());
    assert!(!follow(BTreeMap::new(), later).await, "nothing names them any more");
}

#[tokio::test]
async fn the_grace_period_keeps_young_garbage() {
    let world = World::memory();
    world.run(&target(&[("nps", "part-0.parquet", "1")])).await.unwrap();
    let lost = Names { epoch: Epoch(2), run: RunId("lost".to_owned()) };
    world.put(&format!("state/{}", lost.result("nps", "part-0.parquet").as_str()), "x").await;
    world.run(&target(&[("nps", "part-0.parquet", "2")])).await.unwrap();
    let ledger = Ledger::open(world.state()).await.unwrap();
    let commit = ledger.latest().await.unwrap().unwrap();
    assert_eq!(ledger.collect_garbage(Some(&commit), Duration::from_secs(3600)).await.unwrap(), 0);
    assert_eq!(ledger.collect_garbage(Some(&commit), Duration::MAX).await.unwrap(), 0);
    assert_eq!(ledger.collect_garbage(Some(&commit), Duration::ZERO).await.unwrap(), 1);
}

#[tokio::test]
async fn what_was_named_a_short_while_ago_is_kept_however_old_it_is() {
    let grace = Duration::from_millis(500);
    let world = World::memory();
    world.run(&target(&[("nps", "part-0.parquet", "1")])).await.unwrap();
    world.run(&target(&[("nps", "part-0.parquet", "2")])).await.unwrap();
    tokio::time::sleep(grace + Duration::from_millis(100)).await;
    // The results of commits 1 and 2 are old. Commit 1 was replaced long ago, commit 2 just now.
    world.run(&target(&[("nps", "part-0.parquet", "3")])).await.unwrap();
    world.run(&target(&[("nps", "part-0.parquet", "4")])).await.unwrap();
    let ledger = Ledger::open(world.state()).await.unwrap();
    let commit = ledger.latest().await.unwrap().unwrap();
    assert_eq!(ledger.collect_garbage(Some(&commit), grace).await.unwrap(), 2, "what only commit 1 named");
    let left = world.names("state").await;
    let second = ledger.read_commit(Epoch(2)).await.unwrap().unwrap();
    assert!(second.named().all(|name| left.contains(&name.0)), "a reader of commit 2 goes on");
    assert_eq!(ledger.collect_garbage(Some(&commit), Duration::ZERO).await.unwrap(), 2, "without grace it goes");
}

#[tokio::test]
async fn what_a_killed_runner_left_of_a_put_is_swept_under_the_lock() {
    let world = World::local();
    let shown = target(&[("nps", "part-0.parquet", "1")]);
    world.run(&shown).await.unwrap();
    let names = Names { epoch: Epoch(2), run: RunId("lost".to_owned()) };
    let (state, out) = (world.state().local.unwrap(), world.output().local.unwrap());
    let date = chrono::NaiveDate::from_ymd_opt(2026, 1, 31).unwrap();
    let left = [
        state.join(format!("{}#1", names.landed("answers", date, 0).as_str())),
        state.join(format!("{}#12", names.result("nps", "month=2026-01/part-0.parquet").as_str())),
        state.join("commits/00000000000000000002.json#1"),
        state.join("ledger.json#1"),
        out.join(format!("nps/{}#1", paths::staged_output(Epoch(2), "part-0.parquet"))),
    ];
    let strangers = [state.join("landed/answers/notes#1"), state.join("notes#1"), out.join("nps/mine.parquet#1")];
    for file in left.iter().chain(&strangers) {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, "half").unwrap();
    }
    drop(Ledger::open_read_only(world.state()).await.unwrap());
    assert!(left.iter().all(|file| file.exists()), "who only looks removes nothing");
    world.run(&shown).await.unwrap();
    for file in &left {
        assert!(!file.exists(), "{file:?}");
    }
    for file in &strangers {
        assert!(file.exists(), "{file:?}");
    }
}

#[tokio::test]
async fn under_the_lock_what_a_failed_run_left_is_garbage_whatever_its_epoch() {
    let world = World::local();
    let lost = |epoch| Names { epoch: Epoch(epoch), run: RunId("lost".to_owned()) }.result("nps", "part-0.parquet");
    let ledger = Ledger::open(world.state()).await.unwrap();
    world.put(&format!("state/{}", lost(1).as_str()), "x").await;
    assert_eq!(ledger.collect_garbage(None, Duration::ZERO).await.unwrap(), 1, "before the first commit too");
    assert!(!world.state().local.unwrap().join("results").exists(), "the empty folders go too");
    drop(ledger);
    world.run(&target(&[("nps", "part-0.parquet", "1")])).await.unwrap();
    world.put(&format!("state/{}", lost(2).as_str()), "x").await;
    let ledger = Ledger::open(world.state()).await.unwrap();
    let commit = ledger.latest().await.unwrap().unwrap();
    assert_eq!(ledger.collect_garbage(Some(&commit), Duration::ZERO).await.unwrap(), 1);
    recover(&ledger, &world.output()).await.unwrap();
    assert_eq!(world.readers_see().await, expected(&target(&[("nps", "part-0.parquet", "1")])));
}

#[tokio::test]
async fn a_hundred_commits_are_kept_and_one_that_was_collected_cannot_be_made_again() {
    let world = World::memory();
    let sleeper = Ledger::open(world.state()).await.unwrap();
    let late = write(&sleeper, &sleeper.begin(None), None, &target(&[])).await.unwrap();
    let ledger = Ledger::open(world.state()).await.unwrap();
    let mut latest: Option<Commit> = None;
    for _ in 0..105 {
        let commit = write(&ledger, &ledger.begin(latest.as_ref()), latest.as_ref(), &target(&[])).await.unwrap();
        assert_eq!(ledger.commit(&commit, latest.as_ref()).await.unwrap(), CommitOutcome::Committed);
        latest = Some(commit);
    }
    let latest = latest.unwrap();
    ledger.collect_garbage(Some(&latest), Duration::ZERO).await.unwrap();
    let left = world.names("state/commits").await;
    assert_eq!(left.len(), 100);
    assert_eq!(left[0], "00000000000000000006.json");
    assert_eq!(sleeper.commit(&late, None).await.unwrap(), CommitOutcome::Conflict);
    assert_eq!(world.names("state/commits").await, left);
    assert_eq!(Ledger::open(world.state()).await.unwrap().latest().await.unwrap(), Some(latest));
}

#[tokio::test]
async fn collecting_for_a_commit_that_was_overtaken_does_nothing() {
    let world = World::memory();
    world.run(&target(&[("nps", "part-0.parquet", "1")])).await.unwrap();
    let ledger = Ledger::open(world.state()).await.unwrap();
    let old = ledger.latest().await.unwrap().unwrap();
    world.run(&target(&[("nps", "part-0.parquet", "2")])).await.unwrap();
    let before = world.names("state").await;
    assert_eq!(ledger.collect_garbage(Some(&old), Duration::ZERO).await.unwrap(), 0);
    assert_eq!(world.names("state").await, before);
}

#[tokio::test]
async fn on_disk_nothing_in_use_is_garbage_whatever_its_partition_is_called() {
    let world = World::local();
    let partition = "channel=a%2Fb c=é%20#7/part-0.parquet";
    for content in ["1", "2", "3"] {
        world.run(&target(&[("nps", partition, content)])).await.unwrap();
    }
    let ledger = Ledger::open(world.state()).await.unwrap();
    let commit = ledger.latest().await.unwrap().unwrap();
    let before = ledger.read_commit(Epoch(2)).await.unwrap().unwrap();
    let first = ledger.read_commit(Epoch(1)).await.unwrap().unwrap();
    let stands: Vec<&ObjectName> = commit.named().chain(before.named()).collect();
    let gone: Vec<&str> = first.named().filter(|name| !stands.contains(name)).map(ObjectName::as_str).collect();
    let state = world.state().local.unwrap();
    let kept: Vec<&str> = commit.named().chain(before.named()).map(ObjectName::as_str).collect();
    assert!(kept.iter().all(|name| state.join(name).exists()));
    assert!(!gone.is_empty() && gone.iter().all(|name| !state.join(name).exists()), "by the runs themselves");
    let lost = Names { epoch: Epoch(1), run: RunId("lost".to_owned()) };
    let left = lost.result("nps", partition);
    std::fs::create_dir_all(state.join(left.as_str()).parent().unwrap()).unwrap();
    std::fs::write(state.join(left.as_str()), "left").unwrap();
    let link = state.join(lost.state("nps", "part-0.parquet").as_str());
    std::fs::create_dir_all(link.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/nowhere", &link).unwrap();
    let garbage = ledger.garbage(Some(&commit), Duration::ZERO).await.unwrap();
    assert_eq!(garbage, [Garbage { name: left.0.clone(), bytes: 4 }]);
    ledger.remove_garbage(&garbage).await.unwrap();
    assert!(!state.join(left.as_str()).exists());
    assert!(std::fs::symlink_metadata(&link).is_ok(), "a link that leads nowhere is not an object");
    assert!(kept.iter().all(|name| state.join(name).exists()));
    assert_eq!(world.readers_see().await, expected(&target(&[("nps", partition, "3")])));
}
