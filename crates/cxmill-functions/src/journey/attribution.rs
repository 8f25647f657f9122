//! What brought the customer: `attribution(event_time, touch, model, half_life)`.
//!
//! What is kept of each group is in [`steps`](crate::journey::steps); here are the models, which share one conversion out among
//! the touches before it.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray, StructArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err, plan_err};
use datafusion::logical_expr::Expr;

use crate::aggregate::{Call, Definition, Shared, udaf};
use crate::collect::bound;
use crate::doc::{Doc, FunctionKind};
use crate::journey::span::{SpanParameter, event_time_type, unit_of};
use crate::journey::steps::{Collected, Step, Steps, StepsResult, state_columns, step_type};
use crate::lists::{end_of, list_of, lists_of};
use crate::parameter::{Constancy, constancy, constant, is_text};
use crate::tally::Tally;

pub(crate) static ATTRIBUTION: Shared = Shared::new(udaf::<Attribution>);

const NAME: &str = "attribution";
const MODELS: &str = "'first', 'last', 'linear', 'position' or 'time_decay'";
const NOT_CONSTANT: &str = "attribution: model must be a constant, the same for all rows; expected 'first', 'last', 'linear', 'position' or 'time_decay'";
const HALF_LIFE: SpanParameter = SpanParameter { function: NAME, argument: "half_life", position: 3 };

pub(crate) static ATTRIBUTION_DOC: Doc = Doc {
    name: NAME,
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "attribution(event_time, touch, model) → list<struct{event_time: timestamp, touch: text, share: double}>\n\
                attribution(event_time, touch, model, half_life) → list<struct{event_time: timestamp, touch: text, share: double}>",
    description: "The touches before one conversion in the order of time, each with its share of that conversion; the shares add up to 1. \
                  GROUP BY the conversion, over its touches only: WHERE at <= converted_at. unnest makes rows of the list, and sum(share) \
                  by touch gives the conversions of a channel. first and last give all to that touch, linear the same to each, position \
                  40 % to the first, 40 % to the last and 20 % to those in between in equal parts (half each of two, all of one); with \
                  time_decay a touch counts half as much for each half_life that it lies before the last one. Touches at the same time \
                  are ordered by their text, so the result does not depend on the order of rows; rows with the same time and touch are one \
                  touch. Rows without a time or a touch are ignored; an empty list if there is none.",
    arguments: &[
        ("event_time", "a timestamp or a date; a row without one did not happen"),
        ("touch", "a text: the campaign, channel or page of the row"),
        ("model", "the constant 'first', 'last', 'linear', 'position' or 'time_decay'"),
        (
            "half_life",
            "with time_decay: a constant interval above 0, for example INTERVAL '7 days'. Its days are days of 24 hours; months have no \
             fixed length and are refused",
        ),
    ],
    errors: "An event_time that is no timestamp or date, a touch that is no text, another model, time_decay without a constant half_life \
             above 0, or a half_life for another model is an error.",
    example: "SELECT t['touch'] AS channel, t['share'] AS share\n\
              FROM (SELECT unnest(attribution(at, channel, 'position')) AS t\n\
              \x20     FROM (VALUES (TIMESTAMP '2026-01-03T10:00:00', 'email'), (TIMESTAMP '2026-01-01T09:00:00', 'search'),\n\
              \x20                  (TIMESTAMP '2026-01-05T08:00:00', 'social'), (TIMESTAMP '2026-01-06T20:00:00', 'search'))\n\
              \x20         AS touches(at, channel))\n\
              -- search, 0.4\n\
              -- email, 0.1\n\
              -- social, 0.1\n\
              -- search, 0.4",
    source: "Rules of thumb in common use, as Google Analytics names them: first, last, linear, position-based and time decay. None of them \
             says what would have happened without a touch.",
};

/// `attribution`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Attribution;

