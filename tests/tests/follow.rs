//! `run --follow`: new files become published rows, failures are said and outlived, memory stays flat, signals end it.
#![expect(clippy::expect_used, clippy::panic, reason = "a failed expectation fails the test")]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cxmill_tests::{TestProject, answers, say};
use serde_json::Value;

/// Batches of the memory test where `CXMILL_TEST_BATCHES` asks for no other number.
const BATCHES: u64 = 200;
/// Resident memory may move by this much once everything was done a few times: pages that the allocator keeps.
const SLACK_KIB: u64 = 24 * 1024;
/// What a busy machine may need for one step.
const LONG: Duration = Duration::from_secs(120);

/// A follower under test; killed where a test fails.
struct Follower {
    child: Child,
    talk: std::path::PathBuf,
    data: std::path::PathBuf,
}

impl Follower {
    fn start(project: &TestProject, arguments: &[&str]) -> Self {
        let (talk, data) = (project.path().join("talk.txt"), project.path().join("data.txt"));
        let file = |path| std::fs::File::create(path).expect("a file");
        let child = project
            .command(arguments.iter().copied().chain(["run", "--follow", "--every", "100ms"]))
            .stdout(file(&data))
            .stderr(file(&talk))
            .stdin(Stdio::null())
            .spawn()
            .expect("cxmill starts");
        Self { child, talk, data }
    }

    fn talk(&self) -> String {
        std::fs::read_to_string(&self.talk).expect("stderr")
    }

    fn data(&self) -> String {
        std::fs::read_to_string(&self.data).expect("stdout")
    }

