//! Following, and runs that find nothing new: what they ask of the stores, and what they notice.

use std::sync::{Arc, Mutex};

use chrono::DateTime;
use cxmill_engine::{
    Compiled, Context, EngineError, Follower, Place, RunOptions, StoreError, Stores, StoresOfProject, gc, run,
};
use cxmill_ledger::testing::{FaultStore, Kind, Operation};
use futures::FutureExt;

use crate::support::{Shop, action, answer, compiled};

/// Every operation on every store of a project, with the location it was asked of.
#[derive(Debug, Clone, Default)]
struct Watched(Arc<Mutex<Vec<(String, Operation)>>>);

impl Stores for Watched {
    fn open(&self, location: &str, context: &Context) -> Result<Place, StoreError> {
        let place = StoresOfProject.open(location, context)?;
        let store = FaultStore::new(place.store);
        let (seen, location) = (Arc::clone(&self.0), location.to_owned());
        store.before_each(move |operation| {
            seen.lock().unwrap().push((location.clone(), operation));
            futures::future::ready(()).boxed()
        });
        Ok(Place { store: Arc::new(store), ..place })
    }
}

impl Watched {
    /// What was done since the last call: locations with kinds, without repetition.
    fn take(&self) -> Vec<(String, Kind)> {
        let taken = std::mem::take(&mut *self.0.lock().unwrap());
        let mut kinds: Vec<_> = taken.into_iter().map(|(location, operation)| (location, operation.kind)).collect();
        kinds.dedup();
        kinds
    }
}

/// A shop in which 300 files of one row were read.
async fn known(stores: &Watched) -> (Shop, Context, Compiled) {
    let shop = Shop::new();
    for n in 0..300 {
        let at = format!("2026-01-{:02}T10:00:00Z", n % 28 + 1);
        shop.raw(&format!("{n:03}.ndjson"), &[&answer(&format!("a{n}"), &at, "web", n % 11)]);
    }
    let context = Context { stores: Arc::new(stores.clone()), ..shop.context() };
    let compiled = compiled(&context).await;
    let report = run(&context, &compiled, &RunOptions::default()).await.unwrap();
    assert_eq!(report.sources[0].totals.files, 300);
    stores.take();
    (shop, context, compiled)
}

#[tokio::test]
async fn a_run_that_finds_nothing_new_lists_the_raw_files_and_reads_none() {
    let stores = Watched::default();
    let (_shop, context, compiled) = known(&stores).await;
    let report = run(&context, &compiled, &RunOptions::default()).await.unwrap();
    assert!(!report.did_something());
    let done = stores.take();
    let raw: Vec<_> = done.iter().filter(|(location, _)| location.contains("raw")).collect();
    assert_eq!(raw, [&("data/raw/answers/".to_owned(), Kind::List)]);
    assert!(done.iter().all(|(_, kind)| matches!(kind, Kind::List | Kind::Read)), "nothing is written: {done:?}");
}

#[tokio::test]
async fn a_look_of_a_follower_lists_and_does_nothing_else() {
    let stores = Watched::default();
    let (shop, context, compiled) = known(&stores).await;
    let mut follower = Follower::new(&context, &compiled, RunOptions::default());
    let report = follower.turn(DateTime::UNIX_EPOCH, false).await.unwrap().unwrap();
    assert!(!report.did_something(), "the first turn is a run");
    stores.take();
    assert!(follower.turn(DateTime::UNIX_EPOCH, false).await.unwrap().is_none());
    let looked = [("data/state".to_owned(), Kind::List), ("data/raw/answers/".to_owned(), Kind::List)];
    assert_eq!(stores.take(), looked);
    // Nobody holds the lock between two turns, nor while a follower looks.
    let lock = std::fs::File::options().write(true).open(shop.path("data/state/lock")).unwrap();
    lock.try_lock().unwrap();
    assert!(follower.turn(DateTime::UNIX_EPOCH, false).await.unwrap().is_none());
    assert!(matches!(follower.turn(DateTime::UNIX_EPOCH, true).await, Err(EngineError::Conflict(_))));
    lock.unlock().unwrap();
    assert!(follower.turn(DateTime::UNIX_EPOCH, false).await.unwrap().is_some(), "after an error the next turn runs");
}

#[tokio::test]
async fn a_follower_notices_new_files_removed_outputs_and_commits_of_others() {
    let shop = Shop::new();
    shop.raw("1.ndjson", &[&answer("a", "2026-01-01T10:00:00Z", "web", 10)]);
    let context = shop.context();
    let compiled = compiled(&context).await;
    let mut follower = Follower::new(&context, &compiled, RunOptions::default());
    let mut turn = async |anyway| follower.turn(DateTime::from_timestamp(1_000, 0).unwrap(), anyway).await.unwrap();
    assert!(turn(false).await.unwrap().committed);
    assert!(!turn(false).await.unwrap().did_something(), "after work a turn runs once more");
    assert!(turn(false).await.is_none());

    shop.raw("2.ndjson", &[&answer("b", "2026-01-01T11:00:00Z", "web", 9)]);
    let report = turn(false).await.unwrap();
    assert_eq!((report.sources[0].totals.read, action(&report, "daily")), (1, "built"));
    assert!(!turn(false).await.unwrap().did_something());

    std::fs::remove_dir_all(shop.path("data/output")).unwrap();
    assert!(turn(false).await.is_none(), "a look does not look at the output");
    assert_eq!(turn(true).await.unwrap().objects_written, 2);
    assert!(!turn(false).await.unwrap().did_something());

    shop.raw("3.ndjson", &[&answer("c", "2026-01-01T12:00:00Z", "web", 8)]);
    let by_hand = shop.twin().run().await;
    let report = turn(false).await.unwrap();
    assert!(!report.did_something() && report.epoch == by_hand.epoch);
    assert!(turn(false).await.is_none());
}

