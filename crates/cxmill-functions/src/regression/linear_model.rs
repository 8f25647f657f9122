//! `linear_model(y, drivers, confidence)`: what moves y, over all drivers at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, ListArray, StringArray, StructArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{Result, internal_err, plan_err};

use crate::aggregate::{Call, Definition, Shared, columns, udaf};
use crate::collect::bound;
use crate::doc::{Doc, FunctionKind};
use crate::lists::{end_of, list_of};
use crate::parameter::Parameter;
use crate::regression::least_squares::{Coefficient, Solution, Sums, solve};
use crate::regression::moments::Moments;
use crate::survey::interval::two_sided_t;
use crate::survey::score::number_type;
use crate::tally::Tally;

pub(crate) static LINEAR_MODEL: Shared = Shared::new(udaf::<LinearModel>);

const NAME: &str = "linear_model";
/// A group keeps half the square of this many sums.
const MOST_DRIVERS: usize = 100;

pub(crate) static LINEAR_MODEL_DOC: Doc = Doc {
    name: NAME,
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "linear_model(y, drivers, confidence) → struct{n, rank: bigint, r_squared, residual_error: double, terms: list<struct{term: \
                text, coefficient, standard_error, t, low, high: double}>}",
    description: "Ordinary least squares with an intercept: y = intercept + Σ coefficient · driver, over the n rows in which nothing is NULL. \
                  terms has one element for the intercept, then one a driver under its name; unnest makes rows of it. A coefficient is how \
                  much y moves with one unit of the driver while the others stay, in units of y by units of the driver, with its standard \
                  error, t (coefficient by standard error) and Student's interval. A driver that is constant or follows from those before \
                  it, such as the last of the channels, has NULLs, and rank, the number of coefficients found, is lower than the number of \
                  terms. r_squared is the share of the variance of y that the drivers explain, residual_error the standard deviation of \
                  what they leave, in units of y, for n − rank degrees of freedom; without any, errors and intervals are NULL. Where y \
                  is constant r_squared is NULL; t is NULL where the standard error is 0. Without a complete row the result is NULL. \
                  Sums are kept with twice the digits of a double, so a column may lie far from 0.",
    arguments: &[
        ("y", "what is to be explained: a number from -1e100 to 1e100, for example a score"),
        (
            "drivers",
            "a struct of 1 to 100 numbers or booleans, true counting 1, for example named_struct('late', is_late, 'price', amount); the \
             names of its fields are those of the terms",
        ),
        ("confidence", "a constant above 0 and below 1, for example 0.95"),
    ],
    errors: "A y or driver that is NaN or beyond ±1e100, drivers that are no struct of 1 to 100 numbers or booleans of different names, or a \
             confidence outside (0, 1) is an error.",
    example: "SELECT t['term'] AS term, round(t['coefficient'], 3) AS coefficient, round(t['low'], 3) AS low, round(t['high'], 3) AS high\n\
              FROM (SELECT unnest(linear_model(score, named_struct('late', is_late, 'minutes', waited), 0.95)['terms']) AS t\n\
              \x20     FROM (VALUES (10, false, 0), (9, false, 2), (6, true, 1), (5, true, 3), (8, false, 5), (3, true, 6))\n\
              \x20         AS answers(score, is_late, waited))\n\
              -- intercept, 10.167, 9.381, 10.952\n\
              -- late, -3.833, -4.725, -2.942\n\
              -- minutes, -0.5, -0.711, -0.289",
    source: "Gauss–Markov least squares by the SWEEP operator: Goodnight 1979, The American Statistician 33(3), \
             doi:10.1080/00031305.1979.10482685; certified values of NIST's Statistical Reference Datasets come out.",
};

/// `linear_model`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct LinearModel;

impl Definition for LinearModel {
    fn doc(&self) -> &'static Doc {
        &LINEAR_MODEL_DOC
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [y, drivers, confidence] = types else {
            return plan_err!("{NAME}: {} arguments; expected {NAME}(y, drivers, confidence)", types.len());
        };
        Ok(vec![number_type(NAME, "y", y)?, drivers_type(drivers)?, number_type(NAME, "confidence", confidence)?])
    }

    fn parameters(&self) -> &'static [Parameter] {
        const { &[Parameter::confidence(NAME, 2)] }
    }

    fn state(&self, _types: &[DataType]) -> Vec<Field> {
        columns(&[
            ("n", DataType::Int64),
            ("sums", list_of(DataType::Float64)),
            ("sums_low", list_of(DataType::Float64)),
        ])
    }

    fn returns(&self, _types: &[DataType]) -> DataType {
        DataType::Struct(fields())
    }

    fn tally(&self, call: &Call<'_>) -> Result<Box<dyn Tally>> {
        let (Some(DataType::Struct(drivers)), [Some(confidence)]) = (call.types.get(1), &call.parameters[..]) else {
            return internal_err!("{NAME} was planned without its drivers or its confidence");
        };
        let drivers = drivers.iter().map(|driver| driver.name().clone()).collect();
        Ok(bound(Moments::new(Table { drivers, confidence: *confidence })))
    }
}

