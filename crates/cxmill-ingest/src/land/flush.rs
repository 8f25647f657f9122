//! From a segment to landed objects: each event date by itself, several at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use chrono::{DateTime, NaiveDate, Utc};
use cxmill_spec::{Source, UniqueWithin};
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::file::properties::WriterProperties;

use super::LandedPart;
use super::cpu::Cpu;
use super::dates::Times;
use super::dedupe::{Dated, Known, Sifted};
use super::newest::Newest;
use super::prepare::Preparer;
use super::probe::probe;
use super::quarantined::CONFLICT;
use super::render::render;
use super::segment::Sealed;
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
    /// For each file what its rows tell of it; empty where they do not.
    pub(crate) traces: Vec<u128>,
    pub(crate) state: Arc<dyn ObjectStore>,
    pub(crate) cpu: Cpu,
}

/// One event date of a segment.
pub(crate) struct DateJob {
    pub(crate) date: NaiveDate,
    /// The same in days since 1970-01-01.
    pub(crate) days: i32,
    /// Its rows by number in the segment.
    pub(crate) rows: Rows,
    /// Landed objects of that date: of earlier commits, and of this batch.
    pub(crate) landed: Vec<Path>,
    /// Name of the object to write.
    pub(crate) path: Path,
}

/// Rows of one event date.
pub(crate) enum Rows {
    /// In order of arrival; duplicates are still among them.
    Mixed(Vec<u32>),
    /// Told apart.
    Sifted(Sifted),
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
    /// The same by number of the file, where rows tell their file.
    pub(crate) newest_of: BTreeMap<usize, Newest>,
}

/// Tells the rows of a segment apart where rows of other event dates count: those of `landed` objects, by date, and of the segment
/// itself, in order of arrival.
pub(crate) async fn sift_across_dates(
    flusher: &Arc<Flusher>,
    segment: &Arc<Sealed>,
    dates: BTreeMap<i32, Vec<u32>>,
    landed: &[(i32, Path)],
) -> Result<BTreeMap<i32, Sifted>, IngestError> {
    let arrived = |dates: BTreeMap<i32, Vec<u32>>| {
        let mut rows: Vec<(u32, i32)> =
            dates.into_iter().flat_map(|(date, rows)| rows.into_iter().map(move |row| (row, date))).collect();
        rows.sort_unstable();
        rows
    };
    let within = flusher.source.unique_within.days();
    let near = |date: i32| dates.keys().any(|own| own.abs_diff(date) <= within);
    let objects: Vec<(i32, Path)> = landed.iter().filter(|(date, _)| near(*date)).cloned().collect();
    let (task, cpu) = (Arc::clone(segment), &flusher.cpu);
    let made = cpu.run(move || {
        let rows = arrived(dates);
        (Known::<Dated>::of(&task, rows.iter().map(|(row, _)| *row), within), rows)
    });
    let (known, rows) = made.await?;
    let known = Box::pin(probe(&flusher.state, objects, known, cpu)).await?;
    let task = Arc::clone(segment);
    cpu.run(move || known.sift_dates(&task, &rows)).await
}

/// Drops duplicates, sorts and writes one event date.
pub(crate) async fn flush_date(
    flusher: Arc<Flusher>,
    segment: Arc<Sealed>,
    job: DateJob,
) -> Result<DateOutcome, IngestError> {
    let DateJob { date, days, rows, landed, path } = job;
    let keyed = !flusher.preparer.key.is_empty();
    let sifted = match rows {
        Rows::Sifted(sifted) => sifted,
        Rows::Mixed(rows) if !keyed => Sifted { accepted: rows, ..Sifted::default() },
        Rows::Mixed(rows) => sift_date(&flusher, &segment, days, rows, &landed).await?,
    };
    let finished = flusher.cpu.run({
        let flusher = Arc::clone(&flusher);
        move || finish(&flusher, &segment, sifted, date)
    });
    let (mut outcome, encoded) = finished.await??;
    if let Some(encoded) = encoded {
        let (bytes, rows) = (encoded.len() as u64, outcome.accepted.values().sum());
        upload(&flusher.state, &path, encoded).await?;
        outcome.part = Some(LandedPart { path, date, rows, bytes });
    }
    Ok(outcome)
}

/// Tells the rows of one event date apart, which are all that count.
async fn sift_date(
    flusher: &Arc<Flusher>,
    segment: &Arc<Sealed>,
    days: i32,
    rows: Vec<u32>,
    landed: &[Path],
) -> Result<Sifted, IngestError> {
    let task = Arc::clone(segment);
    let known = flusher.cpu.run(move || {
        let known = Known::<Option<i64>>::of(&task, rows.iter().copied(), 0);
        (known, rows)
    });
    let (known, rows) = known.await?;
    let objects = landed.iter().map(|object| (days, object.clone())).collect();
    let known = Box::pin(probe(&flusher.state, objects, known, &flusher.cpu)).await?;
    let task = Arc::clone(segment);
    flusher.cpu.run(move || known.sift_date(&task, days, &rows)).await
}

