//! `date_trunc` of timestamps of microseconds, by the calendar of UTC.
//!
//! DataFusion 55 works them out in nanoseconds. Everything else of the function is right, and stays as it is.

use std::sync::{Arc, LazyLock};

use chrono::{Datelike, NaiveDate};
use datafusion::arrow::array::{AsArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, FieldRef, TimeUnit, TimestampMicrosecondType};
use datafusion::common::types::{NativeType, logical_date, logical_string};
use datafusion::common::{ScalarValue, exec_datafusion_err};
use datafusion::error::Result;
use datafusion::functions::datetime::date_trunc::DateTruncFunc;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    Coercion, ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, TypeSignature, TypeSignatureClass, lit,
};

use crate::compile::types::is_utc;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// The function, to be registered over DataFusion's own.
pub(crate) fn date_trunc() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(ScalarUDF::from(Truncate::default())));
    Arc::clone(&FUNCTION)
}

/// An instant, truncated to a unit.
pub(crate) fn truncated(unit: &str, instant: Expr) -> Expr {
    date_trunc().call(vec![lit(unit), instant])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Truncate {
    inner: DateTruncFunc,
    signature: Signature,
}

impl Default for Truncate {
    fn default() -> Self {
        let inner = DateTruncFunc::default();
        let unit = Coercion::new_exact(TypeSignatureClass::Native(logical_string()));
        // A date becomes a timestamp of microseconds.
        let dates = vec![TypeSignatureClass::Native(logical_date())];
        let micros = NativeType::Timestamp(TimeUnit::Microsecond, None);
        let instant = Coercion::new_implicit(TypeSignatureClass::Timestamp, dates, micros);
        let own = TypeSignature::Coercible(vec![unit, instant]);
        let all = TypeSignature::OneOf(vec![own, inner.signature().type_signature.clone()]);
        let signature = Signature::new(all, inner.signature().volatility);
        Self { inner, signature }
    }
}

impl ScalarUDFImpl for Truncate {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(arguments)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [ColumnarValue::Scalar(unit), instants] = arguments.args.as_slice() else {
            return self.inner.invoke_with_args(arguments);
        };
        let Some(unit) = unit.try_as_str().flatten().and_then(Unit::named) else {
            return self.inner.invoke_with_args(arguments);
        };
        match instants {
            ColumnarValue::Array(array) if reckons(array.data_type()) => {
                let instants = array.as_primitive::<TimestampMicrosecondType>();
                let truncated: TimestampMicrosecondArray = instants.try_unary(|at| unit.start(at))?;
                Ok(ColumnarValue::Array(Arc::new(truncated.with_timezone_opt(instants.timezone()))))
            }
            ColumnarValue::Scalar(ScalarValue::TimestampMicrosecond(at, zone)) if reckons(&instants.data_type()) => {
                let at = at.map(|at| unit.start(at)).transpose()?;
                Ok(ColumnarValue::Scalar(ScalarValue::TimestampMicrosecond(at, zone.clone())))
            }
            _ => self.inner.invoke_with_args(arguments),
        }
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.inner.output_ordering(inputs)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

/// Whether timestamps of this type are worked out here.
fn reckons(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(TimeUnit::Microsecond, _)) && is_utc(data_type)
}

/// Units of an hour and more; finer ones are right as they are.
#[derive(Debug, Clone, Copy)]
enum Unit {
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Unit {
    fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "hour" => Self::Hour,
            "day" => Self::Day,
            "week" => Self::Week,
            "month" => Self::Month,
            "quarter" => Self::Quarter,
            "year" => Self::Year,
            _ => return None,
        })
    }

    /// Start of the unit that an instant lies in; both in microseconds since 1970.
    fn start(self, at: i64) -> Result<i64> {
        let day = at.div_euclid(DAY);
        let start = match self {
            Self::Hour => at.checked_sub(at.rem_euclid(HOUR)),
            Self::Day => day.checked_mul(DAY),
            // 1970-01-01 was a Thursday.
            Self::Week => (day - (day + 3).rem_euclid(7)).checked_mul(DAY),
            Self::Month | Self::Quarter | Self::Year => self.first_day(day).and_then(|first| first.checked_mul(DAY)),
        };
        start.ok_or_else(|| exec_datafusion_err!("Timestamp {at} out of range"))
    }

    /// First day of the month, the quarter or the year of a day; both in days since 1970.
    fn first_day(self, day: i64) -> Option<i64> {
        let date = NaiveDate::from_epoch_days(i32::try_from(day).ok()?)?;
        let month = match self {
            Self::Year => 1,
            Self::Quarter => date.month0() / 3 * 3 + 1,
            _ => date.month(),
        };
        NaiveDate::from_ymd_opt(date.year(), month, 1).map(|first| i64::from(first.to_epoch_days()))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::ArrayRef;
    use datafusion::arrow::datatypes::Field;
    use datafusion::config::ConfigOptions;
    use proptest::prelude::*;

    use super::*;

    const UNITS: [&str; 10] =
        ["microsecond", "millisecond", "second", "minute", "hour", "day", "week", "MONTH", "quarter", "Year"];

    fn call(function: &ScalarUDF, unit: &str, instants: ColumnarValue) -> Result<ArrayRef> {
        let data_type = instants.data_type();
        let field = |data_type| Arc::new(Field::new("f", data_type, true));
        let arguments = ScalarFunctionArgs {
            args: vec![ColumnarValue::Scalar(ScalarValue::from(unit)), instants],
            arg_fields: vec![field(DataType::Utf8), field(data_type.clone())],
            number_rows: 1,
            return_field: field(data_type),
            config_options: Arc::new(ConfigOptions::default()),
        };
        function.invoke_with_args(arguments)?.to_array(1)
    }

    proptest! {
        /// Where DataFusion's own can reckon, both say the same, of columns as of single values.
        #[test]
        fn it_is_what_datafusion_says(
            at in -9_000_000_000_000_000i64..9_000_000_000_000_000,
            unit in prop::sample::select(&UNITS[..]),
            zone in prop::sample::select(&[None, Some("UTC"), Some("+00:00"), Some("Europe/Paris")][..]),
        ) {
            let own = ScalarUDF::from(DateTruncFunc::default());
            let zone: Option<Arc<str>> = zone.map(Arc::from);
            let column: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![at]).with_timezone_opt(zone.clone()));
            let single = ScalarValue::TimestampMicrosecond(Some(at), zone);
            for instants in [ColumnarValue::Array(column), ColumnarValue::Scalar(single)] {
                let wanted = call(&own, unit, instants.clone()).unwrap();
                prop_assert_eq!(&call(&date_trunc(), unit, instants).unwrap(), &wanted);
            }
        }

        /// Whatever the instant, its unit starts at it or before it, and the start is that of its own unit.
        #[test]
        fn a_unit_starts_where_it_starts(at in any::<i64>(), unit in prop::sample::select(&UNITS[4..])) {
            let unit = Unit::named(unit).unwrap();
            if let Ok(start) = unit.start(at) {
                prop_assert!(start <= at && at.abs_diff(start) < 367 * DAY.unsigned_abs());
                prop_assert_eq!(unit.start(start).unwrap(), start);
            }
        }
    }
}
