//! Calendar periods where the customer lives: `local_day`, `local_week` and `local_month`.
//!
//! A timestamp is an instant; which day it falls on depends on the zone, and within a zone on the date, because clocks
//! change. Without the zone argument the session's `datafusion.execution.time_zone` counts, and UTC if that is not set.
//! None of the functions claims to keep the order of its argument: a zone whose clocks go back at one minute past midnight
//! enters the same day twice.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use datafusion::arrow::array::{Array, ArrayRef, ArrowPrimitiveType, Date32Array, StringArray};
use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use datafusion::common::cast::{as_date32_array, as_primitive_array, as_string_array};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_datafusion_err, internal_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::doc::{Doc, FunctionKind};
use crate::journey::zone::{Offsets, SECONDS_PER_DAY, Zone};
use crate::parameter::is_text;
use crate::scalar::Shared;

pub(crate) static LOCAL_DAY: Shared = Shared::new(|| LocalTime::udf(Period::Day));
pub(crate) static LOCAL_WEEK: Shared = Shared::new(|| LocalTime::udf(Period::Week));
pub(crate) static LOCAL_MONTH: Shared = Shared::new(|| LocalTime::udf(Period::Month));

/// A calendar period, named by its first day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Period {
    Day,
    /// From Monday, as in ISO 8601.
    Week,
    Month,
}

impl Period {
    /// The first day of the period that holds `day`, both in days since 1970-01-01; `None` beyond the years that chrono
    /// knows.
    #[inline]
    pub(crate) fn first_day(self, day: i32) -> Option<i32> {
        match self {
            Self::Day => Some(day),
            // 1970-01-01 was a Thursday, three days after a Monday.
            Self::Week => day.checked_sub(day.wrapping_add(3).rem_euclid(7)),
            Self::Month => {
                let date = NaiveDate::from_num_days_from_ce_opt(day.checked_add(DAYS_FROM_CE_TO_1970)?)?;
                day.checked_sub(i32::try_from(date.day0()).ok()?)
            }
        }
    }
}

const DAYS_FROM_CE_TO_1970: i32 = 719_163;

const ARGUMENTS: &[(&str, &str)] = &[
    ("ts", "a timestamp of any unit (without a zone it is in UTC), or a date, which has no zone and is taken as it is"),
    ("tz", "an IANA name such as 'Europe/Rome' or an offset such as '+05:30'; the project's zone if left out"),
];
const ERRORS: &str = "An unknown zone, or an instant beyond the calendar, is an error.";
const SOURCE: &str = "IANA time zone database; ISO 8601 weeks.";

pub(crate) static DAY_DOC: Doc = Doc {
    name: "local_day",
    kind: FunctionKind::Scalar,
    version: 1,
    signature: "local_day(ts) → date\nlocal_day(ts, tz) → date",
    description: "The calendar day of an instant in a time zone, right across clock changes. NULL if an argument is NULL.",
    arguments: ARGUMENTS,
    errors: ERRORS,
    example: "SELECT local_day(TIMESTAMP '2026-06-30T22:30:00Z', 'Europe/Rome') AS day\n\
              -- 2026-07-01",
    source: SOURCE,
};

pub(crate) static WEEK_DOC: Doc = Doc {
    name: "local_week",
    kind: FunctionKind::Scalar,
    version: 1,
    signature: "local_week(ts) → date\nlocal_week(ts, tz) → date",
    description: "The Monday of the ISO week of an instant in a time zone. NULL if an argument is NULL.",
    arguments: ARGUMENTS,
    errors: ERRORS,
    example: "SELECT local_week(TIMESTAMP '2026-01-01T12:00:00Z', 'Europe/Rome') AS week\n\
              -- 2025-12-29",
    source: SOURCE,
};

pub(crate) static MONTH_DOC: Doc = Doc {
    name: "local_month",
    kind: FunctionKind::Scalar,
    version: 1,
    signature: "local_month(ts) → date\nlocal_month(ts, tz) → date",
    description: "The first day of the month of an instant in a time zone. NULL if an argument is NULL.",
    arguments: ARGUMENTS,
    errors: ERRORS,
    example: "SELECT local_month(TIMESTAMP '2026-06-30T22:30:00Z', 'Europe/Rome') AS month,\n\
              \x20      local_month(DATE '2026-02-28') AS of_date\n\
              -- 2026-07-01, 2026-02-01",
    source: SOURCE,
};

