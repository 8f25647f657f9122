//! The engine's side of ingest: new files of a source in batches, each batch landed and committed by itself.
//!
//! A batch's commit names landed rows that no model has read yet, so a reader of the output sees nothing of it; but a crash,
//! a stop or a file over the error budget costs that batch alone, and a backlog of any size runs in the memory of one batch.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use cxmill_ingest::{LATE, LandRequest, Landing, Place, QuarantinePart, RawFile, Records, trace};
use cxmill_ledger::{ConsumedFile, LandedFile, Names, QuarantineFile, SourceState, Totals};
use cxmill_spec::{ErrorBudget, OnChange, Source};
use object_store::path::Path;

use crate::clock::{Stopwatch, rfc3339};
use crate::commit::Change;
use crate::context::Stage;
use crate::contract::Landed;
use crate::decide;
use crate::discover::PendingSource;
use crate::error::EngineError;
use crate::location::{self, Moved};
use crate::memory;
use crate::recover::Run;
use crate::report::{DamagedFile, SourceReport};
use crate::restate::restate;
use crate::roots::{name_of, path_of};

/// Cuts files, in the order they count as read, into batches of at most `max_bytes` and at least one file.
pub(crate) fn batches(files: &[RawFile], max_bytes: u64) -> Vec<&[RawFile]> {
    decide::batches(files, |file| file.size, max_bytes)
}

/// Lands everything new of a source and says what was read.
pub(crate) async fn land_source(run: &mut Run<'_>, pending: &PendingSource<'_>) -> Result<SourceReport, EngineError> {
    let watch = Stopwatch::start();
    let mut report = SourceReport { name: pending.source.name.clone(), ..SourceReport::default() };
    let before = if pending.landed == Landed::ReadAgain { None } else { run.sources().remove(&pending.source.name) };
    let mut state = before;
    if let (Some(moved), Some(known)) = (&pending.moved, &mut state) {
        Box::pin(take_over(run, pending, moved, known)).await?;
    }
    if let (Some(restating), Some(known)) = (&pending.restating, &state) {
        state = Some(Box::pin(restate(run, pending, restating, known.clone(), &mut report)).await?);
    }
    let max_batch_bytes = run.context.project.settings.max_batch_bytes;
    for batch in pending.batches(max_batch_bytes) {
        run.go_on()?;
        let bytes = batch.iter().map(|file| file.size).sum();
        run.context.observer.begins(&Stage::Land {
            source: pending.source.name.clone(),
            files: batch.len() as u64,
            bytes,
        });
        state = Some(land_batch(run, pending, batch, state, &mut report).await?);
    }
    report.seconds = watch.seconds();
    Ok(report)
}

/// Takes over the new place of a source: from now on its files are known as they are there.
async fn take_over(
    run: &mut Run<'_>,
    pending: &PendingSource<'_>,
    moved: &Moved,
    state: &mut SourceState,
) -> Result<(), EngineError> {
    let source = &pending.source.name;
    let names = run.ledger.begin(run.latest.as_ref());
    state.file_logs = run.ledger.append_files(&names, source, &state.file_logs, &moved.renewed).await?;
    state.location.clone_from(&pending.location);
    run.commit(&names, Change::Source { name: source.clone(), state: Box::new(state.clone()) }).await?;
    run.report.warnings.push(format!(
        "source {source}: its location was {} and is now {}; {} files that were read are there and are not read again",
        moved.from, pending.location, moved.same
    ));
    Ok(())
}

