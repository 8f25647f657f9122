//! Checks that change, checks that read the as-of, and models that are withheld.

use cxmill_engine::{ModelAction, RunOptions, plan, status};

use crate::support::{Shop, action, answer, compiled, planned};

fn first() -> Shop {
    let shop = Shop::new();
    shop.raw(
        "1.ndjson",
        &[&answer("a", "2026-01-01T10:00:00Z", "web", 10), &answer("b", "2026-02-03T11:00:00Z", "app", 5)],
    );
    shop
}

fn with_check(pipeline: &str, check: &str) -> String {
    pipeline.replace("    output: {partition_by", &format!("    checks: [{check}]\n    output: {{partition_by"))
}

async fn state_of(shop: &Shop, model: &str) -> (String, Option<String>) {
    let context = shop.context();
    let status = status(&context, &compiled(&context).await).await.unwrap();
    let model = status.models.into_iter().find(|found| found.name == model).unwrap();
    (model.state, model.withheld.map(|withheld| withheld.why))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_check_is_judged_on_the_rows_that_stand() {
    let mut shop = first();
    shop.run().await;
    let plain = shop.pipeline.clone();
    let before = shop.files("data/output");

    shop.pipeline = with_check(&plain, "{between: {column: mean, min: 0, max: 10}}");
    assert_eq!(state_of(&shop, "daily").await.0, "changed");
    assert_eq!(
        planned(&shop).await,
        [("scored", ModelAction::Inline), ("daily", ModelAction::Judge), ("total", ModelAction::Keep)]
            .map(|(name, action)| (name.to_owned(), action))
    );
    let report = shop.run().await;
    assert!(report.committed && !report.failed());
    assert_eq!((action(&report, "daily"), action(&report, "total")), ("kept", "kept"));
    assert!(report.checks.iter().any(|check| check.check == "between(mean)"), "{:?}", report.checks);
    assert_eq!(shop.files("data/output"), before, "no row changed, so nothing is published again");
    assert!(!shop.run().await.committed, "what was judged is known");

    shop.pipeline = with_check(&plain, "{between: {column: mean, min: 0, max: 9}}");
    let report = shop.run().await;
    assert!(report.failed());
    assert_eq!(action(&report, "daily"), "withheld");
    assert_eq!(shop.files("data/output"), before, "what was published stays");
    assert_eq!(state_of(&shop, "daily").await, ("withheld".to_owned(), Some("check between(mean) failed".to_owned())));
    assert_eq!(state_of(&shop, "total").await.0, "withheld", "its reader waits for it");
    let report = shop.run().await;
    assert!(report.failed() && !report.committed, "it fails until it is mended, and there is nothing new to record");

    shop.pipeline = plain;
    assert!(!shop.run().await.failed());
    assert_eq!(state_of(&shop, "daily").await, ("current".to_owned(), None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_reads_the_as_of_is_judged_again_when_it_moves() {
    let as_of = |at: &str| RunOptions { as_of: Some(at.parse().unwrap()), ..RunOptions::default() };
    let stale = "SELECT * FROM daily WHERE day < CAST($as_of AS DATE) - 60";
    for check in ["{fresh: {column: day, within: 30d}}", &format!("{{sql: {stale}}}")] {
        let mut shop = first();
        shop.pipeline = with_check(&shop.pipeline, check);
        assert!(!shop.run().await.failed(), "{check}");
        let context = shop.context();
        let later = as_of("2026-06-01T00:00:00Z");
        let planned = plan(&context, &compiled(&context).await, &later).await.unwrap();
        let daily = planned.models.iter().find(|model| model.name == "daily").unwrap();
        assert_eq!(daily.action, ModelAction::Judge, "{check}");
        let report = shop.try_run(&later).await.unwrap();
        assert!(report.failed(), "{check}");
        assert_eq!(action(&report, "daily"), "withheld");
        let status = status(&context, &compiled(&context).await).await.unwrap();
        let daily = status.models.iter().find(|model| model.name == "daily").unwrap();
        assert_eq!(daily.withheld.as_ref().unwrap().as_of.as_deref(), Some("2026-06-01T00:00:00Z"));
        let report = shop.try_run(&as_of("2026-02-10T00:00:00Z")).await.unwrap();
        assert_eq!((report.failed(), action(&report, "daily")), (false, "kept"), "{check}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_fails_its_check_is_withheld_in_the_status_until_it_is_built() {
    let mut shop = first();
    shop.pipeline = with_check(&shop.pipeline, "{between: {column: mean, min: 0, max: 9}}");
    assert!(shop.run().await.failed());
    assert_eq!(state_of(&shop, "daily").await, ("withheld".to_owned(), Some("check between(mean) failed".to_owned())));
    assert_eq!(state_of(&shop, "total").await, ("withheld".to_owned(), Some("daily is withheld".to_owned())));
    // A run that selects neither leaves what is known of them.
    shop.pipeline.push_str("  other:\n    sql: SELECT count(*) AS answers FROM answers\n");
    let options = RunOptions { select: vec!["other".to_owned()], ..RunOptions::default() };
    assert!(!shop.try_run(&options).await.unwrap().failed());
    assert_eq!(state_of(&shop, "daily").await.0, "withheld");
    shop.raw("2.ndjson", &[&answer("c", "2026-01-01T10:00:00Z", "web", 0)]);
    assert!(!shop.run().await.failed());
    assert_eq!(state_of(&shop, "daily").await.0, "current");
}