#[tokio::test]
async fn a_failed_check_is_tried_again_when_asked_or_when_something_is_new() {
    let mut shop = Shop::new();
    shop.pipeline = shop.pipeline.replace(
        "    grain: [day, channel]\n",
        "    grain: [day, channel]\n    checks: [{between: {column: mean, min: 5, max: 10}}]\n",
    );
    shop.raw("1.ndjson", &[&answer("a", "2026-01-01T10:00:00Z", "web", 1)]);
    let context = shop.context();
    let compiled = compiled(&context).await;
    let mut follower = Follower::new(&context, &compiled, RunOptions::default());
    let mut turn = async |anyway| follower.turn(DateTime::UNIX_EPOCH, anyway).await.unwrap();
    assert!(turn(false).await.unwrap().failed());
    assert!(turn(false).await.is_none(), "the same rows would fail again");
    assert!(turn(true).await.unwrap().failed());
    shop.raw("2.ndjson", &[&answer("b", "2026-01-01T11:00:00Z", "web", 10)]);
    let report = turn(false).await.unwrap();
    assert!(report.committed && !report.failed());
}

#[tokio::test]
async fn garbage_of_killed_runs_is_listed_and_then_collected() {
    let shop = Shop::new();
    let context = shop.context();
    assert_eq!(gc(&context, true).await.unwrap().objects, [], "before the first run there is no state root");
    assert!(!shop.path("data/state").exists());
    shop.raw("1.ndjson", &[&answer("a", "2026-01-01T10:00:00Z", "web", 10)]);
    shop.run().await;
    let clean = shop.files("data/state");
    assert_eq!(gc(&context, false).await.unwrap().objects, [], "a run has collected at its end");
    let landed = clean.keys().find(|path| path.extension().is_some_and(|end| end == "parquet")).unwrap();
    let name = landed.file_name().unwrap().to_str().unwrap();
    let lost = landed.with_file_name(name.replacen('1', "9", 1));
    assert_ne!(*landed, lost);
    std::fs::write(&lost, "12345").unwrap();
    std::fs::write(landed.with_file_name(format!("{name}#7")), "123").unwrap();
    std::fs::create_dir_all(shop.path("data/state/tmp/1-0/spill")).unwrap();
    std::fs::write(shop.path("data/state/tmp/1-0/spill/a.arrow"), "12").unwrap();
    std::fs::write(shop.path("data/state/notes.txt"), "a person's").unwrap();

    let listed = gc(&context, true).await.unwrap();
    assert_eq!((listed.objects.len(), listed.bytes, listed.removed), (3, 10, false), "{listed:?}");
    assert!(lost.exists());
    let removed = gc(&context, false).await.unwrap();
    assert_eq!(removed.objects, listed.objects);
    assert!(removed.removed && !lost.exists());
    assert_eq!(gc(&context, false).await.unwrap().objects, []);
    std::fs::remove_file(shop.path("data/state/notes.txt")).unwrap();
    let left = shop.files("data/state");
    assert_eq!(left.keys().collect::<Vec<_>>(), clean.keys().collect::<Vec<_>>());

    let lock = std::fs::File::options().write(true).open(shop.path("data/state/lock")).unwrap();
    lock.try_lock().unwrap();
    assert!(matches!(gc(&context, true).await, Err(EngineError::Conflict(_))), "a run is at work");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_files_do_not_wait_for_a_model_that_is_built_anew() {
    let mut shop = Shop::new();
    shop.pipeline.push_str("  channels:\n    sql: SELECT channel, count(*) AS answers FROM answers GROUP BY channel\n");
    shop.max_batch_bytes = Some(1);
    for n in 1..=3 {
        shop.raw(&format!("{n}.ndjson"), &[&answer(&format!("a{n}"), &format!("2026-01-0{n}T10:00:00Z"), "web", 1)]);
    }
    shop.run().await;
    shop.pipeline = shop.pipeline.replace("avg(score) AS mean", "max(score) AS best");
    let context = shop.context();
    let compiled = compiled(&context).await;
    let mut follower = Follower::new(&context, &compiled, RunOptions::default());
    for turn in 1..=3 {
        shop.raw(&format!("new{turn}.ndjson"), &[&answer(&format!("n{turn}"), "2026-01-01T12:00:00Z", "app", turn)]);
        let report = follower.turn(DateTime::UNIX_EPOCH, false).await.unwrap().unwrap();
        assert_eq!((action(&report, "daily"), action(&report, "channels")), ("rebuilding", "built"));
        assert!(shop.published("channels").await.contains(&format!("| app     | {turn}       |")));
    }
    // Turns that land nothing go on as long as there is something left.
    let mut turns = 0;
    while follower.turn(DateTime::UNIX_EPOCH, false).await.unwrap().is_some() {
        turns += 1;
        assert!(turns < 12, "it comes to an end");
    }
    assert!(shop.published("daily").await.contains("| 2026-01-01 | app     | 3       | 3    |"));
}
