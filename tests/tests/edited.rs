//! The project's files change while a run begins: what it does follows from the files as they are when it knows the newest commit.
#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]
#![cfg(target_os = "linux")]

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cxmill_tests::{TestProject, answers};

/// `O_NONBLOCK`: opening a pipe fails at once where nobody reads it.
const AT_ONCE: i32 = 0o4000;
/// What a busy machine may need for one step.
const LONG: Duration = Duration::from_secs(120);

/// A project with a pipe among its pipeline files: whoever reads the project waits there, after the pipeline itself was read.
struct Waiting {
    project: TestProject,
    pipe: PathBuf,
}

impl Waiting {
    fn new() -> Self {
        let project = TestProject::fixture("small");
        project.write("raw/answers/1.ndjson", answers("2026-01-01", 0, 30));
        let pipe = project.path().join("pipelines/zz.sql");
        assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo starts").success());
        Self { project, pipe }
    }

    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.project.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("cxmill starts")
    }

    /// Once the run has read the pipeline this happens; then it goes on.
    fn while_it_reads(&self, run: &mut Child, act: impl FnOnce()) {
        let open = || OpenOptions::new().write(true).custom_flags(AT_ONCE).open(&self.pipe);
        let holds = format!("/proc/{}/fd", run.id());
        let is_open = || {
            let files = fs::read_dir(&holds).into_iter().flatten().flatten();
            files.filter_map(|file| fs::read_link(file.path()).ok()).any(|file| file == self.pipe)
        };
        let writer: File = wait(run, || open().ok());
        wait(run, || is_open().then_some(()));
        act();
        drop(writer);
        wait(run, || (!is_open()).then_some(()));
    }

    fn edit(&self, from: &str, to: &str) {
        let name = self.project.path().join("pipelines/nps.yaml");
        let text = fs::read_to_string(&name).expect("the pipeline");
        assert!(text.contains(from), "{text}");
        fs::write(name, text.replace(from, to)).expect("the pipeline");
    }
}

/// Waits until there is something.
#[track_caller]
fn wait<T>(run: &mut Child, mut something: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = something() {
            return found;
        }
        assert_eq!(run.try_wait().expect("a state"), None, "it ended");
        assert!(start.elapsed() < LONG, "it hangs");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_run_that_read_older_files_reads_them_again() {
    let waiting = Waiting::new();
    let mut run = waiting.start(&["run"]);
    // Reading, and looking once more when it knows the newest commit.
    waiting.while_it_reads(&mut run, || waiting.edit("max(day) AS newest", "max(day) AS newest, min(day) AS oldest"));
    waiting.while_it_reads(&mut run, || ());
    // The same again.
    waiting.while_it_reads(&mut run, || ());
    waiting.while_it_reads(&mut run, || ());
    let ended = run.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{said}");
    assert!(said.contains("the project's files changed while the command began: reading them again"), "{said}");
    fs::remove_file(&waiting.pipe).expect("nobody needs to wait any more");
    assert_eq!(waiting.project.rows("nps_total")[0]["oldest"], "2026-01-01", "the edited model was built");
}

#[test]
fn files_that_keep_changing_end_it_with_a_conflict_and_nothing_is_changed() {
    let waiting = Waiting::new();
    let mut run = waiting.start(&["--format", "json", "run"]);
    for (from, to) in [("AS newest", "AS first"), ("AS first", "AS second"), ("AS second", "AS third")] {
        waiting.while_it_reads(&mut run, || waiting.edit(from, to));
        waiting.while_it_reads(&mut run, || ());
    }
    let ended = run.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.status.code(), Some(4), "{said}");
    let error = &serde_json::from_str::<serde_json::Value>(&said).expect("JSON")["error"];
    assert_eq!(error["kind"], "conflict");
    assert_eq!(error["message"], "the project's files changed while the run began");
    assert!(!waiting.project.path().join("output").exists(), "nothing was published");
}
