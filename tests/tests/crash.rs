//! Kill -9 at random moments: after the next run, rows, quarantine and balance are those of an undisturbed run.
#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use cxmill_tests::{TestProject, answers};
use serde_json::Value;

const ROUNDS: u32 = 12;

fn raw(project: &TestProject) {
    for day in 1..=20 {
        let bad = "{\"answer_id\": 1}\n{\n";
        let again = answers(&format!("2026-01-{day:02}"), day * 3000, 20);
        project.write(
            &format!("raw/answers/2026-01-{day:02}.ndjson"),
            answers(&format!("2026-01-{day:02}"), day * 3000, 2000) + bad + &again,
        );
    }
}

/// Everything a reader can see, and the counts.
fn seen(project: &TestProject) -> (BTreeMap<&'static str, Vec<Value>>, Value, usize) {
    let sorted = |model| {
        let mut rows = project.rows(model);
        rows.sort_by_key(Value::to_string);
        rows
    };
    let tables = BTreeMap::from([("nps_daily", sorted("nps_daily")), ("nps_total", sorted("nps_total"))]);
    let mut status = project.cxmill(["--format", "json", "status"]).exits(0).json();
    let source = status["sources"][0].take();
    let counts = ["files", "read", "accepted", "quarantined", "duplicate"].map(|key| source[key].clone());
    let quarantine = project.cxmill(["--format", "json", "quarantine", "show", "--limit", "100000"]).exits(0).json();
    (tables, Value::from(counts.to_vec()), quarantine.as_array().expect("rows").len())
}

#[test]
fn killed_runs_leave_no_trace() {
    let calm = TestProject::fixture("small");
    raw(&calm);
    let start = Instant::now();
    drop(calm.cxmill(["--set", "max_batch_bytes=1MB", "run"]).exits(0));
    let whole = start.elapsed();
    let expected = seen(&calm);
    assert_eq!(expected.1, serde_json::json!([20, 40_440, 40_000, 40, 400]));

    let project = TestProject::fixture("small");
    raw(&project);
    let mut killed = 0;
    for round in 0..ROUNDS {
        let mut child = project
            .command(["--set", "max_batch_bytes=1MB", "run"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("cxmill starts");
        // Moments spread over a whole run, in an order that is not sorted.
        std::thread::sleep(whole * ((round * 7) % ROUNDS) / ROUNDS + Duration::from_millis(u64::from(round)));
        if child.try_wait().expect("a state").is_none() {
            killed += 1;
        }
        drop(child.kill());
        drop(child.wait());
    }
    assert!(killed > 0, "some run was killed in its midst");
    drop(project.cxmill(["--set", "max_batch_bytes=1MB", "run"]).exits(0));
    assert_eq!(expected, seen(&project));
}
