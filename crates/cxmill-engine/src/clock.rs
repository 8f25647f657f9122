//! Time: the logical time of a run, and how long it took.
//!
//! The wall clock decides nothing. What SQL reads as `$as_of` is given by the caller or follows from the data, so that the
//! same input gives the same output whenever the run happens.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use cxmill_ledger::SourceState;
use cxmill_spec::Project;

use crate::context::RunOptions;

/// The logical time of a run: the one asked for, else the newest event landed in any source of the project that can be true.
///
/// A row dated years ahead would make everything else look old, so events that lie more than a day after their file was put
/// count only where there are no others. That is decided by the raw files alone and not by when they are read. A source that
/// the project no longer has says nothing about the time.
pub(crate) fn as_of(
    options: &RunOptions,
    project: &Project,
    sources: &BTreeMap<String, SourceState>,
) -> Option<DateTime<Utc>> {
    let landed = || sources.iter().filter(|(name, _)| project.sources.contains_key(*name)).map(|(_, source)| source);
    let newest = || landed().filter_map(|source| source.newest_event).max();
    options.as_of.or_else(newest).or_else(|| landed().filter_map(|source| source.newest_future).max())
}

/// An instant as reports and status print it.
pub(crate) fn rfc3339(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Measures how long something takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    pub(crate) fn seconds(self) -> f64 {
        self.elapsed().as_secs_f64()
    }
}
