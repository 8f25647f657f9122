//! `on_change: restate`: files that changed after they were read. What their old versions contributed is taken out and the new ones
//! are read, in one commit.
//!
//! ```text
//! landed rows ─ without those of the files ─┐
//! quarantine  ─ without those of the files ─┼─ one commit ── models see event dates whose rows were replaced
//! the files   ─ read again, landed ─────────┘
//! ```
//! Landed rows of such a source tell their file, so that its rows can be taken out of the objects they share with others. Rows of
//! other files may have been dropped as copies of the ones that go, or put in quarantine because they say something else: files that
//! hold such rows, and were read with the changed ones or after them, are taken out and read again as well. No row was dropped
//! because of a row that was read later, so no other file can have lost one.
//!
//! Where landed rows do not tell their file yet, because they were landed before the source was declared so, all of the source is read
//! again. Files that are gone are not looked for: their rows stay.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use chrono::NaiveDate;
use cxmill_ingest::{Place, Quarantined, RawFile, Stripped, quarantined, strip, trace};
use cxmill_ledger::{ConsumedFile, Epoch, LandedFile, Ledger, Names, OutputRoot, SourceState, Totals};
use cxmill_spec::Source;

use crate::commit::Change;
use crate::context::Stage;
use crate::discover::{PendingSource, everything};
use crate::error::EngineError;
use crate::land::{
    Reading, add_to_report, consumed, land, landed, quarantine_files, read_as_declared, totals, warn_of_the_future,
    within_budget,
};
use crate::location;
use crate::quarantine::without;
use crate::recover::Run;
use crate::report::SourceReport;
use crate::roots::path_of;

/// Files whose rows are taken out and that are read again.
#[derive(Debug)]
pub(crate) struct Restating {
    /// They, in the order they count as read.
    pub(crate) files: Vec<RawFile>,
    /// What the ledger has of them.
    known: Vec<ConsumedFile>,
    /// Raw objects of theirs that have rows in quarantine.
    held: Arc<BTreeSet<String>>,
    /// Newest event times of all other files.
    newest: Newest,
    /// How many of them changed.
    pub(crate) changed: u64,
    /// The paths of these.
    changed_paths: Vec<String>,
    /// How many did not.
    pub(crate) again: u64,
}

/// Newest event times, as a source has them.
type Newest = (Option<chrono::DateTime<chrono::Utc>>, Option<chrono::DateTime<chrono::Utc>>);

/// What is to be read again where files changed.
pub(crate) enum Gathered {
    /// These.
    Some(Restating),
    /// All of the source: its landed rows do not tell their files.
    All,
    /// Files that have to be are gone.
    Gone(EngineError),
}

impl Restating {
    /// What is done, for people.
    pub(crate) fn why(&self) -> String {
        let files = |count: u64| if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
        let beside = match self.again {
            0 => String::new(),
            again => format!(", and {} whose rows had copies or conflicts are read again with it", files(again)),
        };
        format!(
            "{} changed: what was read of it is taken out and it is read again, in one commit{beside}",
            files(self.changed)
        )
    }
}

/// Finds out which files have to be read again beside those that changed.
pub(crate) async fn gather(
    ledger: &Ledger,
    state: &SourceState,
    source: &Source,
    place: &Place,
    changed: &[RawFile],
) -> Result<Gathered, EngineError> {
    if !state.traced {
        return Ok(Gathered::All);
    }
    let root = ledger.root();
    let paths = state.quarantine.iter().map(|file| path_of(root, file.name.as_str()));
    let held = quarantined(&root.store, &paths.collect::<Result<Vec<_>, _>>()?, &source.format).await?;
    let below = format!("{}/", place.prefix);
    if held.keys().any(|object| !object.starts_with(&below) && *object != place.prefix.as_ref()) {
        // They were read at another place, under other names.
        return Ok(Gathered::All);
    }
    let conflicts: BTreeSet<&str> = held
        .iter()
        .filter(|(_, rows): &(&String, &Quarantined)| rows.conflicts > 0)
        .map(|(object, _)| location::name(place, object))
        .collect();
    let mut known: BTreeMap<String, ConsumedFile> =
        ledger.consumed_files(state).await?.into_iter().map(|file| (file.path.clone(), file)).collect();
    let name = |file: &RawFile| location::name(place, file.path.as_ref()).to_owned();
    let mut files: BTreeMap<String, RawFile> = changed.iter().map(|file| (name(file), file.clone())).collect();
    let since = files.keys().filter_map(|name| known.get(name)).map(|file| file.epoch).min().unwrap_or_default();
    let mixed = |file: &&ConsumedFile| {
        let lost_rows = file.duplicate > 0 || conflicts.contains(file.path.as_str());
        lost_rows && file.epoch.max(file.replayed.unwrap_or_default()) >= since && !files.contains_key(&file.path)
    };
    let again: BTreeSet<String> = known.values().filter(mixed).map(|file| file.path.clone()).collect();
    if !again.is_empty() {
        let there = everything(source, place).await?.new;
        files.extend(there.into_iter().map(|file| (name(&file), file)).filter(|(name, _)| again.contains(name)));
    }
    let gone = again.iter().filter(|name| !files.contains_key(*name)).count();
    if gone > 0 {
        return Ok(Gathered::Gone(gone_files(source, changed.len(), gone)));
    }
    let restated: Vec<ConsumedFile> = files.keys().filter_map(|name| known.remove(name)).collect();
    let held = held.into_keys().filter(|object| files.contains_key(location::name(place, object)));
    let newest = known.values().map(|file| (file.newest_event, file.newest_future));
    Ok(Gathered::Some(Restating {
        held: Arc::new(held.collect()),
        newest: newest.fold((None, None), |(event, future), file| (event.max(file.0), future.max(file.1))),
        known: restated,
        changed: changed.len() as u64,
        changed_paths: changed.iter().map(|file| file.path.to_string()).collect(),
        again: again.len() as u64,
        files: files.into_values().collect(),
    }))
}

