//! What is new: the facts a plan is made of.

use std::collections::{BTreeMap, BTreeSet};

use cxmill_ingest::{IngestError, Place, RawFile, Seen, discover};
use cxmill_ledger::{Commit, FileState, KnownFiles, Ledger};
use cxmill_spec::{OnChange, Source};

use crate::compile::Compiled;
use crate::context::{Context, RunOptions, Stage};
use crate::contract::{Landed, reconcile};
use crate::error::EngineError;
use crate::roots::open_place;
use crate::strategy::view::find;

/// Names of changed files that an error shows.
const NAMES_SHOWN: usize = 10;

/// A selected source and what is new of it.
#[derive(Debug)]
pub(crate) struct PendingSource<'a> {
    /// The source.
    pub(crate) source: &'a Source,
    /// Where its files are.
    pub(crate) place: Place,
    /// Files never read, in the order they will count as read.
    pub(crate) files: Vec<RawFile>,
    /// Number of files read before.
    pub(crate) known: u64,
    /// Files that changed after they were read, where that matters.
    pub(crate) changed: Vec<String>,
    /// What becomes of the rows landed so far.
    pub(crate) landed: Landed,
    /// Why a run would stop at this source. A plan shows it, a run returns it.
    pub(crate) refusal: Option<EngineError>,
}

/// Models that are selected: those named and all that they read.
pub(crate) fn selected<'a>(compiled: &'a Compiled, options: &RunOptions) -> BTreeSet<&'a str> {
    if options.select.is_empty() {
        return compiled.models.iter().map(|model| model.name.as_str()).collect();
    }
    let mut selected = BTreeSet::new();
    let mut open: Vec<_> = options.select.iter().filter_map(|name| find(compiled, name)).collect();
    while let Some(model) = open.pop() {
        if selected.insert(model.name.as_str()) {
            open.extend(model.reads.iter().filter_map(|name| find(compiled, name)));
        }
    }
    selected
}

/// Lists every source that a selected model reads (all sources when nothing is selected). Reads no data.
pub(crate) async fn discover_sources<'a>(
    context: &'a Context,
    compiled: &Compiled,
    options: &RunOptions,
    ledger: &Ledger,
    latest: Option<&Commit>,
) -> Result<Vec<PendingSource<'a>>, EngineError> {
    let selected = selected(compiled, options);
    let models = compiled.models.iter().filter(|model| selected.contains(model.name.as_str()));
    let read: BTreeSet<&str> = models.flat_map(|model| model.sources.iter().map(String::as_str)).collect();
    let empty = BTreeMap::new();
    let states = latest.map_or(&empty, |commit| &commit.sources);
    let mut pending = Vec::new();
    for source in context.project.sources.values() {
        if !options.select.is_empty() && !read.contains(source.name.as_str()) {
            continue;
        }
        context.observer.begins(&Stage::Discover { source: source.name.clone() });
        let state = states.get(&source.name);
        let (landed, refusal) = match reconcile(source, state, context.private_key.as_ref(), options.full_refresh) {
            Ok(landed) => (landed, None),
            Err(refusal) => (Landed::Stay, Some(refusal)),
        };
        let known = match state {
            Some(state) => ledger.known_files(state).await?,
            None => KnownFiles::default(),
        };
        let place = open_place(context, &source.location)?;
        let seen = |path: &str, identity: &str| match known.state(path, identity) {
            FileState::New => Seen::New,
            FileState::Read => Seen::Read,
            FileState::Changed => Seen::Changed,
        };
        let found = discover(&place, &seen).await.map_err(|error| listing(source, error))?;
        let ignored = source.on_change == OnChange::Ignore;
        let read_early = options.full_refresh && !ignored && !found.changed.is_empty();
        if refusal.is_none() && (landed == Landed::ReadAgain || read_early) {
            let there = found.known + found.changed.len() as u64;
            let refusal = gone_files(source, known.len() as u64, there);
            let everything = discover(&place, &|_, _| Seen::New).await.map_err(|error| listing(source, error))?;
            let (files, changed, landed) = (everything.new, Vec::new(), Landed::ReadAgain);
            pending.push(PendingSource { source, place, files, known: 0, changed, landed, refusal });
            continue;
        }
        let mut known = found.known;
        let mut changed: Vec<String> = found.changed.iter().map(|file| file.path.to_string()).collect();
        if ignored {
            known += changed.len() as u64;
            changed.clear();
        }
        let refusal = refusal.or_else(|| changed_files(source, &changed));
        pending.push(PendingSource { source, place, files: found.new, known, changed, landed, refusal });
    }
    Ok(pending)
}

/// Reading a source again drops its landed rows, so every file they came from has to be there still. Raw files that were
/// moved away or expired are no empty source: their rows live on in the landed rows alone.
fn gone_files(source: &Source, known: u64, there: u64) -> Option<EngineError> {
    let gone = known.checked_sub(there).filter(|gone| *gone > 0)?;
    Some(EngineError::Data {
        message: format!(
            "source {} cannot be read again: {gone} of {known} files that were read are gone",
            source.name
        ),
        details: Vec::new(),
        help: Some("their rows would be lost; bring the files back, or give the source a new name".to_owned()),
    })
}

fn changed_files(source: &Source, changed: &[String]) -> Option<EngineError> {
    if changed.is_empty() {
        return None;
    }
    let mut details: Vec<String> = changed.iter().take(NAMES_SHOWN).cloned().collect();
    if changed.len() > NAMES_SHOWN {
        details.push(format!("and {} more", changed.len() - NAMES_SHOWN));
    }
    Some(EngineError::Data {
        message: format!("source {}: {} changed after they were read", source.name, files(changed.len())),
        details,
        help: Some(
            "put corrections into new files; or set `on_change: ignore` on the source to keep what was read; or, where \
             files were read before they were whole, run with --full-refresh to read the source again from its raw files"
                .to_owned(),
        ),
    })
}

fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

/// A listing that failed names the source and the setting that leads there.
fn listing(source: &Source, error: IngestError) -> EngineError {
    match EngineError::from(error) {
        EngineError::Store { message, help } => EngineError::Store {
            message: format!("source {}: {message}", source.name),
            help: help.or_else(|| {
                let scheme = source.location.split_once("://").map(|(scheme, _)| scheme);
                let stores =
                    scheme.map(|scheme| format!(", at `stores.{scheme}` and the credentials in the environment"));
                let stores = stores.unwrap_or_default();
                Some(format!("look at `location` of source {} ({}), at `raw`{stores}", source.name, source.location))
            }),
        },
        other => other,
    }
}
