//! Rows in quarantine are fed back once their contract was fixed, each exactly once.

use cxmill_engine::{EngineError, PrivateKey, ReplayReport, RunOptions, Totals, quarantine, replay, status};

use crate::support::{Shop, answer, compiled};

const DAY: &str = "2026-01-01T10:00:00Z";

/// Good rows, and three of a channel that the contract does not know; ids are private, so nothing can be made of raw records.
fn shop() -> Shop {
    let mut shop = Shop::new();
    shop.pipeline = shop
        .pipeline
        .replace("id: {type: string, required: true}", "id: {type: string, required: true, private: true}")
        .replace("error_budget: 50%", "error_budget: 90%");
    shop.key = Some(PrivateKey([7; 32]));
    shop.raw("1.ndjson", &[&answer("a", DAY, "web", 10), &answer("b", DAY, "fax", 4), &answer("c", DAY, "app", 5)]);
    shop.raw("2.ndjson", &[&answer("d", DAY, "fax", 99), &answer("e", DAY, "fax", 2), &answer("f", DAY, "web", 3)]);
    shop
}

fn mended(shop: &mut Shop) {
    shop.pipeline = shop.pipeline.replace("one_of: [web, app, phone]", "one_of: [web, app, phone, fax]");
}

pub(crate) async fn replayed(shop: &Shop, sources: &[&str], dry_run: bool) -> Result<ReplayReport, EngineError> {
    let context = shop.context();
    let compiled = compiled(&context).await;
    let sources: Vec<String> = sources.iter().map(|name| (*name).to_owned()).collect();
    Box::pin(replay(&context, &compiled, &sources, dry_run)).await
}

pub(crate) async fn totals(shop: &Shop) -> (u64, u64, u64, u64, u64) {
    let context = shop.context();
    let status = status(&context, &compiled(&context).await).await.unwrap();
    let Totals { files, read, accepted, quarantined, duplicate, .. } = status.sources[0].totals;
    assert_eq!(read, accepted + quarantined + duplicate, "rows balance");
    (files, read, accepted, quarantined, duplicate)
}

