//! Models are judged several at a time; what comes of them must not show it.

use crate::compile::{Compiled, compile};
use crate::fixture::{Fixture, render};

/// Two dozen models over views, over one another and over what is unsound.
fn many(mistakes: bool) -> Fixture {
    let mut fixture = Fixture::shop()
        .view("v", "SELECT answer_id, CAST(answered_at AS DATE) AS day, channel, score FROM survey_answers")
        .view("w", "SELECT day, channel, score FROM v WHERE score >= 0");
    for number in 0..8 {
        fixture = fixture
            .model(
                &format!("a{number}"),
                &format!("SELECT day, nps(score) AS nps{number} FROM w GROUP BY day HAVING count(*) > {number}"),
            )
            .model(&format!("b{number}"), &format!("SELECT max(nps{number}) AS n FROM a{number}"))
            .model(&format!("c{number}"), &format!("SELECT a.n + b.n AS n FROM b{number} a CROSS JOIN b{number} b"));
        if mistakes {
            fixture = fixture
                .model(&format!("d{number}"), &format!("SELECT scor{number} FROM w"))
                .model(&format!("e{number}"), &format!("SELECT scor{number} FROM d{number}"))
                .model(&format!("f{number}"), &format!("SELECT chanel, npx(score) FROM a{number}"));
        }
    }
    fixture
}

async fn with(threads: usize, mistakes: bool) -> Result<Compiled, String> {
    let mut project = many(mistakes).project();
    project.settings.threads = threads;
    compile(&project).await.map_err(|findings| render(&project.texts, &findings))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_is_compiled_on_one_thread_and_on_many() {
    let one = format!("{:?}", with(1, false).await.unwrap());
    assert!(one.contains("c7"), "{one}");
    for _ in 0..3 {
        assert_eq!(format!("{:?}", with(4, false).await.unwrap()), one);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_is_said_on_one_thread_and_on_many() {
    let one = with(1, true).await.unwrap_err();
    assert_eq!(one.matches("error[").count(), 4 * 8, "{one}");
    for _ in 0..3 {
        assert_eq!(with(4, true).await.unwrap_err(), one);
    }
}
