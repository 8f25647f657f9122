//! The steps of a group in the order of time: what `path` and `attribution` keep.
//!
//! Steps are put down as they come, each distinct text once, and brought into order at the end: by group, by time, by text. That
//! order does not depend on how they came, so it is also the order of the state, which is a list of times and a list of texts.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::cast::as_string_array;
use datafusion::common::{Result, exec_datafusion_err, internal_err, plan_err};

use crate::aggregate::columns;
use crate::collect::{Collector, Groups};
use crate::lists::{Lists, end_of, list_of, lists_of};

/// What is made of the steps of each group.
pub(crate) trait StepsResult: Clone + Debug + Send + Sync + 'static {
    /// The name of the function.
    fn function(&self) -> &'static str;

    /// Results, one for each group.
    fn results(&self, steps: &Steps) -> Result<ArrayRef>;
}

/// The state columns.
pub(crate) fn state_columns() -> Vec<Field> {
    columns(&[("times", list_of(DataType::Int64)), ("steps", list_of(DataType::Utf8))])
}

/// The type in which a column of steps arrives.
pub(crate) fn step_type(function: &str, argument: &str, given: &DataType) -> Result<DataType> {
    match given {
        DataType::Null => Ok(DataType::Utf8),
        text if text.is_string() => Ok(DataType::Utf8),
        DataType::Dictionary(_, values) => step_type(function, argument, values),
        other => {
            plan_err!("{function}: {argument} is {other}; expected a text, for example CAST({argument} AS VARCHAR)")
        }
    }
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    group: u32,
    /// In units of its column.
    pub(crate) time: i64,
    /// Place of its text among the distinct ones.
    pub(crate) text: u32,
}

/// The steps of all groups.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    groups: usize,
    steps: Vec<Step>,
    texts: Vec<Arc<str>>,
    places: HashMap<Arc<str>, u32>,
}

impl Steps {
    /// The steps of each group, in order, each once. Only once they are sorted.
    pub(crate) fn by_group(&self) -> impl Iterator<Item = &[Step]> {
        let mut rest = &self.steps[..];
        (0..self.groups).map(move |group| {
            let end = rest.iter().take_while(|step| step.group as usize == group).count();
            let (own, others) = rest.split_at(end);
            rest = others;
            own
        })
    }

    pub(crate) fn text(&self, step: &Step) -> &str {
        &self.texts[step.text as usize]
    }

    fn put(&mut self, function: &str, group: usize, time: i64, text: &str) -> Result<()> {
        let too_many = |what: &str| exec_datafusion_err!("{function}: more than {} {what}", u32::MAX);
        let group = u32::try_from(group).map_err(|_| too_many("groups"))?;
        let text = match self.places.get(text) {
            Some(place) => *place,
            None => {
                let place = u32::try_from(self.texts.len()).map_err(|_| too_many("distinct steps"))?;
                let text: Arc<str> = text.into();
                self.texts.push(Arc::clone(&text));
                self.places.insert(text, place);
                place
            }
        };
        self.steps.push(Step { group, time, text });
        Ok(())
    }

    /// Brings the steps into order; rows that are alike say nothing more than one of them.
    fn sort(&mut self) {
        let mut by_text: Vec<usize> = (0..self.texts.len()).collect();
        by_text.sort_unstable_by(|a, b| self.texts[*a].cmp(&self.texts[*b]));
        let mut rank = vec![0_usize; by_text.len()];
        for (place, text) in by_text.into_iter().enumerate() {
            rank[text] = place;
        }
        self.steps.sort_unstable_by_key(|step| (step.group, step.time, rank[step.text as usize]));
        self.steps.dedup();
    }
}

/// The steps of all groups, and what is made of them.
#[derive(Debug)]
pub(crate) struct Collected<R> {
    steps: Steps,
    result: R,
}

impl<R: StepsResult> Collected<R> {
    pub(crate) fn new(result: R) -> Self {
        Self { steps: Steps::default(), result }
    }
}

impl<R: StepsResult> Collector for Collected<R> {
    fn empty(&self) -> Self {
        Self::new(self.result.clone())
    }

    fn grow(&mut self, groups: usize) {
        self.steps.groups = self.steps.groups.max(groups);
    }

    fn add(&mut self, arguments: &[ArrayRef], groups: Groups<'_>, counted: Option<NullBuffer>) -> Result<()> {
        let function = self.result.function();
        let [times, steps, ..] = arguments else {
            return internal_err!("{function} was called with {} arguments", arguments.len());
        };
        let happened = NullBuffer::union(counted.as_ref(), times.nulls());
        let happened = NullBuffer::union(happened.as_ref(), steps.nulls());
        let (times, steps) = (cast(times, &DataType::Int64)?, as_string_array(steps)?);
        let times = times.as_primitive::<Int64Type>().values();
        for row in 0..steps.len() {
            if happened.as_ref().is_none_or(|happened| happened.is_valid(row)) {
                self.steps.put(function, groups.of(row), times[row], steps.value(row))?;
            }
        }
        Ok(())
    }

    /// Of rows that are alike one is kept, so it cannot be told when the last of them is gone.
    fn can_remove(&self) -> bool {
        false
    }

    fn remove(&mut self, _arguments: &[ArrayRef]) -> Result<()> {
        internal_err!("{} cannot give rows back", self.result.function())
    }

    fn merge(&mut self, states: &[ArrayRef], groups: Groups<'_>) -> Result<()> {
        let function = self.result.function();
        let lists = Lists::read(states)?;
        let [times, steps] = lists.values()[..] else {
            return internal_err!("{function}: a state of {} columns where 2 are due", states.len());
        };
        let (times, steps) = (times.as_primitive::<Int64Type>().values(), as_string_array(steps)?);
        lists.each(|row, at| self.steps.put(function, groups.of(row), times[at[0]], steps.value(at[1])))
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        self.steps.sort();
        let (mut times, mut texts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for group in self.steps.by_group() {
            for step in group {
                times.push(step.time);
                texts.push(self.steps.text(step));
            }
            ends.push(end_of(texts.len())?);
        }
        lists_of(ends, vec![Arc::new(Int64Array::from(times)), Arc::new(StringArray::from(texts))])
    }

    fn results(&mut self) -> Result<ArrayRef> {
        self.steps.sort();
        self.result.results(&self.steps)
    }

    fn take_first(&mut self, groups: usize) -> Self {
        let own = &mut self.steps;
        let mut first = Steps { groups, texts: own.texts.clone(), places: own.places.clone(), ..Steps::default() };
        let mut rest = Vec::new();
        for step in own.steps.drain(..) {
            match (step.group as usize).checked_sub(groups) {
                None => first.steps.push(step),
                // Smaller than a number that fits, so it fits.
                Some(group) => rest.push(Step { group: u32::try_from(group).unwrap_or(step.group), ..step }),
            }
        }
        own.steps = rest;
        own.groups = own.groups.saturating_sub(groups);
        Self { steps: first, result: self.result.clone() }
    }

    fn heap(&self) -> usize {
        let Steps { steps, texts, .. } = &self.steps;
        let letters: usize = texts.iter().map(|text| text.len()).sum();
        let entry = 2 * size_of::<Arc<str>>() + size_of::<u32>();
        steps.capacity() * size_of::<Step>() + texts.capacity() * entry + letters
    }
}
