//! A total without GROUP BY is one row, also of no rows: no condition may be looked at before it is counted.
//!
//! DataFusion 55 moves a condition that names only group keys below the grouping. One that names no column at all, as
//! `kind = 'orders'` over `SELECT 'orders' AS kind, count(*) AS n`, names only group keys too. Below a total, it takes away the
//! rows, and the total still gives a row: of UNION ALL of totals, the query above would be shown those that it does not want.
//! Spark had the same (SPARK-17712, SPARK-22983).

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Projection};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// Puts LIMIT 1 over totals below constants. It changes nothing, and nothing is moved below it.
#[derive(Debug, Default)]
pub(crate) struct KeepTotals;

impl OptimizerRule for KeepTotals {
    fn name(&self) -> &str {
        "keep_totals"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Projection(projection) = plan else { return Ok(Transformed::no(plan)) };
        if !projection.expr.iter().any(is_constant) {
            return Ok(Transformed::no(LogicalPlan::Projection(projection)));
        }
        let input = Arc::unwrap_or_clone(projection.input);
        limited(input)?.map_data(|input| {
            Ok(LogicalPlan::Projection(Projection::try_new_with_schema(
                projection.expr,
                Arc::new(input),
                projection.schema,
            )?))
        })
    }
}

fn is_constant(expr: &Expr) -> bool {
    expr.column_refs().is_empty() && !expr.contains_outer()
}

/// The plan with LIMIT 1 over each total in it, however deep: a condition without columns goes through joins and groupings too.
/// Below a limit nothing is moved. A total that belongs to a row of another query is left, for DataFusion makes a join of it, and
/// of no limit.
fn limited(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    plan.transform_down(|plan| match plan {
        LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty() => {
            if aggregate.input.exists(|plan| Ok(plan.contains_outer_reference()))? {
                return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
            }
            let limited = LogicalPlanBuilder::from(LogicalPlan::Aggregate(aggregate)).limit(0, Some(1))?.build()?;
            Ok(Transformed::new(limited, true, TreeNodeRecursion::Jump))
        }
        LogicalPlan::Limit(_) => Ok(Transformed::new(plan, false, TreeNodeRecursion::Jump)),
        _ => Ok(Transformed::no(plan)),
    })
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::prelude::SessionContext;

    use crate::fixture::Fixture;
    use crate::session::planning_session;

    async fn shown(sql: &str) -> String {
        let ctx: SessionContext = planning_session(&Fixture::new().project().settings).unwrap();
        let events = "CREATE TABLE events AS SELECT * FROM (VALUES ('a', 1), ('a', 2), ('b', 3)) AS events(who, n)";
        ctx.sql(events).await.unwrap().collect().await.unwrap();
        pretty_format_batches(&ctx.sql(sql).await.unwrap().collect().await.unwrap()).unwrap().to_string()
    }

    #[tokio::test]
    async fn a_condition_on_a_constant_takes_rows_of_totals_away() {
        let totals = "SELECT 'all' AS kind, count(*) AS n FROM events UNION ALL SELECT 'most', max(n) FROM events";
        let two = "SELECT kind, n FROM (SELECT 'all' AS kind, x.n FROM (SELECT count(*) AS n FROM events) AS x)";
        let total = "(SELECT count(*) AS n FROM events) AS a";
        let joined = format!("{total} CROSS JOIN (SELECT max(n) AS m FROM events) AS b");
        let correlated = "SELECT n FROM (SELECT 1 AS one, count(*) AS n FROM events o WHERE o.who = e.who)";
        for (sql, rows) in [
            (format!("SELECT n FROM ({totals}) WHERE kind = 'most'"), 1),
            (format!("SELECT kind FROM ({totals}) WHERE kind = 'none'"), 0),
            (format!("SELECT a.kind FROM ({totals}) AS a JOIN events e ON e.n = a.n WHERE a.kind = 'all'"), 1),
            (format!("{two} WHERE kind = 'none'"), 0),
            (format!("{two} WHERE kind = 'all'"), 1),
            ("SELECT kind FROM (SELECT 'all' AS kind, count(*) AS n FROM events HAVING count(*) > 5) WHERE kind = 'all'".to_owned(), 0),
            (format!("SELECT k FROM (SELECT 'x' AS k, a.n, b.m FROM {joined}) WHERE k = 'y'"), 0),
            (format!("SELECT k FROM (SELECT 'x' AS k, a.n, b.m FROM {joined}) WHERE k = 'x'"), 1),
            (format!("SELECT k FROM (SELECT 'x' AS k, n, count(*) FROM {total} GROUP BY n) WHERE k = 'y'"), 0),
            (format!("SELECT k FROM (SELECT DISTINCT 'x' AS k, n FROM {total}) WHERE k = 'y'"), 0),
            (format!("SELECT k FROM (SELECT 'x' AS k, row_number() OVER (ORDER BY n) FROM {total}) WHERE k = 'y'"), 0),
            (format!("SELECT e.who, ({correlated}) AS n FROM events e"), 3),
            ("SELECT count(*) AS n FROM events WHERE 1 = 2".to_owned(), 1),
            ("SELECT who FROM (SELECT who, count(*) AS n FROM events GROUP BY ROLLUP (who)) WHERE who = 'a'".to_owned(), 1),
            ("SELECT who, 1 AS one, (SELECT count(*) FROM events o WHERE o.who = e.who) AS n FROM events e".to_owned(), 3),
            ("SELECT who FROM events e WHERE EXISTS (SELECT 1, max(n) FROM events o WHERE o.who = e.who)".to_owned(), 3),
        ] {
            let found = shown(&sql).await;
            let lines = found.lines().count().saturating_sub(4);
            // A result without any batch is shown as two lines.
            assert_eq!(lines, rows, "{sql}\n{found}");
        }
    }
}
