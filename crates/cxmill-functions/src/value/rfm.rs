//! `rfm`: recency, frequency and mean spend of a customer, as the purchase models take them.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Array, Int64Array, StructArray, TimestampMicrosecondArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use datafusion::common::cast::{as_date32_array, as_float64_array, as_int64_array, as_timestamp_microsecond_array};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err, plan_err};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;

use crate::aggregate::{Call, Definition, Shared, columns, udaf};
use crate::collect::bound;
use crate::doc::{Doc, FunctionKind};
use crate::keyed::{ByGroup, Keyed, Summary};
use crate::lists::{Lists, end_of, list_of, lists_of};
use crate::parameter::{Constancy, constancy, constant, is_text};
use crate::sum::Sum;
use crate::survey::counts::{bigints, doubles};
use crate::survey::score::number_type;
use crate::tally::Tally;
use crate::value::periods::{Bought, Seen, Unit};

pub(crate) static RFM: Shared = Shared::new(udaf::<Rfm>);

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

    fn state(&self, _types: &[DataType]) -> Vec<Field> {
        columns(&[
            ("period", list_of(DataType::Int64)),
            ("purchases", list_of(DataType::Int64)),
            ("amount", list_of(DataType::Float64)),
            ("amount_low", list_of(DataType::Float64)),
        ])
    }

    fn returns(&self, _types: &[DataType]) -> DataType {
        DataType::Struct(fields())
    }

    fn tally(&self, call: &Call<'_>) -> Result<Box<dyn Tally>> {
        let [_, _, as_of, unit] = call.arguments else {
            return internal_err!("rfm was planned with {} arguments", call.arguments.len());
        };
        let unit = unit_of(&read("unit", unit)?)?;
        let as_of = period_of(unit, &read("as_of", as_of)?)?;
        Ok(bound(Keyed::new(Customer { unit, as_of })))
    }

    fn check_planned(&self, arguments: &[Expr]) -> Result<()> {
        for (place, name) in [(2, "as_of"), (3, "unit")] {
            match arguments.get(place).map(constancy) {
                Some(Constancy::Known(value)) if place == 3 => unit_of(&value).map(|_| ())?,
                Some(Constancy::Known(value)) => period_of(Unit::Day, &value).map(|_| ())?,
                Some(Constancy::NotYet) => {}
                Some(Constancy::Never) | None => {
                    return plan_err!("rfm: {name} must be a constant, the same for all rows");
                }
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

/// Dates stay dates; a timestamp keeps its instant and loses its zone.
fn time_type(argument: &str, given: &DataType) -> Result<DataType> {
    match given {
        DataType::Date32 | DataType::Date64 => Ok(DataType::Date32),
        DataType::Timestamp(_, None) | DataType::Null => Ok(DataType::Timestamp(TimeUnit::Microsecond, None)),
        DataType::Timestamp(_, Some(_)) => Ok(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
        DataType::Dictionary(_, values) => time_type(argument, values),
        other => plan_err!("rfm: {argument} is {other}; expected a date or a timestamp"),
    }
}

fn read(name: &str, argument: &Arc<dyn PhysicalExpr>) -> Result<ScalarValue> {
    match constant(argument) {
        Some(value) => Ok(value),
        None => exec_err!("rfm: {name} must be a constant, the same for all rows"),
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

/// The purchases of a customer by period.
#[derive(Debug, Clone)]
struct Customer {
    unit: Unit,
    /// The last period that counts.
    as_of: i64,
}

impl Summary for Customer {
    /// The number of a period.
    type Key = i64;
    type Counted = Bought;

    fn function(&self) -> &'static str {
        "rfm"
    }

    fn each_row(
        &self,
        arguments: &[ArrayRef],
        counted: Option<NullBuffer>,
        mut take: impl FnMut(usize, i64, f64) -> Result<()>,
    ) -> Result<()> {
        let [times, amounts, ..] = arguments else {
            return internal_err!("rfm was called with {} arguments", arguments.len());
        };
        let amounts = as_float64_array(amounts)?;
        let counted = NullBuffer::union(counted.as_ref(), times.nulls());
        let counted = NullBuffer::union(counted.as_ref(), amounts.nulls());
        let mut periods = Periods::new(self.unit);
        for (i, day) in days(times)?.into_iter().enumerate() {
            if counted.as_ref().is_some_and(|counted| counted.is_null(i)) {
                continue;
            }
            let amount = amounts.value(i);
            if !amount.is_finite() {
                return exec_err!("rfm: amount is {amount}; expected a finite number");
            }
            take(i, periods.of(day)?, amount)?;
        }
        Ok(())
    }

    fn each_kept(&self, states: &[ArrayRef], mut take: impl FnMut(usize, i64, Bought) -> Result<()>) -> Result<()> {
        let lists = Lists::read(states)?;
        let [numbers, purchases, highs, lows] = lists.values()[..] else {
            return internal_err!("rfm: a state of {} columns where 4 are due", states.len());
        };
        let (numbers, purchases) = (as_int64_array(numbers)?, as_int64_array(purchases)?);
        let (highs, lows) = (as_float64_array(highs)?, as_float64_array(lows)?);
        lists.each(|row, at| {
            let amount = Sum { high: highs.value(at[2]), low: lows.value(at[3]) };
            take(row, numbers.value(at[0]), Bought { purchases: purchases.value(at[1]), amount })
        })
    }

    fn state(&self, groups: ByGroup<'_, Self>) -> Result<Vec<ArrayRef>> {
        let (mut periods, mut ends) = (Vec::new(), Vec::new());
        for group in groups {
            periods.extend_from_slice(group);
            ends.push(end_of(periods.len())?);
        }
        let values: Vec<ArrayRef> = vec![
            bigints(periods.iter().map(|period| period.key)),
            bigints(periods.iter().map(|period| period.counted.purchases)),
            doubles(periods.iter().map(|period| period.counted.amount.high)),
            doubles(periods.iter().map(|period| period.counted.amount.low)),
        ];
        lists_of(ends, values)
    }

    fn results(&self, groups: ByGroup<'_, Self>) -> Result<ArrayRef> {
        let seen: Vec<_> = groups.map(|periods| Seen::up_to(self.as_of, periods)).collect();
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
