//! Which of the rows that were read of a file are taken: those that were asked for and that do not come too late.
//!
//! It is decided right after a block was decoded, on the thread that decoded it, while the raw records are still there.

use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;

use super::late::Late;
use super::prepare::{Prepared, PreparedRows};
use super::{LandRequest, Records};
use crate::decode::RawRows;
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
        if lines.is_some() || self.late.is_some() {
            self.choose(file, lines, raw.as_ref(), &mut block)?;
        }
        if !self.keyed {
            (block.rows.lines, block.rows.offsets) = (Vec::new(), Vec::new());
        }
        Ok(block)
    }

    /// Takes out what was not asked for and what comes too late.
    fn choose(
        &self,
        file: usize,
        lines: Option<&Arc<[u64]>>,
        raw: Option<&RawRows>,
        block: &mut Prepared,
    ) -> Result<(), IngestError> {
        let wanted = |line: &u64| lines.is_none_or(|lines| lines.binary_search(line).is_ok());
        let mut keep: Vec<bool> = block.rows.lines.iter().map(wanted).collect();
        if lines.is_some() {
            block.rejects.retain(|reject| wanted(&reject.line));
        }
        if let Some(late) = &self.late {
            let rejects = block.rejects.len();
            late.refuse(file, &block.rows, raw, &mut keep, &mut block.rejects)?;
            if block.rejects.len() > rejects {
                block.rejects.sort_by_key(|reject| reject.line);
            }
        }
        if keep.contains(&false) {
            keep_rows(&mut block.rows, &keep)?;
        }
        block.read = (block.rows.batch.num_rows() + block.rejects.len()) as u64;
        Ok(())
    }
}

/// Leaves the rows that are marked.
fn keep_rows(rows: &mut PreparedRows, keep: &[bool]) -> Result<(), IngestError> {
    fn marked<T>(values: &mut Vec<T>, keep: &[bool]) {
        let mut keep = keep.iter();
        values.retain(|_| keep.next().is_some_and(|keep| *keep));
    }
    rows.batch = filter_record_batch(&rows.batch, &BooleanArray::from(keep.to_vec()))
        .map_err(|error| IngestError::Bug(format!("cannot take rows of a block: {error}")))?;
    let PreparedRows { batch: _, lines, offsets, dates, keys, hashes } = rows;
    for values in [lines, offsets] {
        marked(values, keep);
    }
    marked(dates, keep);
    marked(keys, keep);
    marked(hashes, keep);
    Ok(())
}
