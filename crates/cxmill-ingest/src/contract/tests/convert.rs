//! Every type, cell by cell.

use cxmill_spec::{ColumnType, Format, TimestampFormat};
use proptest::prelude::*;

use crate::contract::convert::{Cell, ColumnPlan, Scalar};
use crate::contract::testing::{ISO, column, private, source};
use crate::contract::{ZoneCache, number};

fn read(data_type: &ColumnType, cell: Cell<'_>, zone: chrono_tz::Tz) -> Result<String, String> {
    let source = source(Format::Ndjson, vec![column("c", data_type.clone())]);
    let plan = ColumnPlan::new(&source, &source.columns[0]).unwrap();
    match plan.read(cell, &mut ZoneCache::new(zone)) {
        Ok(Scalar::Null) => Ok("null".to_owned()),
        Ok(value) => Ok(plan.text_of(value)),
        Err(fault) => Err(fault.message),
    }
}

/// Checks texts and what they mean; `!` means a reject.
fn check(data_type: &ColumnType, cases: &[(&str, &str)]) {
    check_in(chrono_tz::Tz::UTC, data_type, cases);
}

fn check_in(zone: chrono_tz::Tz, data_type: &ColumnType, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let found = read(data_type, Cell::Text(text.as_bytes()), zone).unwrap_or_else(|_| "!".to_owned());
        assert_eq!(found, *expected, "{text:?} as {data_type:?}");
    }
}

