//! The way a customer took: `path(event_time, step)`.
//!
//! Steps are put down as they come, each distinct text once, and brought into order at the end: by group, by time, by text. That
//! order does not depend on how they came, so it is also the order of the state, which is a list of times and a list of texts.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::cast::as_string_array;
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, internal_err, plan_err};

use crate::aggregate::{Call, Definition, Shared, columns, udaf};
use crate::collect::{Collector, Groups, bound};
use crate::doc::{Doc, FunctionKind};
use crate::journey::span::event_time_type;
use crate::keyed::{Lists, end_of, list_of, lists_of};
use crate::tally::Tally;

pub(crate) static PATH: Shared = Shared::new(udaf::<Path>);

pub(crate) static PATH_DOC: Doc = Doc {
    name: "path",
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "path(event_time, step) → list<text>",
    description: "The steps in the order of time, each once while it lasts: home, home, cart, home gives [home, cart, home]. Steps at \
                  the same time are ordered by their text, so the result does not depend on the order of rows. Rows without a \
                  time or a step are ignored; an empty list if there is none. array_to_string(path(…), ' > ') makes it a text.",
    arguments: &[
        ("event_time", "a timestamp or a date; a row without one did not happen"),
        ("step", "a text: the page, touchpoint or channel of the row"),
    ],
    errors: "An event_time that is no timestamp or date, or a step that is no text, is an error.",
    example: "SELECT visit, array_to_string(path(at, page), ' > ') AS pages\n\
              FROM (VALUES (1, TIMESTAMP '2026-01-01T09:05:00', 'cart'), (1, TIMESTAMP '2026-01-01T09:00:00', 'home'),\n\
              \x20            (1, TIMESTAMP '2026-01-01T09:01:00', 'home'), (2, TIMESTAMP '2026-01-01T10:00:00', 'help'))\n\
              \x20    AS views(visit, at, page)\n\
              GROUP BY visit ORDER BY visit\n\
              -- 1, home > cart\n\
              -- 2, help",
    source: "Definition of cxmill.",
};

/// `path`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Path;

impl Definition for Path {
    fn doc(&self) -> &'static Doc {
        &PATH_DOC
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [event_time, step] => Ok(vec![event_time_type("path", event_time)?, step_type(step)?]),
            _ => plan_err!("path: {} arguments; expected path(event_time, step)", types.len()),
        }
    }

    fn state(&self, _types: &[DataType]) -> Vec<Field> {
        columns(&[("times", list_of(DataType::Int64)), ("steps", list_of(DataType::Utf8))])
    }

    fn returns(&self, _types: &[DataType]) -> DataType {
        list_of(DataType::Utf8)
    }

    fn over_nothing(&self, _returns: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::List(ScalarValue::new_list(&[], &DataType::Utf8, true)))
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn tally(&self, _call: &Call<'_>) -> Result<Box<dyn Tally>> {
        Ok(bound(Steps::default()))
    }
}

fn step_type(given: &DataType) -> Result<DataType> {
    match given {
        DataType::Null => Ok(DataType::Utf8),
        text if text.is_string() => Ok(DataType::Utf8),
        DataType::Dictionary(_, values) => step_type(values),
        other => plan_err!("path: step is {other}; expected a text, for example CAST(step AS VARCHAR)"),
    }
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    group: u32,
    /// In units of its column.
    time: i64,
    /// Place of its text among the distinct ones.
    text: u32,
}

/// The steps of all groups.
#[derive(Debug, Default)]
struct Steps {
    groups: usize,
    steps: Vec<Step>,
    texts: Vec<Arc<str>>,
    places: HashMap<Arc<str>, u32>,
}

