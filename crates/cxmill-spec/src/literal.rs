//! Types by name, and scalars as values of a type.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, TimeZone, Utc};
use chrono_tz::Tz;

use crate::check::Bound;
use crate::contract::{ColumnType, DateFormat, Literal, TimestampFormat};
use crate::names::nearest;
use crate::yaml::{Kind, Scalar};

#[cfg(test)]
mod tests;

const TYPES: &[&str] =
    &["string", "int8", "int16", "int32", "int64", "double", "decimal(18, 2)", "boolean", "date", "timestamp"];

/// What other systems call a type.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("text", "string"),
    ("varchar", "string"),
    ("str", "string"),
    ("utf8", "string"),
    ("tinyint", "int8"),
    ("smallint", "int16"),
    ("int", "int64"),
    ("integer", "int64"),
    ("bigint", "int64"),
    ("long", "int64"),
    ("float", "double"),
    ("float64", "double"),
    ("real", "double"),
    ("numeric", "decimal(18, 2)"),
    ("decimal", "decimal(18, 2)"),
    ("bool", "boolean"),
    ("datetime", "timestamp"),
];

impl ColumnType {
    /// The type of this name, or what to write instead.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        Ok(match text {
            "string" => Self::String,
            "int8" => Self::Int8,
            "int16" => Self::Int16,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "double" => Self::Double,
            "boolean" => Self::Boolean,
            "date" => Self::Date(DateFormat::Iso8601),
            "timestamp" => Self::Timestamp(TimestampFormat::Iso8601),
            _ => match text.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')')) {
                Some(digits) => return decimal_type(digits),
                None if text.starts_with("decimal(") => {
                    return Err(
                        "put quotes around it, as in `'decimal(18, 2)'`: a comma ends a value within `{…}`".to_owned()
                    );
                }
                None => {
                    let lower = text.to_lowercase();
                    let meant = OTHER_NAMES.iter().find(|(other, _)| *other == lower).map(|(_, name)| *name);
                    let all = crate::names::quoted(TYPES);
                    return Err(match meant.or_else(|| nearest(text, TYPES.iter().copied())) {
                        Some(name) => format!("did you mean `{name}`? types: {all}"),
                        None => format!("types: {all}"),
                    });
                }
            },
        })
    }

    /// The type as YAML names it (a timestamp's format is a key of its own).
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::String => "string".to_owned(),
            Self::Int8 => "int8".to_owned(),
            Self::Int16 => "int16".to_owned(),
            Self::Int32 => "int32".to_owned(),
            Self::Int64 => "int64".to_owned(),
            Self::Double => "double".to_owned(),
            Self::Decimal { precision, scale } => format!("decimal({precision}, {scale})"),
            Self::Boolean => "boolean".to_owned(),
            Self::Date(_) => "date".to_owned(),
            Self::Timestamp(_) => "timestamp".to_owned(),
        }
    }
}

impl Literal {
    /// The value as SQL and YAML write it; `data_type` is its type.
    #[must_use]
    pub fn shown(&self, data_type: &ColumnType) -> String {
        match (self, data_type) {
            (Self::Decimal(unscaled), ColumnType::Decimal { scale, .. }) => point(*unscaled, scale.unsigned_abs()),
            (Self::String(value), _) => value.clone(),
            (Self::Int(value), _) => value.to_string(),
            (Self::Double(value), _) => value.to_string(),
            (Self::Decimal(value), _) => value.to_string(),
            (Self::Boolean(value), _) => value.to_string(),
            (Self::Date(value), _) => value.to_string(),
            (Self::Timestamp(value), _) => value.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        }
    }
}

