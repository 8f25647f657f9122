//! `quarantine replay`: rows in quarantine are fed back once their contract was fixed, each exactly once.
//!
//! A row is read again from its raw file, at the line that the quarantine names: private columns are hashed in the raw record of
//! the quarantine, so no row can be made of it, and a file is there in every format. That it is the same file is told by the
//! ledger. A row that meets the contract now is landed like any other (a copy of a landed row is dropped as a duplicate); one that
//! still breaks it stays in quarantine, with what is wrong with it now. One commit a source takes the rows that were read again out
//! of the quarantine and counts them where they went, so a replay that dies has fed back nothing, and one that is repeated finds
//! nothing left to do.
//!
//! Left as they are: rows of files that are gone, changed or elsewhere, and what is damaged of a file.

mod find;

use std::collections::BTreeMap;

use cxmill_ingest::{FileOutcome, Landing, Quarantined, RawFile, quarantined};
use cxmill_ledger::{Names, SourceState};
use cxmill_spec::{OnChange, Source};
use serde::Serialize;

use self::find::{Found, find};
use crate::clock::Stopwatch;
use crate::commit::Change;
use crate::compile::Compiled;
use crate::context::{Context, RunOptions, Stage};
use crate::contract::reconcile;
use crate::error::EngineError;
use crate::land::{Reading, land, landed, quarantine_files};
use crate::look::known_source;
use crate::publish::leave_no_garbage;
use crate::quarantine::{paths, without};
use crate::recover::{Run, recover};
use crate::run::failed;

/// What a replay did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ReplayReport {
    /// Epoch that stands after it.
    pub epoch: u64,
    /// Whether anything was committed.
    pub committed: bool,
    /// Whether it only tried.
    pub dry_run: bool,
    /// Sources with rows in quarantine, by name.
    pub sources: Vec<ReplayedSource>,
    /// Seconds.
    pub seconds: f64,
}

/// What became of the quarantine of a source.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ReplayedSource {
    /// Name.
    pub name: String,
    /// Rows that were in quarantine.
    pub rows: u64,
    /// Rows that were read again. Where a file had been refused as a whole, one row became all of its rows.
    pub read: u64,
    /// Of these, rows that are landed now.
    pub accepted: u64,
    /// Rows that were landed before.
    pub duplicate: u64,
    /// Rows that still break the contract.
    pub quarantined: u64,
    /// Those by rule.
    pub by_rule: BTreeMap<String, u64>,
    /// Rows that could not be read again, by raw object.
    pub left: Vec<LeftRows>,
}

/// Rows that stay in quarantine as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftRows {
    /// Their raw object.
    pub object: String,
    /// How many.
    pub rows: u64,
    /// Why.
    pub why: String,
}

/// Feeds back the rows in quarantine of these sources, or of all where none is named. `dry_run` reads and commits nothing.
///
/// Errors: [`EngineError::Invalid`] for a source that does not exist; [`EngineError::Data`] where the contract changed so that
/// landed rows have to be read again first; [`EngineError::Conflict`] where another run landed rows of the source meanwhile. The
/// source at fault is then as it was.
pub async fn replay(
    context: &Context,
    compiled: &Compiled,
    sources: &[String],
    dry_run: bool,
) -> Result<ReplayReport, EngineError> {
    let watch = Stopwatch::start();
    let named: Vec<&Source> = match sources {
        [] => context.project.sources.values().collect(),
        names => names.iter().map(|name| known_source(context, name)).collect::<Result<_, _>>()?,
    };
    let options = RunOptions::default();
    let mut run = recover(context, compiled, &options).await?;
    let mut report = ReplayReport { dry_run, ..ReplayReport::default() };
    for source in named {
        match Box::pin(replay_source(&mut run, source, dry_run)).await {
            Ok(replayed) => report.sources.extend(replayed),
            Err(error) => return Err(failed(&run, error).await),
        }
    }
    leave_no_garbage(&run).await;
    (report.epoch, report.committed) = (run.report.epoch, run.report.committed);
    report.seconds = watch.seconds();
    Ok(report)
}

