//! From a cell to a typed value.
//!
//! - Numbers may come quoted, with blanks around them in CSV. A whole number may be written with a fraction or an exponent
//!   where its value is whole (`77.0`, `1e2`); `1.5` is no whole number. Decimals are exact: digits beyond the scale must be 0.
//! - Booleans are `true` and `false`; as text also `1` and `0`, in any case. The JSON numbers 1 and 0 are no booleans.
//! - A string is text: the JSON number 5 is not the string "5". A date is `YYYY-MM-DD`, or as the contract says; an
//!   instant is no date.
//! - Timestamps are written as the contract says; a strptime format also reads the digits of a JSON number.

use cxmill_spec::{Column, ColumnType, DateFormat, Source, TimestampFormat};

use super::number::{self, NumberFault};
use super::rule::Rules;
use super::time::{self, TimeFault, ZoneCache};
use crate::error::IngestError;

/// One raw value. Texts are valid UTF-8.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Missing, null or an empty cell.
    Null,
    /// A string or a text cell.
    Text(&'a [u8]),
    /// A number as written.
    Number(&'a [u8]),
    /// A boolean that the format knows as such.
    Boolean(bool),
    /// A date that the format knows as such, in days since 1970-01-01.
    Days(i32),
    /// An instant that the format knows as such, in microseconds since 1970-01-01 UTC.
    Micros(i64),
    /// Something no column type can hold; says what.
    Other(&'static str),
}

/// One typed value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scalar<'a> {
    /// No value.
    Null,
    /// Integers, booleans as 0 and 1, dates in days, timestamps in microseconds.
    Int(i64),
    /// Doubles.
    Double(f64),
    /// Decimals, unscaled.
    Decimal(i128),
    /// Strings.
    Text(&'a [u8]),
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) rule: &'static str,
    pub(crate) message: String,
}

/// The type of a column with what its conversion needs.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    String,
    Int {
        min: i64,
        max: i64,
    },
    Double,
    Decimal {
        precision: u8,
        scale: i8,
        limit: i128,
    },
    Boolean,
    Date,
    /// A date in a strptime format.
    DateFormat(Vec<chrono::format::Item<'static>>),
    Iso,
    /// Digits of a fraction that reach microseconds.
    Epoch {
        digits: i32,
    },
    Format(Vec<chrono::format::Item<'static>>),
}

/// One column, compiled.
#[derive(Debug)]
pub(crate) struct ColumnPlan {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) data_type: ColumnType,
    pub(crate) required: bool,
    pub(crate) private: bool,
    rules: Rules,
    expected: String,
}

impl ColumnPlan {
    pub(crate) fn new(source: &Source, column: &Column) -> Result<Self, IngestError> {
        let broken = || {
            IngestError::Bug(format!("column {} of source {} has a broken strptime format", column.name, source.name))
        };
        let (kind, expected) = match &column.data_type {
            ColumnType::String => (Kind::String, "a string".to_owned()),
            ColumnType::Int8 => int(i8::MIN.into(), i8::MAX.into()),
            ColumnType::Int16 => int(i16::MIN.into(), i16::MAX.into()),
            ColumnType::Int32 => int(i32::MIN.into(), i32::MAX.into()),
            ColumnType::Int64 => int(i64::MIN, i64::MAX),
            ColumnType::Double => (Kind::Double, "a finite number".to_owned()),
            ColumnType::Decimal { precision, scale } => {
                let limit = number::power_of_ten(i64::from(*precision)).unwrap_or(i128::MAX);
                let expected = format!("a number of at most {precision} digits, {scale} of them after the point");
                (Kind::Decimal { precision: *precision, scale: *scale, limit }, expected)
            }
            ColumnType::Boolean => (Kind::Boolean, "true or false".to_owned()),
            ColumnType::Date(format) => date(format).ok_or_else(broken)?,
            ColumnType::Timestamp(format) => timestamp(format).ok_or_else(broken)?,
        };
        let rules = Rules::new(column).map_err(|rule| {
            IngestError::Bug(format!(
                "rule {rule} does not fit the type of column {} of source {}",
                column.name, source.name
            ))
        })?;
        Ok(Self {
            name: column.name.clone(),
            kind,
            data_type: column.data_type.clone(),
            required: column.required,
            private: column.private,
            rules,
            expected,
        })
    }

    /// Whether cells of this column keep the blanks around them.
    pub(crate) fn is_string(&self) -> bool {
        matches!(self.kind, Kind::String)
    }

    /// Whether the column has rules besides its type.
    pub(crate) fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Whether a value of the column's type meets every rule of the column.
    #[inline]
    pub(crate) fn allows(&self, value: Scalar<'_>) -> bool {
        self.rules.is_empty() || self.rules.check(self, value).is_ok()
    }

    /// The typed value of a cell, which then meets every rule of the column.
    #[inline]
    pub(crate) fn read<'a>(&self, cell: Cell<'a>, zone: &mut ZoneCache) -> Result<Scalar<'a>, Box<Fault>> {
        let value = self.convert(cell, zone)?;
        if !self.rules.is_empty() {
            self.rules.check(self, value)?;
        }
        Ok(value)
    }

    #[inline]
    fn convert<'a>(&self, cell: Cell<'a>, zone: &mut ZoneCache) -> Result<Scalar<'a>, Box<Fault>> {
        match (&self.kind, cell) {
            (Kind::String, Cell::Text(text)) => Ok(Scalar::Text(text)),
            (_, Cell::Null) => {
                if self.required {
                    return Err(self.missing());
                }
                Ok(Scalar::Null)
            }
            (Kind::Int { min, max }, Cell::Number(text) | Cell::Text(text)) => match number::parse_int(text) {
                Ok(value) if (*min..=*max).contains(&value) => Ok(Scalar::Int(value)),
                _ => Err(self.mismatch(cell)),
            },
            (Kind::Double, Cell::Number(text) | Cell::Text(text)) => {
                number::parse_double(text).map(Scalar::Double).map_err(|_| self.mismatch(cell))
            }
            (Kind::Decimal { scale, limit, .. }, Cell::Number(text) | Cell::Text(text)) => {
                match number::parse_decimal(text, i32::from(*scale)) {
                    Ok(value) if -limit < value && value < *limit => Ok(Scalar::Decimal(value)),
                    _ => Err(self.mismatch(cell)),
                }
            }
            (Kind::Boolean, Cell::Boolean(value)) => Ok(Scalar::Int(value.into())),
            (Kind::Boolean, Cell::Text(text)) => match text {
                b"1" => Ok(Scalar::Int(1)),
                b"0" => Ok(Scalar::Int(0)),
                _ if text.eq_ignore_ascii_case(b"true") => Ok(Scalar::Int(1)),
                _ if text.eq_ignore_ascii_case(b"false") => Ok(Scalar::Int(0)),
                _ => Err(self.mismatch(cell)),
            },
            (Kind::Date, Cell::Text(text)) => {
                time::parse_date(text).map(|days| Scalar::Int(days.into())).ok_or_else(|| self.mismatch(cell))
            }
            (Kind::DateFormat(items), Cell::Text(text) | Cell::Number(text)) => std::str::from_utf8(text)
                .ok()
                .and_then(|text| time::parse_date_format(text, items))
                .map(|days| Scalar::Int(days.into()))
                .ok_or_else(|| self.mismatch(cell)),
            (Kind::Date | Kind::DateFormat(_), Cell::Days(days)) => Ok(Scalar::Int(days.into())),
            (Kind::Iso, Cell::Text(text)) => self.instant(time::parse_iso(text, zone), cell, zone),
            (Kind::Epoch { digits }, Cell::Number(text) | Cell::Text(text)) => {
                time::parse_epoch(text, *digits).map(Scalar::Int).map_err(|_: NumberFault| self.mismatch(cell))
            }
            (Kind::Format(items), Cell::Text(text) | Cell::Number(text)) => {
                let parsed = match std::str::from_utf8(text) {
                    Ok(text) => time::parse_format(text, items, zone),
                    Err(_) => Err(TimeFault::Syntax),
                };
                self.instant(parsed, cell, zone)
            }
            (Kind::Iso | Kind::Epoch { .. } | Kind::Format(_), Cell::Micros(micros)) if time::in_range(micros) => {
                Ok(Scalar::Int(micros))
            }
            _ => Err(self.mismatch(cell)),
        }
    }

    #[inline]
    fn instant<'a>(
        &self,
        parsed: Result<i64, TimeFault>,
        cell: Cell<'_>,
        zone: &ZoneCache,
    ) -> Result<Scalar<'a>, Box<Fault>> {
        match parsed {
            Ok(micros) => Ok(Scalar::Int(micros)),
            Err(TimeFault::Syntax) => Err(self.mismatch(cell)),
            Err(TimeFault::Skipped) => Err(self.fault(
                "type",
                format!(
                    "expected a time that exists, found {}, which the clocks of {} skipped",
                    self.show(cell),
                    zone.name()
                ),
            )),
        }
    }

    /// The fault of a required column without a value.
    #[cold]
    pub(crate) fn missing(&self) -> Box<Fault> {
        self.fault("required", "a value is required, found none".to_owned())
    }

    #[cold]
    pub(crate) fn mismatch(&self, cell: Cell<'_>) -> Box<Fault> {
        self.fault("type", format!("expected {}, found {}", self.expected, self.show(cell)))
    }

    /// A fault whose message names the column.
    #[cold]
    pub(crate) fn fault(&self, rule: &'static str, message: String) -> Box<Fault> {
        Box::new(Fault { rule, message: format!("{}: {message}", self.name) })
    }

    fn show(&self, cell: Cell<'_>) -> String {
        match cell {
            Cell::Null => "null".to_owned(),
            Cell::Other(what) => what.to_owned(),
            _ if self.private => "something else".to_owned(),
            Cell::Text(text) | Cell::Number(text) => {
                let quote = if matches!(cell, Cell::Number(_)) { "" } else { "\"" };
                format!("{quote}{}{quote}", shortened(text))
            }
            Cell::Boolean(value) => value.to_string(),
            Cell::Days(days) => format!("the date {}", time::show_date(days.into())),
            Cell::Micros(micros) => format!("the timestamp {}", time::show_timestamp(micros)),
        }
    }

    /// A typed value as people write it; for private columns, what is hashed.
    pub(crate) fn text_of(&self, value: Scalar<'_>) -> String {
        match (&self.kind, value) {
            (_, Scalar::Null) => String::new(),
            (_, Scalar::Text(text)) => String::from_utf8_lossy(text).into_owned(),
            (_, Scalar::Double(value)) => value.to_string(),
            (Kind::Decimal { precision, scale, .. }, Scalar::Decimal(value)) => {
                use arrow::datatypes::{Decimal128Type, DecimalType};
                Decimal128Type::format_decimal(value, *precision, *scale)
            }
            (_, Scalar::Decimal(value)) => value.to_string(),
            (Kind::Boolean, Scalar::Int(value)) => (value != 0).to_string(),
            (Kind::Date | Kind::DateFormat(_), Scalar::Int(days)) => time::show_date(days),
            (Kind::Iso | Kind::Epoch { .. } | Kind::Format(_), Scalar::Int(micros)) => time::show_timestamp(micros),
            (_, Scalar::Int(value)) => value.to_string(),
        }
    }
}

