//! Files that change after they were read: what the old version contributed goes, what the new one says comes, and nothing else
//! moves.

use std::collections::BTreeMap;
use std::time::SystemTime;

use cxmill_engine::{EngineError, RunOptions, RunReport, plan};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::replay::{held, totals};
use crate::support::{Shop, action, answer, compiled};

const DAY: &str = "2026-01-01T10:00:00Z";

fn shop() -> Shop {
    let mut shop = Shop::new();
    shop.pipeline = shop.pipeline.replace("error_budget: 50%", "error_budget: 100%\n    on_change: restate");
    shop.pipeline.push_str("  rows:\n    strategy: full\n    sql: SELECT id, at, channel, score FROM answers\n");
    shop
}

fn counts(report: &RunReport) -> (u64, u64, u64) {
    let source = &report.sources[0];
    (source.totals.files, source.restated, source.read_again)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_file_is_taken_out_and_read_again_in_one_commit() {
    let shop = shop();
    shop.raw("1.ndjson", &[&answer("a", DAY, "web", 10), &answer("b", DAY, "fax", 1), &answer("c", DAY, "app", 2)]);
    shop.raw("2.ndjson", &[&answer("d", DAY, "web", 5), &answer("e", "2026-02-03T10:00:00Z", "web", 5)]);
    shop.run().await;
    assert_eq!(totals(&shop).await, (2, 5, 4, 1, 0));
    let before = shop.files("data/output/daily");

    shop.raw("1.ndjson", &[&answer("a", DAY, "web", 0), &answer("f", DAY, "phone", 3)]);
    let context = shop.context();
    let planned = plan(&context, &compiled(&context).await, &RunOptions::default()).await.unwrap();
    assert_eq!((planned.sources[0].new_files, planned.sources[0].known_files), (1, 1));
    assert_eq!(
        planned.sources[0].why,
        "1 file changed: what was read of it is taken out and it is read again, in one commit"
    );
    let report = shop.run().await;
    assert_eq!(counts(&report), (1, 1, 0));
    assert_eq!((totals(&shop).await, held(&shop).await), ((2, 4, 4, 0, 0), Vec::new()));
    let daily = shop.published("daily").await;
    assert!(daily.contains("| 2026-01-01 | web     | 2       | 2.5  |") && daily.contains("phone"), "{daily}");
    assert!(!daily.contains("app"), "{daily}");
    let february = shop.path("data/output/daily/month=2026-02/part-0.parquet");
    assert_eq!(shop.files("data/output/daily")[&february], before[&february], "its rows stay as they are");
    assert!(!shop.run().await.committed, "and then everything stands");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_were_dropped_as_copies_of_those_that_go_come_back() {
    let shop = shop();
    shop.raw("1.ndjson", &[&answer("a", DAY, "web", 10), &answer("b", DAY, "web", 1)]);
    shop.run().await;
    // One copy, one conflict, and a file that holds neither.
    shop.raw("2.ndjson", &[&answer("a", DAY, "web", 10), &answer("c", DAY, "app", 5)]);
    shop.raw("3.ndjson", &[&answer("b", DAY, "web", 9)]);
    shop.raw("4.ndjson", &[&answer("d", DAY, "app", 4)]);
    shop.run().await;
    assert_eq!(totals(&shop).await, (4, 6, 4, 1, 1));
    shop.raw("1.ndjson", &[&answer("z", DAY, "phone", 7)]);
    let report = shop.run().await;
    assert_eq!(counts(&report), (3, 1, 2), "the file without copies is not read again");
    assert_eq!((totals(&shop).await, held(&shop).await), ((4, 5, 5, 0, 0), Vec::new()));
    let rows = shop.published("rows").await;
    assert!(rows.contains("| a  | 2026-01-01T10:00:00Z | web     | 10    |"), "{rows}");
    assert!(rows.contains("| b  | 2026-01-01T10:00:00Z | web     | 9     |"), "{rows}");
    // Where such a file is gone its rows cannot come back, so nothing is changed.
    shop.raw("2.ndjson", &[&answer("c", DAY, "app", 5), &answer("z", DAY, "phone", 7)]);
    assert_eq!(counts(&shop.run().await), (1, 1, 0));
    std::fs::remove_file(shop.path("data/raw/answers/2.ndjson")).unwrap();
    shop.raw("1.ndjson", &[&answer("y", DAY, "phone", 7)]);
    let error = shop.try_run(&RunOptions::default()).await.unwrap_err();
    let EngineError::Data { message, .. } = error else { panic!("{error:?}") };
    assert!(message.contains("1 files have to be read again with them"), "{message}");
    assert!(shop.published("rows").await.contains("| z "));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_do_not_tell_their_file_yet_are_all_read_again() {
    let mut shop = shop();
    let restating = shop.pipeline.clone();
    shop.pipeline = restating.replace("    on_change: restate\n", "");
    shop.raw("1.ndjson", &[&answer("a", DAY, "web", 10)]);
    shop.raw("2.ndjson", &[&answer("b", DAY, "web", 1)]);
    shop.run().await;
    shop.pipeline = restating;
    assert!(!shop.run().await.committed, "nothing is read again before it has to be");
    shop.raw("1.ndjson", &[&answer("c", DAY, "web", 7)]);
    assert_eq!(counts(&shop.run().await), (2, 0, 0), "all of the source");
    assert_eq!(totals(&shop).await, (2, 2, 2, 0, 0));
    shop.raw("1.ndjson", &[&answer("d", DAY, "web", 7)]);
    let report = shop.run().await;
    assert_eq!((counts(&report), action(&report, "daily")), ((1, 1, 0), "built"), "from now on they do");
    assert!(shop.published("rows").await.contains("| d "));
}

/// What a file says at a time: rows by number; the same number is the same row.
type Files = BTreeMap<u8, Vec<u8>>;

/// Runs, each of which writes some files anew, old ones among them.
fn edits() -> impl Strategy<Value = Vec<Files>> {
    let rows = proptest::collection::vec(0..30_u8, 0..6);
    let files = proptest::collection::btree_map(0..5_u8, rows, 1..4);
    proptest::collection::vec(files, 2..6)
}

/// Row number `id`. Some are of a channel that the contract does not know, some are late.
fn row(id: u8) -> String {
    let channel = if id.is_multiple_of(7) { "fax" } else { ["web", "app", "phone"][usize::from(id % 3)] };
    let (month, day) = (1 + id % 3, 1 + id % 4);
    answer(&id.to_string(), &format!("2026-{month:02}-{day:02}T10:00:00Z"), channel, i64::from(id % 11))
}

/// Writes a file as it was put in some run.
fn put(shop: &Shop, name: u8, rows: &[u8], run: usize) {
    let lines: Vec<String> = rows.iter().map(|id| row(*id)).collect();
    shop.raw(&format!("{name}.ndjson"), &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let at = chrono::DateTime::parse_from_rfc3339("2026-03-20T00:00:00Z").unwrap() + chrono::Days::new(run as u64);
    let path = shop.path("data/raw/answers").join(format!("{name}.ndjson"));
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::from(at)).unwrap();
}

async fn equal(edits: &[Files]) -> Result<(), TestCaseError> {
    let late = |shop: &mut Shop| {
        shop.pipeline = shop.pipeline.replace("on_change: restate", "on_change: restate\n    late_after: 60d");
        shop.max_batch_bytes = Some(300);
    };
    let mut restated = shop();
    late(&mut restated);
    let mut last: BTreeMap<u8, (usize, Vec<u8>)> = BTreeMap::new();
    for (run, files) in edits.iter().enumerate() {
        for (name, rows) in files {
            put(&restated, *name, rows, run);
            last.insert(*name, (run, rows.clone()));
        }
        let report = restated.run().await;
        prop_assert!(!report.failed(), "{:?}", report.models);
        let mut fresh = shop();
        late(&mut fresh);
        for (name, (run, rows)) in &last {
            put(&fresh, *name, rows, *run);
        }
        let fresh_report = fresh.run().await;
        for model in ["rows", "daily", "total"] {
            prop_assert_eq!(restated.published(model).await, fresh.published(model).await, "after run {}", run);
        }
        prop_assert_eq!(totals(&restated).await, totals(&fresh).await, "after run {}", run);
        prop_assert_eq!(held(&restated).await, held(&fresh).await, "after run {}", run);
        prop_assert_eq!(report.as_of, fresh_report.as_of, "after run {}", run);
    }
    Ok(())
}

#[test]
fn a_restated_project_is_a_fresh_one_over_the_files_as_they_are() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let cases = std::env::var_os("PROPTEST_CASES").map_or(12, |_| Config::default().cases);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let outcome = runner.run(&edits(), |edits| runtime.block_on(Box::pin(equal(&edits))));
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
