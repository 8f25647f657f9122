//! Hard cases of the value models: whatever the customers, results are finite and in range, or NULL with `converged` false; and
//! what is refused, in which words.

use datafusion::prelude::{SessionConfig, SessionContext};

use crate::{context, context_with, refusal, rows};

fn large_batches() -> SessionContext {
    context_with(SessionConfig::new().with_target_partitions(2))
}

/// Customers `v` from 1 to `n` with these expressions of `v`.
fn customers(n: u64, x: &str, t_x: &str, t: &str, m: &str) -> String {
    format!(
        "(SELECT v, CAST({x} AS DOUBLE) AS x, CAST(CASE WHEN {x} = 0 THEN 0 ELSE {t_x} END AS DOUBLE) AS t_x, \
         CAST({t} AS DOUBLE) AS t, CAST({m} AS DOUBLE) AS m FROM generate_series(1, {n}) AS s(v))"
    )
}

const MODELS: [(&str, &str); 3] = [("bgnbd", "a"), ("mbgnbd", "b"), ("pareto_nbd", "s")];

/// The hard populations: name, customers, and whether somebody can be told from somebody else.
fn populations() -> Vec<(&'static str, String, bool)> {
    vec![
        ("nobody comes back", customers(500, "0", "0", "5 + v % 60", "0"), false),
        ("one customer", customers(1, "3", "10", "20", "9.5"), false),
        ("one customer who never came back", customers(1, "0", "0", "20", "0"), false),
        ("all alike", customers(400, "2", "7.5", "30", "12"), false),
        ("ten years of days", customers(60, "v % 17", "200 * (v % 17) + v", "3650 - v % 30", "5 + v % 90"), true),
        (
            "thousands of purchases",
            customers(40, "v * v * 31 % 5001", "1 + v % 900", "901 + v % 100", "1 + v % 7"),
            true,
        ),
        ("a few come back", customers(3_000, "CASE WHEN v % 1000 = 7 THEN 1 ELSE 0 END", "v % 5 + 1", "9", "v"), true),
        ("all come back until today", customers(200, "1 + v % 9", "10 + v % 20", "10 + v % 20", "30 + v % 3"), true),
        ("all left at once", customers(200, "1 + v % 2", "0.01", "1000 + v % 50", "30 + v % 3"), true),
        ("tiny amounts", customers(300, "1 + v % 6", "v % 30 + 1", "40", "1e-6 * (1 + v % 50)"), true),
        ("huge amounts", customers(300, "1 + v % 6", "v % 30 + 1", "40", "1e9 * (1 + v % 50)"), true),
        ("tiny and huge", customers(300, "1 + v % 6", "v % 30 + 1", "40", "power(10.0, v % 16 - 6)"), true),
        ("age 0", customers(50, "0", "0", "0", "0"), false),
        ("tiny units of time", customers(300, "v % 5", "1e-7 * (1 + v % 20)", "2.1e-6", "10 + v % 9"), true),
        ("huge units of time", customers(300, "v % 5", "1e9 * (1 + v % 20)", "2.1e10", "10 + v % 9"), true),
    ]
}

