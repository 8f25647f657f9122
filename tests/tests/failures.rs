//! What a data engineer meets at night: each failure has its exit code, says what to do, and changes nothing visible.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cxmill_tests::{TestProject, answers, tree};

/// A disk of its own under a folder, taken away when dropped.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    /// Mounts it, or says that the test is skipped.
    fn mount(folder: &std::path::Path, options: &str) -> Option<Self> {
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder).status();
        if mount.is_ok_and(|status| status.success()) {
            return Some(Self(folder.to_owned()));
        }
        let required = std::env::var_os("CXMILL_TEST_REQUIRE").is_some_and(|value| value == "1");
        assert!(!required, "a small disk cannot be mounted here");
        cxmill_tests::say("skipped: a small disk cannot be mounted here");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let taken = Command::new("umount").arg("-l").arg(&self.0).status().is_ok_and(|status| status.success());
        assert!(taken || std::thread::panicking(), "the small disk is taken away");
    }
}

fn first_load() -> TestProject {
    let project = TestProject::fixture("small");
    project.write("raw/answers/2026-01-01.ndjson", answers("2026-01-01", 0, 300));
    drop(project.cxmill(["run"]).exits(0));
    project
}

#[test]
fn second_run_reads_nothing_and_writes_nothing() {
    let project = first_load();
    let before = tree(project.path());
    let report = project.cxmill(["--format", "json", "run"]).exits(0).json();
    assert_eq!((&report["committed"], &report["objects_written"]), (&false.into(), &0.into()));
    assert_eq!(before, tree(project.path()));
}