/// The same drivers as doubles.
fn drivers_type(given: &DataType) -> Result<DataType> {
    let DataType::Struct(drivers) = given else {
        return plan_err!(
            "{NAME}: drivers is {given}; expected a struct of numbers or booleans, for example named_struct('late', is_late)"
        );
    };
    if !(1..=MOST_DRIVERS).contains(&drivers.len()) {
        return plan_err!("{NAME}: {} drivers; expected 1 to {MOST_DRIVERS}", drivers.len());
    }
    let mut names = HashSet::new();
    let double = |driver: &FieldRef| match driver.data_type() {
        _ if !names.insert(driver.name().clone()) => plan_err!("{NAME}: two drivers are called {}", driver.name()),
        DataType::Boolean => Ok(Field::new(driver.name(), DataType::Float64, true)),
        number => Ok(Field::new(driver.name(), number_type(NAME, driver.name(), number)?, true)),
    };
    Ok(DataType::Struct(drivers.iter().map(double).collect::<Result<_>>()?))
}

fn fields() -> Fields {
    let bigints = ["n", "rank"].map(|name| Field::new(name, DataType::Int64, true));
    let doubles = ["r_squared", "residual_error"].map(|name| Field::new(name, DataType::Float64, true));
    let terms = Field::new("terms", DataType::List(term()), true);
    bigints.into_iter().chain(doubles).chain([terms]).collect()
}

fn term_fields() -> Fields {
    let doubles = ["coefficient", "standard_error", "t", "low", "high"];
    let doubles = doubles.map(|name| Field::new(name, DataType::Float64, true));
    std::iter::once(Field::new("term", DataType::Utf8, true)).chain(doubles).collect()
}

fn term() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Struct(term_fields()), true))
}

/// The shape of a call: from sums to the table of its terms.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    drivers: Arc<[String]>,
    confidence: f64,
}

impl Table {
    /// The drivers, and y.
    pub(crate) fn columns(&self) -> usize {
        self.drivers.len() + 1
    }

    /// What a column is called, of which y is the last.
    pub(crate) fn name(&self, column: usize) -> &str {
        self.drivers.get(column).map_or("y", String::as_str)
    }

    /// A result for each of the groups.
    pub(crate) fn results<'a>(&self, groups: impl Iterator<Item = Sums<'a>>) -> Result<ArrayRef> {
        let (mut rows, mut solutions) = (Vec::new(), Vec::new());
        for sums in groups {
            rows.push(sums.n);
            solutions.push((sums.n > 0).then(|| solve(sums)));
        }
        let nulls = NullBuffer::from_iter(solutions.iter().map(Option::is_some));
        let found = |part: fn(&Solution) -> Option<f64>| -> ArrayRef {
            Arc::new(solutions.iter().map(|found| found.as_ref().and_then(part)).collect::<Float64Array>())
        };
        let rank = solutions.iter().map(|found| found.as_ref().map(|found| found.rank as i64));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(rows)),
            Arc::new(rank.collect::<Int64Array>()),
            found(|found| found.r_squared),
            found(|found| found.residual_error),
            Arc::new(self.terms(&solutions)?),
        ];
        Ok(Arc::new(StructArray::try_new(fields(), columns, Some(nulls))?))
    }

    fn terms(&self, solutions: &[Option<Solution>]) -> Result<ListArray> {
        let (mut names, mut ends) = (Vec::new(), vec![0]);
        let mut parts: [Vec<Option<f64>>; 5] = Default::default();
        let mut quantiles = HashMap::new();
        for solution in solutions {
            let (coefficients, degrees) =
                solution.as_ref().map_or((&[][..], 0.0), |s| (&s.coefficients[..], s.degrees));
            let terms = std::iter::once("intercept").chain(self.drivers.iter().map(String::as_str));
            names.extend(terms.take(coefficients.len()));
            for coefficient in coefficients {
                let Some(Coefficient { value, standard_error }) = *coefficient else {
                    parts.iter_mut().for_each(|part| part.push(None));
                    continue;
                };
                // Only with a degree of freedom there is an error.
                let quantile = |degrees: f64| two_sided_t(self.confidence, degrees);
                let margin = standard_error
                    .map(|error| error * *quantiles.entry(degrees as i64).or_insert_with(|| quantile(degrees)));
                let t = standard_error.filter(|error| *error > 0.0).map(|error| value / error);
                let cells = [Some(value), standard_error, t, margin.map(|m| value - m), margin.map(|m| value + m)];
                // Adding 0 turns −0 into 0.
                parts.iter_mut().zip(cells).for_each(|(part, cell)| part.push(cell.map(|cell| cell + 0.0)));
            }
            ends.push(end_of(names.len())?);
        }
        let names: ArrayRef = Arc::new(StringArray::from(names));
        let parts = parts.into_iter().map(|part| -> ArrayRef { Arc::new(Float64Array::from(part)) });
        let terms = StructArray::try_new(term_fields(), std::iter::once(names).chain(parts).collect(), None)?;
        Ok(ListArray::try_new(term(), OffsetBuffer::new(ends.into()), Arc::new(terms), None)?)
    }
}
