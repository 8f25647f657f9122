//! DuckDB and Polars read the published tables while runs revise partitions, add some, replace a whole table and retire
//! partitions: never an error, a duplicate or a missing group. What must hold at every read stands in `tests/peers/watch.py`.
//!
//! `CXMILL_READER_RUNS` says how many runs there are (12 by default, 40 in `.ci/run`, 100 for the whole proof).
#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use cxmill_tests::{Peers, TestProject, number, peers, root};
use serde_json::Value;

/// Runs where nobody says how many.
const RUNS: u64 = 12;

/// One answer more for every channel of three days of a month. `latest` gets a new day in every run.
fn answers(run: u64, month: u64, text: &mut String) {
    for day in [3, 11, 27] {
        line(run, &format!("1890-{month:02}-{day:02}"), text);
    }
}

fn line(run: u64, day: &str, text: &mut String) {
    for channel in ["web", "app", "store"] {
        let line =
            format!(r#"{{"answer_id":"{run}-{day}-{channel}","answered_at":"{day}T10:00:00Z","channel":"{channel}"}}"#);
        writeln!(text, "{line}").expect("a line");
    }
}

/// What arrives before a run: late answers of an earlier month, answers of the newest one, which begins every eighth run, and the
/// first answers of a year of its own for each run.
fn arrive(project: &TestProject, run: u64) {
    let newest = 1 + (run / 8).min(11);
    let mut text = String::new();
    answers(run, newest, &mut text);
    if newest > 1 {
        answers(run, 1 + run % (newest - 1), &mut text);
    }
    line(run, &format!("{}-01-01", 1900 + run), &mut text);
    project.write("raw/.coming", text);
    let path = project.path().join(format!("raw/answers/{run:04}.ndjson"));
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
    std::fs::rename(project.path().join("raw/.coming"), path).expect("a file");
}

fn watch(peers: &Peers, reader: &str, output: &Path, stop: &Path) -> Child {
    let mut command = Command::new(peers.program("python"));
    command.arg(root().join("tests/peers/watch.py")).arg(reader).arg(output).arg(stop);
    command.stdout(Stdio::piped()).spawn().expect("python starts")
}

#[test]
fn readers_of_local_tables_see_no_error_no_duplicate_and_no_gap() {
    let Some(peers) = peers() else { return };
    let project = TestProject::fixture("readers");
    let stop = project.path().join("stop");
    let run = || project.cxmill(["--format", "json", "run"]).exits(0).json();
    arrive(&project, 0);
    run();
    let output = project.path().join("output");
    let watching = ["duckdb", "polars"].map(|reader| (reader, watch(&peers, reader, &output, &stop)));
    let runs = number("CXMILL_READER_RUNS", RUNS);
    for number in 1..=runs {
        arrive(&project, number);
        assert_eq!(run()["committed"], true);
    }
    project.write("stop", "");
    for (reader, child) in watching {
        let output = child.wait_with_output().expect("the reader ends");
        assert!(output.status.success(), "{reader} ended with {}", output.status);
        let seen: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(seen["violations"], Value::Array(Vec::new()), "{reader} after {} reads", seen["reads"]);
        assert!(seen["reads"].as_u64().expect("a count") > runs, "{reader} reads while runs go on: {seen}");
    }
}
