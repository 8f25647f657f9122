//! Files that change after they were read: what the old version contributed goes, what the new one says comes, and nothing else
//! moves.

use std::collections::BTreeMap;
use std::time::SystemTime;

use cxmill_engine::{EngineError, RunOptions, RunReport, plan};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::replay::{held, totals};
use crate::support::{Shop, action, answer, compiled, model};

/// Lines of a table without rows.
const EMPTY: usize = 4;

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

/// Models that keep states, cut in many ways; of the last one a restated file has all built again.
const STATES: &str = r"  weekly:
    strategy: state
    sql: SELECT local_week(at) AS week, count(*) AS answers, count(DISTINCT channel) AS channels FROM answers GROUP BY 1
    output: {partition_by: {month: week}}
  by_day:
    strategy: state
    sql: SELECT local_day(at, 'Pacific/Kiritimati') AS day, channel, sum(score) AS score FROM answers GROUP BY 1, 2 HAVING count(*) > 1
    output: {partition_by: [day, channel]}
  yearly:
    strategy: state
    sql: SELECT date_trunc('month', at) AS month, min(score) AS least, count(*) AS answers FROM answers GROUP BY 1
    output: {partition_by: {year: month}}
  due:
    strategy: state
    sql: SELECT CAST(day + INTERVAL '20 days' AS DATE) AS due, answers FROM (SELECT local_day(at) AS day, count(*) AS answers FROM answers GROUP BY 1)
    output: {partition_by: {month: due}}
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn states_of_the_partitions_that_a_restated_file_does_not_touch_stand() {
    let mut shop = Shop::new();
    shop.pipeline = shop.pipeline.replace("error_budget: 50%", "error_budget: 50%\n    on_change: restate");
    shop.raw("1.ndjson", &[&answer("a", "2026-02-03T10:00:00Z", "web", 5)]);
    shop.run().await;
    shop.raw("2.ndjson", &[&answer("b", DAY, "web", 10), &answer("c", "2025-12-31T10:00:00Z", "app", 2)]);
    shop.run().await;
    let february =
        [shop.objects("data/state/landed", "date=2026-02"), shop.objects("data/state/states", "month=2026-02")];
    assert_eq!(february.each_ref().map(Vec::len), [1, 1]);
    february.iter().flatten().for_each(|object| std::fs::write(object, "spoilt").unwrap());

    shop.raw("2.ndjson", &[&answer("b", DAY, "web", 0), &answer("d", "2026-01-20T10:00:00Z", "app", 4)]);
    let report = shop.run().await;
    let daily = model(&report, "daily");
    assert_eq!(daily.touched, ["month=2025-12/part-0.parquet", "month=2026-01/part-0.parquet"]);
    assert_eq!(
        daily.why,
        "new rows in answers; rows were taken out, and the 2 partitions that they can have been in are made again"
    );
    assert_eq!(daily.changed.len(), 2);
    for changed in &daily.changed {
        let [file] = changed.because_of.files.as_slice() else { panic!("{changed:?}") };
        assert!(file.ends_with("answers/2.ndjson"), "{changed:?}");
    }
    let rows = shop.published("daily").await;
    assert!(rows.contains("| 2026-01-01 | web     | 1       | 0.0  |") && rows.contains("2026-02-03"), "{rows}");
    assert!(rows.contains("2026-01-20") && !rows.contains("2025-12-31"), "{rows}");
    assert!(!shop.run().await.committed, "and then everything stands");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_whose_states_dates_do_not_tell_apart_is_built_again_and_says_why() {
    let mut shop = shop();
    shop.pipeline.push_str(STATES);
    shop.pipeline.push_str("  by_channel:\n    sql: SELECT channel, max(score) AS most FROM answers GROUP BY 1\n");
    shop.pipeline.push_str("    output: {partition_by: [channel]}\n");
    shop.raw("1.ndjson", &[&answer("a", DAY, "web", 5), &answer("b", "2026-03-01T10:00:00Z", "app", 5)]);
    shop.run().await;
    let context = shop.context();
    let planned = plan(&context, &compiled(&context).await, &RunOptions::default()).await.unwrap();
    let why = |name: &str| {
        let why = &planned.models.iter().find(|model| model.name == name).unwrap().strategy_why;
        why.rsplit_once("; where a file is restated, ").unwrap().1.to_owned()
    };
    assert_eq!(why("daily"), "the partitions it touches are made again, from answers of its dates");
    let around = "the partitions it touches are made again, from answers of its dates and 6 days after";
    assert!(why("weekly").starts_with(around), "{}", why("weekly"));
    let all = "all of it is built again: its output is not partitioned by a date";
    assert!(why("by_channel").starts_with(all), "{}", why("by_channel"));
    let all = "all of it is built again: its states are not cut as its output";
    assert!(why("due").starts_with(all), "{}", why("due"));
    shop.raw("1.ndjson", &[&answer("a", DAY, "web", 7), &answer("b", "2026-03-01T10:00:00Z", "app", 5)]);
    let report = shop.run().await;
    assert_eq!(model(&report, "by_channel").partitions_touched, None);
    assert_eq!(
        model(&report, "by_channel").why,
        "new rows in answers; rows were taken out, and it is built from all landed rows, as `plan` says why"
    );
    assert!(model(&report, "weekly").partitions_touched.is_some());
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

/// The published files of a model that have rows, with these.
fn rows(shop: &Shop, model: &str) -> BTreeMap<String, String> {
    let mut files = shop.published_files(model);
    files.retain(|_, rows| rows.lines().count() > EMPTY);
    files
}

async fn equal(edits: &[Files]) -> Result<(), TestCaseError> {
    let late = |shop: &mut Shop| {
        shop.pipeline = shop.pipeline.replace("on_change: restate", "on_change: restate\n    late_after: 60d");
        shop.pipeline.push_str(STATES);
    };
    let mut restated = shop();
    late(&mut restated);
    restated.max_batch_bytes = Some(300);
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
        for model in ["rows", "daily", "total", "weekly", "by_day", "yearly", "due"] {
            prop_assert_eq!(rows(&restated, model), rows(&fresh, model), "{} after run {}", model, run);
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
