//! What is refused, and in which words.

use crate::{context, query, refusal, rows};

#[tokio::test]
async fn a_bad_argument_names_the_function_the_value_and_what_is_allowed() {
    let cases = [
        ("SELECT nps(11)", "nps: score 11 is off the scale; expected an integer from 0 to 10"),
        ("SELECT nps(-1)", "nps: score -1 is off the scale"),
        ("SELECT nps(9.5)", "nps: score 9.5 is off the scale"),
        ("SELECT nps(CAST('NaN' AS DOUBLE))", "nps: score NaN is off the scale"),
        (
            "SELECT nps(CAST(18446744073709551615 AS BIGINT UNSIGNED))",
            "nps: score 18446744073709551615 is off the scale",
        ),
        ("SELECT nps(9, -1)", "nps: weight is -1; expected a finite number, 0 or more"),
        ("SELECT nps(9, CAST('inf' AS DOUBLE))", "nps: weight is inf; expected a finite number"),
        (
            "SELECT nps(9, 1.7e308) FROM generate_series(1, 9)",
            "nps: the sum of the weights is larger than a double can hold",
        ),
        ("SELECT nps_interval(9, 1.0)", "nps_interval: confidence is 1; expected a number above 0 and below 1"),
        ("SELECT nps_interval(9, 95)", "nps_interval: confidence is 95; expected a number above 0 and below 1"),
        ("SELECT nps_interval(9, NULL)", "nps_interval: confidence is NULL; expected a number above 0 and below 1"),
        ("SELECT nps_differs(9, true, 0)", "nps_differs: confidence is 0; expected a number above 0 and below 1"),
        ("SELECT csat(4, CAST('NaN' AS DOUBLE))", "csat: top is NaN; expected a finite number"),
        ("SELECT csat(CAST('inf' AS DOUBLE), 4)", "csat: score inf is off the scale; expected a finite number"),
        ("SELECT csat_interval(4, 4, -0.1)", "csat_interval: confidence is -0.1; expected"),
        ("SELECT ces(0)", "ces: score 0 is off the scale; expected a number from 1 to 7"),
        ("SELECT ces(6, 5)", "ces: score 6 is off the scale; expected a number from 1 to 5"),
        ("SELECT ces(1, 1)", "ces: scale is 1; expected an integer from 2 to 100"),
        ("SELECT ces(1, 5.5)", "ces: scale is 5.5; expected an integer from 2 to 100"),
        ("SELECT wilson_low(3, 2, 0.95)", "wilson_low: successes is 3; expected a number from 0 to n, which is 2"),
        ("SELECT wilson_high(-1, 2, 0.95)", "wilson_high: successes is -1; expected a number from 0 to n"),
        ("SELECT wilson_low(1, -2, 0.95)", "wilson_low: n is -2; expected a finite number, 0 or more"),
        ("SELECT wilson_low(1, 2, 1.5)", "wilson_low: confidence is 1.5; expected a number above 0 and below 1"),
        ("SELECT wilson_low(1, 2, c) FROM (VALUES (0.9), (2.0)) AS t(c)", "wilson_low: confidence is 2; expected"),
        ("SELECT local_day(now(), 'Europe/Rom')", "local_day: time zone 'Europe/Rom' is unknown"),
        (
            "SELECT local_month(to_timestamp_seconds(9223372036854775807), 'Asia/Tokyo')",
            "local_month: ts is beyond the calendar",
        ),
    ];
    let ctx = context();
    for (sql, expected) in cases {
        let message = refusal(&ctx, sql).await;
        assert!(message.contains(expected), "{sql}: {message}");
    }
}

