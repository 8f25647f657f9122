//! What people see: help, diagnostics, reports. Snapshots of exit code, stdout and stderr.

use cxmill_tests::{Ran, TestProject, answers, cxmill, tree};
use insta::assert_snapshot;

#[test]
fn help_says_what_each_command_and_exit_code_means() {
    let ran = Ran::of(cxmill().arg("--help").env("COLUMNS", "120")).exits(0);
    assert_snapshot!("help", ran.stdout);
}

#[test]
fn unknown_command_is_a_usage_error() {
    let ran = Ran::of(cxmill().arg("rnu")).exits(2);
    assert!(ran.stderr.contains("rnu") && ran.stderr.contains("--help"), "{}", ran.stderr);
}

#[test]
fn folder_without_a_project_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ran = Ran::of(cxmill().current_dir(folder.path()).arg("run")).exits(2);
    assert_snapshot!("no_project", ran.snapshot(folder.path()));
}

#[test]
fn every_mistake_is_reported_at_once_with_its_place() {
    let project = TestProject::fixture("mistakes");
    assert_snapshot!("mistakes", project.cxmill(["validate"]).exits(2).snapshot(project.path()));
    let json = project.cxmill(["--format", "json", "validate"]).exits(2).json();
    assert_eq!(json["valid"], false);
    assert!(json["diagnostics"].as_array().expect("diagnostics").len() >= 5);
    assert_eq!(tree(project.path()).len(), 2, "validate touches no data");
}

#[test]
fn wrong_settings_are_named_with_their_origin() {
    let project = TestProject::fixture("small");
    let ran = project.cxmill(["--set", "memory_limit=lots", "--set", "thread=2", "validate"]).exits(2);
    assert_snapshot!("wrong_settings", ran.snapshot(project.path()));
    let ran = project.cxmill(["--set", "memory_limit=lots", "validate", "--set", "thread=2"]).exits(2);
    assert_snapshot!("wrong_settings", ran.snapshot(project.path()));
    let levels = ["--set", "memory_limit=lots", "quarantine", "--set", "threads=some", "list", "--set", "thread=2"];
    let ran = project.cxmill(levels).exits(2);
    for given in ["lots", "some", "`thread`"] {
        assert!(ran.stderr.contains(given), "{}", ran.stderr);
    }
    let ran = project.cxmill(["--env", "prd", "validate"]).exits(2);
    assert!(ran.stderr.contains("config/prd.yaml"), "{}", ran.stderr);
}

#[test]
fn valid_project_is_counted() {
    let project = TestProject::fixture("small");
    let ran = project.cxmill(["validate"]).exits(0);
    assert_eq!(ran.stdout, "valid: 1 source, 3 models\n", "{}", ran.stderr);
}

#[test]
fn template_runs_as_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dir = folder.path().join("mine");
    let ran = Ran::of(cxmill().arg("init").arg(&dir)).exits(0);
    assert_snapshot!("init", ran.snapshot(folder.path()));
    let ran = Ran::of(cxmill().arg("--project").arg(&dir).args(["--format", "json", "run"])).exits(0);
    assert_eq!(ran.json()["committed"], true);
    assert!(dir.join("data/output").is_dir(), "locations start at the project's folder");
    let ran = Ran::of(cxmill().arg("--project").arg(&dir).arg("test")).exits(0);
    assert!(ran.stdout.starts_with("1 test passed;"), "{}", ran.stdout);
    let again = Ran::of(cxmill().arg("init").arg(&dir)).exits(2);
    assert!(again.stderr.contains("not empty"), "{}", again.stderr);
}

#[test]
fn scenario_tests_show_what_differs() {
    let project = TestProject::fixture("scenarios");
    let ran = project.cxmill(["test"]).exits(3);
    let shown = ran.snapshot(project.path());
    let (shown, seconds) = shown.rsplit_once("; ").expect("the time it took");
    assert!(seconds.contains(" s"), "{seconds}");
    assert_snapshot!("scenarios", shown);
    let ran = project.cxmill(["test", "a late answer"]).exits(0);
    assert!(ran.stdout.starts_with("1 test passed;"), "{}", ran.stdout);
    let ran = project.cxmill(["test", "no such test"]).exits(2);
    assert!(ran.stderr.contains("no test has `no such test` in its name"), "{}", ran.stderr);
    let report = project.cxmill(["--format", "json", "test"]).exits(3).json();
    assert_eq!(report["tests"][1]["failures"][0]["difference"]["unexpected"][0][3], -100.0);
    assert!(!project.path().join("data").exists(), "tests touch no data");
}

#[test]
fn scenario_tests_know_single_partitions_and_snapshots() {
    let ran = TestProject::fixture("deliveries").cxmill(["test"]).exits(0);
    assert!(ran.stdout.starts_with("5 tests passed;"), "{}", ran.stdout);
}