/// Lands one batch and commits it.
async fn land_batch(
    run: &mut Run<'_>,
    pending: &PendingSource<'_>,
    batch: &[RawFile],
    state: Option<SourceState>,
    report: &mut SourceReport,
) -> Result<SourceState, EngineError> {
    let source = pending.source;
    let names = run.ledger.begin(run.latest.as_ref());
    let fresh = state.is_none();
    let mut state = state.unwrap_or_default();
    let made = BTreeMap::new();
    let reading = Reading { source, place: &pending.place, files: batch, records: &[], made: &made };
    let landing = land(run, reading, &state, &names).await?;
    let totals = totals(batch, &landing);
    let mut so_far = report.clone();
    add_to_report(&mut so_far, &totals, batch, &landing);
    within_budget(source, &so_far, &landing)?;
    if source.is_snapshot() {
        whole(source, &landing)?;
    }

    let consumed = consumed(pending, batch, &landing, &names)?;
    let landed = landed(run, &landing)?;
    read_as_declared(run, pending, &mut state, fresh);
    state.file_logs = run.ledger.append_files(&names, &source.name, &state.file_logs, &consumed).await?;
    if !landed.is_empty() {
        state.landed = run.ledger.append_landed(&names, &source.name, &state.landed, &landed).await?;
    }
    state.quarantine.extend(quarantine_files(run, &landing.quarantine)?);
    state.totals += totals;
    state.newest_event = state.newest_event.max(landing.newest_event);
    state.newest_future = state.newest_future.max(landing.newest_future);
    if fresh || !landed.is_empty() {
        state.changed_at = names.epoch;
    }
    if fresh {
        state.added_since = names.epoch;
    }

    run.commit(&names, Change::Source { name: source.name.clone(), state: Box::new(state.clone()) }).await?;
    *report = so_far;
    warn_of_the_future(run, source, &landing);
    Ok(state)
}

/// Notes where and by which contract the rows of a source are read from now on; `fresh` where there are none yet.
pub(crate) fn read_as_declared(run: &Run<'_>, pending: &PendingSource<'_>, state: &mut SourceState, fresh: bool) {
    let source = pending.source;
    state.location.clone_from(&pending.location);
    state.contract = source.canonical();
    state.private_key = private_fingerprint(run, source);
    state.traced = source.on_change == OnChange::Restate && (fresh || state.traced);
}

/// Says that rows are dated too far ahead to tell how far time has come.
pub(crate) fn warn_of_the_future(run: &mut Run<'_>, source: &Source, landing: &Landing) {
    let Some(future) = landing.newest_future.filter(|future| landing.newest_event.is_none_or(|event| event < *future))
    else {
        return;
    };
    run.report.warnings.push(format!(
        "source {}: rows are dated up to {}, more than a day after their file was put; they are landed, and the as-of does \
         not follow them",
        source.name,
        rfc3339(future)
    ));
}

/// What is read of a source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) source: &'a Source,
    /// Where its files are.
    pub(crate) place: &'a Place,
    /// The files, in the order they count as read.
    pub(crate) files: &'a [RawFile],
    /// Which records of each are taken; empty where all are of all.
    pub(crate) records: &'a [Records],
    /// How many landed objects of each event date this run has made already, by whose numbers theirs go on.
    pub(crate) made: &'a BTreeMap<NaiveDate, usize>,
}

/// Lands rows beside those that are landed already.
pub(crate) async fn land(
    run: &Run<'_>,
    reading: Reading<'_>,
    state: &SourceState,
    names: &Names,
) -> Result<Landing, EngineError> {
    let Reading { source, place, files, records, made } = reading;
    let settings = &run.context.project.settings;
    let root = run.state();
    let known = if source.unique_key.is_empty() { BTreeMap::new() } else { landed_by_date(run, state).await? };
    // Names are made of checked words, dates and numbers, so they are always good paths.
    let path = |name: &str| path_of(root, name).unwrap_or_else(|_| Path::from(name));
    let landed_name = |date: NaiveDate, n: usize| {
        let n = made.get(&date).copied().unwrap_or(0) + n;
        path(names.landed(&source.name, date, n).as_str())
    };
    let traces: Vec<u128> = match source.on_change {
        OnChange::Restate => files.iter().map(|file| trace(location::name(place, file.path.as_ref()))).collect(),
        OnChange::Fail | OnChange::Ignore => Vec::new(),
    };
    let quarantine_name = |n: usize| path(names.quarantine(&source.name, n).as_str());
    let request = LandRequest {
        source,
        place,
        files,
        records,
        traces: &traces,
        private_key: run.context.private_key.as_ref(),
        state: Arc::clone(&root.store),
        landed_name: &landed_name,
        quarantine_name: &quarantine_name,
        landed: &known,
        epoch: names.epoch.0,
        memory: memory::ingest_share(settings.memory_limit),
        threads: settings.threads,
        progress: Arc::clone(&run.context.progress),
    };
    Ok(cxmill_ingest::land(request).await?)
}

