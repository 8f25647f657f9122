//! What DataFusion says → what the author of a query needs to hear.

use cxmill_spec::{Diagnostic, Sql};
use datafusion::common::{Column, Diagnostic as DfDiagnostic, SchemaError, Span as DfSpan};
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::sql::sqlparser::tokenizer::{Location, Span as SqlSpan};

use super::blame::Blamed;
use super::sql::{lower_first, place};
use cxmill_spec::{nearest, suggestion};

/// A wrong name.
#[derive(Debug)]
pub(crate) struct Finding {
    /// For people.
    pub(crate) diagnostic: Diagnostic,
    /// Its place in the SQL.
    pub(crate) span: Option<SqlSpan>,
    /// The name that was probably meant.
    pub(crate) near: Option<String>,
}

/// All wrong names that an error speaks of.
pub(crate) fn name_findings(sql: &Sql, error: &DataFusionError) -> Vec<Finding> {
    error.iter().filter_map(|error| name_finding(sql, error)).collect()
}

fn name_finding(sql: &Sql, error: &DataFusionError) -> Option<Finding> {
    let DataFusionError::SchemaError(schema_error, _) = error.find_root() else { return None };
    let told = error.diagnostic().and_then(|diagnostic| diagnostic.span);
    match schema_error.as_ref() {
        SchemaError::FieldNotFound { field, valid_fields } => {
            Some(unknown_column(sql, field, valid_fields, field.spans().first().or(told)))
        }
        SchemaError::AmbiguousReference { field } => {
            let span = field.spans().first().or(told).map(sql_span);
            // Without a place it is not a reference but the result itself that has two columns of one name.
            let diagnostic = match span {
                Some(_) => Diagnostic::error(
                    "ambiguous-column",
                    at(sql, span),
                    format!("column `{}` is in more than one table", field.name),
                )
                .with_help(format!("say of which: table.{}", field.name)),
                None => Diagnostic::error(
                    "duplicate-column",
                    at(sql, span),
                    format!("two columns are called `{}`", field.name),
                )
                .with_help("give one another name: … AS name"),
            };
            Some(Finding { diagnostic, span, near: None })
        }
        _ => None,
    }
}

fn unknown_column(sql: &Sql, field: &Column, valid: &[Column], span: Option<DfSpan>) -> Finding {
    let span = span.map(sql_span);
    let (diagnostic, near) = unknown(field, valid);
    Finding { diagnostic: Diagnostic { span: Some(at(sql, span)), ..diagnostic }, span, near }
}

/// What is wrong with a column that is not among the valid ones, without its place, and the column that was probably meant.
pub(crate) fn unknown(field: &Column, valid: &[Column]) -> (Diagnostic, Option<String>) {
    let tables: Vec<&str> = valid.iter().filter_map(|column| column.relation.as_ref()).map(|t| t.table()).collect();
    if let Some(relation) = &field.relation
        && !tables.contains(&relation.table())
    {
        let message = format!("no table `{}` in this part of the query", relation.table());
        let help = suggestion(relation.table(), tables.iter().copied(), "tables");
        return (Diagnostic { help, ..Diagnostic::error("unknown-table", None, message) }, None);
    }
    let (names, message): (Vec<&str>, String) = match &field.relation {
        Some(relation) => (
            valid.iter().filter(|c| c.relation.as_ref() == Some(relation)).map(|c| c.name.as_str()).collect(),
            format!("no column `{}` in `{}`", field.name, relation.table()),
        ),
        None => (valid.iter().map(|c| c.name.as_str()).collect(), format!("no column `{}`", field.name)),
    };
    let help = suggestion(&field.name, names.iter().copied(), "columns");
    let diagnostic = Diagnostic { help, ..Diagnostic::error("unknown-column", None, message) };
    (diagnostic, nearest(&field.name, names).map(str::to_owned))
}

/// Any other error, as one diagnostic. `blamed` is the part found by trial, for errors that come without a place.
pub(crate) fn other_finding(
    state: &SessionState,
    sql: &Sql,
    error: &DataFusionError,
    blamed: Option<&Blamed>,
) -> Diagnostic {
    let first = error.iter().next().unwrap_or(error);
    let told = first.diagnostic();
    let span = told.and_then(|told| told.span).map(sql_span).or(blamed.map(|blamed| blamed.place));
    let raw = first.find_root().strip_backtrace();
    if let Some(function) = blamed.and_then(|blamed| blamed.function.as_deref())
        && let Some((message, help)) = wrong_arguments(state, function, &raw)
    {
        let mut finding = Diagnostic::error("wrong-arguments", at(sql, span), message);
        finding.help = help;
        return finding;
    }
    let text = plain(&raw);
    // Where types disagree the error itself may name them while its diagnostic only says that they do.
    let message = match told {
        Some(told) if !is_about_types(&text) => plain(&told.message),
        _ => text,
    };
    let types = is_about_types(&message);
    let mut finding = Diagnostic::error(if types { "type-mismatch" } else { "invalid-query" }, at(sql, span), message);
    finding.help = told.and_then(help).or_else(|| {
        types.then(|| "compare and combine like with like; CAST(… AS …) turns one type into another".to_owned())
    });
    finding
}

