//! The texts of a new project, which runs as it is.

/// The settings with every key and its default, commented: the reference, and what a new project starts from.
pub const DEFAULT_CONFIG: &str = include_str!("default.yaml");

/// The files of a new project, as paths from its folder (with `/`) and contents.
#[must_use]
pub fn template() -> Vec<(&'static str, &'static str)> {
    vec![
        ("config/default.yaml", DEFAULT_CONFIG),
        ("pipelines/nps.yaml", include_str!("template/pipelines/nps.yaml")),
        ("data/raw/survey_answers/example.ndjson", include_str!("template/data/survey_answers.ndjson")),
        (".gitignore", include_str!("template/gitignore")),
    ]
}
