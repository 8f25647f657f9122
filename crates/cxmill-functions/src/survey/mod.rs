//! Metrics of survey answers: one row is one answer, a NULL score is no answer.

pub(crate) mod ces;
pub(crate) mod counts;
pub(crate) mod csat;
pub(crate) mod interval;
pub(crate) mod nps;
pub(crate) mod nps_uncertainty;
pub(crate) mod score;
pub(crate) mod weighted_nps;
pub(crate) mod wilson;
