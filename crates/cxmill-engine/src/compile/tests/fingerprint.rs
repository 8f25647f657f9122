use cxmill_spec::{ColumnType, Granularity, Literal};

use super::compiled;
use crate::fixture::Fixture;

async fn of(fixture: Fixture, model: &str) -> String {
    compiled(fixture).await.model(model).unwrap().fingerprint.clone()
}

fn base(sql: &str) -> Fixture {
    Fixture::shop()
        .var("least", ColumnType::Int32, Literal::Int(3))
        .var("other", ColumnType::Int32, Literal::Int(3))
        .model("a", sql)
        .model("b", "SELECT channel FROM a")
}

const SQL: &str = "SELECT channel, count(*) AS n FROM survey_answers WHERE score > $least GROUP BY channel";

#[tokio::test]
async fn formatting_and_comments_do_not_count() {
    let spread = "-- daily\nselect channel,\n   count(*) as n /* all */\nfrom survey_answers\nwhere score > $least group by channel";
    assert_eq!(of(base(SQL), "a").await, of(base(spread), "a").await);
}

#[tokio::test]
async fn a_changed_query_changes_its_readers_too() {
    let changed = SQL.replace('>', ">=");
    assert_ne!(of(base(SQL), "a").await, of(base(&changed), "a").await);
    assert_ne!(of(base(SQL), "b").await, of(base(&changed), "b").await);
}

#[tokio::test]
async fn only_variables_that_are_read_count() {
    let before = of(base(SQL), "a").await;
    assert_eq!(before, of(base(SQL).var("other", ColumnType::Int32, Literal::Int(4)), "a").await);
    assert_ne!(before, of(base(SQL).var("least", ColumnType::Int32, Literal::Int(4)), "a").await);
    assert_ne!(before, of(base(SQL).var("least", ColumnType::Int64, Literal::Int(3)), "a").await);
}

#[tokio::test]
async fn layout_counts_and_checks_do_not() {
    let before = of(base(SQL), "a").await;
    assert_ne!(before, of(base(SQL).sort("a", &["n"]), "a").await);
    assert_ne!(before, of(base(SQL).partition("a", "channel", None), "a").await);
    assert_eq!(before, of(base(SQL).sql_check("a", "SELECT n FROM a WHERE n < 0"), "a").await);
}

#[tokio::test]
async fn columns_of_sources_count() {
    let orders = |amount: ColumnType| {
        Fixture::new()
            .source(
                "orders",
                &[("at", ColumnType::Date(cxmill_spec::DateFormat::Iso8601), true), ("amount", amount, true)],
            )
            .model("a", "SELECT at, sum(amount) AS amount FROM orders GROUP BY at")
            .partition("a", "at", Some(Granularity::Month))
    };
    assert_ne!(of(orders(ColumnType::Int64), "a").await, of(orders(ColumnType::Double), "a").await);
}
