//! Queries that need much of the memory that a run may take.

use cxmill_engine::RunReport;

use crate::support::{Shop, answer};

/// All pairs of these answers, each told apart from all others by a text. Sets of texts cannot be written to disk.
async fn pairs(answers: usize, threads: usize) -> RunReport {
    let mut shop = Shop::new();
    shop.settings.insert("threads", threads.to_string());
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
    let lines: Vec<String> =
        (0..answers).map(|id| answer(&format!("{id:05}"), "2026-01-01T10:00:00Z", "web", 1)).collect();
    shop.raw("1.ndjson", &lines.iter().map(String::as_str).collect::<Vec<_>>());
    shop.run().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_two_threads_have_no_memory_for_is_left_to_one() {
    let mut alone = 0;
    for answers in [900, 1000, 1100, 1200, 1300] {
        let (one, two) = (pairs(answers, 1).await, pairs(answers, 2).await);
        let of = |report: &RunReport| report.models.iter().find(|model| model.name == "pairs").unwrap().clone();
        let (one, two) = (of(&one), of(&two));
        assert_eq!(one.action, two.action, "{answers}: {} and {}", one.why, two.why);
        assert!(!one.why.contains("thread"), "{}", one.why);
        alone += u32::from(two.why.contains("on one thread"));
    }
    assert!(alone > 0, "memory was never short for two threads alone");
}