#[test]
fn shipped_pipelines_pass_their_own_tests() {
    let ran = TestProject::shipped().cxmill(["test"]).exits(0);
    assert!(ran.stdout.contains(" passed;") && !ran.stdout.contains("failed"), "{}", ran.stdout);
}

#[test]
fn plan_says_what_a_run_then_does() {
    let project = TestProject::fixture("small");
    project.write("raw/answers/2026-01-01.ndjson", answers("2026-01-01", 0, 30));
    assert_snapshot!("plan_first", project.cxmill(["plan"]).exits(0).snapshot(project.path()));
    assert!(!project.path().join("state").exists() && !project.path().join("output").exists(), "plan writes nothing");
    let report = project.cxmill(["--format", "json", "run"]).exits(0).json();
    assert_eq!((&report["epoch"].is_u64(), &report["committed"]), (&true, &true.into()));
    assert_snapshot!("plan_again", project.cxmill(["plan"]).exits(0).stdout);
}

#[test]
fn plan_says_why_single_partitions_are_computed_or_why_not() {
    let project = TestProject::fixture("small");
    project.write(
        "pipelines/dated.yaml",
        "\
models:
  ranked:
    sql: |
      SELECT local_day(answered_at) AS day, answer_id, rank() OVER (PARTITION BY local_day(answered_at) ORDER BY score) AS place
      FROM answers
    output: {partition_by: {month: day}}
  changes:
    sql: |
      SELECT local_day(answered_at) AS day, answer_id, score - lag(score) OVER (PARTITION BY channel ORDER BY answered_at) AS change
      FROM answers
    output: {partition_by: [day]}
",
    );
    project.write("raw/answers/2026-01-01.ndjson", answers("2026-01-01", 0, 30));
    assert_snapshot!("plan_partitions", project.cxmill(["plan"]).exits(0).snapshot(project.path()));
    project.write("raw/answers/2026-02-01.ndjson", answers("2026-02-01", 30, 30));
    let report = project.cxmill(["--format", "json", "run"]).exits(0).json();
    let ranked = report["models"].as_array().expect("models").iter().find(|model| model["name"] == "ranked");
    assert_eq!(ranked.expect("ranked")["partitions_written"], 2);
    project.write("raw/answers/2026-02-02.ndjson", answers("2026-02-02", 60, 30));
    let report = project.cxmill(["--format", "json", "run"]).exits(0).json();
    let ranked = report["models"].as_array().expect("models").iter().find(|model| model["name"] == "ranked");
    assert_eq!(ranked.expect("ranked")["touched"], serde_json::json!(["month=2026-02/part-0.parquet"]));

    project.write(
        "pipelines/dated.yaml",
        "\
models:
  changes:
    strategy: partition
    sql: |
      SELECT local_day(answered_at) AS day, answer_id,
             score - lag(score) OVER (PARTITION BY channel ORDER BY answered_at) AS change
      FROM answers
    output: {partition_by: [day]}
",
    );
    assert_snapshot!("partition_refused", project.cxmill(["validate"]).exits(2).snapshot(project.path()));
}

#[test]
fn show_filters_limits_and_knows_the_models() {
    let project = TestProject::fixture("small");
    project.write("raw/answers/2026-01-01.ndjson", answers("2026-01-01", 0, 30));
    drop(project.cxmill(["run"]).exits(0));
    let ran = project.cxmill(["show", "nps_daily", "--where", "channel = 'web'"]).exits(0);
    assert_snapshot!("show", ran.stdout);
    let ran = project.cxmill(["show", "nps_dayly"]).exits(2);
    assert!(ran.stderr.contains("did you mean `nps_daily`?"), "{}", ran.stderr);
    let ran = project.cxmill(["show", "nps_daily", "--where", "chanel = 'web'"]).exits(2);
    let said = "--where `chanel = 'web'`: no column `chanel`\n |\n = help: did you mean `channel`?";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    let ran = project.cxmill(["show", "nps_daily", "--where", "lenght(channel) = 3"]).exits(2);
    assert!(ran.stderr.contains("invalid function 'lenght'. Did you mean 'length'?"), "{}", ran.stderr);
    let ran = project.cxmill(["show", "answers"]).exits(2);
    assert!(
        ran.stderr.contains("answers is a source") && ran.stderr.contains("SELECT * FROM answers"),
        "{}",
        ran.stderr
    );
    let ran = project.cxmill(["show", "nps_daily", "--where", "1 = 1; DROP TABLE nps_daily"]).exits(2);
    assert!(!ran.stderr.contains("bug"), "{}", ran.stderr);
}

