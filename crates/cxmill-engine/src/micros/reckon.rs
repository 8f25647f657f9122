//! Dates that are compared with timestamps, and the seconds of a span of time.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, cast, lit};
use datafusion::optimizer::AnalyzerRule;

/// Makes a date beside a timestamp the timestamp of its midnight, in microseconds, where DataFusion would make both timestamps of
/// nanoseconds, the column of a source among them. Takes the seconds of a span as it is, where DataFusion would make it one of
/// nanoseconds first, and NULL of 293 years.
#[derive(Debug, Default)]
pub(crate) struct ReckonInMicroseconds;

impl AnalyzerRule for ReckonInMicroseconds {
    fn name(&self) -> &str {
        "reckon_in_microseconds"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(within)?.data)
    }
}

fn within(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let reckoned = expr.transform_up(|expr| match seconds(&expr, &schema) {
            Some(seconds) => Ok(Transformed::yes(seconds)),
            None => compared(expr, &schema),
        })?;
        Ok(reckoned.update_data(|expr| name.restore(expr)))
    })
}

/// `EXTRACT(EPOCH FROM later - earlier)`, if it is that.
fn seconds(expr: &Expr, schema: &DFSchema) -> Option<Expr> {
    let Expr::ScalarFunction(call) = expr else { return None };
    let ("date_part", [Expr::Literal(part, _), span]) = (call.name(), call.args.as_slice()) else { return None };
    if !part.try_as_str().flatten()?.eq_ignore_ascii_case("epoch") {
        return None;
    }
    let in_a_second = match span.get_type(schema).ok()? {
        DataType::Duration(TimeUnit::Second) => 1.0,
        DataType::Duration(TimeUnit::Millisecond) => 1e3,
        DataType::Duration(TimeUnit::Microsecond) => 1e6,
        DataType::Duration(TimeUnit::Nanosecond) => 1e9,
        _ => return None,
    };
    Some(cast(cast(span.clone(), DataType::Int64), DataType::Float64) / lit(in_a_second))
}

fn compared(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let beside = |sides: &[&Expr]| {
        let types = sides.iter().map(|side| side.get_type(schema)).collect::<Result<Vec<_>>>();
        // What has no type is told by who asks for it.
        types.is_ok_and(|types| types.contains(&DataType::Date32) && types.iter().any(is_timestamp))
    };
    let instant = |side: Box<Expr>| -> Result<Box<Expr>> {
        Ok(match side.get_type(schema)? {
            DataType::Date32 => Box::new(cast(*side, DataType::Timestamp(TimeUnit::Microsecond, None))),
            _ => side,
        })
    };
    Ok(match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(op) && beside(&[&left, &right]) => {
            Transformed::yes(Expr::BinaryExpr(BinaryExpr { left: instant(left)?, op, right: instant(right)? }))
        }
        Expr::Between(Between { expr, negated, low, high }) if beside(&[&expr, &low, &high]) => {
            let (expr, low, high) = (instant(expr)?, instant(low)?, instant(high)?);
            Transformed::yes(Expr::Between(Between { expr, negated, low, high }))
        }
        other => Transformed::no(other),
    })
}

fn compares(op: Operator) -> bool {
    matches!(
        op,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}

/// Whether it is a timestamp that microseconds hold.
fn is_timestamp(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(TimeUnit::Second | TimeUnit::Millisecond | TimeUnit::Microsecond, _))
}
