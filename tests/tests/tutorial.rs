//! "Add a metric" of the README, followed to the letter.
#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

use std::process::Command;

use cxmill_tests::{Ran, TestProject, binary, cxmill, root};

/// The commands of that section, block by block.
fn blocks() -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md");
    let section = readme.split("## Add a metric").nth(1).expect("a section").split("\n## ").next().expect("a section");
    let blocks = section.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().expect("an end").to_owned()).collect()
}

/// Runs commands in a project's folder, where `cxmill` is found.
#[track_caller]
fn follow(project: &TestProject, commands: &str) -> Ran {
    let folder = binary().parent().expect("a folder").display().to_string();
    let mut shell = Command::new("sh");
    shell.current_dir(project.path()).args(["-ec", &format!("PATH=\"{folder}:$PATH\"\n{commands}")]);
    // A variable of the tests would be taken for a setting.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CXMILL_")) {
        shell.env_remove(name);
    }
    Ran::of(&mut shell).exits(0)
}

#[test]
fn metric_is_added_in_a_clone() {
    let project = TestProject::shipped();
    drop(project.cxmill(["sample", "data/sample", "--customers", "40", "--days", "20"]).exits(0));
    let ran = follow(&project, &blocks()[0]);
    assert!(ran.stdout.contains("1 test passed"), "{}", ran.stdout);
    let rows = project.rows("unhappy_monthly");
    assert!(!rows.is_empty());
    for row in rows {
        let count = |column: &str| row[column].as_f64().expect("a count");
        let percent = 100.0 * count("unhappy") / count("answers");
        assert!((row["unhappy_percent"].as_f64().expect("a share") - percent).abs() < 1e-9, "{row}");
    }
}

#[test]
fn metric_is_added_in_a_new_project() {
    let project = TestProject::new();
    let folder = project.path().join("mine");
    drop(Ran::of(cxmill().arg("init").arg(&folder)).exits(0));
    let ran = follow(&project, &format!("cd mine\n{}", blocks()[1]));
    assert!(ran.stdout.contains("unhappy_percent"), "{}", ran.stdout);
}
