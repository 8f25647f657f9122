//! How the functions behave inside queries: no rows, groups, windows, types, nullability.

use datafusion::arrow::datatypes::DataType;

use crate::{context, query, rows};

#[tokio::test]
async fn no_answers_give_null_and_counts_of_zero() {
    let ctx = context();
    let nothing = "(SELECT CAST(1 AS BIGINT) AS s WHERE false)";
    let all_null = "(SELECT CAST(NULL AS BIGINT) AS s)";
    for input in [nothing, all_null] {
        let sql = format!(
            "SELECT nps(s), nps(s, 1), nps_interval(s, 0.95), nps_se(s), nps_differs(s, true, 0.95), csat(s, 4), \
             csat_interval(s, 4, 0.95), ces(s), nps_parts(s)['answers'], nps_parts(s)['nps'] FROM {input}"
        );
        assert_eq!(rows(&ctx, &sql).await, ["NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL"]);
    }
    assert_eq!(rows(&ctx, "SELECT wilson_low(0, 0, 0.9), wilson_high(NULL, 5, 0.9)").await, ["NULL, NULL"]);
    assert_eq!(rows(&ctx, "SELECT nps(9, 0)").await, ["NULL"]);
}

#[tokio::test]
async fn one_side_without_answers_is_no_difference() {
    let sql = "SELECT nps_differs(s, a, 0.95) FROM (VALUES (9, true), (3, NULL), (NULL, false)) AS t(s, a)";
    assert_eq!(rows(&context(), sql).await, ["NULL"]);
}

#[tokio::test]
async fn a_clear_difference_is_significant_and_none_is_not() {
    let sql = "SELECT d['change'], d['significant'] FROM (SELECT k, nps_differs(s, a, 0.99) AS d FROM (\
               SELECT 1 AS k, CASE WHEN v % 2 = 0 THEN 10 ELSE 0 END AS s, v % 2 = 0 AS a FROM generate_series(1, 80) AS t(v) \
               UNION ALL SELECT 2, CASE WHEN v % 4 < 2 THEN 10 ELSE 0 END, v % 2 = 0 FROM generate_series(1, 80) AS t(v)) \
               GROUP BY k) ORDER BY k";
    assert_eq!(rows(&context(), sql).await, ["200.0, true", "0.0, false"]);
}

#[tokio::test]
async fn every_number_type_is_a_score() {
    let ctx = context();
    let types = [
        "TINYINT",
        "SMALLINT",
        "INT",
        "BIGINT",
        "TINYINT UNSIGNED",
        "SMALLINT UNSIGNED",
        "INT UNSIGNED",
        "BIGINT UNSIGNED",
        "FLOAT",
        "DOUBLE",
        "DECIMAL(4, 1)",
    ];
    for number in types {
        let sql = format!(
            "SELECT nps(CAST(s AS {number})), ces(CAST(s + 1 AS {number}), 11), csat(CAST(s AS {number}), 9), \
             nps(CAST(s AS {number}), CAST(1 AS {number})) FROM (VALUES (10), (10), (7), (1)) AS t(s)"
        );
        assert_eq!(rows(&ctx, &sql).await, ["25.0, 5.2, 50.0, 25.0"], "{number}");
    }
}

#[tokio::test]
async fn weights_change_the_score_and_zero_weights_do_not_count() {
    let sql = "SELECT nps(s, w) FROM (VALUES (10, 3.0), (0, 1.0), (5, 0.0), (10, NULL), (NULL, 7.0)) AS t(s, w)";
    assert_eq!(rows(&context(), sql).await, ["50.0"]);
}

#[tokio::test]
async fn windows_slide() {
    let sql = "SELECT day, nps(s) OVER (ORDER BY day ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS two, \
               nps(s, 0.1) OVER (ORDER BY day ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING) AS weighted, \
               nps_parts(s) OVER (ORDER BY day ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING)['answers'] AS earlier, \
               nps(s) OVER () AS total \
               FROM (VALUES (1, 10), (2, 0), (3, NULL), (4, 9), (5, 8)) AS t(day, s) ORDER BY day";
    let expected = [
        "1, 100.0, NULL, 0, 25.0",
        "2, 0.0, 100.0, 1, 25.0",
        "3, -100.0, 0.0, 2, 25.0",
        "4, 100.0, -100.0, 1, 25.0",
        "5, 50.0, 100.0, 1, 25.0",
    ];
    assert_eq!(rows(&context(), sql).await, expected);
}

#[tokio::test]
async fn many_groups_over_many_partitions() {
    // Group g holds g promoters and 100 − g detractors, scattered over batches of four rows.
    let sql = "SELECT count(*), sum(CASE WHEN nps = 2.0 * g - 100 AND parts['promoters'] = g THEN 1 ELSE 0 END) FROM (\
               SELECT g, nps(s) AS nps, nps_parts(s) AS parts FROM (\
               SELECT v % 101 AS g, CASE WHEN v / 101 < v % 101 THEN 9 ELSE 2 END AS s FROM generate_series(0, 10099) AS t(v)) \
               GROUP BY g)";
    assert_eq!(rows(&context(), sql).await, ["101, 101"]);
}

