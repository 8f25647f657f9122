//! One project on its way through a story.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::moment::Moment;
use super::published::{Tables, tables};
use super::story::Step;
use crate::{Ran, TestProject};

/// No step takes so many runs.
const MANY_PIECES: usize = 40;

/// The counts of a source that must balance.
const COUNTS: [&str; 6] = ["files", "bytes", "read", "accepted", "quarantined", "duplicate"];

/// Everything that anybody can see of a project.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Published rows.
    pub tables: Tables,
    /// Counts of each source.
    pub balance: Vec<(String, Vec<u64>)>,
    /// Rejected rows, without the epoch they were rejected in.
    pub quarantine: Vec<String>,
}

/// Copies the published tables into a folder.
pub(super) type Fetch<'a> = Box<dyn Fn(&Path) + Send + Sync + 'a>;

/// Where state and output of a project are. Raw files are always on local disk.
pub struct Place<'a> {
    /// Arguments before the command.
    pub arguments: Vec<String>,
    /// Variables.
    pub environment: Vec<(&'static str, String)>,
    /// How the published tables are fetched, where they are not in the project's folder.
    pub fetch: Option<Fetch<'a>>,
}

impl Place<'_> {
    /// In the project's folder.
    #[must_use]
    pub fn disk() -> Self {
        Self { arguments: Vec::new(), environment: Vec::new(), fetch: None }
    }
}

impl std::fmt::Debug for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("arguments", &self.arguments).finish_non_exhaustive()
    }
}

/// A project on its way.
#[derive(Debug)]
pub struct Life<'a> {
    /// The project.
    pub project: TestProject,
    place: Place<'a>,
}

impl<'a> Life<'a> {
    /// A project that has seen nothing yet.
    #[must_use]
    pub fn new(place: Place<'a>) -> Self {
        Self { project: TestProject::fixture("crash"), place }
    }

    /// Lets a step happen to the raw files and the pipeline.
    pub fn prepare(&self, step: &Step) {
        for (from, to) in &step.edits {
            let path = self.project.path().join("pipelines/shop.yaml");
            let text = fs::read_to_string(&path).expect("the pipeline");
            assert!(text.contains(from), "{}: the pipeline has no {from}", step.name);
            fs::write(path, text.replace(from, to)).expect("the pipeline");
        }
        for (name, content) in &step.files {
            // A file appears when it is whole, as files of a careful sender do.
            self.project.write("raw/.coming", content);
            let path = self.project.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            fs::rename(self.project.path().join("raw/.coming"), path).expect("a file");
        }
    }

    /// A command of cxmill on it.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command(&self.place.arguments);
        command.args(arguments).envs(self.place.environment.iter().map(|(name, value)| (*name, value.as_str())));
        command
    }

    /// Runs the command of a step to its end.
    #[must_use]
    pub fn run(&self, step: &Step) -> Ran {
        Ran::of(&mut self.command(&[&["--format", "json"], step.command].concat()))
    }

    /// Does what a step asks for.
    ///
    /// # Panics
    /// Where that fails, or does not come to an end.
    pub fn bring_up_to_date(&self, step: &Step) {
        let pieces = if step.in_pieces() { MANY_PIECES } else { 1 };
        let committed = |_| self.run(step).exits(0).json()["committed"] == true;
        let done = (0..pieces).take_while(|piece| committed(*piece)).count();
        assert!(done < MANY_PIECES, "{} comes to an end", step.name);
    }

    /// Starts a command that nobody listens to.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start(&self, command: &[&str]) -> std::process::Child {
        self.command(command).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("cxmill starts")
    }

    /// Starts a command and kills it at a moment. False where it ended before that, which it then did well.
    ///
    /// # Panics
    /// Where it ended before that with an error.
    pub fn kill(&self, command: &[&str], moment: Moment, what: &str) -> bool {
        let mut child = self.start(command);
        let runs = moment.wait(&mut child, self.project.path());
        if runs {
            child.kill().expect("it is killed");
        }
        let status = child.wait().expect("it ends");
        // It may have ended by itself between the look and the blow.
        assert!(status.code().is_none_or(|code| code == 0), "{what}: it ended with {status} before it was killed");
        status.code().is_none()
    }

    /// What a reader of the output sees.
    #[must_use]
    pub fn tables(&self) -> Tables {
        match &self.place.fetch {
            None => tables(&self.output()),
            Some(fetch) => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                fetch(folder.path());
                tables(folder.path())
            }
        }
    }

    /// Where the published tables are on local disk.
    #[must_use]
    pub fn output(&self) -> PathBuf {
        self.project.path().join("output")
    }

    /// Everything that anybody can see.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let status = self.json(&["status"]);
        let sources = status["sources"].as_array().expect("sources");
        let count = |source: &Value, key: &str| source[key].as_u64().expect("a count");
        let balance = sources.iter().map(|source| {
            let name = source["name"].as_str().expect("a name").to_owned();
            let [read, accepted, quarantined, duplicate] =
                ["read", "accepted", "quarantined", "duplicate"].map(|key| count(source, key));
            assert_eq!(read, accepted + quarantined + duplicate, "rows of {name} balance");
            (name, COUNTS.iter().map(|key| count(source, key)).collect())
        });
        let balance = balance.collect();
        let rejected = self.json(&["quarantine", "show", "--limit", "100000"]);
        let mut quarantine: Vec<String> = rejected.as_array().expect("rows").iter().map(without_epoch).collect();
        quarantine.sort_unstable();
        Seen { tables: self.tables(), balance, quarantine }
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [&["--format", "json"], arguments].concat();
        Ran::of(&mut self.command(&arguments)).exits(0).json()
    }
}

/// A rejected row as text. In which epoch it was rejected depends on how runs were disturbed; nothing else of it may.
fn without_epoch(row: &Value) -> String {
    let mut row = row.as_object().expect("a row").clone();
    assert!(row.remove("epoch").is_some(), "a rejected row has an epoch");
    Value::from(row).to_string()
}
