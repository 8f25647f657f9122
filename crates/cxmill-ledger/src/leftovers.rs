//! Files that a killed runner left on local disk in the midst of a put.
//!
//! The object store writes a file as `<name>#<number>` and gives it its name when it is whole; it hides such names from
//! listings, so nobody but this file ever sees them. They are removed only under the lock of the state root, when no
//! other runner is at work, so there is no age that would have to spare one.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::error::LedgerError;
use crate::ledger::{Ledger, OutputRoot};
use crate::paths;

impl Ledger {
    /// Removes what killed runners left of objects of the state root. Does nothing where the root is not local, or where
    /// the lock is not held.
    pub(crate) async fn sweep_leftovers(&self) -> Result<(), LedgerError> {
        let Some(local) = self.root.local.clone().filter(|_| self.is_alone()) else { return Ok(()) };
        let work = move || {
            sweep(&local, false, &|stem| stem == paths::IDENTITY)?;
            let folders = paths::COLLECTED.iter().chain([&paths::COMMITS]);
            folders.map(|folder| local.join(folder)).try_for_each(|folder| sweep(&folder, true, &paths::is_ours))
        };
        self.root.blocking("sweeping", work).await
    }
}

impl OutputRoot {
    /// Runs work on local files off the async threads.
    pub(crate) async fn blocking(
        &self,
        operation: &'static str,
        work: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<(), LedgerError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| LedgerError::Store {
            operation,
            place: self.shown.clone(),
            source: object_store::Error::Generic { store: "local disk", source },
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done.map_err(|source| failed(Box::new(source))),
            Err(stopped) => Err(failed(Box::new(stopped))),
        }
    }
}

/// Removes unfinished files of a folder, and of those below it where `deep`, whose names without the mark are `ours`: the
/// path below `folder` parts for parts, with `/` between them.
pub(crate) fn sweep(folder: &Path, deep: bool, ours: &dyn Fn(&str) -> bool) -> io::Result<()> {
    sweep_below(folder, "", deep, ours)
}

fn sweep_below(folder: &Path, above: &str, deep: bool, ours: &dyn Fn(&str) -> bool) -> io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        // A name that is not text is not ours.
        let Some(name) = entry.file_name().to_str().map(|name| format!("{above}{name}")) else { continue };
        if entry.file_type()?.is_dir() {
            if deep {
                sweep_below(&entry.path(), &format!("{name}/"), deep, ours)?;
            }
        } else if unfinished(&name).is_some_and(ours) {
            match std::fs::remove_file(entry.path()) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// The name of the object that an unfinished file was to become.
fn unfinished(name: &str) -> Option<&str> {
    let (stem, number) = name.rsplit_once('#')?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_after_the_mark_is_unfinished() {
        assert_eq!(unfinished("a/part-0.parquet#1"), Some("a/part-0.parquet"));
        assert_eq!(unfinished("a#b#12"), Some("a#b"));
        for whole in ["a#b", "a#", "part-0.parquet", "a#1x"] {
            assert_eq!(unfinished(whole), None, "{whole}");
        }
    }
}
