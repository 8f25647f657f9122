//! Collecting garbage by hand: what runs that were killed left in the state root, and what commits no longer name.
//!
//! A run that has something to do collects at its end, so this finds little unless a run was killed, or the grace period of a
//! store without a lock is over and no run came since. The output root needs no collecting: every run removes there what a
//! killed one left, before it publishes.

use std::time::Duration;

use cxmill_ledger::Ledger;
use serde::Serialize;

use crate::context::Context;
use crate::error::EngineError;
use crate::publish::grace;
use crate::roots::Roots;
use crate::scratch;

/// What was garbage.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Collected {
    /// Whether it was removed.
    pub removed: bool,
    /// Bytes of all of it.
    pub bytes: u64,
    /// The objects by name; a folder of temporary files counts as one.
    pub objects: Vec<CollectedObject>,
    /// Seconds for which objects are spared after they stopped being named; none under the lock of a local state root.
    pub grace_seconds: u64,
}

/// An object that was garbage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct CollectedObject {
    /// Name below the state root; a temporary folder elsewhere by its path.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
}

/// Removes what no commit names and no reader may still hold from the state root; only lists it where `dry_run`. On local
/// disk this takes the lock.
///
/// # Errors
/// [`EngineError::Conflict`] where a run is under way on a local state root, [`EngineError::Store`] where the state root
/// cannot be read or written.
pub async fn gc(context: &Context, dry_run: bool) -> Result<Collected, EngineError> {
    let state = Roots::open(context)?.state;
    let grace: Duration = grace(&state);
    let mut collected = Collected { removed: !dry_run, grace_seconds: grace.as_secs(), ..Collected::default() };
    if state.local.as_ref().is_some_and(|local| !local.exists()) {
        return Ok(collected);
    }
    let ledger = if dry_run { Ledger::open_alone(state.clone()).await? } else { Ledger::open(state.clone()).await? };
    let garbage = ledger.garbage(ledger.latest().await?.as_ref(), grace).await?;
    let folders = scratch::dead(&state);
    let objects = garbage.iter().map(|garbage| CollectedObject { name: garbage.name.clone(), bytes: garbage.bytes });
    let temporary = folders.iter().map(|folder| {
        let shown = state.local.as_ref().and_then(|local| folder.strip_prefix(local).ok()).unwrap_or(folder);
        CollectedObject { name: format!("{}/", shown.display()), bytes: scratch::bytes_below(folder) }
    });
    collected.objects = objects.chain(temporary).collect();
    collected.objects.sort_unstable();
    collected.bytes = collected.objects.iter().map(|object| object.bytes).sum();
    if !dry_run {
        ledger.remove_garbage(&garbage).await?;
        for folder in &folders {
            std::fs::remove_dir_all(folder).map_err(|error| EngineError::Store {
                message: format!("removing {}: {error}", folder.display()),
                help: Some("look at its permissions".to_owned()),
            })?;
        }
    }
    Ok(collected)
}
