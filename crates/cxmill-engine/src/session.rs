//! The one place where DataFusion sessions are made.
//!
//! A session never differs from another by accident: every option that decides what a query means (time zone, string
//! types, null order) is set here, so that a model means the same when it is compiled, built and checked. Sessions hold
//! no catalog of files and no `information_schema`: a query can only name tables that the engine registered.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use cxmill_incremental::{KnownFunctions, RefuseMixedStates};
use cxmill_spec::{Project, Settings};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryLimit, MemoryPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{FunctionRegistry, SessionStateBuilder};
use datafusion::optimizer::{Analyzer, Optimizer};
use datafusion::physical_plan::execute_stream;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use futures::TryStreamExt;

use crate::compile::query;
use crate::micros::{ReckonInMicroseconds, date_trunc};
use crate::one_row::KeepTotals;
use crate::percentile::percentile_cont;

/// Largest consumers of memory that an out-of-memory message names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4);

/// A session with cxmill's functions and the state functions of every aggregate, the project's time zone, `threads`, and a spilling memory pool of `memory` bytes.
///
/// Queries that need more than `memory` spill into `scratch` where they can (sort, grouping) and fail with
/// `ResourcesExhausted` where they cannot. `scratch` must exist or be creatable.
pub fn session(settings: &Settings, memory: u64, scratch: &Path) -> Result<SessionContext> {
    session_in(settings, &pool(memory), scratch)
}

/// A pool of `memory` bytes that sessions can share.
pub(crate) fn pool(memory: u64) -> Arc<dyn MemoryPool> {
    let bytes = usize::try_from(memory).unwrap_or(usize::MAX);
    Arc::new(TrackConsumersPool::new(FairSpillPool::new(bytes), NAMED_CONSUMERS))
}

/// A [`session`] whose queries take their memory from this pool.
pub(crate) fn session_in(settings: &Settings, pool: &Arc<dyn MemoryPool>, scratch: &Path) -> Result<SessionContext> {
    let bytes = match pool.memory_limit() {
        MemoryLimit::Finite(bytes) => bytes,
        MemoryLimit::Infinite | MemoryLimit::Unknown => usize::MAX,
    };
    let spill = DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(vec![scratch.to_path_buf()]));
    let runtime =
        RuntimeEnvBuilder::new().with_memory_pool(Arc::clone(pool)).with_disk_manager_builder(spill).build()?;
    context(config(settings, bytes), runtime)
}

/// A session that only plans: it reads nothing, spills nothing and holds no memory to speak of.
pub(crate) fn planning_session(settings: &Settings) -> Result<SessionContext> {
    let spill = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    let runtime = RuntimeEnvBuilder::new().with_disk_manager_builder(spill).build()?;
    context(config(settings, usize::MAX), runtime)
}

/// What states depend on beside the rows: the versions of functions.
pub(crate) fn known_functions() -> KnownFunctions {
    KnownFunctions::new()
        .with_versions(cxmill_functions::function_versions())
        // They read the time zone of the project, and fingerprints cover it.
        .with_settled(["local_day", "local_week", "local_month"])
}

fn context(config: SessionConfig, runtime: RuntimeEnv) -> Result<SessionContext> {
    let mut analyzer = Analyzer::new().rules;
    analyzer.insert(0, Arc::new(RefuseMixedStates));
    analyzer.insert(1, Arc::new(ReckonInMicroseconds));
    let mut optimizer = Optimizer::new().rules;
    optimizer.insert(0, Arc::new(KeepTotals));
    let mut state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(Arc::new(runtime))
        .with_default_features()
        .with_analyzer_rules(analyzer)
        .with_optimizer_rules(optimizer)
        .build();
    state.register_udaf(percentile_cont())?;
    state.register_udf(date_trunc())?;
    cxmill_functions::register_all(&mut state)?;
    cxmill_incremental::register_state_functions(&mut state, &known_functions())?;
    Ok(SessionContext::new_with_state(state))
}

fn config(settings: &Settings, memory: usize) -> SessionConfig {
    let threads = settings.threads.max(1);
    let mut config = SessionConfig::new()
        .with_target_partitions(threads)
        .with_batch_size(8192)
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(true)
        .with_collect_statistics(true);
    let options = config.options_mut();
    options.sql_parser.collect_spans = true;
    options.sql_parser.enable_ident_normalization = true;
    // Published text is Utf8; views would have to be cast back at every border.
    options.sql_parser.map_string_types_to_utf8view = false;
    options.execution.parquet.schema_force_view_types = false;
    // Pushed below a view, a field that is taken out of a struct column (as the order of published rows does) may stand beside a
    // column of its query that has lost its qualifier; DataFusion 55 then fails and calls the name ambiguous.
    options.optimizer.enable_leaf_expression_pushdown = false;
    options.execution.time_zone = Some(settings.time_zone.name().to_owned());
    options.execution.planning_concurrency = threads;
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.pruning = true;
    options.execution.parquet.enable_page_index = true;
    // What each sort keeps aside for its merge has to fit several times into a small pool.
    options.execution.sort_spill_reservation_bytes = (memory / (threads * 16)).clamp(256 * 1024, 10 * 1024 * 1024);
    config
}

/// The query of a model over the tables registered in `ctx` (its `reads`), variables and as-of bound as typed values,
/// columns cast to the published types of `schema`.
///
/// Models of strategy `view` that it reads are inlined; only sources and built models need to be registered. Fails where
/// the query takes `$as_of` and none is given, or where a table is not registered.
pub async fn model_query(
    ctx: &SessionContext,
    project: &Project,
    model: &str,
    as_of: Option<DateTime<Utc>>,
    schema: &SchemaRef,
) -> Result<DataFrame> {
    query::model(ctx, project, model, as_of, schema).await
}

/// The rows of a query, as they are computed by a task of its own: while they are written, and while other models are built, more of them
/// are made.
pub(crate) async fn rows(query: DataFrame) -> Result<SendableRecordBatchStream> {
    let context = Arc::new(query.task_ctx());
    let planning = SpawnedTask::spawn(async move { query.create_physical_plan().await });
    let plan = planning.join_unwind().await.map_err(|error| DataFusionError::External(Box::new(error)))??;
    let mut rows = RecordBatchReceiverStreamBuilder::new(plan.schema(), 1);
    let taken = rows.tx();
    rows.spawn(async move {
        let mut rows = execute_stream(plan, context)?;
        while let Some(batch) = rows.try_next().await? {
            if taken.send(Ok(batch)).await.is_err() {
                // Nobody wants more.
                break;
            }
        }
        Ok(())
    });
    Ok(rows.build())
}

/// All rows of a query, see [`rows`].
pub(crate) async fn collect(query: DataFrame) -> Result<Vec<RecordBatch>> {
    rows(query).await?.try_collect().await
}
