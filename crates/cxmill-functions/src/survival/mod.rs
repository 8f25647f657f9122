//! How long customers stay: survival curves, and the shifted-beta-geometric model of renewals.

pub(crate) mod durations;
pub(crate) mod kaplan_meier;
pub(crate) mod sbg;
pub(crate) mod sbg_fit;
pub(crate) mod sbg_project;
