//! A bound query against the tables it reads → its columns, or every error that can be told from one another.
//!
//! DataFusion stops at the first wrong name of a clause. To report all of them at once, a wrong name is mended in the
//! syntax tree (by the nearest right name, else by NULL) and the query is planned again. Types are only judged in a query
//! whose names were right from the start, because a mended query says nothing about the types of the real one.

use std::ops::ControlFlow;

use cxmill_spec::{Diagnostic, Sql};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionState;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, Ident, ObjectNamePart, Spanned, Statement, Value, ValueWithSpan, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::{Location, Span as SqlSpan};

use super::blame::blame;
use super::diagnose::{Finding, name_findings, other_finding};
use super::lineage::{Origins, lineage};
use super::proven::Depth;
use super::query::{analysed, only_query};
use super::sql::Named;

/// Rounds of mending; a query with more wrong names shows the rest when these are right.
const ROUNDS: usize = 24;

/// What a query gives, or what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Analysis {
    /// Names and types of its columns; also where only names were wrong and all of them could be mended by a near one.
    pub(crate) columns: Option<Vec<(String, DataType)>>,
    /// Where the values of each column come from.
    pub(crate) lineage: Vec<Origins>,
    /// What is wrong.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Analyses a query whose placeholders are bound. `unknown` are calls of functions that do not exist (reported already).
pub(crate) async fn analyse(
    ctx: &SessionContext,
    sql: &Sql,
    mut statement: Statement,
    unknown: &[Named],
    depth: Depth,
) -> Analysis {
    for call in unknown {
        mend(&mut statement, call.span, &Mend::Null);
    }
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    let mut guessed = !unknown.is_empty();
    let mut mended = guessed;
    for _ in 0..ROUNDS {
        let error = match Box::pin(columns(&ctx.state(), &statement, depth)).await {
            Ok((columns, lineage)) => return Analysis { columns: (!guessed).then_some(columns), lineage, diagnostics },
            Err(error) => error,
        };
        let names = name_findings(sql, &error);
        if names.is_empty() {
            if !mended {
                let told =
                    error.iter().next().and_then(|error| error.diagnostic()).is_some_and(|told| told.span.is_some());
                let blamed = if told { None } else { Box::pin(blame(&ctx.state(), &statement, &error)).await };
                diagnostics.push(other_finding(&ctx.state(), sql, &error, blamed.as_ref()));
            }
            return Analysis { diagnostics, ..Analysis::default() };
        }
        let mut progress = false;
        for Finding { diagnostic, span, near } in names {
            let with = near.map_or(Mend::Null, Mend::Name);
            guessed |= matches!(with, Mend::Null);
            progress |= span.is_some_and(|span| mend(&mut statement, span, &with));
            if !diagnostics.contains(&diagnostic) {
                diagnostics.push(diagnostic);
            }
        }
        mended = true;
        if !progress {
            break;
        }
    }
    Analysis { diagnostics, ..Analysis::default() }
}

/// Plans and analyses a query, and where that is asked for optimises it down to its physical plan. Gives its columns and where their
/// values come from.
pub(crate) async fn columns(
    state: &SessionState,
    statement: &Statement,
    depth: Depth,
) -> Result<(Vec<(String, DataType)>, Vec<Origins>)> {
    let statement = DfStatement::Statement(Box::new(statement.clone()));
    let plan = state.statement_to_plan(statement).await?;
    only_query(&plan)?;
    let plan = analysed(state, plan)?;
    let columns =
        plan.schema().fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect();
    if depth == Depth::Whole {
        state.create_physical_plan(&plan).await?;
    }
    Ok((columns, lineage(&plan)))
}

/// What a wrong expression is replaced by.
#[derive(Debug, Clone)]
pub(crate) enum Mend {
    /// Another name in its last part.
    Name(String),
    /// NULL.
    Null,
}

/// Replaces the expressions that begin at the place; false where there is none (any more).
pub(crate) fn mend(statement: &mut Statement, span: SqlSpan, with: &Mend) -> bool {
    let mut mender = Mender { start: span.start, with, done: false };
    // The visitor never breaks off.
    let _walked: ControlFlow<()> = VisitMut::visit(statement, &mut mender);
    mender.done
}

struct Mender<'a> {
    start: Location,
    with: &'a Mend,
    done: bool,
}

impl VisitorMut for Mender<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let at = match expr {
            Expr::Identifier(ident) => ident.span.start,
            Expr::CompoundIdentifier(parts) => parts.first().map_or(Location::empty(), |part| part.span.start),
            Expr::Function(Function { name, .. }) => name.span().start,
            _ => return ControlFlow::Continue(()),
        };
        if at != self.start {
            return ControlFlow::Continue(());
        }
        self.done |= match (self.with, &mut *expr) {
            (Mend::Name(name), Expr::Identifier(ident)) => rename(ident, name),
            (Mend::Name(name), Expr::CompoundIdentifier(parts)) => {
                parts.last_mut().is_some_and(|part| rename(part, name))
            }
            (Mend::Name(name), Expr::Function(call)) => call.name.0.last_mut().is_some_and(|part| match part {
                ObjectNamePart::Identifier(ident) => rename(ident, name),
                ObjectNamePart::Function(_) => false,
            }),
            (Mend::Null, _) => {
                *expr = null(expr.span());
                true
            }
            _ => false,
        };
        ControlFlow::Continue(())
    }
}

fn rename(ident: &mut Ident, name: &str) -> bool {
    let changed = ident.value != name;
    ident.value = name.to_owned();
    ident.quote_style = Some('"');
    changed
}

/// NULL at a place.
pub(crate) fn null(span: SqlSpan) -> Expr {
    Expr::Value(ValueWithSpan { value: Value::Null, span })
}

/// Whether two errors say the same.
pub(crate) fn same(left: &DataFusionError, right: &DataFusionError) -> bool {
    left.strip_backtrace() == right.strip_backtrace()
}
