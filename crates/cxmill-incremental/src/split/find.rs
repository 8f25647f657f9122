//! Finds the one aggregate of a plan, what is done with its groups, and the one table whose rows it counts.

use std::sync::Arc;

use datafusion::common::{Column, DFSchemaRef, TableReference};
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};

use super::reason::{Forbids, Reason};
use super::rows::{Place, check};
use crate::known::KnownFunctions;

/// The parts of a plan that can be kept as states.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Nodes over the aggregate, outermost first; each works on one group at a time.
    pub(super) above: Vec<LogicalPlan>,
    /// What the aggregate reads; each node works on one row at a time.
    pub(super) input: LogicalPlan,
    pub(super) group_expr: Vec<Expr>,
    pub(super) aggr_expr: Vec<Expr>,
    /// Columns of the aggregate: keys, then values.
    pub(super) output: DFSchemaRef,
    pub(super) source: TableReference,
    /// Whether what is shown of a group depends on the run.
    pub(super) reads_run: bool,
}

pub(super) fn find(plan: &LogicalPlan, known: &KnownFunctions) -> Result<Found, Reason> {
    let mut above = Vec::new();
    let mut reads_run = false;
    let mut node = plan;
    loop {
        match node {
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Unnest(_) => {
                reads_run |= check(&node.expressions(), Place::Showing, known)?;
                above.push(node.clone());
            }
            // The order of a table's rows is no part of its content.
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => {}
            LogicalPlan::Aggregate(aggregate) => {
                let source = source(&aggregate.input, false, known)?;
                check(&aggregate.group_expr, Place::Counting, known)?;
                check(&aggregate.aggr_expr, Place::Counting, known)?;
                return Ok(Found {
                    above,
                    input: aggregate.input.as_ref().clone(),
                    group_expr: aggregate.group_expr.clone(),
                    aggr_expr: aggregate.aggr_expr.clone(),
                    output: Arc::clone(&aggregate.schema),
                    source,
                    reads_run,
                });
            }
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let source = source(input, true, known)?;
                let group_expr: Vec<Expr> =
                    input.schema().iter().map(|field| Expr::Column(Column::from(field))).collect();
                return Ok(Found {
                    above,
                    input: input.as_ref().clone(),
                    group_expr,
                    aggr_expr: Vec::new(),
                    output: Arc::clone(input.schema()),
                    source,
                    reads_run,
                });
            }
            LogicalPlan::TableScan(_) => return Err(Reason::new(Forbids::NoAggregate, &plan.expressions())),
            other => return Err(refused(other)),
        }
        node = match node.inputs().first() {
            Some(input) => input,
            None => return Err(refused(node)),
        };
    }
}

/// The table that an aggregate reads row by row; `distinct`: the aggregate is a SELECT DISTINCT.
fn source(plan: &LogicalPlan, distinct: bool, known: &KnownFunctions) -> Result<TableReference, Reason> {
    let mut node = plan;
    loop {
        match node {
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Unnest(_) => {
                check(&node.expressions(), Place::Counting, known)?;
            }
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => {}
            LogicalPlan::TableScan(scan) if scan.fetch.is_none() => {
                check(&scan.filters, Place::Counting, known)?;
                return Ok(scan.table_name.clone());
            }
            LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(Distinct::All(_)) => {
                let forbids = if distinct { Forbids::Distinct } else { Forbids::NestedAggregate };
                return Err(Reason::new(forbids, &node.expressions()));
            }
            other => return Err(refused(other)),
        }
        node = match node.inputs().first() {
            Some(input) => input,
            None => return Err(refused(node)),
        };
    }
}

/// Why a node can stand neither over nor under the aggregate.
fn refused(node: &LogicalPlan) -> Reason {
    let forbids = match node {
        LogicalPlan::Join(_) => Forbids::Join,
        LogicalPlan::Union(_) => Forbids::SetOperation,
        LogicalPlan::Window(_) => Forbids::Window,
        LogicalPlan::Limit(_) | LogicalPlan::Sort(_) | LogicalPlan::TableScan(_) => Forbids::Limit,
        LogicalPlan::Distinct(_) => Forbids::Distinct,
        LogicalPlan::Subquery(_) => Forbids::Subquery,
        LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) | LogicalPlan::RecursiveQuery(_) => Forbids::NoSource,
        _ => Forbids::Other,
    };
    Reason::new(forbids, &expressions_below(node))
}

/// The expressions of a node, or where it has none (as a join without ON) those of the nodes it reads.
fn expressions_below(node: &LogicalPlan) -> Vec<Expr> {
    let own = node.expressions();
    if !own.is_empty() {
        return own;
    }
    node.inputs().into_iter().flat_map(expressions_below).collect()
}
