//! Reading columnar files: Parquet, Avro object containers, Arrow IPC.
//!
//! Each reader gives batches with the file's own types to [`crate::contract::columnar::Enforcer`], which turns them into landed ones.
//! What a file format cannot resume after is damage: the rows before it stay, the object goes to quarantine from there on.

pub(crate) mod arrow;
pub(crate) mod avro;
mod object;
pub(crate) mod parquet;

use ::arrow::array::RecordBatch;

pub(crate) use object::{Failure, StoredObject};

use crate::error::IngestError;
use crate::land::{Output, Work};

/// Enforces the contract on a batch of a file; `first_row` is the number of its first row, from 1.
pub(crate) fn land_batch(work: &Work, batch: &RecordBatch, first_row: u64) -> Result<Output, IngestError> {
    let Some(enforcer) = &work.columnar else {
        return Err(IngestError::Bug(format!("source {} is not columnar", work.source.name)));
    };
    let decoded = enforcer.enforce(batch, first_row)?;
    Ok(Output { rows: vec![work.preparer.prepare(decoded)?], damage: None })
}

/// Runs a decoder on bytes that may be damaged. Decoders of binary formats check much, but not all: one that panics has
/// met damage.
pub(crate) fn guarded<T>(decode: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err("its bytes contradict each other".to_owned()))
}
