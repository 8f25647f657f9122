//! One runner at a time on a local state root.
//!
//! Local disk has no put-if-match, so publishing there is safe only while nobody else publishes. The operating system
//! releases the lock when the process ends, however it ends: there is no stale lock to clear by hand.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::error::LedgerError;
use crate::paths;

/// The held lock; dropping it releases it.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a local state root, making the folder if there is none.
    pub(crate) fn take(state: &Path) -> Result<Self, LedgerError> {
        let file = state.join(paths::LOCK);
        let place = file.strip_prefix(".").unwrap_or(&file).display().to_string();
        let failed = |source: std::io::Error| LedgerError::Store {
            operation: "locking",
            place: place.clone(),
            source: object_store::Error::Generic { store: "local disk", source: Box::new(source) },
        };
        std::fs::create_dir_all(state).map_err(failed)?;
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&file).map_err(failed)?;
        match opened.try_lock() {
            Ok(()) => Ok(Self { _file: opened }),
            Err(TryLockError::WouldBlock) => Err(LedgerError::Locked { place }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_is_refused_until_the_first_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        assert!(matches!(Lock::take(folder.path()), Err(LedgerError::Locked { .. })));
        drop(first);
        assert!(Lock::take(folder.path()).is_ok());
    }
}
