//! The newest event time of landed rows, told apart from times that cannot be true.
//!
//! An event is over before the file that tells of it is put, but for clocks that disagree and times without a zone: a day of
//! leeway covers both. A row with a later time is landed like any other (an appointment or the end of a contract may be
//! its event time, and a query can tell), but it says nothing about how far time has come. Only facts of the raw store decide,
//! so the same files give the same answer whenever they are read.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::dates::{Times, instant};
use super::segment::Sealed;
use crate::discover::RawFile;
use crate::error::IngestError;

/// How much later than its file was put an event may lie.
const LEEWAY: TimeDelta = TimeDelta::days(1);

/// Modification times before this (2000-01-01) were made up: archives that are built reproducibly carry such.
const FIRST_TRUE: DateTime<Utc> = match DateTime::from_timestamp(946_684_800, 0) {
    Some(instant) => instant,
    None => DateTime::UNIX_EPOCH,
};

/// Newest event times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Newest {
    /// Of the rows whose time can be true.
    pub(crate) event: Option<DateTime<Utc>>,
    /// Of the rows whose time lies too far after their file was put, where one is newer than all that can be true.
    pub(crate) future: Option<DateTime<Utc>>,
}

impl Newest {
    /// The newest of both.
    pub(crate) fn max(self, other: Self) -> Self {
        Self { event: self.event.max(other.event), future: self.future.max(other.future) }
    }

    /// Of rows sorted by event time; `horizons` are those of the files.
    pub(crate) fn of(
        segment: &Sealed,
        sorted: &[u32],
        times: &Times<'_>,
        horizons: &[DateTime<Utc>],
        zone: Tz,
    ) -> Result<Self, IngestError> {
        let mut newest = Self::default();
        for row in sorted.iter().rev() {
            let at = instant(times, *row as usize, zone)?;
            if horizons.get(segment.file(*row)).is_none_or(|horizon| at <= *horizon) {
                newest.event = Some(at);
                break;
            }
            newest.future = newest.future.max(Some(at));
        }
        Ok(newest)
    }
}

impl Newest {
    /// Of each file, of rows sorted by event time.
    pub(crate) fn of_files(
        segment: &Sealed,
        sorted: &[u32],
        times: &Times<'_>,
        horizons: &[DateTime<Utc>],
        zone: Tz,
    ) -> Result<BTreeMap<usize, Self>, IngestError> {
        let mut newest: BTreeMap<usize, Self> = BTreeMap::new();
        for row in sorted.iter().rev() {
            let file = segment.file(*row);
            let of = newest.entry(file).or_default();
            if of.event.is_some() {
                continue;
            }
            let at = instant(times, *row as usize, zone)?;
            match horizons.get(file).is_none_or(|horizon| at <= *horizon) {
                true => of.event = Some(at),
                false => of.future = of.future.max(Some(at)),
            }
        }
        Ok(newest)
    }
}

/// When a file was put, where its time was not made up.
pub(crate) fn put_at(file: &RawFile) -> Option<DateTime<Utc>> {
    Some(file.modified).filter(|put| *put >= FIRST_TRUE)
}

/// For each file the latest event time that can be true.
pub(crate) fn horizons(files: &[RawFile]) -> Vec<DateTime<Utc>> {
    let horizon = |file: &RawFile| put_at(file).and_then(|put| put.checked_add_signed(LEEWAY));
    files.iter().map(|file| horizon(file).unwrap_or(DateTime::<Utc>::MAX_UTC)).collect()
}

#[cfg(test)]
mod tests {
    use object_store::path::Path;

    use super::*;

    fn file(modified: &str) -> RawFile {
        RawFile { path: Path::from("raw/1.csv"), size: 1, etag: None, modified: modified.parse().unwrap() }
    }

    #[test]
    fn the_horizon_is_a_day_after_the_file_unless_its_time_was_made_up() {
        let horizons = horizons(&[file("2026-01-31T10:00:00Z"), file("1980-01-01T00:00:00Z")]);
        assert_eq!(horizons[0].to_rfc3339(), "2026-02-01T10:00:00+00:00");
        assert_eq!(horizons[1], DateTime::<Utc>::MAX_UTC);
    }
}
