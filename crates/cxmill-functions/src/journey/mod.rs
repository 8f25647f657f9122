//! Customers in time: calendar days where they live, the steps they take, their visits and returns.

pub(crate) mod attribution;
pub(crate) mod chain;
pub(crate) mod events;
pub(crate) mod funnel;
pub(crate) mod local_time;
pub(crate) mod path;
pub(crate) mod retention;
pub(crate) mod session_id;
pub(crate) mod span;
pub(crate) mod steps;
pub(crate) mod zone;
