//! How conversions are shared out.

use proptest::prelude::*;

use crate::{context, rows};

const TOUCHES: &str = "(VALUES (1, TIMESTAMP '2026-01-01T10:00:00', 'search'), (1, TIMESTAMP '2026-01-05T10:00:00', 'email'), \
                       (1, TIMESTAMP '2026-01-05T10:00:00', 'affiliate'), (1, TIMESTAMP '2026-01-15T10:00:00', 'social'), \
                       (1, TIMESTAMP '2026-01-15T10:00:00', 'social'), (2, TIMESTAMP '2026-01-01T10:00:00', 'email'), \
                       (2, TIMESTAMP '2026-01-03T10:00:00', 'email'), (3, TIMESTAMP '2026-01-01T10:00:00', 'search'), \
                       (4, NULL, 'search'), (4, TIMESTAMP '2026-01-01T10:00:00', NULL)) AS touches(order_id, at, touch)";

async fn shares(model: &str) -> Vec<String> {
    let sql = format!(
        "SELECT order_id, t['touch'], round(t['share'], 6) FROM (SELECT order_id, unnest(attribution(at, touch, {model})) AS t \
         FROM {TOUCHES} GROUP BY order_id) ORDER BY order_id, t['event_time'], t['touch']"
    );
    rows(&context(), &sql).await
}

#[tokio::test]
async fn each_model_shares_as_it_says() {
    // Touches at one time come by their text, so affiliate is before email; the two rows of social are one touch; conversion 4 has none.
    let names = ["1, search", "1, affiliate", "1, email", "1, social", "2, email", "2, email", "3, search"];
    let expected = [
        ("'first'", [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0]),
        ("'last'", [0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0]),
        ("'linear'", [0.25, 0.25, 0.25, 0.25, 0.5, 0.5, 1.0]),
        ("'position'", [0.4, 0.1, 0.1, 0.4, 0.5, 0.5, 1.0]),
        // 14, 10, 10 and 0 days before the last one: 2⁻²·⁸, 2⁻², 2⁻² and 1 of their sum; two days: 2⁻⁰·⁴ and 1.
        ("'time_decay', INTERVAL '5 days'", [0.087_362, 0.152_106, 0.152_106, 0.608_425, 0.431_126, 0.568_874, 1.0]),
    ];
    for (model, values) in expected {
        let expected: Vec<String> =
            names.iter().zip(values).map(|(name, share)| format!("{name}, {share:?}")).collect();
        assert_eq!(shares(model).await, expected, "{model}");
    }
}

#[tokio::test]
async fn dates_are_taken_and_no_touch_is_an_empty_list() {
    let ctx = context();
    let dates = "SELECT attribution(day, touch, 'time_decay', INTERVAL '1 day') FROM (VALUES (DATE '2026-01-02', 'b'), \
                 (DATE '2026-01-01', 'a'), (DATE '2025-12-31', 'a')) AS touches(day, touch)";
    let shown = rows(&ctx, dates).await.remove(0);
    let ends: Vec<&str> = shown.split("share: ").skip(1).collect();
    assert!(
        ends[0].starts_with("0.142857") && ends[1].starts_with("0.285714") && ends[2].starts_with("0.571428"),
        "{shown}"
    );
    let none = "SELECT attribution(day, touch, 'linear') FROM (VALUES (DATE '2026-01-02', 'b')) AS touches(day, touch) WHERE touch = 'c'";
    assert_eq!(rows(&ctx, none).await, ["[]"]);
    let long = "SELECT t['share'] >= 0 FROM (SELECT unnest(attribution(day, 'a', 'time_decay', INTERVAL '1 nanosecond')) AS t \
                FROM (VALUES (DATE '0001-01-01'), (DATE '2026-01-01')) AS touches(day))";
    assert_eq!(rows(&ctx, long).await, ["true", "true"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn shares_add_up_to_one(seconds in prop::collection::vec(0..10_000_000_u32, 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let values: Vec<String> = seconds.iter().map(|second| format!("({second}, 'c{}')", second % 7)).collect();
        let sums = ["'first'", "'last'", "'linear'", "'position'", "'time_decay', INTERVAL '2 days'"].map(|model| {
            format!(
                "SELECT abs(sum(t['share']) - 1) <= 1e-12, min(t['share']) >= 0 FROM (SELECT unnest(attribution(\
                 to_timestamp_seconds(second), touch, {model})) AS t FROM (VALUES {}) AS touches(second, touch))",
                values.join(", ")
            )
        });
        for sql in sums {
            let shown = runtime.block_on(async { rows(&context(), &sql).await });
            prop_assert_eq!(shown, ["true, true".to_owned()], "{}", sql);
        }
    }
}
