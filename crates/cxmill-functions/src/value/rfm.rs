//! `rfm`: recency, frequency and mean spend of a customer, as the purchase models take them.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StructArray, TimestampMicrosecondArray,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use datafusion::common::cast::{as_date32_array, as_float64_array, as_timestamp_microsecond_array};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, Expr};
use datafusion::physical_expr::PhysicalExpr;

use crate::aggregate::{Definition, Shared, udaf};
use crate::doc::{Doc, FunctionKind};
use crate::survey::score::number_type;
use crate::tally::{Rows, Tally};
use crate::value::collection::{Collecting, Summary, list_of};
use crate::value::periods::{PeriodSums, Seen, Unit};

pub(crate) static RFM: Shared = Shared::new(udaf::<Rfm>);

static STATE: LazyLock<Vec<(&str, DataType)>> = LazyLock::new(|| {
    vec![
        ("period", list_of(DataType::Int64)),
        ("purchases", list_of(DataType::Int64)),
        ("amount", list_of(DataType::Float64)),
        ("amount_low", list_of(DataType::Float64)),
    ]
});

pub(crate) static RFM_DOC: Doc = Doc {
    name: "rfm",
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "rfm(event_time, amount, as_of, unit) → struct{frequency, recency, age: bigint, monetary: double}",
    description: "Recency, frequency and mean spend of a customer: GROUP BY the customer. All purchases of one unit, a day, an ISO week or a \
                  month, are one. frequency is the number of units with a purchase after the first one, recency the units from the \
                  first purchase to the last one, age the units from the first purchase to as_of, monetary the mean amount of the \
                  units counted in frequency, NULL if there are none. These are x, t_x, T and monetary of the purchase models. \
                  Purchases in units after that of as_of do not count yet; rows with a NULL are ignored; NULL without a purchase.",
    arguments: &[
        (
            "event_time",
            "when the purchase was: a date, or a timestamp, whose day is the one in UTC: local_day(event_time) for another",
        ),
        ("amount", "what was spent, any finite number: a refund is below 0"),
        ("as_of", "a constant date or timestamp, for example $as_of: now, or the end of a calibration period"),
        ("unit", "the constant 'day', 'week' or 'month'"),
    ],
    errors: "An amount that is not finite, an as_of or unit that is not constant or NULL, another unit, or a date beyond the calendar is an \
             error.",
    example: "SELECT customer, r['frequency'] AS x, r['recency'] AS t_x, r['age'] AS t, r['monetary'] AS monetary\n\
              FROM (SELECT customer, rfm(day, amount, DATE '2026-03-31', 'week') AS r FROM (VALUES\n\
              \x20 ('a', DATE '2026-01-05', 20.0), ('a', DATE '2026-01-20', 30.0), ('a', DATE '2026-01-22', 10.0),\n\
              \x20 ('a', DATE '2026-03-02', 50.0), ('b', DATE '2026-02-10', 99.0)) AS purchases(customer, day, amount)\n\
              \x20 GROUP BY customer) ORDER BY customer\n\
              -- a, 2, 8, 12, 45.0\n\
              -- b, 0, 0, 7, NULL",
    source: "Fader & Hardie 2005, the data of A Note on Deriving the Pareto/NBD Model; as summary_data_from_transaction_data of lifetimes \
             0.11.3 without the first purchase.",
};

/// `rfm`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Rfm;

impl Definition for Rfm {
    fn doc(&self) -> &'static Doc {
        &RFM_DOC
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [event_time, amount, as_of, unit] = types else {
            return plan_err!("rfm: {} arguments; expected rfm(event_time, amount, as_of, unit)", types.len());
        };
        if !is_text(unit) {
            return plan_err!("rfm: unit is {unit}; expected 'day', 'week' or 'month'");
        }
        Ok(vec![
            time_type("event_time", event_time)?,
            number_type("rfm", "amount", amount)?,
            time_type("as_of", as_of)?,
            DataType::Utf8,
        ])
    }

    fn state(&self, _arguments: usize) -> &'static [(&'static str, DataType)] {
        &STATE
    }

    fn returns(&self) -> DataType {
        DataType::Struct(fields())
    }

    fn tally(&self, _arguments: usize, _parameters: &[Option<f64>]) -> Result<Box<dyn Tally>> {
        internal_err!("rfm was planned without its constants")
    }

    fn tally_of(&self, arguments: &[Arc<dyn PhysicalExpr>], _parameters: &[Option<f64>]) -> Result<Box<dyn Tally>> {
        let [_, _, as_of, unit] = arguments else {
            return internal_err!("rfm was planned with {} arguments", arguments.len());
        };
        let unit = unit_of(&constant("unit", unit)?)?;
        let as_of = period_of(unit, &constant("as_of", as_of)?)?;
        Ok(Box::new(Collecting(RfmSummary { unit, as_of })))
    }

    fn check_planned(&self, arguments: &[Expr]) -> Result<()> {
        for (place, name) in [(2, "as_of"), (3, "unit")] {
            match arguments.get(place).map(|argument| argument.clone().unalias()) {
                Some(Expr::Literal(value, _)) if place == 3 => unit_of(&value).map(|_| ())?,
                Some(Expr::Literal(value, _)) => period_of(Unit::Day, &value).map(|_| ())?,
                // Not folded yet, such as a `$name` that is not bound: read when the query runs.
                Some(other) if other.column_refs().is_empty() => {}
                _ => return plan_err!("rfm: {name} must be a constant, the same for all rows"),
            }
        }
        Ok(())
    }
}

fn fields() -> Fields {
    ["frequency", "recency", "age"]
        .into_iter()
        .map(|name| Field::new(name, DataType::Int64, true))
        .chain([Field::new("monetary", DataType::Float64, true)])
        .collect()
}

