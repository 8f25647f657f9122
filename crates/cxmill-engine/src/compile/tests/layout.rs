use std::time::Duration;

use cxmill_spec::check::Bound;
use cxmill_spec::{CheckKind, Granularity};
use insta::assert_snapshot;

use super::{compiled, errors, model_errors};
use crate::fixture::Fixture;

const DAILY: &str = "SELECT date_trunc('day', answered_at) AS day, channel, avg(score) AS score,\n  array_agg(answer_id) AS ids\nFROM survey_answers GROUP BY 1, 2";

#[tokio::test]
async fn every_column_needs_one_plain_name_of_its_own() {
    assert_snapshot!(model_errors("SELECT count(*), channel, channel AS \"Channel\",\n  max(score) AS channel\nFROM survey_answers GROUP BY channel").await, @r#"
    5:7: error[duplicate-column]: two columns are called `channel`
      | SELECT count(*), channel, channel AS "Channel",
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      help: give one another name: … AS name
    "#);
}

#[tokio::test]
async fn grain_partitions_and_order_name_columns_of_the_result() {
    let fixture = Fixture::shop()
        .model("m", DAILY)
        .grain("m", &["dya", "ids"])
        .partition("m", "dy", Some(Granularity::Month))
        .partition("m", "channel", Some(Granularity::Day))
        .partition("m", "score", None)
        .partition("m", "day", None)
        .sort("m", &["chanel"]);
    assert_snapshot!(errors(fixture).await, @r#"
    8:5: error[type-mismatch]: grain: column `ids` is a list of string, which cannot identify a row
      | grain: [dya, ids]
      | ^^^^^^^^^^^^^^^^^
      help: use the columns it is made of
    8:5: error[unknown-column]: grain: the result has no column `dya`
      | grain: [dya, ids]
      | ^^^^^^^^^^^^^^^^^
      help: did you mean `day`?
    9:7: error[unknown-column]: partition_by: the result has no column `dy`
      | month: dy
      | ^^^^^^^^^
      help: columns: channel, day, ids, score
    10:7: error[type-mismatch]: partition_by day: column `channel` is a string, not a date or timestamp
      | day: channel
      | ^^^^^^^^^^^^
      help: name a date column, or partition by the value itself
    11:7: error[type-mismatch]: partition_by: column `score` is a double, which is no name for a folder
      | score
      | ^^^^^
      help: partition by a string, integer, boolean or date
    12:7: error[type-mismatch]: partition_by: column `day` is a timestamp; every instant would be a folder
      | day
      | ^^^
      help: partition by a period of it: {month: day}
    13:7: error[unknown-column]: sort_by: the result has no column `chanel`
      | sort_by: [chanel]
      | ^^^^^^^^^^^^^^^^^
      help: did you mean `channel`?
    "#);
}

#[tokio::test]
async fn checks_fit_the_columns_they_are_about() {
    let fixture = Fixture::shop()
        .model("m", DAILY)
        .check("m", "- not_null: [chanel]", CheckKind::NotNull(vec!["chanel".to_owned()]))
        .check(
            "m",
            "- between: {column: day, min: 5}",
            CheckKind::Between { column: "day".to_owned(), min: Some(Bound::Int(5)), max: None },
        )
        .check(
            "m",
            "- one_of: {column: channel, values: [web, 1]}",
            CheckKind::OneOf {
                column: "channel".to_owned(),
                values: vec![Bound::Text("web".to_owned()), Bound::Int(1)],
            },
        )
        .check(
            "m",
            "- fresh: {column: channel, within: 1d}",
            CheckKind::Fresh { column: "channel".to_owned(), within: Duration::from_secs(86400) },
        )
        .sql_check("m", "SELECT * FROM m WHERE scor < 0")
        .sql_check("m", "SELECT order_id FROM orders")
        .sql_check("m", "DELETE FROM m");
    assert_snapshot!(errors(fixture).await, @r#"
    8:7: error[unknown-column]: not_null: the result has no column `chanel`
      | - not_null: [chanel]
      | ^^^^^^^^^^^^^^^^^^^^
      help: did you mean `channel`?
    9:7: error[type-mismatch]: between: 5 is no timestamp, the type of column `day`
      | - between: {column: day, min: 5}
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      help: write a timestamp with its offset: 2026-01-31T12:00:00Z
    10:7: error[type-mismatch]: one_of: 1 is no string, the type of column `channel`
      | - one_of: {column: channel, values: [web, 1]}
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      help: write text
    11:7: error[type-mismatch]: fresh: column `channel` is a string; fresh needs a date or timestamp column
      | - fresh: {column: channel, within: 1d}
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    13:31: error[unknown-column]: no column `scor`
      | SELECT * FROM m WHERE scor < 0
      |                       ^^^^
      help: did you mean `score`?
    15:30: error[check-reads-other]: a check of `m` cannot read `orders`, which the model does not read
      | SELECT order_id FROM orders
      |                      ^^^^^^
      help: a check may read its model and what the model reads
    17:9: error[not-a-query]: SQL in a project may only query
      | DELETE FROM m
      | ^^^^^^
      help: write SELECT … (or WITH … SELECT …); cxmill itself creates, fills and replaces tables
    "#);
}

#[tokio::test]
async fn a_sound_layout_compiles() {
    let all = compiled(
        Fixture::shop()
            .model("m", DAILY)
            .grain("m", &["day", "channel"])
            .partition("m", "day", Some(Granularity::Month))
            .sort("m", &["channel"])
            .check(
                "m",
                "- between: {column: day, min: 2020-01-01}",
                CheckKind::Between {
                    column: "day".to_owned(),
                    min: Some(Bound::Text("2020-01-01".to_owned())),
                    max: None,
                },
            )
            .sql_check(
                "m",
                "SELECT m.day FROM m LEFT JOIN survey_answers s ON s.channel = m.channel WHERE s.channel IS NULL",
            ),
    )
    .await;
    assert_eq!(all.models.len(), 1);
}
