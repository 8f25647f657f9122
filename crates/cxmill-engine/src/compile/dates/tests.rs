//! What is found out about the dates of queries. Event dates are those of UTC here, and the project's zone is Rome.

use cxmill_spec::{Granularity, Strategy};

use super::{Dates, Reach};
use crate::compile::compile;
use crate::fixture::{Fixture, render};

/// The shop with the model `m`, partitioned by the day of its column `day`.
fn dated(sql: &str) -> Fixture {
    Fixture::shop().model("m", sql).partition("m", "day", Some(Granularity::Day)).pinned("m", Strategy::Partition)
}

fn shown(dates: &Dates) -> String {
    let needs = dates.needs.iter().map(|(source, reach)| match reach {
        Reach::All => format!("{source} all"),
        Reach::Within(days) => format!("{source} {}..{}", days.from, days.to),
    });
    needs.collect::<Vec<_>>().join(", ")
}

/// What the rows of a day need.
async fn needs_of(fixture: Fixture) -> String {
    let project = fixture.project();
    match compile(&project).await {
        Ok(compiled) => shown(compiled.model("m").unwrap().dates.as_ref().unwrap()),
        Err(findings) => panic!("{}", render(&project.texts, &findings)),
    }
}

async fn needs(sql: &str) -> String {
    needs_of(dated(sql)).await
}

/// The message and the marked text where the strategy is refused.
async fn refused_of(fixture: Fixture) -> (String, String) {
    let project = fixture.project();
    let findings = compile(&project).await.map(|compiled| shown(compiled.model("m").unwrap().dates.as_ref().unwrap()));
    let findings = findings.unwrap_err();
    let finding = findings.iter().find(|finding| finding.code == "strategy");
    let finding = finding.unwrap_or_else(|| panic!("{}", render(&project.texts, &findings)));
    let span = finding.span.unwrap();
    let text = project.texts.get(span.file).unwrap().content.get(span.start..span.end).unwrap();
    let message = finding.message.strip_prefix("`m` cannot have the strategy `partition`: ").unwrap();
    (message.to_owned(), text.to_owned())
}

async fn refused(sql: &str) -> (String, String) {
    refused_of(dated(sql)).await
}

#[tokio::test]
async fn a_day_is_followed_through_functions_and_casts() {
    let cases = [
        ("CAST(ordered_at AS DATE)", "orders 0..0"),
        ("local_day(ordered_at, 'UTC')", "orders 0..0"),
        ("CAST(date_trunc('day', ordered_at) AS DATE)", "orders 0..0"),
        ("date_trunc('hour', ordered_at)", "orders 0..0"),
        // Rome, the zone of the project, is ahead of UTC.
        ("local_day(ordered_at)", "orders -1..1"),
        ("local_week(ordered_at, 'UTC')", "orders 0..6"),
        ("local_month(ordered_at, 'UTC')", "orders 0..30"),
        ("local_month(ordered_at)", "orders -1..31"),
        ("CAST(date_trunc('month', local_day(ordered_at, 'UTC')) AS DATE)", "orders 0..30"),
        ("CAST(date_trunc('quarter', ordered_at) AS DATE)", "orders 0..91"),
        ("CAST(date_trunc('year', ordered_at) AS DATE)", "orders 0..365"),
        ("CAST(ordered_at + INTERVAL '2 days' AS DATE)", "orders -2..-2"),
        ("CAST(ordered_at - INTERVAL '36 hours' AS DATE)", "orders 1..2"),
        ("CAST(ordered_at - CAST(36 || ' hours' AS INTERVAL) AS DATE)", "orders 1..2"),
        ("CAST(CAST(ordered_at AS DATE) + INTERVAL '1 month' AS DATE)", "orders -31..-28"),
        ("CAST(CAST(CAST(CAST(ordered_at AS DATE) AS INT) + 7 AS INT) AS DATE)", "orders -7..-7"),
        // A zone that only the rows tell can be any, and none is further than a day from UTC.
        ("local_day(ordered_at, customer_id)", "orders -1..1"),
    ];
    for (day, expected) in cases {
        let sql = format!("SELECT {day} AS day, order_id FROM orders");
        assert_eq!(needs(&sql).await, expected, "{day}");
    }
}