#[tokio::test]
async fn every_result_is_finite_and_in_range_or_null() {
    let ctx = large_batches();
    for (name, customers, tells) in populations() {
        for (model, last) in MODELS {
            let sql = format!(
                "SELECT fit['customers'] = n, fit['{last}'] IS NOT NULL, NOT fit['converged'] OR fit['{last}'] > 0, \
                 fit['log_likelihood'] IS NULL OR abs(fit['log_likelihood']) < 1e12 \
                 FROM (SELECT {model}_fit(x, t_x, t) AS fit, count(*) AS n FROM {customers})"
            );
            assert_eq!(rows(&ctx, &sql).await, [format!("true, {tells}, true, true")], "{name}: {model}");
            let sql = format!(
                "SELECT count(*) > 0, count(*) FILTER (WHERE r IS NOT NULL AND NOT coalesce(purchases >= 0 AND purchases < 1e12 \
                 AND alive >= 0 AND alive <= 1, false)), \
                 count(*) FILTER (WHERE r IS NOT NULL AND p IS NOT NULL AND NOT coalesce(value > 0 AND value < 1e15 AND clv >= 0 \
                 AND clv < 1e25, false)), \
                 count(*) FILTER (WHERE r IS NULL AND coalesce(purchases, alive, clv) IS NOT NULL OR p IS NULL AND coalesce(value, clv) \
                 IS NOT NULL) FROM (\
                 SELECT fit['r'] AS r, spend['p'] AS p, {model}_purchases(fit, h, x, t_x, t) AS purchases, {model}_alive(fit, x, t_x, t) AS alive, \
                 gamma_gamma_value(spend, x, m) AS value, clv(fit, spend, x, t_x, t, m, least(h, 30000), 0.01) AS clv \
                 FROM (SELECT x, t_x, t, m FROM {customers} AS c WHERE v <= 12 UNION ALL VALUES (0.0, 0.0, 0.0, 0.0), \
                 (5000.0, 3600.0, 3650.0, 1e9), (1.0, 1e-9, 1e6, 0.0)) CROSS JOIN (VALUES (0.0), (52.0), (36500.0)) AS hs(h) \
                 CROSS JOIN (SELECT {model}_fit(x, t_x, t) AS fit, gamma_gamma_fit(x, m) AS spend FROM {customers} AS c2))"
            );
            assert_eq!(rows(&ctx, &sql).await, ["true, 0, 0, 0"], "{name}: {model}");
        }
    }
}

#[tokio::test]
async fn a_fit_that_cannot_be_had_gives_null_everywhere() {
    let ctx = context();
    let sql = "SELECT fit['r'], fit['log_likelihood'], fit['customers'], fit['converged'], bgnbd_purchases(fit, 9, 1, 2, 3), \
               bgnbd_alive(fit, 1, 2, 3), clv(fit, spend, 1, 2, 3, 4, 9, 0), gamma_gamma_value(spend, 1, 4), spend['customers'] \
               FROM (SELECT bgnbd_fit(x, 0, 7) AS fit, gamma_gamma_fit(x, NULL) AS spend FROM (VALUES (0), (0)) AS t(x))";
    assert_eq!(rows(&ctx, sql).await, ["NULL, NULL, 2, false, NULL, NULL, NULL, NULL, 0"]);
}

#[tokio::test]
async fn spend_without_a_finite_mean_is_no_fit() {
    // Customers of x = 1 whose amounts have a tail of index one half: the likelihood is highest at a q below 1.
    let heavy = customers(2_000, "1", "1", "2", "power(2000.5 / v, 2)");
    let sql = format!(
        "SELECT fit['q'], fit['converged'], fit['customers'] FROM (SELECT gamma_gamma_fit(x, m) AS fit FROM {heavy})"
    );
    assert_eq!(rows(&large_batches(), &sql).await, ["NULL, false, 2000"]);
}

#[tokio::test]
async fn two_and_a_half_million_customers_fit() {
    let many = customers(
        2_500_000,
        "CASE WHEN v % 10 < 6 THEN 0 ELSE v % 7 + v % 3 END",
        "1 + v % 29",
        "30 + v % 50",
        "20 + v % 60",
    );
    let sql = format!(
        "SELECT fit['customers'], fit['converged'], spend['converged'], \
         bgnbd_purchases(fit, 52, 3, 20, 30) BETWEEN 0.1 AND 20, gamma_gamma_value(spend, 0, NULL) BETWEEN 20 AND 80 \
         FROM (SELECT bgnbd_fit(x, t_x, t) AS fit, gamma_gamma_fit(x, m) AS spend FROM {many})"
    );
    let found = rows(&large_batches(), &sql).await;
    assert!(found[0].starts_with("2500000, ") && found[0].ends_with(", true, true"), "{found:?}");
}

