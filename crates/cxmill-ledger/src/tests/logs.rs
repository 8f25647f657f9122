//! Logs of consumed files and manifests of landed files.

use std::sync::Arc;

use chrono::NaiveDate;
use proptest::prelude::*;

use super::world::{World, consumed};
use crate::decide::{MAX_LOGS, merge_from};
use crate::testing::FaultStore;
use crate::*;

#[tokio::test]
async fn every_file_ever_logged_is_known_however_logs_are_merged() {
    let world = World::memory();
    let ledger = Ledger::open(world.state()).await.unwrap();
    let names = ledger.begin(None);
    let mut logs = Vec::new();
    for run in 0..100_u64 {
        let files: Vec<_> = (0..=run % 3).map(|n| consumed(&format!("raw/{run}/{n}.csv"), Epoch(1))).collect();
        logs = ledger.append_files(&names, "orders", &logs, &files).await.unwrap();
        assert!(logs.len() <= MAX_LOGS);
    }
    let changed = ConsumedFile { identity: "another".to_owned(), ..consumed("raw/0/0.csv", Epoch(1)) };
    logs = ledger.append_files(&names, "orders", &logs, &[changed]).await.unwrap();
    assert_eq!(ledger.append_files(&names, "orders", &logs, &[]).await.unwrap(), logs, "nothing new writes nothing");
    let source = SourceState { file_logs: logs, ..SourceState::default() };
    let known = ledger.known_files(&source).await.unwrap();
    assert_eq!(known.len(), 34 + 33 * 2 + 33 * 3);
    assert_eq!(known.state("raw/99/0.csv", "etag of raw/99/0.csv"), FileState::Read);
    assert_eq!(known.state("raw/99/0.csv", "another"), FileState::Changed);
    assert_eq!(known.state("raw/99/1.csv", "x"), FileState::New);
    assert_eq!(known.state("raw/0/0.csv", "another"), FileState::Read, "the later line wins");
}

#[tokio::test]
async fn paths_that_need_escaping_are_known_too() {
    let world = World::memory();
    let ledger = Ledger::open(world.state()).await.unwrap();
    let path = "raw/\"quoted\"\\ \u{1f600}\n.csv";
    let logs = ledger.append_files(&ledger.begin(None), "orders", &[], &[consumed(path, Epoch(1))]).await.unwrap();
    let source = SourceState { file_logs: logs, ..SourceState::default() };
    let known = ledger.known_files(&source).await.unwrap();
    assert_eq!(known.state(path, &format!("etag of {path}")), FileState::Read);
}

#[tokio::test]
async fn a_damaged_or_missing_log_is_told_by_name() {
    let world = World::memory();
    let ledger = Ledger::open(world.state()).await.unwrap();
    let logs = ledger.append_files(&ledger.begin(None), "orders", &[], &[consumed("a", Epoch(1))]).await.unwrap();
    let source = SourceState { file_logs: logs.clone(), ..SourceState::default() };
    world.put(&format!("state/{}", logs[0].as_str()), "not zstd").await;
    let damaged = ledger.known_files(&source).await.unwrap_err().to_string();
    assert!(damaged.starts_with(&format!("cannot read record test:///state/{}: ", logs[0].as_str())), "{damaged}");
    world.delete(&format!("state/{}", logs[0].as_str())).await;
    assert!(matches!(ledger.known_files(&source).await, Err(LedgerError::Lost { .. })));
}

#[tokio::test]
async fn a_manifest_is_read_once_however_often_a_run_asks() {
    let world = World::memory();
    let store = FaultStore::new(Arc::clone(&world.store));
    let ledger = Ledger::open(OutputRoot { store: Arc::new(store.clone()), ..world.state() }).await.unwrap();
    let names = ledger.begin(None);
    let date = NaiveDate::default();
    let file = |n| LandedFile { name: names.landed("orders", date, n), date, rows: 1, bytes: 3 };
    let first = ledger.append_landed(&names, "orders", &[], &[file(0), file(1)]).await.unwrap();
    let both = ledger.append_landed(&names, "orders", &first, &[file(2)]).await.unwrap();
    let read = async |manifests: &[ObjectName]| {
        let source = SourceState { landed: manifests.to_vec(), ..SourceState::default() };
        let before = store.operations();
        let files = ledger.landed_files(&source).await.unwrap();
        (files, store.operations() - before)
    };
    assert_eq!(read(&first).await, (vec![file(0), file(1)], 1));
    assert_eq!(read(&both).await, (vec![file(0), file(1), file(2)], 1), "only the new one");
    assert_eq!(read(&both).await, (vec![file(0), file(1), file(2)], 0));
    assert_eq!(read(&first).await, (vec![file(0), file(1)], 0));
}

#[tokio::test]
async fn many_files_of_many_runs_are_all_known() {
    let world = World::memory();
    let ledger = Ledger::open(world.state()).await.unwrap();
    let path = |run: u64, n: u64| format!("surveys/channel=web/date=2026-01-{:02}/part-{n:06}-{run}.ndjson.gz", n % 28);
    let mut logs = Vec::new();
    for run in 0..10 {
        let files: Vec<_> = (0..300).map(|n| consumed(&path(run, n), Epoch(1))).collect();
        logs = ledger.append_files(&ledger.begin(None), "orders", &logs, &files).await.unwrap();
    }
    let source = SourceState { file_logs: logs, ..SourceState::default() };
    let known = ledger.known_files(&source).await.unwrap();
    assert_eq!(known.len(), 3_000);
    let last = path(9, 299);
    assert_eq!(known.state(&last, &format!("etag of {last}")), FileState::Read);
}

proptest! {
    #[test]
    fn merging_bounds_the_number_of_logs_and_the_work(runs in prop::collection::vec(1_u64..2_000, 1..800)) {
        let (mut logs, mut written) = (Vec::<u64>::new(), 0_u64);
        for new in &runs {
            let from = merge_from(&logs, *new);
            let merged = new + logs.split_off(from).iter().sum::<u64>();
            logs.push(merged);
            written += merged;
            prop_assert!(logs.len() <= MAX_LOGS);
        }
        let lines: u64 = runs.iter().sum();
        prop_assert_eq!(logs.iter().sum::<u64>(), lines);
        // Each line is rewritten a logarithmic number of times, not once a run.
        prop_assert!(written <= lines * 10, "{} lines written for {}", written, lines);
    }
}
