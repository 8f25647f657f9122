//! Types by name and values of types.

use chrono_tz::Tz;

use super::{decimal, infer, literal, timestamp};
use crate::contract::ColumnType;
use crate::yaml::{Kind, Scalar};

fn text(text: &str) -> Scalar {
    Scalar { kind: Kind::Text, text: text.to_owned() }
}

#[test]
fn decimals_are_exact() {
    let unscaled = |text| decimal(text, 5, 2);
    assert_eq!(
        ["1", "-1.5", "0.05", "+999.99", ".5", "1.500", "000001"].map(unscaled),
        [100, -150, 5, 99_999, 50, 150, 100].map(Some)
    );
    assert_eq!(["1000", "1.005", "", "-", ".", "1e2", "1.2.3", "--1", "0x1", "١"].map(unscaled), [None; 10]);
    assert_eq!(decimal(&"9".repeat(38), 38, 0), "9".repeat(38).parse().ok());
    assert_eq!(decimal(&"9".repeat(39), 38, 0), None);
}

#[test]
fn types_are_written_back_as_they_are_read() {
    for name in
        ["string", "int8", "int16", "int32", "int64", "double", "decimal(38, 0)", "boolean", "date", "timestamp"]
    {
        assert_eq!(ColumnType::parse(name).map(|data_type| data_type.name()), Ok(name.to_owned()));
    }
    for name in ["decimal(0, 0)", "decimal(39, 1)", "decimal(2, 3)", "decimal(2, -1)", "decimal(2)", "decimal()", ""] {
        assert!(ColumnType::parse(name).is_err(), "{name}");
    }
}

#[test]
fn timestamps_without_offset_are_of_their_zone() {
    let utc = |text| timestamp(text, Tz::Europe__Paris).map(|instant| instant.format("%FT%T%.f").to_string());
    assert_eq!(utc("2026-07-01T12:00:00+05:30").as_deref(), Some("2026-07-01T06:30:00"));
    assert_eq!(utc("2026-07-01 12:00:00.25").as_deref(), Some("2026-07-01T10:00:00.250"));
    assert_eq!(utc("2026-01-01").as_deref(), Some("2025-12-31T23:00:00"));
    // An hour that comes twice is the first one; one that never comes is no time.
    assert_eq!(utc("2026-10-25T02:30").as_deref(), Some("2026-10-25T00:30:00"));
    assert_eq!(utc("2026-03-29T02:30"), None);
}

#[test]
fn types_are_inferred_from_what_is_written() {
    let inferred = |scalar: &Scalar| infer(scalar, Tz::UTC).0.name();
    assert_eq!(
        ["2026-01-01", "2026-01-01T00:00:00Z", "2026-13-01", "90"].map(|t| inferred(&text(t))),
        ["date", "timestamp", "string", "string"]
    );
    assert_eq!(inferred(&Scalar { kind: Kind::Int(90), text: "90".into() }), "int64");
}

#[test]
fn numbers_stay_in_their_type() {
    for (value, data_type, fits) in [
        ("127", ColumnType::Int8, true),
        ("128", ColumnType::Int8, false),
        ("-32768", ColumnType::Int16, true),
        ("1.0", ColumnType::Int64, false),
        ("1e3", ColumnType::Double, true),
        ("inf", ColumnType::Double, false),
        ("nan", ColumnType::Double, false),
    ] {
        assert_eq!(literal(&text(value), &data_type, Tz::UTC).is_ok(), fits, "{value}");
    }
}

#[test]
fn values_are_written_back_as_they_are_read() {
    let shown = |written: &str, data_type: &str| {
        let data_type = ColumnType::parse(data_type).expect("a type");
        literal(&text(written), &data_type, Tz::UTC).map(|value| value.shown(&data_type))
    };
    for (written, data_type) in [
        ("web", "string"),
        ("-3", "int8"),
        ("0.25", "double"),
        ("-0.05", "decimal(5, 2)"),
        ("12.50", "decimal(5, 2)"),
        ("7", "decimal(5, 0)"),
        ("true", "boolean"),
        ("2026-01-31", "date"),
        ("2026-01-31T12:00:00Z", "timestamp"),
        ("2026-01-31T12:00:00.250Z", "timestamp"),
    ] {
        assert_eq!(shown(written, data_type), Ok(written.to_owned()), "{data_type}");
    }
}
