//! What journey and survival functions and linear models refuse, and in which words.

use crate::{context, refusal, rows};

const FIT: &str = "named_struct('alpha', 0.7, 'beta', 1.2)";

#[tokio::test]
async fn a_bad_argument_names_the_function_the_value_and_what_is_allowed() {
    let at = "TIMESTAMP '2026-01-01'";
    let cases = [
        (format!("SELECT funnel(INTERVAL '-1 day', {at}, true)"), "funnel: window is "),
        (
            format!("SELECT funnel(INTERVAL '1 month', {at}, true)"),
            "and a month has no fixed length; expected an interval of days or less, 0 or more, for example INTERVAL '30 minutes'",
        ),
        (format!("SELECT funnel_times(NULL, {at}, true)"), "funnel_times: window is NULL; expected an interval"),
        (
            format!("SELECT session_id({at}, INTERVAL '1 year') OVER (ORDER BY {at})"),
            "and a month has no fixed length; expected",
        ),
        (
            format!("SELECT attribution({at}, 'web', 'middle')"),
            "attribution: model is middle; expected 'first', 'last', 'linear', 'position' or 'time_decay'",
        ),
        ("SELECT mode('a', -1)".to_owned(), "mode: weight is -1; expected a whole number, 0 or more"),
        (format!("SELECT attribution({at}, 'web', NULL)"), "attribution: model is NULL; expected 'first', 'last',"),
        (
            format!("SELECT attribution({at}, 'web', 'time_decay')"),
            "attribution: model is time_decay without a half_life; expected one, for example INTERVAL '7 days'",
        ),
        (
            format!("SELECT attribution({at}, 'web', 'linear', INTERVAL '1 day')"),
            "attribution: model is linear, which has no half_life",
        ),
        (
            format!("SELECT attribution({at}, 'web', 'time_decay', INTERVAL '0 days')"),
            "attribution: half_life is 0; expected an interval above 0",
        ),
        (
            format!("SELECT attribution({at}, 'web', 'time_decay', INTERVAL '-1 day')"),
            "expected an interval of days or less",
        ),
        (
            "SELECT linear_model('NaN'::DOUBLE, named_struct('x', 1), 0.95)".to_owned(),
            "linear_model: y is NaN; expected a number from -1e100 to 1e100",
        ),
        (
            "SELECT linear_model(1, named_struct('x', 1, 'waiting', -1e101), 0.95)".to_owned(),
            "linear_model: waiting is -100000000",
        ),
        (
            "SELECT linear_model(1, named_struct('x', 1), 95)".to_owned(),
            "linear_model: confidence is 95; expected a number above 0 and below 1",
        ),
        (
            "SELECT kaplan_meier(-1, true, 0.95)".to_owned(),
            "kaplan_meier: duration is -1; expected a finite number, 0 or more",
        ),
        (
            "SELECT kaplan_meier('NaN'::DOUBLE, true, 0.95)".to_owned(),
            "kaplan_meier: duration is NaN; expected a finite number",
        ),
        (
            "SELECT kaplan_meier(1, true, 1)".to_owned(),
            "kaplan_meier: confidence is 1; expected a number above 0 and below 1",
        ),
        (
            "SELECT median_survival('inf'::DOUBLE, true)".to_owned(),
            "median_survival: duration is inf; expected a finite number",
        ),
        (
            "SELECT sbg_fit(1.5, true)".to_owned(),
            "sbg_fit: tenure of a customer who left is 1.5; expected a whole number from 1 to 100000",
        ),
        (
            "SELECT sbg_fit(0, true)".to_owned(),
            "sbg_fit: tenure of a customer who left is 0; expected a whole number from 1",
        ),
        (
            "SELECT sbg_fit(100001, false)".to_owned(),
            "sbg_fit: tenure is 100001; expected a whole number from 0 to 100000",
        ),
        (
            format!("SELECT sbg_survival({FIT}, -1)"),
            "sbg_survival: period is -1; expected a whole number from 0 to 100000",
        ),
        (format!("SELECT sbg_survival({FIT}, 0.5)"), "sbg_survival: period is 0.5; expected a whole number"),
        (
            format!("SELECT sbg_retention({FIT}, 0)"),
            "sbg_retention: period is 0; expected a whole number from 1 to 100000",
        ),
        (
            format!("SELECT sbg_derl({FIT}, 0, 1)"),
            "sbg_derl: discount_rate is 0; expected a finite number of 0.000001 or more",
        ),
        (
            format!("SELECT sbg_derl({FIT}, 0.1, -1)"),
            "sbg_derl: renewals is -1; expected a whole number from 0 to 100000",
        ),
        (
            "SELECT sbg_survival(named_struct('alpha', -1, 'beta', 1), 1)".to_owned(),
            "sbg_survival: alpha of fit is -1; expected a number above 0, at most 1000000000",
        ),
    ];
    let ctx = context();
    for (sql, expected) in cases {
        let message = refusal(&ctx, &sql).await;
        assert!(message.contains(expected), "{sql}: {message}");
    }
}