#[test]
fn deleted_outputs_are_published_again() {
    let project = first_load();
    let before = tree(&project.path().join("output"));
    std::fs::remove_dir_all(project.path().join("output")).expect("outputs removed");
    let report = project.cxmill(["--format", "json", "run"]).exits(0).json();
    assert_eq!(report["committed"], false, "nothing new is committed");
    let rows = |tree: &std::collections::BTreeMap<String, Vec<u8>>| {
        tree.iter()
            .filter(|(name, _)| name.ends_with(".parquet"))
            .map(|(name, bytes)| (name.clone(), bytes.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(rows(&before), rows(&tree(&project.path().join("output"))));
}

#[test]
fn over_the_error_budget_consumes_nothing_and_shows_the_first_reasons() {
    let project = first_load();
    let output = tree(&project.path().join("output"));
    project.write("raw/answers/2026-01-02.ndjson", answers("2026-01-02", 300, 10) + &"{\"answer_id\": 7}\n".repeat(20));
    let ran = project.cxmill(["run"]).exits(3);
    assert!(ran.stderr.contains("error_budget") && ran.stderr.contains("2026-01-02.ndjson:11"), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("2026-01-02.ndjson:").count(), 10, "{}", ran.stderr);
    assert_eq!(output, tree(&project.path().join("output")));
    let status = project.cxmill(["--format", "json", "status"]).exits(0).json();
    assert_eq!(status["sources"][0]["files"], 1, "the bad file was not consumed");
    // The file is mended: the run goes on.
    project.write("raw/answers/2026-01-02.ndjson", answers("2026-01-02", 300, 10));
    let report = project.cxmill(["--format", "json", "run"]).exits(0).json();
    assert_eq!(report["sources"][0]["accepted"], 10);
}

#[test]
fn changed_file_stops_the_run_and_is_named() {
    let project = first_load();
    project.write("raw/answers/2026-01-01.ndjson", answers("2026-01-01", 0, 301));
    let ran = project.cxmill(["run"]).exits(3);
    assert!(ran.stderr.contains("2026-01-01.ndjson") && ran.stderr.contains("on_change"), "{}", ran.stderr);
    let yaml = std::fs::read_to_string(project.path().join("pipelines/nps.yaml")).expect("the pipeline");
    project.write(
        "pipelines/nps.yaml",
        yaml.replace("    error_budget: 10%", "    error_budget: 10%\n    on_change: ignore"),
    );
    drop(project.cxmill(["run"]).exits(0));
    assert_eq!(project.rows("nps_total")[0]["answers"], 300);
}

#[test]
fn plan_ends_as_the_run_would() {
    let project = first_load();
    assert_eq!(project.cxmill(["--format", "json", "plan"]).exits(0).json()["stops"], serde_json::json!([]));
    project.write("raw/answers/2026-01-01.ndjson", answers("2026-01-01", 0, 301));
    let planned = project.cxmill(["--format", "json", "plan"]).exits(3);
    let stops = "source answers: 1 file changed after they were read";
    assert_eq!(planned.json()["stops"], serde_json::json!([stops]));
    assert!(planned.stderr.contains(stops), "{}", planned.stderr);
    assert!(project.cxmill(["plan"]).exits(3).stdout.contains("a run stops here"));
}

#[test]
fn copied_raw_folder_is_not_read_twice() {
    let project = first_load();
    let raw = project.path().join("raw");
    cxmill_tests::copy_folder(&raw, &project.path().join("copy"));
    let report = project.cxmill(["--format", "json", "--set", "raw=copy", "run"]).exits(0).json();
    assert_eq!((&report["sources"][0]["read"], report["warnings"].as_array().map(Vec::len)), (&0.into(), Some(1)));
    assert_eq!(project.rows("nps_total")[0]["answers"], 300);
    // Half a copy is another matter.
    project.write("half/answers/other.ndjson", answers("2026-01-02", 300, 5));
    let ran = project.cxmill(["--set", "raw=half", "run"]).exits(3);
    assert!(ran.stderr.contains("0 of the 1 files") && ran.stderr.contains("--relocate"), "{}", ran.stderr);
    drop(project.cxmill(["--set", "raw=half", "run", "--relocate"]).exits(0));
    assert_eq!(project.rows("nps_total")[0]["answers"], 305);
}

#[test]
fn output_of_another_project_is_never_written_to() {
    let project = first_load();
    let output = tree(&project.path().join("output"));
    let ran = project.cxmill(["--set", "state=other", "run"]).exits(5);
    assert!(ran.stderr.contains("is published by the state root") && ran.stderr.contains("`output`"), "{}", ran.stderr);
    assert_eq!(output, tree(&project.path().join("output")));
}

#[test]
fn lost_landed_rows_are_named_and_read_again() {
    let project = first_load();
    let landed = project.path().join("state/landed/answers/date=2026-01-01");
    for entry in std::fs::read_dir(&landed).expect("landed rows") {
        std::fs::remove_file(entry.expect("an entry").path()).expect("an object removed");
    }
    project.write("raw/answers/2026-01-02.ndjson", answers("2026-01-02", 300, 5));
    // A model that keeps states does not look at old rows again; one that is computed in full has to.
    let yaml = std::fs::read_to_string(project.path().join("pipelines/nps.yaml")).expect("the pipeline");
    project.write("pipelines/nps.yaml", yaml.replace("  nps_daily:\n", "  nps_daily:\n    strategy: full\n"));
    let ran = project.cxmill(["run"]).exits(5);
    assert!(ran.stderr.contains("date=2026-01-01") && ran.stderr.contains("--full-refresh"), "{}", ran.stderr);
    drop(project.cxmill(["run", "--full-refresh"]).exits(0));
    assert_eq!(project.rows("nps_total")[0]["answers"], 305);
}

#[test]
fn late_file_with_an_old_time_is_new() {
    let project = first_load();
    project.write("raw/answers/2025-12-31.ndjson", answers("2025-12-31", 1000, 5));
    drop(project.cxmill(["run"]).exits(0));
    assert_eq!(project.rows("nps_total")[0]["answers"], 305);
    assert!(project.path().join("output/nps_daily/month=2025-12/part-0.parquet").is_file());
}

/// As systems date what is unknown or open; timestamps of nanoseconds reach from 1677 to 2262.
#[test]
fn rows_of_the_years_1_and_9999_withhold_no_model() {
    let project = first_load();
    project.write("raw/answers/odd.ndjson", answers("0001-01-01", 300, 1) + &answers("9999-12-31", 301, 1));
    let ran = project.cxmill(["run"]).exits(0);
    let warned = "rows are dated up to 9999-12-31";
    assert!(ran.stdout.contains(warned) || ran.stderr.contains(warned), "{}\n{}", ran.stdout, ran.stderr);
    for month in ["0001-01", "9999-12"] {
        assert!(project.path().join(format!("output/nps_daily/month={month}/part-0.parquet")).is_file(), "{month}");
    }
    let total = &project.rows("nps_total")[0];
    assert_eq!((&total["answers"], &total["newest"]), (&302.into(), &"9999-12-31".into()));
}

#[test]
fn failing_check_withholds_the_model_and_its_readers_and_publishes_the_others() {
    let project = first_load();
    let yaml = std::fs::read_to_string(project.path().join("pipelines/nps.yaml")).expect("the pipeline");
    let strict = yaml.replace("min: -100, max: 100", "min: -100, max: -99")
        + "  other:\n    sql: SELECT count(*) AS answers FROM answers\n";
    project.write("pipelines/nps.yaml", strict);
    project.write("raw/answers/2026-01-02.ndjson", answers("2026-01-02", 300, 60));
    let report = project.cxmill(["--format", "json", "run"]).exits(3).json();
    let action = |model: &str| {
        let models = report["models"].as_array().expect("models");
        models.iter().find(|row| row["name"] == model).map(|row| row["action"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(action("nps_daily").as_deref(), Some("withheld"));
    assert_eq!(action("nps_total").as_deref(), Some("withheld"));
    assert_eq!(action("other").as_deref(), Some("built"));
    assert_eq!(project.rows("nps_total")[0]["answers"], 300, "the old version stays");
    assert_eq!(project.rows("other")[0]["answers"], 360);
    let human = project.cxmill(["run"]).exits(3);
    assert!(human.stdout.contains("check failed: nps_daily between"), "{}", human.stdout);
    // The check is mended: the withheld model catches up.
    project.write("pipelines/nps.yaml", yaml);
    drop(project.cxmill(["run"]).exits(0));
    assert_eq!(project.rows("nps_total")[0]["answers"], 360);
}

#[test]
fn location_that_cannot_be_read_is_named_with_its_setting() {
    let project = TestProject::fixture("small");
    let ran = project.cxmill(["run"]).exits(5);
    assert!(ran.stderr.contains("raw/answers") && ran.stderr.contains("location"), "{}", ran.stderr);
}

/// Elsewhere the system refuses such a name.
#[cfg(target_os = "linux")]
#[test]
fn raw_file_whose_name_is_no_text_is_named_with_what_to_do() {
    use std::os::unix::ffi::OsStrExt as _;

    let project = first_load();
    let before = tree(&project.path().join("output"));
    let folder = project.path().join("raw/answers");
    let path = folder.join(std::ffi::OsStr::from_bytes(b"caf\xe9.ndjson"));
    std::fs::write(&path, answers("2026-01-02", 300, 10)).expect("a file");
    let ran = project.cxmill(["run"]).exits(5);
    assert!(ran.stderr.contains("source answers") && ran.stderr.contains("caf"), "{}", ran.stderr);
    assert!(ran.stderr.contains("rename that file or folder"), "{}", ran.stderr);
    assert_eq!(before, tree(&project.path().join("output")));
    std::fs::rename(path, folder.join("café.ndjson")).expect("a name");
    let report = project.cxmill(["--format", "json", "run"]).exits(0).json();
    assert_eq!(report["sources"][0]["accepted"], 10, "{report}");
}

#[test]
fn unreachable_store_is_named_with_its_setting() {
    let project = TestProject::fixture("small");
    let mut command = project.command([
        "--set",
        "raw=s3://nowhere",
        "--set",
        "stores.s3.endpoint=http://127.0.0.1:9",
        "--set",
        "stores.s3.allow_http=true",
        "run",
    ]);
    command.env("AWS_ACCESS_KEY_ID", "someone").env("AWS_SECRET_ACCESS_KEY", "hush-hush");
    let start = Instant::now();
    let ran = cxmill_tests::Ran::of(&mut command).exits(5);
    assert!(start.elapsed() < Duration::from_secs(60), "an unreachable store is given up");
    assert!(ran.stderr.contains("s3://nowhere") && ran.stderr.contains("stores.s3"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("hush-hush"), "a secret is never shown");
}

#[test]
fn empty_folder_is_nothing_to_read() {
    let project = TestProject::fixture("small");
    std::fs::create_dir_all(project.path().join("raw/answers")).expect("a folder");
    drop(project.cxmill(["run"]).exits(0));
}

#[test]
fn output_that_cannot_be_written_changes_nothing_and_the_next_run_continues() {
    let project = TestProject::fixture("small");
    project.write("raw/answers/2026-01-01.ndjson", answers("2026-01-01", 0, 300));
    project.write("output", "a file is in the way");
    let ran = project.cxmill(["run"]).exits(5);
    assert!(ran.stderr.contains("output"), "{}", ran.stderr);
    std::fs::remove_file(project.path().join("output")).expect("the file removed");
    drop(project.cxmill(["run"]).exits(0));
    assert_eq!(project.rows("nps_total")[0]["answers"], 300);
}

#[test]
fn full_disk_changes_nothing_and_the_next_run_continues() {
    let project = TestProject::fixture("small");
    let lines: String =
        (0..40).map(|day| answers(&format!("2026-{:02}-{:02}", day / 28 + 1, day % 28 + 1), day * 500, 500)).collect();
    project.write("raw/answers/all.ndjson", lines);
    let state = project.path().join("state");
    std::fs::create_dir_all(&state).expect("a folder");
    let Some(disk) = SmallDisk::mount(&state, "size=64k") else { return };
    let ran = project.cxmill(["run"]);
    drop(disk);
    let ran = ran.exits(5);
    assert!(ran.stderr.to_lowercase().contains("space"), "{}", ran.stderr);
    assert!(ran.stderr.contains("help: make room on that disk"), "{}", ran.stderr);
    assert!(!project.path().join("output").exists() || tree(&project.path().join("output")).is_empty());
    drop(project.cxmill(["run"]).exits(0));
    assert_eq!(project.rows("nps_total")[0]["answers"], 20_000);
}

#[test]
fn interrupt_ends_the_run_cleanly() {
    let project = TestProject::fixture("small");
    for file in 0..40 {
        project.write(&format!("raw/answers/{file}.ndjson"), answers("2026-01-01", file * 20_000, 20_000));
    }
    let child = project.command(["run"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("cxmill starts");
    let start = Instant::now();
    while !project.path().join("state/landed").exists() && start.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill starts");
    assert!(sent.success());
    let ended = child.wait_with_output().expect("cxmill ends");
    assert_eq!(ended.status.code(), Some(130), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(tree(&project.path().join("output")).is_empty(), "nothing half-done is visible");
    drop(project.cxmill(["run"]).exits(0));
    assert_eq!(project.rows("nps_total")[0]["answers"], 800_000);
}

/// A server that takes every connection and never answers.
fn silent_store(project: &TestProject, arguments: &[&str]) -> std::io::Result<(std::net::TcpListener, Command)> {
    let server = std::net::TcpListener::bind("127.0.0.1:0")?;
    let endpoint = format!("stores.s3.endpoint=http://{}", server.local_addr()?);
    let mut command = project.command(["--set", &endpoint, "--set", "stores.s3.allow_http=true"]);
    command.args(arguments).env("AWS_ACCESS_KEY_ID", "someone").env("AWS_SECRET_ACCESS_KEY", "hush-hush");
    Ok((server, command))
}

#[test]
fn asked_to_stop_while_a_store_is_silent_every_command_ends_at_once() {
    let project = TestProject::fixture("small");
    project.write("raw/answers/2026-01-01.ndjson", answers("2026-01-01", 0, 3));
    let commands: [(&[&str], Option<i32>); 5] = [
        (&["--set", "raw=s3://raw", "plan"], None),
        (&["--set", "state=s3://lake/state", "status"], None),
        (&["--set", "raw=s3://raw", "run"], Some(130)),
        (&["--set", "state=s3://lake/state", "run"], Some(130)),
        (&["--set", "state=s3://lake/state", "run", "--follow"], Some(0)),
    ];
    for (arguments, code) in commands {
        let (server, mut command) = silent_store(&project, arguments).expect("a port");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("cxmill starts");
        let _waiting = server.accept().expect("it asks the store");
        let start = Instant::now();
        let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill starts");
        assert!(sent.success());
        assert_eq!(child.wait().expect("it ends").code(), code, "{arguments:?}");
        assert!(start.elapsed() < Duration::from_secs(20), "{arguments:?}: a request is not waited for");
    }
}

#[test]
fn read_only_disk_is_named_with_what_to_do() {
    let project = TestProject::fixture("small");
    project.write("raw/answers/2026-01-01.ndjson", answers("2026-01-01", 0, 3));
    let output = project.path().join("output");
    std::fs::create_dir_all(&output).expect("a folder");
    let Some(disk) = SmallDisk::mount(&output, "size=64k,ro") else { return };
    let ran = project.cxmill(["run"]);
    drop(disk);
    let ran = ran.exits(5);
    assert!(ran.stderr.contains("output/") && ran.stderr.contains("Read-only file system"), "{}", ran.stderr);
    assert!(ran.stderr.contains("help: point `state` and `output` at a disk"), "{}", ran.stderr);
    drop(project.cxmill(["run"]).exits(0));
    assert_eq!(project.rows("nps_total")[0]["answers"], 3);
}

#[test]
fn second_runner_exits_with_a_conflict() {
    let project = first_load();
    let lock = std::fs::File::options().write(true).open(project.path().join("state/lock")).expect("the lock file");
    lock.lock().expect("the lock");
    project.write("raw/answers/2026-01-02.ndjson", answers("2026-01-02", 300, 10));
    let before = tree(project.path());
    let ran = project.cxmill(["run"]).exits(4);
    assert!(ran.stderr.contains("another run"), "{}", ran.stderr);
    assert_eq!(before, tree(project.path()));
    drop(lock);
    drop(project.cxmill(["run"]).exits(0));
}