#[tokio::test]
async fn a_bad_customer_is_refused() {
    let cases = [
        ("bgnbd_fit(-1, 0, 5)", "bgnbd_fit: x is -1; expected a whole number, 0 or more"),
        ("mbgnbd_fit(1.5, 1, 5)", "mbgnbd_fit: x is 1.5; expected a whole number, 0 or more"),
        ("pareto_nbd_fit(CAST('NaN' AS DOUBLE), 1, 5)", "pareto_nbd_fit: x is NaN; expected a whole number"),
        ("bgnbd_fit(1, 6, 5)", "bgnbd_fit: t_x is 6; expected a number from 0 to T, which is 5"),
        ("bgnbd_fit(1, -1, 5)", "bgnbd_fit: t_x is -1; expected a number from 0 to T"),
        ("bgnbd_fit(0, 2, 5)", "bgnbd_fit: t_x is 2; expected 0 where x is 0"),
        ("bgnbd_fit(2, 0, 5)", "bgnbd_fit: t_x is 0; expected a number above 0 where x is above 0, here 2"),
        ("bgnbd_fit(0, 0, CAST('inf' AS DOUBLE))", "bgnbd_fit: T is inf; expected a finite number, 0 or more"),
        (
            "gamma_gamma_fit(1, 0)",
            "gamma_gamma_fit: monetary is 0; expected a finite number above 0 where x is above 0",
        ),
        ("gamma_gamma_fit(2, -3.5)", "gamma_gamma_fit: monetary is -3.5; expected a finite number above 0"),
        ("gamma_gamma_fit(0.5, 1)", "gamma_gamma_fit: x is 0.5; expected a whole number"),
        ("bgnbd_purchases(BG, -1, 0, 0, 5)", "bgnbd_purchases: horizon is -1; expected a finite number, 0 or more"),
        ("bgnbd_purchases(BG, 9, 3, 9, 5)", "bgnbd_purchases: t_x is 9; expected a number from 0 to T, which is 5"),
        ("bgnbd_alive(BG, 0.1, 0, 5)", "bgnbd_alive: x is 0.1; expected a whole number"),
        (
            "bgnbd_alive(named_struct('r', 1, 'alpha', -2, 'a', 1, 'b', 1), 0, 0, 5)",
            "bgnbd_alive: the fit has alpha = -2; expected",
        ),
        (
            "gamma_gamma_value(named_struct('p', 6, 'q', 0.9, 'v', 2), 0, 5)",
            "gamma_gamma_value: the fit has q = 0.9; expected a number above 1",
        ),
        ("gamma_gamma_value(GG, 2, -5)", "gamma_gamma_value: monetary is -5; expected a finite number, 0 or more"),
        ("clv(BG, GG, 1, 2, 3, 4, 99999, 0.1)", "clv: horizon is 99999; expected a number from 0 to 36525"),
        ("clv(BG, GG, 1, 2, 3, 4, 12, -0.1)", "clv: discount_rate is -0.1; expected a finite number, 0 or more"),
        ("clv(BG, GG, 1, 2, 3, 1.7e308, 30000, 0)", "clv: the result is larger than a double can hold"),
        (
            "rfm(DATE '2026-01-01', CAST('inf' AS DOUBLE), DATE '2026-02-01', 'day')",
            "rfm: amount is inf; expected a finite number",
        ),
        (
            "rfm(DATE '2026-01-01', 1, DATE '2026-02-01', 'year')",
            "rfm: unit is year; expected 'day', 'week' or 'month'",
        ),
        ("rfm(DATE '2026-01-01', 1, CAST(NULL AS DATE), 'day')", "rfm: as_of is NULL; expected a date or a timestamp"),
        ("rfm(DATE '2026-01-01', 1, DATE '2026-02-01', NULL)", "rfm: unit is NULL; expected 'day', 'week' or 'month'"),
    ];
    let ctx = context();
    for (call, expected) in cases {
        let message = refusal(&ctx, &format!("SELECT {}", with_fits(call))).await;
        assert!(message.contains(expected), "{call}: {message}");
    }
}

