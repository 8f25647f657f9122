//! Kept rows are accounted to the memory limit and spill with the rest of the aggregate.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::datasource::provider_as_source;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::support::{same, splitted, table};

const ROWS: &str =
    "CREATE TABLE events AS SELECT value % 9000 AS customer, 'answer ' || (value % 7001) AS text, value AS id
    FROM range(60000)";

const QUERY: &str =
    "SELECT customer, count(DISTINCT text) AS texts, first_value(text ORDER BY id) AS first, min(text) AS least
    FROM events GROUP BY customer";

fn limited(bytes: usize) -> SessionContext {
    let pool = Arc::new(FairSpillPool::new(bytes));
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(pool).build_arc().unwrap();
    SessionContext::new_with_config_rt(SessionConfig::new().with_target_partitions(1).with_batch_size(1024), runtime)
}

/// The rows of a plan and how often its operators spilled.
async fn run(ctx: &SessionContext, plan: &LogicalPlan) -> (Vec<RecordBatch>, usize) {
    let plan = ctx.state().create_physical_plan(plan).await.unwrap();
    let batches = collect(Arc::clone(&plan), ctx.task_ctx()).await.unwrap();
    (batches, spills(&plan))
}

fn spills(plan: &Arc<dyn ExecutionPlan>) -> usize {
    let own = plan.metrics().and_then(|metrics| metrics.spill_count()).unwrap_or(0);
    own + plan.children().into_iter().map(spills).sum::<usize>()
}

#[tokio::test]
async fn states_are_built_and_combined_within_a_memory_limit() {
    let free = SessionContext::new();
    free.sql(ROWS).await.unwrap();
    let split = splitted(&free, QUERY).await.unwrap();
    let once = free.sql(QUERY).await.unwrap().collect().await.unwrap();

    let tight = limited(3 << 20);
    let rows = provider_as_source(free.table_provider("events").await.unwrap());
    let (states, spilled) = run(&tight, &split.state_plan(rows).unwrap()).await;
    assert!(spilled > 0, "the rows of 9000 groups do not fit");
    let kept = table(split.state_schema(), &[states.clone(), states].concat());
    let scan = datafusion::logical_expr::LogicalPlanBuilder::scan("states", provider_as_source(kept), None).unwrap();
    let (combined, spilled) = run(&tight, &split.combine_plan(scan.build().unwrap()).unwrap()).await;
    assert!(spilled > 0, "nor do their states");
    let kept = table(split.state_schema(), &combined);
    let scan = datafusion::logical_expr::LogicalPlanBuilder::scan("states", provider_as_source(kept), None).unwrap();
    let (finished, _) = run(&tight, &split.finish_plan(scan.build().unwrap()).unwrap()).await;

    let rows = |batches: &[RecordBatch]| crate::support::rows(&batches[0].schema(), batches);
    same(&rows(&once), &rows(&finished)).unwrap();
}
