//! `functions`: the SQL function reference.

use std::process::ExitCode;

use cxmill_engine::{FunctionDoc, function_docs, function_reference};
use cxmill_spec::suggestion;
use serde_json::{Value, json};

use super::done;
use crate::error::CliError;
use crate::output::table::TextTable;
use crate::output::{Output, data};

/// Lists all functions, or explains one.
pub(super) fn functions(name: Option<&str>, output: &Output) -> Result<ExitCode, CliError> {
    let docs = function_docs();
    match name {
        None => output.result(|| Value::Array(docs.iter().map(json_of).collect()), || list(&docs))?,
        Some(name) => {
            let doc = docs.iter().find(|doc| doc.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
                let names = docs.iter().map(|doc| doc.name.as_str());
                CliError::usage(format!("cxmill has no function {name}"), suggestion(name, names, "functions"))
            })?;
            output.result(|| json_of(doc), || explain(doc))?;
        }
    }
    Ok(done())
}

/// Prints `docs/functions.md`.
pub(super) fn markdown() -> Result<ExitCode, CliError> {
    data(function_reference().trim_end())?;
    Ok(done())
}

fn list(docs: &[FunctionDoc]) -> String {
    let mut table = TextTable::new(&["function", "kind", "what it gives"]);
    for doc in docs {
        let first = doc.description.split_once(". ").map_or(doc.description.as_str(), |(first, _)| first);
        table.row(vec![doc.signature.clone(), doc.kind.to_string(), first.trim_end_matches('.').to_owned()]);
    }
    format!(
        "{}\ncxmill functions NAME explains one; every function of DataFusion can be used besides, and of an aggregate f without \
         parameters\nf_state, f_combine, f_merge and f_finish: states to publish and to roll up (docs/pipelines.md).",
        table.text(0)
    )
}

fn explain(doc: &FunctionDoc) -> String {
    let mut text = format!("{} ({} function)\n\n{}\n", doc.signature, doc.kind, doc.description);
    if !doc.arguments.is_empty() {
        text.push_str("\nArguments\n");
        for (argument, meaning) in &doc.arguments {
            text.push_str(&format!("  {argument}: {meaning}\n"));
        }
    }
    text.push_str(&format!("\nExample\n  {}\n", doc.example.trim().replace('\n', "\n  ")));
    if !doc.source.is_empty() {
        text.push_str(&format!("\nSource\n  {}\n", doc.source));
    }
    text
}

fn json_of(doc: &FunctionDoc) -> Value {
    let arguments: Vec<_> =
        doc.arguments.iter().map(|(name, meaning)| json!({"name": name, "description": meaning})).collect();
    json!({
        "name": doc.name,
        "kind": doc.kind.to_string(),
        "signature": doc.signature,
        "description": doc.description,
        "arguments": arguments,
        "example": doc.example,
        "source": doc.source,
    })
}
