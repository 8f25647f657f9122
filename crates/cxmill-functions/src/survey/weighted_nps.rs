//! `nps(score, weight)`: sums of weights in the place of counts.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::cast::as_float64_array;
use datafusion::common::{Result, exec_err};

use crate::sum::Sum;
use crate::survey::counts::{bigints, doubles, read_bigints, read_doubles};
use crate::survey::nps::{AnswerClass, DETRACTOR, PROMOTER};
use crate::survey::score::read_scores;
use crate::tally::{Cell, Metric, Rows};

/// Sums of weights.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WeightedAnswers {
    /// Rows with a weight above 0: at none of them both sums are exactly 0 again.
    answers: i64,
    weight: Sum,
    /// Weight of promoters less weight of detractors.
    balance: Sum,
}

impl WeightedAnswers {
    pub(crate) const STATE: &'static [(&'static str, DataType)] = &[
        ("answers", DataType::Int64),
        ("weight", DataType::Float64),
        ("weight_low", DataType::Float64),
        ("balance", DataType::Float64),
        ("balance_low", DataType::Float64),
    ];
}

impl Cell for WeightedAnswers {
    /// The class of the answer and its weight.
    type Row = (u8, f64);

    #[inline]
    fn add(&mut self, (class, weight): (u8, f64)) {
        if weight > 0.0 {
            self.answers += 1;
            self.weight.add(weight);
            match class {
                PROMOTER => self.balance.add(weight),
                DETRACTOR => self.balance.remove(weight),
                _ => {}
            }
        }
    }

    #[inline]
    fn remove(&mut self, (class, weight): (u8, f64)) {
        if weight > 0.0 {
            self.answers -= 1;
            self.weight.remove(weight);
            match class {
                PROMOTER => self.balance.remove(weight),
                DETRACTOR => self.balance.add(weight),
                _ => {}
            }
            if self.answers == 0 {
                *self = Self::default();
            }
        }
    }

    #[inline]
    fn merge(&mut self, other: &Self) {
        self.answers = self.answers.saturating_add(other.answers);
        self.weight.merge(other.weight);
        self.balance.merge(other.balance);
    }

    fn columns(cells: &[Self]) -> Vec<ArrayRef> {
        vec![
            bigints(cells.iter().map(|cell| cell.answers)),
            doubles(cells.iter().map(|cell| cell.weight.high)),
            doubles(cells.iter().map(|cell| cell.weight.low)),
            doubles(cells.iter().map(|cell| cell.balance.high)),
            doubles(cells.iter().map(|cell| cell.balance.low)),
        ]
    }

    fn read(columns: &[ArrayRef]) -> Result<Vec<Self>> {
        let mut cells = vec![Self::default(); columns[0].len()];
        read_bigints(&columns[0], &mut cells, |cell, answers| cell.answers = answers)?;
        read_doubles(&columns[1], &mut cells, |cell, value| cell.weight.high = value)?;
        read_doubles(&columns[2], &mut cells, |cell, value| cell.weight.low = value)?;
        read_doubles(&columns[3], &mut cells, |cell, value| cell.balance.high = value)?;
        read_doubles(&columns[4], &mut cells, |cell, value| cell.balance.low = value)?;
        Ok(cells)
    }
}

#[derive(Debug)]
pub(crate) struct WeightedNps;

impl Metric for WeightedNps {
    type Cell = WeightedAnswers;

    fn rows(&self, arguments: &[ArrayRef], counted: Option<NullBuffer>) -> Result<Rows<(u8, f64)>> {
        let weights = as_float64_array(&arguments[1])?;
        let counted = NullBuffer::union(counted.as_ref(), weights.nulls());
        let classes = read_scores("nps", &AnswerClass, &arguments[0], counted)?;
        let is_bad = |i: &usize| !(weights.value(*i).is_finite() && weights.value(*i) >= 0.0);
        let first_bad = match &classes.counted {
            None => (0..weights.len()).find(is_bad),
            Some(counted) => counted.valid_indices().find(is_bad),
        };
        if let Some(i) = first_bad {
            return exec_err!("nps: weight is {}; expected a finite number, 0 or more", weights.value(i));
        }
        let values = classes.values.into_iter().zip(weights.values().iter().copied()).collect();
        Ok(Rows { values, counted: classes.counted })
    }

    fn finish(&self, cells: &[WeightedAnswers]) -> Result<ArrayRef> {
        let scores = cells.iter().map(|cell| weighted_nps(cell.weight.value(), cell.balance.value()));
        Ok(Arc::new(scores.collect::<Result<Float64Array>>()?))
    }
}

/// 100 · balance / weight; `None` without weight.
fn weighted_nps(weight: f64, balance: f64) -> Result<Option<f64>> {
    if !weight.is_finite() || !balance.is_finite() {
        return exec_err!("nps: the sum of the weights is larger than a double can hold; divide them by a constant");
    }
    // The quotient first: 100 · balance could overflow.
    Ok((weight > 0.0).then(|| (100.0 * (balance / weight)).clamp(-100.0, 100.0)))
}
