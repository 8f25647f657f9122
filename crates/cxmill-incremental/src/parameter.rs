//! Constants of a call that its state remembers, such as the 0.95 of `nps_interval(score, 0.95)`.
//!
//! DataFusion asks an aggregate for its type by the fields of its arguments and does not tell the values of constants. So where
//! a state function is planned from SQL, each constant after the first argument gets its value as metadata, and the field says it.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::metadata::FieldMetadata;
use datafusion::common::{DFSchema, DFSchemaRef, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawAggregateExpr, RawWindowExpr};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, WindowFunctionDefinition};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;

use crate::named::gives_states;

/// Metadata key of an argument's field: the value of the constant that it is.
const CONSTANT: &str = "cxmill.state.constant";

/// Marks the constants of state functions.
#[derive(Debug)]
pub(crate) struct MarkConstants;

impl ExprPlanner for MarkConstants {
    fn plan_aggregate(&self, call: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
        let args = if gives_states(&call.func) { marked(call.args)? } else { call.args };
        Ok(PlannerResult::Original(RawAggregateExpr { args, ..call }))
    }

    fn plan_window(&self, call: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
        let args = match &call.func_def {
            WindowFunctionDefinition::AggregateUDF(function) if gives_states(function) => marked(call.args)?,
            _ => call.args,
        };
        Ok(PlannerResult::Original(RawWindowExpr { args, ..call }))
    }
}

/// The same arguments; what the first one is, constant or not, is what is counted.
fn marked(arguments: Vec<Expr>) -> Result<Vec<Expr>> {
    let nothing = Arc::new(DFSchema::empty());
    let marked = arguments.into_iter().enumerate().map(|(place, argument)| {
        let value = if place == 0 { None } else { constant(&argument, &nothing)? };
        let text = value.as_ref().and_then(text);
        Ok(match (value, text) {
            (Some(value), Some(text)) => {
                let said = FieldMetadata::from(BTreeMap::from([(CONSTANT.to_owned(), text)]));
                Expr::Literal(value, Some(said))
            }
            _ => argument,
        })
    });
    marked.collect()
}

/// The value of an expression that reads no column, over rows of this schema; nothing where it reads one, or is not the same
/// each time.
///
/// # Errors
/// Where it cannot be worked out, as a cast of a text that is no number.
pub fn constant(expr: &Expr, input: &DFSchemaRef) -> Result<Option<ScalarValue>> {
    if !expr.column_refs().is_empty() || expr.is_volatile() {
        return Ok(None);
    }
    let context = SimplifyContext::builder().with_schema(Arc::clone(input)).build();
    let simplifier = ExprSimplifier::new(context);
    match simplifier.simplify(simplifier.coerce(expr.clone(), input)?)? {
        Expr::Literal(value, _) => Ok(Some(value)),
        _ => Ok(None),
    }
}

/// The constant that an argument is, if its field says so.
pub(crate) fn said(argument: &Field) -> Option<ScalarValue> {
    value(argument.metadata().get(CONSTANT)?, argument.data_type())
}

/// The field of an argument that is such a constant, by its text.
pub(crate) fn saying(field: Field, text: &str) -> Field {
    field.with_metadata([(CONSTANT.to_owned(), text.to_owned())].into())
}

/// A constant as text, where that can be read back.
pub(crate) fn text(constant: &ScalarValue) -> Option<String> {
    let text = constant.to_string();
    (value(&text, &constant.data_type()).as_ref() == Some(constant)).then_some(text)
}

/// A constant from its text.
pub(crate) fn value(text: &str, data_type: &DataType) -> Option<ScalarValue> {
    ScalarValue::try_from_string(text.to_owned(), data_type).ok().filter(|value| !value.is_null())
}
