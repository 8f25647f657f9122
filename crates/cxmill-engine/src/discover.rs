//! What is new: the facts a plan is made of.

use std::collections::{BTreeMap, BTreeSet};

use cxmill_ingest::{Discovery, IngestError, Listing, Place, RawFile, Seen, discover};
use cxmill_ledger::{Commit, FileState, KnownFiles, Ledger, LedgerError, SourceState};
use cxmill_spec::{OnChange, Project, Source};

use crate::compile::Compiled;
use crate::context::{Context, RunOptions, Stage};
use crate::contract::{Landed, reconcile};
use crate::delivery;
use crate::error::EngineError;
use crate::land::batches;
use crate::location::{self, Moved};
use crate::restate::{Gathered, Restating, gather};
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
    /// Files to be restated, where a file changed and the source says so.
    pub(crate) restating: Option<Restating>,
    /// Where the files are now.
    pub(crate) location: String,
    /// What is the same where the location changed.
    pub(crate) moved: Option<Moved>,
    /// All files that are there.
    pub(crate) listing: Listing,
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

/// Every source that a selected model reads; all sources when nothing is selected.
pub(crate) fn sources<'a>(
    project: &'a Project,
    compiled: &Compiled,
    options: &RunOptions,
) -> impl Iterator<Item = &'a Source> {
    let selected = selected(compiled, options);
    let models = compiled.models.iter().filter(|model| selected.contains(model.name.as_str()));
    let read: BTreeSet<String> = models.flat_map(|model| model.sources.iter().cloned()).collect();
    let all = options.select.is_empty();
    project.sources.values().filter(move |source| all || read.contains(&source.name))
}

/// Lists every source that a selected model reads (all sources when nothing is selected). Reads no data.
pub(crate) async fn discover_sources<'a>(
    context: &'a Context,
    compiled: &Compiled,
    options: &RunOptions,
    ledger: &Ledger,
    latest: Option<&Commit>,
) -> Result<Vec<PendingSource<'a>>, EngineError> {
    let empty = BTreeMap::new();
    let states = latest.map_or(&empty, |commit| &commit.sources);
    let mut pending = Vec::new();
    for source in sources(&context.project, compiled, options) {
        context.observer.begins(&Stage::Discover { source: source.name.clone() });
        let state = states.get(&source.name);
        pending.push(Box::pin(pending_source(context, source, options, ledger, state)).await?);
    }
    Ok(pending)
}

/// What is new of one source, or why a run would stop there.
async fn pending_source<'a>(
    context: &'a Context,
    source: &'a Source,
    options: &RunOptions,
    ledger: &Ledger,
    state: Option<&SourceState>,
) -> Result<PendingSource<'a>, EngineError> {
    // The next delivery of a snapshot replaces all that is landed, so that it may as well meet another contract.
    let anew = options.full_refresh || source.is_snapshot();
    let (landed, refusal) = match reconcile(source, state, context.private_key.as_ref(), anew) {
        Ok(landed) => (landed, None),
        Err(refusal) => (Landed::Stay, Some(refusal)),
    };
    let place = open_place(context, &source.location)?;
    let location = location::address(&place, &context.base);
    let mut pending = PendingSource {
        source,
        place,
        files: Vec::new(),
        known: 0,
        changed: Vec::new(),
        landed,
        restating: None,
        location,
        moved: None,
        listing: Listing::default(),
        refusal,
    };
    let lost = match state {
        Some(state) => options.full_refresh && is_lost(ledger, source, state).await?,
        None => false,
    };
    if source.is_snapshot() {
        look_for_delivery(&mut pending, ledger, state, lost).await?;
        return Ok(pending);
    }
    let Some(state) = state else {
        let found = everything(source, &pending.place).await?;
        (pending.files, pending.listing) = (found.new, found.listing);
        return Ok(pending);
    };
    if state.location == pending.location {
        look(&mut pending, options, ledger, state, lost).await?;
    } else {
        look_elsewhere(&mut pending, options, ledger, state, lost).await?;
    }
    Ok(pending)
}

/// Whether the newest delivery of a snapshot is another one than is landed; it is then read whole and replaces that.
async fn look_for_delivery(
    pending: &mut PendingSource<'_>,
    ledger: &Ledger,
    state: Option<&SourceState>,
    lost: bool,
) -> Result<(), EngineError> {
    let Discovery { new, listing, .. } = everything(pending.source, &pending.place).await?;
    let files = delivery::newest(&pending.place, new);
    pending.listing = listing;
    let known = match state {
        Some(state) => ledger.known_files(state).await?,
        None => KnownFiles::default(),
    };
    let read = |file: &RawFile| {
        let name = location::name(&pending.place, file.path.as_ref());
        known.state(name, &file.identity()) == FileState::Read
    };
    pending.known = known.len() as u64;
    let stands = files.len() == known.len() && files.iter().all(read) && state.is_some();
    let again = lost || pending.landed == Landed::ReadAgain;
    if files.is_empty() || stands && !again {
        pending.landed = Landed::Stay;
        return Ok(());
    }
    pending.files = files;
    pending.landed = Landed::ReadAgain;
    Ok(())
}

