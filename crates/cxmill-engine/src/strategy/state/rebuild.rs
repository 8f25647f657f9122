//! A model that is built anew from more landed rows than one batch: its states are made batch by batch, each of which is
//! committed by itself, so that a stop, a crash or a failure costs that batch alone.

use std::collections::BTreeSet;

use cxmill_ledger::{Commit, LandedFile, Names, Rebuild};

use super::add::add_rows;
use crate::compile::CompiledModel;
use crate::decide::{batches, place, under_way};
use crate::error::EngineError;
use crate::report::RebuildReport;
use crate::strategy::work::Work;

/// The rebuild of a model that an earlier run began and that can be gone on with.
pub(crate) fn begun<'a>(
    latest: Option<&'a Commit>,
    model: &CompiledModel,
    inputs: &BTreeSet<&str>,
) -> Option<&'a Rebuild> {
    let commit = latest?;
    let source = inputs.first().and_then(|name| commit.sources.get(*name));
    under_way(&model.fingerprint, commit.rebuilds.get(&model.name), source)
}

/// What is left to do before a model can be finished.
#[derive(Debug)]
pub(crate) struct Due {
    /// How far it has come.
    pub(crate) rebuild: Rebuild,
    /// The landed files that it has yet to take, in the order in which it takes them.
    pub(crate) left: Vec<LandedFile>,
}

impl Due {
    /// What is left, in batches of at most so many bytes.
    pub(crate) fn batches(&self, max_bytes: u64) -> Vec<&[LandedFile]> {
        batches(&self.left, |file| file.bytes, max_bytes)
    }

    /// What a report says of it, after what it says of what this run did already.
    pub(crate) fn report(&self, so_far: Option<RebuildReport>, max_bytes: u64) -> RebuildReport {
        let begun = RebuildReport { batches_before: self.rebuild.batches, ..RebuildReport::default() };
        RebuildReport { batches_left: self.batches(max_bytes).len() as u64, ..so_far.unwrap_or(begun) }
    }
}

/// Adds a batch of landed rows to the states of a rebuild.
pub(crate) async fn take_batch(
    work: Work<'_>,
    names: &Names,
    rebuild: &Rebuild,
    batch: &[LandedFile],
) -> Result<Rebuild, EngineError> {
    Ok(Rebuild {
        states: add_rows(work, names, batch, &rebuild.states).await?,
        taken: batch.last().map(place).or_else(|| rebuild.taken.clone()),
        batches: rebuild.batches + 1,
        bytes: rebuild.bytes + batch.iter().map(|file| file.bytes).sum::<u64>(),
        ..rebuild.clone()
    })
}
