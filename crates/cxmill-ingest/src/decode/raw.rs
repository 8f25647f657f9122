//! Raw records, as quarantine keeps them: text, with private values replaced by their hashes.

use std::sync::Arc;

use bytes::Bytes;

use super::csv::PrivateCells;
use super::{FormatPlan, MAX_RECORD, TextPlan};
use crate::contract::columnar::ColumnarRows;

/// Raw records of accepted rows. They are cut out of the block only when asked for.
#[derive(Debug)]
pub struct RawRows(Kept);

#[derive(Debug)]
enum Kept {
    Text(TextRows),
    Columnar(ColumnarRows),
}

/// Where the accepted records of a block lie.
#[derive(Debug)]
pub(crate) struct TextRows {
    pub(crate) plan: Arc<TextPlan>,
    pub(crate) block: Bytes,
    /// Start in the block and length of each record.
    pub(crate) places: Vec<(u32, u32)>,
    pub(crate) private_cells: PrivateCells,
}

impl RawRows {
    pub(crate) fn text(rows: TextRows) -> Self {
        Self(Kept::Text(rows))
    }

    pub(crate) fn columnar(rows: ColumnarRows) -> Self {
        Self(Kept::Columnar(rows))
    }

    /// The raw record of an accepted row, private values hashed; `None` where there is no such row.
    #[must_use]
    pub fn raw(&self, row: usize) -> Option<String> {
        match &self.0 {
            Kept::Text(rows) => {
                let (start, length) = *rows.places.get(row)?;
                let record = rows.block.get(start as usize..start as usize + length as usize)?;
                raw_text(&rows.plan, record, &rows.private_cells)
            }
            Kept::Columnar(rows) => rows.raw(row),
        }
    }
}

/// A record longer than this is kept up to here.
const KEPT: usize = 1 << 20;

/// The text of a record, private values hashed; `None` where they cannot be found, or the record is too long.
pub(crate) fn raw_text(plan: &TextPlan, record: &[u8], private_cells: &PrivateCells) -> Option<String> {
    if record.len() > MAX_RECORD {
        return None;
    }
    let private = plan.contract.has_private();
    let text = match &plan.format {
        FormatPlan::Ndjson(format) => {
            // Text that is not UTF-8 is malformed, and then nothing says where its values are.
            if private && std::str::from_utf8(record).is_err() {
                return None;
            }
            let values = if private { format.private_values(record)? } else { Vec::new() };
            let masked = replaced(
                record,
                values.into_iter().map(|(range, value)| (range, format!("\"{}\"", plan.contract.hash(&value)))),
            );
            String::from_utf8_lossy(&masked).into_owned()
        }
        FormatPlan::Csv(format) => {
            let values = if private { format.private_values(record, private_cells)? } else { Vec::new() };
            let masked = replaced(record, values.into_iter().map(|(range, value)| (range, plan.contract.hash(&value))));
            format.text(&masked)
        }
    };
    Some(capped(text))
}

fn replaced(record: &[u8], values: impl Iterator<Item = (std::ops::Range<usize>, String)>) -> Vec<u8> {
    let mut out = Vec::with_capacity(record.len());
    let mut at = 0;
    for (range, text) in values {
        out.extend_from_slice(record.get(at..range.start).unwrap_or_default());
        out.extend_from_slice(text.as_bytes());
        at = range.end;
    }
    out.extend_from_slice(record.get(at..).unwrap_or_default());
    out
}

/// The text, or its first mebibyte and a mark.
pub(crate) fn capped(mut text: String) -> String {
    if text.len() > KEPT {
        let end = (0..=KEPT).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}