/// Rows in quarantine as `line rule`, sorted.
pub(crate) async fn held(shop: &Shop) -> Vec<String> {
    let table = quarantine(&shop.context(), Some("answers"), 100).await.unwrap();
    let (columns, rows) = (table.columns(), table.rows());
    let place = |name: &str| columns.iter().position(|column| column == name).unwrap();
    let shown = |row: &Vec<serde_json::Value>| {
        let object = row[place("object")].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        format!("{object}:{} {}", row[place("line")], row[place("rule")].as_str().unwrap())
    };
    let mut rows: Vec<String> = rows.iter().map(shown).collect();
    rows.sort_unstable();
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_meet_the_mended_contract_are_landed_once_and_the_others_stay() {
    let mut shop = shop();
    shop.run().await;
    assert_eq!(totals(&shop).await, (2, 6, 3, 3, 0));
    assert_eq!(held(&shop).await, ["1.ndjson:2 one_of", "2.ndjson:1 one_of", "2.ndjson:2 one_of"]);
    let before = replayed(&shop, &["answers"], false).await.unwrap();
    assert!(!before.committed, "nothing was mended");

    mended(&mut shop);
    let trial = replayed(&shop, &[], true).await.unwrap();
    assert_eq!((trial.committed, trial.sources[0].read, trial.sources[0].accepted), (false, 3, 2));
    assert_eq!(totals(&shop).await, (2, 6, 3, 3, 0), "a dry run changes nothing");

    let report = replayed(&shop, &["answers"], false).await.unwrap();
    let source = &report.sources[0];
    assert!(report.committed);
    assert_eq!((source.rows, source.read, source.accepted, source.quarantined), (3, 3, 2, 1));
    assert_eq!(source.by_rule, [("between".to_owned(), 1)].into());
    assert_eq!(totals(&shop).await, (2, 6, 5, 1, 0));
    assert_eq!(held(&shop).await, ["2.ndjson:1 between"], "what is wrong with it now");

    let again = replayed(&shop, &["answers"], false).await.unwrap();
    assert_eq!((again.committed, again.sources[0].accepted), (false, 0), "there is nothing left to do");
    assert_eq!(totals(&shop).await, (2, 6, 5, 1, 0));

    let report = shop.run().await;
    assert!(report.committed && report.sources.iter().all(|source| source.totals.files == 0));
    let mut fresh = self::shop();
    mended(&mut fresh);
    fresh.run().await;
    assert_eq!(shop.published("daily").await, fresh.published("daily").await);
    assert_eq!(totals(&shop).await, totals(&fresh).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_was_sent_again_meanwhile_is_a_duplicate_and_a_conflict_stays_one() {
    let mut shop = shop();
    shop.raw("3.ndjson", &[&answer("a", DAY, "web", 1)]);
    shop.run().await;
    assert_eq!(held(&shop).await[3], "3.ndjson:1 conflict");
    mended(&mut shop);
    // The same row in a file that came after the contract was mended.
    shop.raw("4.ndjson", &[&answer("b", DAY, "fax", 4)]);
    let report = shop.run().await;
    assert!(report.warnings.iter().any(|warning| warning.contains("cxmill quarantine replay answers")), "{report:?}");
    assert_eq!(totals(&shop).await, (4, 8, 4, 4, 0));
    replayed(&shop, &[], false).await.unwrap();
    assert_eq!(totals(&shop).await, (4, 8, 5, 2, 1));
    assert_eq!(held(&shop).await, ["2.ndjson:1 between", "3.ndjson:1 conflict"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_gone_changed_or_damaged_leave_their_rows_where_they_are() {
    let mut shop = shop();
    shop.raw("3.ndjson", &[&answer("g", DAY, "fax", 1)]);
    std::fs::write(shop.path("data/raw/answers/4.ndjson.gz"), b"\x1f\x8b no gzip at all").unwrap();
    shop.run().await;
    mended(&mut shop);
    std::fs::remove_file(shop.path("data/raw/answers/1.ndjson")).unwrap();
    shop.raw("2.ndjson", &[&answer("x", DAY, "fax", 1), &answer("y", DAY, "web", 1)]);
    let report = replayed(&shop, &[], false).await.unwrap();
    let source = &report.sources[0];
    assert_eq!((source.rows, source.read, source.accepted), (5, 1, 1));
    let left: Vec<_> = source.left.iter().map(|left| (left.rows, left.why.as_str())).collect();
    assert_eq!(left, [(1, "it is gone"), (2, "it changed after it was read"), (1, "it is damaged")]);
    assert_eq!(
        held(&shop).await,
        ["1.ndjson:2 one_of", "2.ndjson:1 one_of", "2.ndjson:2 one_of", "4.ndjson.gz:1 damaged"]
    );
    assert_eq!(totals(&shop).await, (4, 8, 4, 4, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_refused_by_its_header_is_read_as_a_whole() {
    let mut shop = shop();
    for file in ["1.ndjson", "2.ndjson"] {
        std::fs::remove_file(shop.path("data/raw/answers").join(file)).unwrap();
    }
    let required = "channel: {type: string, required: true, one_of: [web, app, phone]}";
    shop.pipeline = shop.pipeline.replace("format: ndjson", "format: csv");
    assert!(shop.pipeline.contains(required));
    shop.raw("1.csv", &["id,at,channel,score", "a,2026-01-01T10:00:00Z,web,10"]);
    // Cells with line ends: a record is found by the line it begins at.
    shop.raw("2.csv", &["id,at,score,note", "b,2026-01-01T10:00:00Z,1,\"x", "y\"", "c,2026-01-01T11:00:00Z,77,z"]);
    shop.run().await;
    assert_eq!((totals(&shop).await, held(&shop).await), ((2, 2, 1, 1, 0), vec!["2.csv:1 header".to_owned()]));
    shop.pipeline = shop.pipeline.replace(required, "channel: {type: string, one_of: [web, app, phone]}");
    let report = replayed(&shop, &[], false).await.unwrap();
    assert_eq!((report.sources[0].rows, report.sources[0].read, report.sources[0].accepted), (1, 2, 1));
    assert_eq!((totals(&shop).await, held(&shop).await), ((2, 3, 2, 1, 0), vec!["2.csv:4 between".to_owned()]));
    shop.pipeline = shop.pipeline.replace("between: [0, 10]", "between: [0, 100]");
    replayed(&shop, &[], false).await.unwrap();
    assert_eq!((totals(&shop).await, held(&shop).await), ((2, 3, 3, 0, 0), Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contract_that_forbids_what_is_landed_has_to_be_read_again_first() {
    let mut shop = shop();
    shop.run().await;
    mended(&mut shop);
    shop.pipeline = shop.pipeline.replace("between: [0, 10]", "between: [0, 9]");
    let error = replayed(&shop, &[], false).await.unwrap_err();
    assert!(
        matches!(&error, EngineError::Data { help: Some(help), .. } if help.contains("--full-refresh")),
        "{error:?}"
    );
    let error = replayed(&shop, &["answer"], false).await.unwrap_err();
    let EngineError::Invalid(diagnostics) = error else { panic!("{error:?}") };
    assert_eq!(diagnostics[0].help.as_deref(), Some("did you mean `answers`?"));
    shop.try_run(&RunOptions { full_refresh: true, ..RunOptions::default() }).await.unwrap();
    assert_eq!(totals(&shop).await.3, 2, "what meets the contract is landed, and the rest is in quarantine");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wider_integer_takes_in_what_did_not_fit() {
    let mut shop = Shop::new();
    shop.pipeline = shop.pipeline.replace("score: {type: int8, between: [0, 10]}", "score: {type: int8}");
    shop.raw("1.ndjson", &[&answer("a", DAY, "web", 100), &answer("b", DAY, "web", 300)]);
    shop.run().await;
    assert_eq!(held(&shop).await, ["1.ndjson:2 type"]);
    shop.pipeline = shop.pipeline.replace("score: {type: int8}", "score: {type: int16}");
    replayed(&shop, &[], false).await.unwrap();
    // The same row once more, which was landed as the narrower type.
    shop.raw("2.ndjson", &[&answer("a", DAY, "web", 100)]);
    shop.run().await;
    assert_eq!(totals(&shop).await, (2, 3, 2, 0, 1));
    assert!(shop.published("daily").await.contains("| 2026-01-01 | web     | 2       | 200.0 |"));
}
