//! The files of a state root on local disk as the disk knows them, with those that a killed runner left in the midst of a put.
//!
//! The object store writes a file as `<name>#<number>` and gives it its name when it is whole; it hides such names from
//! listings, so nobody but this file ever sees them. They are removed only under the lock of the state root, when no
//! other runner is at work, so there is no age that would have to spare one.

use std::fs::DirEntry;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::error::LedgerError;
use crate::gc::Garbage;
use crate::ledger::{Ledger, OutputRoot};
use crate::paths;

impl Ledger {
    /// Under the lock of a local root: what killed runners left of objects of the state root, and the names of whole files of
    /// the collected folders that are `unused`. Links are not followed.
    pub(crate) async fn walk(
        &self,
        local: PathBuf,
        is_unused: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<(Vec<Garbage>, Vec<String>), LedgerError> {
        let work = move || {
            let mut unfinished = find(&local, "", false, &|stem| stem == paths::IDENTITY)?;
            unfinished.extend(find(&local, &format!("{}/", paths::COMMITS), true, &paths::is_ours)?);
            let mut unused = Vec::new();
            for folder in paths::COLLECTED {
                visit(
                    &local,
                    &format!("{folder}/"),
                    true,
                    &mut |name, entry| match left(name, entry, &paths::is_ours) {
                        Some(left) => unfinished.push(left),
                        None if is_unused(name) => unused.push(name.to_owned()),
                        None => {}
                    },
                )?;
            }
            Ok((unfinished, unused))
        };
        self.root.blocking("looking for garbage in", work).await
    }

    /// Whether a name is one that [`Ledger::walk`] finds unfinished: the store itself does not know such files.
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

/// Unfinished files of the folder `above` of a root, and of those below it where `deep`, whose names without the mark are
/// `ours`; by name below the root.
fn find(root: &Path, above: &str, deep: bool, ours: &dyn Fn(&str) -> bool) -> io::Result<Vec<Garbage>> {
    let mut found = Vec::new();
    visit(root, above, deep, &mut |name, entry| found.extend(left(name, entry, ours)))?;
    Ok(found)
}

/// The unfinished file that an entry is, if its name without the mark is `ours`.
fn left(name: &str, entry: &DirEntry, ours: &dyn Fn(&str) -> bool) -> Option<Garbage> {
    let is_left = unfinished(name).is_some_and(ours);
    is_left.then(|| Garbage { name: name.to_owned(), bytes: entry.metadata().map_or(0, |metadata| metadata.len()) })
}

/// Shows each file of the folder `above` of a root (empty, or ending with `/`), and of those below it where `deep`, with its
/// name below the root.
fn visit(root: &Path, above: &str, deep: bool, seen: &mut dyn FnMut(&str, &DirEntry)) -> io::Result<()> {
    let entries = match std::fs::read_dir(root.join(above)) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        // A name that is not text is not ours.
        let Some(name) = entry.file_name().to_str().map(|name| format!("{above}{name}")) else { continue };
        if !entry.file_type()?.is_dir() {
            seen(&name, &entry);
        } else if deep {
            visit(root, &format!("{name}/"), deep, seen)?;
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
