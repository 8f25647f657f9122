//! How far customers get: `funnel(window, event_time, step1, …)` and `funnel_times(…)`.
//!
//! The search is in [`chain`](crate::journey::chain), what is kept of each customer in [`events`](crate::journey::events).

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Array, Int64Array, ListArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, internal_err, plan_err};
use datafusion::logical_expr::Expr;

use crate::aggregate::{Call, Definition, Shared, udaf};
use crate::collect::{Collector, Groups, bound};
use crate::doc::{Doc, FunctionKind};
use crate::journey::chain::{Chains, StepSet};
use crate::journey::events::{Events, state_columns};
use crate::journey::span::{SpanParameter, event_time_type, unit_of};
use crate::tally::Tally;

pub(crate) static FUNNEL: Shared = Shared::new(udaf::<Funnel>);
pub(crate) static FUNNEL_TIMES: Shared = Shared::new(udaf::<FunnelTimes>);

const ARGUMENTS: &[(&str, &str)] = &[
    (
        "window",
        "a constant interval, 0 or more: how long after step 1 a step still counts. Its days are days of 24 hours; months have \
         no fixed length and are refused",
    ),
    ("event_time", "a timestamp or a date; a row without one did not happen"),
    ("step1", "a boolean: whether the row is step 1; NULL is not"),
    ("…", "a boolean for each further step, as many as there are"),
];
const ERRORS: &str = "A window that is not a constant interval of days or less, or is below 0, is an error.";
const SOURCE: &str = "Definition of cxmill; ClickHouse windowFunnel counts like it where no two rows share a time.";

pub(crate) static FUNNEL_DOC: Doc = Doc {
    name: "funnel",
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "funnel(window, event_time, step1, …) → int",
    description: "How many steps were taken in order: one row for step 1, another, not earlier, for step 2, and so on, all \
                  within window of the row of step 1. Rows in between do not matter. Rows at the same time may follow each \
                  other in any order, but no row serves two steps. Every row of step 1 may be the start; the best chain \
                  counts. 0 if step 1 was never taken.",
    arguments: ARGUMENTS,
    errors: ERRORS,
    example: "SELECT customer, funnel(INTERVAL '1 day', at, page = 'product', page = 'cart', page = 'paid') AS steps\n\
              FROM (VALUES ('a', TIMESTAMP '2026-01-01T09:00:00', 'product'), ('a', TIMESTAMP '2026-01-01T09:05:00', 'cart'),\n\
              \x20            ('a', TIMESTAMP '2026-01-03T09:00:00', 'paid'), ('b', TIMESTAMP '2026-01-01T10:00:00', 'cart'))\n\
              \x20    AS visits(customer, at, page)\n\
              GROUP BY customer ORDER BY customer\n\
              -- a, 2\n\
              -- b, 0",
    source: SOURCE,
};

pub(crate) static FUNNEL_TIMES_DOC: Doc = Doc {
    name: "funnel_times",
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "funnel_times(window, event_time, step1, …) → list<timestamp>",
    description: "When each step that funnel counts was taken: element i is the time of step i. Of the chains with the most \
                  steps it is the one that ends first, of those the one that begins last, and each step in between is as \
                  early as possible. An empty list if step 1 was never taken.",
    arguments: ARGUMENTS,
    errors: ERRORS,
    example: "SELECT funnel_times(INTERVAL '1 hour', at, page = 'product', page = 'cart') AS times\n\
              FROM (VALUES (TIMESTAMP '2026-01-01T08:00:00', 'product'), (TIMESTAMP '2026-01-01T09:00:00', 'product'),\n\
              \x20            (TIMESTAMP '2026-01-01T09:30:00', 'cart')) AS visits(at, page)\n\
              -- [2026-01-01T09:00:00, 2026-01-01T09:30:00]",
    source: SOURCE,
};

/// `funnel`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Funnel;

/// `funnel_times`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct FunnelTimes;

const fn window(function: &'static str) -> SpanParameter {
    SpanParameter { function, argument: "window", position: 0 }
}

fn coerce(function: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    let [given_window, event_time, steps @ ..] = types else { return too_few(function, types.len()) };
    if steps.is_empty() {
        return too_few(function, types.len());
    }
    let mut coerced = vec![window(function).coerce(given_window)?, event_time_type(function, event_time)?];
    for (i, step) in steps.iter().enumerate() {
        match step {
            DataType::Boolean | DataType::Null => coerced.push(DataType::Boolean),
            other => {
                return plan_err!(
                    "{function}: step{} is {other}; expected a boolean, for example page = 'cart'",
                    i + 1
                );
            }
        }
    }
    Ok(coerced)
}

fn too_few<T>(function: &str, given: usize) -> Result<T> {
    plan_err!("{function}: {given} arguments; expected {function}(window, event_time, step1, …) with one step or more")
}

/// A collector of the narrowest sets that hold all steps.
fn tally<R: FunnelResult>(function: &'static str, call: &Call<'_>, result: R) -> Result<Box<dyn Tally>> {
    let [_, event_time, steps @ ..] = &call.types[..] else {
        return internal_err!("{function} was planned with {} arguments", call.types.len());
    };
    let window = window(function).read(call.arguments)?.in_units(unit_of(event_time));
    let steps = steps.len();
    if steps <= 64 {
        Ok(bound(Journeys { events: Events::<u64>::new(steps), steps, window, result }))
    } else {
        Ok(bound(Journeys { events: Events::<Box<[u64]>>::new(steps), steps, window, result }))
    }
}

