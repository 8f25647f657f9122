//! How sure a Net Promoter Score is: `nps_interval`, `nps_se` and `nps_differs`.
//!
//! The adjusted Wald interval (3, T) of Rocks 2016, "Interval Estimation for the Net Promoter Score", The American
//! Statistician 70(4), 365–372, doi:10.1080/00031305.2016.1173124: three more answers are counted, 3/4 promoter, 3/2 passive
//! and 3/4 detractor, and the Wald interval is taken of those.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Float64Array, StructArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::cast::as_boolean_array;
use datafusion::common::{Result, plan_err};

use crate::aggregate::{Call, Definition, Shared, columns, udaf};
use crate::doc::{Doc, FunctionKind};
use crate::parameter::Parameter;
use crate::survey::counts::Counts;
use crate::survey::interval::{Interval, interval_type, intervals, z_of};
use crate::survey::nps::{ANSWER_COUNTS, AnswerClass, Answers, SCORE, SCORE_ERRORS};
use crate::survey::score::{number_type, read_scores, score_type};
use crate::tally::{Metric, Rows, Tally};

pub(crate) static NPS_INTERVAL: Shared = Shared::new(udaf::<NpsInterval>);
pub(crate) static NPS_SE: Shared = Shared::new(udaf::<NpsSe>);
pub(crate) static NPS_DIFFERS: Shared = Shared::new(udaf::<NpsDiffers>);

const ROCKS: &str = "Rocks 2016, Interval Estimation for the Net Promoter Score, The American Statistician 70(4), \
                     doi:10.1080/00031305.2016.1173124.";
const CONFIDENCE: (&str, &str) = ("confidence", "a constant above 0 and below 1, for example 0.95");

/// A score on the scale from −1 to 1, and the variance of its estimate.
#[derive(Debug, Clone, Copy)]
struct Estimate {
    score: f64,
    variance: f64,
}

/// The Wald estimate of shares `promoters / n` and `detractors / n`: the variance of one answer is p + d − (p − d)².
fn wald(promoters: f64, detractors: f64, n: f64) -> Estimate {
    let (p, d) = (promoters / n, detractors / n);
    let score = p - d;
    // Rounding may leave a hair below 0 where all answers agree.
    Estimate { score, variance: (p + d - score * score).max(0.0) / n }
}

/// The estimate after three more answers: 3/4 promoter, 3/2 passive, 3/4 detractor.
fn adjusted(answers: Answers) -> Estimate {
    wald(answers.promoters as f64 + 0.75, answers.detractors as f64 + 0.75, answers.total() as f64 + 3.0)
}

/// The adjusted Wald interval in points, cut to ±100; `None` without answers.
fn nps_interval(answers: Answers, z: f64) -> Option<Interval> {
    (answers.total() > 0).then(|| {
        let Estimate { score, variance } = adjusted(answers);
        let margin = 100.0 * z * variance.sqrt();
        Interval { low: (100.0 * score - margin).max(-100.0), high: (100.0 * score + margin).min(100.0), margin }
    })
}

/// The unadjusted standard error in points; `None` without answers.
fn nps_se(answers: Answers) -> Option<f64> {
    (answers.total() > 0).then(|| {
        let estimate = wald(answers.promoters as f64, answers.detractors as f64, answers.total() as f64);
        100.0 * estimate.variance.sqrt()
    })
}

/// A change between two independent samples.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Difference {
    change: f64,
    low: f64,
    high: f64,
    significant: bool,
}

/// The observed change, and the interval of the adjusted one: its variance is the sum of the two adjusted variances.
/// `None` if one side has no answers.
fn nps_difference(before: Answers, after: Answers, z: f64) -> Option<Difference> {
    let change = after.nps()? - before.nps()?;
    let (before, after) = (adjusted(before), adjusted(after));
    let adjusted_change = 100.0 * (after.score - before.score);
    let margin = 100.0 * z * (before.variance + after.variance).sqrt();
    let (low, high) = ((adjusted_change - margin).max(-200.0), (adjusted_change + margin).min(200.0));
    Some(Difference { change, low, high, significant: low > 0.0 || high < 0.0 })
}

