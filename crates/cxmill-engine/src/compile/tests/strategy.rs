//! Which strategy a model gets, and what is said where it cannot keep states.

use cxmill_spec::{ColumnType, Granularity, History, Strategy};

use super::{compile, compiled};
use crate::fixture::Fixture;

const GROUPED: &str = "SELECT channel, count(*) AS answers FROM survey_answers GROUP BY channel";

/// Strategy of the model `m`, and why.
async fn of(fixture: Fixture) -> (Strategy, String) {
    let all = compiled(fixture).await;
    let model = all.model("m").unwrap();
    (model.strategy, model.why.clone())
}

/// The message and the marked text where the model `m` is pinned to `state`.
async fn refused(fixture: Fixture) -> (String, String) {
    let project = fixture.pinned("m", Strategy::State).project();
    let findings = compile(&project).await.unwrap_err();
    let finding = findings.iter().find(|finding| finding.code == "strategy").unwrap();
    let span = finding.span.unwrap();
    let text = project.texts.get(span.file).unwrap().content.get(span.start..span.end).unwrap();
    (finding.message.clone(), text.to_owned())
}

#[tokio::test]
async fn groups_of_one_source_keep_states_also_through_views() {
    let kept = "only new rows are read, and added to the states of the groups they belong to";
    assert_eq!(of(Fixture::shop().model("m", GROUPED)).await, (Strategy::State, kept.to_owned()));
    let view = "SELECT channel, score FROM survey_answers WHERE score > 3";
    let over = Fixture::shop().view("v", view).model("m", "SELECT channel, avg(score) AS mean FROM v GROUP BY 1");
    assert_eq!(of(over).await, (Strategy::State, kept.to_owned()));
    let days = "SELECT local_day(answered_at) AS day, count(*) AS answers FROM survey_answers GROUP BY 1";
    assert_eq!(of(Fixture::shop().model("m", days)).await.0, Strategy::State, "the time zone is one of the project");
    let pinned = Fixture::shop().model("m", GROUPED).pinned("m", Strategy::State);
    assert_eq!(of(pinned).await.1, format!("pinned: {kept}"));
    let pinned = Fixture::shop().model("m", GROUPED).pinned("m", Strategy::Full);
    assert_eq!(of(pinned).await.0, Strategy::Full);
}

#[tokio::test]
async fn states_that_grow_with_the_rows_are_kept_only_where_that_is_asked_for() {
    let sql = "SELECT channel, median(score) AS median FROM survey_answers GROUP BY channel";
    let (strategy, why) = of(Fixture::shop().model("m", sql)).await;
    assert_eq!(strategy, Strategy::Full);
    assert!(why.contains("the state of median grows with the number of rows"), "{why}");
    let (strategy, why) = of(Fixture::shop().model("m", sql).pinned("m", Strategy::State)).await;
    assert_eq!(strategy, Strategy::State);
    assert!(why.contains("the state of median grows with the number of rows"), "{why}");
    let distinct = "SELECT channel, count(DISTINCT customer_id) AS customers FROM survey_answers GROUP BY channel";
    let (strategy, why) = of(Fixture::shop().model("m", distinct)).await;
    assert_eq!(strategy, Strategy::State);
    assert!(why.contains("the state of count grows with the number of distinct values"), "{why}");
}

#[tokio::test]
async fn a_model_that_cannot_keep_states_says_why_and_where() {
    let sql = "SELECT channel, count(*) AS answers\nFROM survey_answers GROUP BY channel\nORDER BY answers LIMIT 3";
    let (strategy, why) = of(Fixture::shop().model("m", sql)).await;
    assert_eq!(strategy, Strategy::Full);
    assert!(why.starts_with("computed anew whenever something it reads changes: LIMIT and OFFSET choose"), "{why}");
    let place = why.split_once("(pipelines/test.yaml:").unwrap().1.split_once(')').unwrap().0;
    assert!(place.ends_with(":30"), "the 3 stands in column 30 of its line: {why}");
    assert!(why.contains("single partitions are not computed, since its output is not partitioned by a date"), "{why}");
}

#[tokio::test]
async fn a_pin_that_cannot_be_is_an_error_at_the_words_that_forbid_it() {
    let cases = [
        (
            "SELECT channel, rank() OVER (ORDER BY count(*)) AS r FROM survey_answers GROUP BY channel",
            "a window function looks",
            "rank",
        ),
        (
            "SELECT a.channel, count(*) AS n FROM survey_answers a JOIN orders o ON a.customer_id = o.customer_id GROUP BY 1",
            "a join needs",
            "orders",
        ),
        ("SELECT channel, count(*) AS n FROM survey_answers GROUP BY channel LIMIT 3", "LIMIT and OFFSET", "3"),
        (
            "SELECT channel, count(*) AS n FROM survey_answers WHERE answered_at < $as_of GROUP BY 1",
            "$as_of moves",
            "$as_of",
        ),
        ("SELECT channel FROM survey_answers", "the query has no aggregate", "SELECT"),
    ];
    for (sql, said, marked) in cases {
        let (message, text) = refused(Fixture::shop().model("m", sql)).await;
        assert!(message.starts_with(&format!("`m` cannot have the strategy `state`: {said}")), "{message}");
        assert!(text.starts_with(marked), "{sql}: {text}");
    }
}

#[tokio::test]
async fn a_snapshot_that_keeps_history_is_for_models_of_single_partitions() {
    let keep = || {
        Fixture::shop()
            .source("customers", &[("customer_id", ColumnType::String, true), ("segment", ColumnType::String, false)])
            .snapshot("customers", History::Keep)
            .view("known", "SELECT * FROM customers WHERE segment IS NOT NULL")
    };
    let joined = "SELECT local_day(ordered_at) AS day, order_id, segment FROM orders o JOIN known k ON k.customer_id = o.customer_id";
    let fixture = || keep().model("m", joined).partition("m", "day", Some(Granularity::Month));
    assert_eq!(of(fixture()).await.0, Strategy::Partition);
    let findings = async |fixture: Fixture| {
        let project = fixture.project();
        let findings = compile(&project).await.unwrap_err();
        let finding = findings.iter().find(|finding| finding.code == "strategy").unwrap();
        (finding.message.clone(), finding.help.clone().unwrap())
    };
    let (message, _) = findings(fixture().pinned("m", Strategy::Full)).await;
    assert_eq!(
        message,
        "`m` cannot have the strategy `full`: all of it is made again where `customers` changes, which has `history: keep`"
    );
    let undated = "SELECT segment, count(*) AS customers FROM customers GROUP BY 1";
    let (message, help) = findings(keep().model("m", undated)).await;
    assert!(message.contains("its output is not partitioned by a date"), "{message}");
    assert!(message.ends_with("it needs that strategy, since `customers` has `history: keep`"), "{message}");
    assert!(help.starts_with("take `history: keep` out"), "{help}");
}

#[tokio::test]
async fn a_pin_names_the_model_or_the_view_that_forbids_it() {
    let over = "SELECT sum(answers) AS answers FROM a";
    let (message, text) = refused(Fixture::shop().model("a", GROUPED).model("m", over)).await;
    assert!(message.contains("it reads the model `a`"), "{message}");
    assert_eq!(text, "a");
    let newest = "SELECT channel FROM survey_answers ORDER BY answered_at LIMIT 10";
    let over = "SELECT channel, count(*) AS answers FROM v GROUP BY 1";
    let (message, text) = refused(Fixture::shop().view("v", newest).model("m", over)).await;
    assert!(message.contains("LIMIT and OFFSET"), "{message}");
    assert_eq!(text, "10", "the place is one of the view");
}