    /// Waits until something is so.
    #[track_caller]
    fn until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !is_so(self) {
            if let Some(status) = self.child.try_wait().expect("a state") {
                panic!("{what}: it ended with {status}:\n{}", self.talk());
            }
            assert!(start.elapsed() < LONG, "{what}:\n{}", self.talk());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[track_caller]
    fn says(&mut self, text: &str) {
        self.until(text, |follower| follower.talk().contains(text));
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill starts");
        assert!(sent.success());
    }

    /// Exit code once it ended.
    #[track_caller]
    fn ended(&mut self) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a state") {
                return status.code();
            }
            assert!(start.elapsed() < LONG, "it does not end:\n{}", self.talk());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Resident memory as the system counts it.
    fn resident_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A raw file arrives as from a sender that knows what it does: whole, by its name.
fn arrives(project: &TestProject, name: &str, content: String) {
    project.write("arriving.tmp", content);
    let folder = project.path().join("raw/answers");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::rename(project.path().join("arriving.tmp"), folder.join(name)).expect("the file arrives");
}

fn total(project: &TestProject) -> Value {
    project.rows("nps_total")[0]["answers"].clone()
}

#[test]
fn new_files_become_rows_and_sigterm_ends_it_with_0() {
    let project = TestProject::fixture("small");
    project.write("raw/answers/1.ndjson", answers("2026-01-01", 0, 30));
    let mut follower = Follower::start(&project, &[]);
    follower.says("1 file, 30 rows");
    arrives(&project, "2.ndjson", answers("2026-01-02", 30, 12) + "{\n");
    follower.says("1 file, 13 rows, 1 quarantined");
    follower.until("published", |_| total(&project) == 42);
    follower.signal("-TERM");
    assert_eq!(follower.ended(), Some(0), "{}", follower.talk());
    let talk = follower.talk();
    let told: Vec<_> = talk.lines().filter(|line| line.contains(" epoch ")).collect();
    assert_eq!(told.len(), 2, "one line a run that did something, and none for a look:\n{talk}");
    assert!(talk.starts_with("following: a look every 100ms") && talk.contains("\nstopped;"), "{talk}");
    assert_eq!(follower.data(), "", "data goes to stdout in JSON only");
    assert!(project.cxmill(["run"]).exits(0).stdout.contains("nothing new"));
}

#[test]
fn reports_are_one_line_each_in_json() {
    let project = TestProject::fixture("small");
    project.write("raw/answers/1.ndjson", answers("2026-01-01", 0, 30));
    let mut follower = Follower::start(&project, &["--format", "json"]);
    follower.until("a first report", |follower| follower.data().lines().count() == 1);
    arrives(&project, "2.ndjson", answers("2026-01-02", 30, 5));
    follower.until("a second report", |follower| follower.data().lines().count() == 2);
    // A file that changed after it was read is an error that a later look may find mended.
    arrives(&project, "2.ndjson", answers("2026-01-02", 30, 6));
    follower.until("an error", |follower| follower.data().lines().count() == 3);
    std::fs::remove_file(project.path().join("raw/answers/2.ndjson")).expect("the changed file removed");
    arrives(&project, "3.ndjson", answers("2026-01-02", 40, 7));
    follower.until("a third report", |follower| follower.data().lines().count() == 4);
    follower.signal("-INT");
    assert_eq!(follower.ended(), Some(0));
    let lines: Vec<Value> =
        follower.data().lines().map(|line| serde_json::from_str(line).expect("one document a line")).collect();
    let read: Vec<&Value> = [0, 1, 3].iter().map(|line| &lines[*line]["sources"][0]["read"]).collect();
    assert_eq!(read, [30, 5, 7]);
    assert_eq!(lines[2]["error"]["kind"], "data");
}

#[test]
fn it_ends_where_nobody_takes_its_reports_any_more() {
    let project = TestProject::fixture("small");
    project.write("raw/answers/1.ndjson", answers("2026-01-01", 0, 30));
    let mut child = project
        .command(["--format", "json", "run", "--follow", "--every", "100ms"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cxmill starts");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("error: writing to stdout: Broken pipe"));
    assert_eq!(total(&project), 30, "what it did stands");
}

#[test]
fn failures_are_said_once_and_outlived() {
    let project = TestProject::fixture("small");
    let mut follower = Follower::start(&project, &[]);
    // No raw folder yet.
    follower.says("raw/answers");
    follower.says("trying again in");
    follower.says(" still: ");
    // A file over the error budget, mended later.
    arrives(&project, "1.ndjson", "{\n".repeat(40));
    follower.says("error_budget");
    arrives(&project, "1.ndjson", answers("2026-01-01", 0, 30));
    follower.says("1 file, 30 rows");
    // Another run holds the lock for a while.
    let lock = std::fs::File::options().write(true).open(project.path().join("state/lock")).expect("the lock file");
    lock.lock().expect("the lock");
    arrives(&project, "2.ndjson", answers("2026-01-01", 30, 5));
    follower.says("another run");
    drop(lock);
    follower.says("1 file, 5 rows");
    follower.signal("-TERM");
    assert_eq!(follower.ended(), Some(0));
    let talk = follower.talk();
    assert_eq!(talk.matches("help: look at `location`").count(), 1, "the whole error is said once:\n{talk}");
    assert_eq!(total(&project), 35);
}

#[test]
fn failing_check_withholds_its_model_and_the_others_go_on() {
    let project = TestProject::fixture("small");
    let yaml = std::fs::read_to_string(project.path().join("pipelines/nps.yaml")).expect("the pipeline");
    let strict = yaml.replace("min: -100, max: 100", "min: -100, max: -99")
        + "  other:\n    sql: SELECT count(*) AS answers FROM answers\n";
    project.write("pipelines/nps.yaml", strict);
    project.write("raw/answers/1.ndjson", answers("2026-01-01", 0, 60));
    let mut follower = Follower::start(&project, &[]);
    follower.says("check failed: nps_daily between");
    arrives(&project, "2.ndjson", answers("2026-01-01", 60, 40));
    follower.until("the other model", |_| project.rows("other")[0]["answers"] == 100);
    follower.signal("-TERM");
    assert_eq!(follower.ended(), Some(0));
}

#[test]
fn backlog_is_committed_batch_by_batch_and_resumed() {
    let project = TestProject::fixture("small");
    for file in 0..30 {
        project.write(&format!("raw/answers/{file:02}.ndjson"), answers("2026-01-01", file * 10_000, 10_000));
    }
    let arguments = ["--set", "max_batch_bytes=1MB"];
    let mut follower = Follower::start(&project, &arguments);
    let commits = |project: &TestProject| {
        std::fs::read_dir(project.path().join("state/commits")).map_or(0, |folder| folder.count())
    };
    follower.until("some batches", |_| commits(&project) >= 3);
    follower.signal("-KILL");
    assert_eq!(follower.ended(), None);
    let status = project.cxmill(["--format", "json", "status"]).exits(0).json();
    let before = status["sources"][0]["files"].as_u64().expect("files");
    assert!((1..30).contains(&before), "{before} files were read when it was killed");
    let mut follower = Follower::start(&project, &arguments);
    follower.says(&format!("{} files", 30 - before));
    // A model that is built for the first time, batch by batch, is published when it is whole.
    let published = project.path().join("output/nps_total/_cxmill.json");
    follower.until("all rows", |_| published.exists() && total(&project) == 300_000);
    follower.signal("-TERM");
    assert_eq!(follower.ended(), Some(0));
}

#[test]
fn what_ends_following_at_its_start_is_a_mistake_of_the_project_or_the_command_line() {
    let project = TestProject::fixture("small");
    project.write("raw/answers/1.ndjson", answers("2026-01-01", 0, 3));
    for (option, why) in [
        ("--full-refresh", "run once with --full-refresh"),
        ("--relocate", "run once with --relocate"),
        ("--as-of=now", "the newest event"),
    ] {
        let ran = project.cxmill(["run", "--follow", option]).exits(2);
        assert!(ran.stderr.contains("cannot be used with --follow") && ran.stderr.contains(why), "{}", ran.stderr);
    }
    let ran = project.cxmill(["run", "--every", "5s"]).exits(2);
    assert!(ran.stderr.contains("--follow"), "{}", ran.stderr);
    let ran = project.cxmill(["run", "--follow", "--every", "5"]).exits(2);
    assert!(ran.stderr.contains("30s, 5m or 1h"), "{}", ran.stderr);
    let ran = project.cxmill(["run", "--follow", "--select", "nps_dayly"]).exits(2);
    assert!(ran.stderr.contains("nps_daily"), "{}", ran.stderr);
    project.write("pipelines/nps.yaml", "models: {a: {sql: SELEC 1}}");
    let ran = project.cxmill(["run", "--follow"]).exits(2);
    assert!(ran.stderr.contains("pipelines/nps.yaml:1"), "{}", ran.stderr);
}

#[test]
fn memory_stays_flat_over_many_batches() {
    let batches = std::env::var_os("CXMILL_TEST_BATCHES")
        .map_or(BATCHES, |number| number.to_str().and_then(|number| number.parse().ok()).expect("a number"));
    let project = TestProject::fixture("small");
    std::fs::create_dir_all(project.path().join("raw/answers")).expect("a folder");
    let mut follower = Follower::start(&project, &["--format", "json"]);
    let settled = batches / 4;
    let mut resident = Vec::new();
    for batch in 1..=batches {
        let day = format!("2026-{:02}-{:02}", batch / 28 % 12 + 1, batch % 28 + 1);
        arrives(&project, &format!("{batch:06}.ndjson"), answers(&day, batch * 100, 100));
        follower.until("a batch", |follower| {
            let data = std::fs::metadata(&follower.data).expect("stdout").len();
            data > 0 && follower.data().lines().count() as u64 >= batch
        });
        resident.extend(follower.resident_kib());
    }
    follower.signal("-TERM");
    assert_eq!(follower.ended(), Some(0));
    assert_eq!(total(&project), batches * 100);
    if resident.is_empty() {
        say("skipped: this system does not tell what memory a process takes");
        return;
    }
    let (early, late) = resident.split_at(usize::try_from(settled).expect("a small number"));
    let most = |part: &[u64]| part.iter().copied().max().unwrap_or(0);
    say(&format!("resident KiB over {batches} batches: {} in the first quarter, {} after", most(early), most(late)));
    assert!(most(late) < most(early) + SLACK_KIB, "{} KiB became {} KiB", most(early), most(late));
}

#[test]
fn edited_files_are_taken_up_and_mistakes_in_them_are_said_until_they_are_mended() {
    let project = TestProject::fixture("small");
    project.write("raw/answers/1.ndjson", answers("2026-01-01", 0, 30));
    let mut follower = Follower::start(&project, &[]);
    follower.says("1 file, 30 rows");
    let edit = |from: &str, to: &str| {
        let yaml = std::fs::read_to_string(project.path().join("pipelines/nps.yaml")).expect("the pipeline");
        assert!(yaml.contains(from), "{yaml}");
        project.write("pipelines/nps.yaml", yaml.replace(from, to));
    };
    edit("max(day) AS newest", "max(dai) AS newest");
    follower.says("pipelines/nps.yaml:29:");
    follower.says("trying again in");
    // Nothing is done by files that do not hold.
    arrives(&project, "2.ndjson", answers("2026-01-02", 30, 5));
    follower.says(" still: ");
    assert!(!follower.talk().contains("5 rows"), "{}", follower.talk());
    edit("max(dai) AS newest", "max(day) AS newest, min(day) AS oldest");
    follower.says("the project's files changed: they were read again");
    follower.says("1 file, 5 rows");
    follower.until("published", |_| project.rows("nps_total")[0]["oldest"] == "2026-01-01");
    follower.signal("-TERM");
    assert_eq!(follower.ended(), Some(0));
    let talk = follower.talk();
    assert_eq!(talk.matches("pipelines/nps.yaml:").count(), 1, "a mistake is said once:\n{talk}");
    assert_eq!(total(&project), 35);
}
