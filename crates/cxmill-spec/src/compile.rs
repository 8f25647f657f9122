//! The way from texts to a project: parse each file, hold it against the key tables, then give it its meaning. No step stops
//! at a mistake; whoever called gets all of them.

mod arrival;
mod checks;
mod column;
mod config;
mod credential;
mod figure;
mod model;
mod scenario;
mod source;
mod unreadable;
mod vars;

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Level};
use crate::project::{Project, Summary, Unreadable};
use crate::settings::Settings;
use crate::shape;
use crate::sql;
use crate::text::{FileId, Span, Texts};
use crate::yaml::{self, Entry, Node};

/// Everything a project is made of. Nothing else is read.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// The texts: config files, pipeline files, and the `.sql` files that pipeline files may name.
    pub texts: Texts,
    /// Config files in order; each is laid over the ones before it.
    pub config: Vec<FileId>,
    /// Pipeline files.
    pub pipelines: Vec<FileId>,
    /// Settings laid over the files, in order: where each comes from as shown to people (`CXMILL_RAW`, `--set raw`), its
    /// dotted key and its value.
    pub overrides: Vec<(String, String, String)>,
    /// Cores of the machine: the default of `threads`.
    pub cores: usize,
    /// Bytes of memory of the machine, where known.
    pub machine_memory: Option<u64>,
}

/// A project whose files have mistakes.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// What could be read of it, with the texts (credentials blanked out): enough to look for mistakes in its SQL as well.
    pub project: Project,
    /// What is declared and could not be read.
    pub unreadable: Unreadable,
    /// Every diagnostic, warnings included, in the order of the texts.
    pub diagnostics: Vec<Diagnostic>,
}

/// Compiles a project.
///
/// # Errors
/// Gives back every diagnostic, with what could be read all the same.
pub fn compile(input: Input) -> Result<(Project, Vec<Diagnostic>), Box<Rejected>> {
    let Input { mut texts, config, pipelines, overrides, cores, machine_memory } = input;
    let mut out = Vec::new();

    let mut layers = Vec::new();
    for file in config {
        let Some(text) = texts.get(file) else { continue };
        match yaml::parse(file, &text.content) {
            Ok(node) => layers.push(node),
            Err(diagnostic) => {
                credential::redact_text(file, &mut texts);
                out.push(diagnostic);
            }
        }
    }
    credential::refuse(&layers, &mut texts, &mut out);
    let (settings, var_overrides) = config::compile(&layers, &overrides, cores, machine_memory, &texts, &mut out);

    let mut files = Vec::new();
    let mut all_read = true;
    for file in pipelines {
        let Some(text) = texts.get(file) else { continue };
        match yaml::parse(file, &text.content) {
            Ok(node) if node.is_null() => {}
            Ok(node) => {
                shape::check(&node, &shape::Shape::Object(&crate::keys::PIPELINE), &text.path, &texts, &mut out);
                files.push(node);
            }
            Err(diagnostic) => {
                all_read = false;
                out.push(diagnostic);
            }
        }
    }

    let mut scope = Scope { texts: &texts, settings: &settings, all_read, out };
    let mut vars = vars::compile(&scope.declared(&files, &["vars"]), &var_overrides, &mut scope);
    let tables = scope.declared(&files, &["sources", "models"]);
    let mut sources = BTreeMap::new();
    let mut models = BTreeMap::new();
    let mut dropped = Vec::new();
    for &(kind, entry) in &tables {
        let source = if kind == "sources" { source::compile(entry, &mut scope) } else { None };
        let model = if kind == "models" { model::compile(entry, &mut scope) } else { None };
        if source.is_none() && model.is_none() {
            dropped.push(entry);
        }
        sources.extend(source.map(|source| (source.name.clone(), source)));
        models.extend(model.map(|model| (model.name.clone(), model)));
    }

    let declared = tables.iter().map(|(_, entry)| entry.key.as_str()).collect();
    let named = scenario::Tables { sources: &sources, models: &models, declared };
    let scenarios = scenario::compile(&files, &named, &mut scope);
    let summary = files.iter().flat_map(|file| summary(file, &mut scope)).collect();
    let report = files.iter().flat_map(|file| figure::compile(file, &mut scope)).collect();
    let described = |file: &Node| Some((file.span.file, file.get("description")?.text()?.trim_end().to_owned()));
    let descriptions = files.iter().filter_map(described).collect();

    let mut out = scope.out;
    if out.iter().all(|diagnostic| diagnostic.level != Level::Error) {
        // Nothing is left out in silence, even if a reader above forgot to say why.
        out.extend(dropped.iter().map(|entry| {
            Diagnostic::error("bug", entry.key_span, format!("`{}` cannot be read, for no known reason", entry.key))
                .with_help("this is a bug in cxmill: please report it with this file")
        }));
    }
    out.sort_by_key(|diagnostic| (diagnostic.span.is_none(), diagnostic.span));
    out.dedup();
    if out.iter().any(|diagnostic| diagnostic.level == Level::Error) {
        let unreadable = unreadable::find(&files, all_read, &out, &sources, &models, &vars);
        sources.retain(|name, _| !unreadable.tables.contains(name));
        vars.retain(|name, _| !unreadable.vars.contains(name));
        credential::redact_found(&out, &mut texts);
        let project = Project { settings, sources, models, vars, summary, report, scenarios, descriptions, texts };
        return Err(Box::new(Rejected { project, unreadable, diagnostics: out }));
    }
    Ok((Project { settings, sources, models, vars, summary, report, scenarios, descriptions, texts }, out))
}

/// The summaries of a file.
fn summary(file: &Node, scope: &mut Scope<'_>) -> Vec<Summary> {
    let mut all = Vec::new();
    for node in file.get("summary").map(Node::items).unwrap_or_default() {
        let (Some(title), Some(entry)) = (node.get("title").and_then(Node::text), node.entry("sql")) else { continue };
        if entry.node.scalar().is_none() {
            continue;
        }
        match sql::inline(entry, scope.texts) {
            Ok(sql) => all.push(Summary { title: title.to_owned(), sql }),
            Err(diagnostic) => scope.out.push(diagnostic),
        }
    }
    all
}

/// What every part of a pipeline file is read with.
struct Scope<'a> {
    texts: &'a Texts,
    settings: &'a Settings,
    /// Whether every pipeline file could be parsed: if not, what seems to be missing may be there.
    all_read: bool,
    out: Vec<Diagnostic>,
}

impl Scope<'_> {
    fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.out.push(Diagnostic::error(code, span, message).with_help(help));
    }

    /// The entries under some keys of all files, which share one namespace: each name counts once.
    fn declared<'n>(&mut self, files: &'n [Node], keys: &[&'static str]) -> Vec<(&'static str, &'n Entry)> {
        let mut found: Vec<(&'static str, &Entry)> = Vec::new();
        for file in files {
            for &key in keys {
                for entry in file.get(key).map(Node::entries).unwrap_or_default() {
                    let Some((_, first)) = found.iter().find(|(_, first)| first.key == entry.key) else {
                        found.push((key, entry));
                        continue;
                    };
                    let same_map = first.key_span.file == entry.key_span.file
                        && file.get(key).is_some_and(|map| map.entries().iter().any(|e| e.key_span == first.key_span));
                    // A key repeated in one map is reported as such already.
                    if !same_map {
                        let place = self.texts.place(first.key_span);
                        self.error(
                            "duplicate-name",
                            entry.key_span,
                            format!("`{}` is declared twice", entry.key),
                            format!("the first one is at {place}; all pipeline files share one namespace"),
                        );
                    }
                }
            }
        }
        found
    }
}