#[tokio::test]
async fn a_wrong_type_or_number_of_arguments_is_refused_when_planned() {
    let cases = [
        (
            "SELECT funnel(INTERVAL '1 day', now())",
            "funnel: 2 arguments; expected funnel(window, event_time, step1, …)",
        ),
        ("SELECT path(now())", "path: 1 arguments; expected path(event_time, step)"),
        ("SELECT path(1, 'home')", "path: event_time is Int64; expected a timestamp or a date"),
        ("SELECT path(now(), 1)", "path: step is Int64; expected a text"),
        (
            "SELECT attribution(now(), 'web')",
            "attribution: 2 arguments; expected attribution(event_time, touch, model) or attribution(event_time, touch, model, half_life)",
        ),
        ("SELECT attribution('x', 'web', 'last')", "attribution: event_time is Utf8; expected a timestamp or a date"),
        ("SELECT attribution(now(), 1, 'last')", "attribution: touch is Int64; expected a text"),
        ("SELECT attribution(now(), 'web', 1)", "attribution: model is Int64; expected 'first', 'last',"),
        ("SELECT attribution(now(), x, x) FROM (VALUES ('last')) AS t(x)", "attribution: model must be a constant"),
        ("SELECT attribution(now(), 'web', 'time_decay', 7)", "attribution: half_life is Int64; expected an interval"),
        ("SELECT mode(1, 2, 3)", "mode: 3 arguments; expected mode(value) or mode(value, weight)"),
        (
            "SELECT mode(1.5e0)",
            "mode: value is Float64; expected a text, boolean, whole number, decimal, date or timestamp, for example CAST(value AS DECIMAL(12, 2))",
        ),
        ("SELECT mode([1])", "mode: value is List(Int64); expected a text,"),
        (
            "SELECT mode('a', 1.5e0)",
            "mode: weight is Float64; expected a whole number, for example CAST(weight AS BIGINT)",
        ),
        ("SELECT linear_model(1, 2)", "linear_model: 2 arguments; expected linear_model(y, drivers, confidence)"),
        (
            "SELECT linear_model(1, 2, 0.95)",
            "linear_model: drivers is Int64; expected a struct of numbers or booleans, for example named_struct('late', is_late)",
        ),
        ("SELECT linear_model('1', named_struct('x', 1), 0.95)", "linear_model: y is Utf8; expected a number"),
        ("SELECT linear_model(1, named_struct('x', 'y'), 0.95)", "linear_model: x is Utf8; expected a number"),
        ("SELECT linear_model(1, named_struct('x', 1), 1.5)", "linear_model: confidence is 1.5"),
        ("SELECT funnel(86400, now(), true)", "funnel: window is Int64; expected an interval of days or less"),
        ("SELECT funnel(INTERVAL '1 day', 1, true)", "funnel: event_time is Int64; expected a timestamp or a date"),
        ("SELECT funnel_times(INTERVAL '1 day', now(), true, 1)", "funnel_times: step2 is Int64; expected a boolean"),
        ("SELECT funnel(x, now(), true) FROM (VALUES (INTERVAL '1 day')) AS t(x)", "funnel: window must be a constant"),
        (
            "SELECT session_id(now(), x) OVER () FROM (VALUES (INTERVAL '1 day')) AS t(x)",
            "session_id: gap must be a constant",
        ),
        ("SELECT session_id(now()) OVER ()", "session_id: 1 arguments; expected session_id(event_time, gap)"),
        (
            "SELECT session_id('x', INTERVAL '1 day') OVER ()",
            "session_id: event_time is Utf8; expected a timestamp or a date",
        ),
        ("SELECT retention()", "retention"),
        ("SELECT retention(true, 1)", "retention: day1 is Int64; expected a boolean"),
        (
            "SELECT kaplan_meier(1, true)",
            "kaplan_meier: 2 arguments; expected kaplan_meier(duration, event, confidence)",
        ),
        ("SELECT kaplan_meier('1', true, 0.9)", "kaplan_meier: duration is Utf8; expected a number"),
        (
            "SELECT kaplan_meier(1, 'Yes', 0.9)",
            "kaplan_meier: event is Utf8; expected a boolean, for example event = 'yes'",
        ),
        ("SELECT kaplan_meier(1, true, 1.5)", "kaplan_meier: confidence is 1.5"),
        ("SELECT median_survival(1)", "median_survival: 1 arguments; expected median_survival(duration, event)"),
        ("SELECT sbg_fit(1)", "sbg_fit: 1 arguments; expected sbg_fit(tenure, churned)"),
        ("SELECT sbg_fit(DISTINCT 1, true)", "sbg_fit: DISTINCT is not supported"),
        ("SELECT sbg_survival(NULL, 1)", "sbg_survival: fit is Null; expected a struct with numbers alpha and beta"),
        ("SELECT sbg_survival('fit', 1)", "sbg_survival: fit is Utf8; expected a struct with numbers alpha and beta"),
        ("SELECT sbg_retention(named_struct('alpha', 1), 1)", "expected a struct with numbers alpha and beta"),
        (
            "SELECT sbg_derl(named_struct('alpha', 1, 'beta', 1), 0.1)",
            "sbg_derl: 2 arguments; expected sbg_derl(fit, discount_rate, renewals)",
        ),
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
async fn rows_that_do_not_count_may_hold_anything() {
    let ctx = context();
    let sql = "SELECT median_survival(d, e) FILTER (WHERE d >= 0), sbg_fit(t, true) FILTER (WHERE t > 0)['converged'] \
               FROM (VALUES (-1, true, 0), (2, true, 2), (CAST(NULL AS INT), true, -5)) AS t(d, e, t)";
    assert_eq!(rows(&ctx, sql).await, ["2.0, false"]);
}

#[tokio::test]
async fn a_fit_that_cannot_be_had_foretells_nothing() {
    let sql = "SELECT f['alpha'], f['log_likelihood'], f['converged'], sbg_survival(f, 3), sbg_derl(f, 0.1, 3) FROM (\
               SELECT sbg_fit(t, false) AS f FROM (VALUES (1), (2)) AS t(t))";
    assert_eq!(rows(&context(), sql).await, ["NULL, NULL, false, NULL, NULL"]);
    let nothing = "SELECT f IS NULL, sbg_survival(f, 3) FROM (SELECT sbg_fit(t, false) AS f FROM (VALUES (1)) AS t(t) WHERE t > 1)";
    assert_eq!(rows(&context(), nothing).await, ["true, NULL"]);
}
