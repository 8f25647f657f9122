//! Distinct durations and how they ended, of all groups: the state that survival functions share.
//!
//! A duration ends with the event, or is censored: it was still running when it was last seen. Rows are put down as they
//! come and now and then sorted into the distinct ones with their counts, so the state is bounded by the distinct durations
//! and the time by that of a sort. A duration of 0 or more and its end are one whole number: the bits of such doubles are in
//! the order of the doubles, and the lowest bit says whether the event came.
//!
//! The state is three lists: durations in ascending order, and for each how many ended with the event and how many without.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, ListArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Int64Type};
use datafusion::common::cast::{as_boolean_array, as_float64_array, as_list_array};
use datafusion::common::{Result, exec_datafusion_err, exec_err, internal_err, plan_err};

use crate::collect::{Collector, Groups};
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
pub(crate) trait SurvivalMetric: Clone + std::fmt::Debug + Send + Sync + 'static {
    /// The name of the function.
    fn function(&self) -> &'static str;

    /// What is wrong with a duration, in words; at least, that it is not a finite number of 0 or more.
    fn refuse(&self, duration: f64, _event: bool) -> Option<String> {
        (!(duration.is_finite() && duration >= 0.0))
            .then(|| format!("duration is {duration}; expected a finite number, 0 or more"))
    }

    /// Results, one for each group, from the ascending durations of each.
    fn finish(&self, groups: &mut dyn Iterator<Item = Vec<Ended>>) -> Result<ArrayRef>;
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
pub(crate) fn state_columns() -> Vec<(String, DataType)> {
    vec![
        ("durations".to_owned(), list_of(DataType::Float64)),
        ("events".to_owned(), list_of(DataType::Int64)),
        ("censored".to_owned(), list_of(DataType::Int64)),
    ]
}

fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item, true)))
}

/// A duration of a group and how it ended, in the order of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    group: u32,
    /// The bits of the duration, shifted, and 1 if the event came.
    end: u64,
}

impl Key {
    fn new(group: usize, duration: f64, event: bool) -> Result<Self> {
        let group = u32::try_from(group).map_err(|_| exec_datafusion_err!("more than {} groups", u32::MAX))?;
        // The sum makes −0 a plain 0; the sign bit of what is 0 or more is free.
        Ok(Self { group, end: (duration + 0.0).to_bits() << 1 | u64::from(event) })
    }

    fn duration(self) -> f64 {
        f64::from_bits(self.end >> 1)
    }

    fn event(self) -> bool {
        self.end & 1 == 1
    }
}

/// Durations of all groups.
#[derive(Debug)]
pub(crate) struct Durations<M: SurvivalMetric> {
    metric: M,
    groups: usize,
    /// Rows as they came, one each.
    arrived: Vec<Key>,
    /// Sorted, distinct, each with its count.
    counted: Vec<(Key, i64)>,
}

/// So many rows are put down before they are sorted in.
const FEW: usize = 1 << 16;

impl<M: SurvivalMetric> Durations<M> {
    pub(crate) fn new(metric: M) -> Self {
        Self { metric, groups: 0, arrived: Vec::new(), counted: Vec::new() }
    }

    fn put(&mut self, key: Key) {
        self.arrived.push(key);
        // As many as are counted already: the cost of merging stays in proportion to the rows.
        if self.arrived.len() >= FEW.max(self.counted.len()) {
            self.settle();
        }
    }

    /// Sorts what has arrived into what is counted.
    fn settle(&mut self) {
        if self.arrived.is_empty() {
            return;
        }
        self.arrived.sort_unstable();
        let arrived = self.arrived.chunk_by(|a, b| a == b).map(|alike| (alike[0], as_count(alike.len()))).collect();
        self.arrived.clear();
        self.absorb(arrived);
    }

