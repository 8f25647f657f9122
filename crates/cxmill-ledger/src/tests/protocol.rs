//! Opening, reading and committing.

use std::sync::Arc;

use object_store::ObjectStore;

use super::world::{World, target, write};
use crate::testing::{Fault, FaultStore};
use crate::*;

fn assert_send<T: Send>(value: T) -> T {
    value
}

#[tokio::test]
async fn the_first_commit_has_epoch_one_and_is_read_back() {
    let world = World::memory();
    let ledger = Ledger::open(world.state()).await.unwrap();
    assert_eq!(assert_send(ledger.latest()).await.unwrap(), None);
    let names = ledger.begin(None);
    assert_eq!(names.epoch, Epoch(1));
    let commit = write(&ledger, &names, None, &target(&[("nps", "part-0.parquet", "a")])).await.unwrap();
    assert_eq!(assert_send(ledger.commit(&commit, None)).await.unwrap(), CommitOutcome::Committed);
    assert_eq!(ledger.latest().await.unwrap().as_ref(), Some(&commit));
    assert_send(ledger.publish(&commit, &world.output())).await.unwrap();
    assert_send(ledger.collect_garbage(Some(&commit), std::time::Duration::ZERO)).await.unwrap();
    let looking = Ledger::open_read_only(world.state()).await.unwrap();
    assert_eq!(looking.latest().await.unwrap(), Some(commit));
}

#[tokio::test]
async fn a_commit_that_was_made_is_made_even_if_the_answer_was_lost() {
    let world = World::memory();
    let ledger = Ledger::open(world.state()).await.unwrap();
    let commit = write(&ledger, &ledger.begin(None), None, &target(&[])).await.unwrap();
    let losing = Arc::new(FaultStore::with_fault(Arc::clone(&world.store), 2, Fault::LoseAnswer));
    let (state, _) = world.through(&(losing as Arc<dyn ObjectStore>));
    let unlucky = Ledger::open(state).await.unwrap();
    assert_eq!(unlucky.commit(&commit, None).await.unwrap(), CommitOutcome::Committed);
    // A client that retries by itself sees its own record as one that exists already.
    assert_eq!(unlucky.commit(&commit, None).await.unwrap(), CommitOutcome::Committed);
    let other = Commit { run: RunId("another".to_owned()), ..commit };
    assert_eq!(ledger.commit(&other, None).await.unwrap(), CommitOutcome::Conflict);
}

#[tokio::test]
async fn two_ledgers_race_and_one_commits() {
    let world = World::memory();
    let (one, two) = (Ledger::open(world.state()).await.unwrap(), Ledger::open(world.state()).await.unwrap());
    let first = write(&one, &one.begin(None), None, &target(&[])).await.unwrap();
    let second = write(&two, &two.begin(None), None, &target(&[])).await.unwrap();
    let (a, b) = tokio::join!(one.commit(&first, None), two.commit(&second, None));
    let outcomes = [a.unwrap(), b.unwrap()];
    assert!(outcomes.contains(&CommitOutcome::Committed) && outcomes.contains(&CommitOutcome::Conflict));
}

#[tokio::test]
async fn one_runner_at_a_time_on_local_disk_and_anyone_may_look() {
    let world = World::local();
    let looking = Ledger::open_read_only(world.state()).await.unwrap();
    assert_eq!(looking.latest().await.unwrap(), None);
    assert!(!world.state().local.unwrap().exists(), "looking creates nothing");
    let first = Ledger::open(world.state()).await.unwrap();
    assert!(matches!(Ledger::open(world.state()).await, Err(LedgerError::Locked { .. })));
    assert!(Ledger::open_read_only(world.state()).await.is_ok());
    drop(first);
    assert!(Ledger::open(world.state()).await.is_ok());
}

#[tokio::test]
async fn a_ledger_opened_to_look_changes_nothing() {
    let world = World::memory();
    world.run(&target(&[])).await.unwrap();
    let looking = Ledger::open_read_only(world.state()).await.unwrap();
    let commit = looking.latest().await.unwrap().unwrap();
    assert!(matches!(looking.commit(&commit, None).await, Err(LedgerError::ReadOnly { .. })));
    assert!(matches!(looking.publish(&commit, &world.output()).await, Err(LedgerError::ReadOnly { .. })));
    let collected = looking.collect_garbage(Some(&commit), std::time::Duration::ZERO).await;
    assert!(matches!(collected, Err(LedgerError::ReadOnly { .. })));
}

#[tokio::test]
async fn damaged_and_newer_records_are_told_apart() {
    let world = World::memory();
    world.put("state/commits/00000000000000000001.json", "{\"format\": 9, \"what\": true}").await;
    let ledger = Ledger::open(world.state()).await.unwrap();
    let place = "cannot read record test:///state/commits/00000000000000000001.json: ";
    let newer = ledger.latest().await.unwrap_err().to_string();
    assert_eq!(
        newer,
        format!("{place}it has format 9, this cxmill knows format {FORMAT}: use the cxmill that wrote it")
    );
    world.put("state/commits/00000000000000000001.json", "{\"format\": 1").await;
    assert!(ledger.latest().await.unwrap_err().to_string().starts_with(place));
    world.put("state/commits/notes.txt", "not a commit").await;
    assert_eq!(ledger.newest_epoch().await.unwrap(), Some(Epoch(1)));
}