fn with_fits(call: &str) -> String {
    call.replace("BG", "named_struct('r', 0.2426, 'alpha', 4.4136, 'a', 0.7929, 'b', 2.4259)")
        .replace("GG", "named_struct('p', 6.25, 'q', 3.74, 'v', 15.44)")
}

#[tokio::test]
async fn what_types_show_is_refused_when_planned() {
    let mbg = "named_struct('r', 1.0, 'alpha', 1.0, 'a', 1.0, 'b', 1.0, 'lost_at_first', 0.5)";
    let cases = [
        ("bgnbd_fit(1, 2)", "bgnbd_fit: 2 arguments; expected bgnbd_fit(x, t_x, T)"),
        ("bgnbd_fit('1', 2, 3)", "bgnbd_fit: x is Utf8; expected a number"),
        ("gamma_gamma_fit(1, true)", "gamma_gamma_fit: monetary is Boolean; expected a number"),
        (
            "bgnbd_alive('fit', 1, 2, 3)",
            "bgnbd_alive: fit is Utf8; expected the struct of bgnbd_fit, with r, alpha, a, b",
        ),
        ("bgnbd_alive(NULL, 1, 2, 3)", "bgnbd_alive: fit is Null; expected the struct of bgnbd_fit"),
        ("bgnbd_alive(MBG, 1, 2, 3)", "bgnbd_alive: fit is a struct of r, alpha, a, b, lost_at_first; expected"),
        ("mbgnbd_alive(BG, 1, 2, 3)", "expected the struct of mbgnbd_fit, with r, alpha, a, b, lost_at_first"),
        ("pareto_nbd_purchases(GG, 1, 1, 2, 3)", "fit is a struct of p, q, v; expected the struct of pareto_nbd_fit"),
        (
            "bgnbd_purchases(BG, 1, 2, 3)",
            "bgnbd_purchases: 4 arguments; expected bgnbd_purchases(fit, horizon, x, t_x, T)",
        ),
        ("clv(GG, GG, 1, 2, 3, 4, 5, 6)", "clv: purchase_fit is a struct of p, q, v; expected the struct of bgnbd_fit"),
        (
            "clv(BG, BG, 1, 2, 3, 4, 5, 6)",
            "clv: value_fit is a struct of r, alpha, a, b; expected the struct of gamma_gamma_fit",
        ),
        ("gamma_gamma_value(GG, 'x', 3)", "gamma_gamma_value: x is Utf8; expected a number"),
        ("rfm(1, 2, DATE '2026-01-01', 'day')", "rfm: event_time is Int64; expected a date or a timestamp"),
        ("rfm(DATE '2026-01-01', 2, DATE '2026-01-01', 7)", "rfm: unit is Int64; expected 'day', 'week' or 'month'"),
        (
            "rfm(DATE '2026-01-01', 2, DATE '2026-01-01')",
            "rfm: 3 arguments; expected rfm(event_time, amount, as_of, unit)",
        ),
        ("rfm(d, 2, d, 'day') FROM (VALUES (DATE '2026-01-01')) AS t(d)", "rfm: as_of must be a constant"),
        (
            "rfm(d, 2, DATE '2026-01-01', 'month ') FROM (VALUES (DATE '2026-01-01')) AS t(d)",
            "rfm: unit is month ; expected",
        ),
        ("bgnbd_fit(DISTINCT d, 2, 3) FROM (VALUES (1), (2)) AS t(d)", "bgnbd_fit: DISTINCT is not supported"),
    ];
    let ctx = context();
    for (call, expected) in cases {
        let sql = format!("SELECT {}", with_fits(&call.replace("MBG", mbg)));
        let error = match ctx.sql(&sql).await {
            Err(error) => error,
            Ok(data) => data.into_optimized_plan().unwrap_err(),
        };
        assert!(error.to_string().replace("Utf8View", "Utf8").contains(expected), "{call}: {error}");
    }
}

