//! Strategy `full`: the query over all of its inputs, staged and checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use cxmill_ledger::{ModelState, Names, PublishedFile};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use crate::check::run_checks;
use crate::compile::{CompiledModel, source_schema};
use crate::error::EngineError;
use crate::interrupt::interruptible;
use crate::memory;
use crate::recover::Run;
use crate::report::CheckReport;
use crate::roots::path_of;
use crate::session::{model_query, session};
use crate::stage::{StageRequest, Staged, stage};
use crate::strategy::view::find;
use crate::tables::{TableFile, register};

/// Name of the state root among a session's stores.
const STATE: &str = "state";

/// Builds a model from all of its inputs and checks the staged rows. A stop drops the query at once.
pub(crate) async fn build(
    run: &Run<'_>,
    model: &CompiledModel,
    inputs: &BTreeSet<&str>,
    models: &BTreeMap<String, ModelState>,
    names: &Names,
    as_of: Option<DateTime<Utc>>,
    scratch: &Path,
) -> Result<(Staged, Vec<CheckReport>), EngineError> {
    let project = &run.context.project;
    let settings = &project.settings;
    let failed = |error: DataFusionError| EngineError::query(&model.name, &error);
    let written = project
        .models
        .get(&model.name)
        .ok_or_else(|| EngineError::Bug(format!("model {} is compiled but not in the project", model.name)))?;
    // Where nothing is landed yet there is no newest event. Queries then see no rows, so any instant will do; it has to be
    // the same one each time.
    let instant = Some(as_of.unwrap_or(DateTime::UNIX_EPOCH));

    let work = async {
        let ctx = session(settings, memory::query_share(settings.memory_limit), scratch).map_err(failed)?;
        for input in inputs {
            register_input(run, &ctx, input, models).await?;
        }
        let query = model_query(&ctx, project, &model.name, instant, &model.schema).await.map_err(failed)?;
        let request = StageRequest {
            model: written,
            compiled: model,
            names,
            root: run.state(),
            previous: models.get(&model.name),
        };
        let staged = Box::pin(stage(query, request)).await?;
        let files = table_files(run, &staged.files)?;
        register(&ctx, &model.name, Arc::clone(&model.schema), STATE, &run.state().store, files).map_err(failed)?;
        let checks = Box::pin(run_checks(&ctx, project, run.compiled, model, instant)).await.map_err(failed)?;
        Ok((staged, checks))
    };
    interruptible(&run.context.progress, Box::pin(work)).await
}

/// Registers a source's landed rows or a model's committed or staged result.
async fn register_input(
    run: &Run<'_>,
    ctx: &SessionContext,
    name: &str,
    models: &BTreeMap<String, ModelState>,
) -> Result<(), EngineError> {
    let (schema, files) = if let Some(source) = run.context.project.sources.get(name) {
        let state = run.latest.as_ref().and_then(|commit| commit.sources.get(name));
        let landed = match state {
            Some(state) => run.ledger.landed_files(state).await?,
            None => Vec::new(),
        };
        let file = |file: &cxmill_ledger::LandedFile| {
            Ok(TableFile { path: path_of(run.state(), file.name.as_str())?, bytes: file.bytes, rows: file.rows })
        };
        (source_schema(source), landed.iter().map(file).collect::<Result<_, EngineError>>()?)
    } else {
        let model = find(run.compiled, name)
            .ok_or_else(|| EngineError::Bug(format!("`{name}` is read but neither a source nor a model")))?;
        let files = models.get(name).map_or(&[][..], |state| &state.files);
        (Arc::clone(&model.schema), table_files(run, files)?)
    };
    register(ctx, name, schema, STATE, &run.state().store, files).map_err(|error| EngineError::query(name, &error))
}

fn table_files(run: &Run<'_>, files: &[PublishedFile]) -> Result<Vec<TableFile>, EngineError> {
    let file = |file: &PublishedFile| {
        Ok(TableFile { path: path_of(run.state(), file.result.as_str())?, bytes: file.bytes, rows: file.rows })
    };
    files.iter().map(file).collect()
}