#[test]
fn status_before_and_after_the_first_run() {
    let project = TestProject::fixture("small");
    assert!(project.cxmill(["status"]).exits(0).stdout.contains("nothing was committed yet"));
    project.write("raw/answers/2026-01-01.ndjson", answers("2026-01-01", 0, 30));
    drop(project.cxmill(["run"]).exits(0));
    let status = project.cxmill(["--format", "json", "status"]).exits(0).json();
    assert_eq!(status["sources"][0]["read"], 30);
    assert!(status["models"].as_array().expect("models").iter().any(|model| model["state"] == "current"));
}

#[test]
fn quarantine_shows_object_line_rule_and_raw_record() {
    let project = TestProject::fixture("small");
    let bad =
        "{\"answer_id\":\"x\",\"answered_at\":\"2026-01-01T10:00:00Z\",\"channel\":\"fax\",\"score\":3}\n{broken\n";
    project.write("raw/answers/day.ndjson", answers("2026-01-01", 0, 30) + bad);
    drop(project.cxmill(["run"]).exits(0));
    let rows = project.cxmill(["--format", "json", "quarantine", "show", "answers"]).exits(0).json();
    let mut found: Vec<_> = rows
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| {
            (row["line"].as_u64(), row["rule"].as_str().unwrap_or_default(), row["raw"].as_str().unwrap_or_default())
        })
        .collect();
    found.sort_unstable();
    assert_eq!((found[0].0, found[0].1), (Some(31), "one_of"));
    assert!(found[0].2.contains("fax"));
    assert_eq!((found[1].0, found[1].1, found[1].2), (Some(32), "malformed", "{broken"));
    let list = project.cxmill(["quarantine", "list"]).exits(0).stdout;
    assert!(list.contains("one_of") && list.contains("malformed"), "{list}");
}

#[test]
fn a_replay_says_what_became_of_the_quarantine() {
    let project = TestProject::fixture("small");
    let fax =
        "{\"answer_id\":\"x\",\"answered_at\":\"2026-01-01T10:00:00Z\",\"channel\":\"fax\",\"score\":3}\n{broken\n";
    project.write("raw/answers/day.ndjson", answers("2026-01-01", 0, 30) + fax);
    project.write("raw/answers/gone.ndjson", fax.replace("\"x\"", "\"y\""));
    project.write("raw/answers/more.ndjson", answers("2026-01-02", 30, 30));
    drop(project.cxmill(["run"]).exits(0));
    std::fs::remove_file(project.path().join("raw/answers/gone.ndjson")).expect("it was there");
    assert!(project.cxmill(["quarantine", "replay"]).exits(0).stdout.contains("no row passes: nothing was changed"));
    let pipeline = std::fs::read_to_string(project.path().join("pipelines/nps.yaml")).expect("the pipeline");
    project.write("pipelines/nps.yaml", pipeline.replace("app, store]", "app, store, fax]"));
    assert!(project.cxmill(["run"]).exits(0).stdout.contains("`cxmill quarantine replay answers` feeds back"));
    let trial = project.cxmill(["quarantine", "replay", "answers", "--dry-run"]).exits(0);
    assert!(trial.stdout.contains("dry run: rows that would be landed: 1"), "{}", trial.stdout);
    let ran = project.cxmill(["quarantine", "replay", "answers"]).exits(0);
    assert_snapshot!("replay", ran.snapshot(project.path()));
    let json = project.cxmill(["--format", "json", "quarantine", "replay"]).exits(0).json();
    assert_eq!((&json["committed"], &json["sources"][0]["rows"]), (&false.into(), &3.into()));
    drop(project.cxmill(["run"]).exits(0));
    assert!(project.cxmill(["show", "nps_daily"]).exits(0).stdout.contains("fax"));
    let ran = project.cxmill(["quarantine", "replay", "answer"]).exits(2);
    assert!(ran.stderr.contains("did you mean `answers`?"), "{}", ran.stderr);
}

#[test]
fn functions_explain_themselves() {
    let list = Ran::of(cxmill().arg("functions")).exits(0).stdout;
    for name in ["nps(", "nps_interval(", "csat(", "ces(", "wilson_low(", "local_day("] {
        assert!(list.contains(name), "{name} is missing:\n{list}");
    }
    let one = Ran::of(cxmill().args(["functions", "nps_interval"])).exits(0).stdout;
    assert!(one.contains("Example") && one.contains("Rocks"), "{one}");
    let ran = Ran::of(cxmill().args(["functions", "npss"])).exits(2);
    assert!(ran.stderr.contains("did you mean `nps`?"), "{}", ran.stderr);
}