fn gone_files(source: &Source, changed: usize, gone: usize) -> EngineError {
    EngineError::Data {
        message: format!(
            "source {}: {changed} files changed after they were read, and {gone} files have to be read again with them, because \
             rows of theirs were dropped as copies, and are gone",
            source.name
        ),
        details: Vec::new(),
        help: Some("bring the files back; or set `on_change: ignore` on the source to keep what was read".to_owned()),
    }
}

/// Takes out what was read of the files and reads them again, in one commit.
pub(crate) async fn restate(
    run: &mut Run<'_>,
    pending: &PendingSource<'_>,
    restating: &Restating,
    mut state: SourceState,
    report: &mut SourceReport,
) -> Result<SourceState, EngineError> {
    run.go_on()?;
    let (source, files) = (pending.source, &restating.files);
    run.context.observer.begins(&Stage::Land {
        source: source.name.clone(),
        files: files.len() as u64,
        bytes: files.iter().map(|file| file.size).sum(),
    });
    let names = run.ledger.begin(run.latest.as_ref());
    let Rest { kept, made, dropped } = rest(run, source, &state, restating, &names).await?;
    state.landed = run.ledger.append_landed(&names, &source.name, &[], &kept).await?;
    let reading = Reading { source, place: &pending.place, files, records: &[], made: &made };
    let landing = land(run, reading, &state, &names).await?;
    let totals = totals(files, &landing);
    let mut so_far = report.clone();
    add_to_report(&mut so_far, &totals, files, &landing);
    for date in &dropped {
        let of = so_far.dates.entry(*date).or_default();
        let others = restating.changed_paths.iter().filter(|path| !of.files.contains(path)).cloned();
        others.collect::<Vec<_>>().iter().for_each(|path| of.add(path));
    }
    (so_far.restated, so_far.read_again) = (restating.changed, restating.again);
    within_budget(source, &so_far, &landing)?;

    let consumed = consumed(pending, files, &landing, &names)?;
    let rows = landed(run, &landing)?;
    read_as_declared(run, pending, &mut state, false);
    state.file_logs = run.ledger.append_files(&names, &source.name, &state.file_logs, &consumed).await?;
    state.landed = run.ledger.append_landed(&names, &source.name, &state.landed, &rows).await?;
    let new = quarantine_files(run, &landing.quarantine)?;
    let old = without(run, source, &state.quarantine, &restating.held, true, &names, new.len()).await?;
    state.quarantine = old.into_iter().chain(new).collect();
    restating.known.iter().for_each(|file| state.totals -= counted(file));
    state.totals += totals;
    state.newest_event = restating.newest.0.max(landing.newest_event);
    state.newest_future = restating.newest.1.max(landing.newest_future);
    if !rows.is_empty() || !dropped.is_empty() {
        state.changed_at = names.epoch;
    }
    state.dropped_on.extend(dropped.into_iter().map(|date| (date, names.epoch)));
    run.commit(&names, Change::Source { name: source.name.clone(), state: Box::new(state.clone()) }).await?;
    *report = so_far;
    warn_of_the_future(run, source, &landing);
    Ok(state)
}

/// What a file counted for.
fn counted(file: &ConsumedFile) -> Totals {
    Totals {
        files: 1,
        bytes: file.bytes,
        read: file.read,
        accepted: file.accepted,
        quarantined: file.quarantined,
        duplicate: file.duplicate,
    }
}

/// Landed rows without those of some files.
struct Rest {
    kept: Vec<LandedFile>,
    /// How many objects were made of each event date.
    made: BTreeMap<NaiveDate, usize>,
    /// Event dates of which rows were dropped.
    dropped: BTreeSet<NaiveDate>,
}

async fn rest(
    run: &Run<'_>,
    source: &Source,
    state: &SourceState,
    restating: &Restating,
    names: &Names,
) -> Result<Rest, EngineError> {
    let root: &OutputRoot = run.state();
    let gone: Arc<HashSet<u128>> = Arc::new(restating.known.iter().map(|file| trace(&file.path)).collect());
    let since: Epoch = restating.known.iter().map(|file| file.epoch).min().unwrap_or_default();
    let mut rest = Rest { kept: Vec::new(), made: BTreeMap::new(), dropped: BTreeSet::new() };
    for file in run.ledger.landed_files(state).await? {
        // An object holds no row that was read after it was made.
        if file.epoch() < Some(since) {
            rest.kept.push(file);
            continue;
        }
        run.go_on()?;
        let made = rest.made.get(&file.date).copied().unwrap_or(0);
        let name = names.landed(&source.name, file.date, made);
        let (from, to) = (path_of(root, file.name.as_str())?, path_of(root, name.as_str())?);
        match strip(&root.store, &from, &to, source, names.epoch.0, &gone).await? {
            Stripped::Whole => {
                rest.kept.push(file);
                continue;
            }
            Stripped::Nothing => {}
            Stripped::Copy { rows, bytes } => {
                rest.made.insert(file.date, made + 1);
                rest.kept.push(LandedFile { name, rows, bytes, date: file.date });
            }
        }
        rest.dropped.insert(file.date);
    }
    Ok(rest)
}
