//! Sources whose files move, outputs that are another's, objects that are lost, and rows from the future.

use std::path::Path;

use cxmill_engine::{EngineError, ModelAction, RunOptions, plan, status};

use crate::support::{Shop, action, answer, compiled, model, planned};

fn first() -> Shop {
    let mut shop = Shop::new();
    shop.raw("1.ndjson", &[&answer("a", "2026-01-01T10:00:00Z", "web", 10)]);
    shop.raw("2.ndjson", &[&answer("b", "2026-02-03T11:00:00Z", "app", 5)]);
    // Without a key nothing but the names of files stands between a row and its double.
    shop.pipeline = shop.pipeline.replace("    unique_key: [id]\n", "");
    shop
}

/// Copies a folder; copies are younger than what they were made of.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

fn data(error: EngineError) -> (String, Vec<String>, String) {
    let EngineError::Data { message, details, help } = error else { panic!("{error:?}") };
    (message, details, help.unwrap_or_default())
}

fn store(error: EngineError) -> (String, String) {
    let EngineError::Store { message, help } = error else { panic!("{error:?}") };
    (message, help.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_moved_with_their_location_are_not_read_again() {
    let mut shop = first();
    shop.run().await;
    let before = shop.published("total").await;
    copy(&shop.path("data/raw/answers"), &shop.path("data/elsewhere/in"));
    std::fs::remove_dir_all(shop.path("data/raw/answers")).unwrap();
    shop.pipeline = shop.pipeline.replace("${raw}/answers/", "data/elsewhere/in/*.ndjson");
    let context = shop.context();
    let planned = plan(&context, &compiled(&context).await, &RunOptions::default()).await.unwrap();
    assert_eq!((planned.sources[0].new_files, planned.sources[0].known_files), (0, 2));
    assert_eq!(planned.sources[0].why, "its location was data/raw/answers: 2 files are there and are not read again");
    let report = shop.run().await;
    assert!(report.committed, "the new place is recorded");
    assert_eq!(report.sources[0].totals.read, 0);
    assert!(report.warnings[0].contains("is now data/elsewhere/in"), "{:?}", report.warnings);
    assert_eq!(shop.published("total").await, before);
    let report = shop.run().await;
    assert!(!report.committed && report.warnings.is_empty(), "and from then on it is the place");
    std::fs::write(shop.path("data/elsewhere/in/3.ndjson"), answer("c", "2026-02-04T00:00:00Z", "web", 1)).unwrap();
    assert_eq!(shop.run().await.sources[0].totals.read, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_does_not_hold_what_was_read_stops_the_run() {
    let mut shop = first();
    shop.run().await;
    let before = shop.files("data/output");
    // The same files one folder deeper would be two new ones.
    copy(&shop.path("data/raw/answers"), &shop.path("data/elsewhere/2026"));
    shop.pipeline = shop.pipeline.replace("${raw}/answers/", "data/elsewhere/");
    let context = shop.context();
    let planned = plan(&context, &compiled(&context).await, &RunOptions::default()).await.unwrap();
    assert_eq!(planned.stops.len(), 1);
    assert!(matches!(planned.refusal, Some(EngineError::Data { .. })));
    let (message, details, help) = data(shop.try_run(&RunOptions::default()).await.unwrap_err());
    assert_eq!(
        message,
        "source answers: its location was data/raw/answers and is now data/elsewhere, where 0 of the 2 files that were \
         read are found (by name below the location, and size)"
    );
    assert_eq!(planned.stops, [message]);
    assert_eq!(details, ["1.ndjson: not there", "2.ndjson: not there"]);
    assert!(help.contains("--relocate"), "{help}");
    assert_eq!(shop.files("data/output"), before);
    // One file is the same, one is not there, one is new: whoever says so goes on with the new one alone.
    std::fs::rename(shop.path("data/elsewhere/2026/1.ndjson"), shop.path("data/elsewhere/1.ndjson")).unwrap();
    std::fs::remove_file(shop.path("data/elsewhere/2026/2.ndjson")).unwrap();
    std::fs::write(shop.path("data/elsewhere/3.ndjson"), answer("c", "2026-02-04T00:00:00Z", "web", 1)).unwrap();
    assert!(shop.try_run(&RunOptions::default()).await.is_err());
    let report = shop.try_run(&RunOptions { relocate: true, ..RunOptions::default() }).await.unwrap();
    assert_eq!((report.sources[0].totals.files, report.sources[0].totals.read), (1, 1));
    assert!(shop.published("total").await.contains("| 3 "));
    assert!(!shop.run().await.committed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_selected_run_retires_nothing_and_a_whole_one_says_what_it_retires() {
    let mut shop = first();
    shop.run().await;
    let start = shop.pipeline.find("  total:").unwrap();
    shop.pipeline.truncate(start);
    let select = RunOptions { select: vec!["daily".to_owned()], ..RunOptions::default() };
    shop.raw("3.ndjson", &[&answer("c", "2026-02-04T00:00:00Z", "web", 1)]);
    assert!(shop.try_run(&select).await.unwrap().committed);
    assert_eq!(shop.partitions("total"), ["part-0.parquet"], "it was not selected to go");
    let context = shop.context();
    let planned_select = plan(&context, &compiled(&context).await, &select).await.unwrap();
    assert!(planned_select.models.iter().all(|model| model.action != ModelAction::Retire));
    assert_eq!(planned(&shop).await.last().unwrap(), &("total".to_owned(), ModelAction::Retire));
    let report = shop.run().await;
    assert!(report.committed);
    assert_eq!(action(&report, "total"), "retired");
    assert_eq!(shop.partitions("total"), ["part-0.parquet"], "readers that have listed the folder have an hour");
    shop.now += chrono::TimeDelta::minutes(59);
    assert!(!shop.run().await.committed);
    assert_eq!(planned(&shop).await.last().unwrap(), &("total".to_owned(), ModelAction::Keep));
    // The clock of another machine may be behind.
    shop.now -= chrono::TimeDelta::minutes(60);
    assert!(!shop.run().await.committed);
    shop.now += chrono::TimeDelta::minutes(62);
    assert_eq!(planned(&shop).await.last().unwrap(), &("total".to_owned(), ModelAction::Remove));
    assert!(!shop.try_run(&select).await.unwrap().committed, "it was not selected to go");
    assert_eq!(action(&shop.run().await, "total"), "removed");
    assert_eq!(shop.partitions("total"), Vec::<String>::new());
    // A model that becomes a view loses its table too, at once where everything is built anew.
    shop.pipeline = shop
        .pipeline
        .replace("  daily:\n", "  daily:\n    strategy: view\n")
        .replace("    grain: [day, channel]\n    output: {partition_by: {month: day}, sort_by: [channel, day]}\n", "");
    assert_eq!(planned(&shop).await.last().unwrap(), &("daily".to_owned(), ModelAction::Retire));
    assert!(shop.run().await.committed);
    assert_eq!(shop.partitions("daily").len(), 2);
    assert!(shop.show("daily", None, 1).await.is_err(), "a view is not published");
    assert!(shop.try_run(&RunOptions { full_refresh: true, ..RunOptions::default() }).await.unwrap().committed);
    assert_eq!(shop.partitions("daily"), Vec::<String>::new());
    assert!(!shop.run().await.committed);
    assert_eq!(planned(&shop).await.last().unwrap(), &("daily".to_owned(), ModelAction::Inline));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retired_model_that_comes_back_in_time_is_taken_up_where_it_stood() {
    let mut shop = first();
    shop.run().await;
    let (whole, published) = (shop.pipeline.clone(), shop.published("daily").await);
    let start = shop.pipeline.find("  daily:").unwrap();
    shop.pipeline.truncate(start);
    assert_eq!(action(&shop.run().await, "daily"), "retired");
    shop.pipeline = whole;
    let report = shop.run().await;
    assert!(report.committed);
    assert_eq!((action(&report, "daily"), action(&report, "total")), ("kept", "kept"));
    // It counts as any other again: of new rows the states of old ones are not made again, and no hour ends its table.
    shop.now += chrono::TimeDelta::hours(2);
    assert!(!shop.run().await.committed);
    shop.raw("3.ndjson", &[&answer("c", "2026-02-04T00:00:00Z", "web", 1)]);
    let report = shop.run().await;
    assert_eq!((action(&report, "daily"), model(&report, "daily").partitions_touched), ("built", Some(1)));
    let now = shop.published("daily").await;
    assert_eq!(now.lines().count(), published.lines().count() + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_output_folder_of_another_state_root_stops_the_run_before_it_begins() {
    let mut shop = first();
    shop.run().await;
    let before = shop.files("data/output");
    shop.settings.insert("state", "data/other".to_owned());
    let (message, help) = store(shop.try_run(&RunOptions::default()).await.unwrap_err());
    assert!(message.contains("data/output/daily is published by the state root "), "{message}");
    assert!(help.contains("`output`") && help.contains("`state`"), "{help}");
    assert_eq!(shop.files("data/output"), before);
    assert!(!shop.path("data/other/landed").exists(), "nothing was consumed");
    shop.settings.insert("output", "data/out2".to_owned());
    assert!(shop.run().await.committed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_from_the_future_are_landed_and_do_not_move_the_as_of() {
    let shop = first();
    shop.raw("3.ndjson", &[&answer("c", "2099-01-01T00:00:00Z", "web", 1)]);
    let report = shop.run().await;
    assert_eq!(report.as_of.as_deref(), Some("2026-02-03T11:00:00Z"));
    assert_eq!(report.sources[0].totals.accepted, 3);
    assert!(report.warnings[0].contains("2099-01-01T00:00:00Z"), "{:?}", report.warnings);
    assert!(shop.published("daily").await.contains("2099-01-01"));
    // However files are batched, and whenever they are read, the as-of is the same.
    let mut other = first();
    other.max_batch_bytes = Some(1);
    other.raw("0.ndjson", &[&answer("c", "2099-01-01T00:00:00Z", "web", 1)]);
    assert_eq!(other.run().await.as_of, report.as_of);
    // Where everything lies ahead, as in a simulation, there is no other time to go by.
    let ahead = Shop::new();
    ahead.raw("1.ndjson", &[&answer("c", "2099-01-01T00:00:00Z", "web", 1)]);
    assert_eq!(ahead.run().await.as_of.as_deref(), Some("2099-01-01T00:00:00Z"));
}

/// The only object below a folder.
fn one_object(shop: &Shop, folder: &str) -> std::path::PathBuf {
    let parquet = |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "parquet");
    shop.files(folder).into_keys().find(parquet).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_landed_rows_are_named_and_a_full_refresh_reads_them_again() {
    let refresh = RunOptions { full_refresh: true, ..RunOptions::default() };
    for damage in ["gone", "cut", "spoilt"] {
        let mut shop = first();
        // A model that keeps states does not read old rows, so it would not notice.
        shop.pipeline = shop.pipeline.replace("  daily:\n", "  daily:\n    strategy: full\n");
        shop.run().await;
        let before = shop.published("daily").await;
        let object = one_object(&shop, "data/state/landed");
        let bytes = std::fs::read(&object).unwrap();
        match damage {
            "gone" => std::fs::remove_file(&object).unwrap(),
            "cut" => std::fs::write(&object, bytes.get(..bytes.len() / 2).unwrap()).unwrap(),
            _ => std::fs::write(&object, vec![7; bytes.len()]).unwrap(),
        }
        shop.raw("3.ndjson", &[&answer("c", "2026-03-04T00:00:00Z", "web", 1)]);
        let (message, help) = store(shop.try_run(&RunOptions::default()).await.unwrap_err());
        let name = object.file_name().unwrap().to_str().unwrap();
        assert!(message.contains(name) && message.contains("is lost"), "{damage}: {message}");
        assert!(help.contains("--full-refresh"), "{help}");
        assert_eq!(shop.published("daily").await, before, "{damage}");
        if damage == "spoilt" {
            std::fs::remove_file(&object).unwrap();
        }
        shop.try_run(&refresh).await.unwrap();
        assert!(shop.published("total").await.contains("| 3 "), "{damage}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_results_are_named_and_a_full_refresh_makes_them_again() {
    let mut shop = first();
    shop.run().await;
    let before = shop.published("daily").await;
    let object = one_object(&shop, "data/state/results/daily");
    std::fs::remove_file(&object).unwrap();
    assert!(!shop.run().await.committed, "what is published is whole");
    shop.pipeline = shop.pipeline.replace("sum(answers) AS answers", "sum(answers) AS all_answers");
    let (message, _) = store(shop.try_run(&RunOptions::default()).await.unwrap_err());
    assert!(message.contains("results/daily/") && message.contains("it is not there"), "{message}");
    // Nor can the output be made good any more.
    std::fs::remove_dir_all(shop.path("data/output/daily")).unwrap();
    let (message, help) = store(shop.try_run(&RunOptions::default()).await.unwrap_err());
    assert!(message.contains("results/daily/") && help.contains("--full-refresh"), "{message}");
    shop.try_run(&RunOptions { full_refresh: true, ..RunOptions::default() }).await.unwrap();
    assert_eq!(shop.published("daily").await, before);
    assert!(!shop.run().await.committed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spoilt_published_object_is_named_by_show() {
    let shop = first();
    shop.run().await;
    let object = shop.path("data/output/total/part-0.parquet");
    let bytes = std::fs::read(&object).unwrap();
    std::fs::write(&object, vec![7; bytes.len()]).unwrap();
    let (message, help) = store(shop.show("total", None, 10).await.unwrap_err());
    assert!(message.contains("data/output/total/part-0.parquet is lost"), "{message}");
    assert!(help.contains("cxmill run"), "{help}");
    std::fs::remove_file(&object).unwrap();
    let (message, _) = store(shop.show("total", None, 10).await.unwrap_err());
    assert!(message.ends_with("is lost: it is not there"), "{message}");
    shop.run().await;
    assert_eq!(shop.show("total", None, 10).await.unwrap().total_rows, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_files_are_named_in_the_report() {
    let mut shop = first();
    shop.pipeline =
        shop.pipeline.replace("format: ndjson", "format: csv").replace("error_budget: 50%", "error_budget: 9");
    for file in ["1.ndjson", "2.ndjson"] {
        std::fs::remove_file(shop.path("data/raw/answers").join(file)).unwrap();
    }
    shop.raw("1.csv", &["id,at,channel,score", "a,2026-01-01T10:00:00Z,web,10"]);
    shop.raw("2.csv", &["id,when,channel,score", "b,2026-01-01T10:00:00Z,web,10"]);
    std::fs::write(shop.path("data/raw/answers/3.csv.gz"), b"\x1f\x8b no gzip at all").unwrap();
    let report = shop.run().await;
    let damaged: Vec<_> =
        report.sources[0].damaged.iter().map(|file| (file.object.as_str(), file.rule.as_str())).collect();
    assert_eq!(damaged, [("data/raw/answers/2.csv", "header"), ("data/raw/answers/3.csv.gz", "damaged")]);
    assert!(report.sources[0].damaged.iter().all(|file| !file.reason.is_empty()));
    let context = shop.context();
    let status = status(&context, &compiled(&context).await).await.unwrap();
    assert_eq!((status.sources[0].totals.quarantined, status.sources[0].location.as_str()), (2, "data/raw/answers"));
}
