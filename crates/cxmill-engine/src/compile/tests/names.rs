use cxmill_spec::{ColumnType, Literal};
use insta::assert_snapshot;

use super::{errors, model_errors};
use crate::fixture::Fixture;

#[tokio::test]
async fn wrong_columns_of_all_clauses_are_reported_at_once() {
    let sql = "SELECT chanel, max(socre) AS best\nFROM survey_answers\nWHERE answerd_at < $as_of\nGROUP BY 1";
    assert_snapshot!(model_errors(sql).await, @r#"
    5:14: error[unknown-column]: no column `chanel`
      | SELECT chanel, max(socre) AS best
      |        ^^^^^^
      help: did you mean `channel`?
    5:26: error[unknown-column]: no column `socre`
      | SELECT chanel, max(socre) AS best
      |                    ^^^^^
      help: did you mean `score`?
    7:13: error[unknown-column]: no column `answerd_at`
      | WHERE answerd_at < $as_of
      |       ^^^^^^^^^^
      help: did you mean `answered_at`?
    "#);
}

#[tokio::test]
async fn a_qualified_column_is_searched_in_its_own_table() {
    let sql =
        "SELECT s.amount AS a, o.amont AS b, x.score AS c\nFROM survey_answers s JOIN orders o USING (customer_id)";
    assert_snapshot!(model_errors(sql).await, @r#"
    5:14: error[unknown-column]: no column `amount` in `s`
      | SELECT s.amount AS a, o.amont AS b, x.score AS c
      |        ^^^^^^^^
      help: columns: answer_id, answered_at, channel, customer_id, score
    5:29: error[unknown-column]: no column `amont` in `o`
      | SELECT s.amount AS a, o.amont AS b, x.score AS c
      |                       ^^^^^^^
      help: did you mean `amount`?
    5:43: error[unknown-table]: no table `x` in this part of the query
      | SELECT s.amount AS a, o.amont AS b, x.score AS c
      |                                     ^^^^^^^
      help: tables: o, s
    "#);
}

#[tokio::test]
async fn a_column_of_two_tables_has_to_say_of_which() {
    let sql = "SELECT customer_id FROM survey_answers JOIN orders ON score = amount";
    assert_snapshot!(model_errors(sql).await, @r#"
    5:14: error[ambiguous-column]: column `customer_id` is in more than one table
      | SELECT customer_id FROM survey_answers JOIN orders ON score = amount
      |        ^^^^^^^^^^^
      help: say of which: table.customer_id
    "#);
}

#[tokio::test]
async fn unknown_functions_are_reported_together_with_unknown_columns() {
    assert_snapshot!(
        model_errors(
            "SELECT nsp(score) AS nps, upper(chanel) AS channel, frobnicate(1) AS f FROM survey_answers GROUP BY 2"
        )
        .await, @r#"
    5:14: error[unknown-function]: no function `nsp`
      | SELECT nsp(score) AS nps, upper(chanel) AS channel, frobnicate(1) AS f FROM survey_answers GROUP BY 2
      |        ^^^
      help: did you mean `nps`?
    5:39: error[unknown-column]: no column `chanel`
      | SELECT nsp(score) AS nps, upper(chanel) AS channel, frobnicate(1) AS f FROM survey_answers GROUP BY 2
      |                                 ^^^^^^
      help: did you mean `channel`?
    5:59: error[unknown-function]: no function `frobnicate`
      | SELECT nsp(score) AS nps, upper(chanel) AS channel, frobnicate(1) AS f FROM survey_answers GROUP BY 2
      |                                                     ^^^^^^^^^^
      help: `cxmill functions` lists cxmill's own
    "#);
}

#[tokio::test]
async fn unknown_tables_get_the_nearest_source_or_model() {
    let fixture = Fixture::shop()
        .model("nps_daily", "SELECT channel FROM survey_answer")
        .model("m", "SELECT x.channel FROM nps_dayly x\nWHERE EXISTS (SELECT 1 FROM ordres)");
    assert_snapshot!(errors(fixture).await, @r#"
    5:27: error[unknown-table]: no source or model `survey_answer`
      | SELECT channel FROM survey_answer
      |                     ^^^^^^^^^^^^^
      help: did you mean `survey_answers`?
    8:29: error[unknown-table]: no source or model `nps_dayly`
      | SELECT x.channel FROM nps_dayly x
      |                       ^^^^^^^^^
      help: did you mean `nps_daily`?
    9:35: error[unknown-table]: no source or model `ordres`
      | WHERE EXISTS (SELECT 1 FROM ordres)
      |                             ^^^^^^
      help: did you mean `orders`?
    "#);
}

#[tokio::test]
async fn names_of_ctes_are_no_tables_of_the_project() {
    let sql = "WITH a AS (SELECT channel FROM survey_answers), b AS (SELECT chanel FROM a)\nSELECT channel FROM b";
    assert_snapshot!(model_errors(sql).await, @r#"
    5:68: error[unknown-column]: no column `chanel`
      | WITH a AS (SELECT channel FROM survey_answers), b AS (SELECT chanel FROM a)
      |                                                              ^^^^^^
      help: did you mean `channel`?
    "#);
}

#[tokio::test]
async fn unknown_variables_get_the_nearest_one() {
    let fixture = Fixture::shop()
        .var("inactive_days", ColumnType::Int32, Literal::Int(90))
        .model("m", "SELECT channel FROM survey_answers\nWHERE answered_at < $as_off AND score > $inactive_day");
    assert_snapshot!(errors(fixture).await, @r#"
    7:27: error[unknown-variable]: no variable `$as_off`
      | WHERE answered_at < $as_off AND score > $inactive_day
      |                     ^^^^^^^
      help: did you mean `as_of`?
    7:47: error[unknown-variable]: no variable `$inactive_day`
      | WHERE answered_at < $as_off AND score > $inactive_day
      |                                         ^^^^^^^^^^^^^
      help: did you mean `inactive_days`?
    "#);
}

#[tokio::test]
async fn errors_of_all_models_are_reported_and_a_failed_upstream_is_not_an_error_of_its_reader() {
    let fixture = Fixture::shop()
        .model("a", "SELECT chanel FROM survey_answers")
        .model("b", "SELECT channel, scor FROM a")
        .model("c", "SELECT amuont FROM orders");
    assert_snapshot!(errors(fixture).await, @r#"
    5:14: error[unknown-column]: no column `chanel`
      | SELECT chanel FROM survey_answers
      |        ^^^^^^
      help: did you mean `channel`?
    8:23: error[unknown-column]: no column `scor`
      | SELECT channel, scor FROM a
      |                 ^^^^
      help: columns: channel
    11:14: error[unknown-column]: no column `amuont`
      | SELECT amuont FROM orders
      |        ^^^^^^
      help: did you mean `amount`?
    "#);
}
