//! Days, weeks and months where the customer lives.

use datafusion::prelude::SessionConfig;

use crate::{context, context_with, rows};

#[tokio::test]
async fn days_are_right_across_clock_changes() {
    let cases = [
        // Rome goes to summer time at 01:00 UTC on 2026-03-29: midnight is 23:00 UTC before it and 22:00 after.
        ("2026-03-28T22:59:59Z", "Europe/Rome", "2026-03-28"),
        ("2026-03-28T23:00:00Z", "Europe/Rome", "2026-03-29"),
        ("2026-03-29T21:59:59Z", "Europe/Rome", "2026-03-29"),
        ("2026-03-29T22:00:00Z", "Europe/Rome", "2026-03-30"),
        // and back at 01:00 UTC on 2026-10-25, a day of 25 hours.
        ("2026-10-24T22:00:00Z", "Europe/Rome", "2026-10-25"),
        ("2026-10-25T22:59:59Z", "Europe/Rome", "2026-10-25"),
        ("2026-10-25T23:00:00Z", "Europe/Rome", "2026-10-26"),
        // São Paulo went back at midnight, from 24:00 to 23:00 of 2019-02-16: the day lasts until 03:00 UTC.
        ("2019-02-17T01:59:59Z", "America/Sao_Paulo", "2019-02-16"),
        ("2019-02-17T02:30:00Z", "America/Sao_Paulo", "2019-02-16"),
        ("2019-02-17T03:00:00Z", "America/Sao_Paulo", "2019-02-17"),
        // and forward at midnight of 2018-11-04, which begins at 01:00.
        ("2018-11-04T02:59:59Z", "America/Sao_Paulo", "2018-11-03"),
        ("2018-11-04T03:00:00Z", "America/Sao_Paulo", "2018-11-04"),
        // No summer time there since 2019.
        ("2026-01-15T02:59:59Z", "America/Sao_Paulo", "2026-01-14"),
        // Kathmandu is 5:45 ahead.
        ("2026-01-01T18:14:59Z", "Asia/Kathmandu", "2026-01-01"),
        ("2026-01-01T18:15:00Z", "Asia/Kathmandu", "2026-01-02"),
        // Samoa skipped 2011-12-30.
        ("2011-12-30T09:59:59Z", "Pacific/Apia", "2011-12-29"),
        ("2011-12-30T10:00:00Z", "Pacific/Apia", "2011-12-31"),
        // Before 1970, and offsets in place of names.
        ("1969-12-31T22:59:59Z", "Europe/Rome", "1969-12-31"),
        ("1969-12-31T23:00:00Z", "+01:00", "1970-01-01"),
        ("1969-12-31T23:59:59Z", "UTC", "1969-12-31"),
    ];
    let ctx = context();
    for (instant, zone, day) in cases {
        for unit in ["s", "ms", "us", "ns"] {
            // As constants, as columns with one zone, and with a zone a row.
            let stamp = format!("arrow_cast(TIMESTAMP '{instant}', 'Timestamp({unit}, \"UTC\")')");
            let sql = format!(
                "SELECT local_day({stamp}, '{zone}'), local_day(t, '{zone}'), local_day(t, z) FROM (SELECT {stamp} AS t, z \
                 FROM (VALUES ('{zone}'), ('{zone}')) AS zones(z))"
            );
            let row = format!("{day}, {day}, {day}");
            assert_eq!(rows(&ctx, &sql).await, [row.as_str(), row.as_str()], "{instant} {zone} {unit}");
        }
    }
}

#[tokio::test]
async fn weeks_begin_on_monday_and_months_on_the_first() {
    let sql = "SELECT local_week(d), local_month(d) FROM (VALUES (DATE '2026-01-04'), (DATE '2026-01-05'), \
               (DATE '2024-02-29'), (DATE '1969-12-28'), (DATE '1969-12-29'), (NULL)) AS t(d)";
    let expected = [
        "2025-12-29, 2026-01-01",
        "2026-01-05, 2026-01-01",
        "2024-02-26, 2024-02-01",
        "1969-12-22, 1969-12-01",
        "1969-12-29, 1969-12-01",
        "NULL, NULL",
    ];
    assert_eq!(rows(&context(), sql).await, expected);
}

#[tokio::test]
async fn without_a_zone_the_session_s_counts() {
    let sql = "SELECT local_day(t), local_day(t, 'UTC'), local_day(TIMESTAMP '2026-06-30T22:30:00'), local_month(t), \
               local_week(t) FROM (VALUES (TIMESTAMP '2026-06-30T22:30:00')) AS x(t)";
    assert_eq!(rows(&context(), sql).await, ["2026-06-30, 2026-06-30, 2026-06-30, 2026-06-01, 2026-06-29"]);
    let mut config = SessionConfig::new();
    config.options_mut().execution.time_zone = Some("Europe/Rome".to_owned());
    let rome = context_with(config);
    assert_eq!(rows(&rome, sql).await, ["2026-07-01, 2026-06-30, 2026-07-01, 2026-07-01, 2026-06-29"]);
}

#[tokio::test]
async fn a_column_of_zones_is_read_row_by_row() {
    let sql = "SELECT local_day(TIMESTAMP '2026-06-30T22:30:00Z', z) FROM \
               (VALUES ('Europe/Rome'), ('UTC'), (NULL), ('Asia/Tokyo'), ('-11:00'), ('UTC')) AS t(z)";
    let expected = ["2026-07-01", "2026-06-30", "NULL", "2026-07-01", "2026-06-30", "2026-06-30"];
    assert_eq!(rows(&context(), sql).await, expected);
    let nulls = "SELECT local_day(NULL), local_day(NULL, 'UTC'), local_day(TIMESTAMP '2026-01-01', NULL), \
                 local_day(DATE '2026-01-01', NULL) AS d, local_day(DATE '2026-01-01', 'Asia/Tokyo')";
    assert_eq!(rows(&context(), nulls).await, ["NULL, NULL, NULL, NULL, 2026-01-01"]);
}

#[tokio::test]
async fn every_hour_of_years_equals_the_reference_conversion() {
    // to_local_time shifts by the zone's offset with another implementation; the first instants repeat over 14 years.
    for zone in ["Europe/Rome", "America/Sao_Paulo", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"] {
        let sql = format!(
            "SELECT count(*), sum(CASE WHEN local_day(t, '{zone}') = CAST(to_local_time(arrow_cast(t, \
             'Timestamp(Second, Some(\"{zone}\"))')) AS DATE) THEN 0 ELSE 1 END) FROM (SELECT \
             arrow_cast(arrow_cast(v, 'Timestamp(Second, None)'), 'Timestamp(Second, Some(\"UTC\"))') AS t \
             FROM generate_series(1199145600, 1640995200, 5400) AS g(v))"
        );
        assert_eq!(rows(&context_with(SessionConfig::new()), &sql).await, ["81825, 0"], "{zone}");
    }
}

#[tokio::test]
async fn a_fraction_of_a_second_before_1970_is_still_the_day_before() {
    let sql = "SELECT local_day(arrow_cast(TIMESTAMP '1969-12-31T22:59:59.999999Z', 'Timestamp(us, \"UTC\")'), '+01:00') AS us, \
               local_day(TIMESTAMP '1969-12-31T22:59:59.999999999Z', '+01:00') AS ns";
    assert_eq!(rows(&context(), sql).await, ["1969-12-31, 1969-12-31"]);
}