/// Feeds back the rows of one source; none where it has none in quarantine.
async fn replay_source(
    run: &mut Run<'_>,
    source: &Source,
    dry_run: bool,
) -> Result<Option<ReplayedSource>, EngineError> {
    run.go_on()?;
    let Some(state) = run.sources().remove(&source.name).filter(|state| state.totals.quarantined > 0) else {
        return Ok(None);
    };
    reconcile(source, Some(&state), run.context.private_key.as_ref(), false)?;
    let before = quarantined(&run.state().store, &paths(run, &state.quarantine)?, &source.format).await?;
    let found = find(run, source, &state, before).await?;
    let mut report = ReplayedSource {
        name: source.name.clone(),
        rows: state.totals.quarantined,
        left: found.left.clone(),
        ..ReplayedSource::default()
    };
    if found.files.is_empty() {
        return Ok(Some(report));
    }
    run.context.observer.begins(&Stage::Land {
        source: source.name.clone(),
        files: found.files.len() as u64,
        bytes: found.files.iter().map(|file| file.size).sum(),
    });
    let names = run.ledger.begin(run.latest.as_ref());
    let reading =
        Reading { source, place: &found.place, files: &found.files, records: &found.records, made: &BTreeMap::new() };
    let landing = land(run, reading, &state, &names).await?;
    all_were_found(&found, &landing)?;
    let sum = |count: fn(&FileOutcome) -> u64| landing.files.iter().map(count).sum::<u64>();
    report.read = sum(|file| file.read);
    report.accepted = sum(|file| file.accepted);
    report.duplicate = sum(|file| file.duplicate);
    report.quarantined = sum(|file| file.quarantined);
    report.by_rule.clone_from(&landing.by_rule);
    if !dry_run && changes_something(run, source, &found, &landing).await? {
        let state = settled(run, source, state, &found, &landing, &names).await?;
        run.commit(&names, Change::Source { name: source.name.clone(), state: Box::new(state) }).await?;
    }
    Ok(Some(report))
}

/// Fails where a file did not give the rows that the quarantine has of it: some would be lost, or counted twice.
fn all_were_found(found: &Found, landing: &Landing) -> Result<(), EngineError> {
    let wrong = found
        .files
        .iter()
        .zip(&found.before)
        .zip(&landing.files)
        .find(|((_, before), outcome)| before.refused == 0 && outcome.read != before.lines.len() as u64);
    let Some(((file, before), outcome)) = wrong else { return Ok(()) };
    Err(EngineError::Data {
        message: format!(
            "{} rows of {} are in quarantine, and {} of them were found in it",
            before.lines.len(),
            file.path,
            outcome.read
        ),
        details: Vec::new(),
        help: Some(
            "nothing was changed; run with --full-refresh to read the source again from its raw files".to_owned(),
        ),
    })
}

/// Whether a row left the quarantine, or stays there for another reason.
async fn changes_something(
    run: &Run<'_>,
    source: &Source,
    found: &Found,
    landing: &Landing,
) -> Result<bool, EngineError> {
    if landing.files.iter().any(|file| file.accepted + file.duplicate > 0) {
        return Ok(true);
    }
    let parts: Vec<_> = landing.quarantine.iter().map(|part| part.path.clone()).collect();
    let after = quarantined(&run.state().store, &parts, &source.format).await?;
    let same = |(file, before): (&RawFile, &Quarantined)| {
        after.get(file.path.as_ref()).map(|after| after.reasons) == Some(before.reasons)
    };
    Ok(!found.files.iter().zip(&found.before).all(same))
}

/// The source as it stands once the rows that were read again are where they belong.
async fn settled(
    run: &Run<'_>,
    source: &Source,
    mut state: SourceState,
    found: &Found,
    landing: &Landing,
    names: &Names,
) -> Result<SourceState, EngineError> {
    let consumed = found.consumed(landing, names.epoch);
    let rows = landed(run, landing)?;
    state.contract = source.canonical();
    state.traced &= source.on_change == OnChange::Restate;
    state.file_logs = run.ledger.append_files(names, &source.name, &state.file_logs, &consumed).await?;
    if !rows.is_empty() {
        state.landed = run.ledger.append_landed(names, &source.name, &state.landed, &rows).await?;
        state.changed_at = names.epoch;
    }
    let new = quarantine_files(run, &landing.quarantine)?;
    let old = without(run, source, &state.quarantine, &found.again, false, names, new.len()).await?;
    state.quarantine = old.into_iter().chain(new).collect();
    for (before, after) in found.before.iter().zip(&landing.files) {
        let totals = &mut state.totals;
        totals.read = totals.read + after.read - before.replayed();
        totals.quarantined = totals.quarantined + after.quarantined - before.replayed();
        totals.accepted += after.accepted;
        totals.duplicate += after.duplicate;
    }
    state.newest_event = state.newest_event.max(landing.newest_event);
    state.newest_future = state.newest_future.max(landing.newest_future);
    Ok(state)
}
