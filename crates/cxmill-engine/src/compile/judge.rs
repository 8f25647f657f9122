//! One model whose reads were judged before it → the compiled model, or everything that is wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cxmill_ingest::landed_schema;
use cxmill_spec::{Diagnostic, Model, Project, Strategy, Unreadable};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::TableReference;
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::Result;
use datafusion::prelude::SessionContext;

use super::lineage::Origins;
use super::parsed::{self, Parsed};
use super::proven::Proven;
use super::strategy::{Chooser, Chosen};
use super::{CompiledModel, checks, fingerprint, layout};
use crate::session::planning_session;

/// What the models of a project are held against. Several can be judged at the same time, each after those it reads.
pub(super) struct Judge {
    pub(super) project: Arc<Project>,
    /// What the project declares and nobody can read.
    unreadable: Unreadable,
    proven: Proven,
    /// Sources, and models whose query could be analysed, by their columns.
    pub(super) ctx: SessionContext,
    chooser: Chooser,
}

/// What came of a model.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Its columns, where its query could be analysed.
    pub(super) schema: Option<SchemaRef>,
    /// Where the values of each of its columns come from.
    pub(super) lineage: Vec<Origins>,
    /// The model, where it is sound and so is all that it reads.
    pub(super) model: Option<Arc<CompiledModel>>,
    /// What is wrong with it.
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Verdict {
    /// Says so where the model could not be made known to those that read it.
    fn registered(&mut self, model: &Model, outcome: Result<()>) {
        if let Err(error) = outcome {
            let message = format!("cannot plan over `{}`: {}", model.name, error.strip_backtrace());
            self.diagnostics.push(Diagnostic::error("session", None, message));
        }
    }
}

impl Judge {
    /// A judge who knows the sources.
    pub(super) fn new(project: &Project, unreadable: &Unreadable, proven: &Proven) -> Result<Self> {
        let project = Arc::new(project.clone());
        let (ctx, chooser) = (planning_session(&project.settings)?, Chooser::new(&project)?);
        let judge = Self { project, unreadable: unreadable.clone(), proven: proven.clone(), ctx, chooser };
        for (name, source) in &judge.project.sources {
            judge.register(name, landed_schema(source))?;
        }
        Ok(judge)
    }

    fn register(&self, name: &str, schema: SchemaRef) -> Result<()> {
        self.ctx.register_table(TableReference::bare(name), Arc::new(EmptyTable::new(schema)))?;
        Ok(())
    }

    /// All queries, and what their texts alone are wrong about.
    pub(super) fn parse_all(&self) -> (BTreeMap<String, Parsed>, Vec<Diagnostic>) {
        let state = self.ctx.state();
        let (mut all, mut diagnostics) = (BTreeMap::new(), Vec::new());
        for (name, model) in &self.project.models {
            let (parsed, findings) = parsed::parse(&state, &self.project, &self.unreadable, name, &model.sql);
            diagnostics.extend(findings);
            all.insert(name.clone(), parsed);
        }
        (all, diagnostics)
    }

    /// Judges a model. `upstream` are the sound models among those it reads, in the order of the DAG.
    pub(super) async fn model(
        &self,
        name: &str,
        parsed: &BTreeMap<String, Parsed>,
        upstream: &[Arc<CompiledModel>],
    ) -> Verdict {
        let mut verdict = Verdict::default();
        if let Some((model, parsed)) = self.project.models.get(name).zip(parsed.get(name)) {
            verdict.model = self.compile(model, parsed, upstream, &mut verdict).await.map(Arc::new);
        }
        verdict
    }

    /// Where something that the model reads has no columns to speak of, nothing can be said about this model either.
    async fn compile(
        &self,
        model: &Model,
        parsed: &Parsed,
        upstream: &[Arc<CompiledModel>],
        verdict: &mut Verdict,
    ) -> Option<CompiledModel> {
        let query = parsed.query.as_ref()?;
        let known = |table: &String| self.ctx.table_exist(TableReference::bare(table.as_str())).unwrap_or(false);
        if !query.table_names().iter().all(known) {
            return None;
        }
        let whole = parsed.is_whole();
        let queries = checks::queries(&self.ctx.state(), model);
        let demanded = fingerprint::of_checks(&self.project, model, &queries);
        let (depth, depth_of_checks) =
            self.proven.depths(fingerprint::built(&self.project, model, parsed, upstream), &demanded);
        let analysis = parsed::analyse(&self.ctx, &self.project, &model.sql, parsed, depth).await;
        verdict.diagnostics.extend(analysis.diagnostics);
        let (schema, findings) = layout::columns(&model.sql, query, &analysis.columns?);
        verdict.diagnostics.extend(findings);
        let schema = schema?;
        verdict.registered(model, self.register(&model.name, Arc::clone(&schema)));
        verdict.schema = Some(Arc::clone(&schema));
        verdict.lineage.clone_from(&analysis.lineage);
        verdict.diagnostics.extend(layout::check(model, &schema));
        let findings =
            checks::check(&self.ctx, &self.project, &self.unreadable, (model, parsed), &schema, depth_of_checks).await;
        verdict.diagnostics.extend(findings);
        // A sound query over an unsound model is not compiled: there is no fingerprint to build on.
        let models_read = query.table_names().iter().filter(|name| self.project.models.contains_key(*name)).count();
        if !whole || !verdict.diagnostics.is_empty() || upstream.len() != models_read {
            return None;
        }
        let takes_as_of = takes_as_of(parsed, upstream);
        let chosen = match Box::pin(self.chooser.choose(model, parsed, takes_as_of, &schema)).await {
            Ok(chosen) => chosen,
            Err(finding) => {
                verdict.diagnostics.push(*finding);
                return None;
            }
        };
        let published = self.chooser.publish(model, parsed, &schema, &chosen).await;
        verdict.registered(model, published);
        let judged = (demanded, checks::read_as_of(model, &queries));
        Some(self.compiled(model, parsed, upstream, (schema, analysis.lineage), judged, chosen))
    }

    fn compiled(
        &self,
        model: &Model,
        parsed: &Parsed,
        upstream: &[Arc<CompiledModel>],
        (schema, lineage): (SchemaRef, Vec<Origins>),
        (checks, checks_read_as_of): (String, bool),
        Chosen { strategy, why, dates, dated }: Chosen,
    ) -> CompiledModel {
        let project = &self.project;
        let reads = parsed.reads(|_| true);
        let mut sources: BTreeSet<String> =
            reads.iter().filter(|read| project.sources.contains_key(*read)).cloned().collect();
        sources.extend(upstream.iter().flat_map(|model| model.sources.iter().cloned()));
        CompiledModel {
            name: model.name.clone(),
            checks,
            checks_read_as_of,
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
}

/// Whether the SQL of a model or of a view that it reads takes the as-of.
fn takes_as_of(parsed: &Parsed, upstream: &[Arc<CompiledModel>]) -> bool {
    let view = |model: &Arc<CompiledModel>| model.strategy == Strategy::View && model.takes_as_of;
    parsed.reads_as_of() || upstream.iter().any(view)
}
