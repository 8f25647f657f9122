//! Linear models that others have fitted, and what a call looks like in SQL.

use crate::retained::{differences, found, with};
use crate::{context, query, refusal, rows};

#[tokio::test]
async fn terms_and_models_equal_statsmodels() {
    let ctx = with(&[
        ("sample", "regression/rows.csv"),
        ("expected", "regression/terms.csv"),
        ("models", "regression/models.csv"),
    ])
    .await;
    let (mut calls, mut driver_names) = (Vec::new(), Vec::new());
    for drivers in 1..=6 {
        driver_names.push(format!("'x{drivers}', x{drivers}"));
        for confidence in ["0.95", "0.9", "0.5", "0.99"] {
            calls.push(format!(
                "SELECT s.\"case\", linear_model(y, named_struct({}), {confidence}) AS fit FROM sample s JOIN models m \
                 ON m.\"case\" = s.\"case\" WHERE m.drivers = {drivers} AND m.confidence = {confidence} GROUP BY s.\"case\"",
                driver_names.join(", ")
            ));
        }
    }
    let fits = query(&ctx, &calls.join(" UNION ALL ")).await;
    assert_eq!(fits.num_rows(), 24);
    ctx.register_batch("fits", fits).unwrap();
    let terms = "SELECT \"case\", t['term'] AS term, t['coefficient'] AS coefficient, t['standard_error'] AS standard_error, \
                 t['t'] AS t, t['low'] AS low, t['high'] AS high FROM (SELECT \"case\", unnest(fit['terms']) AS t FROM fits)";
    found(&ctx, terms).await;
    let numbers = ["coefficient", "standard_error", "t", "low", "high"];
    // All of these numbers are below 1e5, so this is 1e-14 of the largest.
    assert_eq!(differences(&ctx, &["\"case\"", "term"], &numbers).await, Vec::<String>::new());
    let models = "SELECT f.\"case\" FROM fits f JOIN models m ON m.\"case\" = f.\"case\" WHERE fit['n'] <> m.n OR fit['rank'] <> m.rank \
                  OR NOT abs(fit['r_squared'] - m.r_squared) <= 1e-10 OR NOT abs(fit['residual_error'] - m.residual_error) <= 1e-10";
    assert_eq!(rows(&ctx, models).await, Vec::<String>::new());
}

/// Employment, and what was measured beside it: Longley 1967, as NIST's Statistical Reference Datasets give it.
const LONGLEY: &str = "(VALUES (60323, 83.0, 234289, 2356, 1590, 107608, 1947), (61122, 88.5, 259426, 2325, 1456, 108632, 1948), \
    (60171, 88.2, 258054, 3682, 1616, 109773, 1949), (61187, 89.5, 284599, 3351, 1650, 110929, 1950), \
    (63221, 96.2, 328975, 2099, 3099, 112075, 1951), (63639, 98.1, 346999, 1932, 3594, 113270, 1952), \
    (64989, 99.0, 365385, 1870, 3547, 115094, 1953), (63761, 100.0, 363112, 3578, 3350, 116219, 1954), \
    (66019, 101.2, 397469, 2904, 3048, 117388, 1955), (67857, 104.6, 419180, 2822, 2857, 118734, 1956), \
    (68169, 108.4, 442769, 2936, 2798, 120445, 1957), (66513, 110.8, 444546, 4681, 2637, 121950, 1958), \
    (68655, 112.6, 482704, 3813, 2552, 123366, 1959), (69564, 114.2, 502601, 3931, 2514, 125368, 1960), \
    (69331, 115.7, 518173, 4806, 2572, 127852, 1961), (70551, 116.9, 554894, 4007, 2827, 130081, 1962)) \
    AS longley(y, x1, x2, x3, x4, x5, x6)";

