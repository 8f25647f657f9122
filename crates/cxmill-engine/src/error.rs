//! Errors of the engine, named by what the caller can do; the CLI maps them to exit codes.

use std::io::ErrorKind;

use cxmill_ingest::{IngestError, StoreError};
use cxmill_ledger::LedgerError;
use cxmill_spec::Diagnostic;
use datafusion::error::DataFusionError;
use parquet::errors::ParquetError;

use crate::micros::out_of_reach;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The project is invalid (exit code 2).
    #[error("the project is invalid")]
    Invalid(Vec<Diagnostic>),
    /// The data failed: over the error budget, or a read file changed (exit code 3). Nothing was consumed.
    #[error("{message}")]
    Data {
        /// What failed, where.
        message: String,
        /// More lines: the first reasons, the names.
        details: Vec<String>,
        /// What to do.
        help: Option<String>,
    },
    /// Another runner won (exit code 4). Nothing was changed.
    #[error("another run won: {0}")]
    Conflict(String),
    /// The project's files changed between their reading and the look at the newest commit (exit code 4). Nothing was changed;
    /// read them again.
    #[error("the project's files changed while the run began")]
    Edited,
    /// A store could not be reached, read or written (exit code 5).
    #[error("{message}")]
    Store {
        /// The store, the path, what it said.
        message: String,
        /// The setting to look at.
        help: Option<String>,
    },
    /// A query failed while it ran, by its data or for want of memory (exit code 3).
    #[error("model {model}: {message}")]
    Query {
        /// The model.
        model: String,
        /// What happened.
        message: String,
        /// What to do.
        help: Option<String>,
        /// Whether it needs more memory than it may take.
        is_memory: bool,
    },
    /// The run was asked to stop (exit code 130). Nothing half-done is visible.
    #[error("interrupted")]
    Interrupted,
    /// A bug in cxmill (exit code 1).
    #[error("bug in cxmill: {0}")]
    Bug(String),
}

impl EngineError {
    /// A place of the state or output root did not do what was asked.
    pub(crate) fn store(
        operation: &str,
        place: &str,
        error: &(dyn std::error::Error + 'static),
        help: impl Into<Option<String>>,
    ) -> Self {
        let help = help.into().or_else(|| by_kind(error));
        Self::Store { message: format!("{operation} {place}: {}", innermost(error)), help }
    }

    /// What a query of a model ran into. Store errors stay store errors, so that a network fault is not taken for bad SQL.
    pub(crate) fn query(model: &str, error: &DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => Self::Query {
                model: model.to_owned(),
                message: "the query needs more memory than the run may take".to_owned(),
                help: Some("raise memory_limit in config/default.yaml".to_owned()),
                is_memory: true,
            },
            DataFusionError::ObjectStore(error) => Self::store("reading for model", model, error, None),
            DataFusionError::IoError(error) => Self::Store {
                message: format!("model {model}: {error}"),
                help: Some("look at the free space of the disk that holds state and temporary files".to_owned()),
            },
            DataFusionError::Internal(message) => Self::Bug(format!("model {model}: {}", first_line(message))),
            other => {
                if let Some(error) = causes(error).find_map(|cause| cause.downcast_ref::<object_store::Error>()) {
                    return Self::store("reading for model", model, error, None);
                }
                if let Some(error) = causes(error).find_map(|cause| cause.downcast_ref::<ParquetError>()) {
                    return Self::store("reading for model", model, error, None);
                }
                let said = plain(other);
                let (message, help) = match out_of_reach(&said) {
                    Some(told) => (told, Some(KEPT_OUT)),
                    None => (said.clone(), of_values(&said)),
                };
                Self::Query { model: model.to_owned(), message, help: help.map(str::to_owned), is_memory: false }
            }
        }
    }
}

impl From<LedgerError> for EngineError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Store { operation, place, source } => Self::store(operation, &place, &source, None),
            LedgerError::Locked { .. } | LedgerError::Overtaken { .. } => Self::Conflict(error.to_string()),
            LedgerError::Lost { .. } => Self::Store {
                message: error.to_string(),
                help: Some(
                    "put the object back from a backup, or run with --full-refresh: it builds the models anew, and reads \
                     sources whose landed rows are lost again from their raw files"
                        .to_owned(),
                ),
            },
            LedgerError::Foreign { .. } => Self::Store {
                message: error.to_string(),
                help: Some(
                    "point `output` at another folder; or point `state` at the state root that publishes there; or, where \
                     that state is gone for good, remove the folder"
                        .to_owned(),
                ),
            },
            LedgerError::Record { .. } => Self::Store {
                message: error.to_string(),
                help: Some("use the cxmill version that wrote the state, or restore the record".to_owned()),
            },
            other => Self::Bug(other.to_string()),
        }
    }
}

