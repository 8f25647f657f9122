//! SQL text → one query that only queries.
//!
//! A model may query the tables of its project and nothing else: no definition or change of data, no settings, no files
//! by path, nothing that depends on the clock or on chance. What the parser accepts and DataFusion would silently ignore
//! (`FOR UPDATE`, `TABLESAMPLE`, …) is refused here as well, because a key that is parsed has to be enforced.

use std::collections::BTreeSet;

use cxmill_spec::{Diagnostic, Sql};
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::sql::parser::{DFParserBuilder, Statement as DfStatement};
use datafusion::sql::sqlparser::ast::{Spanned, Statement, Visit};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Location, Span as SqlSpan, Token, TokenWithSpan, Tokenizer};

use super::chain;
use super::restrict::Restrictions;
use crate::micros;

/// A name in a query and where it stands there.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    /// The name, normalised as SQL does (lower case unless quoted).
    pub(crate) name: String,
    /// Its place in the SQL text.
    pub(crate) span: SqlSpan,
}

/// A parsed query with the names it uses.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    /// The statement; always a `Statement::Query`.
    pub(crate) statement: Statement,
    /// Tables it names, in order of appearance, once each; CTE names are not among them.
    pub(crate) tables: Vec<Named>,
    /// Functions it calls.
    pub(crate) functions: Vec<Named>,
    /// `$name` placeholders, without the `$`.
    pub(crate) placeholders: Vec<Named>,
}

impl Query {
    /// Names of the tables it reads.
    pub(crate) fn table_names(&self) -> BTreeSet<String> {
        self.tables.iter().map(|table| table.name.clone()).collect()
    }
}

/// Place in the file of a place in the SQL; the whole query where there is none.
pub(crate) fn place(sql: &Sql, span: SqlSpan) -> cxmill_spec::text::Span {
    if span.start.line == 0 || span.end.line == 0 {
        return sql.whole();
    }
    sql.span((span.start.line, span.start.column), (span.end.line, span.end.column))
}

/// Parses one query. The findings are empty where the query may be planned as it is; a query that comes with findings
/// can still be searched for more errors.
pub(crate) fn parse(state: &SessionState, sql: &Sql) -> (Option<Query>, Vec<Diagnostic>) {
    let tokens = match Tokenizer::new(&GenericDialect {}, &sql.text).tokenize_with_location() {
        Ok(tokens) => tokens,
        Err(error) => return (None, vec![syntax(sql, &error.message, Some(error.location), "")]),
    };
    if let Err(finding) = one_query(sql, &tokens).and_then(|()| chain::check(sql, &tokens)) {
        return (None, vec![finding]);
    }
    let limit = state.config_options().sql_parser.recursion_limit.get();
    let parsed = DFParserBuilder::new(tokens.clone())
        .with_recursion_limit(limit)
        .build()
        .and_then(|mut parser| parser.parse_statements());
    let mut statements = match parsed {
        Ok(statements) => statements,
        Err(error) => return (None, vec![parse_error(sql, &error)]),
    };
    let Some(DfStatement::Statement(mut statement)) = statements.pop_front() else {
        return (None, vec![only_queries(sql, first_token(&tokens).map_or_else(SqlSpan::empty, |token| token.span))]);
    };
    if !matches!(*statement, Statement::Query(_)) {
        return (None, vec![only_queries(sql, statement.span())]);
    }
    micros::declare(&mut statement);
    let names = match state.resolve_table_references(&DfStatement::Statement(statement.clone())) {
        Ok(names) => names.into_iter().map(|name| name.to_string()).collect(),
        Err(error) => return (None, vec![parse_error(sql, &error)]),
    };
    let mut restrictions = Restrictions::new(state, sql, &names);
    // The visitor never breaks off: it collects all findings.
    let _walked: std::ops::ControlFlow<()> = statement.visit(&mut restrictions);
    let found = restrictions.finish();
    let query = Query {
        statement: *statement,
        tables: found.tables,
        functions: found.functions,
        placeholders: found.placeholders,
    };
    (Some(query), found.diagnostics)
}

