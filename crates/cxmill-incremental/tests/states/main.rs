//! States through Parquet against one pass over all rows.

mod data;
mod equivalence;
mod every_aggregate;
mod golden;
mod memory;
mod named;
mod splitting;
mod support;