impl Definition for Attribution {
    fn doc(&self) -> &'static Doc {
        &ATTRIBUTION_DOC
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let ([event_time, touch, model] | [event_time, touch, model, _]) = types else {
            return plan_err!(
                "{NAME}: {} arguments; expected {NAME}(event_time, touch, model) or {NAME}(event_time, touch, model, half_life)",
                types.len()
            );
        };
        if !is_text(model) {
            return plan_err!("{NAME}: model is {model}; expected {MODELS}");
        }
        let mut coerced = vec![event_time_type(NAME, event_time)?, step_type(NAME, "touch", touch)?, DataType::Utf8];
        if let Some(half_life) = types.get(3) {
            coerced.push(HALF_LIFE.coerce(half_life)?);
        }
        Ok(coerced)
    }

    fn state(&self, _types: &[DataType]) -> Vec<Field> {
        state_columns()
    }

    fn returns(&self, types: &[DataType]) -> DataType {
        list_of(DataType::Struct(fields(types.first().unwrap_or(&DataType::Null))))
    }

    fn over_nothing(&self, returns: &DataType) -> Result<ScalarValue> {
        match returns {
            DataType::List(item) => Ok(ScalarValue::List(ScalarValue::new_list(&[], item.data_type(), true))),
            other => internal_err!("{NAME} was planned to return {other}"),
        }
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn check_planned(&self, arguments: &[Expr]) -> Result<()> {
        HALF_LIFE.check_planned(arguments)?;
        match arguments.get(2).map(constancy) {
            Some(Constancy::Known(model)) => rule(&model, arguments.len() > 3).map(|_| ()),
            Some(Constancy::Never) => plan_err!("{NOT_CONSTANT}"),
            Some(Constancy::NotYet) | None => Ok(()),
        }
    }

    fn tally(&self, call: &Call<'_>) -> Result<Box<dyn Tally>> {
        let (Some(event_time), Some(model)) = (call.types.first(), call.arguments.get(2)) else {
            return internal_err!("{NAME} was planned with {} arguments", call.arguments.len());
        };
        let Some(model) = constant(model) else { return exec_err!("{NOT_CONSTANT}") };
        let rule = rule(&model, call.arguments.len() > 3)?;
        let half_life = match rule {
            Rule::TimeDecay => HALF_LIFE.read(call.arguments)?.units(unit_of(event_time)),
            _ => f64::INFINITY,
        };
        if half_life <= 0.0 {
            return exec_err!("{NAME}: half_life is 0; expected an interval above 0, for example INTERVAL '7 days'");
        }
        Ok(bound(Collected::new(Shares { item: fields(event_time), rule, half_life })))
    }
}

fn fields(event_time: &DataType) -> Fields {
    Fields::from(vec![
        Field::new("event_time", event_time.clone(), true),
        Field::new("touch", DataType::Utf8, true),
        Field::new("share", DataType::Float64, true),
    ])
}

/// How a conversion is shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    First,
    Last,
    Linear,
    Position,
    TimeDecay,
}

fn rule(model: &ScalarValue, has_half_life: bool) -> Result<Rule> {
    let rule = match model.try_as_str().flatten() {
        Some("first") => Rule::First,
        Some("last") => Rule::Last,
        Some("linear") => Rule::Linear,
        Some("position") => Rule::Position,
        Some("time_decay") => Rule::TimeDecay,
        _ => return exec_err!("{NAME}: model is {model}; expected {MODELS}"),
    };
    match (rule, has_half_life) {
        (Rule::TimeDecay, false) => {
            exec_err!("{NAME}: model is time_decay without a half_life; expected one, for example INTERVAL '7 days'")
        }
        (Rule::TimeDecay, true) | (_, false) => Ok(rule),
        (_, true) => {
            exec_err!("{NAME}: model is {model}, which has no half_life; leave it out, or expected time_decay")
        }
    }
}

#[derive(Debug, Clone)]
struct Shares {
    item: Fields,
    rule: Rule,
    /// In units of the event time.
    half_life: f64,
}

impl Shares {
    /// The share of each touch; they are in order.
    fn of<'a>(&self, touches: &'a [Step]) -> impl Iterator<Item = f64> + use<'a> {
        let (rule, half_life) = (self.rule, self.half_life);
        let last = touches.last().map_or(0, |touch| touch.time);
        let weight = move |place: usize, touch: &Step| {
            let (is_first, is_last) = (place == 0, place + 1 == touches.len());
            match rule {
                Rule::First => f64::from(u8::from(is_first)),
                Rule::Last => f64::from(u8::from(is_last)),
                Rule::Linear => 1.0,
                Rule::Position if is_first || is_last => 2.0,
                Rule::Position => 1.0 / (touches.len() - 2) as f64,
                // The last one counts 1, so the sum is never 0.
                Rule::TimeDecay => (-(last.abs_diff(touch.time) as f64) / half_life).exp2(),
            }
        };
        let weights = move || touches.iter().enumerate().map(move |(place, touch)| weight(place, touch));
        let total: f64 = weights().sum();
        weights().map(move |weight| weight / total)
    }
}

impl StepsResult for Shares {
    fn function(&self) -> &'static str {
        NAME
    }

    fn results(&self, steps: &Steps) -> Result<ArrayRef> {
        let (mut times, mut touches, mut shares, mut ends) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for group in steps.by_group() {
            times.extend(group.iter().map(|touch| touch.time));
            touches.extend(group.iter().map(|touch| steps.text(touch)));
            shares.extend(self.of(group));
            ends.push(end_of(times.len())?);
        }
        let time_type = self.item.first().map_or(&DataType::Null, |field| field.data_type());
        let columns: Vec<ArrayRef> = vec![
            cast(&Int64Array::from(times), time_type)?,
            Arc::new(StringArray::from(touches)),
            Arc::new(Float64Array::from(shares)),
        ];
        match lists_of(ends, vec![Arc::new(StructArray::try_new(self.item.clone(), columns, None)?)])?.pop() {
            Some(lists) => Ok(lists),
            None => internal_err!("{NAME} has no result"),
        }
    }
}
