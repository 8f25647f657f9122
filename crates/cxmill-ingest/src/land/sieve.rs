//! Which of the rows that were read of a file are taken: those that were asked for and that do not come too late.
//!
//! It is decided right after a block was decoded, on the thread that decoded it, while the raw records are still there.

use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;

use super::late::Late;
use super::prepare::{Prepared, PreparedRows};
use super::{LandRequest, Records};
use crate::error::IngestError;

/// What is taken of each file of a batch.
pub(crate) struct Sieve {
    /// For each file the lines that are asked for; none of them where all are.
    lines: Vec<Option<Arc<[u64]>>>,
    /// Which rows come too late, where any may.
    late: Option<Late>,
    /// Whether rows are told apart later on, by places as well.
    keyed: bool,
}

impl Sieve {
    pub(crate) fn new(request: &LandRequest<'_>) -> Result<Self, IngestError> {
        let lines = request.records.iter().map(|records| match records {
            Records::All => None,
            Records::At(lines) => Some(Arc::clone(lines)),
        });
        Ok(Self {
            lines: lines.collect(),
            late: Late::new(request.source, request.files)?,
            keyed: !request.source.unique_key.is_empty(),
        })
    }

    /// The lines that are asked for of a file; none where all are.
    pub(crate) fn lines(&self, file: usize) -> Option<&Arc<[u64]>> {
        self.lines.get(file)?.as_ref()
    }

    /// Leaves what is taken of a block; the raw records go.
    pub(crate) fn sift(&self, file: usize, mut block: Prepared) -> Result<Prepared, IngestError> {
        let raw = block.raw.take();
        let lines = self.lines(file);
        let wanted = |line: &u64| lines.is_none_or(|lines| lines.binary_search(line).is_ok());
        let mut keep: Vec<bool> = block.rows.lines.iter().map(wanted).collect();
        if lines.is_some() {
            block.rejects.retain(|reject| wanted(&reject.line));
        }
        if let Some(late) = &self.late {
            let rejects = block.rejects.len();
            late.refuse(file, &block.rows, raw.as_ref(), &mut keep, &mut block.rejects)?;
            if block.rejects.len() > rejects {
                block.rejects.sort_by_key(|reject| reject.line);
            }
        }
        if keep.contains(&false) {
            block.rows = kept(block.rows, &keep)?;
            block.read = (block.rows.batch.num_rows() + block.rejects.len()) as u64;
        } else if lines.is_some() {
            block.read = (keep.len() + block.rejects.len()) as u64;
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
