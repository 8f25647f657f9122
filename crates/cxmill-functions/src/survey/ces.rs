//! Customer effort: `ces(score)` and `ces(score, scale)`.
//!
//! CES 2.0 asks how far a customer agrees that the company made it easy, on seven points; the score is the mean.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, plan_err};

use crate::aggregate::{Call, Definition, Shared, columns, udaf};
use crate::doc::{Doc, FunctionKind};
use crate::parameter::Parameter;
use crate::sum::Sum;
use crate::survey::counts::{bigints, doubles, read_bigints, read_doubles};
use crate::survey::score::{Reading, Score, number_type, read_scores, score_type};
use crate::tally::{Cell, Metric, Rows, Tally};

pub(crate) static CES: Shared = Shared::new(udaf::<Ces>);

/// The points of CES 2.0, onto which other scales are stretched.
const POINTS: f64 = 7.0;
const MOST_POINTS: f64 = 100.0;

/// The mean of answers on 1…`scale`, stretched so that 1 stays 1 and `scale` becomes 7; `None` without answers.
fn ces(answers: i64, total: f64, scale: f64) -> Option<f64> {
    (answers > 0).then(|| {
        let mean = total / answers as f64;
        if scale == POINTS { mean } else { 1.0 + (mean - 1.0) * (POINTS - 1.0) / (scale - 1.0) }
    })
}

pub(crate) static CES_DOC: Doc = Doc {
    name: "ces",
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "ces(score) → double\nces(score, scale) → double",
    description: "Customer Effort Score: the mean answer on the seven points of CES 2.0, from 1 (hard) to 7 (easy). Answers on \
                  another scale, 1 to scale, are stretched to it linearly: 1 + (mean − 1) · 6 / (scale − 1). An answer may be \
                  a fraction, such as the mean of several items. NULL scores are ignored; without answers the result is NULL.",
    arguments: &[
        ("score", "an answer from 1 to scale, of any number type; NULL is no answer"),
        ("scale", "how many points the scale has, a constant integer from 2 to 100; 7 if left out"),
    ],
    errors: "A score below 1 or above scale, or a scale that is not a constant integer from 2 to 100, is an error.",
    example: "SELECT ces(score) AS ces, ces(score, 10) AS of_ten FROM (VALUES (7), (5), (6), (NULL)) AS answers(score)\n\
              -- 6.0, 4.333333333333334",
    source: "Dixon, Freeman & Toman 2010, Stop Trying to Delight Your Customers, Harvard Business Review 88(7/8); version 2.0: \
             CEB 2013.",
};

/// `ces`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Ces;

impl Definition for Ces {
    fn doc(&self) -> &'static Doc {
        &CES_DOC
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [score] => Ok(vec![score_type("ces", score)?]),
            [score, scale] => Ok(vec![score_type("ces", score)?, number_type("ces", "scale", scale)?]),
            _ => plan_err!("ces: {} arguments; expected ces(score) or ces(score, scale)", types.len()),
        }
    }

    fn parameters(&self) -> &'static [Parameter] {
        const {
            &[Parameter {
                function: "ces",
                argument: "scale",
                position: 1,
                expected: "an integer from 2 to 100",
                allows: |scale| scale.fract() == 0.0 && (2.0..=MOST_POINTS).contains(&scale),
            }]
        }
    }

    fn state(&self, _types: &[DataType]) -> Vec<Field> {
        columns(&[("answers", DataType::Int64), ("total", DataType::Float64), ("total_low", DataType::Float64)])
    }

    fn returns(&self, _types: &[DataType]) -> DataType {
        DataType::Float64
    }

    fn tally(&self, call: &Call<'_>) -> Result<Box<dyn Tally>> {
        let scale = call.parameters.first().copied().flatten().unwrap_or(POINTS);
        Ok(Box::new(MeanEffort { reading: Effort { scale } }))
    }
}

/// Reads a score on 1…`scale`.
#[derive(Debug, Clone, Copy)]
struct Effort {
    scale: f64,
}

impl Reading for Effort {
    type Row = f64;

    #[inline]
    fn row(&self, score: impl Score) -> Option<f64> {
        let score = score.double();
        (score >= 1.0 && score <= self.scale).then_some(score)
    }

    fn expected(&self) -> String {
        format!("a number from 1 to {}", self.scale)
    }
}

/// Number and sum of answers.
#[derive(Debug, Clone, Copy, Default)]
struct Total {
    answers: i64,
    total: Sum,
}

impl Cell for Total {
    type Row = f64;

    #[inline]
    fn add(&mut self, score: f64) {
        self.answers += 1;
        self.total.add(score);
    }

    #[inline]
    fn remove(&mut self, score: f64) {
        self.answers -= 1;
        self.total.remove(score);
    }

    #[inline]
    fn merge(&mut self, other: &Self) {
        self.answers = self.answers.saturating_add(other.answers);
        self.total.merge(other.total);
    }

    fn columns(cells: &[Self]) -> Vec<ArrayRef> {
        vec![
            bigints(cells.iter().map(|cell| cell.answers)),
            doubles(cells.iter().map(|cell| cell.total.high)),
            doubles(cells.iter().map(|cell| cell.total.low)),
        ]
    }

    fn read(columns: &[ArrayRef]) -> Result<Vec<Self>> {
        let mut cells = vec![Self::default(); columns[0].len()];
        read_bigints(&columns[0], &mut cells, |cell, answers| cell.answers = answers)?;
        read_doubles(&columns[1], &mut cells, |cell, value| cell.total.high = value)?;
        read_doubles(&columns[2], &mut cells, |cell, value| cell.total.low = value)?;
        Ok(cells)
    }
}

#[derive(Debug)]
struct MeanEffort {
    reading: Effort,
}

impl Metric for MeanEffort {
    type Cell = Total;

    fn rows(&self, arguments: &[ArrayRef], counted: Option<NullBuffer>) -> Result<Rows<f64>> {
        read_scores("ces", &self.reading, &arguments[0], counted)
    }

    fn finish(&self, cells: &[Total]) -> Result<ArrayRef> {
        let means = cells.iter().map(|cell| ces(cell.answers, cell.total.value(), self.reading.scale));
        Ok(Arc::new(means.collect::<Float64Array>()))
    }
}
