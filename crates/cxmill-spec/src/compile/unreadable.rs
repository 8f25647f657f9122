//! What a project with mistakes declares and nobody can read.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Level};
use crate::model::Model;
use crate::project::{Unreadable, Var};
use crate::source::Source;
use crate::yaml::{Entry, Node};

/// What is declared but has no meaning to go by: whatever was dropped, sources with a column that was, and variables with a
/// mistake inside. (A mistake beside the columns of a source or the SQL of a model does not hide what they are.)
pub(super) fn find(
    files: &[Node],
    all_read: bool,
    found: &[Diagnostic],
    sources: &BTreeMap<String, Source>,
    models: &BTreeMap<String, Model>,
    vars: &BTreeMap<String, Var>,
) -> Unreadable {
    let entries = |key: &'static str| files.iter().filter_map(move |file| file.get(key)).flat_map(Node::entries);
    let mistaken = |entry: &Entry| {
        let whole = entry.key_span.to(entry.node.span);
        found
            .iter()
            .filter(|diagnostic| diagnostic.level == Level::Error)
            .filter_map(|diagnostic| diagnostic.span)
            .any(|span| span.file == whole.file && whole.start <= span.start && span.start < whole.end)
    };
    let names = |entries: Vec<&Entry>| entries.into_iter().map(|entry| entry.key.clone()).collect::<BTreeSet<_>>();
    let whole = |entry: &Entry| {
        let declared = entry.node.get("columns").map_or(0, |columns| columns.entries().len());
        sources.get(&entry.key).is_some_and(|source| source.columns.len() == declared)
    };
    let mut tables = names(entries("sources").filter(|entry| !whole(entry)).collect());
    tables.extend(names(entries("models").filter(|entry| !models.contains_key(&entry.key)).collect()));
    Unreadable {
        tables,
        vars: names(entries("vars").filter(|entry| mistaken(entry) || !vars.contains_key(&entry.key)).collect()),
        whole_files: !all_read,
    }
}
