//! What customers are worth: recency, frequency and spend, models of repeat purchases, and lifetime value.
//!
//! The maths (`special`, `gauss`, `optimise`, `population`, `opportunities`, `beta_geometric`, `pareto`, `gamma_gamma`,
//! `discount`) is free functions over plain numbers; the other files bring it to SQL.

mod beta_geometric;
pub(crate) mod bgnbd;
pub(crate) mod clv;
mod customer;
mod discount;
mod fit;
mod fit_argument;
mod gamma_gamma;
mod gauss;
pub(crate) mod mbgnbd;
mod opportunities;
mod optimise;
mod pareto;
pub(crate) mod pareto_nbd;
mod periods;
mod population;
pub(crate) mod rfm;
pub(crate) mod scoring;
mod special;
pub(crate) mod spend;
