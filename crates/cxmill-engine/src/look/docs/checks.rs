//! The checks of a model, and how they ended last.

use cxmill_ledger::{ModelState, Withheld};
use cxmill_report::CheckDoc;
use cxmill_spec::{Bound, Check, CheckKind, Model, Severity, Strategy, duration_text};

use super::contract::between;
use crate::check;
use crate::clock::rfc3339;
use crate::compile::CompiledModel;

/// The checks of a model with what the newest commit knows of them.
pub(super) fn checks(
    declared: &Model,
    compiled: &CompiledModel,
    built: Option<&ModelState>,
    withheld: Option<&Withheld>,
) -> Vec<CheckDoc> {
    let doc = |check: &Check| {
        let (demand, sql) = demand(&check.kind);
        let severity = match check.severity {
            Severity::Error => "withholds the model and its readers",
            Severity::Warn => "is told in the report of the run",
        };
        CheckDoc { demand, sql, severity: severity.to_owned(), result: result(check, compiled, built, withheld) }
    };
    declared.checks.iter().map(doc).collect()
}

/// What a check demands, and its query where it is one.
fn demand(kind: &CheckKind) -> (String, Option<String>) {
    let demand = match kind {
        CheckKind::NotNull(columns) => format!("{} never NULL", are(columns)),
        CheckKind::Unique(columns) => format!("no two rows share {}", columns.join(", ")),
        CheckKind::Between { column, min, max } => {
            format!("{column} {}", between(min.as_ref().map(bound), max.as_ref().map(bound)))
        }
        CheckKind::OneOf { column, values } => {
            format!("{column} one of {}", values.iter().map(bound).collect::<Vec<_>>().join(", "))
        }
        CheckKind::RowCount { min, max } => {
            let rows = between(min.map(|min| min.to_string()), max.map(|max| max.to_string()));
            format!("number of rows {rows}")
        }
        CheckKind::Fresh { column, within } => {
            format!("newest {column} at most {} before the as-of", duration_text(*within))
        }
        CheckKind::Sql(sql) => return ("gives no rows:".to_owned(), Some(sql.text.to_string())),
    };
    (demand, None)
}

fn are(columns: &[String]) -> String {
    match columns {
        [one] => format!("{one} is"),
        several => format!("{} are", several.join(", ")),
    }
}

fn bound(bound: &Bound) -> String {
    match bound {
        Bound::Int(value) => value.to_string(),
        Bound::Double(value) => value.to_string(),
        Bound::Text(value) => value.clone(),
        Bound::Boolean(value) => value.to_string(),
    }
}

/// How a check ended last, as far as the commit keeps it: rows are published only where no check of severity `error` failed.
fn result(check: &Check, compiled: &CompiledModel, built: Option<&ModelState>, withheld: Option<&Withheld>) -> String {
    let failed = check::failed_by(&check::name(check));
    if let Some(withheld) = withheld.filter(|withheld| withheld.why == failed) {
        let as_of = withheld.as_of.map_or(String::new(), |as_of| format!(" as of {}", rfc3339(as_of)));
        return format!("failed{as_of}: what stands published is older");
    }
    match built {
        _ if compiled.strategy == Strategy::View => "not judged: a view is not published".to_owned(),
        None => "not judged yet".to_owned(),
        Some(built) if built.judged.checks != compiled.checks => "not judged since it was changed".to_owned(),
        Some(built) => {
            let as_of = built.judged.as_of.map_or(String::new(), |as_of| format!(" as of {}", rfc3339(as_of)));
            let warned = built.judged.warned.as_ref().map(|warned| warned.contains(&check::name(check)));
            match (check.severity, warned) {
                (Severity::Error, _) | (Severity::Warn, Some(false)) => format!("holds{as_of}"),
                (Severity::Warn, Some(true)) => format!("does not hold{as_of}"),
                (Severity::Warn, None) => "not kept".to_owned(),
            }
        }
    }
}