    /// Adds sorted, distinct keys with their counts.
    fn absorb(&mut self, others: Vec<(Key, i64)>) {
        if self.counted.is_empty() {
            self.counted = others;
            return;
        }
        let own = std::mem::take(&mut self.counted);
        let mut merged = Vec::with_capacity(own.len() + others.len());
        let (mut own, mut others) = (own.into_iter().peekable(), others.into_iter().peekable());
        loop {
            match (own.peek(), others.peek()) {
                (Some(a), Some(b)) if a.0 == b.0 => {
                    merged.push((a.0, a.1.saturating_add(b.1)));
                    own.next();
                    others.next();
                }
                (Some(a), Some(b)) if a.0 < b.0 => merged.extend(own.next()),
                (_, Some(_)) => merged.extend(others.next()),
                (Some(_), None) => merged.extend(own.next()),
                (None, None) => break,
            }
        }
        self.counted = merged;
    }

    /// Hands each row that counts to `take`, and refuses what is no duration.
    fn each_row(
        &self,
        arguments: &[ArrayRef],
        counted: Option<&NullBuffer>,
        mut take: impl FnMut(usize, f64, bool) -> Result<()>,
    ) -> Result<()> {
        let [durations, events, ..] = arguments else {
            return internal_err!("{} was called with {} arguments", self.metric.function(), arguments.len());
        };
        let (durations, events) = (as_float64_array(durations)?, as_boolean_array(events)?);
        let valid = NullBuffer::union(durations.nulls(), events.nulls());
        let valid = NullBuffer::union(valid.as_ref(), counted);
        for (row, &duration) in durations.values().iter().enumerate() {
            if valid.as_ref().is_some_and(|valid| valid.is_null(row)) {
                continue;
            }
            let event = events.value(row);
            if let Some(refusal) = self.metric.refuse(duration, event) {
                return exec_err!("{}: {refusal}", self.metric.function());
            }
            take(row, duration, event)?;
        }
        Ok(())
    }

    /// Where each group begins in `counted`, and the end.
    fn bounds(&mut self) -> Vec<usize> {
        self.settle();
        let mut bounds = Vec::with_capacity(self.groups + 1);
        let mut from = 0;
        for group in (0_u32..).take(self.groups) {
            bounds.push(from);
            from += self.counted[from..].partition_point(|(key, _)| key.group <= group);
        }
        bounds.push(from);
        bounds
    }
}

/// Both ends of each duration together.
fn ended(counted: &[(Key, i64)]) -> Vec<Ended> {
    let alike = counted.chunk_by(|a, b| a.0.end >> 1 == b.0.end >> 1);
    let both = alike.map(|ends| {
        let count = |event: bool| ends.iter().filter(|(key, _)| key.event() == event).map(|(_, count)| *count).sum();
        Ended { duration: ends[0].0.duration(), events: count(true), censored: count(false) }
    });
    both.filter(|ended| ended.events > 0 || ended.censored > 0).collect()
}

