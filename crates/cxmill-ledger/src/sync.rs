//! Making local files last through a power cut.
//!
//! The object store renames files into place but never syncs. A record that names files must not outlive them, so the
//! files and all their folders are synced before the record, and the record and its folder after. Other stores keep
//! what they acknowledge; for them there is nothing to do.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::LedgerError;
use crate::ledger::OutputRoot;

impl OutputRoot {
    /// Syncs the named objects and every folder between them and the root. Does nothing where the root is not local.
    pub(crate) async fn sync(&self, names: Vec<String>) -> Result<(), LedgerError> {
        let Some(local) = self.local.clone() else { return Ok(()) };
        self.blocking_sync(move || sync_files(&local, &names)).await
    }

    /// Syncs what a file holds, not yet where it stands: enough for one that is about to be renamed or linked to its place.
    /// Does nothing where the root is not local.
    pub(crate) async fn sync_content(&self, name: String) -> Result<(), LedgerError> {
        let Some(local) = self.local.clone() else { return Ok(()) };
        self.blocking_sync(move || sync_file(&local, &name)).await
    }

    /// Syncs the folders of the named objects, which may be gone. Does nothing where the root is not local.
    pub(crate) async fn sync_folders(&self, names: Vec<String>) -> Result<(), LedgerError> {
        let Some(local) = self.local.clone() else { return Ok(()) };
        self.blocking_sync(move || sync_folders_of(&local, &names)).await
    }

    async fn blocking_sync(
        &self,
        work: impl FnOnce() -> Result<(), (PathBuf, io::Error)> + Send + 'static,
    ) -> Result<(), LedgerError> {
        let failed = |place: String, source: Box<dyn std::error::Error + Send + Sync>| LedgerError::Store {
            operation: "syncing",
            place,
            source: object_store::Error::Generic { store: "local disk", source },
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err((path, source))) => Err(failed(path.display().to_string(), Box::new(source))),
            Err(stopped) => Err(failed(self.shown.clone(), Box::new(stopped))),
        }
    }
}

fn sync_files(root: &Path, names: &[String]) -> Result<(), (PathBuf, io::Error)> {
    names.iter().try_for_each(|name| sync_file(root, name))?;
    sync_folders_of(root, names)
}

fn sync_file(root: &Path, name: &str) -> Result<(), (PathBuf, io::Error)> {
    let path = root.join(name);
    // Windows refuses to flush a handle that cannot write.
    let opened = OpenOptions::new().read(true).write(cfg!(windows)).open(&path);
    opened.and_then(|file| file.sync_all()).map_err(|source| (path, source))
}

fn sync_folders_of(root: &Path, names: &[String]) -> Result<(), (PathBuf, io::Error)> {
    let mut folders = BTreeSet::new();
    for name in names {
        let path = root.join(name);
        let mut folder = path.parent();
        while let Some(inside) = folder.filter(|folder| folder.starts_with(root)) {
            // A folder that is in the set has its parents there already.
            if !folders.insert(inside.to_owned()) {
                break;
            }
            folder = inside.parent();
        }
    }
    // Innermost first: an entry is worth keeping once what it leads to is kept.
    folders.into_iter().rev().try_for_each(|folder| match sync_folder(&folder) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(|source| (folder, source)),
    })
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Windows journals folder entries itself and offers no flush of a folder.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}
