use insta::assert_snapshot;

use super::{compiled, errors, model_errors};
use crate::fixture::Fixture;

#[tokio::test]
async fn sql_may_only_query() {
    let fixture = [
        "DROP TABLE orders",
        "CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION '/x'",
        "COPY orders TO '/tmp/x'",
        "INSERT INTO orders SELECT * FROM orders",
        "SET datafusion.execution.batch_size = 1",
        "EXPLAIN SELECT order_id FROM orders",
        "WITH x AS (DELETE FROM orders) SELECT 1 AS a",
        "SELECT order_id INTO x FROM orders",
        "SELECT order_id FROM orders FOR UPDATE",
        "SELECT order_id FROM orders TABLESAMPLE (10)",
    ]
    .iter()
    .enumerate()
    .fold(Fixture::shop(), |fixture, (i, sql)| fixture.model(&format!("m{i}"), sql));
    assert_snapshot!(errors(fixture).await, @r#"
    5:7: error[not-a-query]: SQL in a project may only query
      | DROP TABLE orders
      | ^^^^
      help: write SELECT … (or WITH … SELECT …); cxmill itself creates, fills and replaces tables
    8:7: error[not-a-query]: SQL in a project may only query
      | CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION '/x'
      | ^^^^^^
      help: write SELECT … (or WITH … SELECT …); cxmill itself creates, fills and replaces tables
    11:7: error[not-a-query]: SQL in a project may only query
      | COPY orders TO '/tmp/x'
      | ^^^^
      help: write SELECT … (or WITH … SELECT …); cxmill itself creates, fills and replaces tables
    14:7: error[not-a-query]: SQL in a project may only query
      | INSERT INTO orders SELECT * FROM orders
      | ^^^^^^
      help: write SELECT … (or WITH … SELECT …); cxmill itself creates, fills and replaces tables
    17:7: error[not-a-query]: SQL in a project may only query
      | SET datafusion.execution.batch_size = 1
      | ^^^
      help: write SELECT … (or WITH … SELECT …); cxmill itself creates, fills and replaces tables
    20:7: error[not-a-query]: SQL in a project may only query
      | EXPLAIN SELECT order_id FROM orders
      | ^^^^^^^
      help: write SELECT … (or WITH … SELECT …); cxmill itself creates, fills and replaces tables
    23:18: error[not-a-query]: SQL in a project may only query
      | WITH x AS (DELETE FROM orders) SELECT 1 AS a
      |            ^^^^^^^^^^^^^^^^^^
      help: write SELECT … (or WITH … SELECT …); cxmill itself creates, fills and replaces tables
    26:28: error[not-a-query]: SELECT INTO writes a table
      | SELECT order_id INTO x FROM orders
      |                      ^
      help: the model's name is the name of its table
    29:7: error[not-a-query]: a query cannot lock rows
      | SELECT order_id FROM orders FOR UPDATE
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^
      help: leave out FOR UPDATE or FOR SHARE
    32:28: error[not-a-query]: a sample, version or hint of a table is not supported
      | SELECT order_id FROM orders TABLESAMPLE (10)
      |                      ^^^^^^
      help: leave it out; for a share of rows that stays the same, filter by a hash of the key
    "#);
}

#[tokio::test]
async fn files_cannot_be_read_by_path() {
    let fixture = Fixture::shop()
        .model("m0", "SELECT * FROM 'secret.parquet'")
        .model("m1", "SELECT * FROM read_csv('secret.csv')")
        .model("m2", "SELECT * FROM information_schema.tables")
        .model("m3", "SELECT * FROM \"/etc/passwd\"");
    assert_snapshot!(errors(fixture).await, @r#"
    5:7: error[unknown-table]: no source or model `secret.parquet`
      | SELECT * FROM 'secret.parquet'
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      help: a table is a source or a model by its bare name; files are read by sources
    8:21: error[unknown-table-function]: no table function `read_csv`
      | SELECT * FROM read_csv('secret.csv')
      |               ^^^^^^^^
      help: files are read by sources: declare one, and name it here
    11:21: error[unknown-table]: no source or model `information_schema.tables`
      | SELECT * FROM information_schema.tables
      |               ^^^^^^^^^^^^^^^^^^^^^^^^^
      help: a table is a source or a model by its bare name; files are read by sources
    14:21: error[unknown-table]: no source or model `/etc/passwd`
      | SELECT * FROM "/etc/passwd"
      |               ^^^^^^^^^^^^^
      help: a table is a source or a model by its bare name; files are read by sources
    "#);
}

#[tokio::test]
async fn the_clock_and_chance_are_no_inputs() {
    let sql = "SELECT now() AS a, current_date AS b, random() AS c, uuid() AS d, today() AS e\nFROM orders";
    assert_snapshot!(model_errors(sql).await, @r#"
    5:14: error[wall-clock]: `now` reads the wall clock
      | SELECT now() AS a, current_date AS b, random() AS c, uuid() AS d, today() AS e
      |        ^^^
      help: use $as_of: the run's logical time, the same however often it is run
    5:26: error[wall-clock]: `current_date` reads the wall clock
      | SELECT now() AS a, current_date AS b, random() AS c, uuid() AS d, today() AS e
      |                    ^^^^^^^^^^^^
      help: use $as_of: the run's logical time, the same however often it is run
    5:45: error[not-deterministic]: `random` gives another result on each run
      | SELECT now() AS a, current_date AS b, random() AS c, uuid() AS d, today() AS e
      |                                       ^^^^^^
      help: the same input must give the same output; derive the value from columns, as md5(id) does
    5:60: error[not-deterministic]: `uuid` gives another result on each run
      | SELECT now() AS a, current_date AS b, random() AS c, uuid() AS d, today() AS e
      |                                                      ^^^^
      help: the same input must give the same output; derive the value from columns, as md5(id) does
    5:73: error[wall-clock]: `today` reads the wall clock
      | SELECT now() AS a, current_date AS b, random() AS c, uuid() AS d, today() AS e
      |                                                                   ^^^^^
      help: use $as_of: the run's logical time, the same however often it is run
    "#);
}

#[tokio::test]
async fn one_model_is_one_query() {
    let fixture = Fixture::shop()
        .model("m0", "SELECT order_id FROM orders;\nSELECT 2 AS b")
        .model("m1", "-- nothing here")
        .model("m2", "SELECT order_id FROM orders; -- a trailing semicolon is fine");
    assert_snapshot!(errors(fixture).await, @r#"
    6:7: error[not-a-query]: more than one statement
      | SELECT 2 AS b
      | ^^^^^^
      help: a model is one query; make a second model of the other
    9:7: error[syntax]: the query is empty
      | -- nothing here
      | ^^^^^^^^^^^^^^^
      help: write SELECT …
    "#);
}

#[tokio::test]
async fn syntax_errors_have_their_place() {
    let fixture = [
        "SELECT channel,\nFROM survey_answers",
        "SELECT channel FROM survey_answers WHERE",
        "SELECT 'abc FROM survey_answers",
        "SELECT (channel FROM survey_answers",
        "SELCT channel FROM survey_answers",
    ]
    .iter()
    .enumerate()
    .fold(Fixture::shop(), |fixture, (i, sql)| fixture.model(&format!("m{i}"), sql));
    assert_snapshot!(errors(fixture).await, @r#"
    9:47: error[syntax]: expected an expression, but the query ends here
      | SELECT channel FROM survey_answers WHERE
      |                                         ^
    12:14: error[syntax]: unterminated string literal
      | SELECT 'abc FROM survey_answers
      |        ^
    15:23: error[syntax]: expected ), found FROM
      | SELECT (channel FROM survey_answers
      |                 ^^^^
    18:7: error[syntax]: expected an SQL statement, found SELCT
      | SELCT channel FROM survey_answers
      | ^^^^^
    "#);
}

#[tokio::test]
async fn deep_nesting_is_an_error_and_no_overflow() {
    let sql = format!("SELECT {}1{} AS a FROM orders", "(".repeat(2000), ")".repeat(2000));
    assert!(model_errors(&sql).await.contains("nested too deeply"));
}

#[tokio::test]
async fn table_functions_that_read_nothing_are_allowed() {
    let all = compiled(Fixture::new().model("m", "SELECT value AS n FROM generate_series(1, 3)")).await;
    assert!(all.models[0].reads.is_empty());
}