#[test]
fn schemas_in_the_repository_are_current() {
    for kind in ["pipeline", "config"] {
        let ran = Ran::of(cxmill().args(["schema", kind])).exits(0);
        let path = cxmill_tests::root().join(format!("schemas/{kind}.json"));
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == ran.stdout, "renew it: cargo run -- schema {kind} > schemas/{kind}.json");
    }
}

#[test]
fn every_key_stands_in_the_documentation() {
    fn keys(schema: &serde_json::Value, found: &mut Vec<String>) {
        match schema {
            serde_json::Value::Object(map) => {
                if let Some(properties) = map.get("properties").and_then(|properties| properties.as_object()) {
                    found.extend(properties.keys().cloned());
                }
                map.values().for_each(|value| keys(value, found));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
            _ => {}
        }
    }
    let text = std::fs::read_to_string(cxmill_tests::root().join("docs/pipelines.md")).expect("the page");
    for kind in ["pipeline", "config"] {
        let mut found = Vec::new();
        keys(&Ran::of(cxmill().args(["schema", kind])).exits(0).json(), &mut found);
        assert!(found.len() > 8, "{kind}: {found:?}");
        for key in found {
            assert!(text.contains(&key), "docs/pipelines.md does not say what `{key}` is");
        }
    }
}

#[cfg(unix)]
#[test]
fn variables_of_others_may_hold_any_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let project = TestProject::fixture("small");
    let odd = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    drop(Ran::of(project.command(["validate"]).env("ODD", odd)).exits(0));
}

#[test]
fn completions_and_manual_page_are_made() {
    assert!(Ran::of(cxmill().args(["completions", "bash"])).exits(0).stdout.contains("quarantine"));
    let page = Ran::of(cxmill().arg("man")).exits(0).stdout;
    assert!(page.starts_with(".ie") && page.contains("cxmill\\-gc(1)"), "{page}");
    let page = Ran::of(cxmill().args(["man", "run"])).exits(0).stdout;
    assert!(page.contains("cxmill\\-run") && page.contains("SIGTERM") && page.contains("memory_limit"), "{page}");
    let ran = Ran::of(cxmill().args(["man", "rum"])).exits(2);
    assert!(ran.stderr.contains("did you mean `run`?"), "{}", ran.stderr);
}

#[test]
fn doctor_names_what_is_missing() {
    let project = TestProject::fixture("small");
    let ran = project.cxmill(["doctor"]).exits(5);
    assert!(ran.stdout.contains("missing") && ran.stdout.contains("answers"), "{}", ran.stdout);
    project.write("raw/answers/2026-01-01.ndjson", answers("2026-01-01", 0, 3));
    let ran = project.cxmill(["doctor"]).exits(0);
    assert!(ran.stdout.contains("a run has everything it needs"), "{}", ran.stdout);
}

#[test]
fn key_for_private_columns_is_asked_for_before_a_run_and_held_against_the_landed_rows() {
    let project = TestProject::fixture("small");
    let pipeline = std::fs::read_to_string(project.path().join("pipelines/nps.yaml")).unwrap();
    project.write("pipelines/nps.yaml", pipeline.replacen("required: true", "required: true, private: true", 1));
    project.write("raw/answers/2026-01-01.ndjson", answers("2026-01-01", 0, 3));
    let with_key =
        |command: &str, digit: &str| Ran::of(project.command([command]).env("CXMILL_PRIVATE_KEY", digit.repeat(64)));

    let ran = project.cxmill(["validate"]).exits(0);
    assert!(ran.stderr.contains("no-private-key") && ran.stderr.contains("pipelines/nps.yaml:"), "{}", ran.stderr);
    let ran = project.cxmill(["doctor"]).exits(2);
    assert!(ran.stdout.contains("set CXMILL_PRIVATE_KEY"), "{}", ran.stdout);

    assert!(!with_key("validate", "a").exits(0).stderr.contains("no-private-key"));
    assert!(with_key("run", "a").exits(0).stdout.contains("committed"));
    assert!(with_key("doctor", "a").exits(0).stdout.contains("a run has everything it needs"));
    let ran = with_key("doctor", "b").exits(2);
    assert!(ran.stdout.contains("rows of source answers were hashed with another key"), "{}", ran.stdout);
}

#[test]
fn damaged_file_is_named_in_the_report() {
    let project = TestProject::fixture("small");
    project.write("raw/answers/2026-01-01.ndjson", answers("2026-01-01", 0, 30));
    project.write("raw/answers/2026-01-02.ndjson.gz", "no gzip at all");
    let ran = project.cxmill(["run"]).exits(0);
    let line = ran.stdout.lines().find(|line| line.starts_with("damaged: ")).unwrap_or_default();
    assert!(line.starts_with("damaged: answers: raw/answers/2026-01-02.ndjson.gz from line 1: "), "{}", ran.stdout);
}
