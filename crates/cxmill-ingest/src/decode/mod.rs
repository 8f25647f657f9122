//! Raw bytes in, typed columns and rejected rows out: one pass, no object per row.
//!
//! ```text
//! chunks ─ Decompressor ─ Splitter ─ Block ─ TextDecoder::decode ─ Decoded { batch, rejects, … }
//!          (by suffix)    (sequential)       (any number of threads)
//! ```
//! The contract of this module:
//!
//! - A [`Block`] holds whole records, so blocks can be decoded in any order and on any thread.
//! - Every record of a block is either a row of [`Decoded::batch`] or one [`Reject`]; blank lines are no records.
//! - A bad record costs that record. What the contract demands of a row (types, rules, `required`) holds for every row of
//!   the batch, and private columns are hashed in it already.
//! - Nothing depends on how a stream was cut into chunks or blocks.
//!
//! JSON that is not strict JSON is rejected: two objects on a line, a declared key twice, lone surrogates, invalid UTF-8.
//! A generic decoder with a slow path for failing blocks was the alternative; it loses exact positions, is lenient where a
//! contract is not, and its speed falls with the share of bad rows.

mod csv;
mod csv_cells;
mod header;
mod json;
mod lanes;
mod ndjson;
mod raw;
mod rows;
mod split;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use cxmill_spec::{Format, Source};

use crate::contract::Contract;
use crate::error::IngestError;
use crate::private::PrivateKey;

pub use header::CsvHeader;
pub use raw::RawRows;
pub use split::Splitter;

pub(crate) use raw::capped;
pub(crate) use rows::RowSet;

/// The longest record that is read, in bytes; a longer one is rejected as `too_long`.
pub const MAX_RECORD: usize = 64 << 20;

/// Whole records of one object.
#[derive(Debug, Clone)]
pub struct Block {
    /// The records.
    pub bytes: Bytes,
    /// Line number of the first byte, from 1.
    pub first_line: u64,
    /// Offset of the first byte in the (decompressed) object.
    pub offset: u64,
}

/// What a block, or a batch of a columnar file, became.
#[derive(Debug)]
pub struct Decoded {
    /// Accepted rows: the declared columns in order, with landed types; private columns hashed.
    pub batch: RecordBatch,
    /// Line number (text formats) or row number (columnar formats) of each accepted row, from 1.
    pub lines: Vec<u64>,
    /// Byte offset in the decompressed object of each accepted row; 0 for columnar formats.
    pub offsets: Vec<u64>,
    /// Raw records of accepted rows, for rows that are rejected later. It keeps the block alive: drop it when it is not needed.
    pub raw: RawRows,
    /// Rows that broke the contract, in order.
    pub rejects: Vec<Reject>,
    /// Rows read: accepted and rejected ones.
    pub rows: u64,
}

/// One row that broke the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Line number (text formats) or row number (columnar formats), from 1.
    pub line: u64,
    /// Byte offset of the record in the decompressed object; 0 for columnar formats.
    pub offset: u64,
    /// The rule: `malformed`, `encoding`, `too_long`, `truncated`, `header`, `unknown_fields`, `type`, `required` or the name of a rule of
    /// the contract.
    pub rule: &'static str,
    /// The column, where one is at fault.
    pub column: Option<String>,
    /// What is wrong; never a value of a private column.
    pub message: String,
    /// The raw record with private values hashed; `None` where they cannot be found in it, or where it is too long.
    pub raw: Option<String>,
}

/// Decoder of a source in a text format. Immutable: one serves all threads.
#[derive(Debug, Clone)]
pub struct TextDecoder {
    plan: Arc<TextPlan>,
}

/// The compiled contract and the compiled format.
#[derive(Debug)]
pub(crate) struct TextPlan {
    pub(crate) contract: Contract,
    pub(crate) format: FormatPlan,
}

#[derive(Debug)]
pub(crate) enum FormatPlan {
    Ndjson(ndjson::NdjsonPlan),
    Csv(csv::CsvPlan),
}

impl TextDecoder {
    /// Compiles the contract of a source. A source in a columnar format, or one with private columns and no key, is a bug
    /// of the caller.
    pub fn new(source: &Source, key: Option<&PrivateKey>) -> Result<Self, IngestError> {
        let contract = Contract::new(source, key)?;
        let format = match &source.format {
            Format::Ndjson => FormatPlan::Ndjson(ndjson::NdjsonPlan::new(source)),
            Format::Csv(options) => FormatPlan::Csv(csv::CsvPlan::new(source, options)),
            Format::Parquet | Format::Avro | Format::Arrow => {
                return Err(IngestError::Bug(format!("source {} is not in a text format", source.name)));
            }
        };
        Ok(Self { plan: Arc::new(TextPlan { contract, format }) })
    }

    /// Schema of the batches, as [`crate::contract::landed_schema`] gives it.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.plan.contract.schema()
    }

    /// What makes an object unreadable as a whole by its CSV header: a required column that it lacks, a column it names
    /// twice, a column that nothing declares under `unknown_fields: reject`. The object's rows should then not be read.
    #[must_use]
    pub fn check_header(&self, header: &CsvHeader) -> Option<Reject> {
        match &self.plan.format {
            FormatPlan::Ndjson(_) => None,
            FormatPlan::Csv(plan) => plan.check_header(&self.plan.contract, header),
        }
    }

    /// Decodes one block. `header` is the object's CSV header, where the format has one; rows under a header that
    /// [`Self::check_header`] refuses are rejected one by one.
    #[must_use]
    pub fn decode(&self, block: &Block, header: Option<&CsvHeader>) -> Decoded {
        match &self.plan.format {
            FormatPlan::Ndjson(plan) => ndjson::decode(plan, &self.plan, block),
            FormatPlan::Csv(plan) => csv::decode(plan, &self.plan, block, header),
        }
    }
}

#[cfg(test)]
mod tests;
