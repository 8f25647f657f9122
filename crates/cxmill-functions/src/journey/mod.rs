//! Customers in time: calendar days where they live.

pub(crate) mod local_time;
pub(crate) mod zone;
