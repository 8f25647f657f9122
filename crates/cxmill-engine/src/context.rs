//! What every command of the engine works with.

use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use cxmill_ingest::{Environment, PrivateKey, Progress};
use cxmill_spec::Project;

/// A project with what the CLI took from the environment.
#[derive(Debug, Clone)]
pub struct Context {
    /// The validated project.
    pub project: Arc<Project>,
    /// The project's folder: relative locations start here.
    pub base: PathBuf,
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

/// How this run behaves.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Only these models and what they read; empty means all.
    pub select: Vec<String>,
    /// The logical time; `None` means the newest event time landed.
    pub as_of: Option<DateTime<Utc>>,
    /// Build every selected model anew, and read sources whose contract or files changed again from their raw files.
    pub full_refresh: bool,
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
