//! Whole runs in one process: raw files in, published Parquet out.
//!
//! `support` makes projects and reads what was published; each other module holds one kind of property.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod beside;
mod conformance;
mod contracts;
mod failures;
mod faults;
mod following;
mod increments;
mod judging;
mod late;
mod memory;
mod partitions;
mod partitions_equal_full;
mod places;
mod publishing;
mod rebuilds;
mod repairs;
mod replay;
mod restate;
mod rivals;
mod rollups;
mod snapshots;
mod states;
mod states_equal_full;
mod support;
