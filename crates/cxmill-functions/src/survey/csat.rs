//! Customer satisfaction: `csat(score, top)` and `csat_interval(score, top, confidence)`.
//!
//! CSAT is the share of answers in the top boxes of the scale, for example 4 and 5 of a five-point scale. The scale itself
//! is not asked for: any finite number is an answer.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, internal_err, plan_err};

use crate::aggregate::{Call, Definition, Shared, columns, udaf};
use crate::doc::{Doc, FunctionKind};
use crate::parameter::Parameter;
use crate::survey::counts::Counts;
use crate::survey::interval::{Interval, interval_type, intervals, two_sided_z};
use crate::survey::score::{Reading, Score, number_type, read_scores, score_type};
use crate::survey::wilson::{WILSON, wilson};
use crate::tally::{Metric, Rows, Tally};

pub(crate) static CSAT: Shared = Shared::new(udaf::<Csat>);
pub(crate) static CSAT_INTERVAL: Shared = Shared::new(udaf::<CsatInterval>);

/// Classes of answers, in the order of the state columns.
const SATISFIED: u8 = 0;
const OTHER: u8 = 1;
const STATE: &[(&str, DataType)] = &[("satisfied", DataType::Int64), ("others", DataType::Int64)];

const SCORE: (&str, &str) = ("score", "an answer on any scale, of any number type; NULL is no answer");
const TOP: (&str, &str) = ("top", "the lowest score that counts as satisfied, a constant: 4 on a five-point scale");

const fn top(function: &'static str) -> Parameter {
    Parameter { function, argument: "top", position: 1, expected: "a finite number", allows: f64::is_finite }
}

/// 100 · satisfied / answers, from 0 to 100; `None` without answers.
fn csat([satisfied, others]: [i64; 2]) -> Option<f64> {
    let answers = satisfied + others;
    (answers > 0).then(|| 100.0 * satisfied as f64 / answers as f64)
}

/// The Wilson interval of [`csat`], in percent.
fn csat_interval([satisfied, others]: [i64; 2], z: f64) -> Option<Interval> {
    let answers = satisfied + others;
    (answers > 0).then(|| {
        let (low, high) = wilson(satisfied as f64, answers as f64, z);
        Interval { low: 100.0 * low, high: 100.0 * high, margin: 50.0 * (high - low) }
    })
}

/// Reads a score as satisfied or not.
#[derive(Debug, Clone, Copy)]
struct TopBox {
    top: f64,
}

impl Reading for TopBox {
    type Row = u8;

    #[inline]
    fn row(&self, score: impl Score) -> Option<u8> {
        let score = score.double();
        score.is_finite().then_some(if score >= self.top { SATISFIED } else { OTHER })
    }

    fn expected(&self) -> String {
        "a finite number".to_owned()
    }
}

pub(crate) static CSAT_DOC: Doc = Doc {
    name: "csat",
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "csat(score, top) → double",
    description: "Customer satisfaction: the percentage of answers with a score of top or more, from 0 to 100. NULL scores are \
                  ignored; without answers the result is NULL.",
    arguments: &[SCORE, TOP],
    errors: "A score that is not finite, or a top that is not a finite constant, is an error.",
    example: "SELECT csat(score, 4) AS csat FROM (VALUES (5), (4), (3), (NULL), (1)) AS answers(score)\n\
              -- 50.0",
    source: "Top-box share, as in ISO 10004:2018, Customer satisfaction: guidelines for monitoring and measuring.",
};

/// `csat`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Csat;

impl Definition for Csat {
    fn doc(&self) -> &'static Doc {
        &CSAT_DOC
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [score, top] => Ok(vec![score_type("csat", score)?, number_type("csat", "top", top)?]),
            _ => plan_err!("csat: {} arguments; expected csat(score, top)", types.len()),
        }
    }

    fn parameters(&self) -> &'static [Parameter] {
        const { &[top("csat")] }
    }

    fn state(&self, _types: &[DataType]) -> Vec<Field> {
        columns(STATE)
    }

    fn returns(&self, _types: &[DataType]) -> DataType {
        DataType::Float64
    }

    fn tally(&self, call: &Call<'_>) -> Result<Box<dyn Tally>> {
        match call.parameters[..] {
            [Some(top)] => Ok(Box::new(Share { reading: TopBox { top } })),
            _ => internal_err!("csat was planned without its top"),
        }
    }
}

#[derive(Debug)]
struct Share {
    reading: TopBox,
}

impl Metric for Share {
    type Cell = Counts<2>;

    fn rows(&self, arguments: &[ArrayRef], counted: Option<NullBuffer>) -> Result<Rows<u8>> {
        read_scores("csat", &self.reading, &arguments[0], counted)
    }

    fn finish(&self, cells: &[Counts<2>]) -> Result<ArrayRef> {
        Ok(Arc::new(cells.iter().map(|cell| csat(cell.0)).collect::<Float64Array>()))
    }
}

pub(crate) static CSAT_INTERVAL_DOC: Doc = Doc {
    name: "csat_interval",
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "csat_interval(score, top, confidence) → struct{low, high, margin: double}",
    description: "The Wilson score interval of csat(score, top), in percent; margin is half its width. NULL scores are ignored; \
                  without answers the result is NULL.",
    arguments: &[SCORE, TOP, ("confidence", "a constant above 0 and below 1, for example 0.95")],
    errors: "A score that is not finite, a top that is not a finite constant, or a confidence outside (0, 1), is an error.",
    example: "SELECT round(i['low'], 4) AS low, round(i['high'], 4) AS high\n\
              FROM (SELECT csat_interval(score, 4, 0.95) AS i FROM (VALUES (5), (4), (3), (1)) AS answers(score))\n\
              -- 15.0039, 84.9961",
    source: WILSON,
};

/// `csat_interval`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct CsatInterval;

impl Definition for CsatInterval {
    fn doc(&self) -> &'static Doc {
        &CSAT_INTERVAL_DOC
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let name = "csat_interval";
        match types {
            [score, top, confidence] => Ok(vec![
                score_type(name, score)?,
                number_type(name, "top", top)?,
                number_type(name, "confidence", confidence)?,
            ]),
            _ => plan_err!("{name}: {} arguments; expected {name}(score, top, confidence)", types.len()),
        }
    }

    fn parameters(&self) -> &'static [Parameter] {
        const { &[top("csat_interval"), Parameter::confidence("csat_interval", 2)] }
    }

    fn state(&self, _types: &[DataType]) -> Vec<Field> {
        columns(STATE)
    }

    fn returns(&self, _types: &[DataType]) -> DataType {
        interval_type()
    }

    fn tally(&self, call: &Call<'_>) -> Result<Box<dyn Tally>> {
        match call.parameters[..] {
            [Some(top), Some(confidence)] => {
                Ok(Box::new(ShareInterval { reading: TopBox { top }, z: two_sided_z(confidence) }))
            }
            _ => internal_err!("csat_interval was planned without its top and confidence"),
        }
    }
}

#[derive(Debug)]
struct ShareInterval {
    reading: TopBox,
    z: f64,
}

impl Metric for ShareInterval {
    type Cell = Counts<2>;

    fn rows(&self, arguments: &[ArrayRef], counted: Option<NullBuffer>) -> Result<Rows<u8>> {
        read_scores("csat_interval", &self.reading, &arguments[0], counted)
    }

    fn finish(&self, cells: &[Counts<2>]) -> Result<ArrayRef> {
        intervals(cells.iter().map(|cell| csat_interval(cell.0, self.z)))
    }
}
