//! Settings: where things are and how much of the machine a run may take.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use crate::text::Span;

/// Settings after all layers are laid over one another.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Root of raw files: `${raw}` in the locations of sources.
    pub raw: String,
    /// Root of published tables.
    pub output: String,
    /// Root of cxmill's own state.
    pub state: String,
    /// The project's time zone.
    pub time_zone: Tz,
    /// Bytes of memory the process may take.
    pub memory_limit: u64,
    /// Worker threads; at least 1.
    pub threads: usize,
    /// Raw bytes that one batch takes.
    pub max_batch_bytes: u64,
    /// Settings of object stores by scheme (`s3`, `gs`, `az`, `http`), as key and value; never a credential.
    pub stores: BTreeMap<String, BTreeMap<String, String>>,
    /// Where each of these is written, by scheme and key; those of the environment and the command line are not here.
    pub store_spans: BTreeMap<(String, String), Span>,
    /// The sample to make where the raw root is a local folder that does not exist.
    pub sample: Option<SampleSettings>,
}

/// Size and seed of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleSettings {
    /// Customers acquired.
    pub customers: u64,
    /// Days.
    pub days: u32,
    /// Seed of its random numbers.
    pub seed: u64,
}
