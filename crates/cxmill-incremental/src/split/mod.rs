//! One query → three: states of new rows, states combined, states finished.
//!
//! ```text
//!                     ┌ projections, HAVING ┐
//!  query:    source → rows → aggregate ────→ groups → result
//!
//!  state:    source → rows → state of each aggregate            (keys + states)
//!  combine:  states → combine the states of each key            (keys + states)
//!  finish:   states → finish each state → groups → result       (the query's columns)
//! ```
//!
//! For any split of the source's rows into parts, finishing the combined states of the parts gives what the query gives over
//! all rows. The plan must have gone through the analyzer and not through the optimizer.

mod bind;
mod find;
mod locate;
mod plans;
mod reason;
mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{DFSchemaRef, TableReference};
use datafusion::logical_expr::{Expr, LogicalPlan};

use self::bind::{Bound, bind};
use self::find::{Found, find};
pub use self::reason::{Forbids, Reason};
use crate::known::{KnownFunctions, StateGrowth};
use crate::state::StateType;
use crate::stored::stored_type;

/// A query whose states can be kept.
#[derive(Debug, Clone)]
pub struct Split {
    found: Found,
    keys: Vec<Key>,
    states: Vec<State>,
    schema: SchemaRef,
}

/// A key of the groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its column in a table of states, such as `key_day`.
    pub name: String,
    /// Its type in a table of states.
    pub data_type: DataType,
    /// The column of the query's result that shows it unchanged, if one does.
    pub output: Option<String>,
}

/// A state of the groups.
#[derive(Debug, Clone)]
pub struct State {
    name: String,
    bound: Bound,
    growth: StateGrowth,
}

impl State {
    /// Its column in a table of states, such as `state_answers`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The call it is the state of.
    #[must_use]
    pub fn call(&self) -> &Arc<crate::Call> {
        &self.bound.call
    }

    /// How the state of one group grows.
    #[must_use]
    pub fn growth(&self) -> StateGrowth {
        self.growth
    }
}

/// Splits a plan that has gone through the analyzer (types settled, GROUPING SETS resolved) and not through the optimizer.
pub fn split(plan: &LogicalPlan, known: &KnownFunctions) -> Result<Split, Reason> {
    let found = find(plan, known)?;
    let key_count = found.output.fields().len() - found.aggr_expr.len();
    // A kept column never has the name of a column of the result: DataFusion's optimizer sets both side by side where fields are
    // taken out of structs, and then cannot tell them apart.
    let mut taken: Vec<String> = shown(&found).fields().iter().map(|field| field.name().clone()).collect();
    let mut name = |place: usize, kind: &str| {
        let output = shown_as(&found, place);
        let mut name = format!("{kind}_{}", output.as_ref().map_or_else(|| (place + 1).to_string(), Clone::clone));
        while taken.contains(&name) {
            name.push('_');
        }
        taken.push(name.clone());
        (name, output)
    };
    let mut keys = Vec::with_capacity(key_count);
    for (place, field) in found.output.fields().iter().take(key_count).enumerate() {
        let data_type = stored_type(field.name(), field.data_type())
            .map_err(|error| Reason::said(Forbids::KeyType, error.to_string(), &found.group_expr))?;
        let (name, output) = name(place, "key");
        keys.push(Key { name, data_type, output });
    }
    let mut states = Vec::with_capacity(found.aggr_expr.len());
    let mut fields: Vec<Field> = keys.iter().map(|key| Field::new(&key.name, key.data_type.clone(), true)).collect();
    for (place, expr) in found.aggr_expr.iter().enumerate() {
        let bound = bind(known, expr, found.input.schema())?;
        let (name, _) = name(key_count + place, "state");
        let state = StateType::of(&bound.call).map_err(|error| unkept(error, &bound, expr))?;
        fields.push(Field::new(&name, state.data_type(), true));
        let growth = bound.call.growth()?;
        states.push(State { name, bound, growth });
    }
    let schema = Arc::new(Schema::new(fields));
    Ok(Split { found, keys, states, schema })
}

fn unkept(error: datafusion::error::DataFusionError, bound: &Bound, expr: &Expr) -> Reason {
    match crate::StateError::of(&error) {
        Some(error) => Reason::no_state(error, bound.call.function_name(), std::slice::from_ref(expr)),
        None => Reason::from(error),
    }
}

impl Split {
    /// The keys of the groups, in the order of the columns of a table of states; none for one group over all rows.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The states of the groups, in the order of the columns after the keys.
    #[must_use]
    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// The columns of a table of states: the keys, then the states; all nullable. The plans' batches may say of a key that it is
    /// never NULL: keep them under this schema.
    #[must_use]
    pub fn state_schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The table whose rows are counted.
    #[must_use]
    pub fn source(&self) -> &TableReference {
        &self.found.source
    }

    /// The version of each function whose state is kept. States built under other versions must be built again.
    #[must_use]
    pub fn versions(&self) -> BTreeMap<String, u32> {
        let versions = self.states.iter().map(|state| &state.bound.call);
        versions.map(|call| (call.function_name().to_owned(), call.version())).collect()
    }

    /// Whether the result of a group can change though no row was added to it: the query uses a value of the run, such as a
    /// placeholder or the time, on finished groups. All groups must then be finished again, not only those that new rows touch.
    #[must_use]
    pub fn result_depends_on_run(&self) -> bool {
        self.found.reads_run
    }
}

/// The column of the result that shows a column of the aggregate unchanged.
fn shown_as(found: &Found, place: usize) -> Option<String> {
    let mut place = place;
    for node in found.above.iter().rev() {
        match node {
            LogicalPlan::Projection(projection) => {
                let input = projection.input.schema();
                place = projection.expr.iter().position(|expr| {
                    let mut expr = expr;
                    while let Expr::Alias(alias) = expr {
                        expr = &alias.expr;
                    }
                    matches!(expr, Expr::Column(column) if input.maybe_index_of_column(column) == Some(place))
                })?;
            }
            LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) => {}
            _ => return None,
        }
    }
    shown(found).fields().get(place).map(|field| field.name().clone())
}

/// The columns of the result.
fn shown(found: &Found) -> &DFSchemaRef {
    found.above.first().map_or(&found.output, |node| node.schema())
}