fn finish(
    flusher: &Flusher,
    segment: &Sealed,
    sifted: Sifted,
    date: NaiveDate,
) -> Result<(DateOutcome, Option<Vec<u8>>), IngestError> {
    let Sifted { accepted, duplicates, conflicts } = sifted;
    let mut outcome = DateOutcome {
        part: None,
        accepted: segment.by_file(&accepted),
        duplicates: segment.by_file(&duplicates),
        conflicts: conflicts.into_iter().map(|row| conflict(flusher, segment, row, date)).collect(),
        newest: Newest::default(),
        newest_of: BTreeMap::new(),
    };
    let times = segment.times.as_ref().map(Times::of).transpose()?;
    let sorted = sort_by_time(times.as_ref(), accepted);
    if sorted.is_empty() {
        return Ok((outcome, None));
    }
    if let Some(times) = times {
        let zone = flusher.source.time_zone;
        outcome.newest = Newest::of(segment, &sorted, &times, &flusher.horizons, zone)?;
        if !flusher.traces.is_empty() {
            outcome.newest_of = Newest::of_files(segment, &sorted, &times, &flusher.horizons, zone)?;
        }
    }
    let encoded = encode_rows(segment, &sorted, &flusher.schema, &flusher.properties, &flusher.traces)
        .map_err(|error| IngestError::Bug(format!("encoding landed rows: {error}")))?;
    Ok((outcome, Some(encoded)))
}

/// Rows in order of event time; rows of the same time, and undated ones, stay in order of arrival.
fn sort_by_time(times: Option<&Times<'_>>, rows: Vec<u32>) -> Vec<u32> {
    let Some(times) = times else { return rows };
    let time = |row: u32| times.get(row as usize);
    let span = (rows.iter().map(|row| time(*row)).min(), rows.iter().map(|row| time(*row)).max());
    let (Some(first), Some(last)) = span else { return rows };
    if rows.is_sorted_by_key(|row| time(*row)) {
        return rows;
    }
    // Rows come in order of arrival, so their places in the list keep that order among those of one time. Where time and place
    // fit one number, as they do for the rows of a day, sorting these is fastest.
    let bits = usize::BITS - rows.len().leading_zeros();
    if last.abs_diff(first).leading_zeros() >= bits {
        let mut keys: Vec<u64> =
            rows.iter().enumerate().map(|(place, row)| time(*row).abs_diff(first) << bits | place as u64).collect();
        keys.sort_unstable();
        let mask = (1_u64 << bits) - 1;
        return keys.into_iter().map(|key| rows[(key & mask) as usize]).collect();
    }
    let mut keyed: Vec<(i64, u32)> = rows.into_iter().map(|row| (time(row), row)).collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, row)| row).collect()
}

fn conflict(flusher: &Flusher, segment: &Sealed, row: u32, date: NaiveDate) -> (usize, Reject) {
    let index = row as usize;
    let (values, row_of_block) = segment.row(row);
    let key = flusher.source.unique_key.join(", ");
    let place = match flusher.source.unique_within {
        UniqueWithin::Date => format!("of {date}"),
        UniqueWithin::Days(days) => format!("within {days} days of {date}"),
        UniqueWithin::All => "of any date".to_owned(),
    };
    let reject = Reject {
        line: segment.lines[index],
        offset: segment.offsets[index],
        rule: CONFLICT,
        column: match flusher.source.unique_key.as_slice() {
            [column] => Some(column.clone()),
            _ => None,
        },
        message: format!("another row {place} has the same {key} and different values; the one read first stays"),
        raw: Some(render(&flusher.source.columns, values, row_of_block)),
    };
    (segment.file(row), reject)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_are_in_order_of_time_and_then_of_arrival(
            near in proptest::collection::vec(0..50_i64, 0..200),
            far in proptest::collection::vec(any::<i64>(), 0..20),
            rare in any::<bool>(),
        ) {
            let times = if rare { [near, far].concat() } else { near };
            let rows: Vec<u32> = (0..u32::try_from(times.len()).unwrap()).filter(|row| row % 3 != 1).collect();
            let mut expected = rows.clone();
            expected.sort_by_key(|row| times[*row as usize]);
            prop_assert_eq!(sort_by_time(Some(&Times::Micros(&times)), rows.clone()), expected);
            prop_assert_eq!(sort_by_time(None, rows.clone()), rows);
        }
    }
}
