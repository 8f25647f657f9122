//! What a fitted shifted-beta-geometric model foretells: `sbg_survival`, `sbg_retention` and `sbg_derl`.
//!
//! The maths is in [`sbg`](crate::survival::sbg).

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Array, StructArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::cast::{as_float64_array, as_struct_array};
use datafusion::common::{Result, exec_datafusion_err, exec_err, internal_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::doc::{Doc, FunctionKind};
use crate::scalar::{Arguments, Shared, coerce};
use crate::survival::sbg::{MOST_PERIODS, Sbg};
use crate::survival::sbg_fit::SOURCE;

pub(crate) static SBG_SURVIVAL: Shared = Shared::new(|| Projection::udf(Asked::Survival));
pub(crate) static SBG_RETENTION: Shared = Shared::new(|| Projection::udf(Asked::Retention));
pub(crate) static SBG_DERL: Shared = Shared::new(|| Projection::udf(Asked::Derl));

const FIT: (&str, &str) =
    ("fit", "a struct with alpha and beta, as sbg_fit gives it; NULL, or a fit without parameters, gives NULL");
/// No fit is larger; sums of larger ones would lose the periods.
const LARGEST_PARAMETER: f64 = 1e9;
/// Below it the sum over all periods to come is hardly discounted, and for slowly leaving customers has no end.
const SMALLEST_RATE: f64 = 1e-6;

pub(crate) static SURVIVAL_DOC: Doc = Doc {
    name: "sbg_survival",
    kind: FunctionKind::Scalar,
    version: 1,
    signature: "sbg_survival(fit, period) → double",
    description: "The share of customers who are still there after so many periods by the shifted-beta-geometric model, from 0 \
                  to 1; 1 for period 0. NULL if an argument is NULL.",
    arguments: &[FIT, ("period", "a whole number of periods from 0 to 100000")],
    errors: "A fit that is not such a struct, or whose parameters are not above 0 and at most 1e9, or a period that is not a \
             whole number from 0 to 100000, is an error.",
    example: "SELECT round(sbg_survival(named_struct('alpha', 0.668, 'beta', 3.806), period), 4) AS share\n\
              FROM (VALUES (0), (1), (8), (12)) AS periods(period)\n\
              -- 1.0\n\
              -- 0.8507\n\
              -- 0.4605\n\
              -- 0.378",
    source: SOURCE,
};

pub(crate) static RETENTION_DOC: Doc = Doc {
    name: "sbg_retention",
    kind: FunctionKind::Scalar,
    version: 1,
    signature: "sbg_retention(fit, period) → double",
    description: "The share of the customers in a period who renew at its end, by the shifted-beta-geometric model: \
                  (beta + period − 1) / (alpha + beta + period − 1). It rises with time, because those who are likely to leave go \
                  first. NULL if an argument is NULL.",
    arguments: &[FIT, ("period", "a whole number from 1 to 100000")],
    errors: "A fit that is not such a struct, or whose parameters are not above 0 and at most 1e9, or a period that is not a \
             whole number from 1 to 100000, is an error.",
    example: "SELECT round(sbg_retention(named_struct('alpha', 0.668, 'beta', 3.806), period), 4) AS share\n\
              FROM (VALUES (1), (2), (10)) AS periods(period)\n\
              -- 0.8507\n\
              -- 0.878\n\
              -- 0.9504",
    source: SOURCE,
};

pub(crate) static DERL_DOC: Doc = Doc {
    name: "sbg_derl",
    kind: FunctionKind::Scalar,
    version: 1,
    signature: "sbg_derl(fit, discount_rate, renewals) → double",
    description: "Discounted expected residual lifetime: how many renewals are to be expected from a customer who has renewed so \
                  often and is about to decide again, the next one at full value and each later one discounted by \
                  discount_rate a period. Times the payment of a period it is the customer's residual value. NULL if an \
                  argument is NULL.",
    arguments: &[
        FIT,
        ("discount_rate", "per period, 0.000001 or more: 0.1 for 10 % a year where periods are years"),
        ("renewals", "how often the customer has renewed, a whole number from 0 to 100000"),
    ],
    errors: "A fit that is not such a struct, or whose parameters are not above 0 and at most 1e9, a discount_rate that is not a \
             finite number of 0.000001 or more, or renewals that are not a whole number from 0 to 100000, is an error.",
    example: "SELECT round(sbg_derl(named_struct('alpha', 0.668, 'beta', 3.806), 0.1, renewals), 2) AS renewals_to_come\n\
              FROM (VALUES (0), (1), (4)) AS customers(renewals)\n\
              -- 5.41\n\
              -- 5.9\n\
              -- 6.9",
    source: "Fader & Hardie 2010, Customer-Base Valuation in a Contractual Setting, Marketing Science 29(1), \
             doi:10.1287/mksc.1080.0482.",
};

/// What is asked of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Asked {
    Survival,
    Retention,
    Derl,
}

impl Asked {
    fn doc(self) -> &'static Doc {
        match self {
            Self::Survival => &SURVIVAL_DOC,
            Self::Retention => &RETENTION_DOC,
            Self::Derl => &DERL_DOC,
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Projection {
    asked: Asked,
    signature: Signature,
    documentation: Documentation,
}

impl Projection {
    fn udf(asked: Asked) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::from(Self {
            asked,
            signature: Signature::user_defined(Volatility::Immutable),
            documentation: asked.doc().documentation(),
        }))
    }
}

