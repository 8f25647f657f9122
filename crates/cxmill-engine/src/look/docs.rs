//! `docs`: what the project is made of, as a page, with where it stands.

mod checks;
mod contract;
mod model;
mod queries;

use std::collections::{BTreeMap, BTreeSet};

use cxmill_ledger::Commit;
use cxmill_report::{Docs, Fact, FigureDoc, FunctionDoc, ManualDoc, QueryDoc, TableDoc, TestDoc, VarDoc};
use cxmill_spec::{Project, Scenario, Span};

use crate::clock::rfc3339;
use crate::compile::Compiled;
use crate::context::Context;
use crate::error::EngineError;
use crate::roots::Roots;
use queries::Queries;

/// The page that `docs` writes.
#[derive(Debug, Clone)]
pub struct DocsPage {
    /// The whole page.
    pub html: String,
    /// How many sources are on it.
    pub sources: usize,
    /// How many models.
    pub models: usize,
    /// The epoch it shows; 0 before the first.
    pub epoch: u64,
    /// As-of of that epoch, RFC 3339.
    pub as_of: Option<String>,
}

/// The page of a project, with where it stands as of its newest commit, where there is one. Rows are not looked at.
///
/// # Errors
/// [`EngineError::Store`] where the ledger cannot be read.
pub async fn docs_page(context: &Context, compiled: &Compiled, title: &str) -> Result<DocsPage, EngineError> {
    let commit = Roots::open(context)?.newest_commit().await?;
    let docs = docs(&context.project, compiled, commit.as_ref(), title)?;
    Ok(DocsPage {
        html: cxmill_report::docs(&docs),
        sources: context.project.sources.len(),
        models: compiled.models.len(),
        epoch: commit.as_ref().map_or(0, |commit| commit.epoch.0),
        as_of: commit.and_then(|commit| commit.as_of).map(rfc3339),
    })
}

fn docs(project: &Project, compiled: &Compiled, commit: Option<&Commit>, title: &str) -> Result<Docs, EngineError> {
    let queries = Queries::new(project)?;
    let mut sources: Vec<_> = project.sources.values().collect();
    sources.sort_by_key(|source| source.span);
    let sources = sources.into_iter().map(|source| TableDoc {
        file: file(project, source.span),
        place: project.texts.place(source.span),
        ..contract::source(source, commit.and_then(|commit| commit.sources.get(&source.name)))
    });
    let mut models: Vec<_> = project.models.values().collect();
    models.sort_by_key(|model| model.span);
    let files: BTreeSet<_> = models.iter().map(|model| model.span.file).collect();
    let files = files
        .into_iter()
        .filter_map(|file| Some((project.texts.get(file)?.path.clone(), project.descriptions.get(&file).cloned())));
    let models = model::Models::new(project, compiled, commit, &queries)
        .all(&models, |span| (file(project, span), project.texts.place(span)));
    let tables: Vec<TableDoc> = sources.chain(models).collect();
    let figures = figures(project, &queries);
    let functions = functions(
        tables.iter().filter_map(|table| table.query.as_ref()).chain(figures.iter().map(|figure| &figure.query)),
    );
    Ok(Docs {
        title: title.to_owned(),
        facts: facts(commit),
        files: files.collect(),
        tables,
        vars: vars(project),
        figures,
        functions,
        tests: project.scenarios.iter().map(|scenario| test(project, scenario)).collect(),
    })
}

/// Something that holds.
fn fact(name: &str, value: impl Into<String>) -> Fact {
    Fact { name: name.to_owned(), value: value.into() }
}

fn file(project: &Project, span: Span) -> String {
    project.texts.get(span.file).map(|text| text.path.clone()).unwrap_or_default()
}

fn facts(commit: Option<&Commit>) -> Vec<Fact> {
    let Some(commit) = commit else { return vec![fact("Published", "nothing yet")] };
    let as_of = commit.as_of.map(|as_of| fact("As of", rfc3339(as_of)));
    as_of.into_iter().chain([fact("Epoch", commit.epoch.0.to_string())]).collect()
}

fn vars(project: &Project) -> Vec<VarDoc> {
    let var = |(name, var): (&String, &cxmill_spec::Var)| VarDoc {
        name: name.clone(),
        data_type: var.data_type.name(),
        value: var.value.shown(&var.data_type),
        description: var.description.clone(),
    };
    project.vars.iter().map(var).collect()
}

/// Figures of the report, then summaries of a run.
fn figures(project: &Project, queries: &Queries) -> Vec<FigureDoc> {
    let drawn = project.report.iter().map(|figure| {
        let section = figure.section.as_ref().map_or(String::new(), |section| format!(", under {section}"));
        FigureDoc {
            title: figure.title.clone(),
            question: figure.question.clone(),
            shown: format!("in the report{section}, as {}", figure.chart.name()),
            place: project.texts.place(figure.sql.whole()),
            query: queries.of(&figure.sql),
        }
    });
    let summaries = project.summary.iter().map(|summary| FigureDoc {
        title: summary.title.clone(),
        question: None,
        shown: "at the end of a run".to_owned(),
        place: project.texts.place(summary.sql.whole()),
        query: queries.of(&summary.sql),
    });
    drawn.chain(summaries).collect()
}

/// The functions that queries call, with what is known of those that cxmill brings.
fn functions<'a>(queries: impl Iterator<Item = &'a QueryDoc>) -> Vec<FunctionDoc> {
    let called: BTreeSet<&String> = queries.flat_map(|query| &query.functions).collect();
    let docs = cxmill_functions::function_docs();
    let mut known: BTreeMap<String, ManualDoc> = docs.into_iter().map(|doc| (doc.name.clone(), manual(doc))).collect();
    called.into_iter().map(|name| FunctionDoc { name: name.clone(), manual: known.remove(name) }).collect()
}

fn manual(doc: cxmill_functions::FunctionDoc) -> ManualDoc {
    let cxmill_functions::FunctionDoc { signature, description, arguments, errors, example, source, .. } = doc;
    ManualDoc { signature, description, arguments, errors, example, source }
}

fn test(project: &Project, scenario: &Scenario) -> TestDoc {
    let models: BTreeSet<&String> = scenario.runs.iter().flat_map(|run| run.expect.keys()).collect();
    TestDoc {
        name: scenario.name.clone(),
        place: project.texts.place(scenario.span),
        runs: scenario.runs.len(),
        models: models.into_iter().cloned().collect(),
    }
}
