//! States of two functions in one column: UNION would give all of them the type of the first ones, and with it their name.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, Union};
use datafusion::optimizer::AnalyzerRule;

use crate::error::StateError;
use crate::state::Origin;

/// Refuses UNION of states that differ in function, version or call, as [`StateError::MixedStates`]. It has to come before the
/// rules of DataFusion, which make one type of those of all queries.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct RefuseMixedStates;

impl AnalyzerRule for RefuseMixedStates {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.apply_with_subqueries(|node| {
            if let LogicalPlan::Union(union) = node {
                check(union)?;
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(plan)
    }

    fn name(&self) -> &str {
        "refuse_mixed_states"
    }
}

fn check(union: &Union) -> Result<(), StateError> {
    for (place, column) in union.schema.fields().iter().enumerate() {
        let mut states = union.inputs.iter().filter_map(|input| Origin::of(input.schema().fields().get(place)?).ok());
        let Some(first) = states.next() else { continue };
        let Some(other) = states.find(|state| !first.is_of_one_call(state)) else { continue };
        let (mut one, mut two) = (first.describe(), other.describe());
        if one == two {
            one = format!("{} (version {})", first.call, first.version);
            two = format!("{} (version {})", other.call, other.version);
        }
        return Err(StateError::MixedStates { column: column.name().clone(), one, other: two });
    }
    Ok(())
}
