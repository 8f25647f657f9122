//! What a query may not do, found by walking its syntax tree, together with the names it uses.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use cxmill_spec::{Diagnostic, Sql};
use datafusion::execution::SessionState;
use datafusion::logical_expr::Volatility;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, Ident, ObjectName, Query as AstQuery, Select, Spanned, Statement, TableFactor, Value,
    ValueWithSpan, Visitor,
};
use datafusion::sql::sqlparser::tokenizer::Span as SqlSpan;

use super::sql::{Named, only_queries, place};
use cxmill_spec::suggestion;

/// Functions whose value is the wall clock.
const CLOCK: [&str; 7] =
    ["now", "current_timestamp", "current_date", "current_time", "today", "localtime", "localtimestamp"];

/// Table functions that read nothing.
const TABLE_FUNCTIONS: [&str; 3] = ["generate_series", "range", "unnest"];

/// Functions that the planner knows without a registry.
const PLANNED: [&str; 1] = ["unnest"];

/// What the walk found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) tables: Vec<Named>,
    pub(super) functions: Vec<Named>,
    pub(super) placeholders: Vec<Named>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// The walk.
pub(super) struct Restrictions<'a> {
    state: &'a SessionState,
    sql: &'a Sql,
    /// Names of tables that the query reads (CTE names are not among them).
    names: &'a BTreeSet<String>,
    found: Found,
    depth: usize,
}

impl<'a> Restrictions<'a> {
    pub(super) fn new(state: &'a SessionState, sql: &'a Sql, names: &'a BTreeSet<String>) -> Self {
        Self { state, sql, names, found: Found::default(), depth: 0 }
    }

    pub(super) fn finish(self) -> Found {
        self.found
    }

    fn refuse(&mut self, span: SqlSpan, what: &str, help: &str) {
        let finding = Diagnostic::error("not-a-query", place(self.sql, span), what).with_help(help);
        self.found.diagnostics.push(finding);
    }