#[tokio::test]
async fn a_source_in_the_zone_of_the_project_needs_no_other_days() {
    let zone = chrono_tz::Europe::Rome;
    let sql = "SELECT local_day(ordered_at) AS day, count(*) AS orders FROM orders GROUP BY 1";
    assert_eq!(needs_of(dated(sql).zone("orders", zone)).await, "orders 0..0");
    let sql = "SELECT CAST(ordered_at AS DATE) AS day, count(*) AS orders FROM orders GROUP BY 1";
    assert_eq!(needs_of(dated(sql).zone("orders", zone)).await, "orders -1..1");
    let sql = "SELECT local_day(ordered_at, 'Asia/Tokyo') AS day, count(*) AS orders FROM orders GROUP BY 1";
    assert_eq!(needs_of(dated(sql).zone("orders", zone)).await, "orders -2..2", "two zones are up to two days apart");
}

#[tokio::test]
async fn groups_windows_and_distinct_rows_stay_within_their_date() {
    let cases = [
        ("SELECT DISTINCT CAST(ordered_at AS DATE) AS day, customer_id FROM orders", "orders 0..0"),
        (
            "SELECT CAST(ordered_at AS DATE) AS day, rank() OVER (PARTITION BY CAST(ordered_at AS DATE) ORDER BY amount) AS r FROM orders",
            "orders 0..0",
        ),
        // All rows of a partition share the local day, so no more than what that day needs is needed.
        (
            "SELECT local_day(ordered_at) AS day, rank() OVER (PARTITION BY local_day(ordered_at) ORDER BY amount) AS r FROM orders",
            "orders -1..1",
        ),
        (
            "WITH d AS (SELECT local_day(ordered_at) AS day, amount FROM orders) \
             SELECT day, rank() OVER (PARTITION BY day ORDER BY amount) AS r, lag(amount) OVER (PARTITION BY day ORDER BY amount) AS l FROM d",
            "orders -1..1",
        ),
        (
            "WITH d AS (SELECT CAST(ordered_at AS DATE) AS day, sum(amount) AS spend FROM orders GROUP BY 1) \
             SELECT day, sum(spend) OVER (ORDER BY day RANGE BETWEEN INTERVAL '6 days' PRECEDING AND CURRENT ROW) AS week FROM d",
            "orders -6..0",
        ),
        (
            "WITH d AS (SELECT CAST(ordered_at AS DATE) AS day, sum(amount) AS spend FROM orders GROUP BY 1) \
             SELECT day, sum(spend) OVER (ORDER BY day DESC RANGE BETWEEN INTERVAL '6 days' PRECEDING AND CURRENT ROW) AS week FROM d",
            "orders 0..6",
        ),
        (
            "SELECT CAST(ordered_at AS DATE) AS day, count(*) OVER (PARTITION BY customer_id ORDER BY ordered_at RANGE BETWEEN INTERVAL '1 day' PRECEDING AND INTERVAL '1 day' FOLLOWING) AS n FROM orders",
            "orders -1..1",
        ),
    ];
    for (sql, expected) in cases {
        assert_eq!(needs(sql).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn joins_need_what_the_dates_of_both_sides_allow() {
    let cases = [
        (
            "SELECT CAST(o.ordered_at AS DATE) AS day, a.score FROM orders o JOIN survey_answers a ON a.customer_id = o.customer_id AND CAST(a.answered_at AS DATE) = CAST(o.ordered_at AS DATE)",
            "orders 0..0, survey_answers 0..0",
        ),
        (
            "SELECT CAST(o.ordered_at AS DATE) AS day, a.score FROM orders o LEFT JOIN survey_answers a ON a.customer_id = o.customer_id AND a.answered_at BETWEEN o.ordered_at AND o.ordered_at + INTERVAL '7 days'",
            "orders 0..0, survey_answers 0..7",
        ),
        (
            "SELECT CAST(a.answered_at AS DATE) AS day, a.score FROM survey_answers a, orders o WHERE a.customer_id = o.customer_id AND o.ordered_at <= a.answered_at AND o.ordered_at > a.answered_at - INTERVAL '3 days'",
            "orders -3..0, survey_answers 0..0",
        ),
        (
            "WITH o AS (SELECT local_day(ordered_at) AS day, sum(amount) AS spend FROM orders GROUP BY 1), \
                  a AS (SELECT local_day(answered_at) AS day, avg(score) AS mean FROM survey_answers GROUP BY 1) \
             SELECT coalesce(o.day, a.day) AS day, spend, mean FROM o FULL JOIN a ON o.day = a.day",
            "orders -1..1, survey_answers -1..1",
        ),
        (
            "SELECT CAST(ordered_at AS DATE) AS day, order_id AS id FROM orders UNION ALL \
             SELECT local_day(answered_at), answer_id FROM survey_answers",
            "orders 0..0, survey_answers -1..1",
        ),
        // Which customers answered, whenever that was.
        (
            "SELECT CAST(ordered_at AS DATE) AS day, order_id FROM orders WHERE customer_id IN (SELECT customer_id FROM survey_answers)",
            "orders 0..0, survey_answers all",
        ),
        (
            "SELECT CAST(ordered_at AS DATE) AS day, a.score FROM orders o LEFT JOIN survey_answers a ON a.customer_id = o.customer_id",
            "orders 0..0, survey_answers all",
        ),
        // Each order with the orders of the same customer on the days around it.
        (
            "SELECT CAST(o.ordered_at AS DATE) AS day, count(*) AS n FROM orders o JOIN orders p ON p.customer_id = o.customer_id AND CAST(p.ordered_at AS DATE) BETWEEN CAST(o.ordered_at AS DATE) - INTERVAL '2 days' AND CAST(o.ordered_at AS DATE) GROUP BY 1",
            "orders -2..0",
        ),
    ];
    for (sql, expected) in cases {
        assert_eq!(needs(sql).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn what_looks_at_rows_of_any_date_is_refused_at_its_place() {
    let cases = [
        (
            "SELECT CAST(ordered_at AS DATE) AS day, lag(amount) OVER (PARTITION BY customer_id ORDER BY ordered_at) AS l FROM orders",
            "a window function looks at rows of any date",
            "lag",
        ),
        ("SELECT CAST(ordered_at AS DATE) AS day FROM orders ORDER BY amount LIMIT 3", "LIMIT and OFFSET", "3"),
        (
            "SELECT customer_id, CAST(min(ordered_at) AS DATE) AS day FROM orders GROUP BY customer_id",
            "rows of different dates are counted together",
            "customer_id",
        ),
        (
            "SELECT CAST(a.answered_at AS DATE) AS day, order_id FROM orders o LEFT JOIN survey_answers a ON a.customer_id = o.customer_id AND CAST(a.answered_at AS DATE) = CAST(o.ordered_at AS DATE)",
            "`day` can be NULL",
            "day: day",
        ),
        (
            "SELECT CAST(ordered_at AS DATE) AS day, count(*) AS n FROM orders GROUP BY ROLLUP (CAST(ordered_at AS DATE))",
            "GROUPING SETS, ROLLUP and CUBE",
            "ordered_at",
        ),
        (
            "SELECT DATE '2026-01-01' AS day, order_id FROM orders",
            "`day` does not follow from the event time",
            "day: day",
        ),
        ("SELECT CAST(ordered_at AS DATE) AS day FROM orders WHERE ordered_at < $as_of", "$as_of moves", "$as_of"),
    ];
    for (sql, said, marked) in cases {
        let (message, text) = refused(sql).await;
        assert!(message.starts_with(said), "{sql}: {message}");
        assert!(text.starts_with(marked), "{sql}: {text}");
    }
    let (message, text) =
        refused_of(Fixture::shop().model("m", "SELECT order_id FROM orders").pinned("m", Strategy::Partition)).await;
    assert!(message.starts_with("its output is not partitioned by a date"), "{message}");
    assert_eq!(text, "m");
}

#[tokio::test]
async fn the_author_says_how_far_a_query_looks() {
    let lag = "SELECT CAST(ordered_at AS DATE) AS day, lag(amount) OVER (PARTITION BY customer_id ORDER BY ordered_at) AS l FROM orders";
    assert_eq!(needs_of(dated(lag).window("m", 3, 0)).await, "orders -3..0");
    let sessions = "WITH s AS (SELECT customer_id, ordered_at, session_id(ordered_at, INTERVAL '30 minutes') OVER (PARTITION BY customer_id ORDER BY ordered_at) AS s FROM orders) \
                    SELECT customer_id, CAST(min(ordered_at) AS DATE) AS day, count(*) AS n FROM s GROUP BY customer_id, s";
    assert_eq!(needs_of(dated(sessions).window("m", 1, 1)).await, "orders -1..1");
    let as_of = "SELECT CAST(a.answered_at AS DATE) AS day, o.amount FROM survey_answers a JOIN orders o ON o.customer_id = a.customer_id AND o.ordered_at <= a.answered_at";
    assert_eq!(needs_of(dated(as_of).window("m", 30, 0)).await, "orders -30..0, survey_answers -30..0");
    let any = "SELECT CAST(a.answered_at AS DATE) AS day, o.amount FROM survey_answers a JOIN orders o ON o.customer_id = a.customer_id";
    assert_eq!(needs_of(dated(any).window("m", 30, 0)).await, "orders all, survey_answers -30..0", "nothing says when");
    let (message, text) = refused_of(
        dated("SELECT CAST(ordered_at AS DATE) AS day FROM orders ORDER BY amount LIMIT 3").window("m", 3, 0),
    )
    .await;
    assert!(message.starts_with("LIMIT and OFFSET"), "{message}");
    assert_eq!(text, "3");
}

#[tokio::test]
async fn partitions_are_chosen_where_nothing_is_pinned_and_all_dates_tell() {
    let chosen = async |fixture: Fixture| {
        let project = fixture.project();
        let compiled = compile(&project).await.unwrap();
        let model = compiled.model("m").unwrap();
        (model.strategy, model.why.clone())
    };
    let model = |sql: &str| Fixture::shop().model("m", sql).partition("m", "day", Some(Granularity::Month));
    let joined = "SELECT local_day(ordered_at) AS day, a.score FROM orders o JOIN survey_answers a ON a.customer_id = o.customer_id AND local_day(a.answered_at) = local_day(o.ordered_at)";
    let (strategy, why) = chosen(model(joined)).await;
    assert_eq!(strategy, Strategy::Partition);
    assert_eq!(
        why,
        "only the partitions that new rows touch are computed, each from the rows of orders of its dates and 1 day \
         before and 1 day after, survey_answers of its dates and 3 days before and 3 days after"
    );
    let whole = "SELECT local_day(ordered_at) AS day, a.score FROM orders o JOIN survey_answers a ON a.customer_id = o.customer_id";
    let (strategy, why) = chosen(model(whole)).await;
    assert_eq!(strategy, Strategy::Full);
    assert!(why.contains("new rows of survey_answers would touch every partition"), "{why}");
    let grouped = "SELECT local_day(ordered_at) AS day, count(*) AS n FROM orders GROUP BY 1";
    assert_eq!(chosen(model(grouped)).await.0, Strategy::State, "states read less");
    let median = "SELECT local_day(ordered_at) AS day, median(amount) AS median FROM orders GROUP BY 1";
    assert_eq!(chosen(model(median)).await.0, Strategy::Partition);
}

#[tokio::test]
async fn days_are_followed_through_published_models() {
    let through = |sql: &str, by: Granularity| {
        dated(sql)
            .model("kept", "SELECT local_day(ordered_at) AS bought_on, ordered_at, order_id FROM orders")
            .partition("kept", "bought_on", Some(by))
    };
    let cases = [
        ("SELECT bought_on AS day, order_id FROM kept", "kept 0..0"),
        // What is known of the other columns of the model holds for its readers as well.
        ("SELECT CAST(ordered_at AS DATE) AS day, order_id FROM kept", "kept -1..1"),
        (
            "SELECT CAST(date_trunc('month', bought_on) AS DATE) AS day, count(*) AS n FROM kept GROUP BY 1",
            "kept 0..30",
        ),
        (
            "SELECT local_day(a.answered_at) AS day, k.order_id FROM survey_answers a JOIN kept k \
             ON k.ordered_at <= a.answered_at AND k.ordered_at >= a.answered_at - INTERVAL '3 days'",
            "kept -5..2, survey_answers -1..1",
        ),
        // A value that is picked among rows of a day lies as far from it as theirs.
        (
            "SELECT CAST(first_at AS DATE) AS day, n FROM (SELECT bought_on, min(ordered_at) AS first_at, count(*) AS n FROM kept GROUP BY 1)",
            "kept -1..1",
        ),
        // Nothing tells which rows of the model belong to a day, so every change of it counts for all.
        (
            "SELECT local_day(a.answered_at) AS day, k.n FROM survey_answers a, (SELECT count(*) AS n FROM kept) k",
            "kept all, survey_answers -1..1",
        ),
    ];
    for (sql, expected) in cases {
        for by in [Granularity::Day, Granularity::Month] {
            assert_eq!(needs_of(through(sql, by)).await, expected, "{sql}");
        }
    }
}
