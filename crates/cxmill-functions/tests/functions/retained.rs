//! Journeys, retention and survival that others have counted: the files of `tests/golden`.

use std::path::PathBuf;

use datafusion::prelude::{CsvReadOptions, SessionConfig, SessionContext};

use crate::{context, context_with, query, rows};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name)
}

async fn table(ctx: &SessionContext, name: &str, file: &str) {
    let path = golden(file);
    ctx.register_csv(name, path.to_str().unwrap(), CsvReadOptions::new()).await.unwrap();
}

pub(crate) async fn with(tables: &[(&str, &str)]) -> SessionContext {
    let ctx = context_with(SessionConfig::new().with_target_partitions(3).with_batch_size(100));
    for (name, file) in tables {
        table(&ctx, name, file).await;
    }
    ctx
}

/// Rows of `found` and `expected` that are not the same in all columns of `keys`, or differ by more than 1e-9 in `numbers`.
pub(crate) async fn differences(ctx: &SessionContext, keys: &[&str], numbers: &[&str]) -> Vec<String> {
    let on: Vec<String> = keys.iter().map(|key| format!("f.{key} = e.{key}")).collect();
    let far: Vec<String> = numbers.iter().map(|number| format!("NOT (abs(f.{number} - e.{number}) <= 1e-9)")).collect();
    let sql = format!(
        "SELECT * FROM found f FULL JOIN expected e ON {} WHERE f.{first} IS NULL OR e.{first} IS NULL OR {}",
        on.join(" AND "),
        far.join(" OR "),
        first = keys[0],
    );
    rows(ctx, &sql).await
}

pub(crate) async fn found(ctx: &SessionContext, sql: &str) {
    let batch = query(ctx, sql).await;
    ctx.register_batch("found", batch).unwrap();
}

#[tokio::test]
async fn curves_of_random_customers_equal_lifelines() {
    let ctx = with(&[("customers", "survival/random_customers.csv"), ("expected", "survival/random_curves.csv")]).await;
    let points: Vec<String> = ["0.95", "0.9", "0.5", "0.99"]
        .iter()
        .enumerate()
        .map(|(i, confidence)| {
            format!(
                "SELECT \"case\", unnest(kaplan_meier(duration, event, {confidence})) AS p FROM customers \
                 WHERE \"case\" % 4 = {i} GROUP BY \"case\""
            )
        })
        .collect();
    let sql = format!(
        "SELECT \"case\", p['time'] AS time, p['at_risk'] AS at_risk, p['events'] AS events, p['censored'] AS censored, \
         p['survival'] AS survival, p['low'] AS low, p['high'] AS high FROM ({})",
        points.join(" UNION ALL ")
    );
    found(&ctx, &sql).await;
    let keys = ["\"case\"", "time", "at_risk", "events", "censored"];
    assert_eq!(differences(&ctx, &keys, &["survival", "low", "high"]).await, Vec::<String>::new());
    assert_eq!(rows(&ctx, "SELECT count(*) > 500 FROM found").await, ["true"]);
}

#[tokio::test]
async fn curves_by_contract_equal_lifelines() {
    let ctx = with(&[("customers", "survival/telco_customers.csv"), ("expected", "survival/telco_curves.csv")]).await;
    // The file holds counts: each customer is made again.
    let each =
        "SELECT contract, tenure, churned FROM customers JOIN generate_series(1, 1000) AS n(n) ON n <= customers";
    let sql = format!(
        "SELECT contract, p['time'] AS time, p['at_risk'] AS at_risk, p['events'] AS events, p['censored'] AS censored, \
         p['survival'] AS survival, p['low'] AS low, p['high'] AS high FROM (\
         SELECT contract, unnest(kaplan_meier(tenure, churned, 0.95)) AS p FROM ({each}) GROUP BY contract \
         UNION ALL SELECT 'all', unnest(kaplan_meier(tenure, churned, 0.95)) FROM ({each}))"
    );
    found(&ctx, &sql).await;
    let keys = ["contract", "time", "at_risk", "events", "censored"];
    assert_eq!(differences(&ctx, &keys, &["survival", "low", "high"]).await, Vec::<String>::new());
    assert_eq!(rows(&ctx, "SELECT max(at_risk) FROM found").await, ["7043"]);
}

#[tokio::test]
async fn medians_equal_lifelines() {
    let ctx = with(&[
        ("random", "survival/random_customers.csv"),
        ("telco", "survival/telco_customers.csv"),
        ("medians", "survival/medians.csv"),
    ])
    .await;
    let sql = "SELECT m.\"set\", m.\"case\" FROM medians m LEFT JOIN (\
               SELECT 'random' AS s, CAST(\"case\" AS VARCHAR) AS c, median_survival(duration, event) AS median FROM random GROUP BY 2 \
               UNION ALL SELECT 'telco', contract, median_survival(tenure, churned) FROM telco \
               JOIN generate_series(1, 1000) AS n(n) ON n <= customers GROUP BY contract \
               UNION ALL SELECT 'telco', 'all', median_survival(tenure, churned) FROM telco \
               JOIN generate_series(1, 1000) AS n(n) ON n <= customers) f ON f.s = m.\"set\" AND f.c = m.\"case\" \
               WHERE f.s IS NULL OR f.median IS DISTINCT FROM m.median";
    assert_eq!(rows(&ctx, sql).await, Vec::<String>::new());
}