    fn function(&mut self, function: &Function) {
        let span = function.name.span();
        let name = last_name(&function.name);
        if CLOCK.contains(&name.as_str()) {
            self.found.diagnostics.push(
                Diagnostic::error("wall-clock", place(self.sql, span), format!("`{name}` reads the wall clock"))
                    .with_help("use $as_of: the run's logical time, the same however often it is run"),
            );
        } else if self.volatile(&name) {
            self.found.diagnostics.push(
                Diagnostic::error(
                    "not-deterministic",
                    place(self.sql, span),
                    format!("`{name}` gives another result on each run"),
                )
                .with_help("the same input must give the same output; derive the value from columns, as md5(id) does"),
            );
        } else if !self.known(&name) {
            let all = function_names(self.state);
            let finding = Diagnostic::error("unknown-function", place(self.sql, span), format!("no function `{name}`"));
            let help = cxmill_spec::nearest(&name, all.iter().map(String::as_str)).map_or_else(
                || "`cxmill functions` lists cxmill's own".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            self.found.diagnostics.push(finding.with_help(help));
        }
        self.found.functions.push(Named { name, span });
    }

    fn known(&self, name: &str) -> bool {
        let state = self.state;
        PLANNED.contains(&name)
            || state.scalar_functions().contains_key(name)
            || state.aggregate_functions().contains_key(name)
            || state.window_functions().contains_key(name)
            || state.higher_order_functions().contains_key(name)
    }

    fn volatile(&self, name: &str) -> bool {
        let state = self.state;
        let volatility = state
            .scalar_functions()
            .get(name)
            .map(|function| function.signature().volatility)
            .or_else(|| state.aggregate_functions().get(name).map(|function| function.signature().volatility))
            .or_else(|| state.window_functions().get(name).map(|function| function.signature().volatility));
        volatility == Some(Volatility::Volatile)
    }

    fn table_function(&mut self, name: &ObjectName) {
        let span = name.span();
        let name = last_name(name);
        if !TABLE_FUNCTIONS.contains(&name.as_str()) {
            let mut finding = Diagnostic::error(
                "unknown-table-function",
                place(self.sql, span),
                format!("no table function `{name}`"),
            );
            finding.help = if name.starts_with("read_") || name.ends_with("_scan") {
                Some("files are read by sources: declare one, and name it here".to_owned())
            } else {
                suggestion(&name, TABLE_FUNCTIONS, "table functions")
            };
            self.found.diagnostics.push(finding);
        }
    }
}

impl Visitor for Restrictions<'_> {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        // The walk enters the query itself as a statement; any deeper one stands where a query should.
        self.depth += 1;
        if self.depth > 1 && !matches!(statement, Statement::Query(_)) {
            let finding = only_queries(self.sql, statement.span());
            self.found.diagnostics.push(finding);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &AstQuery) -> ControlFlow<()> {
        if !query.locks.is_empty() {
            self.refuse(query.span(), "a query cannot lock rows", "leave out FOR UPDATE or FOR SHARE");
        }
        if query.for_clause.is_some() || query.format_clause.is_some() || query.settings.is_some() {
            self.refuse(
                query.span(),
                "a query cannot choose its format or settings",
                "leave out FOR, FORMAT or SETTINGS",
            );
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        if let Some(into) = &select.into {
            self.refuse(into.name.span(), "SELECT INTO writes a table", "the model's name is the name of its table");
        }
        let ignored = select.prewhere.is_some()
            || !select.connect_by.is_empty()
            || !select.cluster_by.is_empty()
            || !select.distribute_by.is_empty()
            || !select.sort_by.is_empty();
        if ignored {
            let help = "PREWHERE, CONNECT BY, CLUSTER BY, DISTRIBUTE BY and SORT BY have no meaning here; use WHERE and ORDER BY";
            self.refuse(select.span(), "a clause that is not supported", help);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, args, version, sample, with_hints, .. } => {
                if args.is_some() {
                    self.table_function(name);
                } else {
                    self.table(name);
                }
                if version.is_some() || sample.is_some() || !with_hints.is_empty() {
                    let help = "leave it out; for a share of rows that stays the same, filter by a hash of the key";
                    self.refuse(name.span(), "a sample, version or hint of a table is not supported", help);
                }
            }
            TableFactor::Function { name, .. } => self.table_function(name),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            self.function(function);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
        if let Value::Placeholder(text) = &value.value {
            let name = text.strip_prefix('$').unwrap_or(text).to_owned();
            self.found.placeholders.push(Named { name, span: value.span });
        }
        ControlFlow::Continue(())
    }
}

impl Restrictions<'_> {
    fn table(&mut self, name: &ObjectName) {
        let span = name.span();
        let name = table_name(name);
        let listed = self.found.tables.iter().any(|table| table.name == name);
        if self.names.contains(&name) && !listed {
            self.found.tables.push(Named { name, span });
        }
    }
}

/// Names of all functions that SQL can call.
pub(super) fn function_names(state: &SessionState) -> BTreeSet<String> {
    let clock = |name: &&String| !CLOCK.contains(&name.as_str());
    (state.scalar_functions().keys().filter(clock))
        .chain(state.aggregate_functions().keys())
        .chain(state.window_functions().keys())
        .chain(state.higher_order_functions().keys())
        .cloned()
        .collect()
}

fn table_name(name: &ObjectName) -> String {
    let parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(normal).collect();
    match parts.as_slice() {
        [one] => datafusion::common::TableReference::bare(one.as_str()).to_string(),
        [schema, table] => datafusion::common::TableReference::partial(schema.as_str(), table.as_str()).to_string(),
        [catalog, schema, table] => {
            datafusion::common::TableReference::full(catalog.as_str(), schema.as_str(), table.as_str()).to_string()
        }
        _ => parts.join("."),
    }
}

/// The last part of a name.
pub(super) fn last_name(name: &ObjectName) -> String {
    name.0.last().and_then(|part| part.as_ident()).map(normal).unwrap_or_default()
}

/// An identifier as SQL reads it: lower case unless quoted.
pub(super) fn normal(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_ascii_lowercase() }
}
