//! States through Parquet against one pass over all rows.

mod data;
mod every_aggregate;
mod support;
