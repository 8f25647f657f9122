//! Which part of a query an error is about, where DataFusion does not say.
//!
//! The smallest call, comparison or cast that makes the error go away when NULL stands in its place is the one to blame.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::sql::sqlparser::ast::{Expr, Spanned, Statement, Visit, VisitMut, Visitor, VisitorMut};
use datafusion::sql::sqlparser::tokenizer::{Location, Span as SqlSpan};

use super::analyse::{columns, null, same};
use super::proven::Depth;
use super::restrict::last_name;

/// Trials at most: each plans the query once.
const TRIALS: usize = 64;

/// The part of a query that an error is about.
#[derive(Debug, Clone)]
pub(crate) struct Blamed {
    /// The name of a call, or the whole of another expression.
    pub(crate) place: SqlSpan,
    /// The function, where it is a call.
    pub(crate) function: Option<String>,
}

/// The part to blame, if one can be told.
pub(crate) async fn blame(state: &SessionState, statement: &Statement, error: &DataFusionError) -> Option<Blamed> {
    let mut suspects = Suspects::default();
    let _walked: ControlFlow<()> = statement.visit(&mut suspects);
    let mut guilty: Option<Suspect> = None;
    // Innermost first: an expression is visited after its parts, so the first that clears the error is the smallest.
    // Bare columns come last: they are to blame only where no expression around them is.
    for suspect in suspects.found.into_iter().chain(suspects.columns).take(TRIALS) {
        let mut trial = statement.clone();
        let _walked: ControlFlow<()> = VisitMut::visit(&mut trial, &mut Remove { index: suspect.index, at: 0 });
        let cleared = match Box::pin(columns(state, &trial, Depth::Whole)).await {
            Ok(_) => true,
            Err(other) => !same(error, &other),
        };
        if cleared {
            guilty = Some(suspect);
            break;
        }
    }
    guilty.map(|suspect| suspect.blamed)
}

#[derive(Debug, Clone)]
struct Suspect {
    /// How many expressions are left before it in a walk.
    index: usize,
    blamed: Blamed,
}

#[derive(Default)]
struct Suspects {
    found: Vec<Suspect>,
    columns: Vec<Suspect>,
    at: usize,
    seen: BTreeSet<(u64, u64, u64, u64)>,
}

impl Visitor for Suspects {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let index = self.at;
        self.at += 1;
        let (place, function) = match expr {
            Expr::Function(function) => (function.name.span(), Some(last_name(&function.name))),
            Expr::Value(_) | Expr::Nested(_) | Expr::Wildcard(_) | Expr::Subquery(_) => {
                return ControlFlow::Continue(());
            }
            other => (other.span(), None),
        };
        let key = (place.start.line, place.start.column, place.end.line, place.end.column);
        if place.start != Location::empty() && self.seen.insert(key) {
            let suspect = Suspect { index, blamed: Blamed { place, function } };
            match expr {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) => self.columns.push(suspect),
                _ => self.found.push(suspect),
            }
        }
        ControlFlow::Continue(())
    }
}

struct Remove {
    index: usize,
    at: usize,
}

impl VisitorMut for Remove {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.at == self.index {
            *expr = null(expr.span());
        }
        self.at += 1;
        ControlFlow::Continue(())
    }
}
