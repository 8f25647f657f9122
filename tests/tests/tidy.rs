//! The repository keeps its own rules: which crate may know which, how long a file may be, what no file may say.

#![expect(clippy::expect_used, reason = "a failed expectation fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cxmill_tests::root;

/// Workspace crates and large libraries that each crate may depend on (see `crates/README.md`).
const EDGES: &[(&str, &[&str])] = &[
    ("cxmill-functions", &["datafusion"]),
    ("cxmill-incremental", &["datafusion"]),
    ("cxmill-spec", &["serde"]),
    ("cxmill-ledger", &["object_store"]),
    ("cxmill-ingest", &["arrow", "arrow-avro", "parquet", "object_store", "cxmill-spec"]),
    (
        "cxmill-engine",
        &[
            "datafusion",
            "parquet",
            "object_store",
            "cxmill-functions",
            "cxmill-incremental",
            "cxmill-spec",
            "cxmill-ledger",
            "cxmill-ingest",
            "cxmill-report",
        ],
    ),
    ("cxmill-report", &[]),
    ("cxmill-sample", &["arrow", "parquet"]),
    ("cxmill", &["cxmill-engine", "cxmill-spec", "cxmill-sample"]),
];

/// Libraries whose use is an architectural decision; small helpers are free.
const WATCHED: &[&str] = &["datafusion", "arrow", "arrow-avro", "parquet", "object_store", "ballista", "deltalake"];

const LONGEST: usize = 500;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if ["target", ".git", "data", "node_modules"].contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn all_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&root(), &mut found);
    assert!(found.len() > 50, "the walk finds the repository");
    found
}

#[test]
fn crates_know_only_what_they_may() {
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(root().join("crates")).expect("crates/") {
        let folder = entry.expect("an entry").path();
        if !folder.is_dir() {
            continue;
        }
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let (_, allowed) =
            EDGES.iter().find(|(edge, _)| *edge == name).unwrap_or_else(|| panic!("{name} has no row in EDGES"));
        seen.insert(name.clone());
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
        let dependencies = manifest.split("\n[dependencies]").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        for line in dependencies.lines() {
            let dependency = line.split([' ', '=', '.']).next().unwrap_or_default();
            let watched = dependency.starts_with("cxmill") || WATCHED.contains(&dependency);
            assert!(!watched || allowed.contains(&dependency), "{name} must not depend on {dependency}");
        }
    }
    assert_eq!(seen.len(), EDGES.len(), "every row of EDGES is a crate");
}

#[test]
fn only_the_cli_prints_exits_or_reads_the_environment() {
    for path in all_files() {
        let shown = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
        let in_library = shown.starts_with("crates/cxmill-") && shown.contains("/src/") && shown.ends_with(".rs");
        if !in_library || shown.contains("test") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("Rust is UTF-8");
        for forbidden in ["println!(", "process::exit", "env::var(", "env::vars(", "from_env("] {
            let used = text.lines().any(|line| line.contains(forbidden) && !line.trim_start().starts_with("//"));
            assert!(!used, "{shown} uses {forbidden}");
        }
    }
}

#[test]
fn no_source_file_is_longer_than_500_lines() {
    for path in all_files() {
        if path.extension().is_some_and(|extension| extension == "rs" || extension == "py") {
            let lines = fs::read_to_string(&path).expect("source is UTF-8").lines().count();
            assert!(lines <= LONGEST, "{} has {lines} lines", path.display());
        }
    }
}

#[test]
fn no_file_names_a_registry_or_a_path_of_some_machine() {
    // Written in parts, so that this file does not hold what it looks for.
    let forbidden = [
        ["crates", ".io/api"].concat(),
        ["pypi", ".org"].concat(),
        ["registry.npmjs", ".org"].concat(),
        ["/root", "/"].concat(),
        ["/home", "/"].concat(),
    ];
    for path in all_files() {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for words in &forbidden {
            assert!(!text.contains(words.as_str()), "{} says {words}", path.display());
        }
    }
}

#[test]
fn links_of_documents_lead_somewhere() {
    for path in all_files().into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(&path).expect("Markdown is UTF-8");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = target.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let place = path.parent().expect("a parent").join(target);
            assert!(place.exists(), "{} links to {target}, which is not there", path.display());
        }
    }
}

#[test]
fn no_test_is_ignored_and_nothing_is_left_open() {
    let open =
        [["#[ign", "ore"].concat(), ["to", "do!("].concat(), ["unimple", "mented!("].concat(), ["FIX", "ME"].concat()];
    for path in all_files().into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")) {
        let text = fs::read_to_string(&path).expect("Rust is UTF-8");
        for words in &open {
            assert!(!text.contains(words.as_str()), "{} has {words}", path.display());
        }
    }
}