#[tokio::test]
async fn fits_and_customers_come_in_every_shape() {
    let ctx = context();
    // Constant, one a group, alternating, NULL; x as any number type; BG/NBD, MBG/NBD and Pareto/NBD told apart by their fields.
    let sql = "SELECT round(bgnbd_alive(f, CAST(x AS TINYINT), t_x, 30), 4) FROM (VALUES (named_struct('r', 1, 'alpha', 10, 'a', 1, 'b', 3), \
               1, 5.0), (named_struct('r', 2, 'alpha', 10, 'a', 1, 'b', 3), 1, 5.0), (named_struct('r', 1, 'alpha', 10, 'a', 1, 'b', 3), \
               1, NULL), (NULL, 1, 5.0), (named_struct('r', 1, 'alpha', 10, 'a', 1, 'b', 3), 0, 0.0)) AS t(f, x, t_x)";
    assert_eq!(rows(&ctx, sql).await, ["0.2967", "0.1366", "NULL", "NULL", "1.0"]);
    let value = |fit: &str| with_fits(&format!("SELECT round(clv({fit}, GG, 0, 0, 20, NULL, 52, 0.002), 4)"));
    let of = async |text: String| rows(&context(), &text).await.remove(0);
    let bg = of(value("BG")).await;
    let mbg =
        of(value("named_struct('r', 0.2426, 'alpha', 4.4136, 'a', 0.7929, 'b', 2.4259, 'lost_at_first', 0.25)")).await;
    let pareto = of(value("named_struct('r', 0.2426, 'alpha', 4.4136, 's', 0.7929, 'beta', 2.4259)")).await;
    assert!(bg != mbg && mbg != pareto && bg != pareto, "{bg} {mbg} {pareto}");
}

#[tokio::test]
async fn rfm_counts_units_and_leaves_out_the_first() {
    let ctx = context();
    let purchases = "(VALUES (1, TIMESTAMP '2026-01-31T23:30:00Z', 10.0), (1, TIMESTAMP '2026-02-01T00:30:00Z', 20.0), \
                     (1, TIMESTAMP '2026-02-01T22:00:00Z', 5.0), (1, TIMESTAMP '2026-03-15T12:00:00Z', -40.0), \
                     (2, TIMESTAMP '2026-05-01T00:00:00Z', 7.0), (3, NULL, 7.0), (3, TIMESTAMP '2026-01-01T00:00:00Z', NULL)) AS t(c, at, amount)";
    let shown = |as_of: &'static str, unit: &'static str| {
        format!(
            "SELECT c, r['frequency'], r['recency'], r['age'], r['monetary'] FROM (SELECT c, rfm(at, amount, {as_of}, '{unit}') AS r \
             FROM {purchases} GROUP BY c) ORDER BY c"
        )
    };
    let day = rows(&ctx, &shown("TIMESTAMP '2026-03-31T08:00:00Z'", "day")).await;
    assert_eq!(day, ["1, 2, 43, 59, -7.5", "2, NULL, NULL, NULL, NULL", "3, NULL, NULL, NULL, NULL"]);
    let month = rows(&ctx, &shown("DATE '2026-05-31'", "month")).await;
    assert_eq!(month, ["1, 2, 2, 4, -7.5", "2, 0, 0, 0, NULL", "3, NULL, NULL, NULL, NULL"]);
    let week = rows(&ctx, &shown("DATE '2026-02-02'", "week")).await;
    assert_eq!(week[0], "1, 0, 0, 1, NULL");
}