impl Definition for Funnel {
    fn doc(&self) -> &'static Doc {
        &FUNNEL_DOC
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        coerce("funnel", types)
    }

    fn returns(&self, _types: &[DataType]) -> DataType {
        DataType::Int32
    }

    fn over_nothing(&self, _returns: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int32(Some(0)))
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn state(&self, _types: &[DataType]) -> Vec<Field> {
        state_columns()
    }

    fn check_planned(&self, arguments: &[Expr]) -> Result<()> {
        window("funnel").check_planned(arguments)
    }

    fn tally(&self, call: &Call<'_>) -> Result<Box<dyn Tally>> {
        tally("funnel", call, Count)
    }
}

impl Definition for FunnelTimes {
    fn doc(&self) -> &'static Doc {
        &FUNNEL_TIMES_DOC
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        coerce("funnel_times", types)
    }

    fn returns(&self, types: &[DataType]) -> DataType {
        DataType::List(times_item(types.get(1).unwrap_or(&DataType::Null)))
    }

    fn over_nothing(&self, returns: &DataType) -> Result<ScalarValue> {
        match returns {
            DataType::List(item) => Ok(ScalarValue::List(ScalarValue::new_list(&[], item.data_type(), true))),
            other => internal_err!("funnel_times was planned to return {other}"),
        }
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn state(&self, _types: &[DataType]) -> Vec<Field> {
        state_columns()
    }

    fn check_planned(&self, arguments: &[Expr]) -> Result<()> {
        window("funnel_times").check_planned(arguments)
    }

    fn tally(&self, call: &Call<'_>) -> Result<Box<dyn Tally>> {
        let event_time = call.types.get(1).unwrap_or(&DataType::Null);
        tally("funnel_times", call, Times { item: times_item(event_time) })
    }
}

fn times_item(event_time: &DataType) -> FieldRef {
    Arc::new(Field::new_list_field(event_time.clone(), true))
}

/// What is made of the best chain.
trait FunnelResult: Clone + std::fmt::Debug + Send + Sync + 'static {
    fn results<S: StepSet>(&self, chains: &mut Chains, events: &mut Events<S>) -> Result<ArrayRef>;
}

#[derive(Debug, Clone)]
struct Count;

impl FunnelResult for Count {
    fn results<S: StepSet>(&self, chains: &mut Chains, events: &mut Events<S>) -> Result<ArrayRef> {
        let counts = events.by_group().map(|rows| chains.best(rows).map_or(0, |chain| chain.steps));
        // As many steps as a call has arguments.
        Ok(Arc::new(Int32Array::from_iter_values(counts.map(|steps| i32::try_from(steps).unwrap_or(i32::MAX)))))
    }
}

#[derive(Debug, Clone)]
struct Times {
    item: FieldRef,
}

impl FunnelResult for Times {
    fn results<S: StepSet>(&self, chains: &mut Chains, events: &mut Events<S>) -> Result<ArrayRef> {
        let (mut times, mut ends) = (Vec::new(), vec![0_i32]);
        for rows in events.by_group() {
            if let Some(chain) = chains.best(rows) {
                chains.times(chain, rows, &mut times);
            }
            let end = i32::try_from(times.len())
                .map_err(|_| exec_datafusion_err!("funnel_times has more than {} times in one batch", i32::MAX))?;
            ends.push(end);
        }
        let times = cast(&Int64Array::from(times), self.item.data_type())?;
        Ok(Arc::new(ListArray::try_new(Arc::clone(&self.item), OffsetBuffer::new(ends.into()), times, None)?))
    }
}

#[derive(Debug)]
struct Journeys<S: StepSet, R: FunnelResult> {
    events: Events<S>,
    steps: usize,
    window: u64,
    result: R,
}

impl<S: StepSet, R: FunnelResult> Journeys<S, R> {
    fn of(&self, events: Events<S>) -> Self {
        Self { events, steps: self.steps, window: self.window, result: self.result.clone() }
    }
}

impl<S: StepSet, R: FunnelResult> Collector for Journeys<S, R> {
    fn empty(&self) -> Self {
        self.of(self.events.empty())
    }

    fn grow(&mut self, groups: usize) {
        self.events.grow(groups);
    }

    fn add(&mut self, arguments: &[ArrayRef], groups: Groups<'_>, counted: Option<NullBuffer>) -> Result<()> {
        match arguments {
            [_, times, steps @ ..] => self.events.add(times, steps, groups, counted),
            _ => internal_err!("a funnel was called with {} arguments", arguments.len()),
        }
    }

    /// What was dropped because it could not matter may matter again once other rows are gone.
    fn can_remove(&self) -> bool {
        false
    }

    fn remove(&mut self, _arguments: &[ArrayRef]) -> Result<()> {
        internal_err!("a funnel cannot give rows back")
    }

    fn merge(&mut self, states: &[ArrayRef], groups: Groups<'_>) -> Result<()> {
        self.events.merge(states, groups)
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>> {
        self.events.state()
    }

    fn results(&mut self) -> Result<ArrayRef> {
        self.result.results(&mut Chains::new(self.steps, self.window), &mut self.events)
    }

    fn take_first(&mut self, groups: usize) -> Self {
        let events = self.events.take_first(groups);
        self.of(events)
    }

    fn heap(&self) -> usize {
        self.events.heap()
    }
}