fn first_token(tokens: &[TokenWithSpan]) -> Option<&TokenWithSpan> {
    tokens.iter().find(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF))
}

/// Whether the tokens can be exactly one query, judged by its first word and by what follows a semicolon.
fn one_query(sql: &Sql, tokens: &[TokenWithSpan]) -> Result<(), Diagnostic> {
    let Some(first) = first_token(tokens) else {
        return Err(Diagnostic::error("syntax", sql.whole(), "the query is empty").with_help("write SELECT …"));
    };
    if let Token::Word(word) = &first.token
        && word.quote_style.is_none()
        && word.keyword != Keyword::NoKeyword
        && !matches!(word.keyword, Keyword::SELECT | Keyword::WITH | Keyword::VALUES | Keyword::FROM | Keyword::TABLE)
    {
        return Err(only_queries(sql, first.span));
    }
    let after = tokens.iter().skip_while(|token| token.token != Token::SemiColon);
    let second = after
        .filter(|token| !matches!(token.token, Token::SemiColon | Token::Whitespace(_) | Token::EOF))
        .map(|token| token.span)
        .next();
    match second {
        Some(span) => Err(Diagnostic::error("not-a-query", place(sql, span), "more than one statement")
            .with_help("a model is one query; make a second model of the other")),
        None => Ok(()),
    }
}

pub(super) fn only_queries(sql: &Sql, span: SqlSpan) -> Diagnostic {
    Diagnostic::error("not-a-query", place(sql, span), "SQL in a project may only query")
        .with_help("write SELECT … (or WITH … SELECT …); cxmill itself creates, fills and replaces tables")
}

/// A diagnostic of what the parser said; the parser gives the place as text at the end of its message.
fn parse_error(sql: &Sql, error: &DataFusionError) -> Diagnostic {
    let text = match error.find_root() {
        DataFusionError::SQL(error, _) => error.to_string(),
        other => other.strip_backtrace(),
    };
    let text = text.strip_prefix("sql parser error: ").unwrap_or(&text);
    if text.contains("recursion limit") {
        return Diagnostic::error("syntax", sql.whole(), "the query is nested too deeply")
            .with_help("name its parts in WITH, or split it into models");
    }
    let (message, location) = split_location(text);
    let found = message.rsplit_once("found: ").map_or("", |(_, found)| found);
    syntax(sql, message, location, found)
}

fn syntax(sql: &Sql, message: &str, location: Option<Location>, found: &str) -> Diagnostic {
    let span = match location {
        Some(location) if found != "EOF" => {
            let width = found.chars().count().max(1) as u64;
            let end = Location { line: location.line, column: location.column + width };
            place(sql, SqlSpan { start: location, end })
        }
        _ => {
            let end = sql.whole().end;
            cxmill_spec::text::Span { file: sql.file, start: end, end }
        }
    };
    let message = message.replace("Expected: ", "expected ").replace(", found: EOF", ", but the query ends here");
    Diagnostic::error("syntax", span, lower_first(&message.replace(", found: ", ", found ")))
}

/// Splits `… at Line: 1, Column: 8` into the message and the place.
fn split_location(text: &str) -> (&str, Option<Location>) {
    let Some((message, place)) = text.rsplit_once(" at Line: ") else { return (text, None) };
    let Some((line, column)) = place.split_once(", Column: ") else { return (text, None) };
    match (line.trim().parse(), column.trim().parse()) {
        (Ok(line), Ok(column)) => (message, Some(Location { line, column })),
        _ => (text, None),
    }
}

/// The same text starting in lower case, unless it starts with an acronym or a quoted word.
pub(crate) fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && !second.is_uppercase() => {
            first.to_lowercase().chain(std::iter::once(second)).chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}