pub(crate) static NPS_INTERVAL_DOC: Doc = Doc {
    name: "nps_interval",
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "nps_interval(score, confidence) → struct{low, high, margin: double}",
    description: "The adjusted Wald interval (3, T) of the Net Promoter Score in points: 3/4 promoter, 3/2 passive and 3/4 \
                  detractor are added, then low and high are score ∓ margin, cut to ±100. margin is the half width before the \
                  cut. The middle is the adjusted score, so with a handful of answers nps itself may lie outside. NULL scores \
                  are ignored; without answers the result is NULL.",
    arguments: &[SCORE, CONFIDENCE],
    errors: "A score that is not an integer from 0 to 10, or a confidence outside (0, 1), is an error.",
    example: "SELECT round(i['low'], 3) AS low, round(i['high'], 3) AS high, round(i['margin'], 3) AS margin\n\
              FROM (SELECT nps_interval(score, 0.95) AS i\n\
              \x20     FROM (VALUES (10), (10), (9), (9), (9), (8), (8), (7), (4), (2)) AS answers(score))\n\
              -- -19.051, 65.204, 42.128",
    source: ROCKS,
};

/// `nps_interval`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct NpsInterval;

impl Definition for NpsInterval {
    fn doc(&self) -> &'static Doc {
        &NPS_INTERVAL_DOC
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [score, confidence] => {
                Ok(vec![score_type("nps_interval", score)?, number_type("nps_interval", "confidence", confidence)?])
            }
            _ => plan_err!("nps_interval: {} arguments; expected nps_interval(score, confidence)", types.len()),
        }
    }

    fn parameters(&self) -> &'static [Parameter] {
        const { &[Parameter::confidence("nps_interval", 1)] }
    }

    fn state(&self, _types: &[DataType]) -> Vec<Field> {
        columns(ANSWER_COUNTS)
    }

    fn returns(&self, _types: &[DataType]) -> DataType {
        interval_type()
    }

    fn tally(&self, call: &Call<'_>) -> Result<Box<dyn Tally>> {
        Ok(Box::new(AdjustedWald { z: z_of("nps_interval", &call.parameters)? }))
    }
}

#[derive(Debug)]
struct AdjustedWald {
    z: f64,
}

impl Metric for AdjustedWald {
    type Cell = Counts<3>;

    fn rows(&self, arguments: &[ArrayRef], counted: Option<NullBuffer>) -> Result<Rows<u8>> {
        read_scores("nps_interval", &AnswerClass, &arguments[0], counted)
    }

    fn finish(&self, cells: &[Counts<3>]) -> Result<ArrayRef> {
        intervals(cells.iter().map(|cell| nps_interval(cell.0.into(), self.z)))
    }
}

pub(crate) static NPS_SE_DOC: Doc = Doc {
    name: "nps_se",
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "nps_se(score) → double",
    description: "The standard error of the Net Promoter Score in points, unadjusted: 100 · sqrt((p + d − (p − d)²) / n) with p \
                  and d the shares of promoters and detractors among n answers. NULL scores are ignored; without answers the \
                  result is NULL.",
    arguments: &[SCORE],
    errors: SCORE_ERRORS,
    example: "SELECT nps_se(score) AS se FROM (VALUES (10), (10), (0), (0)) AS answers(score)\n\
              -- 50.0",
    source: ROCKS,
};

/// `nps_se`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct NpsSe;

impl Definition for NpsSe {
    fn doc(&self) -> &'static Doc {
        &NPS_SE_DOC
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [score] => Ok(vec![score_type("nps_se", score)?]),
            _ => plan_err!("nps_se: {} arguments; expected nps_se(score)", types.len()),
        }
    }

    fn state(&self, _types: &[DataType]) -> Vec<Field> {
        columns(ANSWER_COUNTS)
    }

    fn returns(&self, _types: &[DataType]) -> DataType {
        DataType::Float64
    }

    fn tally(&self, _call: &Call<'_>) -> Result<Box<dyn Tally>> {
        Ok(Box::new(StandardError))
    }
}

#[derive(Debug)]
struct StandardError;

impl Metric for StandardError {
    type Cell = Counts<3>;

    fn rows(&self, arguments: &[ArrayRef], counted: Option<NullBuffer>) -> Result<Rows<u8>> {
        read_scores("nps_se", &AnswerClass, &arguments[0], counted)
    }

    fn finish(&self, cells: &[Counts<3>]) -> Result<ArrayRef> {
        Ok(Arc::new(cells.iter().map(|cell| nps_se(cell.0.into())).collect::<Float64Array>()))
    }
}

