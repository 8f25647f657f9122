//! The quarantine objects of a source: found, and rewritten without the rows of some raw objects.

use std::collections::BTreeSet;
use std::sync::Arc;

use cxmill_ingest::copy_quarantine;
use cxmill_ledger::{Names, QuarantineFile};
use cxmill_spec::Source;
use object_store::path::Path;

use crate::error::EngineError;
use crate::land::quarantine_files;
use crate::recover::Run;
use crate::roots::path_of;

/// Paths of quarantine objects in their store.
pub(crate) fn paths(run: &Run<'_>, files: &[QuarantineFile]) -> Result<Vec<Path>, EngineError> {
    files.iter().map(|file| path_of(run.state(), file.name.as_str())).collect()
}

/// The quarantine without the rows of these raw objects; rows that say what is damaged of them go where `damage` says so. `next`
/// is the number of the first object to be written; objects that hold no such row stay.
pub(crate) async fn without(
    run: &Run<'_>,
    source: &Source,
    files: &[QuarantineFile],
    objects: &Arc<BTreeSet<String>>,
    damage: bool,
    names: &Names,
    mut next: usize,
) -> Result<Vec<QuarantineFile>, EngineError> {
    let mut kept = Vec::new();
    for file in files {
        let objects = Arc::clone(objects);
        let keep = move |object: &str, is_damage: bool| (is_damage && !damage) || !objects.contains(object);
        let from = path_of(run.state(), file.name.as_str())?;
        let to = path_of(run.state(), names.quarantine(&source.name, next).as_str())?;
        let Some(copy) = copy_quarantine(&run.state().store, &from, to, &source.name, names.epoch.0, keep).await?
        else {
            continue;
        };
        next += 1;
        match copy.rows == file.rows {
            // The copy is garbage then: nobody names it.
            true => kept.push(file.clone()),
            false => kept.extend(quarantine_files(run, &[copy])?),
        }
    }
    Ok(kept)
}
