//! What every command of the engine works with.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use cxmill_ingest::{Environment, Place, PrivateKey, Progress, StoreError};
use cxmill_spec::Project;

/// A project with what the CLI took from the environment.
#[derive(Debug, Clone)]
pub struct Context {
    /// The validated project.
    pub project: Arc<Project>,
    /// The project's folder: relative locations start here.
    pub base: PathBuf,
    /// The files that the project was read from.
    pub files: Arc<dyn ProjectFiles>,
    /// Opens locations: sources and both roots.
    pub stores: Arc<dyn Stores>,
    /// Variables that credentials may come from.
    pub environment: Environment,
    /// Key for private columns, where one was given.
    pub private_key: Option<PrivateKey>,
    /// The wall clock, read once by the CLI (information in records only; nothing is decided by it).
    pub now: DateTime<Utc>,
    /// Whom to tell what is going on.
    pub observer: Arc<dyn Observer>,
    /// Live counters and the stop flag: setting `progress.stop` ends the run cleanly with [`crate::EngineError::Interrupted`].
    pub progress: Arc<Progress>,
}

/// The files that a project was read from.
pub trait ProjectFiles: std::fmt::Debug + Send + Sync {
    /// Whether they still say what they said when the project was read. Asked once the newest commit is known: a runner that
    /// slept between reading its project and that commit would undo what another runner did with newer files.
    fn unchanged(&self) -> bool;
}

/// A project that was not read from files.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFiles;

impl ProjectFiles for NoFiles {
    fn unchanged(&self) -> bool {
        true
    }
}

/// Opens locations of a project.
pub trait Stores: std::fmt::Debug + Send + Sync {
    /// Opens a location of the context's project. Does no request to a store.
    ///
    /// # Errors
    /// [`StoreError`] where the location cannot be understood.
    fn open(&self, location: &str, context: &Context) -> Result<Place, StoreError>;
}

/// Opens locations as the project's settings and the environment say.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoresOfProject;

impl Stores for StoresOfProject {
    fn open(&self, location: &str, context: &Context) -> Result<Place, StoreError> {
        Place::open(location, &context.base, &context.project.settings.stores, &context.environment)
    }
}

/// How this run behaves.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Only these models and what they read; empty means all.
    pub select: Vec<String>,
    /// The logical time; `None` means the newest event time landed.
    pub as_of: Option<DateTime<Utc>>,
    /// Build the models that are named in `select` anew, or all where none is, and read sources whose contract or files
    /// changed, or whose landed rows are lost, again from their raw files.
    pub full_refresh: bool,
    /// How many batches of models that are built anew this run takes at most; the next run goes on there. `None`: all.
    pub rebuild_batches: Option<u64>,
    /// Go on where a source's location changed and the new place does not hold all files that were read: files there
    /// whose names below the location were never read count as new.
    pub relocate: bool,
}

impl RunOptions {
    /// Whether a model is to be built anew: what a named model reads is only brought up to date.
    pub(crate) fn refreshes(&self, model: &str) -> bool {
        self.full_refresh && (self.select.is_empty() || self.select.iter().any(|name| name == model))
    }
}

/// A stage of a run, for progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Finishing or cleaning up after an earlier run.
    Recover,
    /// Listing a source.
    Discover {
        /// The source.
        source: String,
    },
    /// Reading new files of a source.
    Land {
        /// The source.
        source: String,
        /// Files of this batch.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// Building and checking a model.
    Build {
        /// The model.
        model: String,
    },
    /// Taking a batch of landed rows of a model that is built anew.
    Rebuild {
        /// The model.
        model: String,
        /// Number of the batch, from 1.
        batch: u64,
        /// Batches in all.
        batches: u64,
    },
    /// Making the commit.
    Commit,
    /// Putting results at their stable names.
    Publish,
}

/// Is told what is going on; must not block.
pub trait Observer: std::fmt::Debug + Send + Sync {
    /// A stage begins.
    fn begins(&self, stage: &Stage);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn begins(&self, _stage: &Stage) {}
}