#[tokio::test]
async fn a_wrong_type_or_number_of_arguments_is_refused_when_planned() {
    let cases = [
        ("SELECT nps('9')", "nps: score is Utf8; expected a number"),
        ("SELECT nps(true)", "nps: score is Boolean; expected a number"),
        ("SELECT nps(9, 'x')", "nps: weight is Utf8; expected a number"),
        ("SELECT nps(9, 1, 1)", "nps: 3 arguments; expected nps(score) or nps(score, weight)"),
        ("SELECT nps_parts(9, 1)", "nps_parts: 2 arguments; expected nps_parts(score)"),
        ("SELECT nps_se(9, 1)", "nps_se: 2 arguments; expected nps_se(score)"),
        ("SELECT nps_interval(9)", "nps_interval: 1 arguments; expected nps_interval(score, confidence)"),
        ("SELECT nps_differs(9, 1, 0.95)", "nps_differs: is_after is Int64; expected a boolean"),
        ("SELECT csat(4)", "csat: 1 arguments; expected csat(score, top)"),
        ("SELECT csat_interval(4, 4)", "csat_interval: 2 arguments; expected csat_interval(score, top, confidence)"),
        ("SELECT ces('x')", "ces: score is Utf8; expected a number"),
        ("SELECT wilson_low(1, 2)", "wilson_low: 2 arguments; expected wilson_low(successes, n, confidence)"),
        ("SELECT local_day('2026-01-01')", "local_day: ts is Utf8; expected a timestamp or a date"),
        ("SELECT local_day(now(), 1)", "local_day: tz is Int64; expected text"),
    ];
    let ctx = context();
    for (sql, expected) in cases {
        let error = match ctx.sql(sql).await {
            Err(error) => error,
            Ok(data) => data.into_optimized_plan().unwrap_err(),
        };
        assert!(error.to_string().replace("Utf8View", "Utf8").contains(expected), "{sql}: {error}");
    }
}

#[tokio::test]
async fn a_bad_constant_is_found_without_reading_a_row() {
    let ctx = context();
    let cases = [
        ("SELECT nps_interval(s, 1.5) FROM (VALUES (1)) AS t(s) GROUP BY s", "confidence is 1.5"),
        ("SELECT nps_interval(s, 1 + 0.5) FROM (VALUES (1)) AS t(s)", "confidence is 1.5"),
        (
            "SELECT nps_interval(s, s / 20.0) FROM (VALUES (1)) AS t(s)",
            "confidence must be a constant, the same for all rows",
        ),
        ("SELECT csat(s, s) FROM (VALUES (1)) AS t(s)", "csat: top must be a constant"),
        ("SELECT nps(DISTINCT s) FROM (VALUES (1)) AS t(s)", "nps: DISTINCT is not supported"),
    ];
    for (sql, expected) in cases {
        let error = ctx.sql(sql).await.unwrap().into_optimized_plan().unwrap_err().to_string();
        assert!(error.contains(expected), "{sql}: {error}");
    }
}

#[tokio::test]
async fn a_named_parameter_is_a_constant() {
    let ctx = context();
    let data = ctx.sql("SELECT csat(s, $top) AS csat FROM (VALUES (5), (1)) AS t(s)").await.unwrap();
    let bound = data.with_param_values(vec![("top", datafusion::common::ScalarValue::from(5_i64))]).unwrap();
    let batches = bound.collect().await.unwrap();
    let shown = datafusion::arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
    assert!(shown.contains("50.0"), "{shown}");
}

#[tokio::test]
async fn rows_that_do_not_count_may_hold_anything() {
    let ctx = context();
    let answers = "(VALUES ('nps', 9), ('csat', 99), ('nps', 1), (NULL, -5)) AS t(kind, score)";
    for group_by in ["", "GROUP BY 1 = 1"] {
        let sql = format!("SELECT nps(score) FILTER (WHERE kind = 'nps') FROM {answers} {group_by}");
        assert_eq!(rows(&ctx, &sql).await, ["0.0"]);
        let weighted =
            format!("SELECT nps(score, NULLIF(score, 99) * NULLIF(score, -5) * 0 + 1) FROM {answers} {group_by}");
        assert_eq!(rows(&ctx, &weighted).await, ["0.0"]);
    }
    assert_eq!(query(&ctx, "SELECT nps(NULL)").await.num_rows(), 1);
}
