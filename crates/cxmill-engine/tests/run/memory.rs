//! Queries that need much of the memory that a run may take.

use cxmill_engine::RunReport;

use crate::support::{Shop, answer};

/// All pairs of 700 answers, each told apart from all others by a text. Sets of texts cannot be written to disk.
async fn pairs(megabytes: u64) -> RunReport {
    let mut shop = Shop::new();
    shop.settings.insert("memory_limit", format!("{megabytes}MB"));
    let models = shop.pipeline.find("models:").unwrap();
    shop.pipeline.truncate(models);
    shop.pipeline.push_str(
        "models:
  pairs:
    sql: |
      SELECT count(DISTINCT a.id || b.id) AS pairs, avg(a.score) AS mean
      FROM answers a CROSS JOIN answers b
",
    );
    let lines: Vec<String> = (0..700).map(|id| answer(&format!("{id:05}"), "2026-01-01T10:00:00Z", "web", 1)).collect();
    shop.raw("1.ndjson", &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let report = shop.run().await;
    if !report.failed() {
        let rows = shop.published("pairs").await;
        assert!(rows.contains("| 490000 | 1.0  |"), "{rows}");
    }
    report
}

/// How much a query may take depends on the program's own memory, so ever less is given to it. The sizes that suffice for one thread and not
/// for two may lie within one step, and that memory wavers: so it goes down in several ways.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_two_threads_have_no_memory_for_is_left_to_one() {
    let mut last = Vec::new();
    for most in [400, 395, 398, 393] {
        for megabytes in (130..=most).rev().step_by(10) {
            let report = pairs(megabytes).await;
            let model = report.models.iter().find(|model| model.name == "pairs").unwrap();
            if model.why.contains("on one thread") {
                assert_eq!(model.action, "built", "{}", model.why);
                return;
            }
            if model.action != "built" {
                last.push(format!("{megabytes} MB: {}", model.why));
                break;
            }
        }
    }
    panic!("two threads have memory for anything that one has memory for: {last:?}");
}
