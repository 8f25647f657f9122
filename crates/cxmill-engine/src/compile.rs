//! SQL of all models → a checked DAG, or every diagnostic.
//!
//! Nothing here touches data: each query is planned over empty tables that have the columns of the contracts and of the
//! models before it, so whatever a query can be wrong about before it meets rows is said now, for all models at once.
//!
//! ```text
//! parse + restrict ─ resolve tables ─ order (rings) ─┬─ bind ─ analyse ─ columns ─ layout ─ checks ─ fingerprint
//!                                                    └─ each model after those it reads, over their columns, several at a time
//! ```

mod analyse;
pub(crate) mod bind;
mod blame;
mod chain;
mod checks;
pub(crate) mod dates;
pub(crate) mod diagnose;
mod fingerprint;
mod graph;
mod judge;
mod layout;
pub(crate) mod lineage;
mod parsed;
mod places;
pub(crate) mod private;
mod proven;
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
use cxmill_spec::{Diagnostic, Level, Project, Strategy, Unreadable};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::turns::{Turn, Turns};
use dates::{Dated, Dates};
use judge::{Judge, Verdict};
use lineage::Origins;
use parsed::Parsed;
use private::Private;
use shown::Shown;

pub use proven::Proven;
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

/// Compiles the SQL of a project, as many models at a time as it has threads. Touches no data. To be called within a Tokio runtime.
///
/// Fails with all errors (and the warnings beside them) in the order of their places.
pub async fn compile(project: &Project) -> Result<Compiled, Vec<Diagnostic>> {
    compile_standing(project, &Proven::default()).await
}

/// What [`compile`] gives, at half the cost where the models stand built.
///
/// Fails as [`compile`] does, but for what is wrong with queries that were once planned to the end all the same.
pub async fn compile_standing(project: &Project, proven: &Proven) -> Result<Compiled, Vec<Diagnostic>> {
    let (models, diagnostics) = look(project, &Unreadable::default(), proven).await;
    if diagnostics.iter().any(|finding| finding.level == Level::Error) {
        return Err(diagnostics);
    }
    Ok(Compiled { models, warnings: diagnostics })
}

/// What is wrong with the SQL of a project whose YAML has mistakes, so that both are told at once. What reads something
/// unreadable is not judged.
pub async fn findings(project: &Project, unreadable: &Unreadable) -> Vec<Diagnostic> {
    look(project, unreadable, &Proven::default()).await.1
}

async fn look(project: &Project, unreadable: &Unreadable, proven: &Proven) -> (Vec<CompiledModel>, Vec<Diagnostic>) {
    let judge = match Judge::new(project, unreadable, proven) {
        Ok(judge) => Arc::new(judge),
        Err(error) => {
            let message = format!("cannot set up the query engine: {}", error.strip_backtrace());
            return (Vec::new(), vec![Diagnostic::error("session", None, message)]);
        }
    };
    let (parsed, mut diagnostics) = judge.parse_all();
    let edges: graph::Edges = parsed
        .iter()
        .map(|(name, parsed)| (name.clone(), parsed.reads(|read| project.models.contains_key(read))))
        .collect();
    diagnostics.extend(rings(project, &parsed, &edges));
    let parsed = Arc::new(parsed);
    let verdicts = judge_all(&judge, &parsed, &edges).await;
    if *unreadable == Unreadable::default() && parsed.values().all(Parsed::is_whole) {
        diagnostics.extend(unused(project, &parsed));
    }
    let mut columns: BTreeMap<String, SchemaRef> =
        project.sources.iter().map(|(name, source)| (name.clone(), landed_schema(source))).collect();
    let mut lineage = BTreeMap::new();
    let mut models = Vec::new();
    for (name, Verdict { schema, lineage: origins, model, diagnostics: findings }) in verdicts {
        diagnostics.extend(findings);
        if let Some(schema) = schema {
            columns.insert(name.to_owned(), schema);
            lineage.insert(name.to_owned(), origins);
        }
        models.extend(model);
    }
    let (columns, lineage) = (&columns, &lineage);
    let private = &Private { project, columns, lineage };
    let shown = Shown { ctx: &judge.ctx, project: &judge.project, unreadable, columns, private };
    diagnostics.extend(Box::pin(shown.check()).await);
    diagnostics.extend(places::check(project));
    diagnostics.extend(scenarios::check(project, columns));
    diagnostics.sort_by_key(|finding| (finding.span, finding.level, finding.code));
    diagnostics.dedup();
    (models.into_iter().map(Arc::unwrap_or_clone).collect(), diagnostics)
}

