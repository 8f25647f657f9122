//! One group as a row accumulator, for aggregates without GROUP BY: the same accumulator and so the same state as with it.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{Accumulator, GroupsAccumulator};

use super::groups::StateGroups;

/// See the module.
pub(crate) struct OneGroup {
    // An accumulator must be Sync and a groups accumulator need not be. Nothing ever waits here.
    groups: Mutex<StateGroups>,
}

impl OneGroup {
    pub(crate) fn new(groups: StateGroups) -> Self {
        Self { groups: Mutex::new(groups) }
    }

    fn groups(&mut self) -> &mut StateGroups {
        self.groups.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for OneGroup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OneGroup").finish_non_exhaustive()
    }
}

fn zeros(values: &[ArrayRef]) -> Vec<usize> {
    vec![0; values.first().map_or(0, |first| first.len())]
}

impl Accumulator for OneGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let places = zeros(values);
        if places.is_empty() { Ok(()) } else { self.groups().update_batch(values, &places, None, 1) }
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.groups().exists()?;
        // A running window asks again and again, so nothing may be used up.
        let value = self.groups().look_at_result()?;
        ScalarValue::try_from_array(&value, 0)
    }

    fn size(&self) -> usize {
        let groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        size_of::<Self>() + groups.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.groups().exists()?;
        let state = self.groups().look()?;
        Ok(vec![ScalarValue::try_from_array(&state, 0)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let places = zeros(states);
        if places.is_empty() { Ok(()) } else { self.groups().merge_batch(states, &places, 1) }
    }
}
