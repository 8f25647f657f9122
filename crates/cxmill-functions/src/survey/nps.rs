//! Net Promoter Score: `nps(score)`, `nps(score, weight)` and `nps_parts(score)`.
//!
//! Reichheld 2003, "The One Number You Need to Grow", Harvard Business Review 81(12), 46–54.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, StructArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue, plan_err};

use crate::aggregate::{Call, Definition, Shared, columns, udaf};
use crate::doc::{Doc, FunctionKind};
use crate::survey::counts::{Counts, bigints};
use crate::survey::score::{Reading, Score, number_type, read_scores, score_type};
use crate::survey::weighted_nps::{WeightedAnswers, WeightedNps};
use crate::tally::{Metric, Rows, Tally};

pub(crate) static NPS: Shared = Shared::new(udaf::<Nps>);
pub(crate) static NPS_PARTS: Shared = Shared::new(udaf::<NpsParts>);

pub(crate) const REICHHELD: &str = "Reichheld 2003, The One Number You Need to Grow, Harvard Business Review 81(12).";
pub(crate) const SCORE: (&str, &str) = ("score", "an answer from 0 to 10, of any number type; NULL is no answer");
pub(crate) const SCORE_ERRORS: &str = "A score that is not an integer from 0 to 10 is an error.";

/// Classes of answers, in the order of the state columns; passives are 1.
pub(crate) const PROMOTER: u8 = 0;
pub(crate) const DETRACTOR: u8 = 2;

/// The state of every function that counts answers by class.
pub(crate) const ANSWER_COUNTS: &[(&str, DataType)] =
    &[("promoters", DataType::Int64), ("passives", DataType::Int64), ("detractors", DataType::Int64)];

/// How many answers of each class there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answers {
    pub(crate) promoters: i64,
    pub(crate) passives: i64,
    pub(crate) detractors: i64,
}

impl Answers {
    pub(crate) fn total(self) -> i64 {
        self.promoters + self.passives + self.detractors
    }

    /// 100 · (promoters − detractors) / answers, from −100 to 100; `None` without answers.
    pub(crate) fn nps(self) -> Option<f64> {
        let total = self.total();
        (total > 0).then(|| 100.0 * (self.promoters - self.detractors) as f64 / total as f64)
    }
}

impl From<[i64; 3]> for Answers {
    fn from([promoters, passives, detractors]: [i64; 3]) -> Self {
        Self { promoters, passives, detractors }
    }
}

/// Reads a score as the class of its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnswerClass;

impl Reading for AnswerClass {
    type Row = u8;

    #[inline]
    fn row(&self, score: impl Score) -> Option<u8> {
        // Comparisons instead of cases: no branch, so many scores are read at a time.
        let score = score.integer()?;
        let class = PROMOTER + u8::from(score <= 8) + u8::from(score <= 6);
        (0..=10).contains(&score).then_some(class)
    }

    fn expected(&self) -> String {
        "an integer from 0 to 10".to_owned()
    }
}

pub(crate) static NPS_DOC: Doc = Doc {
    name: "nps",
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "nps(score) → double\nnps(score, weight) → double",
    description: "Net Promoter Score: 100 · (promoters − detractors) / answers, from -100 to 100, where promoters answer \
                  9 or 10, passives 7 or 8 and detractors 0 to 6. With weights, the sums of weights take the place of the \
                  counts. NULL scores, and rows with a NULL weight, are ignored; without answers, or if all weights are 0, \
                  the result is NULL.",
    arguments: &[SCORE, ("weight", "how much the answer counts: a finite number, 0 or more")],
    errors: "A score that is not an integer from 0 to 10, or a weight that is negative or not finite, is an error.",
    example: "SELECT channel, nps(score) AS nps\n\
              FROM (VALUES ('web', 10), ('web', 9), ('web', 3), ('app', 8), ('app', NULL)) AS answers(channel, score)\n\
              GROUP BY channel ORDER BY channel\n\
              -- app, 0.0\n\
              -- web, 33.333333333333336",
    source: REICHHELD,
};

/// `nps`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Nps;

