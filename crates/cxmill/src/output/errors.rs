//! Errors for people and for programs.

use cxmill_engine::EngineError;
use cxmill_spec::Texts;
use serde_json::{Value, json};

use super::diagnostics;
use crate::error::CliError;

/// What an error says: message, details, help.
struct Said {
    message: String,
    details: Vec<String>,
    help: Option<String>,
}

/// The error for people.
pub(super) fn human(error: &CliError, colour: bool) -> String {
    match error {
        CliError::Invalid(texts, list) => diagnostics::human(texts, list, colour),
        CliError::Engine(EngineError::Invalid(list)) => diagnostics::human(&Texts::default(), list, colour),
        _ => {
            let said = said(error);
            let mut shown = format!("error: {}", said.message);
            for detail in said.details {
                shown.push_str(&format!("\n  {detail}"));
            }
            if let Some(help) = said.help {
                shown.push_str(&format!("\nhelp: {help}"));
            }
            shown
        }
    }
}

/// The error as data.
pub(super) fn json(error: &CliError) -> Value {
    let (kind, diagnostics) = match error {
        CliError::Invalid(texts, list) => ("invalid", diagnostics::json(texts, list)),
        CliError::Engine(EngineError::Invalid(list)) => ("invalid", diagnostics::json(&Texts::default(), list)),
        CliError::Usage { .. } => ("usage", Value::Null),
        CliError::Io { .. } | CliError::Engine(EngineError::Store { .. }) => ("store", Value::Null),
        CliError::Engine(EngineError::Data { .. }) => ("data", Value::Null),
        CliError::Engine(EngineError::Query { .. }) => ("query", Value::Null),
        CliError::Engine(EngineError::Conflict(_) | EngineError::Edited) => ("conflict", Value::Null),
        CliError::Engine(EngineError::Interrupted) => ("interrupted", Value::Null),
        CliError::Engine(_) => ("bug", Value::Null),
    };
    let said = said(error);
    json!({"error": {
        "kind": kind,
        "message": said.message,
        "details": said.details,
        "help": said.help,
        "diagnostics": diagnostics,
    }})
}

fn said(error: &CliError) -> Said {
    let plain = |message: String, help: Option<String>| Said { message, details: Vec::new(), help };
    match error {
        CliError::Invalid(..) => plain("the project is invalid".to_owned(), None),
        CliError::Usage { message, help } => plain(message.clone(), help.clone()),
        CliError::Io { what, error } => plain(format!("{what}: {error}"), None),
        CliError::Engine(error) => match error {
            EngineError::Data { message, details, help } => {
                Said { message: message.clone(), details: details.clone(), help: help.clone() }
            }
            EngineError::Store { message, help } => plain(message.clone(), help.clone()),
            EngineError::Query { help, .. } => plain(error.to_string(), help.clone()),
            EngineError::Conflict(_) => {
                plain(error.to_string(), Some("nothing was changed; run again when the other run has ended".to_owned()))
            }
            EngineError::Edited => {
                plain(error.to_string(), Some("nothing was changed; run again when they stand".to_owned()))
            }
            EngineError::Bug(_) => {
                plain(error.to_string(), Some("please report this with the command and the pipeline file".to_owned()))
            }
            _ => plain(error.to_string(), None),
        },
    }
}
