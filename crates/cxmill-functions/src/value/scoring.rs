//! Scalar functions that ask a fitted model about customers: purchases to come, and the probability of being alive.
//!
//! A fit is mostly one constant for all rows, a scalar subquery or a struct column of a cross join: it is read and checked when
//! it changes. Customers alike are common within a batch, so what was worked out for one is kept for the rest of the batch.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{HashMap, Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::doc::Doc;
use crate::scalar::{Arguments, Shared, coerce, constant};
use crate::value::customer::check;
use crate::value::fit_argument::{FitColumn, FitModel, Parameters, PurchaseFit, model_of};
use crate::value::population::Purchases;
use crate::value::{bgnbd, mbgnbd, pareto_nbd};

pub(crate) static BGNBD_PURCHASES: Shared = Shared::new(|| udf(FitModel::BgNbd, Question::Purchases));
pub(crate) static BGNBD_ALIVE: Shared = Shared::new(|| udf(FitModel::BgNbd, Question::Alive));
pub(crate) static MBGNBD_PURCHASES: Shared = Shared::new(|| udf(FitModel::MbgNbd, Question::Purchases));
pub(crate) static MBGNBD_ALIVE: Shared = Shared::new(|| udf(FitModel::MbgNbd, Question::Alive));
pub(crate) static PARETO_NBD_PURCHASES: Shared = Shared::new(|| udf(FitModel::ParetoNbd, Question::Purchases));
pub(crate) static PARETO_NBD_ALIVE: Shared = Shared::new(|| udf(FitModel::ParetoNbd, Question::Alive));

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Question {
    Purchases,
    Alive,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Score {
    model: FitModel,
    question: Question,
    signature: Signature,
    documentation: Documentation,
}

fn udf(model: FitModel, question: Question) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(Score {
        model,
        question,
        signature: Signature::user_defined(Volatility::Immutable),
        documentation: doc_of(model, question).documentation(),
    }))
}

fn doc_of(model: FitModel, question: Question) -> &'static Doc {
    match (model, question) {
        (FitModel::MbgNbd, Question::Purchases) => &mbgnbd::PURCHASES_DOC,
        (FitModel::MbgNbd, Question::Alive) => &mbgnbd::ALIVE_DOC,
        (FitModel::ParetoNbd, Question::Purchases) => &pareto_nbd::PURCHASES_DOC,
        (FitModel::ParetoNbd, Question::Alive) => &pareto_nbd::ALIVE_DOC,
        (_, Question::Purchases) => &bgnbd::PURCHASES_DOC,
        (_, Question::Alive) => &bgnbd::ALIVE_DOC,
    }
}

impl ScalarUDFImpl for Score {
    fn name(&self) -> &str {
        doc_of(self.model, self.question).name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let doc = doc_of(self.model, self.question);
        coerce(doc, arg_types, |place, given| match place {
            0 => Some(model_of(doc.name, "fit", given, &[self.model]).map(|_| ())),
            _ => None,
        })
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        if self.question == Question::Purchases
            && let Some(horizon) = constant(&args, 1)
        {
            check_horizon(self.name(), horizon)?;
        }
        Ok(Arc::new(Field::new(self.name(), DataType::Float64, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let name = self.name();
        let arguments = Arguments::new(&args, 1)?;
        let fits = FitColumn::new(name, self.model, arguments.fit(0)?)?;
        let mut memos = Memos::<5, Memo>::default();
        arguments.map(|row, numbers| {
            let (Some(parameters), (horizon, x, t_x, age)) = (match numbers {
                [Some(horizon), Some(x), Some(t_x), Some(age)] => (fits.at(row), (*horizon, *x, *t_x, *age)),
                [Some(x), Some(t_x), Some(age)] => (fits.at(row), (0.0, *x, *t_x, *age)),
                _ => return Ok(None),
            }) else {
                return Ok(None);
            };
            let customer = check(name, x, t_x, age)?;
            let [p0, p1, p2, p3] = parameters;
            let memo = memos.of([p0, p1, p2, p3, horizon], || {
                check_horizon(name, horizon)?;
                Memo::new(name, self.model, parameters)
            })?;
            Ok(Some(match self.question {
                Question::Alive => memo.alive(customer),
                Question::Purchases => {
                    let ahead = memo.ahead(customer, |fit| fit.purchases_if_alive(x, age, horizon));
                    finite(name, memo.alive(customer) * ahead)?
                }
            }))
        })
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

pub(crate) fn check_horizon(function: &str, horizon: f64) -> Result<()> {
    if horizon >= 0.0 && horizon.is_finite() {
        Ok(())
    } else {
        exec_err!("{function}: horizon is {horizon}; expected a finite number, 0 or more")
    }
}

pub(crate) fn finite(function: &str, value: f64) -> Result<f64> {
    if value.is_finite() {
        Ok(value)
    } else {
        exec_err!(
            "{function}: the result is larger than a double can hold; expected smaller amounts or a nearer horizon"
        )
    }
}

/// What was worked out for one fit and one horizon.
#[derive(Debug)]
pub(crate) struct Memo {
    fit: PurchaseFit,
    alive: HashMap<[u64; 3], f64>,
    ahead: HashMap<[u64; 2], f64>,
}

impl Memo {
    pub(crate) fn new(function: &str, model: FitModel, parameters: Parameters) -> Result<Self> {
        let fit = PurchaseFit::new(function, model, parameters)?;
        Ok(Self { fit, alive: HashMap::default(), ahead: HashMap::default() })
    }

    /// The probability that the customer has not left.
    pub(crate) fn alive(&mut self, customer: Purchases) -> f64 {
        match &self.fit {
            // One logarithm and one exponential cost less than finding out whether they are known.
            PurchaseFit::BetaGeometric(model) => model.alive(customer),
            PurchaseFit::Pareto(model) => {
                let key = [customer.x, customer.t_x, customer.age].map(f64::to_bits);
                *self.alive.entry(key).or_insert_with(|| model.alive(customer))
            }
        }
    }

    /// What a customer who is alive does from now on: it depends on `x` and age, not on the last purchase.
    pub(crate) fn ahead(&mut self, customer: Purchases, work_out: impl FnOnce(&PurchaseFit) -> f64) -> f64 {
        let fit = &self.fit;
        *self.ahead.entry([customer.x, customer.age].map(f64::to_bits)).or_insert_with(|| work_out(fit))
    }
}

/// Memos by the numbers that they hold for; the last one used is found at once.
#[derive(Debug)]
pub(crate) struct Memos<const K: usize, M> {
    known: Vec<([f64; K], M)>,
    last: usize,
}

impl<const K: usize, M> Default for Memos<K, M> {
    fn default() -> Self {
        Self { known: Vec::new(), last: 0 }
    }
}

/// More than this many fits in a batch are not remembered.
const MOST_MEMOS: usize = 32;

impl<const K: usize, M> Memos<K, M> {
    pub(crate) fn of(&mut self, key: [f64; K], make: impl FnOnce() -> Result<M>) -> Result<&mut M> {
        if self.known.get(self.last).is_none_or(|(known, _)| *known != key) {
            self.last = match self.known.iter().position(|(known, _)| *known == key) {
                Some(place) => place,
                None => {
                    if self.known.len() >= MOST_MEMOS {
                        self.known.clear();
                    }
                    self.known.push((key, make()?));
                    self.known.len() - 1
                }
            };
        }
        Ok(&mut self.known[self.last].1)
    }
}
