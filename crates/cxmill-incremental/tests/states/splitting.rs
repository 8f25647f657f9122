//! Which queries can be split, into what, and why the others cannot.

use cxmill_incremental::KnownFunctions;
use cxmill_incremental::{Forbids, StateError, StateGrowth, split};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;

use crate::data::schema;
use crate::support::{analysed, session, splitted, table};

fn ctx() -> SessionContext {
    let ctx = session();
    ctx.register_table("events", table(&schema(), &[])).unwrap();
    ctx.register_table("customers", table(&schema(), &[])).unwrap();
    ctx
}

/// Queries that cannot be split: what forbids it, and the words at the place that `locate` gives (empty: none is known).
const REFUSED: &[(&str, Forbids, &str)] = &[
    ("SELECT e.channel, count(*) FROM events e JOIN customers c ON e.id = c.id GROUP BY 1", Forbids::Join, "customers"),
    ("SELECT e.channel, count(*) FROM events e, customers c GROUP BY 1", Forbids::Join, "customers"),
    (
        "SELECT count(*) FROM (SELECT id FROM events UNION ALL SELECT id FROM customers)",
        Forbids::SetOperation,
        "SELECT id FROM customers",
    ),
    ("SELECT day, sum(count(*)) OVER (ORDER BY day) FROM events GROUP BY day", Forbids::Window, "sum(count(*)) OVER"),
    (
        "SELECT channel, count(*) FROM (SELECT channel, row_number() OVER (ORDER BY id) AS n FROM events) WHERE n = 1 GROUP BY 1",
        Forbids::Window,
        "row_number()",
    ),
    ("SELECT channel, count(*) AS n FROM events GROUP BY 1 ORDER BY n DESC LIMIT 3", Forbids::Limit, "3"),
    ("SELECT count(*) FROM (SELECT id FROM events LIMIT 10)", Forbids::Limit, "10"),
    (
        "SELECT DISTINCT n FROM (SELECT channel, count(*) AS n FROM events GROUP BY 1)",
        Forbids::Distinct,
        "SELECT DISTINCT n",
    ),
    (
        "SELECT DISTINCT ON (channel) channel, id FROM events ORDER BY channel, id",
        Forbids::Distinct,
        "SELECT DISTINCT ON",
    ),
    (
        "SELECT channel, count(*) FROM events WHERE id IN (SELECT id FROM customers) GROUP BY 1",
        Forbids::Subquery,
        "id IN (SELECT",
    ),
    (
        "SELECT channel, count(*) FROM events GROUP BY 1 HAVING count(*) > (SELECT avg(id) FROM customers)",
        Forbids::Subquery,
        "SELECT avg",
    ),
    (
        "SELECT avg(n) FROM (SELECT channel, count(*) AS n FROM events GROUP BY channel)",
        Forbids::NestedAggregate,
        "SELECT channel",
    ),
    ("SELECT id, channel FROM events WHERE flag", Forbids::NoAggregate, "SELECT id"),
    ("SELECT count(*)", Forbids::NoSource, "SELECT count"),
    ("SELECT count(*) FROM (VALUES (1), (2)) AS rows(a)", Forbids::NoSource, "SELECT count"),
    ("SELECT channel, sum(double * random()) FROM events GROUP BY 1", Forbids::Volatile(String::new()), "random()"),
    ("SELECT channel, count(*) * random() FROM events GROUP BY 1", Forbids::Volatile(String::new()), "random()"),
    ("SELECT channel, count(*) FROM events WHERE at > now() GROUP BY 1", Forbids::RunValue(String::new()), "now()"),
    ("SELECT channel, count(*) FROM events WHERE at > $as_of GROUP BY 1", Forbids::RunValue(String::new()), "$as_of"),
    (
        "SELECT channel, count(*) FILTER (WHERE at > $as_of) FROM events GROUP BY 1",
        Forbids::RunValue(String::new()),
        "$as_of",
    ),
    (
        "SELECT channel,\n  approx_median(id) FROM events GROUP BY 1",
        Forbids::NoState(String::new()),
        "approx_median(id)",
    ),
    (
        "SELECT at - at AS waited, count(*) FROM (SELECT arrow_cast(whole, 'Interval(MonthDayNano)') AS at FROM events) GROUP BY 1",
        Forbids::KeyType,
        "",
    ),
];

fn same_kind(left: &Forbids, right: &Forbids) -> bool {
    std::mem::discriminant(left) == std::mem::discriminant(right)
}

#[tokio::test]
async fn a_query_that_cannot_be_split_says_why_and_where() {
    let ctx = ctx();
    for (sql, forbids, words) in REFUSED {
        let reason = splitted(&ctx, sql).await.expect_err(sql);
        assert!(same_kind(&reason.forbids, forbids), "{sql}: {reason:?}");
        if words.is_empty() {
            continue;
        }
        let Statement::Statement(statement) =
            ctx.state().sql_to_statement(sql, &datafusion::config::Dialect::Generic).unwrap()
        else {
            panic!("{sql}")
        };
        let span = reason.locate(&statement).unwrap_or_else(|| panic!("{sql}: {reason:?}"));
        let line = sql.lines().nth(span.start.line as usize - 1).unwrap();
        let place = line.chars().skip(span.start.column as usize - 1).collect::<String>();
        assert!(place.starts_with(words), "{sql}: {place}");
    }
}

