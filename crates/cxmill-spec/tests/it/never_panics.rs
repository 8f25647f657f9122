//! Whatever is written, the compiler answers, and its places lie within the texts.

use cxmill_spec::{Input, compile, template};
use proptest::prelude::*;

use crate::support::project;

/// Compiles, and checks what holds for every answer.
fn answers(input: Input) {
    let (texts, found) = match compile(input) {
        Ok((project, warnings)) => (project.texts, warnings),
        Err(rejected) => {
            let found = rejected.diagnostics;
            assert!(found.iter().any(|d| d.level == cxmill_spec::Level::Error), "refused without an error");
            (rejected.project.texts, found)
        }
    };
    for diagnostic in &found {
        assert_ne!(diagnostic.code, "bug", "{}", diagnostic.plain(&texts));
        assert!(!diagnostic.plain(&texts).is_empty());
        if let Some(span) = diagnostic.span {
            let text = &texts.get(span.file).unwrap().content;
            assert!(text.get(span.start..span.end).is_some(), "{diagnostic:?} points outside of its text");
        }
    }
}

fn shipped() -> &'static str {
    template().into_iter().find(|(path, _)| *path == "pipelines/nps.yaml").unwrap().1
}

#[test]
fn on_deep_and_on_long_files() {
    let nested: String = (0..2_000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let listed = "- ".repeat(2_000);
    for text in ["[".repeat(100_000), "{a: ".repeat(100_000), nested, listed, "a: &a [*a]".to_owned(), bomb()] {
        answers(project(&[("config/default.yaml", &text)], &[("pipelines/p.yaml", &text)]));
    }
}

/// Aliases that double at each step.
fn bomb() -> String {
    let mut text = String::from("a0: &a0 [x, x]\n");
    for step in 1..40 {
        text += &format!("a{step}: &a{step} [*a{last}, *a{last}]\n", last = step - 1);
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn on_any_text(text in "\\PC{0,200}") {
        answers(project(&[("config/default.yaml", &text)], &[("pipelines/p.yaml", &text)]));
    }

    #[test]
    fn on_text_that_looks_like_yaml(
        text in proptest::collection::vec(
            prop_oneof![
                Just("models:"), Just("sources:"), Just("sql"), Just("columns"), Just("checks"), Just("- "), Just("{"), Just("}"),
                Just("["), Just("]"), Just(": "), Just("\n"), Just("\n  "), Just("\n    "), Just("\t"), Just("|"), Just(">"),
                Just("'"), Just("\""), Just("&a "), Just("*a"), Just("<<"), Just("!t "), Just("1"), Just("é"), Just("# "),
                Just("\r\n"), Just(","), Just("type"), Just("date"), Just("~"), Just(".nan"), Just("---\n"),
            ],
            0..60,
        )
    ) {
        let text = text.concat();
        answers(project(&[("config/default.yaml", &text)], &[("pipelines/p.yaml", &text)]));
    }

    #[test]
    fn on_a_pipeline_with_a_piece_replaced(start in 0.0..1.0f64, len in 0usize..12, piece in "[ \\n:|>{}\\[\\]a-z0-9'\"&*!-]{0,6}") {
        let text: Vec<char> = shipped().chars().collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index")]
        let start = (start * text.len() as f64) as usize;
        let end = (start + len).min(text.len());
        let mutated: String = text[..start].iter().copied().chain(piece.chars()).chain(text[end..].iter().copied()).collect();
        answers(project(&[], &[("pipelines/p.yaml", &mutated)]));
    }

    #[test]
    fn on_any_override(key in "[a-z_.0-9]{0,20}", value in "\\PC{0,20}") {
        for key in [key.as_str(), "raw", "threads", "memory_limit", "vars.a", "stores.s3.x"] {
            let mut input = project(&[], &[("pipelines/p.yaml", "vars: {a: 2026-01-01}")]);
            input.overrides.push(("--set".into(), key.into(), value.clone()));
            answers(input);
        }
    }
}
