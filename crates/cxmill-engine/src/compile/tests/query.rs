use std::sync::Arc;

use chrono::{DateTime, Utc};
use cxmill_spec::{ColumnType, Literal, Project};
use datafusion::arrow::array::{ArrayRef, Int8Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::SessionContext;
use insta::assert_snapshot;

use crate::compile::compile;
use crate::fixture::Fixture;
use crate::session::{model_query, session};

fn answers(project: &Project) -> RecordBatch {
    let day = 86_400_000_000_i64;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec!["a", "b", "c", "d"])),
        Arc::new(StringArray::from(vec!["x", "y", "x", "z"])),
        Arc::new(TimestampMicrosecondArray::from(vec![day, day + 1, 2 * day, 3 * day]).with_timezone("UTC")),
        Arc::new(StringArray::from(vec!["web", "app", "web", "app"])),
        Arc::new(Int8Array::from(vec![Some(10), Some(3), None, Some(7)])),
    ];
    RecordBatch::try_new(cxmill_ingest::landed_schema(&project.sources["survey_answers"]), columns).unwrap()
}

fn context(project: &Project, folder: &std::path::Path) -> SessionContext {
    let ctx = session(&project.settings, 64 << 20, folder).unwrap();
    ctx.register_batch("survey_answers", answers(project)).unwrap();
    ctx
}

async fn rows(fixture: Fixture, model: &str, as_of: Option<DateTime<Utc>>) -> String {
    let project = fixture.project();
    let compiled = compile(&project).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ctx = context(&project, folder.path());
    let schema = &compiled.model(model).unwrap().schema;
    let frame = model_query(&ctx, &project, model, as_of, schema).await.unwrap();
    for (field, wanted) in frame.schema().fields().iter().zip(schema.fields()) {
        assert_eq!((field.name(), field.data_type()), (wanted.name(), wanted.data_type()));
    }
    pretty_format_batches(&frame.collect().await.unwrap()).unwrap().to_string()
}

#[tokio::test]
async fn a_model_runs_over_views_with_its_variables_bound() {
    let fixture = Fixture::shop()
        .var("least", ColumnType::Int16, Literal::Int(-1))
        .var("label", ColumnType::String, Literal::String("it's; DROP TABLE x".to_owned()))
        .var("rate", ColumnType::Double, Literal::Double(-0.5))
        .var("price", ColumnType::Decimal { precision: 6, scale: 2 }, Literal::Decimal(-1250))
        .var("start", ColumnType::Date(cxmill_spec::DateFormat::Iso8601), Literal::Date("1970-01-02".parse().unwrap()))
        .view("scored", "SELECT * FROM survey_answers WHERE score IS NOT NULL")
        .view("recent", "SELECT channel, score, answered_at FROM scored WHERE answered_at < $as_of AND answered_at >= $start")
        .model("m", "SELECT channel, count(*) AS n, max(score) AS best, $label AS label, 1 - $rate AS rate, $price AS price, $as_of AS as_of\nFROM recent WHERE score > $least GROUP BY channel ORDER BY channel");
    let as_of = DateTime::from_timestamp_micros(3 * 86_400_000_000).unwrap();
    assert_snapshot!(rows(fixture, "m", Some(as_of)).await, @r#"
    +---------+---+------+--------------------+------+--------+----------------------+
    | channel | n | best | label              | rate | price  | as_of                |
    +---------+---+------+--------------------+------+--------+----------------------+
    | app     | 1 | 3    | it's; DROP TABLE x | 1.5  | -12.50 | 1970-01-04T00:00:00Z |
    | web     | 1 | 10   | it's; DROP TABLE x | 1.5  | -12.50 | 1970-01-04T00:00:00Z |
    +---------+---+------+--------------------+------+--------+----------------------+
    "#);
}

#[tokio::test]
async fn without_an_as_of_a_model_that_takes_it_cannot_run() {
    let project = Fixture::shop().model("m", "SELECT channel FROM survey_answers WHERE answered_at < $as_of").project();
    let compiled = compile(&project).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ctx = context(&project, folder.path());
    let error = model_query(&ctx, &project, "m", None, &compiled.models[0].schema).await.unwrap_err();
    assert!(error.to_string().contains("$as_of has no value"), "{error}");
}

#[tokio::test]
async fn days_are_those_of_the_projects_zone_and_text_is_never_a_view() {
    let fixture = Fixture::shop().model("m", "SELECT local_day(answered_at) AS day, upper(channel) AS channel, count(*) AS n\nFROM survey_answers GROUP BY 1, 2 ORDER BY 1, 2");
    assert_snapshot!(rows(fixture, "m", None).await, @r#"
    +------------+---------+---+
    | day        | channel | n |
    +------------+---------+---+
    | 1970-01-02 | APP     | 1 |
    | 1970-01-02 | WEB     | 1 |
    | 1970-01-03 | WEB     | 1 |
    | 1970-01-04 | APP     | 1 |
    +------------+---------+---+
    "#);
}

#[tokio::test]
async fn a_chain_of_thousands_of_operators_is_refused_and_wide_queries_are_not() {
    let chain = |parts: usize, operator: &str| {
        (0..parts).map(|n| format!("score = {n}")).collect::<Vec<_>>().join(&format!(" {operator} "))
    };
    let with = |condition: String| {
        Fixture::shop().model("m", &format!("SELECT channel FROM survey_answers WHERE {condition}"))
    };
    for long in [chain(5_000, "OR"), chain(300, "AND"), format!("score > {}", vec!["1"; 5_000].join(" + "))] {
        let found = compile(&with(long).project()).await.unwrap_err();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].message.contains("a chain of more than 200 operators"), "{found:?}");
    }
    let union = vec!["SELECT channel FROM survey_answers"; 300].join(" UNION ALL ");
    assert!(compile(&Fixture::shop().model("m", &union).project()).await.is_err());

    assert!(compile(&with(chain(100, "OR")).project()).await.is_ok());
    let columns: Vec<String> = (0..300).map(|n| format!("score + {n} AS column_{n}")).collect();
    let wide = format!("SELECT {} FROM survey_answers", columns.join(", "));
    assert!(compile(&Fixture::shop().model("m", &wide).project()).await.is_ok());
}