/// What comes of each model, in the order of the DAG. As many are judged at a time as the project has threads, each after those it reads.
async fn judge_all<'a>(
    judge: &Arc<Judge>,
    parsed: &Arc<BTreeMap<String, Parsed>>,
    edges: &'a graph::Edges,
) -> Vec<(&'a str, Verdict)> {
    let order = graph::order(edges);
    let reads = order.iter().filter_map(|name| edges.get_key_value(name));
    let reads = reads.map(|(name, reads)| (name.as_str(), reads.iter().map(String::as_str).collect::<BTreeSet<_>>()));
    let names: Vec<(&'a str, BTreeSet<&'a str>)> = reads.collect();
    let mut turns = Turns::new(names.iter().cloned(), judge.project.settings.threads);
    let mut done: BTreeMap<usize, Verdict> = BTreeMap::new();
    let mut under_way = FuturesUnordered::new();
    loop {
        while let Some(Turn { number, .. }) = turns.next() {
            let Some((name, reads)) = names.get(number) else { continue };
            let before =
                done.iter().filter(|(number, _)| names.get(**number).is_some_and(|(name, _)| reads.contains(name)));
            let upstream: Vec<Arc<CompiledModel>> = before.filter_map(|(_, verdict)| verdict.model.clone()).collect();
            let (judge, parsed, name) = (Arc::clone(judge), Arc::clone(parsed), (*name).to_owned());
            let task = SpawnedTask::spawn(async move { Box::pin(judge.model(&name, &parsed, &upstream)).await });
            under_way.push(async move { (number, task.join_unwind().await) });
        }
        let Some((number, verdict)) = under_way.next().await else { break };
        turns.settled(number);
        // It fails only where the runtime is shutting down, and with it this.
        done.insert(number, verdict.unwrap_or_default());
    }
    done.into_iter().filter_map(|(number, verdict)| Some((names.get(number)?.0, verdict))).collect()
}

/// The rings of models that read one another.
fn rings(project: &Project, parsed: &BTreeMap<String, Parsed>, edges: &graph::Edges) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for ring in graph::rings(edges) {
        let Some(first) = ring.first() else { continue };
        let second = ring.get(1).unwrap_or(first);
        let span =
            project.models.get(first).zip(parsed.get(first)).map(|(model, parsed)| parsed.place_of(&model.sql, second));
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
        findings.push(Diagnostic::error("cycle", span, message).with_help(help));
    }
    findings
}

/// Sources and views that nobody reads.
fn unused(project: &Project, parsed: &BTreeMap<String, Parsed>) -> Vec<Diagnostic> {
    let read = |name: &str| parsed.values().any(|parsed| parsed.reads_table(name));
    let mut findings = Vec::new();
    for (name, source) in project.sources.iter().filter(|(name, _)| !read(name)) {
        let finding = Diagnostic::warning("unused-source", source.span, format!("no model reads source `{name}`"));
        findings.push(finding.with_help("its files are read and landed for nothing; remove it, or read it"));
    }
    for (name, model) in &project.models {
        if model.strategy == Some(Strategy::View) && !read(name) {
            let finding = Diagnostic::warning("unused-view", model.span, format!("no model reads view `{name}`"));
            findings.push(finding.with_help("a view is not published; remove it, or leave out `strategy: view`"));
        }
    }
    findings
}