#[tokio::test]
async fn half_is_half_whatever_the_rounding() {
    // n customers leave one by one: half are left after n / 2.
    let sql = "SELECT sum(CASE WHEN m = n / 2 THEN 0 ELSE 1 END) FROM (\
               SELECT n, median_survival(k, true) AS m FROM generate_series(2, 300, 2) AS a(n) \
               JOIN generate_series(1, 300) AS b(k) ON k <= n GROUP BY n)";
    assert_eq!(rows(&context(), sql).await, ["0"]);
}

#[tokio::test]
async fn parameters_of_the_paper_s_two_cohorts() {
    // Fader & Hardie 2007, table 1: 1,000 customers each, those left after each of the first seven years.
    let cohorts = [
        ([869, 743, 653, 593, 551, 517, 491], [0.668, 3.806, -1611.158]),
        ([631, 468, 382, 326, 289, 262, 241], [0.704, 1.182, -1680.265]),
    ];
    for (survivors, expected) in cohorts {
        let mut tenures = vec![format!("(7, false, {})", survivors[6])];
        let mut before = 1_000;
        for (year, survivors) in survivors.iter().enumerate() {
            tenures.push(format!("({}, true, {})", year + 1, before - survivors));
            before = *survivors;
        }
        let sql = format!(
            "SELECT round(f['alpha'], 3), round(f['beta'], 3), round(f['log_likelihood'], 3), f['converged'] FROM (\
             SELECT sbg_fit(tenure, churned) AS f FROM (VALUES {}) AS t(tenure, churned, customers) \
             JOIN generate_series(1, 1000) AS n(n) ON n <= customers)",
            tenures.join(", ")
        );
        let [alpha, beta, log_likelihood] = expected;
        assert_eq!(rows(&context(), &sql).await, [format!("{alpha}, {beta}, {log_likelihood}, true")]);
    }
}

#[tokio::test]
async fn daily_retention_of_the_game_s_players() {
    let ctx = with(&[("played", "journey/gamelaunch_days.csv")]).await;
    let days: Vec<String> = (0..=10).map(|day| format!("day = first + {day}")).collect();
    let counts: Vec<String> = (1..=11).map(|i| format!("sum(CAST(came[{i}] AS INT))")).collect();
    let sql = format!(
        "SELECT {} FROM (SELECT player, first, retention({}) AS came FROM (\
         SELECT player, day, min(day) OVER (PARTITION BY player) AS first FROM played) GROUP BY player, first) \
         GROUP BY first ORDER BY first",
        counts.join(", "),
        days.join(", ")
    );
    let expected = [
        "96, 65, 55, 46, 46, 45, 44, 33, 34, 31, 26",
        "200, 117, 96, 84, 82, 76, 62, 72, 63, 52, 59",
        "370, 207, 181, 152, 138, 127, 114, 98, 95, 89, 84",
    ];
    assert_eq!(rows(&ctx, &sql).await, expected);
}

#[tokio::test]
async fn funnel_and_retention_of_dbt_product_analytics() {
    let folder = "journey/dbt_product_analytics";
    let ctx = with(&[
        ("simple", &format!("{folder}/raw_orders_simple.csv")),
        ("orders", &format!("{folder}/raw_orders.csv")),
        ("funnel_expected", &format!("{folder}/dmt_expected__funnel_simple.csv")),
        ("retention_expected", &format!("{folder}/dmt_expected__retention.csv")),
    ])
    .await;
    let funnel = "SELECT event_type, unique_users, sum(CASE WHEN steps >= step THEN 1 ELSE 0 END) FROM (\
                  SELECT customer_id, funnel(INTERVAL '3650 days', order_date, status = 'placed', status = 'completed', \
                  status = 'returned') AS steps FROM simple GROUP BY customer_id) CROSS JOIN (\
                  SELECT event_type, unique_users, CASE event_type WHEN 'placed' THEN 1 WHEN 'completed' THEN 2 ELSE 3 END AS step \
                  FROM funnel_expected) GROUP BY 1, 2 ORDER BY 2 DESC";
    assert_eq!(rows(&ctx, funnel).await, ["placed, 6, 6", "completed, 5, 5", "returned, 2, 2"]);

    let later = |days: u32| format!("status = 'completed' AND order_date >= first + {days}");
    let retention = format!(
        "SELECT period, unique_users, sum(CAST(CASE period WHEN 0 THEN came[2] WHEN 1 THEN came[3] WHEN 7 THEN came[4] \
         ELSE came[5] END AS INT)), count(*) FROM (\
         SELECT user_id, retention(true, {}, {}, {}, {}) AS came FROM (\
         SELECT user_id, status, CAST(order_date AS INT) AS order_date, \
         CAST(min(order_date) OVER (PARTITION BY user_id) AS INT) AS first \
         FROM orders WHERE order_date BETWEEN DATE '2018-01-01' AND DATE '2018-01-31') GROUP BY user_id) \
         CROSS JOIN retention_expected GROUP BY 1, 2 ORDER BY 1",
        later(0),
        later(1),
        later(7),
        later(14)
    );
    assert_eq!(rows(&ctx, &retention).await, ["0, 19, 19, 24", "1, 4, 4, 24", "7, 3, 3, 24", "14, 3, 3, 24"]);
}
