//! Published tables, read as a BI tool would read them: from the output root.

use std::path::Path;
use std::sync::Arc;

use cxmill_ledger::{Commit, Ledger, ModelState};
use cxmill_spec::Settings;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use crate::compile::{Compiled, CompiledModel};
use crate::context::Context;
use crate::error::EngineError;
use crate::lost::{Given, explain};
use crate::memory;
use crate::roots::{Roots, path_of};
use crate::session::session;
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
        let Some(commit) = Ledger::open_read_only(roots.state.clone()).await?.latest().await? else { return Ok(None) };
        let ctx = looking_session(&context.project.settings).map_err(|error| EngineError::query("session", &error))?;
        Ok(Some(Self { context, compiled, roots, commit, ctx }))
    }

    /// The model of this name and where it stands, where it is declared and published.
    pub(crate) fn model(&self, name: &str) -> Option<(&'a CompiledModel, &ModelState)> {
        Some((self.compiled.model(name)?, self.commit.models.get(name)?))
    }

    /// Registers the published table of a model under its name.
    pub(crate) fn register(&self, model: &CompiledModel, state: &ModelState) -> Result<(), EngineError> {
        let files = self.files(&model.name, state)?;
        register(&self.ctx, &model.name, Arc::clone(&model.schema), "output", &self.roots.output.store, files)
            .map_err(|error| EngineError::query(&model.name, &error))
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
