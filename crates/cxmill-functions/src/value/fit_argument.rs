//! A fit as an argument: the struct that a fit function gives, or one written by hand with published parameters.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, StructArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::cast::as_float64_array;
use datafusion::common::{Result, exec_err, internal_err, plan_err};

use crate::value::beta_geometric::{BetaGeometric, Leaves};
use crate::value::discount::{Bend, Node};
use crate::value::gamma_gamma::GammaGamma;
use crate::value::pareto::Pareto;

/// A model whose fit can be an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum FitModel {
    BgNbd,
    MbgNbd,
    ParetoNbd,
    GammaGamma,
}

impl FitModel {
    /// The models of purchases.
    pub(crate) const OF_PURCHASES: &'static [Self] = &[Self::BgNbd, Self::MbgNbd, Self::ParetoNbd];

    /// The function that makes the fit.
    pub(crate) const fn maker(self) -> &'static str {
        match self {
            Self::BgNbd => "bgnbd_fit",
            Self::MbgNbd => "mbgnbd_fit",
            Self::ParetoNbd => "pareto_nbd_fit",
            Self::GammaGamma => "gamma_gamma_fit",
        }
    }

    /// The fields that are read.
    const fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::BgNbd | Self::MbgNbd => &["r", "alpha", "a", "b"],
            Self::ParetoNbd => &["r", "alpha", "s", "beta"],
            Self::GammaGamma => &["p", "q", "v"],
        }
    }

    /// The fields by which the struct is known.
    const fn fields(self) -> &'static [&'static str] {
        match self {
            // The parameters of BG/NBD and MBG/NBD have the same names; only MBG/NBD loses customers at their first purchase.
            Self::MbgNbd => &["r", "alpha", "a", "b", LOST_AT_FIRST],
            other => other.parameters(),
        }
    }

    fn shown(self) -> String {
        format!("the struct of {}, with {}", self.maker(), self.fields().join(", "))
    }

    fn is(self, given: &DataType) -> bool {
        let DataType::Struct(fields) = given else { return false };
        let has = |name: &str| fields.iter().any(|field| field.name() == name && field.data_type().is_numeric());
        self.fields().iter().all(|name| has(name)) && (self != Self::BgNbd || !has(LOST_AT_FIRST))
    }
}

/// The field that only `mbgnbd_fit` gives: a / (a + b).
pub(crate) const LOST_AT_FIRST: &str = "lost_at_first";

/// Which of the allowed models a type is the fit of.
pub(crate) fn model_of(function: &str, argument: &str, given: &DataType, allowed: &[FitModel]) -> Result<FitModel> {
    match allowed.iter().find(|model| model.is(given)) {
        Some(model) => Ok(*model),
        None => {
            let expected: Vec<String> = allowed.iter().map(|model| model.shown()).collect();
            let given = match given {
                DataType::Struct(fields) => {
                    let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
                    format!("a struct of {}", names.join(", "))
                }
                other => other.to_string(),
            };
            plan_err!("{function}: {argument} is {given}; expected {}", expected.join(", or "))
        }
    }
}

/// The parameters of a model, in the order of [`FitModel::parameters`], 0 after the last.
pub(crate) type Parameters = [f64; 4];

/// A column of fits, of one row if it is constant.
#[derive(Debug)]
pub(crate) struct FitColumn {
    structs: StructArray,
    parameters: Vec<Float64Array>,
}

impl FitColumn {
    pub(crate) fn new(function: &str, model: FitModel, column: &ArrayRef) -> Result<Self> {
        let Some(structs) = column.as_struct_opt() else {
            return internal_err!("{function}: a fit arrived as {}", column.data_type());
        };
        let mut parameters = Vec::new();
        for name in model.parameters() {
            let Some(column) = structs.column_by_name(name) else {
                return internal_err!("{function}: a fit arrived without {name}");
            };
            parameters.push(as_float64_array(&cast(column, &DataType::Float64)?)?.clone());
        }
        Ok(Self { structs: structs.clone(), parameters })
    }

