//! Strategy `full`: the query over all of its inputs, staged and checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use cxmill_ingest::landed_schema;
use cxmill_ledger::{ModelState, Names, PublishedFile};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use crate::check::run_checks;
use crate::compile::CompiledModel;
use crate::error::EngineError;
use crate::interrupt::interruptible;
use crate::lost::{Given, explain};
use crate::memory;
use crate::recover::Run;
use crate::report::CheckReport;
use crate::roots::path_of;
use crate::session::{model_query, session};
use crate::stage::{Failure, StageRequest, Staged, stage};
use crate::strategy::view::find;
use crate::tables::{TableFile, register};

/// Name of the state root among a session's stores.
const STATE: &str = "state";

/// What to do where an object of the state root is lost.
const RESTORE: &str = "put the object back from a backup; or remove it and run with --full-refresh, which reads its source \
                       again from the raw files and builds the models anew";

/// A model and what its query and its checks are given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work<'a> {
    /// The run.
    pub(crate) run: &'a Run<'a>,
    /// The model.
    pub(crate) model: &'a CompiledModel,
    /// What it reads, views looked through.
    pub(crate) inputs: &'a BTreeSet<&'a str>,
    /// Models as they stand by now.
    pub(crate) models: &'a BTreeMap<String, ModelState>,
    /// The logical time.
    pub(crate) as_of: Option<DateTime<Utc>>,
    /// Folder for spill files.
    pub(crate) scratch: &'a Path,
}

/// One table of a session.
struct Input<'a> {
    name: &'a str,
    schema: SchemaRef,
    files: Vec<TableFile>,
}

/// Builds a model from all of its inputs and checks the staged rows. A stop drops the query at once.
pub(crate) async fn build(work: Work<'_>, names: &Names) -> Result<(Staged, Vec<CheckReport>), EngineError> {
    let Work { run, model, models, .. } = work;
    let project = &run.context.project;
    let written = project
        .models
        .get(&model.name)
        .ok_or_else(|| EngineError::Bug(format!("model {} is compiled but not in the project", model.name)))?;
    let given = work.given().await?;
    let attempt = async {
        let ctx = work.session(&given)?;
        let query = model_query(&ctx, project, &model.name, work.instant(), &model.schema).await?;
        let request = StageRequest {
            model: written,
            compiled: model,
            names,
            root: run.state(),
            previous: models.get(&model.name),
            anew: run.options.full_refresh,
        };
        let staged = Box::pin(stage(query, request)).await?;
        let checks = work.check(&ctx, &staged.files).await?;
        Ok((staged, checks))
    };
    work.settle(attempt, &given).await
}

/// Judges the checks of a model on the rows that stand. A stop drops the queries at once.
pub(crate) async fn judge(work: Work<'_>) -> Result<Vec<CheckReport>, EngineError> {
    let files = work.models.get(&work.model.name).map_or(&[][..], |state| &state.files);
    let given = work.given().await?;
    let attempt = async {
        let ctx = work.session(&given)?;
        work.check(&ctx, files).await
    };
    work.settle(attempt, &given).await
}

impl Work<'_> {
    /// Where nothing is landed yet there is no newest event. Queries then see no rows, so any instant will do; it has to be
    /// the same one each time.
    fn instant(&self) -> Option<DateTime<Utc>> {
        Some(self.as_of.unwrap_or(DateTime::UNIX_EPOCH))
    }

    /// Everything that the model reads.
    async fn given(&self) -> Result<Vec<Input<'_>>, EngineError> {
        let mut given = Vec::new();
        for name in self.inputs {
            given.push(self.input(name).await?);
        }
        Ok(given)
    }

    /// A session that knows these tables.
    fn session(&self, given: &[Input<'_>]) -> Result<SessionContext, DataFusionError> {
        let settings = &self.run.context.project.settings;
        let ctx = session(settings, memory::query_share(settings.memory_limit), self.scratch)?;
        for Input { name, schema, files } in given {
            register(&ctx, name, Arc::clone(schema), STATE, &self.run.state().store, files.clone())?;
        }
        Ok(ctx)
    }

    /// Does the work, and says of a failure which object is at fault, where one is.
    async fn settle<T: Send>(
        &self,
        attempt: impl Future<Output = Result<T, Failure>> + Send,
        given: &[Input<'_>],
    ) -> Result<T, EngineError> {
        let work = async {
            match Box::pin(attempt).await {
                Ok(done) => Ok(done),
                Err(Failure::Engine(error)) => Err(error),
                Err(Failure::Query(error)) => {
                    let root = self.run.state();
                    let given: Vec<Given<'_>> = given
                        .iter()
                        .map(|Input { schema, files, .. }| Given {
                            root,
                            files,
                            schema: Arc::clone(schema),
                            help: RESTORE,
                        })
                        .collect();
                    Err(explain(&self.model.name, &error, &given, &self.run.context.project.settings).await)
                }
            }
        };
        interruptible(&self.run.context.progress, Box::pin(work)).await
    }

    /// Judges the checks over a result, which takes the model's name in the session.
    async fn check(&self, ctx: &SessionContext, files: &[PublishedFile]) -> Result<Vec<CheckReport>, Failure> {
        let Work { run, model, .. } = self;
        let files = table_files(run, files)?;
        register(ctx, &model.name, Arc::clone(&model.schema), STATE, &run.state().store, files)?;
        let checks = run_checks(ctx, &run.context.project, run.compiled, model, self.instant());
        Ok(Box::pin(checks).await?)
    }

    /// A source's landed rows or a model's committed or staged result.
    async fn input<'b>(&self, name: &'b str) -> Result<Input<'b>, EngineError> {
        let run = self.run;
        if let Some(source) = run.context.project.sources.get(name) {
            let state = run.latest.as_ref().and_then(|commit| commit.sources.get(name));
            let landed = match state {
                Some(state) => run.ledger.landed_files(state).await?,
                None => Vec::new(),
            };
            let file = |file: &cxmill_ledger::LandedFile| {
                Ok(TableFile { path: path_of(run.state(), file.name.as_str())?, bytes: file.bytes, rows: file.rows })
            };
            let files = landed.iter().map(file).collect::<Result<_, EngineError>>()?;
            return Ok(Input { name, schema: landed_schema(source), files });
        }
        let model = find(run.compiled, name)
            .ok_or_else(|| EngineError::Bug(format!("`{name}` is read but neither a source nor a model")))?;
        let files = self.models.get(name).map_or(&[][..], |state| &state.files);
        Ok(Input { name, schema: Arc::clone(&model.schema), files: table_files(run, files)? })
    }
}

fn table_files(run: &Run<'_>, files: &[PublishedFile]) -> Result<Vec<TableFile>, EngineError> {
    let file = |file: &PublishedFile| {
        Ok(TableFile { path: path_of(run.state(), file.result.as_str())?, bytes: file.bytes, rows: file.rows })
    };
    files.iter().map(file).collect()
}

impl From<DataFusionError> for Failure {
    fn from(error: DataFusionError) -> Self {
        Self::Query(error)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}