impl Definition for Nps {
    fn doc(&self) -> &'static Doc {
        &NPS_DOC
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [score] => Ok(vec![score_type("nps", score)?]),
            [score, weight] => Ok(vec![score_type("nps", score)?, number_type("nps", "weight", weight)?]),
            _ => plan_err!("nps: {} arguments; expected nps(score) or nps(score, weight)", types.len()),
        }
    }

    fn state(&self, types: &[DataType]) -> Vec<Field> {
        columns(if types.len() == 1 { ANSWER_COUNTS } else { WeightedAnswers::STATE })
    }

    fn returns(&self, _types: &[DataType]) -> DataType {
        DataType::Float64
    }

    fn tally(&self, call: &Call<'_>) -> Result<Box<dyn Tally>> {
        if call.types.len() == 1 { Ok(Box::new(CountedNps)) } else { Ok(Box::new(WeightedNps)) }
    }
}

#[derive(Debug)]
struct CountedNps;

impl Metric for CountedNps {
    type Cell = Counts<3>;

    fn rows(&self, arguments: &[ArrayRef], counted: Option<NullBuffer>) -> Result<Rows<u8>> {
        read_scores("nps", &AnswerClass, &arguments[0], counted)
    }

    fn finish(&self, cells: &[Counts<3>]) -> Result<ArrayRef> {
        Ok(Arc::new(cells.iter().map(|cell| Answers::from(cell.0).nps()).collect::<Float64Array>()))
    }
}

pub(crate) static NPS_PARTS_DOC: Doc = Doc {
    name: "nps_parts",
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "nps_parts(score) → struct{answers, promoters, passives, detractors: bigint, nps: double}",
    description: "The Net Promoter Score with the counts it is made of. NULL scores are ignored; without answers the counts \
                  are 0 and nps is NULL.",
    arguments: &[SCORE],
    errors: SCORE_ERRORS,
    example: "SELECT parts['answers'] AS answers, parts['promoters'] AS promoters, parts['passives'] AS passives,\n\
              \x20      parts['detractors'] AS detractors, parts['nps'] AS nps\n\
              FROM (SELECT nps_parts(score) AS parts FROM (VALUES (10), (9), (7), (2)) AS answers(score))\n\
              -- 4, 2, 1, 1, 25.0",
    source: REICHHELD,
};

/// `nps_parts`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct NpsParts;

impl Definition for NpsParts {
    fn doc(&self) -> &'static Doc {
        &NPS_PARTS_DOC
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [score] => Ok(vec![score_type("nps_parts", score)?]),
            _ => plan_err!("nps_parts: {} arguments; expected nps_parts(score)", types.len()),
        }
    }

    fn state(&self, _types: &[DataType]) -> Vec<Field> {
        columns(ANSWER_COUNTS)
    }

    fn returns(&self, _types: &[DataType]) -> DataType {
        DataType::Struct(parts_fields())
    }

    fn over_nothing(&self, _returns: &DataType) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&parts(&[Counts::default()])?, 0)
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn tally(&self, _call: &Call<'_>) -> Result<Box<dyn Tally>> {
        Ok(Box::new(Parts))
    }
}

#[derive(Debug)]
struct Parts;

impl Metric for Parts {
    type Cell = Counts<3>;

    fn rows(&self, arguments: &[ArrayRef], counted: Option<NullBuffer>) -> Result<Rows<u8>> {
        read_scores("nps_parts", &AnswerClass, &arguments[0], counted)
    }

    fn finish(&self, cells: &[Counts<3>]) -> Result<ArrayRef> {
        parts(cells)
    }
}

fn parts_fields() -> Fields {
    let count = |name| Field::new(name, DataType::Int64, false);
    Fields::from(vec![
        count("answers"),
        count("promoters"),
        count("passives"),
        count("detractors"),
        Field::new("nps", DataType::Float64, true),
    ])
}

fn parts(cells: &[Counts<3>]) -> Result<ArrayRef> {
    let answers: Vec<Answers> = cells.iter().map(|cell| Answers::from(cell.0)).collect();
    let columns: Vec<ArrayRef> = vec![
        bigints(answers.iter().map(|a| a.total())),
        bigints(answers.iter().map(|a| a.promoters)),
        bigints(answers.iter().map(|a| a.passives)),
        bigints(answers.iter().map(|a| a.detractors)),
        Arc::new(answers.iter().map(|a| a.nps()).collect::<Float64Array>()),
    ];
    Ok(Arc::new(StructArray::try_new(parts_fields(), columns, None)?))
}
