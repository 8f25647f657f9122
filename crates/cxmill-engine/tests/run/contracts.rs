//! A contract that changes after rows were landed with it: what goes on as it is, and what is said where it cannot.

use cxmill_engine::{EngineError, RunOptions};

use crate::support::{Shop, action, answer};

const CHANNEL: &str = "      channel: {type: string, required: true, one_of: [web, app, phone]}\n";
const SCORE: &str = "      score: {type: int8, between: [0, 10]}\n";

fn with_tier(id: &str, at: &str, tier: &str) -> String {
    answer(id, at, "web", 9).replace('}', &format!(r#", "tier": "{tier}"}}"#))
}

async fn built() -> Shop {
    let shop = Shop::new();
    shop.raw(
        "1.ndjson",
        &[&answer("a", "2026-01-01T10:00:00Z", "web", 10), &answer("b", "2026-02-01T10:00:00Z", "app", 4)],
    );
    shop.run().await;
    shop
}

fn change(shop: &mut Shop, from: &str, to: &str) {
    assert!(shop.pipeline.contains(from));
    shop.pipeline = shop.pipeline.replace(from, to);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_landed_before_a_column_was_added_read_null_there() {
    for strategy in ["state", "full"] {
        let mut shop = built().await;
        change(&mut shop, CHANNEL, &format!("{CHANNEL}      tier: {{type: string}}\n"));
        shop.pipeline.push_str(&format!(
            "  tiers:\n    strategy: {strategy}\n    sql: SELECT tier, count(*) AS answers FROM answers GROUP BY tier\n"
        ));
        // A row that was landed before, sent once more, and two that know the column.
        shop.raw(
            "2.ndjson",
            &[
                &answer("a", "2026-01-01T10:00:00Z", "web", 10),
                &with_tier("c", "2026-01-01T12:00:00Z", "gold"),
                &with_tier("d", "2026-02-01T12:00:00Z", "gold"),
            ],
        );
        let report = shop.run().await;
        let totals = report.sources[0].totals;
        assert_eq!((totals.accepted, totals.duplicate, totals.quarantined), (2, 1, 0));
        assert_eq!(action(&report, "daily"), "built");
        let tiers = shop.published("tiers").await;
        assert!(tiers.contains("|      | 2       |") && tiers.contains("| gold | 2       |"), "{tiers}");
        assert!(shop.published("daily").await.contains("| 2026-01-01 | web     | 2       | 9.5  |"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_may_be_listed_in_another_order() {
    let mut shop = built().await;
    let before = shop.published("daily").await;
    change(&mut shop, &format!("{CHANNEL}{SCORE}"), &format!("{SCORE}{CHANNEL}"));
    shop.raw("2.ndjson", &[&answer("a", "2026-01-01T10:00:00Z", "web", 10)]);
    let totals = shop.run().await.sources[0].totals;
    assert_eq!((totals.accepted, totals.duplicate, totals.quarantined), (0, 1, 0));
    assert_eq!(shop.published("daily").await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_landed_rows_cannot_follow_is_told_with_what_to_do() {
    let tier = format!("{CHANNEL}      tier: {{type: string, required: true}}\n");
    let cases = [
        (CHANNEL, tier.as_str(), "column tier was added and is required", "leave out `required`"),
        (
            SCORE,
            "      score: {type: double, between: [0, 10]}\n",
            "column score was int8 and is double",
            "another name",
        ),
        (SCORE, "      score: {type: int8, between: [0, 9]}\n", "column score has other rules", "--full-refresh"),
        ("unique_key: [id]", "unique_key: [id, channel]", "unique_key is another", "--full-refresh"),
    ];
    for (from, to, said, way) in cases {
        let mut shop = built().await;
        let before = shop.published("daily").await;
        change(&mut shop, from, to);
        let error = shop.try_run(&RunOptions::default()).await.unwrap_err();
        let EngineError::Data { details, help: Some(help), .. } = error else { panic!("{error:?}") };
        assert!(details.len() == 1 && details[0].starts_with(said), "{details:?}");
        assert!(help.contains("--full-refresh") && help.contains(way), "{help}");
        assert_eq!(shop.published("daily").await, before);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_is_removed_by_reading_the_source_again() {
    let mut shop = Shop::new();
    change(&mut shop, CHANNEL, &format!("{CHANNEL}      tier: {{type: string}}\n"));
    shop.raw("1.ndjson", &[&with_tier("a", "2026-01-01T10:00:00Z", "gold")]);
    shop.run().await;
    change(&mut shop, "      tier: {type: string}\n", "");
    let error = shop.try_run(&RunOptions::default()).await.unwrap_err();
    let EngineError::Data { details, help: Some(help), .. } = error else { panic!("{error:?}") };
    assert_eq!(details, ["column tier was removed"]);
    assert!(help.contains("leave what was removed in the contract"), "{help}");
    let report = shop.try_run(&RunOptions { full_refresh: true, ..RunOptions::default() }).await.unwrap();
    assert_eq!((report.sources[0].totals.read, report.sources[0].totals.accepted), (1, 1));
    shop.raw("2.ndjson", &[&with_tier("a", "2026-01-01T10:00:00Z", "silver")]);
    assert_eq!(shop.run().await.sources[0].totals.duplicate, 1, "what is not declared tells no rows apart");
}
