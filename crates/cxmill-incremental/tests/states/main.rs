//! States through Parquet against one pass over all rows.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod data;
mod documented;
mod equivalence;
mod every_aggregate;
mod golden;
mod memory;
mod named;
mod splitting;
mod support;
mod types;
