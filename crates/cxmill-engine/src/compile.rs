//! SQL of all models → a checked DAG, or every diagnostic.
//!
//! Nothing here touches data: each query is planned over empty tables that have the columns of the contracts and of the
//! models before it, so whatever a query can be wrong about before it meets rows is said now, for all models at once.
//!
//! ```text
//! parse + restrict ─ resolve tables ─ order (rings) ─┬─ bind ─ analyse ─ columns ─ layout ─ checks ─ fingerprint
//!                                                    └─ one model after the other, each over the columns of those it reads
//! ```

mod analyse;
pub(crate) mod bind;
mod blame;
mod chain;
mod checks;
pub(crate) mod dates;
mod diagnose;
mod fingerprint;
mod graph;
mod layout;
pub(crate) mod lineage;
mod parsed;
mod places;
pub(crate) mod private;
pub(crate) mod query;
mod restrict;
mod scenarios;
mod shown;
pub(crate) mod sql;
mod strategy;
pub(crate) mod types;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cxmill_ingest::landed_schema;
use cxmill_spec::{Diagnostic, Level, Model, Project, Strategy, Unreadable};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::datasource::empty::EmptyTable;
use datafusion::prelude::SessionContext;

use crate::session::planning_session;
use dates::{Dated, Dates};
use lineage::Origins;
use parsed::Parsed;
use private::Private;
use shown::Shown;
use strategy::{Chooser, Chosen};

pub use query::register_views;

/// All models, checked.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// Models so that each comes after what it reads; ties in name order.
    pub models: Vec<CompiledModel>,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
}

impl Compiled {
    /// The model of this name.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&CompiledModel> {
        self.models.iter().find(|model| model.name == name)
    }
}

/// One model, checked.
#[derive(Debug, Clone)]
pub struct CompiledModel {
    /// Name.
    pub name: String,
    /// Sources and models that its SQL reads directly.
    pub reads: BTreeSet<String>,
    /// Sources it reads, directly or through models.
    pub sources: BTreeSet<String>,
    /// Whether its SQL or that of a model it reads takes `$as_of`.
    pub reads_as_of: bool,
    /// Whether its SQL or that of a view it reads takes `$as_of`.
    takes_as_of: bool,
    /// Strategy in force.
    pub strategy: Strategy,
    /// Why this strategy.
    pub why: String,
    /// How its rows belong to dates, where single partitions of them are computed, or made again.
    pub(crate) dates: Option<Dates>,
    /// How its published files belong to dates, where they do.
    pub(crate) dated: Option<Dated>,
    /// Columns as published (types every reader understands). All fields are nullable.
    pub schema: SchemaRef,
    /// Where the values of each of its columns come from.
    pub(crate) lineage: Vec<Origins>,
    /// Covers what its checks demand; [`CompiledModel::fingerprint`] does not.
    pub checks: String,
    /// Whether what its checks demand depends on the as-of.
    pub checks_read_as_of: bool,
    /// Covers SQL, layout, upstream fingerprints, variables it reads, contracts it reads, and function versions.
    pub fingerprint: String,
}

/// Compiles the SQL of a project. Touches no data.
///
/// Fails with all errors (and the warnings beside them) in the order of their places.
pub async fn compile(project: &Project) -> Result<Compiled, Vec<Diagnostic>> {
    let (models, diagnostics) = look(project, &Unreadable::default()).await;
    if diagnostics.iter().any(|finding| finding.level == Level::Error) {
        return Err(diagnostics);
    }
    Ok(Compiled { models, warnings: diagnostics })
}

/// What is wrong with the SQL of a project whose YAML has mistakes, so that both are told at once. What reads something
/// unreadable is not judged.
pub async fn findings(project: &Project, unreadable: &Unreadable) -> Vec<Diagnostic> {
    look(project, unreadable).await.1
}

