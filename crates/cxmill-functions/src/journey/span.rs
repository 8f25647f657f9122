//! Spans of time as constant arguments: the window of a funnel, the gap between sessions.
//!
//! SQL writes a span as an INTERVAL, and Arrow also as a duration. The days of an interval are days of 24 hours; months are refused, because a month has no fixed
//! length and `event_time` no calendar here.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;

use crate::parameter::{Constancy, constancy, constant};

const EXPECTED: &str = "an interval of days or less, 0 or more, for example INTERVAL '30 minutes'";
const NANOSECONDS_PER_DAY: i128 = 86_400_000_000_000;

/// A length of time in nanoseconds, 0 or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(i128);

impl Span {
    /// The span in whole units, cut off. Differences of times are whole in their unit too, so a difference is within the
    /// span exactly if it is within the whole units.
    pub(crate) fn in_units(self, unit: TimeUnit) -> u64 {
        u64::try_from(self.0 / nanoseconds_per(unit)).unwrap_or(u64::MAX)
    }

    /// The span in units and parts of them.
    pub(crate) fn units(self, unit: TimeUnit) -> f64 {
        self.0 as f64 / nanoseconds_per(unit) as f64
    }
}

fn nanoseconds_per(unit: TimeUnit) -> i128 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}

/// One constant span of a function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpanParameter {
    pub(crate) function: &'static str,
    pub(crate) argument: &'static str,
    /// Its place among the arguments, from 0.
    pub(crate) position: usize,
}

impl SpanParameter {
    /// The type in which the span arrives.
    pub(crate) fn coerce(&self, given: &DataType) -> Result<DataType> {
        match given {
            DataType::Duration(_) => Ok(given.clone()),
            DataType::Interval(_) | DataType::Null => Ok(DataType::Interval(IntervalUnit::MonthDayNano)),
            other => plan_err!("{}: {} is {other}; expected {EXPECTED}", self.function, self.argument),
        }
    }

    /// Refuses a constant that is known and wrong, and an argument that can never be constant.
    pub(crate) fn check_planned(&self, arguments: &[Expr]) -> Result<()> {
        match arguments.get(self.position).map(constancy) {
            Some(Constancy::Known(value)) => self.check(&value).map(|_| ()),
            Some(Constancy::Never) => plan_err!("{}", self.not_constant()),
            Some(Constancy::NotYet) | None => Ok(()),
        }
    }

    pub(crate) fn read(&self, arguments: &[Arc<dyn PhysicalExpr>]) -> Result<Span> {
        match arguments.get(self.position).and_then(constant) {
            Some(value) => self.check(&value),
            None => exec_err!("{}", self.not_constant()),
        }
    }

    fn check(&self, value: &ScalarValue) -> Result<Span> {
        let nanoseconds = match value {
            ScalarValue::DurationSecond(Some(count)) => i128::from(*count) * 1_000_000_000,
            ScalarValue::DurationMillisecond(Some(count)) => i128::from(*count) * 1_000_000,
            ScalarValue::DurationMicrosecond(Some(count)) => i128::from(*count) * 1_000,
            ScalarValue::DurationNanosecond(Some(count)) => i128::from(*count),
            _ => match value.cast_to(&DataType::Interval(IntervalUnit::MonthDayNano)) {
                Ok(ScalarValue::IntervalMonthDayNano(Some(interval))) if interval.months != 0 => {
                    return exec_err!(
                        "{}: {} is {value}, and a month has no fixed length; expected {EXPECTED}",
                        self.function,
                        self.argument
                    );
                }
                Ok(ScalarValue::IntervalMonthDayNano(Some(interval))) => {
                    i128::from(interval.days) * NANOSECONDS_PER_DAY + i128::from(interval.nanoseconds)
                }
                // NULL, or no interval at all.
                _ => -1,
            },
        };
        if nanoseconds >= 0 {
            Ok(Span(nanoseconds))
        } else {
            exec_err!("{}: {} is {value}; expected {EXPECTED}", self.function, self.argument)
        }
    }

    fn not_constant(&self) -> String {
        format!("{}: {} must be a constant, the same for all rows; expected {EXPECTED}", self.function, self.argument)
    }
}

/// The type in which a column of event times arrives: timestamps as they are, dates as their midnights.
pub(crate) fn event_time_type(function: &str, given: &DataType) -> Result<DataType> {
    match given {
        DataType::Timestamp(_, _) => Ok(given.clone()),
        // Every date fits into milliseconds.
        DataType::Date32 | DataType::Date64 => Ok(DataType::Timestamp(TimeUnit::Millisecond, None)),
        DataType::Null => Ok(DataType::Timestamp(TimeUnit::Microsecond, None)),
        DataType::Dictionary(_, values) => event_time_type(function, values),
        other => plan_err!(
            "{function}: event_time is {other}; expected a timestamp or a date, for example to_timestamp(event_time)"
        ),
    }
}

/// The unit of a type that [`event_time_type`] gave.
pub(crate) fn unit_of(event_time: &DataType) -> TimeUnit {
    match event_time {
        DataType::Timestamp(unit, _) => *unit,
        _ => TimeUnit::Microsecond,
    }
}
