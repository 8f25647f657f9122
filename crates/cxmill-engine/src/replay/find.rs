//! The raw files whose rows can be read again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cxmill_ingest::{Landing, Place, Quarantined, RawFile, Records, look_at};
use cxmill_ledger::{ConsumedFile, Epoch, SourceState};
use cxmill_spec::Source;
use futures::{StreamExt, TryStreamExt, stream};

use super::LeftRows;
use crate::error::EngineError;
use crate::location;
use crate::recover::Run;
use crate::roots::open_place;

/// Looks at raw files under way at a time.
const LOOKS_AT_ONCE: usize = 16;

/// What of a quarantine can be read again.
#[derive(Debug)]
pub(super) struct Found {
    /// Where the files are.
    pub(super) place: Place,
    /// Files that are as they were, and, in the same order, …
    pub(super) files: Vec<RawFile>,
    /// … which of their records are taken, …
    pub(super) records: Vec<Records>,
    /// … what is in quarantine of each, …
    pub(super) before: Vec<Quarantined>,
    /// … and what the ledger has of each.
    known: Vec<ConsumedFile>,
    /// Their paths.
    pub(super) again: Arc<BTreeSet<String>>,
    /// Rows that stay as they are.
    pub(super) left: Vec<LeftRows>,
}

/// Looks for the files of everything in quarantine.
pub(super) async fn find(
    run: &Run<'_>,
    source: &Source,
    state: &SourceState,
    before: BTreeMap<String, Quarantined>,
) -> Result<Found, EngineError> {
    let place = open_place(run.context, &source.location)?;
    let elsewhere = location::address(&place, &run.context.base) != state.location;
    let known: BTreeMap<String, ConsumedFile> =
        run.ledger.consumed_files(state).await?.into_iter().map(|file| (file.path.clone(), file)).collect();
    let looks: Vec<_> = before.keys().map(|object| look_at(&place, object)).collect();
    let seen: Vec<Option<RawFile>> = stream::iter(looks).buffered(LOOKS_AT_ONCE).try_collect().await?;
    let mut found = Found {
        place: place.clone(),
        files: Vec::new(),
        records: Vec::new(),
        before: Vec::new(),
        known: Vec::new(),
        again: Arc::default(),
        left: Vec::new(),
    };
    let mut again = BTreeSet::new();
    for ((object, mut rows), file) in before.into_iter().zip(seen) {
        let recorded = known.get(location::name(&place, &object));
        let same = match (file, recorded) {
            _ if elsewhere => Err("the location of its source changed; run first"),
            (None, _) => Err("it is gone"),
            (Some(file), Some(recorded)) if file.identity() == recorded.identity => Ok((file, recorded)),
            (Some(_), _) => Err("it changed after it was read"),
        };
        let (left, why) = match &same {
            Ok(_) => (rows.damaged, "it is damaged"),
            Err(why) => (rows.damaged + rows.replayed(), *why),
        };
        if left > 0 {
            found.left.push(LeftRows { object: object.clone(), rows: left, why: why.to_owned() });
        }
        let Ok((file, recorded)) = same else { continue };
        if rows.replayed() == 0 {
            continue;
        }
        rows.lines.sort_unstable();
        found.records.push(match rows.refused {
            0 => Records::At(rows.lines.as_slice().into()),
            _ => Records::All,
        });
        found.files.push(file);
        found.before.push(rows);
        found.known.push(recorded.clone());
        again.insert(object);
    }
    found.again = Arc::new(again);
    Ok(found)
}

impl Found {
    /// What the ledger will have of the files.
    pub(super) fn consumed(&self, landing: &Landing, epoch: Epoch) -> Vec<ConsumedFile> {
        let files = self.known.iter().zip(&self.before).zip(&landing.files);
        let consumed = files.map(|((known, before), after)| ConsumedFile {
            read: known.read + after.read - before.replayed(),
            accepted: known.accepted + after.accepted,
            quarantined: known.quarantined + after.quarantined - before.replayed(),
            duplicate: known.duplicate + after.duplicate,
            replayed: Some(epoch),
            newest_event: known.newest_event.max(after.newest_event),
            newest_future: known.newest_future.max(after.newest_future),
            ..known.clone()
        });
        consumed.collect()
    }
}
