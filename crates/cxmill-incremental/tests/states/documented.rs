//! Every cxmill aggregate, by the example of its own reference entry: each row of the example arrives as a part of its own.

use cxmill_functions::{FunctionKind, function_docs};
use cxmill_incremental::{Forbids, KnownFunctions, split};
use datafusion::arrow::array::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::SessionContext;

use crate::support::{analysed, collect, rows, same, session, table};

/// The rows of VALUES as a table, and the plan over it.
async fn over_a_table(ctx: &SessionContext, plan: LogicalPlan) -> (LogicalPlan, Option<RecordBatch>) {
    let mut values = None;
    plan.apply(|node| {
        if matches!(node, LogicalPlan::Values(_)) {
            values = Some(node.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .unwrap();
    let Some(values) = values else { return (plan, None) };
    let (schema, batches) = collect(ctx, values).await.unwrap();
    let batch = datafusion::arrow::compute::concat_batches(&schema, &batches).unwrap();
    let source = provider_as_source(table(&schema, std::slice::from_ref(&batch)));
    let scan = LogicalPlanBuilder::scan("given", source, None).unwrap().build().unwrap();
    let plan = plan.transform_up(|node| {
        Ok(match node {
            LogicalPlan::Values(_) => Transformed::yes(scan.clone()),
            other => Transformed::no(other),
        })
    });
    (plan.unwrap().data, Some(batch))
}

#[tokio::test]
async fn every_documented_aggregate_has_a_state() {
    let ctx = session();
    let known = KnownFunctions::new().with_versions(cxmill_functions::function_versions());
    let mut seen = 0;
    for doc in function_docs().into_iter().filter(|doc| doc.kind == FunctionKind::Aggregate) {
        let plan = analysed(&ctx, &doc.example).await.unwrap();
        let (plan, Some(batch)) = over_a_table(&ctx, plan).await else { continue };
        let query = match split(&plan, &known) {
            Ok(query) => query,
            Err(reason) => {
                assert!(!matches!(reason.forbids, Forbids::NoState(_)), "{}: {reason}", doc.name);
                continue;
            }
        };
        assert_eq!(query.versions().get(&doc.name), Some(&doc.version), "{}", doc.name);
        let mut states = Vec::new();
        for row in 0..batch.num_rows() {
            let rows = table(&batch.schema(), &[batch.slice(row, 1)]);
            let plan = query.state_plan(provider_as_source(rows)).unwrap();
            states.extend(collect(&ctx, plan).await.unwrap().1);
        }
        let states = provider_as_source(table(query.state_schema(), &states));
        let states = LogicalPlanBuilder::scan("states", states, None).unwrap().build().unwrap();
        let finished = query.finish_plan(query.combine_plan(states).unwrap()).unwrap();
        let (schema, finished) = collect(&ctx, finished).await.unwrap();
        let (once_schema, once) = collect(&ctx, plan).await.unwrap();
        same(&rows(&once_schema, &once), &rows(&schema, &finished))
            .unwrap_or_else(|difference| panic!("{}: {difference}", doc.name));
        seen += 1;
    }
    assert!(seen >= 6, "{seen} examples were split");
}
