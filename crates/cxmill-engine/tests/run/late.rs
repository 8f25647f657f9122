//! Rows that come late: they revise what they belong to, or go to quarantine where the source says so.

use std::time::SystemTime;

use cxmill_engine::{RunOptions, quarantine};

use crate::replay::{held, replayed, totals};
use crate::support::{Shop, answer};

/// A shop whose rows may be a month late, and whose files may not have a bad row.
fn shop() -> Shop {
    let mut shop = Shop::new();
    shop.pipeline = shop.pipeline.replace("error_budget: 50%", "error_budget: 0 rows\n    late_after: 30d");
    shop
}

/// Writes a raw file as it was put on a day.
fn put(shop: &Shop, name: &str, day: &str, lines: &[&str]) {
    shop.raw(name, lines);
    let at: chrono::DateTime<chrono::Utc> = format!("{day}T00:00:00Z").parse().unwrap();
    let file = std::fs::File::options().write(true).open(shop.path("data/raw/answers").join(name)).unwrap();
    file.set_modified(SystemTime::from(at)).unwrap();
}

/// A file, the day it was put, and its rows: id and time.
type DayFile = (&'static str, &'static str, [(&'static str, &'static str); 2]);

/// Three days' files; what is late of them is so by its own file.
const FILES: [DayFile; 3] = [
    ("1.ndjson", "2026-01-10", [("a", "2026-01-09T10:00:00Z"), ("b", "2025-11-01T10:00:00Z")]),
    ("2.ndjson", "2026-03-01", [("c", "2026-02-28T10:00:00Z"), ("d", "2026-01-30T10:00:00Z")]),
    ("3.ndjson", "2026-03-02", [("e", "2026-01-09T11:00:00Z"), ("d", "2026-01-30T10:00:00Z")]),
];

fn put_file(shop: &Shop, (name, day, rows): DayFile) {
    let lines = rows.map(|(id, at)| answer(id, at, "web", 5));
    put(shop, name, day, &[&lines[0], &lines[1]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_rows_are_no_bad_rows_and_are_the_same_in_whatever_runs_they_come() {
    let whole = shop();
    FILES.iter().for_each(|file| put_file(&whole, *file));
    let report = whole.run().await;
    assert_eq!(report.sources[0].by_rule, [("late".to_owned(), 3)].into(), "no budget is touched");
    let expected = (totals(&whole).await, held(&whole).await, whole.published("daily").await);
    assert_eq!(expected.1, ["1.ndjson:2 late", "3.ndjson:1 late", "3.ndjson:2 late"]);
    assert_eq!(expected.0, (3, 6, 3, 3, 0));
    let apart = shop();
    for file in [2, 0, 1].map(|number| FILES[number]) {
        put_file(&apart, file);
        apart.run().await;
    }
    assert_eq!((totals(&apart).await, held(&apart).await, apart.published("daily").await), expected);
    let table = quarantine(&whole.context(), Some("answers"), 1).await.unwrap();
    let rows = serde_json::to_string(&table.rows()).unwrap();
    assert!(rows.contains(
        "its event is of 2025-11-01T10:00:00Z, more than 30d before its file was put (2026-01-10T00:00:00Z)"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_rows_are_fed_back_once_more_time_is_given() {
    let mut shop = shop();
    FILES.iter().for_each(|file| put_file(&shop, *file));
    shop.run().await;
    shop.pipeline = shop.pipeline.replace("late_after: 30d", "late_after: 60d");
    replayed(&shop, &[], false).await.unwrap();
    assert_eq!((totals(&shop).await, held(&shop).await), ((3, 6, 4, 1, 1), vec!["1.ndjson:2 late".to_owned()]));
    shop.run().await;
    let mut fresh = self::shop();
    fresh.pipeline.clone_from(&shop.pipeline);
    FILES.iter().for_each(|file| put_file(&fresh, *file));
    fresh.run().await;
    assert_eq!(fresh.published("daily").await, shop.published("daily").await);
    // Less time is a stricter contract: landed rows would not meet it.
    shop.pipeline = shop.pipeline.replace("late_after: 60d", "late_after: 30d");
    assert!(shop.try_run(&RunOptions::default()).await.is_err());
}
