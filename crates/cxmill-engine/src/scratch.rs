//! The folder for spill files and other temporary data of one run.
//!
//! It lies below a local state root (`<state>/tmp`), where the run holds the lock and may clear whatever a dead run left;
//! with a remote state root it lies in the system's temporary folder under the process id, and folders of processes that
//! are gone are cleared.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use cxmill_ledger::OutputRoot;

use crate::error::EngineError;

/// Tells runs of one process apart.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// A folder that is removed with its contents when the run ends.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Clears what dead runs left and makes the folder.
    pub(crate) fn create(state: &OutputRoot) -> Result<Self, EngineError> {
        let parent = parent(state);
        let path = parent.join(format!("{}-{}", std::process::id(), RUNS.fetch_add(1, Ordering::Relaxed)));
        dead(state).iter().for_each(|folder| drop(std::fs::remove_dir_all(folder)));
        let failed = |error: std::io::Error| EngineError::Store {
            message: format!("creating {}: {error}", path.display()),
            help: Some("look at `state`, at its permissions and at the free space of its disk".to_owned()),
        };
        std::fs::create_dir_all(&path).map_err(failed)?;
        Ok(Self { path })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::debug!(folder = %self.path.display(), %error, "temporary folder is left for the next run");
        }
        // The parent goes with the last run in it; that it is not empty is no fault.
        if let Some(parent) = self.path.parent() {
            std::fs::remove_dir(parent).ok();
        }
    }
}

fn parent(state: &OutputRoot) -> PathBuf {
    match &state.local {
        Some(local) => local.join("tmp"),
        None => std::env::temp_dir().join("cxmill"),
    }
}

/// Folders of dead runs. Under the lock of a local root every other run is dead, except one of this very process on another
/// state root, which has another parent folder.
pub(crate) fn dead(state: &OutputRoot) -> Vec<PathBuf> {
    let (locked, own) = (state.local.is_some(), std::process::id());
    let is_dead = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(process) = name.and_then(|name| name.split('-').next()?.parse::<u32>().ok()) else { return false };
        locked || (process != own && Path::new("/proc/self").exists() && !alive(process))
    };
    let entries = std::fs::read_dir(parent(state)).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| is_dead(path)).collect()
}

/// Bytes of all files below a folder.
pub(crate) fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

fn alive(process: u32) -> bool {
    Path::new("/proc").join(process.to_string()).exists()
}
