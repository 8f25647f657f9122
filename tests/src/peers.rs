//! Other readers of what cxmill publishes: DuckDB, Polars, pandas.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A Python environment with other readers.
#[derive(Debug, Clone)]
pub struct Peers {
    venv: PathBuf,
}

/// The peers, or `None` after saying that the test is skipped.
#[must_use]
pub fn peers() -> Option<Peers> {
    crate::outside("CXMILL_TEST_VENV").map(|venv| Peers { venv })
}

impl Peers {
    /// A program of the environment.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.venv.join("bin").join(name)
    }

    /// Rows that DuckDB gives for a query.
    #[track_caller]
    #[must_use]
    pub fn duckdb(&self, sql: &str) -> Vec<Value> {
        self.rows("duckdb", sql)
    }

    /// Rows of all Parquet files of a published table as Polars reads them.
    #[track_caller]
    #[must_use]
    pub fn polars(&self, table: &Path) -> Vec<Value> {
        self.rows("polars", &table.display().to_string())
    }

    /// What each reader makes of every published table of an output: `name`, the number of rows that `duckdb`, `polars` and
    /// `pandas` see, and the `types` of its columns at rest.
    #[track_caller]
    #[must_use]
    pub fn tables(&self, output: &Path) -> Vec<Value> {
        self.rows("tables", &output.display().to_string())
    }

    /// What differs between the tables `names` of two outputs, as Polars reads them: doubles within 1e-9 of their size, all
    /// else exactly. The order of rows does not count.
    #[track_caller]
    #[must_use]
    pub fn differences(&self, names: &[&str], one: &Path, other: &Path) -> Vec<Value> {
        let asked =
            serde_json::json!({"names": names, "one": one.display().to_string(), "other": other.display().to_string()});
        self.rows("differences", &asked.to_string())
    }

    #[track_caller]
    fn rows(&self, reader: &str, what: &str) -> Vec<Value> {
        let script = crate::root().join("tests/peers/read.py");
        let output =
            Command::new(self.program("python")).arg(script).args([reader, what]).output().expect("python starts");
        assert!(output.status.success(), "{reader} failed on {what}:\n{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("rows as JSON")
    }
}