#[tokio::test]
async fn results_have_the_promised_types_and_nullability() {
    let batch = query(
        &context(),
        "SELECT nps(s) AS a, nps_parts(s) AS b, nps_interval(s, 0.9) AS c, nps_differs(s, true, 0.9) AS d FROM (VALUES (1)) AS t(s)",
    )
    .await;
    let schema = batch.schema();
    let fields = |name: &str| match schema.field_with_name(name).unwrap().data_type() {
        DataType::Struct(fields) => {
            fields.iter().map(|f| format!("{}: {}", f.name(), f.data_type())).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    assert_eq!(fields("a"), "Float64");
    assert_eq!(fields("b"), "answers: Int64, promoters: Int64, passives: Int64, detractors: Int64, nps: Float64");
    assert_eq!(fields("c"), "low: Float64, high: Float64, margin: Float64");
    assert_eq!(fields("d"), "change: Float64, low: Float64, high: Float64, significant: Boolean");
    assert!(schema.field_with_name("a").unwrap().is_nullable());
    assert!(!schema.field_with_name("b").unwrap().is_nullable());
    assert!(schema.field_with_name("c").unwrap().is_nullable());
}

#[tokio::test]
async fn a_correlated_subquery_without_answers_counts_zero() {
    let sql = "SELECT k, (SELECT nps_parts(s)['answers'] FROM (VALUES (1, 9), (1, 4)) AS t(g, s) WHERE g = k) AS answers \
               FROM (VALUES (1), (2)) AS keys(k) ORDER BY k";
    assert_eq!(rows(&context(), sql).await, ["1, 2", "2, 0"]);
}

#[tokio::test]
async fn scores_of_a_dictionary_column_are_read() {
    let sql = "SELECT nps(arrow_cast(s, 'Dictionary(Int32, Int8)')) FROM (VALUES (10), (10), (1), (8)) AS t(s)";
    assert_eq!(rows(&context(), sql).await, ["25.0"]);
}

#[tokio::test]
async fn wilson_stays_within_bounds_for_extreme_counts() {
    let sql = "SELECT n, wilson_low(n * s, n, c) AS low, wilson_high(n * s, n, c) AS high \
               FROM (VALUES (5e-324), (1e-300), (1.0), (1e300), (1.7e308)) AS ns(n) \
               CROSS JOIN (VALUES (0.0), (0.5), (1.0)) AS shares(s) \
               CROSS JOIN (VALUES (1e-18), (0.5), (0.9999999999999999)) AS cs(c)";
    let checks = format!(
        "SELECT count(*), sum(CASE WHEN low >= 0 AND low <= high AND high <= 1 THEN 1 ELSE 0 END) FROM ({sql})"
    );
    assert_eq!(rows(&context(), &checks).await, ["45, 45"]);
}

#[tokio::test]
async fn texts_and_times_of_every_layout_are_taken() {
    let ctx = context();
    let texts = ["Utf8", "LargeUtf8", "Utf8View", "Dictionary(Int32, Utf8)", "Dictionary(Int8, Utf8View)"];
    let times = [
        "Timestamp(Second, None)",
        "Timestamp(Millisecond, None)",
        "Timestamp(Nanosecond, Some(\"+00:00\"))",
        "Date32",
        "Date64",
        "Dictionary(Int32, Timestamp(Microsecond, None))",
        "Dictionary(Int8, Date32)",
    ];
    let days = "(VALUES (DATE '2026-01-01', 'UTC', 5.0), (DATE '2026-01-20', 'UTC', 7.0)) AS t(d, z, amount)";
    for time in times {
        // A cast into a dictionary of another type of time keeps the bits and not the time.
        let plain = time.split_once(", ").filter(|(kind, _)| kind.starts_with("Dictionary"));
        let plain = plain.and_then(|(_, values)| values.strip_suffix(')')).unwrap_or(time);
        let sql = format!(
            "SELECT max(local_day(d, z)), max(local_month(d)), rfm(d, amount, DATE '2026-02-01', 'week')['recency'], \
             funnel(INTERVAL '30 days', d, amount = 5.0, amount = 7.0) \
             FROM (SELECT arrow_cast(arrow_cast(d, '{plain}'), '{time}') AS d, z, amount FROM {days})"
        );
        assert_eq!(rows(&ctx, &sql).await, ["2026-01-20, 2026-01-01, 3, 2"], "{time}");
    }
    for text in texts {
        let sql = format!(
            "SELECT max(local_day(d, arrow_cast(z, '{text}'))), \
             rfm(d, amount, DATE '2026-02-01', arrow_cast('week', '{text}'))['recency'] FROM {days}"
        );
        assert_eq!(rows(&ctx, &sql).await, ["2026-01-20, 3"], "{text}");
    }
}
