//! An aggregate expression of a plan → a bound call and the columns it reads.

use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchemaRef;
use datafusion::error::Result;
use datafusion::logical_expr::expr::{AggregateFunction, NullTreatment};
use datafusion::logical_expr::{Cast, Expr, ExprSchemable};

use super::reason::{Forbids, Reason};
use crate::call::{Argument, Call, Modifiers, OrderKey};
use crate::known::KnownFunctions;
use crate::parameter::constant;

/// One aggregate of the query.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    pub(super) call: Arc<Call>,
    /// The arguments, then what ORDER BY sorts by.
    pub(super) inputs: Vec<Expr>,
    /// FILTER (WHERE …).
    pub(super) filter: Option<Box<Expr>>,
}

pub(super) fn bind(known: &KnownFunctions, expr: &Expr, input: &DFSchemaRef) -> Result<Bound, Reason> {
    let mut inner = expr;
    while let Expr::Alias(alias) = inner {
        inner = &alias.expr;
    }
    let Expr::AggregateFunction(AggregateFunction { func, params }) = inner else {
        return Err(Reason::new(Forbids::Other, std::slice::from_ref(expr)));
    };
    let mut inputs = params.args.clone();
    let mut arguments = Vec::with_capacity(inputs.len());
    for argument in &params.args {
        let (_, field) = argument.to_field(input.as_ref())?;
        let parameter = constant(argument, input)?;
        arguments.push(Argument { field, parameter });
    }
    let mut order_by = Vec::with_capacity(params.order_by.len());
    for sort in &params.order_by {
        let options = SortOptions { descending: !sort.asc, nulls_first: sort.nulls_first };
        let named = params.args.iter().position(|argument| same_order(argument, &sort.expr, input).unwrap_or(false));
        let named = if func.supports_within_group_clause() { Some(0) } else { named };
        order_by.push(match named {
            Some(place) => OrderKey::Argument(place, options),
            None => {
                inputs.push(sort.expr.clone());
                OrderKey::Column(sort.expr.to_field(input.as_ref())?.1, options)
            }
        });
    }
    let modifiers = Modifiers {
        distinct: params.distinct,
        order_by,
        ignore_nulls: params.null_treatment == Some(NullTreatment::IgnoreNulls),
    };
    let call = Call::bind(known, Arc::clone(func), arguments, modifiers)
        .map_err(|error| Reason::no_state(&error, func.name(), std::slice::from_ref(expr)))?;
    inputs.truncate(call.inputs());
    Ok(Bound { call: Arc::new(call), inputs, filter: params.filter.clone() })
}

/// Whether ordering by an argument is ordering by the key: they are the same, but for a cast that keeps the order.
fn same_order(argument: &Expr, key: &Expr, input: &DFSchemaRef) -> Result<bool> {
    if argument == key {
        return Ok(true);
    }
    let Expr::Cast(Cast { expr, field }) = argument else { return Ok(false) };
    if expr.as_ref() != key {
        return Ok(false);
    }
    let from = key.get_type(input.as_ref())?;
    let to = field.data_type();
    Ok((text(&from) && text(to))
        || (from.is_integer() && (to.is_floating() || to.is_decimal() || *to == DataType::Int64)))
}

fn text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}