impl ScalarUDFImpl for Projection {
    fn name(&self) -> &str {
        self.asked.doc().name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        coerce(self.asked.doc(), arg_types, |place, given| (place == 0).then(|| check_fit(self.name(), given)))
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arguments = Arguments::new(&args, 1)?;
        let fits = Fits::read(self.name(), arguments.fit(0)?)?;
        let mut model = Model::new(self.asked);
        arguments.map(|row, numbers| match (fits.of(row)?, numbers) {
            (Some(fit), [Some(period)]) => model.at(fit, *period).map(Some),
            (Some(fit), [Some(rate), Some(renewals)]) => model.derl(fit, *rate, *renewals).map(Some),
            _ => Ok(None),
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

/// A fit is a struct with numbers alpha and beta, whatever else it has.
fn check_fit(function: &str, given: &DataType) -> Result<()> {
    if let DataType::Struct(fields) = given {
        let has = |name: &str| fields.iter().any(|field| field.name() == name && field.data_type().is_numeric());
        if has("alpha") && has("beta") {
            return Ok(());
        }
    }
    plan_err!("{function}: fit is {given}; expected a struct with numbers alpha and beta, as sbg_fit gives it")
}

/// The fit of each row, or one for all.
struct Fits<'a> {
    function: &'a str,
    fits: StructArray,
    alpha: Float64Array,
    beta: Float64Array,
}

impl<'a> Fits<'a> {
    fn read(function: &'a str, fits: &ArrayRef) -> Result<Self> {
        let fits = as_struct_array(fits)?.clone();
        let part = |name: &str| -> Result<Float64Array> {
            match fits.column_by_name(name) {
                Some(column) => Ok(as_float64_array(&cast(column, &DataType::Float64)?)?.clone()),
                None => internal_err!("{function}: fit arrived without {name}"),
            }
        };
        Ok(Self { function, alpha: part("alpha")?, beta: part("beta")?, fits })
    }

    fn of(&self, row: usize) -> Result<Option<Sbg>> {
        let row = if self.fits.len() == 1 { 0 } else { row };
        if self.fits.is_null(row) || self.alpha.is_null(row) || self.beta.is_null(row) {
            return Ok(None);
        }
        let fit = Sbg { alpha: self.alpha.value(row), beta: self.beta.value(row) };
        for (name, value) in [("alpha", fit.alpha), ("beta", fit.beta)] {
            if !(value > 0.0 && value <= LARGEST_PARAMETER) {
                return exec_err!(
                    "{}: {name} of fit is {value}; expected a number above 0, at most {LARGEST_PARAMETER}",
                    self.function
                );
            }
        }
        Ok(Some(fit))
    }
}

/// The model asked last, with what was computed of it: rows tend to share their fit, and there are few periods.
#[derive(Debug)]
struct Model {
    asked: Asked,
    fit: Option<Sbg>,
    /// Survival by period, as far as it was asked.
    survival: Vec<f64>,
    /// By the bits of the rate and the renewals.
    derl: HashMap<(u64, u64), f64>,
}

impl Model {
    fn new(asked: Asked) -> Self {
        Self { asked, fit: None, survival: Vec::new(), derl: HashMap::new() }
    }

    fn take(&mut self, fit: Sbg) {
        if self.fit != Some(fit) {
            self.fit = Some(fit);
            self.survival = vec![1.0];
            self.derl.clear();
        }
    }

    fn at(&mut self, fit: Sbg, period: f64) -> Result<f64> {
        self.take(fit);
        match self.asked {
            Asked::Survival => {
                let period = self.whole("period", period, 0)?;
                while self.survival.len() <= period {
                    let share = self.survival[self.survival.len() - 1] * fit.retention(self.survival.len() as f64);
                    self.survival.push(share);
                }
                Ok(self.survival[period])
            }
            Asked::Retention | Asked::Derl => Ok(fit.retention(self.whole("period", period, 1)? as f64)),
        }
    }

    fn derl(&mut self, fit: Sbg, rate: f64, renewals: f64) -> Result<f64> {
        self.take(fit);
        if !(rate.is_finite() && rate >= SMALLEST_RATE) {
            return exec_err!(
                "{}: discount_rate is {rate}; expected a finite number of {SMALLEST_RATE} or more",
                self.asked.doc().name
            );
        }
        let renewals = self.whole("renewals", renewals, 0)? as f64;
        Ok(*self.derl.entry((rate.to_bits(), renewals.to_bits())).or_insert_with(|| fit.derl(rate, renewals)))
    }

    fn whole(&self, argument: &str, value: f64, first: u32) -> Result<usize> {
        if value.fract() == 0.0 && (f64::from(first)..=MOST_PERIODS).contains(&value) {
            Ok(value as usize)
        } else {
            Err(exec_datafusion_err!(
                "{}: {argument} is {value}; expected a whole number from {first} to {MOST_PERIODS}",
                self.asked.doc().name
            ))
        }
    }
}
