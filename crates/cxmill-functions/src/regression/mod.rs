//! What moves a number: linear models over many drivers at once.

pub(crate) mod least_squares;
pub(crate) mod linear_model;
pub(crate) mod moments;
