//! Constant arguments of aggregates: confidence, top box, scale.
//!
//! A parameter shapes the result and so must be the same for all rows. It is checked when the query is optimised, where
//! the value is known, and read again when an accumulator is made, for callers that skip the optimiser.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, Expr};
use datafusion::physical_expr::PhysicalExpr;

/// Whether an argument is constant, as far as can be told when the query is optimised.
#[derive(Debug)]
pub(crate) enum Constancy {
    Known(ScalarValue),
    /// It has no columns but is not folded yet, such as a `$name` that is not bound: it is read when the query runs.
    NotYet,
    Never,
}

pub(crate) fn constancy(argument: &Expr) -> Constancy {
    match argument.clone().unalias() {
        Expr::Literal(value, _) => Constancy::Known(value),
        other if other.any_column_refs() => Constancy::Never,
        _ => Constancy::NotYet,
    }
}

/// The value of an argument that is constant.
pub(crate) fn constant(argument: &Arc<dyn PhysicalExpr>) -> Option<ScalarValue> {
    // A constant needs no columns, so it can be had from a batch that has none; a column cannot.
    match argument.evaluate(&RecordBatch::new_empty(Arc::new(Schema::empty()))) {
        Ok(ColumnarValue::Scalar(value)) => Some(value),
        Ok(ColumnarValue::Array(_)) | Err(_) => None,
    }
}

/// One constant argument of a function.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter {
    pub(crate) function: &'static str,
    pub(crate) argument: &'static str,
    /// Its place among the arguments, from 0.
    pub(crate) position: usize,
    /// What is allowed, as a message ends: `a number above 0 and below 1`.
    pub(crate) expected: &'static str,
    pub(crate) allows: fn(f64) -> bool,
}

impl Parameter {
    /// The share of repeated samples whose interval would cover the truth.
    pub(crate) const fn confidence(function: &'static str, position: usize) -> Self {
        Self { function, argument: "confidence", position, expected: CONFIDENCE_RANGE, allows: is_confidence }
    }

    /// Refuses a constant that is known and wrong, and an argument that can never be constant.
    pub(crate) fn check_planned(&self, arguments: &[Expr]) -> Result<()> {
        match arguments.get(self.position).map(constancy) {
            Some(Constancy::Known(value)) => self.check(&value).map(|_| ()),
            Some(Constancy::Never) => plan_err!("{}", self.not_constant()),
            Some(Constancy::NotYet) | None => Ok(()),
        }
    }

    /// The value of the constant, or `None` if the call does not give this argument.
    pub(crate) fn read(&self, arguments: &[Arc<dyn PhysicalExpr>]) -> Result<Option<f64>> {
        let Some(argument) = arguments.get(self.position) else { return Ok(None) };
        match constant(argument) {
            Some(value) => self.check(&value).map(Some),
            None => exec_err!("{}", self.not_constant()),
        }
    }

    fn check(&self, value: &ScalarValue) -> Result<f64> {
        let number = match value.cast_to(&DataType::Float64) {
            Ok(ScalarValue::Float64(number)) => number,
            _ => None,
        };
        match number {
            Some(number) if (self.allows)(number) => Ok(number),
            _ => exec_err!("{}: {} is {value}; expected {}", self.function, self.argument, self.expected),
        }
    }

    fn not_constant(&self) -> String {
        format!(
            "{}: {} must be a constant, the same for all rows; expected {}",
            self.function, self.argument, self.expected
        )
    }
}

/// What [`is_confidence`] allows, as a message says it.
pub(crate) const CONFIDENCE_RANGE: &str = "a number above 0 and below 1";

/// True for a number strictly between 0 and 1.
pub(crate) fn is_confidence(value: f64) -> bool {
    value > 0.0 && value < 1.0
}

/// True for text of any layout, and for NULL.
pub(crate) fn is_text(given: &DataType) -> bool {
    match given {
        DataType::Dictionary(_, values) => is_text(values),
        other => other.is_string() || other.is_null(),
    }
}
