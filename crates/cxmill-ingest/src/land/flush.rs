//! From a segment to landed objects: each event date by itself, several at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use chrono::{DateTime, NaiveDate, Utc};
use cxmill_spec::Source;
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::file::properties::WriterProperties;
use tokio::sync::Semaphore;

use super::LandedPart;
use super::dates::Times;
use super::dedupe::{Known, Sifted};
use super::newest::Newest;
use super::pipeline::on_cpu;
use super::prepare::Preparer;
use super::probe::probe;
use super::render::render;
use super::segment::{RowRef, Segment};
use super::write::{encode_rows, upload};
use crate::decode::Reject;
use crate::error::IngestError;

/// What every event date of a batch is flushed with.
pub(crate) struct Flusher {
    pub(crate) source: Arc<Source>,
    pub(crate) preparer: Arc<Preparer>,
    /// Landed columns, with the hidden ones where the source has a unique key.
    pub(crate) schema: SchemaRef,
    pub(crate) properties: WriterProperties,
    /// For each file the latest event time that can be true.
    pub(crate) horizons: Vec<DateTime<Utc>>,
    pub(crate) state: Arc<dyn ObjectStore>,
    pub(crate) cpu: Arc<Semaphore>,
}

/// One event date of a segment.
pub(crate) struct DateJob {
    pub(crate) date: NaiveDate,
    /// Its rows in order of arrival.
    pub(crate) rows: Vec<RowRef>,
    /// Landed objects of that date: of earlier commits, and of this batch.
    pub(crate) landed: Vec<Path>,
    /// Name of the object to write.
    pub(crate) path: Path,
}

/// What one event date of a segment became.
#[derive(Debug)]
pub(crate) struct DateOutcome {
    /// The object written, where a row was accepted.
    pub(crate) part: Option<LandedPart>,
    /// Accepted rows by number of the file.
    pub(crate) accepted: BTreeMap<usize, u64>,
    /// Duplicates by number of the file.
    pub(crate) duplicates: BTreeMap<usize, u64>,
    /// Conflicts with the number of the file, in order of arrival.
    pub(crate) conflicts: Vec<(usize, Reject)>,
    /// Newest event times of the accepted rows.
    pub(crate) newest: Newest,
}

/// Drops duplicates, sorts and writes one event date.
pub(crate) async fn flush_date(
    flusher: Arc<Flusher>,
    segment: Arc<Segment>,
    job: DateJob,
) -> Result<DateOutcome, IngestError> {
    let DateJob { date, rows, landed, path } = job;
    let keyed = !flusher.preparer.key.is_empty();
    let (rows, known) = if keyed {
        let known = on_cpu(&flusher.cpu, {
            let segment = Arc::clone(&segment);
            move || {
                let known = Known::of(&segment, &rows);
                (rows, known)
            }
        });
        let (rows, mut known) = known.await?;
        for object in &landed {
            known = Box::pin(probe(&flusher.state, object, known, &flusher.cpu)).await?;
        }
        (rows, Some(known))
    } else {
        (rows, None)
    };
    let finished = on_cpu(&flusher.cpu, {
        let flusher = Arc::clone(&flusher);
        move || {
            let sifted = match known {
                Some(known) => known.sift(&segment, rows),
                None => Sifted { accepted: rows, ..Sifted::default() },
            };
            finish(&flusher, &segment, sifted, date)
        }
    });
    let (mut outcome, encoded) = finished.await??;
    if let Some(encoded) = encoded {
        let (bytes, rows) = (encoded.len() as u64, outcome.accepted.values().sum());
        upload(&flusher.state, &path, encoded).await?;
        outcome.part = Some(LandedPart { path, date, rows, bytes });
    }
    Ok(outcome)
}

fn finish(
    flusher: &Flusher,
    segment: &Segment,
    sifted: Sifted,
    date: NaiveDate,
) -> Result<(DateOutcome, Option<Vec<u8>>), IngestError> {
    let Sifted { accepted, duplicates, conflicts } = sifted;
    let mut outcome = DateOutcome {
        part: None,
        accepted: by_file(segment, &accepted),
        duplicates: by_file(segment, &duplicates),
        conflicts: conflicts.into_iter().map(|row| conflict(flusher, segment, row, date)).collect(),
        newest: Newest::default(),
    };
    let sorted = sort_by_time(flusher, segment, accepted)?;
    if sorted.is_empty() {
        return Ok((outcome, None));
    }
    if let Some(column) = flusher.preparer.event_time {
        outcome.newest = Newest::of(segment, &sorted, column, &flusher.horizons, flusher.source.time_zone)?;
    }
    let encoded = encode_rows(segment, &sorted, &flusher.schema, &flusher.properties)
        .map_err(|error| IngestError::Bug(format!("encoding landed rows: {error}")))?;
    Ok((outcome, Some(encoded)))
}

/// Rows in order of event time; rows of the same time, and undated ones, stay in order of arrival.
fn sort_by_time(flusher: &Flusher, segment: &Segment, rows: Vec<RowRef>) -> Result<Vec<RowRef>, IngestError> {
    let Some(column) = flusher.preparer.event_time else { return Ok(rows) };
    let times: Vec<Times<'_>> =
        segment.held.iter().map(|held| Times::of(held.rows.batch.column(column))).collect::<Result<_, _>>()?;
    let mut keyed: Vec<(i64, RowRef)> =
        rows.into_iter().map(|row| (times[row.batch as usize].get(row.row as usize), row)).collect();
    keyed.sort_by_key(|(time, _)| *time);
    Ok(keyed.into_iter().map(|(_, row)| row).collect())
}

fn by_file(segment: &Segment, rows: &[RowRef]) -> BTreeMap<usize, u64> {
    let mut counts = BTreeMap::new();
    for run in rows.chunk_by(|a, b| a.batch == b.batch) {
        if let Some(first) = run.first() {
            *counts.entry(segment.at(*first).0.file).or_default() += run.len() as u64;
        }
    }
    counts
}

fn conflict(flusher: &Flusher, segment: &Segment, row: RowRef, date: NaiveDate) -> (usize, Reject) {
    let (held, index) = segment.at(row);
    let key = flusher.source.unique_key.join(", ");
    let reject = Reject {
        line: held.rows.lines[index],
        offset: held.rows.offsets[index],
        rule: "conflict",
        column: match flusher.source.unique_key.as_slice() {
            [column] => Some(column.clone()),
            _ => None,
        },
        message: format!("another row of {date} has the same {key} and different values; the one read first stays"),
        raw: Some(render(&flusher.source.columns, &held.rows.batch, index)),
    };
    (held.file, reject)
}
