//! The accumulator of all three aggregates over states: rows or states in, states or values out.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, UInt64Array};
use datafusion::arrow::compute::{interleave, take};
use datafusion::common::internal_datafusion_err;
use datafusion::error::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use super::Shape;
use crate::call::Call;
use crate::state::StateType;

/// See the module.
pub(crate) struct StateGroups {
    shape: Shape,
    call: Arc<Call>,
    state: StateType,
    inner: Box<dyn GroupsAccumulator>,
    groups: usize,
}

impl StateGroups {
    pub(crate) fn new(shape: Shape, call: Arc<Call>) -> Result<Self> {
        Ok(Self { shape, state: StateType::of(&call)?, inner: call.accumulator()?, call, groups: 0 })
    }

    /// The state of the only group, which stays as it is.
    pub(crate) fn look(&mut self) -> Result<ArrayRef> {
        let state = self.states(EmitTo::All)?;
        // Some functions keep their groups when they emit all of them, so the accumulator is made anew.
        self.inner = self.call.accumulator()?;
        self.merge(&state, &[0], None, 1)?;
        Ok(state)
    }

    /// The result of the only group, which stays as it is.
    pub(crate) fn look_at_result(&mut self) -> Result<ArrayRef> {
        let state = self.look()?;
        if self.shape.gives_states() { Ok(state) } else { finish_each(&self.call, &state) }
    }

    /// Makes sure that there is a group, if only one of no rows.
    pub(crate) fn exists(&mut self) -> Result<()> {
        if self.groups == 0 {
            self.groups = 1;
            self.inner.merge_batch(&self.call.state_of_nothing()?, &[0], 1)?;
        }
        Ok(())
    }

    /// Merges states; a NULL state is that of no rows.
    fn merge(
        &mut self,
        states: &ArrayRef,
        groups: &[usize],
        counts: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.groups = total;
        let own = self.state.unpack(states)?;
        let count =
            |row: usize| states.is_valid(row) && counts.is_none_or(|counts| counts.is_valid(row) && counts.value(row));
        if states.null_count() == 0 && counts.is_none() {
            return self.inner.merge_batch(&own, groups, total);
        }
        // Accumulators rely on every new group having a row in its first batch, so none may be left out.
        let nothing = self.call.state_of_nothing()?;
        let places: Vec<(usize, usize)> =
            (0..states.len()).map(|row| if count(row) { (0, row) } else { (1, 0) }).collect();
        let own = own
            .iter()
            .zip(&nothing)
            .map(|(states, nothing)| Ok(interleave(&[states.as_ref(), nothing.as_ref()], &places)?))
            .collect::<Result<Vec<_>>>()?;
        self.inner.merge_batch(&own, groups, total)
    }

    fn states(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let groups = self.emitted(emit);
        let own = self.inner.state(emit)?;
        self.state.pack(&own, groups)
    }

    fn emitted(&mut self, emit: EmitTo) -> usize {
        let groups = match emit {
            EmitTo::All => self.groups,
            EmitTo::First(groups) => groups,
        };
        self.groups -= groups.min(self.groups);
        groups
    }
}

fn only(values: &[ArrayRef]) -> Result<&ArrayRef> {
    values.first().ok_or_else(|| internal_datafusion_err!("an aggregate over states was given no column"))
}

impl GroupsAccumulator for StateGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        if self.shape.reads_states() {
            return self.merge(only(values)?, group_indices, opt_filter, total_num_groups);
        }
        self.groups = total_num_groups;
        self.inner.update_batch(values, group_indices, opt_filter, total_num_groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        if self.shape.gives_states() {
            return self.states(emit_to);
        }
        self.emitted(emit_to);
        self.inner.evaluate(emit_to)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.states(emit_to)?])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.merge(only(values)?, group_indices, None, total_num_groups)
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let rows = only(values)?.len();
        if !self.shape.reads_states() {
            // DataFusion's percentile_cont panics where it is handed its constant here, though not where rows are added to groups.
            let own = match self.call.has_parameters() {
                false => self.inner.convert_to_state(values, opt_filter)?,
                true => state_each(&self.call, values, opt_filter, rows)?,
            };
            return Ok(vec![self.state.pack(&own, rows)?]);
        }
        let Some(counts) = opt_filter else { return Ok(values.to_vec()) };
        // A row that does not count becomes a NULL state.
        let places: UInt64Array =
            (0..rows).map(|row| (counts.is_valid(row) && counts.value(row)).then_some(row as u64)).collect();
        Ok(vec![take(only(values)?, &places, None)?])
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.inner.size()
    }
}

/// The state columns of rows that are each a group of its own.
fn state_each(
    call: &Arc<Call>,
    values: &[ArrayRef],
    counts: Option<&BooleanArray>,
    rows: usize,
) -> Result<Vec<ArrayRef>> {
    let mut groups = call.accumulator()?;
    let places: Vec<usize> = (0..rows).collect();
    groups.update_batch(values, &places, counts, rows)?;
    groups.state(EmitTo::All)
}

/// The values of states that are in no group with any other: one result a row.
pub(crate) fn finish_each(call: &Arc<Call>, states: &ArrayRef) -> Result<ArrayRef> {
    let rows = states.len();
    let mut groups = StateGroups::new(Shape::StatesToValue, Arc::clone(call))?;
    let places: Vec<usize> = (0..rows).collect();
    groups.merge(states, &places, None, rows)?;
    groups.evaluate(EmitTo::All)
}