/// What is new of a source whose files are where they were.
async fn look(
    pending: &mut PendingSource<'_>,
    options: &RunOptions,
    ledger: &Ledger,
    state: &SourceState,
    lost: bool,
) -> Result<(), EngineError> {
    let (source, place) = (pending.source, &pending.place);
    let known = ledger.known_files(state).await?;
    let seen = |path: &str, identity: &str| match known.state(location::name(place, path), identity) {
        FileState::New => Seen::New,
        FileState::Read => Seen::Read,
        FileState::Changed => Seen::Changed,
    };
    let found = list(source, place, &seen).await?;
    let ignored = source.on_change == OnChange::Ignore;
    let read_early = options.full_refresh && !ignored && !found.changed.is_empty();
    if pending.refusal.is_none() && (lost || pending.landed == Landed::ReadAgain || read_early) {
        let there = found.known + found.changed.len() as u64;
        let all = everything(source, place).await?;
        pending.listing = all.listing;
        read_again(pending, all.new, known.len() as u64, there);
        return Ok(());
    }
    pending.listing = found.listing;
    if pending.refusal.is_none() && source.on_change == OnChange::Restate && !found.changed.is_empty() {
        match gather(ledger, state, source, place, &found.changed).await? {
            Gathered::Some(restating) => {
                pending.changed = found.changed.iter().map(|file| file.path.to_string()).collect();
                pending.known = found.known - restating.again;
                pending.files = found.new;
                pending.restating = Some(restating);
            }
            Gathered::All => {
                let there = found.known + found.changed.len() as u64;
                let all = everything(source, place).await?;
                read_again(pending, all.new, known.len() as u64, there);
            }
            Gathered::Gone(refusal) => pending.refusal = Some(refusal),
        }
        return Ok(());
    }
    pending.known = found.known;
    pending.files = found.new;
    pending.take_changed(&found.changed);
    Ok(())
}

/// What is new of a source whose location changed.
async fn look_elsewhere(
    pending: &mut PendingSource<'_>,
    options: &RunOptions,
    ledger: &Ledger,
    state: &SourceState,
    lost: bool,
) -> Result<(), EngineError> {
    let Discovery { new: files, listing, .. } = everything(pending.source, &pending.place).await?;
    pending.listing = listing;
    let compared = location::compare(ledger, state, &pending.place, files.clone()).await?;
    let there = compared.moved.same + compared.changed.len() as u64;
    let again = lost || pending.landed == Landed::ReadAgain || (options.full_refresh && !compared.is_whole());
    if pending.refusal.is_none() && again {
        read_again(pending, files, there + compared.gone.len() as u64, there);
        return Ok(());
    }
    if !compared.is_whole() && !options.relocate {
        pending.refusal = pending.refusal.take().or_else(|| Some(compared.refusal(pending.source, &pending.location)));
    }
    pending.known = compared.moved.same;
    pending.take_changed(&compared.changed);
    pending.files = compared.new;
    pending.moved = Some(compared.moved);
    Ok(())
}

impl PendingSource<'_> {
    /// The files in batches of at most `max_bytes`; a delivery of a snapshot replaces what is landed at one stroke.
    pub(crate) fn batches(&self, max_bytes: u64) -> Vec<&[RawFile]> {
        batches(&self.files, if self.source.is_snapshot() { u64::MAX } else { max_bytes })
    }

    /// Files that changed after they were read stop the run, unless the source ignores that.
    fn take_changed(&mut self, changed: &[RawFile]) {
        if self.source.on_change == OnChange::Ignore {
            self.known += changed.len() as u64;
            return;
        }
        self.changed = changed.iter().map(|file| file.path.to_string()).collect();
        self.refusal = self.refusal.take().or_else(|| changed_files(self.source, &self.changed));
    }
}

/// Has a source read again from its raw files; of those that were read, `there` of `known` are found.
fn read_again(pending: &mut PendingSource<'_>, files: Vec<RawFile>, known: u64, there: u64) {
    pending.refusal = gone_files(pending.source, known, there);
    pending.files = files;
    pending.landed = Landed::ReadAgain;
}

pub(crate) async fn everything(source: &Source, place: &Place) -> Result<Discovery, EngineError> {
    list(source, place, &|_, _| Seen::New).await
}

/// Lists a source.
pub(crate) async fn list(
    source: &Source,
    place: &Place,
    seen: &(dyn Fn(&str, &str) -> Seen + Send + Sync),
) -> Result<Discovery, EngineError> {
    discover(place, seen).await.map_err(|error| not_listed(source, error))
}

/// Whether landed rows of a source are gone or are not what was committed.
async fn is_lost(ledger: &Ledger, source: &Source, state: &SourceState) -> Result<bool, EngineError> {
    match ledger.lost_landed(&source.name, state).await {
        Ok(lost) => Ok(!lost.is_empty()),
        Err(LedgerError::Lost { .. } | LedgerError::Record { .. }) => Ok(true),
        Err(error) => Err(error.into()),
    }
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
            "put corrections into new files; or set `on_change: restate` on the source to take out what old versions \
             contributed and read the new ones, or `on_change: ignore` to keep what was read; or, where files were read \
             before they were whole, run with --full-refresh to read the source again from its raw files"
                .to_owned(),
        ),
    })
}

fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

/// A listing that failed names the source and the setting that leads there.
fn not_listed(source: &Source, error: IngestError) -> EngineError {
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
