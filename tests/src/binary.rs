//! The cxmill binary under test.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

/// Path of the binary: cargo builds it before the tests of its package.
///
/// # Panics
/// Where the binary is not there.
#[must_use]
pub fn binary() -> PathBuf {
    // …/target/<profile>/deps/<test> → …/target/<profile>/cxmill
    let test = std::env::current_exe().expect("the test has a path");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("tests lie in <profile>/deps");
    let binary = profile.join(format!("cxmill{}", std::env::consts::EXE_SUFFIX));
    assert!(binary.is_file(), "{} is not built", binary.display());
    binary
}

/// A command of cxmill with a clean environment: only what a test adds, and the system's own variables.
#[must_use]
pub fn cxmill() -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if ["CXMILL_", "AWS_", "AZURE_", "GOOGLE_"].iter().any(|prefix| name_text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Data.
    pub stdout: String,
    /// Talk.
    pub stderr: String,
}

impl Ran {
    /// Runs a command to its end.
    #[must_use]
    pub fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().expect("cxmill starts");
        Self {
            code: status.code(),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }

    /// Asserts the exit code.
    #[track_caller]
    #[must_use]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Stdout as JSON.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("stdout is not JSON: {error}\n{}\n{}", self.stdout, self.stderr))
    }

    /// Both streams and the exit code for a snapshot, with a folder's path replaced.
    #[must_use]
    pub fn snapshot(&self, folder: &std::path::Path) -> String {
        let shown = folder.display().to_string();
        let code = self.code.map_or_else(|| "signal".to_owned(), |code| code.to_string());
        format!("exit: {code}\n--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr).replace(&shown, "[project]")
    }
}