async fn look(project: &Project, unreadable: &Unreadable) -> (Vec<CompiledModel>, Vec<Diagnostic>) {
    let sessions = planning_session(&project.settings).and_then(|ctx| Ok((ctx, Chooser::new(project)?)));
    let (ctx, chooser) = match sessions {
        Ok(sessions) => sessions,
        Err(error) => {
            let message = format!("cannot set up the query engine: {}", error.strip_backtrace());
            return (Vec::new(), vec![Diagnostic::error("session", None, message)]);
        }
    };
    let mut compiler = Compiler {
        project,
        unreadable,
        ctx,
        chooser,
        diagnostics: Vec::new(),
        columns: BTreeMap::new(),
        lineage: BTreeMap::new(),
    };
    let parsed = compiler.parse_all();
    let order = compiler.order(&parsed);
    let mut models: Vec<CompiledModel> = Vec::new();
    compiler.register_sources();
    for name in &order {
        let (Some(model), Some(parsed)) = (project.models.get(name), parsed.get(name)) else { continue };
        if let Some(compiled) = Box::pin(compiler.model(model, parsed, &models)).await {
            models.push(compiled);
        }
    }
    if *unreadable == Unreadable::default() && parsed.values().all(Parsed::is_whole) {
        compiler.unused(&parsed);
    }
    let Compiler { ctx, columns, lineage, .. } = &compiler;
    let shown = Shown { ctx, project, unreadable, columns, private: &Private { project, columns, lineage } };
    let findings = Box::pin(shown.check()).await;
    compiler.diagnostics.extend(findings);
    let mut diagnostics = compiler.diagnostics;
    diagnostics.extend(places::check(project));
    diagnostics.extend(scenarios::check(project, &compiler.columns));
    diagnostics.sort_by_key(|finding| (finding.span, finding.level, finding.code));
    diagnostics.dedup();
    (models, diagnostics)
}

struct Compiler<'a> {
    project: &'a Project,
    /// What the project declares and nobody can read.
    unreadable: &'a Unreadable,
    ctx: SessionContext,
    chooser: Chooser<'a>,
    diagnostics: Vec<Diagnostic>,
    /// Columns of the tables registered so far: sources, and models whose query could be analysed.
    columns: BTreeMap<String, SchemaRef>,
    /// By model that could be analysed, where the values of each of its columns come from.
    lineage: BTreeMap<String, Vec<Origins>>,
}

