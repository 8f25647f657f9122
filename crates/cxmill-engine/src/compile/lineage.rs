//! Which columns of the tables a query reads go into the values of each column it gives.
//!
//! Only values count, not what chooses or orders rows: `WHERE`, join conditions, keys of windows and the conditions of CASE
//! leave no trace. Where a step cannot be followed, each of its columns comes from all that went into it, so that nothing is
//! missed.

use std::collections::BTreeSet;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};

/// Columns of tables: table and column.
pub(crate) type Origins = BTreeSet<(String, String)>;

/// The origins of each column of a plan, in order.
pub(crate) fn lineage(plan: &LogicalPlan) -> Vec<Origins> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let table = scan.table_name.table();
            let fields = scan.projected_schema.fields();
            fields.iter().map(|field| Origins::from([(table.to_owned(), field.name().clone())])).collect()
        }
        LogicalPlan::Projection(projection) => of_all(projection.expr.iter(), &projection.input),
        LogicalPlan::Aggregate(aggregate) => {
            let exprs = aggregate.group_expr.iter().chain(&aggregate.aggr_expr);
            if aggregate.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_))) {
                return blurred(plan);
            }
            of_all(exprs, &aggregate.input)
        }
        LogicalPlan::Window(window) => {
            let mut all = lineage(&window.input);
            all.extend(of_all(window.window_expr.iter(), &window.input));
            all
        }
        LogicalPlan::Distinct(Distinct::On(distinct)) => of_all(distinct.select_expr.iter(), &distinct.input),
        LogicalPlan::Join(join) if plan.schema().fields().len() == width(&join.left) + width(&join.right) => {
            [lineage(&join.left), lineage(&join.right)].concat()
        }
        LogicalPlan::Union(union) => {
            let mut all = vec![Origins::new(); union.schema.fields().len()];
            for input in &union.inputs {
                all.iter_mut().zip(lineage(input)).for_each(|(origins, more)| origins.extend(more));
            }
            all
        }
        LogicalPlan::Unnest(unnest) => {
            let input = lineage(&unnest.input);
            unnest.dependency_indices.iter().map(|index| input.get(*index).cloned().unwrap_or_default()).collect()
        }
        _ => match plan.inputs().as_slice() {
            [only] if width(only) == width(plan) => lineage(only),
            _ => blurred(plan),
        },
    }
}

fn width(plan: &LogicalPlan) -> usize {
    plan.schema().fields().len()
}

/// Every column from everything.
fn blurred(plan: &LogicalPlan) -> Vec<Origins> {
    let all: Origins = plan.inputs().into_iter().flat_map(lineage).flatten().collect();
    vec![all; width(plan)]
}

fn of_all<'a>(exprs: impl Iterator<Item = &'a Expr>, input: &LogicalPlan) -> Vec<Origins> {
    let below = lineage(input);
    exprs.map(|expr| of_expr(expr, input.schema(), &below)).collect()
}

/// The origins of the values of an expression.
fn of_expr(expr: &Expr, schema: &DFSchema, below: &[Origins]) -> Origins {
    let mut origins = Origins::new();
    // The visitor never fails.
    drop(expr.apply(|part| {
        match part {
            Expr::Column(column) => origins.extend(of_column(column, schema, below)),
            Expr::ScalarSubquery(subquery) => origins.extend(lineage(&subquery.subquery).into_iter().flatten()),
            Expr::AggregateFunction(call) => {
                origins.extend(call.params.args.iter().flat_map(|arg| of_expr(arg, schema, below)));
                return Ok(TreeNodeRecursion::Jump);
            }
            Expr::WindowFunction(call) => {
                origins.extend(call.params.args.iter().flat_map(|arg| of_expr(arg, schema, below)));
                return Ok(TreeNodeRecursion::Jump);
            }
            Expr::Case(case) => {
                let values = case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr);
                origins.extend(values.flat_map(|value| of_expr(value, schema, below)));
                return Ok(TreeNodeRecursion::Jump);
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    }));
    origins
}

fn of_column(column: &Column, schema: &DFSchema, below: &[Origins]) -> Origins {
    schema.index_of_column(column).ok().and_then(|index| below.get(index)).cloned().unwrap_or_default()
}
