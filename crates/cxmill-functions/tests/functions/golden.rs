//! Values that must come out, each with where it comes from.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Float64Type;

use crate::{context, query};

/// Every column of the only row.
async fn numbers(sql: &str) -> Vec<f64> {
    let batch = query(&context(), sql).await;
    assert_eq!(batch.num_rows(), 1);
    batch.columns().iter().map(|column| column.as_primitive::<Float64Type>().value(0)).collect()
}

fn assert_close(actual: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len());
    for (actual, expected) in actual.iter().zip(expected) {
        assert!((actual - expected).abs() <= tolerance, "{actual} is not {expected}");
    }
}

/// The garden-centre survey: 8,465 promoters, 3,953 passives and 1,194 detractors of 13,612, by its own documentation.
const GARDEN: &str = "(SELECT CASE WHEN value <= 8465 THEN 9 + value % 2 WHEN value <= 8465 + 3953 THEN 7 + value % 2 \
                      ELSE value % 7 END AS score FROM generate_series(1, 13612))";

#[tokio::test]
async fn nps_of_the_garden_survey() {
    let sql = format!("SELECT nps(score), nps(score, 0.25), nps_se(score) FROM {GARDEN}");
    // 100 · (8465 − 1194) / 13612, and its error from p = 8465/13612, d = 1194/13612.
    let [p, d] = [8465.0 / 13612.0, 1194.0 / 13612.0_f64];
    let se = 100.0 * ((p + d - (p - d) * (p - d)) / 13612.0_f64).sqrt();
    assert_close(&numbers(&sql).await, &[53.416_103_438_142, 53.416_103_438_142, se], 1e-9);
}

#[tokio::test]
async fn adjusted_wald_intervals_equal_the_paper_s_formula_worked_by_hand() {
    // (p + 3/4, n + 3) by hand for 5 promoters, 3 passives, 2 detractors: p = 5.75/13, d = 2.75/13, var = p + d − (p − d)² =
    // 0.6005917, z = 1.9599640, margin = 100 · z · sqrt(var / 13) = 42.1275385 around 100 · 3/13 = 23.0769231.
    let few = "SELECT i['low'], i['high'], i['margin'] FROM (SELECT nps_interval(score, 0.95) AS i FROM \
               (VALUES (10), (9), (10), (9), (9), (8), (8), (7), (4), (2)) AS answers(score))";
    assert_close(&numbers(few).await, &[-19.050_615_376, 65.204_461_530, 42.127_538_453], 1e-8);
    let many =
        format!("SELECT i['low'], i['high'], i['margin'] FROM (SELECT nps_interval(score, 0.95) AS i FROM {GARDEN})");
    assert_close(&numbers(&many).await, &[52.310_126_857_703, 54.498_540_053_791, 1.094_206_598_044], 1e-9);
    // 100 promoters and nobody else: the upper end is cut to 100, the margin is not.
    let all = "SELECT i['low'], i['high'], i['margin'] FROM \
               (SELECT nps_interval(10, 0.95) AS i FROM generate_series(1, 100))";
    assert_close(&numbers(all).await, &[93.090_148_092_915, 100.0, 3.997_230_547_862], 1e-9);
}

#[tokio::test]
async fn a_difference_adds_the_adjusted_variances() {
    // 40/30/30 before and 60/25/15 after: the formulas above in scipy 1.x, z from scipy.stats.norm.ppf.
    let sql = "SELECT d['change'], d['low'], d['high'], CAST(d['significant'] AS DOUBLE) FROM (\
               SELECT nps_differs(CASE WHEN v % 100 < CASE WHEN v < 100 THEN 40 ELSE 60 END THEN 9 \
               WHEN v % 100 < CASE WHEN v < 100 THEN 70 ELSE 85 END THEN 7 ELSE 0 END, v >= 100, 0.95) AS d \
               FROM generate_series(0, 199) AS t(v))";
    assert_close(&numbers(sql).await, &[35.0, 12.505_115_359_497, 55.456_049_689_046, 1.0], 1e-9);
}

#[tokio::test]
async fn wilson_intervals_equal_statsmodels() {
    // statsmodels 0.15.0: proportion_confint(k, n, alpha=1 - c, method='wilson').
    let cases: [(u32, u32, f64, f64, f64); 6] = [
        (8, 10, 0.95, 0.490_162_471_536_641_83, 0.943_317_848_545_624_7),
        (0, 20, 0.95, 0.0, 0.161_125_158_052_819_38),
        (20, 20, 0.95, 0.838_874_841_947_180_6, 1.0),
        (2023, 4054, 0.95, 0.483_630_238_592_579_14, 0.514_398_269_893_722_1),
        (1, 1000, 0.99, 0.000_117_416_353_618_320_78, 0.008_460_566_219_981_694),
        (500, 1000, 0.9, 0.474_027_691_478_420_1, 0.525_972_308_521_579_8),
    ];
    for (successes, n, confidence, low, high) in cases {
        let sql =
            format!("SELECT wilson_low({successes}, {n}, {confidence}), wilson_high({successes}, {n}, {confidence})");
        assert_close(&numbers(&sql).await, &[low, high], 1e-12);
    }
}

#[tokio::test]
async fn csat_of_the_call_centre() {
    // 2,023 of 4,054 rated calls are in the top two boxes: 49.901 %; its interval as in the statsmodels case above.
    let calls = "(SELECT CASE WHEN value <= 2023 THEN 4 + value % 2 WHEN value <= 4054 THEN 1 + value % 3 END AS score \
                 FROM generate_series(1, 5000))";
    let sql = format!(
        "SELECT csat, i['low'], i['high'] FROM \
         (SELECT csat(score, 4) AS csat, csat_interval(score, 4, 0.95) AS i FROM {calls})"
    );
    assert_close(&numbers(&sql).await, &[49.901_332_017_760, 48.363_023_859_258, 51.439_826_989_372], 1e-9);
}
