//! What compiling says about whole projects, with exact places.

mod arbitrary;
mod beside;
mod fingerprint;
mod layout;
mod lineage;
mod names;
mod order;
mod query;
mod restrict;
mod standing;
mod states;
mod strategy;
mod types;

use super::{Compiled, compile};
use crate::fixture::{Fixture, render};

/// All findings on a project that does not compile; sources that nobody reads are not the point here.
async fn errors(fixture: Fixture) -> String {
    let project = fixture.project();
    let findings = compile(&project).await.unwrap_err();
    let findings: Vec<_> = findings.into_iter().filter(|finding| finding.code != "unused-source").collect();
    render(&project.texts, &findings)
}

/// All findings on the shop with one model.
async fn model_errors(sql: &str) -> String {
    errors(Fixture::shop().model("m", sql)).await
}

async fn compiled(fixture: Fixture) -> Compiled {
    let project = fixture.project();
    match compile(&project).await {
        Ok(compiled) => compiled,
        Err(findings) => panic!("{}", render(&project.texts, &findings)),
    }
}
