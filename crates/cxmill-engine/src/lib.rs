//! The run: plan, models, checks, stage, publish.
pub mod check;
mod clock;
mod commit;
pub mod compile;
mod content;
pub mod context;
mod contract;
mod decide;
mod delivery;
mod discover;
pub mod error;
#[cfg(test)]
mod fixture;
mod follow;
mod gc;
mod interrupt;
mod land;
mod location;
pub mod look;
mod lost;
mod memory;
mod micros;
mod one_row;
mod partition;
mod percentile;
pub mod plan;
mod publish;
mod quarantine;
mod recover;
mod render;
pub mod replay;
pub mod report;
mod restate;
mod roots;
pub mod run;
pub mod scenario;
mod scratch;
pub mod session;
mod stage;
mod strategy;
mod tables;
mod turns;

pub use check::{CheckQuery, check_queries, run_checks};
pub use compile::{Compiled, CompiledModel, Proven, compile, compile_standing, findings, register_views};
pub use context::{Context, NoFiles, NoObserver, Observer, ProjectFiles, RunOptions, Stage, Stores, StoresOfProject};
pub use cxmill_functions::{FunctionDoc, FunctionKind, function_docs, function_reference};
pub use cxmill_ingest::{Environment, Place, PrivateKey, Progress, StoreError};
pub use cxmill_ledger::Totals;
pub use error::EngineError;
pub use follow::Follower;
pub use gc::{Collected, CollectedObject, gc};
pub use look::{
    Concern, DocsPage, Finding, ModelStatus, RebuildStatus, ReportPage, SourceStatus, Status, Table, WithheldStatus,
    docs_page, doctor, proven, quarantine, quarantine_summary, report_page, show, status, summary,
};
pub use plan::{ModelAction, ModelPlan, RebuildPlan, RunPlan, SourcePlan, plan};
pub use replay::{LeftRows, ReplayReport, ReplayedSource, replay};
pub use report::{
    ChangedPartition, CheckReport, CheckResult, DamagedFile, ModelReport, RebuildReport, RunReport, SomeFiles,
    SourceReport,
};
pub use run::run;
pub use scenario::{Difference, Failure, Pair, ScenarioReport, run_scenarios};
pub use session::{model_query, session};
