use insta::assert_snapshot;

use super::{compiled, errors, model_errors};
use crate::fixture::Fixture;

fn numbered(queries: &[&str]) -> Fixture {
    queries.iter().enumerate().fold(Fixture::shop(), |fixture, (i, sql)| fixture.model(&format!("m{i:02}"), sql))
}

#[tokio::test]
async fn wrong_arguments_name_the_call() {
    let fixture = numbered(&[
        "SELECT sum(channel) AS a FROM survey_answers",
        "SELECT avg(score) AS a, sum(score) AS b, sum(channel) AS c FROM survey_answers",
        "SELECT date_trunc(answered_at) AS a FROM survey_answers",
        "SELECT date_trunc('day', score) AS a FROM survey_answers",
        "SELECT abs(channel) AS a FROM survey_answers",
        "SELECT upper(channel, 1) AS a FROM survey_answers",
        "SELECT nps(channel) AS a FROM survey_answers",
        "SELECT nps_interval(score) AS a FROM survey_answers",
        "SELECT local_day(channel) AS a FROM survey_answers",
    ]);
    assert_snapshot!(errors(fixture).await, @r#"
    5:14: error[wrong-arguments]: `sum` does not take (string)
      | SELECT sum(channel) AS a FROM survey_answers
      |        ^^^
      help: it is called as sum(expression)
    8:48: error[wrong-arguments]: `sum` does not take (string)
      | SELECT avg(score) AS a, sum(score) AS b, sum(channel) AS c FROM survey_answers
      |                                          ^^^
      help: it is called as sum(expression)
    11:14: error[wrong-arguments]: `date_trunc` does not take (timestamp)
      | SELECT date_trunc(answered_at) AS a FROM survey_answers
      |        ^^^^^^^^^^
      help: it is called as date_trunc(precision, expression)
    14:14: error[wrong-arguments]: `date_trunc` does not take (string, int8)
      | SELECT date_trunc('day', score) AS a FROM survey_answers
      |        ^^^^^^^^^^
      help: it is called as date_trunc(precision, expression)
    17:14: error[wrong-arguments]: `abs` does not take (string)
      | SELECT abs(channel) AS a FROM survey_answers
      |        ^^^
      help: it is called as abs(numeric_expression)
    20:14: error[wrong-arguments]: `upper` does not take (string, int64)
      | SELECT upper(channel, 1) AS a FROM survey_answers
      |        ^^^^^
      help: it is called as upper(str)
    23:14: error[wrong-arguments]: wrong arguments of `nps`: score is string; expected a number, for example CAST(score AS BIGINT)
      | SELECT nps(channel) AS a FROM survey_answers
      |        ^^^
      help: it is called as nps(score) → double, or as nps(score, weight) → double
    26:14: error[wrong-arguments]: wrong arguments of `nps_interval`: 1 arguments; expected nps_interval(score, confidence)
      | SELECT nps_interval(score) AS a FROM survey_answers
      |        ^^^^^^^^^^^^
      help: it is called as nps_interval(score, confidence) → struct{low, high, margin: double}
    29:14: error[wrong-arguments]: wrong arguments of `local_day`: ts is string; expected a timestamp or a date, for example to_timestamp(ts)
      | SELECT local_day(channel) AS a FROM survey_answers
      |        ^^^^^^^^^
      help: it is called as local_day(ts) → date, or as local_day(ts, tz) → date
    "#);
}

#[tokio::test]
async fn types_that_do_not_meet_are_found_where_they_meet() {
    let fixture = numbered(&[
        "SELECT max(score) AS a FROM survey_answers\nWHERE channel = 'web' AND score > 'abc'",
        "SELECT channel + score AS a FROM survey_answers",
        "SELECT CAST(score AS DATE) AS a FROM survey_answers",
        "SELECT CASE WHEN score > 1 THEN channel ELSE answered_at END AS a FROM survey_answers",
        "SELECT channel FROM survey_answers WHERE score",
        "SELECT channel FROM survey_answers WHERE answered_at > true",
        "SELECT -channel AS a FROM survey_answers",
        "SELECT channel FROM survey_answers UNION ALL SELECT channel, score FROM survey_answers",
        "SELECT (SELECT score, channel FROM survey_answers) AS a FROM orders",
    ]);
    assert_snapshot!(errors(fixture).await, @r#"
    6:33: error[type-mismatch]: cannot cast string 'abc' to value of int8 type
      | WHERE channel = 'web' AND score > 'abc'
      |                           ^^^^^^^^^^^^^
      help: compare and combine like with like; CAST(… AS …) turns one type into another
    9:14: error[type-mismatch]: cannot coerce arithmetic expression string + int8 to valid types
      | SELECT channel + score AS a FROM survey_answers
      |        ^^^^^^^^^^^^^^^
      help: has type string; has type int8
    12:19: error[type-mismatch]: unsupported CAST from int8 to date
      | SELECT CAST(score AS DATE) AS a FROM survey_answers
      |             ^^^^^
      help: compare and combine like with like; CAST(… AS …) turns one type into another
    18:48: error[type-mismatch]: cannot create filter with non-boolean predicate 'survey_answers.score' returning int8
      | SELECT channel FROM survey_answers WHERE score
      |                                          ^^^^^
      help: compare and combine like with like; CAST(… AS …) turns one type into another
    21:48: error[type-mismatch]: expressions have incompatible types
      | SELECT channel FROM survey_answers WHERE answered_at > true
      |                                          ^^^^^^^^^^^^^^^^^^
      help: has type timestamp; has type boolean
    24:15: error[type-mismatch]: - cannot be used with string
      | SELECT -channel AS a FROM survey_answers
      |         ^^^^^^^
      help: perhaps you need to cast survey_answers.channel; - can only be used with signed numeric types, intervals, and timestamps
    27:7: error[invalid-query]: UNION queries have different number of columns
      | SELECT channel FROM survey_answers UNION ALL SELECT channel, score FROM survey_answers
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      help: this side has 1 fields; this side has 2 fields
    30:22: error[invalid-query]: too many columns! The subquery should only return one column
      | SELECT (SELECT score, channel FROM survey_answers) AS a FROM orders
      |                ^^^^^
      help: select only one column in the subquery
    "#);
}

#[tokio::test]
async fn grouping_errors_have_their_place() {
    let fixture = numbered(&[
        "SELECT channel, count(*) AS n FROM survey_answers",
        "SELECT sum(max(score)) AS n FROM survey_answers",
        "SELECT channel FROM survey_answers WHERE count(*) > 1",
    ]);
    assert_snapshot!(errors(fixture).await, @r#"
    5:14: error[invalid-query]: 'survey_answers.channel' must appear in GROUP BY clause because it's not an aggregate expression
      | SELECT channel, count(*) AS n FROM survey_answers
      |        ^^^^^^^
      help: either add 'survey_answers.channel' to GROUP BY clause, or use an aggregate function like ANY_VALUE(survey_answers.channel)
    8:22: error[invalid-query]: aggregate function calls cannot be nested
      | SELECT sum(max(score)) AS n FROM survey_answers
      |                ^^^^^
      help: compute 'max(survey_answers.score)' in an inner query and aggregate its result
    11:48: error[invalid-query]: aggregate functions are not allowed in the WHERE clause. Consider using HAVING instead
      | SELECT channel FROM survey_answers WHERE count(*) > 1
      |                                          ^^^^^
    "#);
}

#[tokio::test]
async fn types_that_readers_do_not_understand_are_refused() {
    let sql = "SELECT NULL AS a, INTERVAL '1 day' AS b, ordered_at - ordered_at AS c,\n  CAST(ordered_at AS TIME) AS d, map(['a'], [1]) AS e\nFROM orders";
    assert_snapshot!(model_errors(sql).await, @r#"
    5:14: error[unpublishable-type]: column `a` cannot be published: it is always NULL and has no type
      | SELECT NULL AS a, INTERVAL '1 day' AS b, ordered_at - ordered_at AS c,
      |        ^^^^^^^^^
      help: give it a type: CAST(NULL AS …)
    5:34: error[unpublishable-type]: column `b` cannot be published: its type is a span of time, which not every reader understands
      | SELECT NULL AS a, INTERVAL '1 day' AS b, ordered_at - ordered_at AS c,
      |                            ^^^^^^^^^^^^
      help: take a number of it, as in EXTRACT(EPOCH FROM …) for seconds
    5:48: error[unpublishable-type]: column `c` cannot be published: its type is a span of time, which not every reader understands
      | SELECT NULL AS a, INTERVAL '1 day' AS b, ordered_at - ordered_at AS c,
      |                                          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      help: take a number of it, as in EXTRACT(EPOCH FROM …) for seconds
    6:14: error[unpublishable-type]: column `d` cannot be published: its type is a time of day, which not every reader understands
      | CAST(ordered_at AS TIME) AS d, map(['a'], [1]) AS e
      |      ^^^^^^^^^^^^^^^^^^^^^^^^
      help: keep the timestamp, or take the hour with date_part('hour', …)
    6:40: error[unpublishable-type]: column `e` cannot be published: its type is map, which not every reader understands
      | CAST(ordered_at AS TIME) AS d, map(['a'], [1]) AS e
      |                                ^^^^^^^^^^^^^^^^^^^^
      help: take its values out into columns of their own
    "#);
}

#[tokio::test]
async fn computed_types_are_published_as_ones_that_readers_understand() {
    let sql = "SELECT count(*) AS n, row_number() OVER () AS r, CAST(1 AS INT UNSIGNED) AS u, CAST(1 AS FLOAT) AS f,
      date_trunc('day', max(ordered_at)) AS day, TIMESTAMP '2026-01-01' AS naive, sum(amount) AS amount, avg(amount) AS mean,
      arrow_cast('x', 'Dictionary(Int32, Utf8)') AS d, arrow_cast('x', 'Utf8View') AS v,
      array_agg(order_id) AS ids, struct(1 AS a, 'x' AS b) AS s, DATE '2026-01-01' AS date
      FROM orders";
    let all = compiled(Fixture::shop().model("m", sql)).await;
    let columns: Vec<String> =
        all.models[0].schema.fields().iter().map(|f| format!("{}: {}", f.name(), f.data_type())).collect();
    assert_snapshot!(columns.join("\n"), @r#"
    n: Int64
    r: Int64
    u: Int64
    f: Float64
    day: Timestamp(µs, "UTC")
    naive: Timestamp(µs, "UTC")
    amount: Decimal128(22, 2)
    mean: Decimal128(16, 6)
    d: Utf8
    v: Utf8
    ids: List(Utf8)
    s: Struct("a": Int64, "b": Utf8)
    date: Date32
    "#);
    assert!(all.models[0].schema.fields().iter().all(|field| field.is_nullable()));
}
