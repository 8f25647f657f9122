//! The quarantine, read again: what stands in it of each raw object, and copies without some of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Int64Type;
use cxmill_spec::Format;
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use xxhash_rust::xxh3::xxh3_64;

use super::QuarantinePart;
use super::cpu::Cpu;
use super::quarantine::schema;
use super::stored::Stored;
use super::write::{properties, upload};
use crate::error::IngestError;

/// What stands in quarantine of one raw object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quarantined {
    /// Lines (rows of columnar files) of its rows, in no order.
    pub lines: Vec<u64>,
    /// Of these rows, those that say something else than a row with the same key that was read before.
    pub conflicts: u64,
    /// Rows that say that the object was refused as a whole: nothing else was read of it.
    pub refused: u64,
    /// Rows that say from where on the object is damaged.
    pub damaged: u64,
    /// A hash of all rows but the damaged ones with what is wrong with each, in no order.
    pub reasons: u64,
}

impl Quarantined {
    /// Rows that are taken out of the quarantine where the object is read again: all but those that say what is damaged.
    #[must_use]
    pub fn replayed(&self) -> u64 {
        self.lines.len() as u64 + self.refused
    }
}

/// Rule of the row that says from where on an object is damaged.
pub(crate) const DAMAGED: &str = "damaged";
/// Rule of a row that says something else than one with the same key.
pub(crate) const CONFLICT: &str = "conflict";

/// What stands in these quarantine objects of a source in this format, by raw object.
///
/// # Errors
/// [`IngestError::Store`] where one cannot be read.
pub async fn quarantined(
    store: &Arc<dyn ObjectStore>,
    paths: &[Path],
    format: &Format,
) -> Result<BTreeMap<String, Quarantined>, IngestError> {
    const COLUMNS: &[&str] = &["object", "line", "rule", "column", "message"];
    let cpu = Cpu::start(1)?;
    let csv = matches!(format, Format::Csv(_));
    let mut found = BTreeMap::new();
    for path in paths {
        let object = Stored::open(store, path).await?;
        found = object.fold(Some(COLUMNS), &cpu, found, move |found, rows| count(found, rows, csv)).await?;
    }
    Ok(found)
}

fn count(found: &mut BTreeMap<String, Quarantined>, rows: &RecordBatch, csv: bool) -> Result<(), String> {
    let [object, rule, column, message] = texts(rows, ["object", "rule", "column", "message"])?;
    let line = rows.column_by_name("line").and_then(|column| column.as_primitive_opt::<Int64Type>());
    let line = line.ok_or("its lines are no numbers")?;
    for row in 0..rows.num_rows() {
        let of = match found.get_mut(object.value(row)) {
            Some(of) => of,
            None => found.entry(object.value(row).to_owned()).or_default(),
        };
        let line = line.value(row).unsigned_abs();
        let column = if column.is_valid(row) { column.value(row) } else { "" };
        let reason = format!("{line} {} {column} {}", rule.value(row), message.value(row));
        match rule.value(row) {
            DAMAGED => {
                of.damaged += 1;
                continue;
            }
            // Delimited text names its fields once, so what is wrong with them is wrong with the whole object.
            "header" => of.refused += 1,
            "unknown_fields" if csv => of.refused += 1,
            rule => {
                of.conflicts += u64::from(rule == CONFLICT);
                of.lines.push(line);
            }
        }
        of.reasons = of.reasons.wrapping_add(xxh3_64(reason.as_bytes()));
    }
    Ok(())
}

/// Copies the rows of a quarantine object that `keep` wants by their raw object, and all that say that an object is damaged
/// where `keep_damage` does. None where no row is left.
///
/// # Errors
/// [`IngestError::Store`] where it cannot be read or the copy cannot be written.
pub async fn copy_quarantine(
    store: &Arc<dyn ObjectStore>,
    from: &Path,
    to: Path,
    source: &str,
    epoch: u64,
    keep: impl Fn(&str, bool) -> bool + Send + Sync + 'static,
) -> Result<Option<QuarantinePart>, IngestError> {
    let bug = |error: ParquetError| IngestError::Bug(format!("copying quarantine: {error}"));
    let writer = ArrowWriter::try_new(Vec::new(), schema(), Some(properties(source, epoch).build())).map_err(bug)?;
    let object = Stored::open(store, from).await?;
    let (rows, writer) = object
        .fold(None, &Cpu::start(1)?, (0, writer), move |(rows, writer), batch| {
            let [object, rule] = texts(batch, ["object", "rule"])?;
            let kept: BooleanArray =
                (0..batch.num_rows()).map(|row| Some(keep(object.value(row), rule.value(row) == DAMAGED))).collect();
            let batch = filter_record_batch(batch, &kept).map_err(|error| error.to_string())?;
            *rows += batch.num_rows() as u64;
            writer.write(&batch).map_err(|error| error.to_string())
        })
        .await?;
    if rows == 0 {
        return Ok(None);
    }
    let encoded = writer.into_inner().map_err(bug)?;
    let bytes = encoded.len() as u64;
    upload(store, &to, encoded).await?;
    Ok(Some(QuarantinePart { path: to, rows, bytes }))
}

fn texts<'a, const N: usize>(rows: &'a RecordBatch, names: [&str; N]) -> Result<[&'a StringArray; N], String> {
    let mut found = Vec::with_capacity(N);
    for name in names {
        let column = rows.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        found.push(column.ok_or_else(|| format!("its column {name} is no text"))?);
    }
    found.try_into().map_err(|_| "it lacks columns".to_owned())
}
