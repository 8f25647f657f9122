//! The same project on disk, on S3 (SeaweedFS) and on Azure (Azurite): the same published rows.
#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::process::Command;

use cxmill_tests::{Ran, Seaweed, TestProject, answers, azurite, peers, seaweed};
use serde_json::Value;

type Environment = Vec<(&'static str, String)>;

/// Rows of a local folder of published tables, table by table.
fn published(folder: &std::path::Path, models: &[&'static str]) -> BTreeMap<&'static str, Vec<Value>> {
    let peers = peers().expect("the peers");
    let read = |model: &str| {
        peers.duckdb(&format!(
            "SELECT * FROM read_parquet('{}/{model}/**/*.parquet', hive_partitioning = false) ORDER BY ALL",
            folder.display()
        ))
    };
    models.iter().map(|model| (*model, read(model))).collect()
}

fn raw_files(project: &TestProject, days: RangeInclusive<u64>) {
    for day in days {
        let bad = "{\"answer_id\": 1}\n";
        let text = answers(&format!("2026-01-{day:02}"), day * 1000, 500)
            + bad
            + &answers(&format!("2026-01-{day:02}"), day * 1000, 5);
        project.write(&format!("raw/answers/date=2026-01-{day:02}/part-0.ndjson"), text);
    }
}

fn command(project: &TestProject, places: [&str; 3], environment: &Environment, arguments: &[&str]) -> Command {
    let [raw, output, state] = places;
    let mut command = project.command(["--set", raw, "--set", output, "--set", state, "--format", "json"]);
    command.args(arguments).envs(environment.iter().map(|(name, value)| (*name, value.as_str())));
    command
}

/// Runs the project twice over more and more files in a store, and compares with the same on disk.
fn same_as_on_disk(places: [&str; 3], environment: &Environment, objects: &dyn Fn(&[&str]) -> String) {
    let models = ["nps_daily", "nps_total"];
    let project = TestProject::fixture("small");
    let folder = project.path().join("raw").display().to_string();
    let raw_prefix = places[0].split("://").nth(1).expect("a URL");
    let output_prefix = places[1].split("://").nth(1).expect("a URL");
    for days in [1..=3, 4..=5] {
        raw_files(&project, days);
        objects(&["put", &folder, raw_prefix]);
        let on_disk = project.cxmill(["--format", "json", "run"]).exits(0).json();
        let in_store = Ran::of(&mut command(&project, places, environment, &["run"])).exits(0).json();
        let counts = |report: &Value| {
            ["read", "accepted", "quarantined", "duplicate"].map(|key| report["sources"][0][key].clone())
        };
        assert_eq!(counts(&on_disk), counts(&in_store));
    }
    let fetched = tempfile::tempdir().expect("a temporary folder");
    objects(&["get", output_prefix, &fetched.path().display().to_string()]);
    assert_eq!(published(&project.path().join("output"), &models), published(fetched.path(), &models));
    let again = Ran::of(&mut command(&project, places, environment, &["run"])).exits(0).json();
    assert_eq!((&again["committed"], &again["objects_written"]), (&false.into(), &0.into()));
    let doctor = Ran::of(&mut command(&project, places, environment, &["doctor"])).exits(0).json();
    assert_eq!(doctor["healthy"], true);
    let shown = Ran::of(&mut command(&project, places, environment, &["show", "nps_total"])).exits(0).json();
    assert_eq!(shown[0]["answers"], 2_500);
}

#[test]
fn s3_gives_the_same_rows_as_disk() {
    let Some(server) = seaweed() else { return };
    server.objects(&["bucket", "raw"]);
    server.objects(&["bucket", "lake"]);
    let places = ["raw=s3://raw/in", "output=s3://lake/tables", "state=s3://lake/state"];
    same_as_on_disk(places, &server.environment(), &|arguments| server.objects(arguments));
    shipped_project_gives_the_same_rows_as_on_disk(&server);
}

#[test]
fn azure_gives_the_same_rows_as_disk() {
    let Some(server) = azurite() else { return };
    server.objects(&["bucket", "raw"]);
    server.objects(&["bucket", "lake"]);
    let places = ["raw=az://raw/in", "output=az://lake/tables", "state=az://lake/state"];
    same_as_on_disk(places, &server.environment(), &|arguments| server.objects(arguments));
}

fn shipped_project_gives_the_same_rows_as_on_disk(server: &Seaweed) {
    let project = TestProject::shipped();
    let sample = project.path().join("data/sample");
    let sample = sample.display().to_string();
    drop(project.cxmill(["sample", &sample, "--customers", "150", "--days", "30"]).exits(0));
    server.objects(&["bucket", "shop"]);
    server.objects(&["put", &sample, "shop/in"]);
    let report = project.cxmill(["--format", "json", "run"]).exits(0).json();
    let places = ["raw=s3://shop/in", "output=s3://shop/tables", "state=s3://shop/state"];
    drop(Ran::of(&mut command(&project, places, &server.environment(), &["run"])).exits(0));
    let fetched = tempfile::tempdir().expect("a temporary folder");
    server.objects(&["get", "shop/tables", &fetched.path().display().to_string()]);
    let built = report["models"].as_array().expect("models").iter().filter(|model| model["action"] == "built");
    let names: Vec<&str> = built.map(|model| model["name"].as_str().expect("a name")).collect();
    let peers = peers().expect("the peers");
    let differences = peers.differences(&names, &project.path().join("data/output"), fetched.path());
    assert!(differences.is_empty(), "{differences:#?}");
    assert!(names.len() >= 8, "the shipped pipelines have many models");
}