#[derive(Debug, PartialEq, Eq, Hash)]
struct LocalTime {
    period: Period,
    signature: Signature,
    documentation: Documentation,
}

fn doc_of(period: Period) -> &'static Doc {
    match period {
        Period::Day => &DAY_DOC,
        Period::Week => &WEEK_DOC,
        Period::Month => &MONTH_DOC,
    }
}

impl LocalTime {
    fn udf(period: Period) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::from(Self {
            period,
            // One signature serves both calls, so the weaker promise holds: without `tz` the value depends on the
            // session. Stable functions are folded, pushed down and cached within a query just like immutable ones.
            signature: Signature::user_defined(Volatility::Stable),
            documentation: doc_of(period).documentation(),
        }))
    }
}

impl ScalarUDFImpl for LocalTime {
    fn name(&self) -> &str {
        doc_of(self.period).name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.name();
        let (ts, tz) = match arg_types {
            [ts] => (ts, None),
            [ts, tz] => (ts, Some(tz)),
            _ => return plan_err!("{name}: {} arguments; expected {name}(ts) or {name}(ts, tz)", arg_types.len()),
        };
        let ts = instant_type(name, ts)?;
        match tz {
            None => Ok(vec![ts]),
            Some(tz) if is_text(tz) => Ok(vec![ts, DataType::Utf8]),
            Some(other) => plan_err!("{name}: tz is {other}; expected text, for example 'Europe/Rome'"),
        }
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Date32)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        if let Some(Some(zone)) = args.scalar_arguments.get(1)
            && let Some(Some(name)) = zone.try_as_str()
        {
            Zone::parse(self.name(), name)?;
        }
        let is_nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), DataType::Date32, is_nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let convert = |instants: &ArrayRef, zones: Zones<'_>| -> Result<ArrayRef> {
            Ok(Arc::new(local_dates(self.name(), self.period, instants, zones)?))
        };
        let session_zone = args.config_options.execution.time_zone.as_deref().unwrap_or("UTC");
        match &args.args[..] {
            [ColumnarValue::Scalar(instant)] => {
                to_scalar(&convert(&instant.to_array()?, Zones::One(Some(session_zone)))?)
            }
            [ColumnarValue::Array(instants)] => {
                Ok(ColumnarValue::Array(convert(instants, Zones::One(Some(session_zone)))?))
            }
            [ColumnarValue::Scalar(instant), ColumnarValue::Scalar(zone)] => {
                to_scalar(&convert(&instant.to_array()?, Zones::One(text_of(zone)?))?)
            }
            [ColumnarValue::Array(instants), ColumnarValue::Scalar(zone)] => {
                Ok(ColumnarValue::Array(convert(instants, Zones::One(text_of(zone)?))?))
            }
            [instants, ColumnarValue::Array(zones)] => {
                let instants = instants.to_array(args.number_rows)?;
                Ok(ColumnarValue::Array(convert(&instants, Zones::Many(as_string_array(zones)?))?))
            }
            other => internal_err!("{}: called with {} arguments", self.name(), other.len()),
        }
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

/// The type in which instants arrive: timestamps as they are, dates as 32 bits.
fn instant_type(function: &str, given: &DataType) -> Result<DataType> {
    match given {
        DataType::Timestamp(_, _) | DataType::Date32 => Ok(given.clone()),
        DataType::Date64 => Ok(DataType::Date32),
        DataType::Null => Ok(DataType::Timestamp(TimeUnit::Microsecond, None)),
        DataType::Dictionary(_, values) => instant_type(function, values),
        other => {
            plan_err!("{function}: ts is {other}; expected a timestamp or a date, for example to_timestamp(ts)")
        }
    }
}

fn text_of(value: &ScalarValue) -> Result<Option<&str>> {
    match value.try_as_str() {
        Some(text) => Ok(text),
        None => internal_err!("a time zone arrived as {}", value.data_type()),
    }
}

fn to_scalar(dates: &ArrayRef) -> Result<ColumnarValue> {
    Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(dates, 0)?))
}