/// A whole number with a point before its last digits.
fn point(unscaled: i128, scale: u8) -> String {
    let digits = format!("{:0width$}", unscaled.unsigned_abs(), width = usize::from(scale) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    let sign = if unscaled < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn decimal_type(digits: &str) -> Result<ColumnType, String> {
    let help =
        || "write decimal(digits, digits after the point), such as `decimal(18, 2)`; at most 38 digits".to_owned();
    let (precision, scale) = digits.split_once(',').ok_or_else(help)?;
    let precision: u8 = precision.trim().parse().map_err(|_| help())?;
    let scale: i8 = scale.trim().parse().map_err(|_| help())?;
    let fits = (1..=38).contains(&precision) && u8::try_from(scale).is_ok_and(|scale| scale <= precision);
    if fits { Ok(ColumnType::Decimal { precision, scale }) } else { Err(help()) }
}

/// A scalar as a value of a type, or why it is none. `time_zone` is that of timestamps without offset.
pub(crate) fn literal(scalar: &Scalar, data_type: &ColumnType, time_zone: Tz) -> Result<Literal, String> {
    let text = scalar.text.trim();
    let wrong = || format!("`{}` is no {}", crate::yaml::shorten(&scalar.text), data_type.name());
    match data_type {
        ColumnType::String => Ok(Literal::String(scalar.text.clone())),
        ColumnType::Int8 => integer(scalar, i8::MIN.into(), i8::MAX.into(), wrong),
        ColumnType::Int16 => integer(scalar, i16::MIN.into(), i16::MAX.into(), wrong),
        ColumnType::Int32 => integer(scalar, i32::MIN.into(), i32::MAX.into(), wrong),
        ColumnType::Int64 => integer(scalar, i64::MIN, i64::MAX, wrong),
        ColumnType::Double => {
            text.parse().ok().filter(|value: &f64| value.is_finite()).map(Literal::Double).ok_or_else(wrong)
        }
        ColumnType::Decimal { precision, scale } => {
            decimal(text, *precision, *scale).map(Literal::Decimal).ok_or_else(wrong)
        }
        ColumnType::Boolean => match (scalar.kind, text) {
            (Kind::Boolean(value), _) => Ok(Literal::Boolean(value)),
            (Kind::Text, "true") => Ok(Literal::Boolean(true)),
            (Kind::Text, "false") => Ok(Literal::Boolean(false)),
            _ => Err(wrong()),
        },
        ColumnType::Date(_) => date(text).map(Literal::Date).ok_or_else(wrong),
        ColumnType::Timestamp(_) => timestamp(text, time_zone).map(Literal::Timestamp).ok_or_else(wrong),
    }
}

fn integer(scalar: &Scalar, min: i64, max: i64, wrong: impl Fn() -> String) -> Result<Literal, String> {
    let value = match scalar.kind {
        Kind::Int(value) => Some(value),
        _ => scalar.text.trim().parse().ok(),
    };
    value.filter(|value| (min..=max).contains(value)).map(Literal::Int).ok_or_else(wrong)
}

/// The unscaled value of a decimal number, if it has no more digits than the type.
fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = usize::try_from(scale).ok()?;
    let fraction = fraction.trim_end_matches('0');
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() && fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) || fraction.len() > scale
    {
        return None;
    }
    let unscaled = format!("{whole}{fraction:0<scale$}");
    let significant = unscaled.trim_start_matches('0');
    if significant.len() > usize::from(precision) {
        return None;
    }
    let value: i128 = if significant.is_empty() { 0 } else { significant.parse().ok()? };
    Some(if negative { -value } else { value })
}

/// An ISO 8601 date.
pub(crate) fn date(text: &str) -> Option<NaiveDate> {
    (text.len() == 10).then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()
}

/// An ISO 8601 timestamp with or without offset (a date alone is its midnight).
pub(crate) fn timestamp(text: &str, time_zone: Tz) -> Option<DateTime<Utc>> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.with_timezone(&Utc));
    }
    let naive = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(|| date(text)?.and_hms_opt(0, 0, 0))?;
    Some(time_zone.from_local_datetime(&naive).earliest()?.with_timezone(&Utc))
}

/// The type and the value of a scalar whose type is not written down.
pub(crate) fn infer(scalar: &Scalar, time_zone: Tz) -> (ColumnType, Literal) {
    match scalar.kind {
        Kind::Boolean(value) => (ColumnType::Boolean, Literal::Boolean(value)),
        Kind::Int(value) => (ColumnType::Int64, Literal::Int(value)),
        Kind::Double(value) if value.is_finite() => (ColumnType::Double, Literal::Double(value)),
        Kind::Double(_) | Kind::Text => {
            if let Some(day) = date(&scalar.text) {
                (ColumnType::Date(DateFormat::Iso8601), Literal::Date(day))
            } else if let Some(instant) = timestamp(&scalar.text, time_zone) {
                (ColumnType::Timestamp(TimestampFormat::Iso8601), Literal::Timestamp(instant))
            } else {
                (ColumnType::String, Literal::String(scalar.text.clone()))
            }
        }
    }
}

/// A scalar as a bound, for comparison with a column whose type only the engine knows.
pub(crate) fn bound(scalar: &Scalar) -> Bound {
    match scalar.kind {
        Kind::Boolean(value) => Bound::Boolean(value),
        Kind::Int(value) => Bound::Int(value),
        Kind::Double(value) if value.is_finite() => Bound::Double(value),
        Kind::Double(_) | Kind::Text => Bound::Text(scalar.text.clone()),
    }
}

/// The time zone of this IANA name, or what to write instead.
pub(crate) fn time_zone(text: &str) -> Result<Tz, String> {
    text.parse().map_err(|_| match nearest(text, chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())) {
        Some(name) => format!("did you mean `{name}`?"),
        None => "write an IANA name such as `Europe/Paris` or `UTC`".to_owned(),
    })
}
