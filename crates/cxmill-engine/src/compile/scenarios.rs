//! What scenario tests say about tables, judged before any of them runs.

use std::collections::BTreeMap;

use cxmill_spec::{Diagnostic, Project, Rows, Strategy, suggestion};
use datafusion::arrow::datatypes::SchemaRef;

/// All findings on the expectations of a project. A model without columns to speak of is at fault itself.
pub(super) fn check(project: &Project, columns: &BTreeMap<String, SchemaRef>) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for run in project.scenarios.iter().flat_map(|scenario| &scenario.runs) {
        for (name, rows) in &run.expect {
            let view = project.models.get(name).is_some_and(|model| model.strategy == Some(Strategy::View));
            if view {
                let message = format!("view `{name}` is not published");
                let help = "expect rows of a model that reads it";
                findings.push(Diagnostic::error("unpublished-model", rows.span, message).with_help(help));
            } else if let Some(schema) = columns.get(name) {
                let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
                findings.extend(unknown(name, rows, &names));
            }
        }
        for (name, rows) in &run.quarantined {
            findings.extend(unknown(&format!("quarantine of {name}"), rows, cxmill_ingest::QUARANTINE_COLUMNS));
        }
    }
    findings
}

fn unknown(table: &str, rows: &Rows, names: &[&str]) -> Vec<Diagnostic> {
    let wrong = |row: &(serde_json::Map<String, serde_json::Value>, cxmill_spec::Span)| {
        let (row, span) = (row.0.clone(), row.1);
        row.into_iter()
            .filter(|(name, _)| !names.contains(&name.as_str()))
            .map(|(name, _)| (name, span))
            .collect::<Vec<_>>()
    };
    let finding = |(name, span): (String, cxmill_spec::Span)| {
        let finding = Diagnostic::error("unknown-column", span, format!("{table} has no column `{name}`"));
        Diagnostic { help: suggestion(&name, names.iter().copied(), "columns"), ..finding }
    };
    rows.rows.iter().flat_map(wrong).map(finding).collect()
}