fn help(told: &DfDiagnostic) -> Option<String> {
    let helps = told.helps.iter().map(|help| help.message.as_str());
    let notes = told.notes.iter().map(|note| note.message.as_str());
    let all: Vec<String> = helps.chain(notes).map(plain).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// Message and help for a call with the wrong number or types of arguments.
fn wrong_arguments(state: &SessionState, function: &str, raw: &str) -> Option<(String, Option<String>)> {
    const SIGNS: [&str; 7] = [
        "Candidate functions",
        "coerce arguments",
        "to match any signature",
        "coercion failed",
        "' expects ",
        "arguments",
        "requires",
    ];
    if !SIGNS.iter().any(|sign| raw.contains(sign)) {
        return None;
    }
    let types = between(raw, &format!("argument types '{function}("), ")'")
        .or_else(|| between(raw, "coercion from ", " to the signature"));
    let reason = raw.rsplit_once("coercion failed with: ").map(|(_, reason)| plain(reason));
    // A function that judges its own arguments begins with its name; the rest repeats what it said.
    let reason = reason.map(|reason| {
        let reason = reason.split(". No function matches").next().unwrap_or(&reason).to_owned();
        reason.strip_prefix(&format!("{function}: ")).map_or(reason.clone(), str::to_owned)
    });
    let message = match (types, reason) {
        (_, Some(reason)) => format!("wrong arguments of `{function}`: {reason}"),
        (Some(types), None) => format!("`{function}` does not take ({})", words(types)),
        (None, None) => format!("wrong arguments of `{function}`: {}", plain(raw)),
    };
    Some((message, syntax(state, function).map(|syntax| format!("it is called as {syntax}"))))
}

/// The ways to call a function, as its documentation says.
fn syntax(state: &SessionState, function: &str) -> Option<String> {
    let documented = state
        .aggregate_functions()
        .get(function)
        .and_then(|function| function.documentation())
        .or_else(|| state.scalar_functions().get(function).and_then(|function| function.documentation()))
        .or_else(|| state.window_functions().get(function).and_then(|function| function.documentation()))?;
    let first = documented.syntax_example.as_str();
    let ways = std::iter::once(first).chain(documented.alternative_syntax.iter().flatten().map(String::as_str));
    Some(ways.map(str::trim).collect::<Vec<_>>().join(", or as "))
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inside, _)| inside)
}

fn is_about_types(text: &str) -> bool {
    const SIGNS: [&str; 11] = [
        "coerc",
        "CAST from",
        "incompatible types",
        "non-boolean",
        "cannot be used with",
        "incompatible type",
        "data type",
        "type mismatch",
        "annot cast",
        "cast to",
        "common type",
    ];
    SIGNS.iter().any(|sign| text.contains(sign))
}

/// A message without the prefixes and the advice that are meant for developers of DataFusion, in the words of contracts.
pub(crate) fn plain(text: &str) -> String {
    const PREFIXES: [&str; 9] = [
        "Error during planning: ",
        "Internal error: ",
        "Schema error: ",
        "Execution error: ",
        "This feature is not implemented: ",
        "Arrow error: ",
        "Cast error: ",
        "Invalid argument error: ",
        "External error: ",
    ];
    let text = text.rsplit_once("\ncaused by\n").map_or(text, |(_, cause)| cause);
    let text = text.split("This issue was likely caused by").next().unwrap_or(text);
    let text = text.split("\n\tCandidate functions").next().unwrap_or(text);
    let bare = PREFIXES.iter().fold(text.to_owned(), |text, prefix| text.replace(prefix, ""));
    let line = bare.split_whitespace().collect::<Vec<_>>().join(" ");
    lower_first(words(&line).trim_end_matches(['.', ' ']))
}

/// Arrow's names of types in the words of contracts.
fn words(text: &str) -> String {
    const WORDS: [(&str, &str); 16] = [
        ("Timestamp(µs, \"UTC\")", "timestamp"),
        ("Timestamp(ns)", "timestamp"),
        ("Interval(MonthDayNano)", "interval"),
        ("LargeUtf8", "string"),
        ("Utf8View", "string"),
        ("Utf8", "string"),
        ("UInt", "uint"),
        ("Int64", "int64"),
        ("Int32", "int32"),
        ("Int16", "int16"),
        ("Int8", "int8"),
        ("Float64", "double"),
        ("Float32", "float"),
        ("Boolean", "boolean"),
        ("Date32", "date"),
        ("Decimal128", "decimal"),
    ];
    WORDS.iter().fold(text.to_owned(), |text, (arrow, word)| text.replace(arrow, word))
}

fn at(sql: &Sql, span: Option<SqlSpan>) -> cxmill_spec::text::Span {
    span.map_or_else(|| sql.whole(), |span| place(sql, span))
}

fn sql_span(span: DfSpan) -> SqlSpan {
    SqlSpan {
        start: Location { line: span.start.line, column: span.start.column },
        end: Location { line: span.end.line, column: span.end.column },
    }
}
