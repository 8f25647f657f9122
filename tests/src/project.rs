//! Throw-away projects and what stands in their folders.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::binary::{Ran, cxmill};

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root").to_owned()
}

/// A project in a throw-away folder.
#[derive(Debug)]
pub struct TestProject {
    folder: TempDir,
}

impl Default for TestProject {
    fn default() -> Self {
        Self::new()
    }
}

impl TestProject {
    /// An empty project.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir_all(folder.path().join("pipelines")).expect("pipelines/");
        Self { folder }
    }

    /// The shipped project (`config/` and `pipelines/` of the repository) without any data.
    #[must_use]
    pub fn shipped() -> Self {
        let project = Self::new();
        copy_folder(&root().join("config"), &project.path().join("config"));
        copy_folder(&root().join("pipelines"), &project.path().join("pipelines"));
        project
    }

    /// One of the projects under `tests/projects/`.
    #[must_use]
    pub fn fixture(name: &str) -> Self {
        let project = Self::new();
        copy_folder(&root().join("tests/projects").join(name), project.path());
        project
    }

    /// Adds models of a shipped pipeline file, as they stand there, with the variables of that file.
    ///
    /// # Panics
    /// Where the file has no such model.
    pub fn add_shipped(&self, file: &str, models: &[&str]) -> &Self {
        let text =
            fs::read_to_string(root().join("pipelines").join(file).with_extension("yaml")).expect("a pipeline file");
        let lines: Vec<&str> = text.lines().collect();
        // The lines of a key up to the next one at the same depth or above.
        let section = |key: &str, depth: usize| {
            let start =
                lines.iter().position(|line| *line == key).unwrap_or_else(|| panic!("no `{key}` in {file}.yaml"));
            let ends = |line: &&str| !line.is_empty() && line.len() - line.trim_start().len() <= depth;
            let length = lines.iter().skip(start + 1).position(ends).unwrap_or(lines.len() - start - 1);
            lines[start..=start + length].join("\n") + "\n"
        };
        let mut added = if lines.contains(&"vars:") { section("vars:", 0) } else { String::new() };
        if !models.is_empty() {
            added += "models:\n";
        }
        for model in models {
            added += &section(&format!("  {model}:"), 2);
        }
        self.write(&format!("pipelines/shipped_{file}.yaml"), added)
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, content).expect("a file");
        self
    }

    /// Runs cxmill in it.
    #[must_use]
    pub fn cxmill<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// A command of cxmill in it, to be changed before it is run.
    #[must_use]
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> std::process::Command {
        let mut command = cxmill();
        command.current_dir(self.path()).args(arguments);
        command
    }

    /// Rows of a published table through `cxmill show`.
    #[track_caller]
    #[must_use]
    pub fn rows(&self, model: &str) -> Vec<Value> {
        let shown = self.cxmill(["--format", "json", "show", model, "--limit", "1000000"]).exits(0).json();
        shown.as_array().expect("an array of rows").clone()
    }
}

/// Copies a folder with all below it.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder to copy to");
    for entry in fs::read_dir(from).expect("the folder to copy") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a copied file");
        }
    }
}

/// Every file below a folder by relative name, with its bytes.
#[must_use]
pub fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(root, &path, files);
            } else {
                let name = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
                files.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(folder, folder, &mut files);
    files
}
