//! Decisions by themselves.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use crate::decide::{GarbageFacts, Standing, is_collectable, is_garbage, plan_publish};
use crate::*;

fn file(published: &str, content: &str) -> PublishedFile {
    PublishedFile {
        published: published.to_owned(),
        result: ObjectName("results/nps/x".to_owned()),
        rows: 1,
        bytes: 7,
        content: content.to_owned(),
        epoch: Epoch(1),
        emptied_at: None,
    }
}

fn record(names: &[&str]) -> PublishedRecord {
    let object =
        PublishedObject { content: "rows".to_owned(), rows: 1, bytes: 7, epoch: Epoch(1), etag: Some("e".to_owned()) };
    PublishedRecord {
        format: FORMAT,
        ledger: "id".to_owned(),
        model: "nps".to_owned(),
        epoch: Epoch(1),
        as_of: None,
        rows: 1,
        schema: Vec::new(),
        files: names.iter().map(|name| ((*name).to_owned(), object.clone())).collect(),
        removed: BTreeMap::from([("gone.parquet".to_owned(), 5)]),
    }
}

fn standing(name: &str, bytes: u64, etag: &str) -> BTreeMap<String, Standing> {
    BTreeMap::from([(name.to_owned(), Standing { bytes, etag: Some(etag.to_owned()) })])
}

#[test]
fn a_file_is_kept_only_if_content_size_and_etag_are_right() {
    let wanted = [file("a.parquet", "rows")];
    let record = record(&["a.parquet"]);
    let puts = |record: Option<&PublishedRecord>, standing| plan_publish(&wanted, record, &standing).put.len();
    assert_eq!(puts(Some(&record), standing("a.parquet", 7, "e")), 0);
    assert_eq!(puts(Some(&record), standing("a.parquet", 8, "e")), 1, "another size");
    assert_eq!(puts(Some(&record), standing("a.parquet", 7, "f")), 1, "another etag");
    assert_eq!(puts(Some(&record), BTreeMap::new()), 1, "nothing stands");
    assert_eq!(puts(None, standing("a.parquet", 7, "e")), 1, "nobody vouches for it");
    let other = [file("a.parquet", "other rows")];
    assert_eq!(plan_publish(&other, Some(&record), &standing("a.parquet", 7, "e")).put.len(), 1, "other rows");
}

#[test]
fn only_what_a_record_vouches_for_is_removed() {
    let record = record(&["a.parquet"]);
    let removes = |name, bytes| plan_publish(&[], Some(&record), &standing(name, bytes, "x")).remove.len();
    assert_eq!(removes("a.parquet", 1), 1, "a listed name, whatever stands there");
    assert_eq!(removes("gone.parquet", 5), 1, "a removed file that came back");
    assert_eq!(removes("gone.parquet", 6), 0, "a stranger's file under a name that was once ours");
    assert_eq!(removes("b.parquet", 7), 0);
    let strangers = plan_publish(&[], None, &standing("b.parquet", 7, "x")).strangers;
    assert_eq!(strangers, ["b.parquet"]);
    assert!(plan_publish(&[], None, &standing("b.csv", 7, "x")).strangers.is_empty());
}

#[test]
fn what_a_run_in_progress_wrote_is_never_garbage() {
    let now = DateTime::<Utc>::UNIX_EPOCH;
    let facts = GarbageFacts { epoch: Epoch(4), before: now, alone: false };
    let long_ago = now - TimeDelta::days(400);
    assert!(!is_garbage(Some(Epoch(5)), long_ago, facts));
    assert!(is_garbage(Some(Epoch(4)), long_ago, facts), "its run lost");
    assert!(!is_garbage(Some(Epoch(4)), now, facts), "not before the grace period has passed");
    assert!(!is_garbage(None, long_ago, facts), "cxmill did not make it");
}

#[test]
fn the_newest_hundred_commits_are_never_collected() {
    assert!(!is_collectable(Epoch(1), Epoch(100)));
    assert!(is_collectable(Epoch(1), Epoch(101)));
    assert!(!is_collectable(Epoch(u64::MAX), Epoch(u64::MAX)));
}
