//! Survival curves: `kaplan_meier(duration, event, confidence)` and `median_survival(duration, event)`.
//!
//! The product limit of Kaplan & Meier 1958, "Nonparametric Estimation from Incomplete Observations", Journal of the
//! American Statistical Association 53(282), 457–481, doi:10.1080/01621459.1958.10501452. Its variance is Greenwood's, and
//! the interval is the exponential (log-log) one of Kalbfleisch & Prentice 2002, The Statistical Analysis of Failure Time
//! Data, 2nd ed., section 1.4, doi:10.1002/9781118032985, which stays within 0 and 1.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, ListArray, StructArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{Result, plan_err};

use crate::aggregate::{Call, Definition, Shared, udaf};
use crate::collect::bound;
use crate::doc::{Doc, FunctionKind};
use crate::keyed::Keyed;
use crate::lists::end_of;
use crate::parameter::Parameter;
use crate::survey::interval::z_of;
use crate::survey::score::number_type;
use crate::survival::durations::{self, Durations, Ended, Ends, SurvivalMetric};
use crate::tally::Tally;

pub(crate) static KAPLAN_MEIER: Shared = Shared::new(udaf::<KaplanMeier>);
pub(crate) static MEDIAN_SURVIVAL: Shared = Shared::new(udaf::<MedianSurvival>);

const SOURCE: &str = "Kaplan & Meier 1958, Nonparametric Estimation from Incomplete Observations, Journal of the American \
                      Statistical Association 53(282), doi:10.1080/01621459.1958.10501452; exponential interval: Kalbfleisch \
                      & Prentice 2002, section 1.4, doi:10.1002/9781118032985.";
const DURATION: (&str, &str) =
    ("duration", "how long each customer was seen, in any unit, 0 or more; a row without it is ignored");
const EVENT: (&str, &str) = (
    "event",
    "a boolean: true if the duration ended with the event (the customer left), false if it was still running when last seen; \
     a row without it is ignored",
);

pub(crate) static KAPLAN_MEIER_DOC: Doc = Doc {
    name: "kaplan_meier",
    kind: FunctionKind::Aggregate,
    version: 2,
    signature: "kaplan_meier(duration, event, confidence) → list<struct{time: double, at_risk, events, censored: bigint, survival, \
                low, high: double}>",
    description: "The survival curve by the product limit: one element for each distinct duration, in ascending order, with the \
                  customers that were still there just before that time, how many left at it and how many were last seen at it, \
                  the share that stays longer, and its exponential Greenwood interval. unnest makes rows of it. Without rows \
                  the result is NULL.",
    arguments: &[DURATION, EVENT, ("confidence", "a constant above 0 and below 1, for example 0.95")],
    errors: "A duration that is below 0 or not finite, or a confidence outside (0, 1), is an error.",
    example: "SELECT p['time'] AS months, p['at_risk'] AS at_risk, round(p['survival'], 4) AS survival,\n\
              \x20      round(p['low'], 4) AS low, round(p['high'], 4) AS high\n\
              FROM (SELECT unnest(kaplan_meier(months, has_left, 0.95)) AS p\n\
              \x20     FROM (VALUES (1, true), (2, true), (2, false), (5, false), (5, true)) AS customers(months, has_left))\n\
              -- 1.0, 5, 0.8, 0.2038, 0.9692\n\
              -- 2.0, 4, 0.6, 0.1257, 0.8818\n\
              -- 5.0, 2, 0.3, 0.0123, 0.7192",
    source: SOURCE,
};

pub(crate) static MEDIAN_SURVIVAL_DOC: Doc = Doc {
    name: "median_survival",
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "median_survival(duration, event) → double",
    description: "The smallest duration by which half of the customers or more have left, by the curve of kaplan_meier: the first \
                  time with survival of at most 0.5. NULL if that is never reached, and without rows.",
    arguments: &[DURATION, EVENT],
    errors: "A duration that is below 0 or not finite is an error.",
    example: "SELECT median_survival(months, has_left) AS months\n\
              FROM (VALUES (1, true), (2, true), (2, false), (5, false), (5, true)) AS customers(months, has_left)\n\
              -- 5.0",
    source: SOURCE,
};

/// One time of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    ended: Ended,
    at_risk: i64,
    survival: f64,
    low: f64,
    high: f64,
}

/// The curve of ascending durations, with intervals of normal quantile `z`.
fn curve(durations: Ends<'_>, z: f64) -> impl Iterator<Item = Point> {
    let mut at_risk: i64 = durations.iter().map(|ended| ended.events + ended.censored).sum();
    // While nobody is censored the factors (n − d) / n telescope; only where somebody is does a rounded product begin anew.
    let (mut base, mut base_at_risk) = (1.0, at_risk);
    let (mut survival, mut log_survival, mut variance) = (1.0, 0.0_f64, 0.0_f64);
    let (mut low, mut high) = (1.0, 1.0);
    durations.iter().map(move |ended| {
        let before = at_risk;
        let left = before - ended.events;
        if ended.events > 0 {
            survival = base * (left as f64 / base_at_risk as f64);
            log_survival += (-(ended.events as f64) / before as f64).ln_1p();
            if left > 0 {
                variance += ended.events as f64 / (before as f64 * left as f64);
            }
            (low, high) = interval(survival, log_survival, variance, z);
        }
        at_risk = left - ended.censored;
        if ended.censored > 0 {
            (base, base_at_risk) = (survival, at_risk);
        }
        Point { ended, at_risk: before, survival, low, high }
    })
}

