//! Which of the rows that were read of a file are taken: those that were asked for.
//!
//! It is decided right after a block was decoded, on the thread that decoded it, while the raw records are still there.

use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;

use super::Records;
use super::prepare::{Prepared, PreparedRows};
use crate::error::IngestError;

/// What is taken of each file of a batch.
pub(crate) struct Sieve {
    /// For each file the lines that are asked for; none of them where all are.
    lines: Vec<Option<Arc<[u64]>>>,
    /// Whether rows are told apart later on, by places as well.
    keyed: bool,
}

impl Sieve {
    pub(crate) fn new(records: &[Records], keyed: bool) -> Self {
        let lines = records.iter().map(|records| match records {
            Records::All => None,
            Records::At(lines) => Some(Arc::clone(lines)),
        });
        Self { lines: lines.collect(), keyed }
    }

    /// The lines that are asked for of a file; none where all are.
    pub(crate) fn lines(&self, file: usize) -> Option<&Arc<[u64]>> {
        self.lines.get(file)?.as_ref()
    }

    /// Leaves what is taken of a block.
    pub(crate) fn sift(&self, file: usize, mut block: Prepared) -> Result<Prepared, IngestError> {
        if let Some(lines) = self.lines(file) {
            let wanted = |line: &u64| lines.binary_search(line).is_ok();
            let keep: Vec<bool> = block.rows.lines.iter().map(wanted).collect();
            block.rows = kept(block.rows, &keep)?;
            block.rejects.retain(|reject| wanted(&reject.line));
            block.read = (block.rows.batch.num_rows() + block.rejects.len()) as u64;
        }
        if !self.keyed {
            (block.rows.lines, block.rows.offsets) = (Vec::new(), Vec::new());
        }
        Ok(block)
    }
}

/// The rows that are marked.
fn kept(rows: PreparedRows, keep: &[bool]) -> Result<PreparedRows, IngestError> {
    fn marked<T>(values: Vec<T>, keep: &[bool]) -> Vec<T> {
        values.into_iter().zip(keep).filter_map(|(value, keep)| keep.then_some(value)).collect()
    }
    let PreparedRows { batch, lines, offsets, dates, keys, hashes } = rows;
    let batch = filter_record_batch(&batch, &BooleanArray::from(keep.to_vec()))
        .map_err(|error| IngestError::Bug(format!("cannot take rows of a block: {error}")))?;
    Ok(PreparedRows {
        batch,
        lines: marked(lines, keep),
        offsets: marked(offsets, keep),
        dates: marked(dates, keep),
        keys: marked(keys, keep),
        hashes: marked(hashes, keep),
    })
}
