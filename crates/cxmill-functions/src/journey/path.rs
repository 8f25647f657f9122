//! The way a customer took: `path(event_time, step)`.
//!
//! What is kept of each group is in [`steps`](crate::journey::steps).

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};

use crate::aggregate::{Call, Definition, Shared, udaf};
use crate::collect::bound;
use crate::doc::{Doc, FunctionKind};
use crate::journey::span::event_time_type;
use crate::journey::steps::{Collected, Steps, StepsResult, state_columns, step_type};
use crate::lists::{end_of, list_of, lists_of};
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
            [event_time, step] => Ok(vec![event_time_type("path", event_time)?, step_type("path", "step", step)?]),
            _ => plan_err!("path: {} arguments; expected path(event_time, step)", types.len()),
        }
    }

    fn state(&self, _types: &[DataType]) -> Vec<Field> {
        state_columns()
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
        Ok(bound(Collected::new(Way)))
    }
}

/// The steps in order, each once while it lasts.
#[derive(Debug, Clone)]
struct Way;

impl StepsResult for Way {
    fn function(&self) -> &'static str {
        "path"
    }

    fn results(&self, steps: &Steps) -> Result<ArrayRef> {
        let (mut texts, mut ends) = (Vec::new(), Vec::new());
        for group in steps.by_group() {
            for stay in group.chunk_by(|a, b| a.text == b.text) {
                texts.push(steps.text(&stay[0]));
            }
            ends.push(end_of(texts.len())?);
        }
        match lists_of(ends, vec![Arc::new(StringArray::from(texts))])?.pop() {
            Some(paths) => Ok(paths),
            None => internal_err!("path has no result"),
        }
    }
}
