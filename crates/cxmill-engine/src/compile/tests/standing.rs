//! What stands built is not planned to the end once more; everything else is.

use std::collections::BTreeMap;

use cxmill_spec::Project;

use crate::compile::proven::Proven;
use crate::compile::{Compiled, compile, compile_standing, fingerprint, parsed, sql};
use crate::fixture::{Fixture, render};
use crate::session::planning_session;

/// An error that only optimising shows.
const UNSOUND: &str = "SELECT channel, CAST('ten' AS int) AS n FROM survey_answers";

fn shop() -> Fixture {
    Fixture::shop()
        .view("v", "SELECT CAST(answered_at AS DATE) AS day, channel, score FROM survey_answers")
        .model("daily", "SELECT day, channel, nps(score) AS nps FROM v GROUP BY day, channel")
        .model("best", "SELECT day, max(nps) AS nps FROM daily GROUP BY day")
}

fn proven(compiled: &Compiled) -> Proven {
    Proven { models: compiled.models.iter().map(|model| (model.fingerprint.clone(), model.checks.clone())).collect() }
}

async fn findings(project: &Project, proven: &Proven) -> String {
    compile_standing(project, proven).await.map_or_else(|findings| render(&project.texts, &findings), |_| String::new())
}

#[tokio::test]
async fn the_same_comes_of_what_stands() {
    let project = shop().project();
    let anew = compile(&project).await.unwrap();
    let standing = compile_standing(&project, &proven(&anew)).await.unwrap();
    assert_eq!(format!("{standing:?}"), format!("{anew:?}"));
}

#[tokio::test]
async fn what_stands_is_not_planned_to_the_end() {
    let project = shop().model("m", UNSOUND).project();
    assert!(findings(&project, &Proven::default()).await.contains("error["));
    let state = planning_session(&project.settings).unwrap().state();
    let model = &project.models["m"];
    let (parsed, _) = parsed::parse(&state, &project, &cxmill_spec::Unreadable::default(), "m", &model.sql);
    let checks = fingerprint::of_checks(&project, model, &[]);
    for built in fingerprint::built(&project, model, &parsed, &[]) {
        let standing = Proven { models: BTreeMap::from([(built.clone(), checks.clone())]) };
        assert_eq!(findings(&project, &standing).await, "");
        // The fingerprint of its checks decides about its checks alone.
        let judged_otherwise = Proven { models: BTreeMap::from([(built, String::new())]) };
        assert_eq!(findings(&project, &judged_otherwise).await, "");
    }
}

#[tokio::test]
async fn what_changed_is_planned_to_the_end_though_all_else_stands() {
    let before = compile(&shop().project()).await.unwrap();
    let project = shop().model("m", UNSOUND).project();
    let all = findings(&project, &Proven::default()).await;
    assert!(all.contains("error["), "{all}");
    assert_eq!(findings(&project, &proven(&before)).await, all);
}

#[tokio::test]
async fn checks_are_planned_to_the_end_unless_they_held_as_they_are() {
    let checked = |check: &str| shop().sql_check("daily", check).project();
    let sound = compile(&checked("SELECT * FROM daily WHERE nps > 100")).await.unwrap();
    let project = checked("SELECT * FROM daily WHERE nps > CAST('ten' AS int)");
    let all = findings(&project, &Proven::default()).await;
    assert!(all.contains("error["), "{all}");
    assert_eq!(findings(&project, &proven(&sound)).await, all);
    let state = planning_session(&project.settings).unwrap().state();
    let (query, _) = sql::parse(
        &state,
        match &project.models["daily"].checks[0].kind {
            cxmill_spec::CheckKind::Sql(text) => text,
            _ => panic!("a check of kind sql"),
        },
    );
    let judged = fingerprint::of_checks(&project, &project.models["daily"], &[query.unwrap()]);
    let standing =
        Proven { models: sound.models.iter().map(|model| (model.fingerprint.clone(), judged.clone())).collect() };
    assert_eq!(findings(&project, &standing).await, "");
}
