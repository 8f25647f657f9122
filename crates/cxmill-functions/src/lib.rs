//! Customer-experience metrics as DataFusion functions.
//!
//! ```
//! # use datafusion::prelude::SessionContext;
//! # async fn run() -> datafusion::error::Result<()> {
//! let mut ctx = SessionContext::new();
//! cxmill_functions::register_all(&mut ctx)?;
//! let answers = ctx.sql("SELECT nps(score) FROM (VALUES (10), (9), (3)) AS answers(score)").await?;
//! # Ok(())
//! # }
//! ```
//!
//! This file is the table of functions; each lives with its words, its maths and its accumulators in one module. The crate
//! knows nothing of pipelines: functions are stateless objects whose parameters are SQL arguments.
//!
//! What every aggregate promises: merging the states of any split of the rows gives the result of one pass; the order of the
//! rows does not matter; a NULL is no answer; no rows give NULL, or a count of 0; the state is bigint and double columns, or
//! lists of them and of the values that were counted, the same for the row and the groups accumulator; rows can leave a sliding window again, except those of a
//! funnel. A bad argument is an error that names the function, the value and what is allowed. No result is NaN or infinite.

mod aggregate;
mod collect;
mod doc;
mod frequency;
mod journey;
mod keyed;
mod lists;
mod parameter;
mod reference;
mod regression;
mod scalar;
mod sum;
mod survey;
mod survival;
mod tally;
mod text;
mod value;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};

pub use crate::doc::{FunctionDoc, FunctionKind};
pub use crate::reference::function_reference;

use crate::doc::Doc;
use crate::frequency::mode;
use crate::journey::{attribution, funnel, local_time, path, retention, session_id};
use crate::regression::linear_model;
use crate::survey::{ces, csat, nps, nps_uncertainty, wilson};
use crate::survival::{kaplan_meier, sbg_fit, sbg_project};
use crate::text::{language, sentiment, terms, themes};
use crate::value::{bgnbd, clv, mbgnbd, pareto_nbd, rfm, scoring, spend};

/// Every aggregate function; each may also be used as a window function.
#[must_use]
pub fn all_aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    [
        &nps::NPS,
        &nps::NPS_PARTS,
        &nps_uncertainty::NPS_INTERVAL,
        &nps_uncertainty::NPS_SE,
        &nps_uncertainty::NPS_DIFFERS,
        &csat::CSAT,
        &csat::CSAT_INTERVAL,
        &ces::CES,
        &linear_model::LINEAR_MODEL,
        &mode::MODE,
        &funnel::FUNNEL,
        &funnel::FUNNEL_TIMES,
        &path::PATH,
        &attribution::ATTRIBUTION,
        &retention::RETENTION,
        &kaplan_meier::KAPLAN_MEIER,
        &kaplan_meier::MEDIAN_SURVIVAL,
        &sbg_fit::SBG_FIT,
        &rfm::RFM,
        &bgnbd::BGNBD_FIT,
        &mbgnbd::MBGNBD_FIT,
        &pareto_nbd::PARETO_NBD_FIT,
        &spend::GAMMA_GAMMA_FIT,
    ]
    .into_iter()
    .map(|function| Arc::clone(function))
    .collect()
}

/// Every scalar function.
#[must_use]
pub fn all_scalar_functions() -> Vec<Arc<ScalarUDF>> {
    [
        &wilson::WILSON_LOW,
        &wilson::WILSON_HIGH,
        &local_time::LOCAL_DAY,
        &local_time::LOCAL_WEEK,
        &local_time::LOCAL_MONTH,
        &sbg_project::SBG_SURVIVAL,
        &sbg_project::SBG_RETENTION,
        &sbg_project::SBG_DERL,
        &scoring::BGNBD_PURCHASES,
        &scoring::BGNBD_ALIVE,
        &scoring::MBGNBD_PURCHASES,
        &scoring::MBGNBD_ALIVE,
        &scoring::PARETO_NBD_PURCHASES,
        &scoring::PARETO_NBD_ALIVE,
        &spend::GAMMA_GAMMA_VALUE,
        &clv::CLV,
        &language::LANGUAGE,
        &sentiment::SENTIMENT,
        &themes::THEMES,
        &terms::TERMS,
    ]
    .into_iter()
    .map(|function| Arc::clone(function))
    .collect()
}

/// Every function that is a window function only.
#[must_use]
pub fn all_window_functions() -> Vec<Arc<WindowUDF>> {
    vec![Arc::clone(&session_id::SESSION_ID)]
}

/// The words of every function, in the order of the reference.
static DOCS: &[&Doc] = &[
    &nps::NPS_DOC,
    &nps::NPS_PARTS_DOC,
    &nps_uncertainty::NPS_INTERVAL_DOC,
    &nps_uncertainty::NPS_SE_DOC,
    &nps_uncertainty::NPS_DIFFERS_DOC,
    &csat::CSAT_DOC,
    &csat::CSAT_INTERVAL_DOC,
    &ces::CES_DOC,
    &wilson::LOW_DOC,
    &wilson::HIGH_DOC,
    &linear_model::LINEAR_MODEL_DOC,
    &mode::MODE_DOC,
    &funnel::FUNNEL_DOC,
    &funnel::FUNNEL_TIMES_DOC,
    &path::PATH_DOC,
    &attribution::ATTRIBUTION_DOC,
    &session_id::SESSION_ID_DOC,
    &retention::RETENTION_DOC,
    &local_time::DAY_DOC,
    &local_time::WEEK_DOC,
    &local_time::MONTH_DOC,
    &kaplan_meier::KAPLAN_MEIER_DOC,
    &kaplan_meier::MEDIAN_SURVIVAL_DOC,
    &sbg_fit::SBG_FIT_DOC,
    &sbg_project::SURVIVAL_DOC,
    &sbg_project::RETENTION_DOC,
    &sbg_project::DERL_DOC,
    &rfm::RFM_DOC,
    &bgnbd::FIT_DOC,
    &bgnbd::PURCHASES_DOC,
    &bgnbd::ALIVE_DOC,
    &mbgnbd::FIT_DOC,
    &mbgnbd::PURCHASES_DOC,
    &mbgnbd::ALIVE_DOC,
    &pareto_nbd::FIT_DOC,
    &pareto_nbd::PURCHASES_DOC,
    &pareto_nbd::ALIVE_DOC,
    &spend::FIT_DOC,
    &spend::VALUE_DOC,
    &clv::CLV_DOC,
    &language::LANGUAGE_DOC,
    &sentiment::SENTIMENT_DOC,
    &themes::THEMES_DOC,
    &terms::TERMS_DOC,
];

/// Registers every cxmill function. A function of the same name that is there already is replaced.
pub fn register_all(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for function in all_aggregate_functions() {
        registry.register_udaf(function)?;
    }
    for function in all_scalar_functions() {
        registry.register_udf(function)?;
    }
    for function in all_window_functions() {
        registry.register_udwf(function)?;
    }
    Ok(())
}

/// The reference entry of every function.
#[must_use]
pub fn function_docs() -> Vec<FunctionDoc> {
    DOCS.iter().map(|doc| doc.entry()).collect()
}

/// The version of every function, from 1. It is raised whenever the function may give another value, or keep another state,
/// for the same input; whatever was built with an older version must be built again.
#[must_use]
pub fn function_versions() -> BTreeMap<&'static str, u32> {
    DOCS.iter().map(|doc| (doc.name, doc.version)).collect()
}