    /// The parameters of a row; `None` where the fit is NULL or could not be had.
    #[inline]
    pub(crate) fn at(&self, row: usize) -> Option<Parameters> {
        let row = if self.structs.len() == 1 { 0 } else { row };
        if self.structs.is_null(row) || self.parameters.iter().any(|parameter| parameter.is_null(row)) {
            return None;
        }
        let mut values = [0.0; 4];
        for (value, parameter) in values.iter_mut().zip(&self.parameters) {
            *value = parameter.value(row);
        }
        Some(values)
    }
}

/// What a parameter may be: a shape beyond this is no longer told from its limit.
const SHAPE: (f64, f64) = (1e-9, 1e7);
const SCALE: (f64, f64) = (1e-100, 1e100);

fn check(function: &str, model: FitModel, values: &Parameters) -> Result<()> {
    for (name, value) in model.parameters().iter().zip(values) {
        let (low, high) = if ["alpha", "beta", "v"].contains(name) { SCALE } else { SHAPE };
        if !(low..=high).contains(value) {
            return exec_err!("{function}: the fit has {name} = {value}; expected a number from {low:e} to {high:e}");
        }
    }
    Ok(())
}

/// A fitted model of purchases.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum PurchaseFit {
    BetaGeometric(BetaGeometric),
    Pareto(Pareto),
}

impl PurchaseFit {
    pub(crate) fn new(function: &str, model: FitModel, values: Parameters) -> Result<Self> {
        check(function, model, &values)?;
        let [r, alpha, third, fourth] = values;
        let beta_geometric = |leaves| Self::BetaGeometric(BetaGeometric { leaves, r, alpha, a: third, b: fourth });
        match model {
            FitModel::BgNbd => Ok(beta_geometric(Leaves::AfterRepeats)),
            FitModel::MbgNbd => Ok(beta_geometric(Leaves::AfterAny)),
            FitModel::ParetoNbd => Ok(Self::Pareto(Pareto { r, alpha, s: third, beta: fourth })),
            FitModel::GammaGamma => internal_err!("{function}: a fit of spend was read as one of purchases"),
        }
    }

    /// Expected purchases in the next `horizon` of a customer who is alive.
    pub(crate) fn purchases_if_alive(&self, x: f64, age: f64, horizon: f64) -> f64 {
        match self {
            Self::BetaGeometric(model) => model.purchases_if_alive(x, age, horizon),
            Self::Pareto(model) => model.purchases_if_alive(x, age, horizon),
        }
    }

    /// Σ weight · expected purchases up to each node, of a customer who is alive.
    pub(crate) fn weighted(&self, x: f64, age: f64, nodes: &[Node]) -> f64 {
        match self {
            Self::BetaGeometric(model) => model.weighted(x, age, nodes),
            Self::Pareto(model) => {
                nodes.iter().map(|node| node.weight * model.purchases_if_alive(x, age, node.t)).sum()
            }
        }
    }

    /// How the expectation of purchases bends with the horizon, after `x` purchases at `age`.
    pub(crate) fn bend(&self, x: f64, age: f64) -> Bend {
        match self {
            Self::BetaGeometric(model) => Bend { reach: model.alpha + age, shape: model.r + x },
            // The power is s − 1, and at 1 a logarithm, which bends as a power of 1 does.
            Self::Pareto(model) => Bend { reach: model.beta + age, shape: (model.s - 1.0).max(1.0) },
        }
    }
}

/// A fitted model of spend. A `q` of 1 or less has no finite mean.
pub(crate) fn spend_fit(function: &str, values: Parameters) -> Result<GammaGamma> {
    check(function, FitModel::GammaGamma, &values)?;
    let [p, q, v, _] = values;
    if q <= 1.0 {
        return exec_err!(
            "{function}: the fit has q = {q}; expected a number above 1, or the mean spend is not finite"
        );
    }
    Ok(GammaGamma { p, q, v })
}
