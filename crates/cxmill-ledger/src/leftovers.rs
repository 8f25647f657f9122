//! Files that a killed runner left on local disk in the midst of a put.
//!
//! The object store writes a file as `<name>#<number>` and gives it its name when it is whole; it hides such names from
//! listings, so nobody but this file ever sees them. They are removed only under the lock of the state root, when no
//! other runner is at work, so there is no age that would have to spare one.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::error::LedgerError;
use crate::gc::Garbage;
use crate::ledger::{Ledger, OutputRoot};
use crate::paths;

impl Ledger {
    /// What killed runners left of objects of the state root; nothing where the root is not local, or where the lock is not
    /// held.
    pub(crate) async fn leftovers(&self) -> Result<Vec<Garbage>, LedgerError> {
        let Some(local) = self.root.local.clone().filter(|_| self.is_alone()) else { return Ok(Vec::new()) };
        let work = move || {
            let mut found = find(&local, "", false, &|stem| stem == paths::IDENTITY)?;
            for folder in paths::COLLECTED.iter().chain([&paths::COMMITS]) {
                let below = find(&local.join(folder), "", true, &paths::is_ours)?;
                found.extend(below.into_iter().map(|left| Garbage { name: format!("{folder}/{}", left.name), ..left }));
            }
            Ok(found)
        };
        self.root.blocking("looking for unfinished files in", work).await
    }

    /// Whether a name is one that [`Ledger::leftovers`] finds: the store itself does not know such files.
    pub(crate) fn is_leftover(&self, name: &str) -> bool {
        self.root.local.is_some() && unfinished(name).is_some()
    }
}

impl OutputRoot {
    /// Removes files that the store hides.
    pub(crate) async fn remove_leftovers(&self, names: Vec<String>) -> Result<(), LedgerError> {
        let Some(local) = self.local.clone().filter(|_| !names.is_empty()) else { return Ok(()) };
        self.blocking("removing unfinished files of", move || {
            names.iter().try_for_each(|name| remove(&local.join(name)))
        })
        .await
    }

    /// Runs work on local files off the async threads.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
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

/// Removes unfinished files of a folder, not below it, whose names without the mark are `ours`.
pub(crate) fn sweep(folder: &Path, ours: &dyn Fn(&str) -> bool) -> io::Result<()> {
    find(folder, "", false, ours)?.iter().try_for_each(|left| remove(&folder.join(&left.name)))
}

fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Unfinished files of a folder, and of those below it where `deep`, whose names without the mark are `ours`: the path below
/// the first folder, with `/` between its parts.
fn find(folder: &Path, above: &str, deep: bool, ours: &dyn Fn(&str) -> bool) -> io::Result<Vec<Garbage>> {
    let mut found = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(found),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        // A name that is not text is not ours.
        let Some(name) = entry.file_name().to_str().map(|name| format!("{above}{name}")) else { continue };
        if entry.file_type()?.is_dir() {
            if deep {
                found.extend(find(&entry.path(), &format!("{name}/"), deep, ours)?);
            }
        } else if unfinished(&name).is_some_and(ours) {
            found.push(Garbage { name, bytes: entry.metadata().map_or(0, |metadata| metadata.len()) });
        }
    }
    Ok(found)
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
