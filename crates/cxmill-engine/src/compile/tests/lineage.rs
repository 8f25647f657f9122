//! Where the values of columns come from.

use std::sync::Arc;

use datafusion::datasource::empty::EmptyTable;

use crate::compile::lineage::lineage as origins_of;
use crate::compile::query::analysed;
use crate::fixture::Fixture;
use crate::session::planning_session;

/// `column < table.column, …` for each column of a query over the shop.
async fn lineage(sql: &str) -> Vec<String> {
    let project = Fixture::shop().project();
    let ctx = planning_session(&project.settings).unwrap();
    for (name, source) in &project.sources {
        let table = EmptyTable::new(cxmill_ingest::landed_schema(source));
        ctx.register_table(name.as_str(), Arc::new(table)).unwrap();
    }
    let state = ctx.state();
    let plan = analysed(&state, state.create_logical_plan(sql).await.unwrap()).unwrap();
    let columns = plan.schema().fields().iter().zip(origins_of(&plan));
    let shown = columns.map(|(field, origins)| {
        let origins: Vec<String> = origins.iter().map(|(table, column)| format!("{table}.{column}")).collect();
        format!("{} < {}", field.name(), origins.join(", "))
    });
    shown.collect()
}

#[tokio::test]
async fn values_are_followed_through_queries_in_queries_joins_and_groups() {
    let sql = "WITH spend AS (SELECT customer_id AS who, sum(amount) AS spent FROM orders GROUP BY customer_id)
               SELECT upper(s.who) AS who, s.spent / 2 AS half, count(a.answer_id) AS answers, max(a.channel || a.answer_id) AS last
               FROM spend s JOIN survey_answers a ON a.customer_id = s.who GROUP BY s.who, s.spent";
    assert_eq!(
        lineage(sql).await,
        [
            "who < orders.customer_id",
            "half < orders.amount",
            "answers < survey_answers.answer_id",
            "last < survey_answers.answer_id, survey_answers.channel",
        ]
    );
}

#[tokio::test]
async fn both_sides_of_a_union_and_the_query_of_a_value_count() {
    let sql = "SELECT order_id AS id, (SELECT max(channel) FROM survey_answers) AS best FROM orders
               UNION ALL
               SELECT answer_id, channel FROM survey_answers";
    assert_eq!(lineage(sql).await, ["id < orders.order_id, survey_answers.answer_id", "best < survey_answers.channel"]);
}

#[tokio::test]
async fn what_chooses_and_orders_rows_leaves_no_trace() {
    let sql = "SELECT CASE WHEN customer_id = 'x' THEN order_id ELSE 'none' END AS id,
                      lag(amount) OVER (PARTITION BY customer_id ORDER BY ordered_at) AS before,
                      1 AS one
               FROM orders WHERE customer_id <> 'y'";
    assert_eq!(lineage(sql).await, ["id < orders.order_id", "before < orders.amount", "one < "]);
}

#[tokio::test]
async fn where_a_step_cannot_be_followed_everything_counts() {
    let sql = "SELECT customer_id, channel, count(score) AS answers FROM survey_answers GROUP BY ROLLUP (customer_id, channel)";
    let lineage = lineage(sql).await;
    assert!(lineage.iter().all(|column| column.contains("survey_answers.customer_id")), "{lineage:?}");
}
