//! Published tables, read as a BI tool would read them: from the output root.

use std::path::Path;
use std::sync::Arc;

use cxmill_ledger::{Commit, ModelState};
use cxmill_spec::{Settings, Sql};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use crate::compile::bind::Values;
use crate::compile::{Compiled, CompiledModel, query, sql};
use crate::context::Context;
use crate::error::EngineError;
use crate::look::show::Table;
use crate::lost::{Given, explain};
use crate::memory;
use crate::roots::{Roots, path_of};
use crate::session::session;
use crate::strategy::view::table;
use crate::tables::{TableFile, register};

/// What to do where an object of the output root is lost.
const PUBLISH: &str = "`cxmill run` publishes again what is missing or damaged in the output root";

/// A session over published tables.
pub(crate) struct Published<'a> {
    context: &'a Context,
    compiled: &'a Compiled,
    roots: Roots,
    /// The newest commit.
    pub(crate) commit: Commit,
    pub(crate) ctx: SessionContext,
}

impl<'a> Published<'a> {
    /// Opens the newest commit; `None` before the first.
    pub(crate) async fn open(context: &'a Context, compiled: &'a Compiled) -> Result<Option<Self>, EngineError> {
        let roots = Roots::open(context)?;
        let Some(commit) = roots.newest_commit().await? else { return Ok(None) };
        let ctx = looking_session(&context.project.settings).map_err(|error| EngineError::query("session", &error))?;
        Ok(Some(Self { context, compiled, roots, commit, ctx }))
    }

    /// The model of this name and where it stands, where it is declared and published.
    pub(crate) fn model(&self, name: &str) -> Option<(&'a CompiledModel, &ModelState)> {
        let model = self.compiled.model(name)?;
        Some((model, table(Some(&self.commit), model)?))
    }

    /// Registers the published table of a model under its name.
    pub(crate) fn register(&self, model: &CompiledModel, state: &ModelState) -> Result<(), EngineError> {
        let files = self.files(&model.name, state)?;
        register(&self.ctx, &model.name, Arc::clone(&model.schema), "output", &self.roots.output.store, files)
            .map_err(|error| EngineError::query(&model.name, &error))
    }

    /// Registers every published table of the project.
    pub(crate) fn register_all(&self) -> Result<(), EngineError> {
        let mut published = self.compiled.models.iter().filter_map(|model| self.model(&model.name));
        published.try_for_each(|(model, state)| self.register(model, state))
    }

    /// The rows of a query over published tables, up to a bound; `None` where one of these tables is not published. `subject` is
    /// what the query is for.
    pub(crate) async fn query(
        &self,
        subject: &str,
        sql: &Sql,
        most: Option<usize>,
    ) -> Result<Option<Table>, EngineError> {
        let names = self.tables_of(sql);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if names.is_empty() || names.iter().any(|name| self.model(name).is_none()) {
            return Ok(None);
        }
        match self.rows(sql, most).await {
            Ok(table) => Ok(Some(table)),
            Err(error) => Err(self.explain(subject, &error, &names).await),
        }
    }

    /// Names of the tables that a query reads; none where it cannot be parsed.
    pub(crate) fn tables_of(&self, text: &Sql) -> Vec<String> {
        let (query, _) = sql::parse(&self.ctx.state(), text);
        query.into_iter().flat_map(|query| query.table_names()).collect()
    }

    async fn rows(&self, sql: &Sql, most: Option<usize>) -> Result<Table, DataFusionError> {
        let as_of = self.commit.as_of.or(Some(chrono::DateTime::UNIX_EPOCH));
        let values = Values { vars: &self.context.project.vars, as_of };
        let rows = query::check(&self.ctx, sql, values).await?.limit(0, most)?;
        let schema = Arc::new(rows.schema().as_arrow().clone());
        Ok(Table { schema, batches: rows.collect().await?, total_rows: None })
    }

    fn files(&self, model: &str, state: &ModelState) -> Result<Vec<TableFile>, EngineError> {
        let file = |file: &cxmill_ledger::PublishedFile| {
            let path = path_of(&self.roots.output, &format!("{model}/{}", file.published))?;
            Ok(TableFile { path, bytes: file.bytes, rows: file.rows })
        };
        state.files.iter().map(file).collect()
    }

    /// What a query over these models ran into, which may be that a published object is lost.
    pub(crate) async fn explain(&self, subject: &str, error: &DataFusionError, models: &[&str]) -> EngineError {
        let tables: Vec<_> = models
            .iter()
            .filter_map(|name| self.model(name))
            .filter_map(|(model, state)| Some((Arc::clone(&model.schema), self.files(&model.name, state).ok()?)))
            .collect();
        let root = &self.roots.output;
        let given: Vec<Given<'_>> = tables
            .iter()
            .map(|(schema, files)| Given { root, files, schema: Arc::clone(schema), help: PUBLISH })
            .collect();
        explain(subject, error, &given, &self.context.project.settings).await
    }
}

/// A session that reads file after file, so that rows come in the order they are published in. Nothing is spilled: the
/// commands that look neither sort nor group much.
pub(crate) fn looking_session(settings: &Settings) -> Result<SessionContext, DataFusionError> {
    let settings = Settings { threads: 1, ..settings.clone() };
    session(&settings, memory::query_share(settings.memory_limit), Path::new(&std::env::temp_dir()))
}
