//! What stands in a model's output folder, and whose it is.

use std::collections::BTreeMap;

use crate::decide::Standing;
use crate::error::LedgerError;
use crate::ledger::{OutputRoot, parse_record};
use crate::leftovers;
use crate::paths;
use crate::types::PublishedRecord;

/// What stands in a model's output folder.
pub(super) struct Folder {
    pub(super) record: Option<PublishedRecord>,
    pub(super) has_record: bool,
    /// By published name, without the record.
    pub(super) standing: BTreeMap<String, Standing>,
    /// Files that a runner on local disk did not finish.
    pub(super) unfinished: Vec<String>,
}

impl Folder {
    pub(super) async fn read(output: &OutputRoot, model: &str) -> Result<Self, LedgerError> {
        sweep(output, model).await?;
        let mut folder = Self { record: None, has_record: false, standing: BTreeMap::new(), unfinished: Vec::new() };
        for seen in output.list(model).await? {
            let Some((_, published)) = seen.name.split_once('/') else { continue };
            if published == paths::PUBLISHED_RECORD {
                folder.has_record = true;
            } else if paths::is_staged_output(published) {
                folder.unfinished.push(published.to_owned());
            } else {
                folder.standing.insert(published.to_owned(), Standing { bytes: seen.bytes, etag: seen.etag });
            }
        }
        if folder.has_record {
            folder.record = read_record(output, model).await?;
        }
        Ok(folder)
    }
}

/// Fails where the record of a model's folder is another state root's.
pub(super) fn ours(
    output: &OutputRoot,
    model: &str,
    record: Option<&PublishedRecord>,
    identity: &str,
) -> Result<(), LedgerError> {
    match record {
        Some(record) if record.ledger != identity => Err(LedgerError::Foreign {
            place: output.address(model),
            theirs: record.ledger.clone(),
            ours: identity.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// The record of a model's folder. One that cannot be read is as good as none: everything is put again.
pub(super) async fn read_record(output: &OutputRoot, model: &str) -> Result<Option<PublishedRecord>, LedgerError> {
    let name = paths::output(model, paths::PUBLISHED_RECORD);
    let Some(bytes) = output.get(&name).await? else { return Ok(None) };
    match parse_record(&bytes) {
        Ok(record) => Ok(Some(record)),
        Err(reason) => {
            tracing::warn!(object = %output.address(&name), reason, "record cannot be read: publishing the model anew");
            Ok(None)
        }
    }
}

/// Removes what a runner that was killed on local disk left of a put: such files are in no listing. Only the runner that holds
/// the lock publishes, so nobody is writing them any more.
async fn sweep(output: &OutputRoot, model: &str) -> Result<(), LedgerError> {
    let Some(local) = output.local.clone() else { return Ok(()) };
    // Files are written in the folder of their model and nowhere below it.
    let (folder, ours) = (local.join(model), |stem: &str| paths::is_staged_output(stem));
    output.blocking("sweeping", move || leftovers::sweep(&folder, &ours)).await
}
