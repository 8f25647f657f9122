use insta::assert_snapshot;

use super::{compiled, errors};
use crate::fixture::{Fixture, render};

#[tokio::test]
async fn models_come_after_what_they_read() {
    let all = compiled(
        Fixture::shop()
            .model("a", "SELECT day FROM c")
            .model("b", "SELECT order_id FROM orders")
            .view("c", "SELECT date_trunc('day', answered_at) AS day FROM survey_answers WHERE answered_at < $as_of"),
    )
    .await;
    let names: Vec<&str> = all.models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(names, ["b", "c", "a"]);
    let a = all.model("a").unwrap();
    assert_eq!(a.reads.iter().collect::<Vec<_>>(), ["c"]);
    assert_eq!(a.sources.iter().collect::<Vec<_>>(), ["survey_answers"]);
    assert!(a.reads_as_of);
    assert!(!all.model("b").unwrap().reads_as_of);
}

#[tokio::test]
async fn a_ring_is_named_whole_at_its_place() {
    let fixture = Fixture::shop()
        .model("a", "SELECT x.n FROM c x")
        .model("b", "SELECT n FROM a")
        .model("c", "SELECT n FROM b\nUNION ALL SELECT score FROM survey_answers")
        .model("d", "SELECT n FROM d")
        .model("e", "SELECT n FROM a");
    assert_snapshot!(errors(fixture).await, @r#"
    5:23: error[cycle]: models read one another in a ring: a → c → b → a
      | SELECT x.n FROM c x
      |                 ^
      help: move what they share into a model that reads neither
    15:21: error[cycle]: model `d` reads itself
      | SELECT n FROM d
      |               ^
      help: a model cannot see its own result; read what it is made of
    "#);
}

#[tokio::test]
async fn what_nobody_reads_is_a_warning() {
    let project = Fixture::shop().view("v", "SELECT order_id FROM orders").project();
    let compiled = crate::compile(&project).await.unwrap();
    assert_snapshot!(render(&project.texts, &compiled.warnings), @r#"
    1:3: warning[unused-source]: no model reads source `survey_answers`
      | survey_answers:
      | ^^^^^^^^^^^^^^
      help: its files are read and landed for nothing; remove it, or read it
    3:3: warning[unused-view]: no model reads view `v`
      | v:
      | ^
      help: a view is not published; remove it, or leave out `strategy: view`
    "#);
}