fn is_text(given: &DataType) -> bool {
    match given {
        DataType::Dictionary(_, values) => is_text(values),
        other => other.is_string() || other.is_null(),
    }
}

/// Dates stay dates; a timestamp keeps its instant and loses its zone.
fn time_type(argument: &str, given: &DataType) -> Result<DataType> {
    match given {
        DataType::Date32 | DataType::Date64 => Ok(DataType::Date32),
        DataType::Timestamp(_, None) | DataType::Null => Ok(DataType::Timestamp(TimeUnit::Microsecond, None)),
        DataType::Timestamp(_, Some(_)) => Ok(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
        other => plan_err!("rfm: {argument} is {other}; expected a date or a timestamp"),
    }
}

fn constant(argument: &str, expression: &Arc<dyn PhysicalExpr>) -> Result<ScalarValue> {
    // A constant needs no columns, so it can be had from a batch that has none; a column cannot.
    match expression.evaluate(&RecordBatch::new_empty(Arc::new(Schema::empty()))) {
        Ok(ColumnarValue::Scalar(value)) => Ok(value),
        Ok(ColumnarValue::Array(_)) | Err(_) => exec_err!("rfm: {argument} must be a constant, the same for all rows"),
    }
}

fn unit_of(value: &ScalarValue) -> Result<Unit> {
    match value.try_as_str().flatten().map(Unit::named) {
        Some(Some(unit)) => Ok(unit),
        _ => exec_err!("rfm: unit is {value}; expected 'day', 'week' or 'month'"),
    }
}

fn period_of(unit: Unit, as_of: &ScalarValue) -> Result<i64> {
    if as_of.is_null() {
        return exec_err!("rfm: as_of is NULL; expected a date or a timestamp");
    }
    let mut periods = Periods::new(unit);
    let days = days(&as_of.to_array()?)?;
    match days.first() {
        Some(day) => periods.of(*day),
        None => internal_err!("rfm: as_of holds no value"),
    }
}

/// Days since 1970, without meaning where the time is NULL.
fn days(times: &ArrayRef) -> Result<Vec<i64>> {
    const PER_DAY: i64 = 86_400_000_000;
    match times.data_type() {
        DataType::Date32 => Ok(as_date32_array(times)?.values().iter().map(|day| i64::from(*day)).collect()),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let times: &TimestampMicrosecondArray = as_timestamp_microsecond_array(times)?;
            Ok(times.values().iter().map(|time| time.div_euclid(PER_DAY)).collect())
        }
        // A literal that was not cast yet.
        DataType::Timestamp(_, zone) => days(&cast(times, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone()))?),
        other => exec_err!("rfm: as_of is {other}; expected a date or a timestamp"),
    }
}

/// Numbers of periods; neighbours mostly share their day.
#[derive(Debug)]
struct Periods {
    unit: Unit,
    last: Option<(i64, i64)>,
}

impl Periods {
    fn new(unit: Unit) -> Self {
        Self { unit, last: None }
    }

    #[inline]
    fn of(&mut self, day: i64) -> Result<i64> {
        if let Some((known, period)) = self.last
            && known == day
        {
            return Ok(period);
        }
        let Some(period) = self.unit.number(day) else {
            return exec_err!("rfm: a date is beyond the calendar; expected a year from -262000 to 262000");
        };
        self.last = Some((day, period));
        Ok(period)
    }
}

#[derive(Debug)]
struct RfmSummary {
    unit: Unit,
    /// The last period that counts.
    as_of: i64,
}

impl Summary for RfmSummary {
    type Collection = PeriodSums;

    fn rows(&self, arguments: &[ArrayRef], counted: Option<NullBuffer>) -> Result<Rows<(i64, f64)>> {
        let (times, amounts) = (&arguments[0], as_float64_array(&arguments[1])?);
        let counted = NullBuffer::union(counted.as_ref(), times.nulls());
        let counted = NullBuffer::union(counted.as_ref(), amounts.nulls());
        let mut periods = Periods::new(self.unit);
        let mut values = vec![(0, 0.0); times.len()];
        for (i, day) in days(times)?.into_iter().enumerate() {
            if counted.as_ref().is_some_and(|counted| counted.is_null(i)) {
                continue;
            }
            let amount = amounts.value(i);
            if !amount.is_finite() {
                return exec_err!("rfm: amount is {amount}; expected a finite number");
            }
            values[i] = (periods.of(day)?, amount);
        }
        Ok(Rows { values, counted })
    }

    fn finish(&self, groups: &[PeriodSums]) -> Result<ArrayRef> {
        let seen: Vec<_> = groups.iter().map(|group| group.up_to(self.as_of)).collect();
        let whole = |part: fn(&Seen) -> i64| -> ArrayRef {
            Arc::new(seen.iter().map(|seen| seen.as_ref().map(part)).collect::<Int64Array>())
        };
        let mut means = Vec::with_capacity(seen.len());
        for seen in &seen {
            let mean = seen.as_ref().and_then(|seen| seen.mean_of_repeats);
            if mean.is_some_and(|mean| !mean.is_finite()) {
                return exec_err!(
                    "rfm: the sum of the amounts is larger than a double can hold; divide them by a constant"
                );
            }
            means.push(mean);
        }
        let columns = vec![
            whole(|seen| seen.repeats),
            whole(|seen| seen.last - seen.first),
            Arc::new(seen.iter().map(|seen| seen.as_ref().map(|seen| self.as_of - seen.first)).collect::<Int64Array>()),
            Arc::new(Float64Array::from(means)),
        ];
        let nulls = NullBuffer::from_iter(seen.iter().map(Option::is_some));
        Ok(Arc::new(StructArray::try_new(fields(), columns, Some(nulls))?))
    }
}
