//! Distinct durations and how they ended: the state that survival functions share.
//!
//! A duration ends with the event, or is censored: it was still running when it was last seen. A duration of 0 or more and its
//! end are one whole number: the bits of such doubles are in the order of the doubles, and the lowest bit says whether the
//! event came.
//!
//! The state is three lists: durations in ascending order, and for each how many ended with the event and how many without.

use std::fmt::Debug;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Array, Int64Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::cast::{as_boolean_array, as_float64_array, as_int64_array};
use datafusion::common::{Result, exec_err, internal_err, plan_err};

use crate::aggregate::columns;
use crate::keyed::{ByGroup, Entry, Summary};
use crate::lists::{Lists, end_of, list_of, lists_of};
use crate::survey::score::number_type;

/// How many customers had one duration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Ended {
    pub(crate) duration: f64,
    /// It ended with the event.
    pub(crate) events: i64,
    /// It was still running.
    pub(crate) censored: i64,
}

/// A function of the distinct durations of a group.
pub(crate) trait SurvivalMetric: Clone + Debug + Send + Sync + 'static {
    /// The name of the function.
    fn function(&self) -> &'static str;

    /// What is wrong with a duration, in words; at least, that it is not a finite number of 0 or more.
    fn refuse(&self, duration: f64, _event: bool) -> Option<String> {
        (!(duration.is_finite() && duration >= 0.0))
            .then(|| format!("duration is {duration}; expected a finite number, 0 or more"))
    }

    /// Results, one for each group.
    fn finish(&self, groups: &mut dyn Iterator<Item = Ends<'_>>) -> Result<ArrayRef>;
}

/// The types of `(duration, event, …)` whatever the two are called.
pub(crate) fn coerce(
    function: &'static str,
    [duration, event]: [&str; 2],
    [duration_type, event_type]: [&DataType; 2],
) -> Result<Vec<DataType>> {
    let duration_type = number_type(function, duration, duration_type)?;
    match event_type {
        DataType::Boolean | DataType::Null => Ok(vec![duration_type, DataType::Boolean]),
        other => plan_err!("{function}: {event} is {other}; expected a boolean, for example {event} = 'yes'"),
    }
}

/// The state columns.
pub(crate) fn state_columns() -> Vec<Field> {
    columns(&[
        ("durations", list_of(DataType::Float64)),
        ("events", list_of(DataType::Int64)),
        ("censored", list_of(DataType::Int64)),
    ])
}

/// A duration and how it ended as one number.
fn key(duration: f64, event: bool) -> u64 {
    // The sum makes −0 a plain 0; the sign bit of what is 0 or more is free.
    (duration + 0.0).to_bits() << 1 | u64::from(event)
}

/// The durations of a group, ascending.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends<'a>(&'a [Entry<u64, i64>]);

impl<'a> Ends<'a> {
    pub(crate) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Each duration once, with both ends.
    pub(crate) fn iter(self) -> impl Iterator<Item = Ended> + Clone + use<'a> {
        self.0.chunk_by(|a, b| a.key >> 1 == b.key >> 1).map(|ends| {
            let count = |event| ends.iter().filter(|end| end.key & 1 == event).map(|end| end.counted).sum();
            Ended { duration: f64::from_bits(ends[0].key >> 1), events: count(1), censored: count(0) }
        })
    }
}

/// The durations of a metric.
#[derive(Debug, Clone)]
pub(crate) struct Durations<M>(pub(crate) M);

impl<M: SurvivalMetric> Summary for Durations<M> {
    type Key = u64;
    type Counted = i64;

    fn function(&self) -> &'static str {
        self.0.function()
    }

    fn each_row(
        &self,
        arguments: &[ArrayRef],
        counted: Option<NullBuffer>,
        mut take: impl FnMut(usize, u64, ()) -> Result<()>,
    ) -> Result<()> {
        let [durations, events, ..] = arguments else {
            return internal_err!("{} was called with {} arguments", self.function(), arguments.len());
        };
        let (durations, events) = (as_float64_array(durations)?, as_boolean_array(events)?);
        let valid = NullBuffer::union(durations.nulls(), events.nulls());
        let valid = NullBuffer::union(valid.as_ref(), counted.as_ref());
        for (row, &duration) in durations.values().iter().enumerate() {
            if valid.as_ref().is_some_and(|valid| valid.is_null(row)) {
                continue;
            }
            let event = events.value(row);
            if let Some(refusal) = self.0.refuse(duration, event) {
                return exec_err!("{}: {refusal}", self.function());
            }
            take(row, key(duration, event), ())?;
        }
        Ok(())
    }

    fn each_kept(&self, states: &[ArrayRef], mut take: impl FnMut(usize, u64, i64) -> Result<()>) -> Result<()> {
        let lists = Lists::read(states)?;
        let [durations, events, censored] = lists.values()[..] else {
            return internal_err!("{}: a state of {} columns where 3 are due", self.function(), states.len());
        };
        let durations = as_float64_array(durations)?.values();
        let (events, censored) = (as_int64_array(events)?.values(), as_int64_array(censored)?.values());
        lists.each(|row, at| {
            for (event, count) in [(false, censored[at[2]]), (true, events[at[1]])] {
                if count > 0 {
                    take(row, key(durations[at[0]], event), count)?;
                }
            }
            Ok(())
        })
    }

    fn state(&self, groups: ByGroup<'_, Self>) -> Result<Vec<ArrayRef>> {
        let (mut durations, mut events, mut censored, mut ends) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for group in groups {
            for ended in Ends(group).iter() {
                durations.push(ended.duration);
                events.push(ended.events);
                censored.push(ended.censored);
            }
            ends.push(end_of(durations.len())?);
        }
        let values: Vec<ArrayRef> = vec![
            Arc::new(Float64Array::from(durations)),
            Arc::new(Int64Array::from(events)),
            Arc::new(Int64Array::from(censored)),
        ];
        lists_of(ends, values)
    }

    fn results(&self, groups: ByGroup<'_, Self>) -> Result<ArrayRef> {
        self.0.finish(&mut groups.map(Ends))
    }
}
