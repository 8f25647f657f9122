//! Which landed rows a model reads whose states stand. Pure.
//!
//! ```text
//! rows that landed since ───────────────── but those of the partitions below ─ added to the states that stand
//! rows that were taken out ─ event dates ─ partitions they had a part in ───── states made again, from all landed rows of their dates
//! ```
//! A state cannot give back what a row added to it. So where rows were dropped or replaced, as those of a restated file are, the
//! states of the partitions that they had a part in are made again; those of all others stand.

use std::collections::BTreeMap;

use cxmill_ledger::{LandedFile, SourceState, StateFile};
use cxmill_spec::Model;

use crate::compile::CompiledModel;
use crate::decide::Take;
use crate::strategy::partition::cut::{Cut, DatedFile, Given, Group};

/// What is read.
#[derive(Debug)]
pub(crate) struct Revision<'a> {
    /// Landed files whose rows are added to the states that stand.
    pub(crate) new: Vec<LandedFile>,
    /// What is made again, where rows were dropped or replaced.
    pub(crate) again: Option<Again<'a>>,
}

/// Partitions of which the states are made again.
#[derive(Debug)]
pub(crate) struct Again<'a> {
    /// The partitions of the model.
    pub(super) cut: Cut<'a>,
    /// These partitions, with the landed files that they need.
    pub(super) groups: Vec<Group<'a>>,
    /// Which part of a name tells the partition.
    key: usize,
}

impl<'a> Revision<'a> {
    /// A model that was never built, with these rows.
    pub(super) fn first(new: Vec<LandedFile>) -> Self {
        Self { new, again: None }
    }

    /// What a model of one source reads; none where its states are of no use: where they were kept for another query, or hold
    /// rows that were dropped and no event date tells which of them do.
    pub(crate) fn of(
        written: &'a Model,
        model: &'a CompiledModel,
        state: &SourceState,
        landed: &[LandedFile],
        take: Take,
        max_bytes: u64,
    ) -> Option<Self> {
        let after = |seen| landed.iter().filter(move |file| file.epoch() > Some(seen)).cloned();
        let seen = match take {
            Take::All => return None,
            Take::After(seen) => return Some(Self { new: after(seen).collect(), again: None }),
            Take::Revised(seen) => seen,
        };
        let dates = model.dates.as_ref()?;
        let cut = Cut::new(written, dates)?;
        let source = cut.dated().next()?;
        let dropped = BTreeMap::from([(source, &state.dropped_on)]);
        let none_new = Given::from([(source, Vec::new())]);
        let touched = cut.touched(&none_new, &dropped, Some(&BTreeMap::from([(source, seen)])));
        let landed_files = landed.iter().cloned().map(DatedFile::Landed).collect();
        let groups = cut.groups(cut.whole(touched), &Given::from([(source, landed_files)]), max_bytes);
        // All rows of such a date belong to partitions that are made again.
        let replaced = |file: &LandedFile| state.dropped_on.get(&file.date).is_some_and(|epoch| *epoch > seen);
        let new = after(seen).filter(|file| !replaced(file)).collect();
        Some(Self { new, again: Some(Again { cut, groups, key: dates.key }) })
    }

    /// Bytes of landed rows that are read.
    pub(crate) fn bytes(&self) -> u64 {
        let again = self.again.iter().flat_map(|again| &again.groups).flat_map(|group| group.files.values().flatten());
        self.new.iter().map(|file| file.bytes).chain(again.map(DatedFile::bytes)).sum()
    }
}

impl Again<'_> {
    /// How many partitions are made again.
    pub(crate) fn partitions(&self) -> usize {
        self.groups.iter().map(|group| group.parts.len()).sum()
    }

    /// Whether a kept state is one of those that are made again.
    pub(super) fn replaces(&self, state: &StateFile) -> bool {
        let folder = state.partition.split('/').nth(self.key);
        self.groups.iter().flat_map(|group| &group.parts).any(|part| Some(part.period.folder.as_str()) == folder)
    }
}