/// Landed objects of earlier commits by event date: where duplicates of new rows may lie.
async fn landed_by_date(run: &Run<'_>, state: &SourceState) -> Result<BTreeMap<NaiveDate, Vec<Path>>, EngineError> {
    let mut dates: BTreeMap<NaiveDate, Vec<Path>> = BTreeMap::new();
    for file in run.ledger.landed_files(state).await? {
        dates.entry(file.date).or_default().push(path_of(run.state(), file.name.as_str())?);
    }
    Ok(dates)
}

/// Fails where a file of a delivery is damaged: a part of a table must not take the place of the table.
fn whole(source: &Source, landing: &Landing) -> Result<(), EngineError> {
    let Some(damaged) = landing.damaged.first() else { return Ok(()) };
    Err(EngineError::Data {
        message: format!(
            "source {}: {} is damaged from line {} on: {}",
            source.name, damaged.object, damaged.line, damaged.message
        ),
        details: Vec::new(),
        help: Some("deliver the table again, whole; what was delivered before stays until then".to_owned()),
    })
}

/// Fails where more rows are bad than the source's error budget allows; the last batch is then not consumed.
///
/// It is judged over all that the run has read of the source so far, so that one bad row in a small batch of a large backlog
/// does not stop the run.
pub(crate) fn within_budget(source: &Source, so_far: &SourceReport, landing: &Landing) -> Result<(), EngineError> {
    // A row that comes late is not a broken one.
    let broken = |rule: &str| rule != LATE;
    let by_rule = || so_far.by_rule.iter().filter(|(rule, _)| broken(rule));
    let (read, bad): (u64, u64) = (so_far.totals.read, by_rule().map(|(_, rows)| rows).sum());
    let (over, allowed) = match source.error_budget {
        ErrorBudget::Share(share) => {
            (bad as f64 > bad_rows_allowed(share, read), format!("{} %", trimmed(share * 100.0)))
        }
        ErrorBudget::Rows(allowed) => (bad > allowed, format!("{allowed} rows")),
    };
    if !over {
        return Ok(());
    }
    let by_rule: Vec<String> = by_rule().map(|(rule, rows)| format!("{rule} {rows}")).collect();
    let reasons = landing.reasons.iter().filter(|reason| broken(&reason.rule)).take(10);
    Err(EngineError::Data {
        message: format!(
            "source {}: {bad} of {read} rows break the contract ({}), more than its error_budget of {allowed}",
            source.name,
            by_rule.join(", "),
        ),
        details: reasons
            .map(|reason| format!("{}:{} {} {}", reason.object, reason.line, reason.rule, reason.message))
            .collect(),
        help: Some(format!(
            "mend the files or the contract of {}, or raise its error_budget; nothing of this batch was consumed",
            source.name
        )),
    })
}

/// Bad rows that a share of the rows read allows, rounded up: a share above zero forgives one row of a small file.
fn bad_rows_allowed(share: f64, read: u64) -> f64 {
    // What rounding adds to the product must not become a whole row.
    (share * read as f64 - 1e-9).ceil().max(0.0)
}

