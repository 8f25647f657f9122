use proptest::prelude::*;

use crate::compile::compile;
use crate::fixture::{Fixture, render};

fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "SELECT",
        "FROM",
        "WHERE",
        "GROUP BY",
        "ORDER BY",
        "WITH",
        "AS",
        "(",
        ")",
        ",",
        ";",
        "*",
        "'",
        "\"",
        "$as_of",
        "$1",
        "?",
        "survey_answers",
        "channel",
        "score",
        "answered_at",
        "é",
        "1",
        "-1.5e9",
        "NULL",
        "count(*)",
        "sum(score)",
        "max(",
        "+",
        "=",
        "IN",
        "OVER (",
        "CASE WHEN",
        "END",
        "INTERVAL",
        "'1 day'",
        "CAST(",
        "AS INT)",
        "--",
        "/*",
        "\n",
        "UNION ALL",
        "JOIN",
        "ON",
        "LIMIT",
        "x.y",
        "[1]",
        "INTO",
        "DROP TABLE",
        "x'0",
        "::",
        "EXISTS",
        "unnest(",
        "{",
        "}",
    ]);
    prop::collection::vec(word, 0..14).prop_map(|words| words.join(" "))
}

fn compiles(sql: &str) {
    let project = Fixture::shop().model("m", sql).project();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let findings = match runtime.block_on(compile(&project)) {
        Ok(compiled) => compiled.warnings,
        Err(findings) => {
            assert!(!findings.is_empty());
            findings
        }
    };
    // Every finding can be shown, and none of them speaks of bugs.
    let text = render(&project.texts, &findings);
    assert!(!text.contains("Internal error"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn compile_takes_any_text(sql in "\\PC{0,60}(\n\\PC{0,30})?") {
        compiles(&sql);
    }

    #[test]
    fn compile_takes_any_words_of_sql(sql in words()) {
        compiles(&sql);
    }
}
