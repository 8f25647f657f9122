//! The three plans of a split query, over any tables.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, TableReference};
use datafusion::error::Result;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::logical_plan::TableScanBuilder;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, Projection, SubqueryAlias, TableSource, cast};

use super::Split;
use crate::error::StateError;
use crate::state::{StateType, check_readable};
use crate::stored::stored_type;

/// What the kept columns are columns of inside the plans.
const STATES: &str = "__states";

impl Split {
    /// States of the rows of a table that has the source's columns: one row a key, in the columns of [`Split::state_schema`].
    pub fn state_plan(&self, rows: Arc<dyn TableSource>) -> Result<LogicalPlan> {
        let input = self.found.input.clone().transform_up(|node| over(node, &rows))?.data;
        let states = self
            .states
            .iter()
            .enumerate()
            .map(|(place, state)| {
                let bound = &state.bound;
                let function = bound.call.state_function();
                let filter = bound.filter.clone();
                let call = AggregateFunction::new_udf(function, bound.inputs.clone(), false, filter, Vec::new(), None);
                // A name of the result may be one of the source's as well, so it is given only above.
                Expr::AggregateFunction(call).alias(format!("__state_{place}"))
            })
            .collect();
        let aggregate = Aggregate::try_new(Arc::new(input), self.found.group_expr.clone(), states)?;
        let columns = aggregate
            .schema
            .iter()
            .zip(self.schema.fields())
            .map(|((qualifier, field), stored)| {
                let column = Expr::Column(Column::from((qualifier, field)));
                typed(column, field.data_type() == stored.data_type(), stored.data_type()).alias(stored.name())
            })
            .collect();
        Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(LogicalPlan::Aggregate(aggregate)))?))
    }

    /// One state a key from any number of states: `states` gives rows in the columns of [`Split::state_schema`], as a table of
    /// kept states, or that and the states of new rows (UNION ALL). The result has the same columns.
    pub fn combine_plan(&self, states: LogicalPlan) -> Result<LogicalPlan> {
        let states = self.readable(states)?;
        let keys = self.keys.iter().map(|key| kept(&key.name)).collect();
        // The optimizer takes an aggregate's column for that of its input where both have one name, so they have not.
        let inside = |place: usize| format!("__combined_{place}");
        let combined = self
            .states
            .iter()
            .enumerate()
            .map(|(place, state)| {
                state.bound.call.combine_function().call(vec![kept(&state.name)]).alias(inside(place))
            })
            .collect();
        let aggregate = Arc::new(LogicalPlan::Aggregate(Aggregate::try_new(Arc::new(states), keys, combined)?));
        let states = self
            .states
            .iter()
            .enumerate()
            .map(|(place, state)| Expr::Column(Column::new_unqualified(inside(place))).alias(&state.name));
        let columns = self.keys.iter().map(|key| kept(&key.name)).chain(states).collect();
        Ok(LogicalPlan::Projection(Projection::try_new(columns, aggregate)?))
    }

    /// The query's result from states of which no two have the same key, as [`Split::combine_plan`] gives them. ORDER BY of
    /// the query is left out: rows come in any order.
    pub fn finish_plan(&self, states: LogicalPlan) -> Result<LogicalPlan> {
        let states = self.readable(states)?;
        let finished = self.found.output.iter().zip(self.schema.fields()).enumerate().map(
            |(place, ((qualifier, field), stored))| {
                let column = kept(stored.name());
                let value = match place.checked_sub(self.keys.len()).and_then(|place| self.states.get(place)) {
                    Some(state) => state.bound.call.finish_function().call(vec![column]),
                    None => typed(column, field.data_type() == stored.data_type(), field.data_type()),
                };
                value.alias_qualified(qualifier.cloned(), field.name())
            },
        );
        let groups = Projection::try_new(finished.collect(), Arc::new(states))?;
        self.found.above.iter().rev().try_fold(LogicalPlan::Projection(groups), |input, node| {
            node.with_new_exprs(node.expressions(), vec![input])
        })
    }

    /// Checks that a table holds these keys and states, and gives just them, in order, as columns of [`STATES`].
    fn readable(&self, states: LogicalPlan) -> Result<LogicalPlan> {
        let schema = Arc::clone(states.schema());
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for (place, wanted) in self.schema.fields().iter().enumerate() {
            let found = schema.iter().find(|(_, field)| field.name() == wanted.name());
            let Some((qualifier, field)) = found else {
                return Err(StateError::MissingColumn { column: wanted.name().clone() }.into());
            };
            let column = Expr::Column(Column::from((qualifier, field)));
            let same = field.data_type() == wanted.data_type();
            match place.checked_sub(self.keys.len()).and_then(|place| self.states.get(place)) {
                Some(state) => {
                    check_readable(field, &state.bound.call, &StateType::of(&state.bound.call)?)?;
                    columns.push(column);
                }
                None if same || stored_type(wanted.name(), field.data_type()).as_ref() == Ok(wanted.data_type()) => {
                    // A column and another expression of its name must not stand side by side, so only a cast gets an alias.
                    columns.push(match same {
                        true => column,
                        false => cast(column, wanted.data_type().clone()).alias(wanted.name()),
                    });
                }
                None => {
                    return Err(StateError::OtherType {
                        column: wanted.name().clone(),
                        found: field.data_type().clone(),
                        wanted: wanted.data_type().clone(),
                    }
                    .into());
                }
            }
        }
        let columns = LogicalPlan::Projection(Projection::try_new(columns, Arc::new(states))?);
        Ok(LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(columns), STATES)?))
    }
}

/// Reads the rows of another table where the source stood.
fn over(node: LogicalPlan, rows: &Arc<dyn TableSource>) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::TableScan(scan) = node else { return Ok(Transformed::no(node)) };
    let (before, now) = (scan.source.schema(), rows.schema());
    let mut projection = Vec::with_capacity(before.fields().len());
    for wanted in before.fields() {
        let Some((place, found)) = now.column_with_name(wanted.name()) else {
            return Err(StateError::MissingColumn { column: wanted.name().clone() }.into());
        };
        if found.data_type() != wanted.data_type() {
            return Err(StateError::OtherType {
                column: wanted.name().clone(),
                found: found.data_type().clone(),
                wanted: wanted.data_type().clone(),
            }
            .into());
        }
        projection.push(place);
    }
    let projection = match &scan.projection {
        Some(places) => places.iter().filter_map(|place| projection.get(*place).copied()).collect(),
        None => projection,
    };
    let name: TableReference = scan.table_name;
    let scan = TableScanBuilder::new(name, Arc::clone(rows))
        .with_projection(Some(projection))
        .with_filters(scan.filters)
        .build()?;
    Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
}

fn kept(name: &str) -> Expr {
    Expr::Column(Column::new(Some(STATES), name))
}

fn typed(expr: Expr, same: bool, data_type: &datafusion::arrow::datatypes::DataType) -> Expr {
    if same { expr } else { cast(expr, data_type.clone()) }
}
