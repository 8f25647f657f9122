//! The law of every file: read = accepted + quarantined + duplicate.

use super::FileOutcome;
use crate::error::IngestError;

impl FileOutcome {
    /// Whether every row that was read went somewhere.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.read == self.accepted + self.quarantined + self.duplicate
    }
}

/// Refuses outcomes in which a row is missing or counted twice: a batch that lost rows must not be committed.
pub(crate) fn check(files: &[FileOutcome]) -> Result<(), IngestError> {
    match files.iter().enumerate().find(|(_, file)| !file.balances()) {
        None => Ok(()),
        Some((number, file)) => {
            debug_assert!(false, "file {number} does not balance: {file:?}");
            Err(IngestError::Bug(format!("rows of file {number} of the batch do not balance: {file:?}")))
        }
    }
}