pub(crate) static NPS_DIFFERS_DOC: Doc = Doc {
    name: "nps_differs",
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "nps_differs(score, is_after, confidence) → struct{change, low, high: double, significant: boolean}",
    description: "Whether the Net Promoter Score of the answers with is_after true differs from that of the others. change is \
                  the observed difference in points; low and high are the interval of the difference of the two adjusted \
                  scores, its variance the sum of their adjusted variances, cut to ±200; significant says that it excludes 0. \
                  Rows with a NULL score or a NULL is_after are ignored; if one side has no answers the result is NULL. The \
                  two sides must be independent samples: different customers, or far fewer repeated ones than answers.",
    arguments: &[SCORE, ("is_after", "a boolean: which of the two sides the answer belongs to"), CONFIDENCE],
    errors: "A score that is not an integer from 0 to 10, or a confidence outside (0, 1), is an error.",
    example: "SELECT d['change'] AS change, round(d['low'], 3) AS low, round(d['high'], 3) AS high,\n\
              \x20      d['significant'] AS significant\n\
              FROM (SELECT nps_differs(score, month = 2, 0.95) AS d\n\
              \x20     FROM (VALUES (1, 10), (1, 8), (1, 3), (1, 0), (2, 10), (2, 9), (2, 9), (2, 8)) AS answers(month, score))\n\
              -- 100.0, -19.901, 134.187, false",
    source: ROCKS,
};

/// `nps_differs`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct NpsDiffers;

impl Definition for NpsDiffers {
    fn doc(&self) -> &'static Doc {
        &NPS_DIFFERS_DOC
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [score, is_after, confidence] = types else {
            return plan_err!(
                "nps_differs: {} arguments; expected nps_differs(score, is_after, confidence)",
                types.len()
            );
        };
        if !matches!(is_after, DataType::Boolean | DataType::Null) {
            return plan_err!(
                "nps_differs: is_after is {is_after}; expected a boolean, for example day >= DATE '2026-01-01'"
            );
        }
        let confidence = number_type("nps_differs", "confidence", confidence)?;
        Ok(vec![score_type("nps_differs", score)?, DataType::Boolean, confidence])
    }

    fn parameters(&self) -> &'static [Parameter] {
        const { &[Parameter::confidence("nps_differs", 2)] }
    }

    fn state(&self, _types: &[DataType]) -> Vec<Field> {
        columns(&[
            ("promoters_before", DataType::Int64),
            ("passives_before", DataType::Int64),
            ("detractors_before", DataType::Int64),
            ("promoters_after", DataType::Int64),
            ("passives_after", DataType::Int64),
            ("detractors_after", DataType::Int64),
        ])
    }

    fn returns(&self, _types: &[DataType]) -> DataType {
        DataType::Struct(difference_fields())
    }

    fn tally(&self, call: &Call<'_>) -> Result<Box<dyn Tally>> {
        Ok(Box::new(TwoSamples { z: z_of("nps_differs", &call.parameters)? }))
    }
}

#[derive(Debug)]
struct TwoSamples {
    z: f64,
}

impl Metric for TwoSamples {
    type Cell = Counts<6>;

    fn rows(&self, arguments: &[ArrayRef], counted: Option<NullBuffer>) -> Result<Rows<u8>> {
        let is_after = as_boolean_array(&arguments[1])?;
        let counted = NullBuffer::union(counted.as_ref(), is_after.nulls());
        let mut rows = read_scores("nps_differs", &AnswerClass, &arguments[0], counted)?;
        for (class, is_after) in rows.values.iter_mut().zip(is_after.values()) {
            *class += 3 * u8::from(is_after);
        }
        Ok(rows)
    }

    fn finish(&self, cells: &[Counts<6>]) -> Result<ArrayRef> {
        let differences: Vec<Option<Difference>> = cells
            .iter()
            .map(|Counts([p, n, d, p_after, n_after, d_after])| {
                nps_difference([*p, *n, *d].into(), [*p_after, *n_after, *d_after].into(), self.z)
            })
            .collect();
        let column = |part: fn(&Difference) -> f64| -> ArrayRef {
            Arc::new(differences.iter().map(|difference| difference.as_ref().map(part)).collect::<Float64Array>())
        };
        let significant: BooleanArray = differences.iter().map(|d| d.as_ref().map(|d| d.significant)).collect();
        let columns = vec![column(|d| d.change), column(|d| d.low), column(|d| d.high), Arc::new(significant)];
        let nulls = NullBuffer::from_iter(differences.iter().map(Option::is_some));
        Ok(Arc::new(StructArray::try_new(difference_fields(), columns, Some(nulls))?))
    }
}

fn difference_fields() -> Fields {
    let double = |name| Field::new(name, DataType::Float64, true);
    Fields::from(vec![
        double("change"),
        double("low"),
        double("high"),
        Field::new("significant", DataType::Boolean, true),
    ])
}
