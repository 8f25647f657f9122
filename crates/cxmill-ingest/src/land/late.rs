//! Rows that come too late: their event lies further before their file was put than the source allows.
//!
//! What is late is held against the time of its own file, as what cannot be true yet is ([`super::newest`]): facts of the raw store
//! alone, so the same files give the same rows whenever and in whatever batches they are read. The newest event landed so far
//! would not do: it depends on what was read before.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use cxmill_spec::{ColumnType, Source, duration_text};

use super::dates::{Times, date_of, event_dates};
use super::newest::put_at;
use super::prepare::PreparedRows;
use crate::decode::{RawRows, Reject};
use crate::discover::RawFile;
use crate::error::IngestError;

/// Rule of rows that come too late.
pub const LATE: &str = "late";

/// Which rows of each file come too late.
pub(crate) struct Late {
    /// Position of the event time.
    column: usize,
    name: String,
    /// What is said of a row of each file, and the earliest event time it may have; none for files that say nothing about time.
    files: Vec<Option<(i64, String)>>,
}

impl Late {
    /// None where rows of the source may come whenever they do.
    pub(crate) fn new(source: &Source, files: &[RawFile]) -> Result<Option<Self>, IngestError> {
        let (Some(limit), Some(name)) = (source.late_after, source.event_time.as_ref()) else { return Ok(None) };
        let column = source.columns.iter().position(|column| column.name == *name);
        let column =
            column.ok_or_else(|| IngestError::Bug(format!("source {} does not declare {name}", source.name)))?;
        let days = matches!(source.columns.get(column).map(|column| &column.data_type), Some(ColumnType::Date(_)));
        let earliest = |file: &RawFile| {
            let Some(put) = put_at(file) else { return Ok(None) };
            let Some(earliest) = TimeDelta::from_std(limit).ok().and_then(|limit| put.checked_sub_signed(limit)) else {
                return Ok(None);
            };
            let message = format!(
                "more than {} before its file was put ({})",
                duration_text(limit),
                put.format("%Y-%m-%dT%H:%M:%SZ")
            );
            Ok(Some((as_event_time(earliest, days, source.time_zone)?, message)))
        };
        let files = files.iter().map(earliest).collect::<Result<_, IngestError>>()?;
        Ok(Some(Self { column, name: name.clone(), files }))
    }

    /// Takes rows that come too late out of those to keep.
    pub(crate) fn refuse(
        &self,
        file: usize,
        rows: &PreparedRows,
        raw: Option<&RawRows>,
        keep: &mut [bool],
        rejects: &mut Vec<Reject>,
    ) -> Result<(), IngestError> {
        let Some((earliest, message)) = self.files.get(file).and_then(Option::as_ref) else { return Ok(()) };
        let times = Times::of(rows.batch.column(self.column))?;
        for (row, keep) in keep.iter_mut().enumerate().filter(|(_, keep)| **keep) {
            let time = times.get(row);
            if time >= *earliest {
                continue;
            }
            *keep = false;
            rejects.push(Reject {
                line: rows.lines.get(row).copied().unwrap_or_default(),
                offset: rows.offsets.get(row).copied().unwrap_or_default(),
                rule: LATE,
                column: Some(self.name.clone()),
                message: format!("its event is of {}, {message}", event(&times, time)?),
                raw: raw.and_then(|raw| raw.raw(row)),
            });
        }
        Ok(())
    }
}

/// An instant as a value of the event time; a date is late only when all of the day is.
fn as_event_time(instant: DateTime<Utc>, days: bool, zone: Tz) -> Result<i64, IngestError> {
    let micros = instant.timestamp_micros();
    match days {
        false => Ok(micros),
        true => Ok(event_dates(&Times::Micros(&[micros]), zone)?.first().map_or(i64::MIN, |day| i64::from(*day))),
    }
}

fn event(times: &Times<'_>, time: i64) -> Result<String, IngestError> {
    match times {
        Times::Days(_) => Ok(date_of(i32::try_from(time).unwrap_or_default())?.to_string()),
        Times::Micros(_) => Ok(DateTime::from_timestamp_micros(time)
            .map_or_else(String::new, |event| event.format("%Y-%m-%dT%H:%M:%SZ").to_string())),
    }
}
