//! Strategy `view`: the model is inlined into its readers and never published.

use std::collections::BTreeSet;

use cxmill_ledger::{Commit, ModelState};
use cxmill_spec::Strategy;

use crate::compile::{Compiled, CompiledModel};

/// What a model reads that exists as rows, sources and built models: views are looked through.
pub(crate) fn inputs<'a>(compiled: &'a Compiled, model: &'a CompiledModel) -> BTreeSet<&'a str> {
    let mut inputs = BTreeSet::new();
    let mut open: Vec<&CompiledModel> = vec![model];
    let mut seen = BTreeSet::new();
    while let Some(next) = open.pop() {
        for name in &next.reads {
            match find(compiled, name) {
                Some(view) if view.strategy == Strategy::View => {
                    if seen.insert(name.as_str()) {
                        open.push(view);
                    }
                }
                _ => {
                    inputs.insert(name.as_str());
                }
            }
        }
    }
    inputs
}

/// Where the published table of a model stands. Of one that became a view it may stand a while longer, and is nobody's any more.
pub(crate) fn table<'c>(commit: Option<&'c Commit>, model: &CompiledModel) -> Option<&'c ModelState> {
    commit.filter(|_| model.strategy != Strategy::View)?.models.get(&model.name)
}

/// The model of this name.
pub(crate) fn find<'a>(compiled: &'a Compiled, name: &str) -> Option<&'a CompiledModel> {
    compiled.models.iter().find(|model| model.name == name)
}
