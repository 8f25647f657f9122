//! Other readers read the published tables while runs revise partitions, add some, replace a whole table and retire partitions:
//! never an error, a duplicate or a missing group. On local disk DuckDB and Polars do, on S3 one that fetches each object by one
//! request, and Polars' own reader of S3. (DuckDB reads S3 by an extension, `httpfs`, which it downloads from its makers when it is
//! first used and no package brings: where tests run it is not to be had.) What must hold at every read stands in `tests/peers/watch.py`.
//!
//! `CXMILL_READER_RUNS` says how many runs there are on disk (12 by default, 100 in `.ci/run`), `CXMILL_S3_READER_RUNS` on S3 (6 by
//! default, 30 in `.ci/run`).
#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};

use cxmill_tests::{Peers, Ran, TestProject, number, peers, root, say, seaweed};
use serde_json::Value;

type Environment = Vec<(&'static str, String)>;

/// Runs on disk where nobody says how many.
const RUNS: u64 = 12;
/// The same on S3.
const RUNS_ON_S3: u64 = 6;

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

/// A reader that goes on until the file `stop` is in the project.
fn watch(peers: &Peers, reader: &str, output: &str, project: &TestProject, environment: &Environment) -> Child {
    let mut command = Command::new(peers.program("python"));
    command.arg(root().join("tests/peers/watch.py")).args([reader, output]).arg(project.path().join("stop"));
    command.envs(environment.iter().map(|(name, value)| (*name, value.as_str())));
    command.stdout(Stdio::piped()).spawn().expect("python starts")
}

/// Runs the project again and again while readers read its output, and holds them to what they saw.
fn look_on(peers: &Peers, readers: [&str; 2], places: &[(&str, &str)], environment: &Environment, runs: u64) {
    let project = TestProject::fixture("readers");
    let settings: Vec<String> =
        places.iter().flat_map(|(place, url)| ["--set".to_owned(), format!("{place}={url}")]).collect();
    let run = || {
        let mut command = project.command(["--format", "json"]);
        command.args(&settings).arg("run").envs(environment.iter().map(|(name, value)| (*name, value.as_str())));
        Ran::of(&mut command).exits(0).json()
    };
    arrive(&project, 0);
    run();
    let local = project.path().join("output").display().to_string();
    let output = places.iter().find(|(place, _)| *place == "output").map_or(local.as_str(), |(_, url)| url);
    let watching = readers.map(|reader| (reader, watch(peers, reader, output, &project, environment)));
    for number in 1..=runs {
        arrive(&project, number);
        assert_eq!(run()["committed"], true);
    }
    project.write("stop", "");
    for (reader, child) in watching {
        let output = child.wait_with_output().expect("the reader ends");
        assert!(output.status.success(), "{reader} ended with {}", output.status);
        let seen: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        say(&format!("{reader}: {} reads during {runs} runs, {} repeated", seen["reads"], seen["repeated"]));
        assert_eq!(seen["violations"], Value::Array(Vec::new()), "{reader} after {} reads", seen["reads"]);
        assert!(seen["reads"].as_u64().expect("a count") > runs, "{reader} reads while runs go on: {seen}");
    }
}

#[test]
fn readers_of_local_tables_see_no_error_no_duplicate_and_no_gap() {
    let Some(peers) = peers() else { return };
    look_on(&peers, ["duckdb", "polars"], &[], &Vec::new(), number("CXMILL_READER_RUNS", RUNS));
}

#[test]
fn readers_of_tables_on_s3_see_no_error_no_duplicate_and_no_gap() {
    let (Some(peers), Some(server)) = (peers(), seaweed()) else { return };
    server.objects(&["bucket", "open"]);
    let places = [("output", "s3://open/tables"), ("state", "s3://open/state")];
    let runs = number("CXMILL_S3_READER_RUNS", RUNS_ON_S3);
    look_on(&peers, ["objects-s3", "polars-s3"], &places, &server.environment(), runs);
}
