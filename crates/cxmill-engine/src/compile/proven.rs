//! Queries that were planned to the end when their models were built.
//!
//! Half of what compiling a project costs are physical plans, made to find what only they show to be wrong. A model that stands built
//! under its fingerprint has shown that nothing is: its query is planned as far as its columns and its strategy need it, and no further.

use std::collections::BTreeMap;

use cxmill_ledger::Commit;

/// How far a query is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Down to its physical plan: every error shows that data does not decide.
    Whole,
    /// As far as its columns need it: the rest is known to be sound.
    Columns,
}

/// What is known to be sound of the queries of a project.
#[derive(Debug, Clone, Default)]
pub struct Proven {
    /// What the checks demanded that each model was judged by, by the fingerprint of the model.
    pub(super) models: BTreeMap<String, String>,
}

impl Proven {
    /// By what a commit says of its models.
    pub(crate) fn by(commit: &Commit) -> Self {
        let states = commit.models.values();
        Self { models: states.map(|state| (state.fingerprint.clone(), state.judged.checks.clone())).collect() }
    }

    /// How far the query of a model that has one of these fingerprints has to be planned, and the queries of its checks, which have
    /// the fingerprint `checks`. Where nothing is proven the fingerprints are not made.
    pub(super) fn depths(&self, mut fingerprints: impl Iterator<Item = String>, checks: &str) -> (Depth, Depth) {
        if self.models.is_empty() {
            return (Depth::Whole, Depth::Whole);
        }
        match fingerprints.find_map(|fingerprint| self.models.get(&fingerprint)) {
            None => (Depth::Whole, Depth::Whole),
            Some(judged) if judged == checks => (Depth::Columns, Depth::Columns),
            Some(_) => (Depth::Columns, Depth::Whole),
        }
    }
}