#[tokio::test]
async fn longley_s_data_give_nist_s_certified_values() {
    // Each to 13 digits.
    let certified = [
        ("intercept", -3_482_258.634_595_82, 890_420.383_607_373),
        ("x1", 15.061_872_271_373_3, 84.914_925_774_766_9),
        ("x2", -0.035_819_179_292_591_0, 0.033_491_007_772_243_2),
        ("x3", -2.020_229_803_816_83, 0.488_399_681_651_699),
        ("x4", -1.033_226_867_173_59, 0.214_274_163_161_675),
        ("x5", -0.051_104_105_653_580_7, 0.226_073_200_069_370),
        ("x6", 1_829.151_464_613_55, 455.478_499_142_212),
    ];
    let ctx = context();
    let fit = format!(
        "(SELECT linear_model(y, named_struct('x1', x1, 'x2', x2, 'x3', x3, 'x4', x4, 'x5', x5, 'x6', x6), 0.95) AS fit FROM {LONGLEY})"
    );
    let expected: Vec<String> =
        certified.iter().map(|(term, value, error)| format!("('{term}', {value}, {error})")).collect();
    let sql = format!(
        "SELECT count(*) FROM (SELECT unnest(fit['terms']) AS t FROM {fit}) JOIN (VALUES {}) AS c(term, coefficient, error) \
         ON c.term = t['term'] WHERE abs(t['coefficient'] / c.coefficient - 1) < 1e-13 AND abs(t['standard_error'] / c.error - 1) < 1e-13",
        expected.join(", ")
    );
    assert_eq!(rows(&ctx, &sql).await, ["7"]);
    let whole = format!(
        "SELECT fit['n'], fit['rank'], abs(fit['r_squared'] - 0.995479004577296) < 1e-14, \
         abs(fit['residual_error'] / 304.854073561965 - 1) < 1e-14 FROM {fit}"
    );
    assert_eq!(rows(&ctx, &whole).await, ["16, 7, true, true"]);
}

#[tokio::test]
async fn drivers_may_be_of_any_number_type_and_rows_with_a_null_do_not_count() {
    let sql = "SELECT fit['n'], fit['rank'], t['term'], round(t['coefficient'], 9), t['standard_error'] IS NULL FROM (\
               SELECT fit, unnest(fit['terms']) AS t FROM (SELECT linear_model(y, named_struct('late', late, 'price', price, \
               'on time', NOT late, 'same', 4), 0.9) AS fit FROM (VALUES (1, true, CAST(2.50 AS DECIMAL(9, 2))), (2, false, 1), \
               (4, true, 4), (3.5, false, 7), (9, NULL, 3), (NULL, true, 3), (9, true, NULL)) AS t(y, late, price)))";
    let shown = rows(&context(), sql).await;
    assert_eq!(shown.len(), 5, "{shown:?}");
    assert_eq!(shown[0].split(", ").take(3).collect::<Vec<_>>(), ["4", "3", "intercept"]);
    assert!(shown[1].starts_with("4, 3, late, ") && shown[1].ends_with("false"), "{shown:?}");
    assert_eq!(shown[3..], ["4, 3, on time, NULL, true", "4, 3, same, NULL, true"]);
}

#[tokio::test]
async fn nothing_complete_is_null_and_one_row_is_its_own_mean() {
    let ctx = context();
    let none = "SELECT linear_model(y, named_struct('x', x), 0.95) IS NULL FROM (VALUES (1, CAST(NULL AS INT)), (NULL, 2)) AS t(y, x)";
    assert_eq!(rows(&ctx, none).await, ["true"]);
    let one = "SELECT linear_model(y, named_struct('x', x), 0.95) FROM (VALUES (2.5, 7)) AS t(y, x)";
    let shown = rows(&ctx, one).await;
    assert_eq!(
        shown,
        ["{n: 1, rank: 1, r_squared: , residual_error: , terms: [{term: intercept, coefficient: 2.5, standard_error: , t: , low: , \
          high: }, {term: x, coefficient: , standard_error: , t: , low: , high: }]}"
            .replace(": ,", ": NULL,")
            .replace(": }", ": NULL}")]
    );
}

#[tokio::test]
async fn extremes_stay_finite() {
    let ctx = context();
    for values in [
        "(1e100, 1e100), (-1e100, 0), (0, -1e100)",
        "(1e-300, 5e-324), (0, 1e-300), (1, 0)",
        "(1e100, 1e-90), (-1e100, -1e-90), (3, 0), (0, 0)",
    ] {
        let sql = format!(
            "SELECT linear_model(y, named_struct('x', x), 0.9999999999999999) FROM (VALUES {values}) AS t(y, x)"
        );
        let shown = rows(&ctx, &sql).await.remove(0).to_lowercase();
        assert!(!shown.contains("nan") && !shown.contains("inf"), "{shown}");
    }
    let message = refusal(&ctx, "SELECT linear_model(1, named_struct('price', 'inf'::DOUBLE), 0.95)").await;
    assert!(message.contains("linear_model: price is inf; expected a number from -1e100 to 1e100"), "{message}");
}