impl From<IngestError> for EngineError {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Store { operation, place, source } => Self::store(operation, &place, &source, None),
            IngestError::Interrupted => Self::Interrupted,
            IngestError::Bug(message) => Self::Bug(message),
            other => Self::Bug(other.to_string()),
        }
    }
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        Self::Store { message: error.to_string(), help: None }
    }
}

/// What to do about what the system said, where that tells.
fn by_kind(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let path = causes(error).find_map(|cause| cause.downcast_ref::<object_store::path::Error>());
    if matches!(path, Some(object_store::path::Error::NonUnicode { .. })) {
        return Some("rename that file or folder: cxmill keeps names as UTF-8 text".to_owned());
    }
    let kind = causes(error).find_map(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::kind)?;
    let help = match kind {
        ErrorKind::PermissionDenied => {
            "give the user that runs cxmill the permission (it reads raw files, and writes in `state` and `output`), or point \
             the setting elsewhere; `cxmill doctor` tries everything"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "make room on that disk; readers see nothing half-done, and the next run goes on from the last commit"
        }
        ErrorKind::ReadOnlyFilesystem => "point `state` and `output` at a disk that can be written to",
        _ => return None,
    };
    Some(help.to_owned())
}

/// The last cause in a chain: the one that says what happened, without the wrappers' repetition.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut message = error.to_string();
    let mut current = error.source();
    while let Some(cause) = current {
        let text = cause.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        current = cause.source();
    }
    first_line(without_wrapper(&message))
}

/// The message without the name of the library's store in front: the place says already which store it is.
fn without_wrapper(message: &str) -> &str {
    let named = message.strip_prefix("Generic ").and_then(|rest| rest.split_once(" error: "));
    named.filter(|(store, _)| store.len() < 30).map_or(message, |(_, said)| said)
}

/// An error and what caused it, outermost first: DataFusion, Arrow and Parquet wrap one another's errors in any order.
pub(crate) fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |cause| cause.source())
}

/// What to do about rows that a query cannot reckon with.
const KEPT_OUT: &str = "leave such rows out with WHERE, or keep them out of the source: `between` on its column";

/// What to do where a query came across a value that it cannot compute with. DataFusion does not say which of its words it was.
fn of_values(message: &str) -> Option<&'static str> {
    const HELP: [(&[&str], &str); 3] = [
        (&["Divide by zero"], "`a / nullif(b, 0)` is NULL where b is 0"),
        (
            &["Can't cast value", "Cannot cast string", "Cannot parse"],
            "TRY_CAST(… AS …) is NULL where a value does not fit",
        ),
        (&["verflow"], "cast to a wider type first, such as double or decimal(38, 2)"),
    ];
    HELP.iter().find(|(signs, _)| signs.iter().any(|sign| message.contains(sign))).map(|(_, help)| *help)
}

/// The message without DataFusion's prefixes, which name its layers and not the user's mistake.
fn plain(error: &DataFusionError) -> String {
    let message = error.strip_backtrace();
    let mut text = message.as_str();
    for prefix in
        ["Execution error: ", "Error during planning: ", "Arrow error: ", "Optimizer rule ", "External error: "]
    {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    first_line(text)
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;
    use crate::session::{collect, planning_session};

    #[tokio::test]
    async fn values_that_a_query_cannot_compute_with_come_with_what_to_do() {
        let ctx = planning_session(&Fixture::new().project().settings).unwrap();
        for (expr, wanted) in [
            ("1 / n", "nullif(b, 0)"),
            ("n % 0", "nullif(b, 0)"),
            ("CAST(word AS int)", "TRY_CAST"),
            ("CAST(300 + n AS tinyint)", "TRY_CAST"),
            ("CAST(word AS date)", "TRY_CAST"),
            ("abs(n - 9223372036854775807 - 1)", "wider type"),
        ] {
            let rows = ctx.sql(&format!("SELECT {expr} AS x FROM (VALUES (0, 'word')) AS t(n, word)")).await.unwrap();
            let error = collect(rows).await.expect_err(expr);
            match EngineError::query("m", &error) {
                EngineError::Query { help: Some(help), .. } => assert!(help.contains(wanted), "{expr}: {help}"),
                other => panic!("{expr}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_the_system_said_stands_without_its_wrapper_and_with_what_to_do() {
        let error =
            |kind| object_store::Error::Generic { store: "local disk", source: Box::new(std::io::Error::from(kind)) };
        let said = |kind| match EngineError::store("locking", "state/lock", &error(kind), None) {
            EngineError::Store { message, help } => (message, help.unwrap_or_default()),
            other => panic!("{other:?}"),
        };
        let (message, help) = said(ErrorKind::PermissionDenied);
        assert_eq!(message, "locking state/lock: permission denied");
        assert!(help.contains("cxmill doctor"), "{help}");
        assert!(said(ErrorKind::StorageFull).1.starts_with("make room on that disk"));
        assert_eq!(said(ErrorKind::Other).1, "");
    }
}
