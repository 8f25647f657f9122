//! The texts that a new project starts from are right as they are.

use crate::support::{diagnostics, project, valid};
use cxmill_spec::{DEFAULT_CONFIG, Input, template};

fn new_project() -> Input {
    let files = template();
    let text = |wanted: &str| files.iter().find(|(path, _)| *path == wanted).unwrap().1;
    project(
        &[("config/default.yaml", text("config/default.yaml"))],
        &[("pipelines/nps.yaml", text("pipelines/nps.yaml"))],
    )
}

#[test]
fn a_new_project_has_no_diagnostic() {
    assert_eq!(diagnostics(new_project()), "");
    let project = valid(new_project());
    assert_eq!(project.sources["survey_answers"].location, "data/raw/survey_answers/");
    assert_eq!(project.models["nps_daily"].grain, ["day", "channel"]);
}

#[test]
fn the_default_config_states_the_defaults() {
    let written = valid(project(&[("config/default.yaml", DEFAULT_CONFIG)], &[])).settings;
    let implied = valid(project(&[], &[])).settings;
    assert_eq!(format!("{written:?}"), format!("{implied:?}"));
}

#[test]
fn the_default_config_names_every_key() {
    let schema = cxmill_spec::config_schema();
    for key in schema["properties"].as_object().unwrap().keys() {
        let written = DEFAULT_CONFIG.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{key}:")));
        assert!(written, "default.yaml says nothing of `{key}`");
    }
}

#[test]
fn the_raw_file_of_a_new_project_meets_its_own_shape() {
    let files = template();
    let raw = files.iter().find(|(path, _)| path.ends_with(".ndjson")).unwrap().1;
    assert_eq!(raw.lines().count(), 30);
    for line in raw.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(row["answer_id"].is_string() && row["submitted"]["at"].is_string());
        assert!(row["score"].is_null() || (0..=10).contains(&row["score"].as_i64().unwrap()));
    }
}
