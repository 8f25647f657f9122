//! What strategies share: the tables a model is given, the session over them, and the checks over a result.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use cxmill_ingest::landed_schema;
use cxmill_ledger::{LandedFile, ModelState, PublishedFile, StateFile};
use cxmill_spec::{Model, Settings};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use crate::check::run_checks;
use crate::compile::CompiledModel;
use crate::error::EngineError;
use crate::interrupt::interruptible;
use crate::lost::{Given, explain};
use crate::recover::Run;
use crate::report::CheckReport;
use crate::roots::path_of;
use crate::session::session_in;
use crate::stage::{Failure, Staged};
use crate::strategy::partition::cut::DatedFile;
use crate::strategy::room::Room;
use crate::strategy::state::Due;
use crate::strategy::view::find;
use crate::tables::{TableFile, register};

/// Name of the state root among a session's stores.
pub(crate) const STATE: &str = "state";

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
    /// Models as they stand by now, the model and what it reads among them.
    pub(crate) models: &'a BTreeMap<String, ModelState>,
    /// The logical time.
    pub(crate) as_of: Option<DateTime<Utc>>,
    /// The room for its queries.
    pub(crate) room: &'a Room<'a>,
    /// Threads of its queries.
    pub(crate) threads: usize,
}

/// What came of building a model.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// The result; none where only checks were judged.
    pub(crate) staged: Option<Staged>,
    /// The checks over it.
    pub(crate) checks: Vec<CheckReport>,
    /// All states that are kept from now on.
    pub(crate) states: Vec<StateFile>,
    /// Bytes of landed rows and results that it was built from.
    pub(crate) bytes_read: u64,
    /// Published names of the partitions that the rows read belong to, where only those were built.
    pub(crate) touched: Option<Vec<String>>,
    /// Why so much of it was built, where new rows alone do not tell.
    pub(crate) because: Option<String>,
    /// What a person should look at.
    pub(crate) warning: Option<String>,
    /// What is to be taken batch by batch before anything can be built.
    pub(crate) due: Option<Box<Due>>,
}

/// One table of a session.
#[derive(Debug, Clone)]
pub(crate) struct Input<'a> {
    pub(crate) name: &'a str,
    pub(crate) schema: SchemaRef,
    pub(crate) files: Vec<TableFile>,
}

impl Work<'_> {
    /// Where nothing is landed yet there is no newest event. Queries then see no rows, so any instant will do; it has to be
    /// the same one each time.
    pub(crate) fn instant(&self) -> Option<DateTime<Utc>> {
        Some(self.as_of.unwrap_or(DateTime::UNIX_EPOCH))
    }

    /// Whether the caller wants the model built anew.
    pub(crate) fn anew(&self) -> bool {
        self.run.options.refreshes(&self.model.name)
    }

    /// The one source of a model that keeps states.
    pub(crate) fn only_source(&self) -> Result<&str, EngineError> {
        let source = self.inputs.first().copied();
        source.ok_or_else(|| EngineError::Bug(format!("model {} reads no source", self.model.name)))
    }

    /// Everything that the model reads.
    pub(crate) async fn given(&self) -> Result<Vec<Input<'_>>, EngineError> {
        let mut given = Vec::new();
        for name in self.inputs {
            given.push(self.input(name).await?);
        }
        Ok(given)
    }

    /// A session that knows these tables.
    pub(crate) fn session(&self, given: &[Input<'_>]) -> Result<SessionContext, DataFusionError> {
        let settings = Settings { threads: self.threads, ..self.run.context.project.settings.clone() };
        let ctx = session_in(&settings, &self.room.pool, self.room.scratch)?;
        for Input { name, schema, files } in given {
            register(&ctx, name, Arc::clone(schema), STATE, &self.run.state().store, files.clone())?;
        }
        Ok(ctx)
    }

    /// Does the work, and says of a failure which object is at fault, where one is.
    pub(crate) async fn settle<T: Send>(
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
    pub(crate) async fn check(
        &self,
        ctx: &SessionContext,
        files: &[PublishedFile],
    ) -> Result<Vec<CheckReport>, Failure> {
        let Work { run, model, .. } = self;
        let files = table_files(run, files)?;
        register(ctx, &model.name, Arc::clone(&model.schema), STATE, &run.state().store, files)?;
        let checks = run_checks(ctx, &run.context.project, run.compiled, model, self.instant());
        Ok(Box::pin(checks).await?)
    }

    /// All landed files of a source.
    pub(crate) async fn landed(&self, source: &str) -> Result<Vec<LandedFile>, EngineError> {
        match self.run.latest.as_ref().and_then(|commit| commit.sources.get(source)) {
            Some(state) => Ok(self.run.ledger.landed_files(state).await?),
            None => Ok(Vec::new()),
        }
    }

    /// A source with these of its landed files.
    pub(crate) fn source<'b>(&self, name: &'b str, landed: &[LandedFile]) -> Result<Input<'b>, EngineError> {
        let source = self.run.context.project.sources.get(name);
        let source = source.ok_or_else(|| EngineError::Bug(format!("`{name}` is not a source")))?;
        let file = |file: &LandedFile| {
            Ok(TableFile { path: path_of(self.run.state(), file.name.as_str())?, bytes: file.bytes, rows: file.rows })
        };
        let files = landed.iter().map(file).collect::<Result<_, EngineError>>()?;
        Ok(Input { name, schema: landed_schema(source), files })
    }

    /// A source or a model with these of its files.
    pub(crate) fn dated<'b>(&self, name: &'b str, files: &[DatedFile]) -> Result<Input<'b>, EngineError> {
        let (mut landed, mut published) = (Vec::new(), Vec::new());
        for file in files {
            match file {
                DatedFile::Landed(file) => landed.push(file.clone()),
                DatedFile::Published(file, _) => published.push(file.clone()),
            }
        }
        if self.run.context.project.sources.contains_key(name) {
            return self.source(name, &landed);
        }
        self.published(name, &published)
    }

    /// A model with these of its files.
    pub(super) fn published<'b>(&self, name: &'b str, files: &[PublishedFile]) -> Result<Input<'b>, EngineError> {
        let model = find(self.run.compiled, name)
            .ok_or_else(|| EngineError::Bug(format!("`{name}` is read but neither a source nor a model")))?;
        Ok(Input { name, schema: Arc::clone(&model.schema), files: table_files(self.run, files)? })
    }

    /// The model as it is written.
    pub(crate) fn written(&self) -> Result<&Model, EngineError> {
        let written = self.run.context.project.models.get(&self.model.name);
        written.ok_or_else(|| EngineError::Bug(format!("model {} is compiled but not in the project", self.model.name)))
    }

    /// A source's landed rows or a model's committed or staged result.
    pub(super) async fn input<'b>(&self, name: &'b str) -> Result<Input<'b>, EngineError> {
        let run = self.run;
        if run.context.project.sources.contains_key(name) {
            return self.source(name, &self.landed(name).await?);
        }
        self.published(name, self.models.get(name).map_or(&[][..], |state| &state.files))
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
