//! The place of the words that forbid it, found in the syntax tree: a plan only remembers where its columns stood.

use std::ops::ControlFlow;

use datafusion::common::Span;
use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, LimitClause, Query, Select, SetExpr, Spanned, Statement, Visit, Visitor,
};
use datafusion::sql::sqlparser::tokenizer::Span as SqlSpan;

use super::reason::{Forbids, Reason};

impl Reason {
    /// Where the statement says what forbids it, as exactly as its syntax tree tells; else [`Reason::span`].
    #[must_use]
    pub fn locate(&self, statement: &Statement) -> Option<Span> {
        let mut finder = Finder { forbids: &self.forbids, depth: 0 };
        match statement.visit(&mut finder) {
            ControlFlow::Break(span) => Span::try_from_sqlparser_span(span).or(self.span),
            ControlFlow::Continue(()) => self.span,
        }
    }
}

struct Finder<'a> {
    forbids: &'a Forbids,
    depth: usize,
}

impl Visitor for Finder<'_> {
    type Break = SqlSpan;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<SqlSpan> {
        self.depth += 1;
        match self.forbids {
            Forbids::Limit => found(limit(query)),
            Forbids::SetOperation => match query.body.as_ref() {
                SetExpr::SetOperation { right, .. } => found(Some(right.span())),
                _ => ControlFlow::Continue(()),
            },
            _ => ControlFlow::Continue(()),
        }
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<SqlSpan> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<SqlSpan> {
        match self.forbids {
            Forbids::Join => {
                let joined = select.from.iter().find_map(|table| table.joins.first()).map(|join| join.relation.span());
                found(joined.or_else(|| select.from.get(1).map(Spanned::span)))
            }
            Forbids::Distinct if select.distinct.is_some() => found(Some(select.select_token.0.span)),
            Forbids::NestedAggregate if self.depth > 1 && is_grouped(select) => found(Some(select.select_token.0.span)),
            Forbids::NoAggregate | Forbids::NoSource if self.depth == 1 => found(Some(select.select_token.0.span)),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<SqlSpan> {
        let it_is = match (self.forbids, expr) {
            (Forbids::Window, Expr::Function(call)) => call.over.is_some(),
            (Forbids::Subquery, Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. }) => true,
            (Forbids::Volatile(name) | Forbids::RunValue(name) | Forbids::NoState(name), Expr::Function(call)) => {
                call.name.0.last().is_some_and(|part| part.to_string().eq_ignore_ascii_case(name))
            }
            (Forbids::RunValue(name), Expr::Value(value)) => value.value.to_string() == *name,
            _ => false,
        };
        if it_is { found(Some(expr.span())) } else { ControlFlow::Continue(()) }
    }
}

fn is_grouped(select: &Select) -> bool {
    match &select.group_by {
        GroupByExpr::All(_) => true,
        GroupByExpr::Expressions(keys, _) => !keys.is_empty(),
    }
}

fn found(span: Option<SqlSpan>) -> ControlFlow<SqlSpan> {
    match span {
        Some(span) if span != SqlSpan::empty() => ControlFlow::Break(span),
        _ => ControlFlow::Continue(()),
    }
}

fn limit(query: &Query) -> Option<SqlSpan> {
    match (&query.limit_clause, &query.fetch) {
        (Some(LimitClause::LimitOffset { limit, offset, .. }), _) => {
            limit.as_ref().map(Spanned::span).or_else(|| offset.as_ref().map(|offset| offset.value.span()))
        }
        (Some(LimitClause::OffsetCommaLimit { limit, .. }), _) => Some(limit.span()),
        (None, Some(fetch)) => fetch.quantity.as_ref().map(Spanned::span),
        (None, None) => None,
    }
}