#[tokio::test]
async fn what_stands_around_the_aggregate_may_use_the_run() {
    let ctx = ctx();
    let sql = "SELECT channel, count(*) AS n FROM events GROUP BY channel HAVING max(at) > $as_of";
    assert!(splitted(&ctx, sql).await.unwrap().result_depends_on_run());
    let sql = "SELECT channel, now() - max(at) AS age FROM events GROUP BY channel";
    assert!(splitted(&ctx, sql).await.unwrap().result_depends_on_run());
    let sql = "SELECT channel, count(*) AS n FROM events GROUP BY channel";
    assert!(!splitted(&ctx, sql).await.unwrap().result_depends_on_run());
}

#[tokio::test]
async fn keys_and_states_are_named_by_the_columns_that_show_them() {
    let ctx = ctx();
    let sql = "WITH web AS (SELECT at, small AS score FROM events WHERE channel = 'web')
        SELECT answers, month, avg_score * 2 AS twice, answers + 1 AS more FROM (
            SELECT date_trunc('month', at) AS month, small_text, count(*) AS answers, avg(score) AS avg_score
            FROM (SELECT *, arrow_cast(score, 'LargeUtf8') AS small_text FROM web) GROUP BY 1, 2)
        WHERE answers > 1 ORDER BY month";
    let split = splitted(&ctx, sql).await.unwrap();
    let keys: Vec<_> = split.keys().iter().map(|key| (key.name.as_str(), key.output.as_deref())).collect();
    assert_eq!(keys, [("key_month", Some("month")), ("key_2", None)]);
    assert_eq!(split.keys()[1].data_type, DataType::Utf8, "as it is kept");
    let states: Vec<_> = split.states().iter().map(|state| state.name()).collect();
    assert_eq!(states, ["state_answers", "state_4"]);
    assert_eq!(split.source().table(), "events");
    assert_eq!(split.state_schema().fields().len(), 4);
    assert!(split.state_schema().fields().iter().all(|field| field.is_nullable()));
    assert_eq!(split.versions().into_iter().collect::<Vec<_>>(), [("avg".to_owned(), 1), ("count".to_owned(), 1)]);
}

#[tokio::test]
async fn a_view_of_rows_is_seen_through() {
    let ctx = ctx();
    ctx.sql("CREATE VIEW web AS SELECT at, small AS score FROM events WHERE channel = 'web'").await.unwrap();
    let split = splitted(&ctx, "SELECT nps(w.score) AS nps FROM web AS w").await.unwrap();
    assert_eq!(split.source().table(), "events");
    ctx.sql("CREATE VIEW daily AS SELECT day, count(*) AS n FROM events GROUP BY day").await.unwrap();
    let reason = splitted(&ctx, "SELECT avg(n) FROM daily").await.unwrap_err();
    assert_eq!(reason.forbids, Forbids::NestedAggregate);
}

#[tokio::test]
async fn growth_is_told_for_each_state() {
    let ctx = ctx();
    let sql =
        "SELECT count(*), count(DISTINCT text), median(id), nps(small), array_agg(id), first_value(id ORDER BY at),
        min(DISTINCT id), count(DISTINCT text ORDER BY at) FROM events";
    let growth: Vec<StateGrowth> =
        splitted(&ctx, sql).await.unwrap().states().iter().map(|state| state.growth()).collect();
    use StateGrowth::{Constant, DistinctValues, Rows};
    assert_eq!(growth, [Constant, DistinctValues, Rows, Constant, Rows, Constant, Constant, DistinctValues]);
}

#[tokio::test]
async fn states_of_another_version_or_query_are_refused() {
    let ctx = ctx();
    let plan = |sql: &'static str| {
        let ctx = &ctx;
        async move { analysed(ctx, sql).await.unwrap() }
    };
    let split_of = |plan, versions: &[(&str, u32)]| {
        split(&plan, &KnownFunctions::new().with_versions(versions.iter().map(|(name, version)| (*name, *version))))
            .unwrap()
    };
    let kept = split_of(plan("SELECT day, avg(id) AS a FROM events GROUP BY day").await, &[]);
    let states = || {
        LogicalPlanBuilder::scan("states", provider_as_source(table(kept.state_schema(), &[])), None)
            .unwrap()
            .build()
            .unwrap()
    };
    assert!(kept.combine_plan(states()).is_ok());
    let error = |sql: &'static str, versions: &'static [(&'static str, u32)]| {
        let plan = plan(sql);
        async {
            let split = split_of(plan.await, versions);
            let error = split.finish_plan(states()).unwrap_err();
            StateError::of(&error).unwrap_or_else(|| panic!("{error}")).clone()
        }
    };
    assert!(matches!(
        error("SELECT day, avg(id) AS a FROM events GROUP BY day", &[("avg", 2)]).await,
        StateError::OtherVersion { .. }
    ));
    assert!(matches!(
        error("SELECT day, sum(id) AS a FROM events GROUP BY day", &[]).await,
        StateError::OtherFunction { .. }
    ));
    assert!(matches!(
        error("SELECT day, avg(DISTINCT id) AS a FROM events GROUP BY day", &[]).await,
        StateError::OtherCall { .. }
    ));
    assert!(matches!(
        error("SELECT day, avg(id) AS b FROM events GROUP BY day", &[]).await,
        StateError::MissingColumn { .. }
    ));
    assert!(matches!(
        error("SELECT channel AS day, avg(id) AS a FROM events GROUP BY channel", &[]).await,
        StateError::OtherType { .. }
    ));
}

#[tokio::test]
async fn rows_of_another_shape_are_refused() {
    let split = splitted(&ctx(), "SELECT day, avg(id) AS a FROM events GROUP BY day").await.unwrap();
    let other = std::sync::Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true)]));
    let error = split.state_plan(provider_as_source(table(&other, &[]))).unwrap_err();
    assert!(
        matches!(StateError::of(&error), Some(StateError::MissingColumn { column }) if column == "channel"),
        "{error}"
    );
}
