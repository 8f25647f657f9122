//! Why a query cannot be kept as states, in words that its author understands, and where it says so.

use std::fmt;

use datafusion::common::Span;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Expr;

use crate::error::StateError;

/// The part of SQL that forbids it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forbids {
    /// A join, or more than one table in FROM.
    Join,
    /// UNION, INTERSECT or EXCEPT.
    SetOperation,
    /// A window function.
    Window,
    /// LIMIT, OFFSET or FETCH.
    Limit,
    /// DISTINCT over grouped rows, or DISTINCT ON.
    Distinct,
    /// A subquery inside an expression.
    Subquery,
    /// An aggregate over the result of another.
    NestedAggregate,
    /// There is neither an aggregate, nor GROUP BY, nor DISTINCT.
    NoAggregate,
    /// There is no table, or a recursive one.
    NoSource,
    /// A function that gives another value each time, by name.
    Volatile(String),
    /// A function or placeholder whose value belongs to the run, by name, where rows are counted.
    RunValue(String),
    /// A call of an aggregate that has no state to keep, by the function's name.
    NoState(String),
    /// A key whose type cannot be kept.
    KeyType,
    /// Anything else.
    Other,
}

/// Why a query cannot be kept as states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The part of SQL that forbids it.
    pub forbids: Forbids,
    /// Why, as a lowercase fragment.
    pub message: String,
    /// Where, if the plan knows a place (`datafusion.sql_parser.collect_spans`): that of a column nearby. [`Reason::locate`]
    /// gives the place of the words themselves.
    pub span: Option<Span>,
}

impl Reason {
    pub(super) fn new(forbids: Forbids, exprs: &[Expr]) -> Self {
        let message = match &forbids {
            Forbids::Join => "a join needs the rows of all its tables together, and a state holds the rows of one".to_owned(),
            Forbids::SetOperation => {
                "UNION, INTERSECT and EXCEPT take rows from several queries, and a state holds the rows of one".to_owned()
            }
            Forbids::Window => {
                "a window function looks at neighbouring rows, and they are no longer there when only new rows are read".to_owned()
            }
            Forbids::Limit => "LIMIT and OFFSET choose among all rows, and only some of them are at hand".to_owned(),
            Forbids::Distinct => {
                "DISTINCT over grouped rows compares all groups, and only those that new rows touch are at hand".to_owned()
            }
            Forbids::Subquery => "a subquery reads all its rows again for every run".to_owned(),
            Forbids::NestedAggregate => {
                "an aggregate over another aggregate needs all its finished groups, and only those that new rows touch are at hand".to_owned()
            }
            Forbids::NoAggregate => "the query has no aggregate, GROUP BY or DISTINCT, so there is no state to keep".to_owned(),
            Forbids::NoSource => "the query reads no table whose new rows could be added".to_owned(),
            Forbids::Volatile(name) => format!("{name} gives another value each time, so a state could not be built again"),
            Forbids::RunValue(name) => format!(
                "{name} changes from run to run, and rows that were counted under its old value are not read again; use it outside the aggregate, as in HAVING or around the result"
            ),
            Forbids::NoState(_) | Forbids::KeyType | Forbids::Other => "this query cannot be kept as states".to_owned(),
        };
        Self { forbids, message, span: first_span(exprs) }
    }

    pub(super) fn said(forbids: Forbids, message: String, exprs: &[Expr]) -> Self {
        Self { forbids, message, span: first_span(exprs) }
    }

    pub(super) fn no_state(error: &StateError, function: &str, exprs: &[Expr]) -> Self {
        Self::said(Forbids::NoState(function.to_owned()), error.to_string(), exprs)
    }
}

impl From<DataFusionError> for Reason {
    fn from(error: DataFusionError) -> Self {
        Self { forbids: Forbids::Other, message: error.strip_backtrace(), span: None }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.span {
            Some(span) => write!(formatter, "{}:{}: {}", span.start.line, span.start.column, self.message),
            None => formatter.write_str(&self.message),
        }
    }
}

impl std::error::Error for Reason {}

/// The place of the first column in reading order that knows its place.
fn first_span(exprs: &[Expr]) -> Option<Span> {
    let mut found: Option<Span> = None;
    for expr in exprs {
        // The walk never fails and never stops early.
        let _walked: Result<TreeNodeRecursion, DataFusionError> = expr.apply(|expr| {
            if let Some(span) = expr.spans().and_then(|spans| spans.first()) {
                found = Some(found.map_or(span, |before| if span.start < before.start { span } else { before }));
            }
            Ok(TreeNodeRecursion::Continue)
        });
    }
    found
}
