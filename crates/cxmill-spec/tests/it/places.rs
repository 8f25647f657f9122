//! SQL knows where each of its characters stands in the file it was written in.

use cxmill_spec::{Project, Span, Sql};
use proptest::prelude::*;

use crate::support::{pipeline, project, valid};

fn slice(project: &Project, span: Span) -> &str {
    &project.texts.get(span.file).unwrap().content[span.start..span.end]
}

/// Every character of the query, taken by line and column, is the same one in the file.
#[track_caller]
fn assert_exact(project: &Project, sql: &Sql) {
    let mut seen = 0;
    for (line, text) in sql.text.lines().enumerate() {
        for (column, character) in text.chars().enumerate() {
            let (line, column) = (line as u64 + 1, column as u64 + 1);
            let span = sql.span((line, column), (line, column + 1));
            assert_eq!(slice(project, span), character.to_string(), "line {line}, column {column} of {:?}", sql.text);
            seen += 1;
        }
    }
    assert!(seen > 0);
}

#[track_caller]
fn exact(yaml: &str, text: &str) {
    for yaml in [yaml.to_owned(), yaml.replace('\n', "\r\n"), format!("\u{feff}{yaml}"), format!("# größer ✓\n{yaml}")]
    {
        let project = valid(pipeline(&yaml));
        let sql = &project.models["daily"].sql;
        assert_eq!(&*sql.text, text);
        assert_exact(&project, sql);
        assert_eq!(slice(&project, sql.whole()).replace('\r', "").trim(), whole(&yaml, text));
    }
}

/// What the file shows of the whole query: its lines with their indentation.
fn whole(yaml: &str, text: &str) -> String {
    let yaml = yaml.replace('\r', "");
    let first = text.trim_start().lines().next().unwrap();
    let last = text.trim_end().lines().last().unwrap();
    let start = yaml.find(first).unwrap();
    let end = start + yaml[start..].find(last).unwrap() + last.len();
    yaml[start..end].to_owned()
}

#[test]
fn of_a_block() {
    exact("models:\n  daily:\n    sql: |\n      SELECT 1\n      FROM t\n", "SELECT 1\nFROM t\n");
}

#[test]
fn of_a_block_with_blank_lines_and_deeper_lines() {
    exact(
        "models:\n  daily:\n    sql: |\n\n      SELECT é,\n\n          'ü ✓' AS b,\n   \n      \t\ttab\n      FROM t\n\n\n    grain: [b]\n",
        "\nSELECT é,\n\n    'ü ✓' AS b,\n\n\t\ttab\nFROM t\n",
    );
}

#[test]
fn of_a_block_that_strips_or_keeps_its_end() {
    exact("models:\n  daily:\n    sql: |- # why\n      SELECT 1\n      FROM t\n\n", "SELECT 1\nFROM t");
    exact("models:\n  daily:\n    sql: |+\n      SELECT 1\n\n    grain: [a]\n", "SELECT 1\n\n");
}

#[test]
fn of_a_block_with_given_indentation() {
    exact("models:\n  daily:\n    sql: |2\n        SELECT 1\n      FROM t\n", "  SELECT 1\nFROM t\n");
}

#[test]
fn of_a_block_that_is_least_indented() {
    exact(
        "models:\n daily:\n  sql: |\n   SELECT 1 -- a: b\n   FROM t # no comment\n",
        "SELECT 1 -- a: b\nFROM t # no comment\n",
    );
}

#[test]
fn of_a_block_without_a_line_break_at_the_end_of_the_file() {
    exact("models:\n  daily:\n    sql: |\n      SELECT 1\n      FROM t", "SELECT 1\nFROM t\n");
}

#[test]
fn of_a_block_under_a_quoted_or_tagged_key() {
    exact("models:\n  daily:\n    \"sql\": !!str |\n      SELECT 1\n", "SELECT 1\n");
}

#[test]
fn of_one_line() {
    exact("models:\n  daily:\n    sql: SELECT 'ä' FROM t # why\n", "SELECT 'ä' FROM t");
    exact("models:\n  daily:\n    sql: \"SELECT 'ä' FROM t\"\n", "SELECT 'ä' FROM t");
    exact("models: {daily: {sql: 'SELECT a | b FROM t'}}\n", "SELECT a | b FROM t");
    exact("models:\n  daily:\n    sql:\n      SELECT 'ä'\n", "SELECT 'ä'");
}

#[test]
fn of_a_check() {
    let text = "models:\n  daily:\n    sql: SELECT 1 AS a\n    checks:\n      - severity: warn\n        sql: |\n          SELECT *\n            FROM ü\n";
    let project = valid(pipeline(text));
    let check = &project.models["daily"].checks[0];
    let cxmill_spec::CheckKind::Sql(sql) = &check.kind else { panic!("not a sql check") };
    assert_eq!(&*sql.text, "SELECT *\n  FROM ü\n");
    assert_exact(&project, sql);
    assert_eq!(slice(&project, sql.span((2, 3), (2, 9))), "FROM ü");
}

#[test]
fn of_a_sql_file() {
    for content in
        ["SELECT 'é',\n\n\tb\nFROM t\n", "SELECT 'é',\r\n\r\n\tb\r\nFROM t", "\u{feff}SELECT 'é'\r\nFROM t\n"]
    {
        let files = [
            ("pipelines/x/p.yaml", "models: {daily: {sql_file: ./../sql/daily.sql}}"),
            ("pipelines/sql/daily.sql", content),
        ];
        let project = valid(project(&[], &files));
        let sql = &project.models["daily"].sql;
        assert!(!sql.text.contains(['\r', '\u{feff}']));
        assert_exact(&project, sql);
        assert_eq!(project.texts.get(sql.file).unwrap().path, "pipelines/sql/daily.sql");
    }
}

#[test]
fn beyond_the_query_is_its_end() {
    let project = valid(pipeline("models:\n  daily:\n    sql: |\n      SELECT 1\n"));
    let sql = &project.models["daily"].sql;
    assert_eq!(slice(&project, sql.span((1, 8), (9, 9))), "1");
    assert_eq!(slice(&project, sql.span((1, 8), (1, 99))), "1");
}

#[test]
fn old_line_ends_are_refused() {
    let found = crate::support::diagnostics(pipeline("models:\r  daily:\r    sql: |\r      SELECT 1\r      FROM t\r"));
    assert!(found.contains("error[sql-notation]"), "{found}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn of_any_block(
        first in "[A-Zé✓][ A-Zé✓:#|'\"-]{0,9}",
        rest in proptest::collection::vec("[ \tA-Zé✓:#|'\"{-]{0,12}", 0..6),
        indent in 1usize..7,
        crlf: bool,
        sign in prop_oneof![Just("|"), Just("|-"), Just("|+"), Just("| # why")],
    ) {
        let pad = " ".repeat(4 + indent);
        let lines: Vec<&str> = std::iter::once(first.as_str()).chain(rest.iter().map(String::as_str)).collect();
        let block: String = lines.iter().map(|line| format!("{pad}{line}\n")).collect();
        let yaml = format!("# é\nmodels:\n  daily:\n    sql: {sign}\n{block}    grain: [a]\n");
        let project = valid(pipeline(&if crlf { yaml.replace('\n', "\r\n") } else { yaml }));
        let sql = &project.models["daily"].sql;
        prop_assert_eq!(sql.text.lines().next(), Some(first.as_str()));
        assert_exact(&project, sql);
    }
}
