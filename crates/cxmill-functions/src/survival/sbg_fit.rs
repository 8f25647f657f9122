//! `sbg_fit(tenure, churned)`: the shifted-beta-geometric model by maximum likelihood.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Float64Array, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, plan_err};

use crate::aggregate::{Call, Definition, Shared, udaf};
use crate::collect::bound;
use crate::doc::{Doc, FunctionKind};
use crate::keyed::Keyed;
use crate::survival::durations::{self, Durations, Ends, SurvivalMetric};
use crate::survival::sbg::{MOST_PERIODS, Renewals};
use crate::tally::Tally;

pub(crate) static SBG_FIT: Shared = Shared::new(udaf::<SbgFit>);

pub(crate) const SOURCE: &str = "Fader & Hardie 2007, How to Project Customer Retention, Journal of Interactive Marketing 21(1), \
                                 doi:10.1002/dir.20074.";

pub(crate) static SBG_FIT_DOC: Doc = Doc {
    name: "sbg_fit",
    kind: FunctionKind::Aggregate,
    version: 1,
    signature: "sbg_fit(tenure, churned) → struct{alpha, beta, log_likelihood: double, converged: boolean}",
    description: "The shifted-beta-geometric model of customers who renew from period to period, by maximum likelihood: each \
                  has its own chance to leave at the end of a period, and these chances are beta distributed with alpha and \
                  beta. Where no finite parameters are best the three numbers are NULL and converged is false: nobody left, \
                  only one period was seen, all that ever leave do so at once, or the share that leaves does not fall with \
                  time, so that there is nothing for differences between customers to explain. Without rows the result is NULL.",
    arguments: &[
        (
            "tenure",
            "whole periods: for a customer who left, the period at whose end that was, from 1; for one who is still there, how \
             often it has renewed, from 0; a row without it is ignored",
        ),
        ("churned", "a boolean: whether the customer has left; a row without it is ignored"),
    ],
    errors: "A tenure that is not a whole number from 0 to 100000, or is 0 for a customer who left, is an error.",
    example: "SELECT round(fit['alpha'], 3) AS alpha, round(fit['beta'], 3) AS beta, fit['converged'] AS converged\n\
              FROM (SELECT sbg_fit(tenure, churned) AS fit\n\
              \x20     FROM (VALUES (1, true, 131), (2, true, 126), (3, true, 90), (4, true, 60), (5, true, 42), (6, true, 34),\n\
              \x20                  (7, true, 26), (7, false, 491)) AS tenures(tenure, churned, customers)\n\
              \x20     JOIN generate_series(1, 491) AS customer(number) ON number <= customers)\n\
              -- 0.668, 3.806, true",
    source: SOURCE,
};

/// `sbg_fit`.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct SbgFit;

fn fit_fields() -> Fields {
    Fields::from(vec![
        Field::new("alpha", DataType::Float64, true),
        Field::new("beta", DataType::Float64, true),
        Field::new("log_likelihood", DataType::Float64, true),
        Field::new("converged", DataType::Boolean, true),
    ])
}

impl Definition for SbgFit {
    fn doc(&self) -> &'static Doc {
        &SBG_FIT_DOC
    }

    fn coerce(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [tenure, churned] => durations::coerce("sbg_fit", ["tenure", "churned"], [tenure, churned]),
            _ => plan_err!("sbg_fit: {} arguments; expected sbg_fit(tenure, churned)", types.len()),
        }
    }

    fn returns(&self, _types: &[DataType]) -> DataType {
        DataType::Struct(fit_fields())
    }

    fn state(&self, _types: &[DataType]) -> Vec<Field> {
        durations::state_columns()
    }

    fn tally(&self, _call: &Call<'_>) -> Result<Box<dyn Tally>> {
        Ok(bound(Keyed::new(Durations(Fit))))
    }
}

#[derive(Debug, Clone)]
struct Fit;

impl SurvivalMetric for Fit {
    fn function(&self) -> &'static str {
        "sbg_fit"
    }

    fn refuse(&self, tenure: f64, churned: bool) -> Option<String> {
        let first = if churned { 1.0 } else { 0.0 };
        let is_allowed = tenure.fract() == 0.0 && (first..=MOST_PERIODS).contains(&tenure);
        (!is_allowed).then(|| {
            let of = if churned { " of a customer who left" } else { "" };
            format!("tenure{of} is {tenure}; expected a whole number from {first} to {MOST_PERIODS}")
        })
    }

    fn finish(&self, groups: &mut dyn Iterator<Item = Ends<'_>>) -> Result<ArrayRef> {
        let (mut fits, mut has_rows) = (Vec::new(), Vec::new());
        for tenures in groups {
            has_rows.push(!tenures.is_empty());
            fits.push(Renewals::of(&tenures.iter().collect::<Vec<_>>()).fit());
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(fits.iter().map(|fit| fit.map(|(sbg, _)| sbg.alpha)).collect::<Float64Array>()),
            Arc::new(fits.iter().map(|fit| fit.map(|(sbg, _)| sbg.beta)).collect::<Float64Array>()),
            Arc::new(fits.iter().map(|fit| fit.map(|(_, log_likelihood)| log_likelihood)).collect::<Float64Array>()),
            Arc::new(fits.iter().map(|fit| Some(fit.is_some())).collect::<BooleanArray>()),
        ];
        Ok(Arc::new(StructArray::try_new(fit_fields(), columns, Some(has_rows.into()))?))
    }
}
