//! The invariants of a commit, each named once. [`crate::Ledger::commit`] refuses a record that breaks one; the tests hold
//! every record they make against the same list.

use object_store::path::Path;

use crate::error::LedgerError;
use crate::paths::{self, ObjectName};
use crate::types::{Commit, Epoch, FORMAT, ModelState, Rebuild, SourceState, StateFile, Totals};

/// A commit follows the one it was built on, and the first has epoch 1.
pub const EPOCHS_FOLLOW: &str = "epochs_follow";
/// The record's format is the one this crate writes.
pub const FORMAT_IS_OURS: &str = "format_is_ours";
/// For each source: read = accepted + quarantined + duplicate.
pub const ROWS_BALANCE: &str = "rows_balance";
/// For each source: the rows of its quarantine files are those counted as quarantined.
pub const QUARANTINE_ADDS_UP: &str = "quarantine_adds_up";
/// A model's files are sorted by published name, its states by partition, and none comes twice.
pub const FILES_SORTED: &str = "files_sorted";
/// Nothing changed in an epoch that is yet to come.
pub const CHANGES_ARE_PAST: &str = "changes_are_past";
/// Logs, manifests, quarantine files and results lie in the folder of their kind.
pub const NAMES_IN_PLACE: &str = "names_in_place";
/// Every name is spelled by stores as it is written here, so that a listing can be held against it.
pub const NAMES_ARE_PLAIN: &str = "names_are_plain";
/// A model's rows are the rows of its files.
pub const MODEL_ROWS_ADD_UP: &str = "model_rows_add_up";

/// Whether rows balance. Sums that do not fit a u64 do not.
#[must_use]
pub fn rows_balance(totals: &Totals) -> bool {
    let sum = totals.accepted.checked_add(totals.quarantined).and_then(|sum| sum.checked_add(totals.duplicate));
    sum == Some(totals.read)
}

/// Holds a commit against all invariants.
///
/// # Errors
/// [`LedgerError::Invariant`] with the first one that is broken.
pub fn check(commit: &Commit, previous: Option<&Commit>) -> Result<(), LedgerError> {
    let expected = previous.map_or(1, |previous| previous.epoch.0 + 1);
    hold(EPOCHS_FOLLOW, commit.epoch.0 == expected, || format!("epoch {} where {expected} follows", commit.epoch.0))?;
    hold(FORMAT_IS_OURS, commit.format == FORMAT, || format!("format {} is not {FORMAT}", commit.format))?;
    for (name, source) in &commit.sources {
        check_source(name, source, commit.epoch)?;
    }
    for (name, model) in &commit.models {
        check_model(name, model, commit.epoch)?;
    }
    commit.rebuilds.iter().try_for_each(|(name, rebuild)| check_rebuild(name, rebuild, commit.epoch))
}

fn check_source(name: &str, source: &SourceState, epoch: Epoch) -> Result<(), LedgerError> {
    let totals = &source.totals;
    hold(ROWS_BALANCE, rows_balance(totals), || {
        let Totals { read, accepted, quarantined, duplicate, .. } = totals;
        format!(
            "source {name}: {read} rows read, {accepted} accepted, {quarantined} quarantined, {duplicate} duplicate"
        )
    })?;
    let held: u64 = source.quarantine.iter().map(|file| file.rows).sum();
    hold(QUARANTINE_ADDS_UP, held == totals.quarantined, || {
        format!("source {name}: {} rows quarantined, {held} in its files", totals.quarantined)
    })?;
    let dropped = source.dropped_on.values().all(|dropped| *dropped <= source.changed_at);
    let past = source.changed_at <= epoch && source.added_since <= source.changed_at && dropped;
    hold(CHANGES_ARE_PAST, past, || format!("source {name}"))?;
    in_place(&source.file_logs, &format!("files/{name}/"))?;
    in_place(&source.landed, &format!("landed/{name}/manifests/"))?;
    in_place(source.quarantine.iter().map(|file| &file.name), &format!("quarantine/{name}/"))
}

fn check_model(name: &str, model: &ModelState, epoch: Epoch) -> Result<(), LedgerError> {
    let sorted = model.files.is_sorted_by(|a, b| a.published < b.published) && states_sorted(&model.states);
    hold(FILES_SORTED, sorted, || format!("model {name}"))?;
    let seen = model.position.values().all(|seen| *seen <= epoch);
    let made = model.files.iter().all(|file| file.epoch <= epoch);
    hold(CHANGES_ARE_PAST, seen && made && model.changed_at <= epoch, || format!("model {name}"))?;
    let rows: u64 = model.files.iter().map(|file| file.rows).sum();
    hold(MODEL_ROWS_ADD_UP, model.files.is_empty() || rows == model.rows, || {
        format!("model {name}: {} rows, {rows} in its files", model.rows)
    })?;
    for file in &model.files {
        plain(&paths::output(name, &file.published))?;
    }
    in_place(model.files.iter().map(|file| &file.result), &format!("results/{name}/"))?;
    in_place(model.states.iter().map(|state| &state.name), &format!("states/{name}/"))
}

fn check_rebuild(name: &str, rebuild: &Rebuild, epoch: Epoch) -> Result<(), LedgerError> {
    hold(FILES_SORTED, states_sorted(&rebuild.states), || format!("rebuild of model {name}"))?;
    let past = rebuild.position <= epoch && rebuild.after <= Some(rebuild.position);
    hold(CHANGES_ARE_PAST, past, || format!("rebuild of model {name}"))?;
    in_place(rebuild.states.iter().map(|state| &state.name), &format!("states/{name}/"))
}

fn states_sorted(states: &[StateFile]) -> bool {
    states.is_sorted_by(|a, b| a.partition < b.partition)
}

fn in_place<'a>(names: impl IntoIterator<Item = &'a ObjectName>, folder: &str) -> Result<(), LedgerError> {
    names.into_iter().try_for_each(|name| {
        let name = name.as_str();
        hold(NAMES_IN_PLACE, name.starts_with(folder), || format!("{name} is not below {folder}"))?;
        plain(name)
    })
}

fn plain(name: &str) -> Result<(), LedgerError> {
    let spelled = paths::below(&Path::default(), name);
    hold(NAMES_ARE_PLAIN, spelled.as_ref() == name, || format!("stores spell {name} as {spelled}"))
}

fn hold(invariant: &'static str, holds: bool, detail: impl FnOnce() -> String) -> Result<(), LedgerError> {
    if holds { Ok(()) } else { Err(LedgerError::Invariant { invariant, detail: detail() }) }
}