impl Steps {
    fn put(&mut self, group: usize, time: i64, text: &str) -> Result<()> {
        let too_many = |what: &str| exec_datafusion_err!("path: more than {} {what}", u32::MAX);
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

    /// The texts of the steps that `take` takes, by group, where each group's list ends, and their times.
    fn lists(&mut self, take: impl Fn(Option<&Step>, &Step) -> bool) -> Result<(Vec<i32>, Int64Array, StringArray)> {
        self.sort();
        let (mut ends, mut times, mut texts) = (Vec::with_capacity(self.groups), Vec::new(), Vec::new());
        let mut before: Option<&Step> = None;
        for step in &self.steps {
            while ends.len() < step.group as usize {
                ends.push(end_of(texts.len())?);
            }
            if take(before.filter(|before| before.group == step.group), step) {
                times.push(step.time);
                texts.push(&*self.texts[step.text as usize]);
            }
            before = Some(step);
        }
        while ends.len() < self.groups {
            ends.push(end_of(texts.len())?);
        }
        Ok((ends, Int64Array::from(times), StringArray::from(texts)))
    }
}

impl Collector for Steps {
    fn empty(&self) -> Self {
        Self::default()
    }

    fn grow(&mut self, groups: usize) {
        self.groups = self.groups.max(groups);
    }

    fn add(&mut self, arguments: &[ArrayRef], groups: Groups<'_>, counted: Option<NullBuffer>) -> Result<()> {
        let [times, steps] = arguments else {
            return internal_err!("path was called with {} arguments", arguments.len());
        };
        let happened = NullBuffer::union(counted.as_ref(), times.nulls());
        let happened = NullBuffer::union(happened.as_ref(), steps.nulls());
        let (times, steps) = (cast(times, &DataType::Int64)?, as_string_array(steps)?);
        let times = times.as_primitive::<Int64Type>().values();
        for row in 0..steps.len() {
            if happened.as_ref().is_none_or(|happened| happened.is_valid(row)) {
                self.put(groups.of(row), times[row], steps.value(row))?;
            }
        }
        Ok(())
    }

    /// Of rows that are alike one is kept, so it cannot be told when the last of them is gone.
    fn can_remove(&self) -> bool {
        false
    }

    fn remove(&mut self, _arguments: &[ArrayRef]) -> Result<()> {
        internal_err!("path cannot give rows back")
    }

    fn merge(&mut self, states: &[ArrayRef], groups: Groups<'_>) -> Result<()> {
        let lists = Lists::read(states)?;
        let [times, steps] = lists.values()[..] else {
            return internal_err!("path: a state of {} columns where 2 are due", states.len());
        };
        let (times, steps) = (times.as_primitive::<Int64Type>().values(), as_string_array(steps)?);
        lists.each(|row, at| self.put(groups.of(row), times[at[0]], steps.value(at[1])))
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let (ends, times, texts) = self.lists(|_, _| true)?;
        lists_of(ends, vec![Arc::new(times), Arc::new(texts)])
    }

    fn results(&mut self) -> Result<ArrayRef> {
        let (ends, _, texts) = self.lists(|before, step| before.is_none_or(|before| before.text != step.text))?;
        match lists_of(ends, vec![Arc::new(texts)])?.pop() {
            Some(paths) => Ok(paths),
            None => internal_err!("path has no result"),
        }
    }

    fn take_first(&mut self, groups: usize) -> Self {
        let mut first = Self { groups, texts: self.texts.clone(), places: self.places.clone(), ..Self::default() };
        let mut rest = Vec::new();
        for step in self.steps.drain(..) {
            match (step.group as usize).checked_sub(groups) {
                None => first.steps.push(step),
                // Smaller than a number that fits, so it fits.
                Some(group) => rest.push(Step { group: u32::try_from(group).unwrap_or(step.group), ..step }),
            }
        }
        self.steps = rest;
        self.groups = self.groups.saturating_sub(groups);
        first
    }

    fn heap(&self) -> usize {
        let texts: usize = self.texts.iter().map(|text| text.len()).sum();
        let entry = 2 * size_of::<Arc<str>>() + size_of::<u32>();
        self.steps.capacity() * size_of::<Step>() + self.texts.capacity() * entry + texts
    }
}