fn int(min: i64, max: i64) -> (Kind, String) {
    (Kind::Int { min, max }, format!("a whole number from {min} to {max}"))
}

fn date(format: &DateFormat) -> Option<(Kind, String)> {
    Some(match format {
        DateFormat::Iso8601 => (Kind::Date, "a date such as 2026-01-31".to_owned()),
        DateFormat::Strptime(format) => {
            let items = chrono::format::StrftimeItems::new(format).parse_to_owned().ok()?;
            (Kind::DateFormat(items), format!("a date written as {format}"))
        }
    })
}

fn timestamp(format: &TimestampFormat) -> Option<(Kind, String)> {
    let epoch = |digits, unit: &str| (Kind::Epoch { digits }, format!("{unit} since 1970-01-01 UTC"));
    Some(match format {
        TimestampFormat::Iso8601 => (Kind::Iso, "a timestamp such as 2026-01-31T10:00:00Z".to_owned()),
        TimestampFormat::EpochSeconds => epoch(6, "seconds"),
        TimestampFormat::EpochMillis => epoch(3, "milliseconds"),
        TimestampFormat::EpochMicros => epoch(0, "microseconds"),
        TimestampFormat::Strptime(format) => {
            let items = chrono::format::StrftimeItems::new(format).parse_to_owned().ok()?;
            (Kind::Format(items), format!("a timestamp written as {format}"))
        }
    })
}

/// A text for a message: at most forty characters.
pub(crate) fn shortened(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut characters = text.chars();
    let mut short: String = characters.by_ref().take(40).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}
