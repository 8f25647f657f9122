//! A parsed query whose names of tables, functions and variables are resolved against the project.

use std::collections::BTreeSet;

use chrono::DateTime;
use cxmill_spec::text::Span;
use cxmill_spec::{Diagnostic, Project, Sql, Unreadable};
use datafusion::execution::SessionState;
use datafusion::prelude::SessionContext;

use super::analyse::{Analysis, analyse as analyse_bound};
use super::bind::{AS_OF, Values, bind};
use super::proven::Depth;
use super::sql::{self, Named, Query, place};
use cxmill_spec::suggestion;

/// What is known of a query before it is planned.
#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    /// The query; none where its text could not be parsed.
    pub(crate) query: Option<Query>,
    /// Calls of functions that do not exist.
    unknown_functions: Vec<Named>,
    /// Whether nothing was wrong so far.
    whole: bool,
    /// Whether planning it can tell more than is known already.
    plannable: bool,
}

impl Parsed {
    /// Whether nothing was wrong with it.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    /// The tables it reads that `keep` accepts.
    pub(crate) fn reads(&self, keep: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let names = self.query.as_ref().map(Query::table_names).unwrap_or_default();
        names.into_iter().filter(|name| keep(name)).collect()
    }

    /// Whether it reads a table directly.
    pub(crate) fn reads_table(&self, name: &str) -> bool {
        self.query.as_ref().is_some_and(|query| query.tables.iter().any(|table| table.name == name))
    }

    /// Whether it takes `$as_of`.
    pub(crate) fn reads_as_of(&self) -> bool {
        self.query.as_ref().is_some_and(|query| query.placeholders.iter().any(|named| named.name == AS_OF))
    }

    /// Where it names a table.
    pub(crate) fn place_of(&self, sql: &Sql, table: &str) -> Span {
        let named = self.query.as_ref().and_then(|query| query.tables.iter().find(|named| named.name == table));
        named.map_or_else(|| sql.whole(), |named| place(sql, named.span))
    }
}

/// Parses a query and resolves its names; `own` is the model it belongs to.
pub(crate) fn parse(
    state: &SessionState,
    project: &Project,
    unreadable: &Unreadable,
    own: &str,
    sql: &Sql,
) -> (Parsed, Vec<Diagnostic>) {
    let (query, mut findings) = sql::parse(state, sql);
    let mut unknown_functions = Vec::new();
    if let Some(query) = &query {
        findings.extend(unknown_tables(project, unreadable, own, sql, query));
        findings.extend(unknown_variables(project, unreadable, sql, query));
        let known = super::restrict::function_names(state);
        unknown_functions = query
            .functions
            .iter()
            .filter(|call| !known.contains(&call.name) && call.name != "unnest")
            .cloned()
            .collect();
    }
    let whole = query.is_some() && findings.is_empty();
    let hopeless = ["not-a-query", "unknown-table-function"];
    let plannable = !findings.iter().any(|finding| hopeless.contains(&finding.code));
    (Parsed { query, unknown_functions, whole, plannable }, findings)
}

fn unknown_tables(project: &Project, unreadable: &Unreadable, own: &str, sql: &Sql, query: &Query) -> Vec<Diagnostic> {
    let known = |name: &str| {
        project.sources.contains_key(name) || project.models.contains_key(name) || unreadable.may_declare_table(name)
    };
    let declared = || project.sources.keys().chain(project.models.keys()).chain(&unreadable.tables);
    let names = || declared().map(String::as_str).filter(|name| *name != own);
    let mut findings = Vec::new();
    for table in query.tables.iter().filter(|table| !known(&table.name)) {
        let mut finding =
            Diagnostic::error("unknown-table", place(sql, table.span), format!("no source or model `{}`", table.name));
        finding.help = if table.name.contains(['/', '.']) {
            Some("a table is a source or a model by its bare name; files are read by sources".to_owned())
        } else {
            suggestion(&table.name, names(), "sources and models")
        };
        findings.push(finding);
    }
    findings
}

fn unknown_variables(project: &Project, unreadable: &Unreadable, sql: &Sql, query: &Query) -> Vec<Diagnostic> {
    let known = |name: &str| name == AS_OF || project.vars.contains_key(name) || unreadable.may_declare_var(name);
    let mut findings = Vec::new();
    for named in query.placeholders.iter().filter(|named| !known(&named.name)) {
        let mut finding =
            Diagnostic::error("unknown-variable", place(sql, named.span), format!("no variable `${}`", named.name));
        let names = project.vars.keys().map(String::as_str).chain(std::iter::once(AS_OF));
        finding.help = suggestion(&named.name, names, "variables");
        findings.push(finding);
    }
    findings
}

/// Plans the query over the (empty) tables of `ctx`.
pub(crate) async fn analyse(
    ctx: &SessionContext,
    project: &Project,
    sql: &Sql,
    parsed: &Parsed,
    depth: Depth,
) -> Analysis {
    let Some(query) = parsed.query.as_ref().filter(|_| parsed.plannable) else {
        return Analysis::default();
    };
    let mut statement = query.statement.clone();
    // Any instant does: types do not depend on it, and there are no rows to meet it.
    let values = Values { vars: &project.vars, as_of: Some(DateTime::UNIX_EPOCH) };
    let unbound = bind(&mut statement, values);
    if !unbound.is_empty() {
        // Their types are unknown, so nothing more can be said; the names are reported already.
        return Analysis::default();
    }
    analyse_bound(ctx, sql, statement, &parsed.unknown_functions, depth).await
}