fn as_count(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

impl<M: SurvivalMetric> Collector for Durations<M> {
    fn empty(&self) -> Self {
        Self::new(self.metric.clone())
    }

    fn grow(&mut self, groups: usize) {
        self.groups = self.groups.max(groups);
    }

    fn add(&mut self, arguments: &[ArrayRef], groups: Groups<'_>, counted: Option<NullBuffer>) -> Result<()> {
        let mut keys = Vec::new();
        self.each_row(arguments, counted.as_ref(), |row, duration, event| {
            keys.push(Key::new(groups.of(row), duration, event)?);
            Ok(())
        })?;
        keys.into_iter().for_each(|key| self.put(key));
        Ok(())
    }

    fn can_remove(&self) -> bool {
        true
    }

    fn remove(&mut self, arguments: &[ArrayRef]) -> Result<()> {
        self.settle();
        let mut keys = Vec::new();
        self.each_row(arguments, None, |_, duration, event| {
            keys.push(Key::new(0, duration, event)?);
            Ok(())
        })?;
        for key in keys {
            match self.counted.binary_search_by_key(&key, |(own, _)| *own) {
                Ok(place) => self.counted[place].1 -= 1,
                Err(_) => return internal_err!("{}: a row left that never came", self.metric.function()),
            }
        }
        self.counted.retain(|(_, count)| *count != 0);
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], groups: Groups<'_>) -> Result<()> {
        let [durations, events, censored] = states else {
            return internal_err!("{}: a state of {} columns, not 3", self.metric.function(), states.len());
        };
        let (durations, events, censored) =
            (as_list_array(durations)?, as_list_array(events)?, as_list_array(censored)?);
        let mut others = Vec::new();
        for row in 0..durations.len() {
            if durations.is_null(row) || events.is_null(row) || censored.is_null(row) {
                continue;
            }
            let (durations, events, censored) = (durations.value(row), events.value(row), censored.value(row));
            let durations = durations.as_primitive::<Float64Type>().values();
            let events = events.as_primitive::<Int64Type>().values();
            let censored = censored.as_primitive::<Int64Type>().values();
            if durations.len() != events.len() || durations.len() != censored.len() {
                return internal_err!("{}: a state with lists of different lengths", self.metric.function());
            }
            let group = groups.of(row);
            for ((duration, events), censored) in durations.iter().zip(events).zip(censored) {
                for (event, count) in [(false, *censored), (true, *events)] {
                    if count > 0 {
                        others.push((Key::new(group, *duration, event)?, count));
                    }
                }
            }
        }
        others.sort_unstable_by_key(|(key, _)| *key);
        others.dedup_by(|later, earlier| {
            let alike = later.0 == earlier.0;
            if alike {
                earlier.1 = earlier.1.saturating_add(later.1);
            }
            alike
        });
        self.settle();
        self.absorb(others);
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        let bounds = self.bounds();
        let (mut all, mut ends) = (Vec::new(), vec![0_i32]);
        for bound in bounds.windows(2) {
            all.extend(ended(&self.counted[bound[0]..bound[1]]));
            ends.push(end_of(all.len())?);
        }
        let offsets = OffsetBuffer::new(ends.into());
        let list = |values: ArrayRef| -> Result<ArrayRef> {
            let item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
            Ok(Arc::new(ListArray::try_new(item, offsets.clone(), values, None)?))
        };
        Ok(vec![
            list(Arc::new(Float64Array::from_iter_values(all.iter().map(|ended| ended.duration))))?,
            list(Arc::new(Int64Array::from_iter_values(all.iter().map(|ended| ended.events))))?,
            list(Arc::new(Int64Array::from_iter_values(all.iter().map(|ended| ended.censored))))?,
        ])
    }

    fn results(&mut self) -> Result<ArrayRef> {
        let bounds = self.bounds();
        self.metric.finish(&mut bounds.windows(2).map(|bound| ended(&self.counted[bound[0]..bound[1]])))
    }

    fn take_first(&mut self, groups: usize) -> Self {
        self.settle();
        let mut first = self.empty();
        first.grow(groups);
        let rest = self.counted.split_off(self.counted.partition_point(|(key, _)| (key.group as usize) < groups));
        first.counted = std::mem::replace(&mut self.counted, rest);
        for (key, _) in &mut self.counted {
            // No group of the rest has a smaller number than was taken.
            key.group -= u32::try_from(groups).unwrap_or(key.group);
        }
        self.groups = self.groups.saturating_sub(groups);
        first
    }

    fn heap(&self) -> usize {
        self.arrived.capacity() * size_of::<Key>() + self.counted.capacity() * size_of::<(Key, i64)>()
    }
}

/// The end of a list as Arrow counts it.
pub(crate) fn end_of(len: usize) -> Result<i32> {
    i32::try_from(len).map_err(|_| exec_datafusion_err!("more than {} distinct durations in one batch", i32::MAX))
}