/// exp(−exp(ln(−ln S) ± z·sqrt(variance) / ln S)), where `variance` is Greenwood's sum. A curve that has fallen to 0 has no
/// spread.
fn interval(survival: f64, log_survival: f64, variance: f64, z: f64) -> (f64, f64) {
    if survival <= 0.0 {
        return (survival, survival);
    }
    let spread = (z * variance.sqrt() / -log_survival).exp();
    ((log_survival * spread).exp(), (log_survival / spread).exp())
}

/// Rounding may leave a product a few units in the last place above one half.
const HALF: f64 = 0.5 * (1.0 + 1e-12);

fn median(durations: Ends<'_>) -> Option<f64> {
    curve(durations, 0.0).find(|point| point.survival <= HALF).map(|point| point.ended.duration)
}

/// `kaplan_meier`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct KaplanMeier;

fn point_fields() -> Fields {
    let doubles = |name| Field::new(name, DataType::Float64, true);
    let bigints = |name| Field::new(name, DataType::Int64, true);
    Fields::from(vec![
        doubles("time"),
        bigints("at_risk"),
        bigints("events"),
        bigints("censored"),
        doubles("survival"),
        doubles("low"),
        doubles("high"),
    ])
}

fn point() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Struct(point_fields()), true))
}

impl Definition for KaplanMeier {
    fn doc(&self) -> &'static Doc {
        &KAPLAN_MEIER_DOC
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [duration, event, confidence] => {
                let mut coerced = durations::coerce("kaplan_meier", ["duration", "event"], [duration, event])?;
                coerced.push(number_type("kaplan_meier", "confidence", confidence)?);
                Ok(coerced)
            }
            _ => {
                plan_err!("kaplan_meier: {} arguments; expected kaplan_meier(duration, event, confidence)", types.len())
            }
        }
    }

    fn returns(&self, _types: &[DataType]) -> DataType {
        DataType::List(point())
    }

    fn state(&self, _types: &[DataType]) -> Vec<Field> {
        durations::state_columns()
    }

    fn parameters(&self) -> &'static [Parameter] {
        const { &[Parameter::confidence("kaplan_meier", 2)] }
    }

    fn tally(&self, call: &Call<'_>) -> Result<Box<dyn Tally>> {
        let z = z_of("kaplan_meier", &call.parameters)?;
        Ok(bound(Keyed::new(Durations(Curve { z }))))
    }
}

#[derive(Debug, Clone)]
struct Curve {
    z: f64,
}

impl SurvivalMetric for Curve {
    fn function(&self) -> &'static str {
        "kaplan_meier"
    }

    fn finish(&self, groups: &mut dyn Iterator<Item = Ends<'_>>) -> Result<ArrayRef> {
        let (mut ends, mut has_rows) = (vec![0_i32], Vec::new());
        let (mut doubles, mut bigints) = ([const { Vec::new() }; 4], [const { Vec::new() }; 3]);
        for durations in groups {
            has_rows.push(!durations.is_empty());
            for Point { ended, at_risk, survival, low, high } in curve(durations, self.z) {
                let values = [ended.duration, survival, low, high];
                doubles.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
                let counts = [at_risk, ended.events, ended.censored];
                bigints.iter_mut().zip(counts).for_each(|(column, count)| column.push(count));
            }
            ends.push(end_of(doubles[0].len())?);
        }
        let [time, survival, low, high] = doubles.map(|column| -> ArrayRef { Arc::new(Float64Array::from(column)) });
        let [at_risk, events, censored] = bigints.map(|column| -> ArrayRef { Arc::new(Int64Array::from(column)) });
        let columns = vec![time, at_risk, events, censored, survival, low, high];
        let points = Arc::new(StructArray::try_new(point_fields(), columns, None)?);
        let offsets = OffsetBuffer::new(ends.into());
        Ok(Arc::new(ListArray::try_new(point(), offsets, points, Some(has_rows.into()))?))
    }
}

/// `median_survival`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct MedianSurvival;

impl Definition for MedianSurvival {
    fn doc(&self) -> &'static Doc {
        &MEDIAN_SURVIVAL_DOC
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [duration, event] => durations::coerce("median_survival", ["duration", "event"], [duration, event]),
            _ => plan_err!("median_survival: {} arguments; expected median_survival(duration, event)", types.len()),
        }
    }

    fn returns(&self, _types: &[DataType]) -> DataType {
        DataType::Float64
    }

    fn state(&self, _types: &[DataType]) -> Vec<Field> {
        durations::state_columns()
    }

    fn tally(&self, _call: &Call<'_>) -> Result<Box<dyn Tally>> {
        Ok(bound(Keyed::new(Durations(Median))))
    }
}

#[derive(Debug, Clone)]
struct Median;

impl SurvivalMetric for Median {
    fn function(&self) -> &'static str {
        "median_survival"
    }

    fn finish(&self, groups: &mut dyn Iterator<Item = Ends<'_>>) -> Result<ArrayRef> {
        Ok(Arc::new(groups.map(median).collect::<Float64Array>()))
    }
}