/// A number without the zeros that rounding leaves.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(crate) fn totals(batch: &[RawFile], landing: &Landing) -> Totals {
    let mut totals =
        Totals { files: batch.len() as u64, bytes: batch.iter().map(|file| file.size).sum(), ..Totals::default() };
    for file in &landing.files {
        totals.read += file.read;
        totals.accepted += file.accepted;
        totals.quarantined += file.quarantined;
        totals.duplicate += file.duplicate;
    }
    debug_assert_eq!(totals.read, totals.accepted + totals.quarantined + totals.duplicate, "rows balance");
    totals
}

pub(crate) fn consumed(
    pending: &PendingSource<'_>,
    batch: &[RawFile],
    landing: &Landing,
    names: &Names,
) -> Result<Vec<ConsumedFile>, EngineError> {
    if batch.len() != landing.files.len() {
        return Err(EngineError::Bug(format!("{} files became {} outcomes", batch.len(), landing.files.len())));
    }
    let lines = batch.iter().zip(&landing.files).map(|(file, outcome)| ConsumedFile {
        path: location::name(&pending.place, file.path.as_ref()).to_owned(),
        identity: file.identity(),
        bytes: file.size,
        read: outcome.read,
        accepted: outcome.accepted,
        quarantined: outcome.quarantined,
        duplicate: outcome.duplicate,
        epoch: names.epoch,
        replayed: None,
        newest_event: outcome.newest_event,
        newest_future: outcome.newest_future,
    });
    Ok(lines.collect())
}

/// Quarantine objects as a commit names them.
pub(crate) fn quarantine_files(run: &Run<'_>, parts: &[QuarantinePart]) -> Result<Vec<QuarantineFile>, EngineError> {
    let file = |part: &QuarantinePart| {
        Ok(QuarantineFile { name: name_of(run.state(), &part.path)?, rows: part.rows, bytes: part.bytes })
    };
    parts.iter().map(file).collect()
}

/// Landed objects as a manifest names them.
pub(crate) fn landed(run: &Run<'_>, landing: &Landing) -> Result<Vec<LandedFile>, EngineError> {
    let entry = |part: &cxmill_ingest::LandedPart| {
        let name = name_of(run.state(), &part.path)?;
        Ok(LandedFile { name, date: part.date, rows: part.rows, bytes: part.bytes })
    };
    landing.landed.iter().map(entry).collect()
}

fn private_fingerprint(run: &Run<'_>, source: &Source) -> Option<String> {
    let private = source.columns.iter().any(|column| column.private);
    run.context.private_key.as_ref().filter(|_| private).map(cxmill_ingest::PrivateKey::fingerprint)
}

pub(crate) fn add_to_report(report: &mut SourceReport, totals: &Totals, files: &[RawFile], landing: &Landing) {
    report.totals += *totals;
    for (date, numbers) in &landing.dates {
        let of = report.dates.entry(*date).or_default();
        numbers.iter().filter_map(|number| files.get(*number)).for_each(|file| of.add(file.path.as_ref()));
    }
    report.damaged.extend(landing.damaged.iter().map(|damaged| DamagedFile {
        object: damaged.object.clone(),
        line: damaged.line,
        rule: damaged.rule.clone(),
        reason: damaged.message.clone(),
    }));
    for (rule, rows) in &landing.by_rule {
        *report.by_rule.entry(rule.clone()).or_default() += rows;
    }
}

#[cfg(test)]
mod tests {
    use super::bad_rows_allowed;

    #[test]
    fn a_share_is_rounded_up_and_zero_forgives_nothing() {
        let allowed = |share, read| bad_rows_allowed(share, read) as u64;
        assert_eq!((allowed(0.01, 1), allowed(0.01, 100), allowed(0.01, 101)), (1, 1, 2));
        assert_eq!(allowed(0.07, 100), 7, "0.07 times 100 is a little more than 7");
        assert_eq!((allowed(0.0, 1_000_000), allowed(0.5, 0)), (0, 0));
    }
}
