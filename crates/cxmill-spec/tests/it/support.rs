//! A project in memory, for tests.

use cxmill_spec::{Diagnostic, Input, Project, Texts, compile};

/// The input of one pipeline file and no settings.
pub(crate) fn pipeline(text: &str) -> Input {
    project(&[], &[("pipelines/p.yaml", text)])
}

/// The input of some config and pipeline files. A path that ends in `.sql` is only there to be named.
pub(crate) fn project(config: &[(&str, &str)], pipelines: &[(&str, &str)]) -> Input {
    let mut texts = Texts::default();
    let config = config.iter().map(|(path, text)| texts.add(*path, *text)).collect();
    let mut ids = Vec::new();
    for (path, text) in pipelines {
        let id = texts.add(*path, *text);
        if !path.ends_with(".sql") {
            ids.push(id);
        }
    }
    Input { texts, config, pipelines: ids, cores: 4, ..Input::default() }
}

/// All diagnostics of a project, one a line; empty where there are none.
pub(crate) fn diagnostics(input: Input) -> String {
    let (texts, found) = match compile(input) {
        Ok((project, warnings)) => (project.texts, warnings),
        Err(rejected) => (rejected.project.texts, rejected.diagnostics),
    };
    found.iter().map(|diagnostic| diagnostic.plain(&texts)).collect::<Vec<_>>().join("\n")
}

/// The project, which must be without errors.
#[track_caller]
pub(crate) fn valid(input: Input) -> Project {
    match compile(input) {
        Ok((project, _)) => project,
        Err(rejected) => {
            let shown = |found: &Diagnostic| found.plain(&rejected.project.texts);
            let lines: Vec<String> = rejected.diagnostics.iter().map(shown).collect();
            panic!("not valid:\n{}", lines.join("\n"))
        }
    }
}