impl Compiler<'_> {
    fn parse_all(&mut self) -> BTreeMap<String, Parsed> {
        let state = self.ctx.state();
        let mut all = BTreeMap::new();
        for (name, model) in &self.project.models {
            let (parsed, findings) = parsed::parse(&state, self.project, self.unreadable, name, &model.sql);
            self.diagnostics.extend(findings);
            all.insert(name.clone(), parsed);
        }
        all
    }

    /// The order of models; rings are reported.
    fn order(&mut self, parsed: &BTreeMap<String, Parsed>) -> Vec<String> {
        let edges: graph::Edges = parsed
            .iter()
            .map(|(name, parsed)| (name.clone(), parsed.reads(|read| self.project.models.contains_key(read))))
            .collect();
        for ring in graph::rings(&edges) {
            let Some(first) = ring.first() else { continue };
            let second = ring.get(1).unwrap_or(first);
            let span = self
                .project
                .models
                .get(first)
                .zip(parsed.get(first))
                .map(|(model, parsed)| parsed.place_of(&model.sql, second));
            let message = if ring.len() == 1 {
                format!("model `{first}` reads itself")
            } else {
                format!("models read one another in a ring: {} → {first}", ring.join(" → "))
            };
            let help = if ring.len() == 1 {
                "a model cannot see its own result; read what it is made of"
            } else {
                "move what they share into a model that reads neither"
            };
            self.diagnostics.push(Diagnostic::error("cycle", span, message).with_help(help));
        }
        graph::order(&edges)
    }

    fn register_sources(&mut self) {
        for (name, source) in &self.project.sources {
            self.register(name, landed_schema(source));
        }
    }

    fn register(&mut self, name: &str, schema: SchemaRef) {
        let table = Arc::new(EmptyTable::new(Arc::clone(&schema)));
        if let Err(error) = self.ctx.register_table(datafusion::common::TableReference::bare(name), table) {
            let message = format!("cannot plan over `{name}`: {}", error.strip_backtrace());
            self.diagnostics.push(Diagnostic::error("session", None, message));
        }
        self.columns.insert(name.to_owned(), schema);
    }

    /// Checks one model whose reads were checked before it. Where one of them has no columns to speak of, nothing can be
    /// said about this model either.
    async fn model(&mut self, model: &Model, parsed: &Parsed, before: &[CompiledModel]) -> Option<CompiledModel> {
        let query = parsed.query.as_ref()?;
        if !query.table_names().iter().all(|table| self.columns.contains_key(table)) {
            return None;
        }
        let analysis = parsed::analyse(&self.ctx, self.project, &model.sql, parsed).await;
        let mut sound = parsed.is_whole() && analysis.diagnostics.is_empty();
        self.diagnostics.extend(analysis.diagnostics);
        let columns = analysis.columns?;
        let (schema, findings) = layout::columns(&model.sql, query, &columns);
        sound &= findings.is_empty();
        self.diagnostics.extend(findings);
        let schema = schema?;
        self.register(&model.name, Arc::clone(&schema));
        self.lineage.insert(model.name.clone(), analysis.lineage.clone());
        let findings = layout::check(model, &schema);
        sound &= findings.is_empty();
        self.diagnostics.extend(findings);
        let findings = checks::check(&self.ctx, self.project, self.unreadable, model, parsed, &schema).await;
        sound &= findings.is_empty();
        self.diagnostics.extend(findings);
        if !sound {
            return None;
        }
        let upstream: Vec<&CompiledModel> = before.iter().filter(|other| parsed.reads_table(&other.name)).collect();
        // A sound query over an unsound model is not compiled: there is no fingerprint to build on.
        let models_read = query.table_names().iter().filter(|name| self.project.models.contains_key(*name)).count();
        if upstream.len() != models_read {
            return None;
        }
        let takes_as_of = takes_as_of(parsed, &upstream);
        let chosen = match Box::pin(self.chooser.choose(model, parsed, takes_as_of, &schema)).await {
            Ok(chosen) => chosen,
            Err(finding) => {
                self.diagnostics.push(*finding);
                return None;
            }
        };
        if chosen.strategy != Strategy::View
            && let Err(error) = self.chooser.publish(model, &schema, chosen.dated.as_ref())
        {
            let message = format!("cannot plan over `{}`: {}", model.name, error.strip_backtrace());
            self.diagnostics.push(Diagnostic::error("session", None, message));
        }
        let queries = checks::queries(&self.ctx.state(), model);
        Some(compiled(self.project, model, parsed, &upstream, (schema, analysis.lineage), &queries, chosen))
    }

    fn unused(&mut self, parsed: &BTreeMap<String, Parsed>) {
        let read = |name: &str| parsed.values().any(|parsed| parsed.reads_table(name));
        for (name, source) in self.project.sources.iter().filter(|(name, _)| !read(name)) {
            let finding = Diagnostic::warning("unused-source", source.span, format!("no model reads source `{name}`"));
            self.diagnostics
                .push(finding.with_help("its files are read and landed for nothing; remove it, or read it"));
        }
        for (name, model) in &self.project.models {
            if model.strategy == Some(Strategy::View) && !read(name) {
                let finding = Diagnostic::warning("unused-view", model.span, format!("no model reads view `{name}`"));
                self.diagnostics
                    .push(finding.with_help("a view is not published; remove it, or leave out `strategy: view`"));
            }
        }
    }
}

fn compiled(
    project: &Project,
    model: &Model,
    parsed: &Parsed,
    upstream: &[&CompiledModel],
    (schema, lineage): (SchemaRef, Vec<Origins>),
    check_queries: &[sql::Query],
    Chosen { strategy, why, dates, dated }: Chosen,
) -> CompiledModel {
    let reads = parsed.reads(|_| true);
    let mut sources: BTreeSet<String> =
        reads.iter().filter(|read| project.sources.contains_key(*read)).cloned().collect();
    sources.extend(upstream.iter().flat_map(|model| model.sources.iter().cloned()));
    CompiledModel {
        name: model.name.clone(),
        checks: fingerprint::of_checks(project, model, check_queries),
        checks_read_as_of: checks::read_as_of(model, check_queries),
        fingerprint: fingerprint::fingerprint(project, model, parsed, strategy, upstream),
        takes_as_of: takes_as_of(parsed, upstream),
        reads_as_of: parsed.reads_as_of() || upstream.iter().any(|model| model.reads_as_of),
        reads,
        sources,
        strategy,
        why,
        dates,
        dated,
        schema,
        lineage,
    }
}

/// Whether the SQL of a model or of a view that it reads takes the as-of.
fn takes_as_of(parsed: &Parsed, upstream: &[&CompiledModel]) -> bool {
    let view = |model: &&CompiledModel| model.strategy == Strategy::View && model.takes_as_of;
    parsed.reads_as_of() || upstream.iter().any(view)
}