/// The zone argument: one for all rows (`None` is NULL), or one a row.
#[derive(Clone, Copy)]
enum Zones<'a> {
    One(Option<&'a str>),
    Many(&'a StringArray),
}

fn local_dates(function: &str, period: Period, instants: &ArrayRef, zones: Zones<'_>) -> Result<Date32Array> {
    match instants.data_type() {
        DataType::Date32 => dates_of_dates(function, period, as_date32_array(instants)?, zones),
        DataType::Timestamp(TimeUnit::Second, _) => {
            dates_of_instants::<TimestampSecondType, 1>(function, period, instants, zones)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            dates_of_instants::<TimestampMillisecondType, 1_000>(function, period, instants, zones)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            dates_of_instants::<TimestampMicrosecondType, 1_000_000>(function, period, instants, zones)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            dates_of_instants::<TimestampNanosecondType, 1_000_000_000>(function, period, instants, zones)
        }
        other => internal_err!("{function}: instants arrived as {other}, which is never asked for"),
    }
}

/// A date has no zone, but a NULL zone still gives NULL and an unknown one an error, as for instants.
fn dates_of_dates(function: &str, period: Period, dates: &Date32Array, zones: Zones<'_>) -> Result<Date32Array> {
    let mut finder = ZoneFinder::default();
    collect(function, period, dates.len(), |i| {
        let has_zone = match zones {
            Zones::One(zone) => zone.map(|zone| finder.offsets(function, zone)).transpose()?.is_some(),
            Zones::Many(zones) if zones.is_null(i) => false,
            Zones::Many(zones) => finder.offsets(function, zones.value(i)).map(|_| true)?,
        };
        Ok((has_zone && dates.is_valid(i)).then(|| Some(dates.value(i))))
    })
}

fn dates_of_instants<T, const PER_SECOND: i64>(
    function: &str,
    period: Period,
    instants: &ArrayRef,
    zones: Zones<'_>,
) -> Result<Date32Array>
where
    T: ArrowPrimitiveType<Native = i64>,
{
    let instants = as_primitive_array::<T>(instants)?;
    let day_in = |offsets: &mut Offsets, i: usize| {
        let seconds = instants.value(i).div_euclid(PER_SECOND);
        let local = seconds.checked_add(i64::from(offsets.at(seconds)?))?;
        i32::try_from(local.div_euclid(SECONDS_PER_DAY)).ok()
    };
    match zones {
        Zones::One(None) => Ok(Date32Array::new_null(instants.len())),
        Zones::One(Some(zone)) => {
            let mut offsets = Offsets::new(Zone::parse(function, zone)?);
            collect(function, period, instants.len(), |i| Ok(instants.is_valid(i).then(|| day_in(&mut offsets, i))))
        }
        Zones::Many(zones) => {
            let mut finder = ZoneFinder::default();
            collect(function, period, instants.len(), |i| {
                if instants.is_null(i) || zones.is_null(i) {
                    return Ok(None);
                }
                Ok(Some(day_in(finder.offsets(function, zones.value(i))?, i)))
            })
        }
    }
}

/// First days of the periods of `day(i)`, which is `None` for NULL and `Some(None)` beyond the calendar.
fn collect(
    function: &str,
    period: Period,
    len: usize,
    mut day: impl FnMut(usize) -> Result<Option<Option<i32>>>,
) -> Result<Date32Array> {
    // Neighbours mostly share their day, and the start of a month costs a calendar calculation.
    let mut last = (0, period.first_day(0));
    (0..len)
        .map(|i| {
            let Some(day) = day(i)? else { return Ok(None) };
            if let Some(day) = day
                && day != last.0
            {
                last = (day, period.first_day(day));
            }
            match day.and(last.1) {
                Some(first_day) => Ok(Some(first_day)),
                None => Err(beyond_the_calendar(function)),
            }
        })
        .collect()
}

#[cold]
fn beyond_the_calendar(function: &str) -> DataFusionError {
    exec_datafusion_err!("{function}: ts is beyond the calendar; expected a year from -262000 to 262000")
}

/// The zones of a column, each read once.
#[derive(Debug, Default)]
struct ZoneFinder {
    known: HashMap<String, usize>,
    offsets: Vec<Offsets>,
    /// Rows of one country tend to follow each other.
    last: Option<(String, usize)>,
}

impl ZoneFinder {
    fn offsets(&mut self, function: &str, name: &str) -> Result<&mut Offsets> {
        let index = match &self.last {
            Some((last, index)) if last == name => *index,
            _ => {
                let index = match self.known.get(name) {
                    Some(index) => *index,
                    None => {
                        self.offsets.push(Offsets::new(Zone::parse(function, name)?));
                        self.known.insert(name.to_owned(), self.offsets.len() - 1);
                        self.offsets.len() - 1
                    }
                };
                self.last = Some((name.to_owned(), index));
                index
            }
        };
        Ok(&mut self.offsets[index])
    }
}