#[test]
fn integers_are_exact_and_in_range() {
    check(
        &ColumnType::Int8,
        &[("0", "0"), ("-128", "-128"), ("127", "127"), ("128", "!"), ("-129", "!"), ("300", "!"), ("007", "7")],
    );
    check(&ColumnType::Int16, &[("32767", "32767"), ("32768", "!"), ("-32768", "-32768")]);
    check(&ColumnType::Int32, &[("2147483647", "2147483647"), ("2147483648", "!")]);
    check(
        &ColumnType::Int64,
        &[
            ("9223372036854775807", "9223372036854775807"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("9223372036854775808", "!"),
            ("999999999999999999", "999999999999999999"),
            ("99999999999999999999999999999999999999999999", "!"),
            ("77.0", "77"),
            ("1e2", "100"),
            ("1.50e1", "15"),
            ("1200e-2", "12"),
            ("+5", "5"),
            ("-0", "0"),
            ("1.5", "!"),
            ("1e-1", "!"),
            ("1e400", "!"),
            ("0e99999999999", "0"),
            ("", "!"),
            ("-", "!"),
            ("1_000", "!"),
            ("1,000", "!"),
            ("0x10", "!"),
            ("five", "!"),
            (" 5", "!"),
            ("1e", "!"),
            ("1.2.3", "!"),
            ("--1", "!"),
        ],
    );
}

#[test]
fn doubles_are_finite() {
    check(
        &ColumnType::Double,
        &[
            ("1.5", "1.5"),
            ("-0.1", "-0.1"),
            ("5.", "5"),
            (".5", "0.5"),
            ("1e3", "1000"),
            ("123456789012345678", "123456789012345680"),
            ("1e308", &format!("{}", 1e308)),
            ("1e309", "!"),
            ("inf", "!"),
            ("NaN", "!"),
            ("infinity", "!"),
            (".", "!"),
            ("", "!"),
            ("-", "!"),
            ("1.5.5", "!"),
        ],
    );
}

#[test]
fn decimals_are_exact() {
    check(
        &ColumnType::Decimal { precision: 5, scale: 2 },
        &[
            ("1", "1.00"),
            ("1.5", "1.50"),
            ("-999.99", "-999.99"),
            ("999.99", "999.99"),
            ("1000", "!"),
            ("1.999", "!"),
            ("1.990", "1.99"),
            ("0.010000000000000000000000000000000000000000000000", "0.01"),
            ("0.010000000000000000000000000000000000000000000001", "!"),
            ("1e2", "100.00"),
            ("1e-2", "0.01"),
            ("1e-3", "!"),
            ("abc", "!"),
        ],
    );
    let wide = ColumnType::Decimal { precision: 38, scale: 0 };
    let nines = "9".repeat(38);
    check(&wide, &[(&nines, &nines), (&format!("{nines}0"), "!"), (&format!("1{}", "0".repeat(38)), "!")]);
}

#[test]
fn booleans_are_true_and_false() {
    check(
        &ColumnType::Boolean,
        &[("true", "true"), ("FALSE", "false"), ("1", "true"), ("0", "false"), ("yes", "!"), ("t", "!"), ("", "!")],
    );
    let zone = chrono_tz::Tz::UTC;
    assert!(read(&ColumnType::Boolean, Cell::Number(b"1"), zone).is_err());
    assert_eq!(read(&ColumnType::Boolean, Cell::Boolean(true), zone).unwrap(), "true");
    assert!(read(&ColumnType::Int8, Cell::Boolean(true), zone).is_err());
}

#[test]
fn dates_are_days_of_the_calendar() {
    check(
        &ColumnType::Date(cxmill_spec::DateFormat::Iso8601),
        &[
            ("1970-01-01", "1970-01-01"),
            ("2024-02-29", "2024-02-29"),
            ("2023-02-29", "!"),
            ("1900-02-29", "!"),
            ("2000-02-29", "2000-02-29"),
            ("0000-01-01", "0000-01-01"),
            ("9999-12-31", "9999-12-31"),
            ("2026-13-01", "!"),
            ("2026-00-10", "!"),
            ("2026-04-31", "!"),
            ("2026-1-1", "!"),
            ("2026/01/01", "!"),
            ("2026-01-01T00:00:00Z", "!"),
            ("", "!"),
        ],
    );
}

#[test]
fn dates_are_read_as_the_contract_says() {
    let of = |format: &str| ColumnType::Date(cxmill_spec::DateFormat::Strptime(format.to_owned()));
    // What the clocks of a zone do has no say in a day.
    check_in(
        chrono_tz::Tz::America__New_York,
        &of("%d/%m/%Y"),
        &[
            ("31/12/2025", "2025-12-31"),
            ("1/2/2025", "2025-02-01"),
            ("29/02/2025", "!"),
            ("2025-12-31", "!"),
            ("31/12/2025 10:00", "!"),
            ("31/12/99999", "!"),
            ("", "!"),
        ],
    );
    check(&of("%Y%m%d"), &[("20260731", "2026-07-31"), ("00010101", "0001-01-01"), ("99991231", "9999-12-31")]);
    check(&of("%b %d, %Y %I:%M %p"), &[("Jul 31, 2026 11:59 PM", "2026-07-31"), ("Jul 31, 2026", "!")]);
    check(&of("%Y-%m-%dT%H:%M:%S%z"), &[("2026-07-31T23:30:00-0500", "2026-07-31")]);
    let zone = chrono_tz::Tz::UTC;
    assert_eq!(read(&of("%Y%m%d"), Cell::Number(b"20260731"), zone).unwrap(), "2026-07-31");
    assert_eq!(read(&of("%Y%m%d"), Cell::Days(1), zone).unwrap(), "1970-01-02");
    assert!(read(&of("%Y%m%d"), Cell::Micros(0), zone).is_err());
}

#[test]
fn timestamps_are_read_as_iso_8601() {
    let ten = "2026-01-01T10:00:00Z";
    check(
        &ISO,
        &[
            ("2026-01-01T10:00:00Z", ten),
            ("2026-01-01 10:00:00Z", ten),
            ("2026-01-01t10:00:00z", ten),
            ("2026-01-01T10:00:00", ten),
            ("2026-01-01T10:00", ten),
            ("2026-01-01T12:00:00+02:00", ten),
            ("2026-01-01T12:00:00+0200", ten),
            ("2026-01-01T12:00:00+02", ten),
            ("2026-01-01 04:30:00 -0530", ten),
            ("2026-01-01T10:00:00.5Z", "2026-01-01T10:00:00.500Z"),
            ("2026-01-01T10:00:00.123456789Z", "2026-01-01T10:00:00.123456Z"),
            ("2026-01-01T10:00:00,25", "2026-01-01T10:00:00.250Z"),
            ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
            ("2026-01-01", "!"),
            ("2026-01-01T24:00:00Z", "!"),
            ("2026-01-01T10:60:00Z", "!"),
            ("2026-01-01T10:00:60Z", "!"),
            ("2026-01-01T10:00:00.Z", "!"),
            ("2026-01-01T10:00:00.1234567890Z", "!"),
            ("2026-01-01T10:00:00+25:00", "!"),
            ("2026-01-01T10:00:00 UTC", "!"),
            ("2026-01-01T10:00:00ZZ", "!"),
            ("2026-02-30T10:00:00Z", "!"),
            ("01/02/2026 10:00", "!"),
            ("", "!"),
        ],
    );
    assert!(read(&ISO, Cell::Number(b"1767261600"), chrono_tz::Tz::UTC).is_err());
}

#[test]
fn local_times_follow_the_clocks_of_the_zone() {
    let rome = chrono_tz::Tz::Europe__Rome;
    check_in(
        rome,
        &ISO,
        &[
            ("2026-01-01T10:00:00", "2026-01-01T09:00:00Z"),
            ("2026-07-01T10:00:00", "2026-07-01T08:00:00Z"),
            ("2026-07-01T10:00:00Z", "2026-07-01T10:00:00Z"),
            ("2026-03-29T01:59:59", "2026-03-29T00:59:59Z"),
            ("2026-03-29T02:30:00", "!"),
            ("2026-03-29T03:00:00", "2026-03-29T01:00:00Z"),
            ("2026-10-25T02:30:00", "2026-10-25T00:30:00Z"),
            ("2026-10-25T03:00:00", "2026-10-25T02:00:00Z"),
        ],
    );
    let message = read(&ISO, Cell::Text(b"2026-03-29T02:30:00"), rome).unwrap_err();
    assert_eq!(
        message,
        "c: expected a time that exists, found \"2026-03-29T02:30:00\", which the clocks of Europe/Rome skipped"
    );
}

#[test]
fn epochs_and_formats_are_read_as_the_contract_says() {
    let of = |format| ColumnType::Timestamp(format);
    check(
        &of(TimestampFormat::EpochSeconds),
        &[
            ("1767261600", "2026-01-01T10:00:00Z"),
            ("1767261600.5", "2026-01-01T10:00:00.500Z"),
            ("1767261600.1234567", "2026-01-01T10:00:00.123456Z"),
            ("-1", "1969-12-31T23:59:59Z"),
            ("1767261600000", "!"),
            ("2026-01-01", "!"),
        ],
    );
    check(
        &of(TimestampFormat::EpochMillis),
        &[("1767261600123", "2026-01-01T10:00:00.123Z"), ("-1", "1969-12-31T23:59:59.999Z")],
    );
    check(&of(TimestampFormat::EpochMicros), &[("1767261600123456", "2026-01-01T10:00:00.123456Z")]);
    let rome = chrono_tz::Tz::Europe__Rome;
    let day_first = of(TimestampFormat::Strptime("%d/%m/%Y %H:%M".to_owned()));
    check_in(
        rome,
        &day_first,
        &[("31/07/2026 10:00", "2026-07-31T08:00:00Z"), ("07/31/2026 10:00", "!"), ("31/07/2026", "!")],
    );
    check_in(rome, &of(TimestampFormat::Strptime("%Y%m%d".to_owned())), &[("20260731", "2026-07-30T22:00:00Z")]);
    let offset = of(TimestampFormat::Strptime("%Y-%m-%d %H:%M:%S %z".to_owned()));
    check_in(rome, &offset, &[("2026-07-31 10:00:00 +0100", "2026-07-31T09:00:00Z")]);
}

#[test]
fn a_number_is_no_string_and_messages_hide_private_values() {
    let zone = chrono_tz::Tz::UTC;
    assert_eq!(read(&ColumnType::String, Cell::Number(b"5"), zone).unwrap_err(), "c: expected a string, found 5");
    assert_eq!(
        read(&ColumnType::Int8, Cell::Text(b"300"), zone).unwrap_err(),
        "c: expected a whole number from -128 to 127, found \"300\""
    );
    let source = source(Format::Ndjson, vec![private(column("c", ColumnType::Int8))]);
    let plan = ColumnPlan::new(&source, &source.columns[0]).unwrap();
    let fault = plan.read(Cell::Text(b"300"), &mut ZoneCache::new(zone)).unwrap_err();
    assert!(!fault.message.contains("300"), "{}", fault.message);
}

proptest! {
    #[test]
    fn doubles_agree_with_the_standard_library(value in proptest::num::f64::NORMAL, digits in 0usize..20) {
        for text in [value.to_string(), format!("{value:e}"), format!("{:.digits$}", value % 1e15)] {
            prop_assert_eq!(number::parse_double(text.as_bytes()), Ok(text.parse::<f64>().unwrap()), "{}", text);
        }
    }

    #[test]
    fn integers_agree_with_the_standard_library(value: i64, zeros in 0usize..4) {
        prop_assert_eq!(number::parse_int(value.to_string().as_bytes()), Ok(value));
        prop_assert_eq!(number::parse_int(format!("{value}.{}", "0".repeat(zeros)).as_bytes()), Ok(value));
    }

    #[test]
    fn timestamps_agree_with_chrono(micros in -62_167_219_200_000_000i64..253_402_300_799_999_999) {
        let instant = chrono::DateTime::from_timestamp_micros(micros).unwrap();
        let mut zone = ZoneCache::new(chrono_tz::Tz::UTC);
        for text in [
            instant.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
            instant.format("%Y-%m-%d %H:%M:%S%.9f+00:00").to_string(),
        ] {
            prop_assert_eq!(crate::contract::time::parse_iso(text.as_bytes(), &mut zone), Ok(micros), "{}", text);
        }
    }

    #[test]
    fn local_times_agree_with_chrono(seconds in 0i64..4_000_000_000, zone in 0usize..5) {
        use chrono::TimeZone;
        let zone = [
            chrono_tz::Tz::Europe__Rome,
            chrono_tz::Tz::America__New_York,
            chrono_tz::Tz::Australia__Lord_Howe,
            chrono_tz::Tz::Africa__Casablanca,
            chrono_tz::Tz::Asia__Kathmandu,
        ][zone];
        let local = chrono::DateTime::from_timestamp(seconds, 0).unwrap().naive_utc();
        let expected = zone.from_local_datetime(&local).earliest().map(|instant| instant.timestamp_micros());
        let mut cache = ZoneCache::new(zone);
        for _ in 0..2 {
            prop_assert_eq!(cache.instant(seconds * 1_000_000).ok(), expected);
        }
    }
}