#[tokio::test]
async fn a_record_that_breaks_an_invariant_is_refused() {
    let world = World::memory();
    let ledger = Ledger::open(world.state()).await.unwrap();
    let shown = target(&[("nps", "part-0.parquet", "a"), ("nps", "part-1.parquet", "b")]);
    let good = write(&ledger, &ledger.begin(None), None, &shown).await.unwrap();
    let broken = |change: &dyn Fn(&mut Commit)| {
        let mut commit = good.clone();
        change(&mut commit);
        match invariants::check(&commit, None) {
            Err(LedgerError::Invariant { invariant, .. }) => invariant,
            other => panic!("{other:?}"),
        }
    };
    let source = |commit: &mut Commit, change: fn(&mut SourceState)| change(commit.sources.get_mut("answers").unwrap());
    let model = |commit: &mut Commit, change: fn(&mut ModelState)| change(commit.models.get_mut("nps").unwrap());
    assert_eq!(broken(&|c| c.epoch = Epoch(2)), invariants::EPOCHS_FOLLOW);
    assert_eq!(broken(&|c| c.format = FORMAT + 1), invariants::FORMAT_IS_OURS);
    assert_eq!(broken(&|c| source(c, |s| s.totals.duplicate += 1)), invariants::ROWS_BALANCE);
    assert_eq!(broken(&|c| source(c, |s| s.changed_at = Epoch(2))), invariants::CHANGES_ARE_PAST);
    assert_eq!(broken(&|c| source(c, |s| s.added_since = Epoch(2))), invariants::CHANGES_ARE_PAST);
    let dropped = |s: &mut SourceState| s.dropped_on = [(chrono::NaiveDate::default(), Epoch(2))].into();
    assert_eq!(broken(&|c| source(c, dropped)), invariants::CHANGES_ARE_PAST);
    let lost = |s: &mut SourceState| {
        s.totals.read += 1;
        s.totals.quarantined += 1;
    };
    assert_eq!(broken(&|c| source(c, lost)), invariants::QUARANTINE_ADDS_UP);
    assert_eq!(broken(&|c| source(c, |s| s.landed = s.file_logs.clone())), invariants::NAMES_IN_PLACE);
    assert_eq!(broken(&|c| model(c, |m| m.files.reverse())), invariants::FILES_SORTED);
    assert_eq!(broken(&|c| model(c, |m| m.files[1] = m.files[0].clone())), invariants::FILES_SORTED);
    assert_eq!(
        broken(&|c| model(c, |m| m.files[1].published = "z/../x.parquet".to_owned())),
        invariants::NAMES_ARE_PLAIN
    );
    assert_eq!(broken(&|c| model(c, |m| m.states.push(m.states[0].clone()))), invariants::FILES_SORTED);
    assert_eq!(
        broken(&|c| model(c, |m| m.states[0].name = m.files[0].result.clone())),
        invariants::NAMES_IN_PLACE,
        "a state is no result"
    );
    assert_eq!(broken(&|c| model(c, |m| m.rows += 1)), invariants::MODEL_ROWS_ADD_UP);
    let rebuild = |commit: &mut Commit, change: fn(&mut Rebuild)| {
        let states = commit.models["nps"].states.clone();
        let (fingerprint, position) = ("f".to_owned(), Epoch(1));
        let mut rebuild = Rebuild { fingerprint, after: None, position, taken: None, batches: 0, bytes: 0, states };
        change(&mut rebuild);
        commit.rebuilds.insert("nps".to_owned(), rebuild);
    };
    assert_eq!(broken(&|c| rebuild(c, |r| r.position = Epoch(2))), invariants::CHANGES_ARE_PAST);
    assert_eq!(broken(&|c| rebuild(c, |r| r.after = Some(Epoch(2)))), invariants::CHANGES_ARE_PAST);
    assert_eq!(broken(&|c| rebuild(c, |r| r.states.push(r.states[0].clone()))), invariants::FILES_SORTED);
    assert_eq!(
        broken(&|c| rebuild(c, |r| r.states[0].name = ObjectName("results/nps/x.parquet".to_owned()))),
        invariants::NAMES_IN_PLACE
    );
    let mut unbalanced = good.clone();
    unbalanced.sources.get_mut("answers").unwrap().totals.read += 1;
    assert!(matches!(ledger.commit(&unbalanced, None).await, Err(LedgerError::Invariant { .. })));
    assert_eq!(ledger.latest().await.unwrap(), None);
    assert_eq!(ledger.commit(&good, None).await.unwrap(), CommitOutcome::Committed);
}

#[tokio::test]
async fn the_identity_of_a_state_root_is_made_once() {
    for world in [World::memory(), World::local()] {
        let id = Ledger::open(world.state()).await.unwrap().writable().unwrap().to_owned();
        assert_eq!(Ledger::open(world.state()).await.unwrap().writable().unwrap(), id);
    }
}
