//! What an expression may hold where rows are counted, and where finished groups are shown.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, Volatility};

use super::reason::{Forbids, Reason};
use crate::known::KnownFunctions;

/// On which side of the aggregate an expression stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Rows are read, filtered and counted here, once.
    Counting,
    /// Finished groups are shown here, again whenever they are published.
    Showing,
}

/// Checks expressions; true where one takes a value that belongs to the run (only while showing).
pub(super) fn check(exprs: &[Expr], place: Place, known: &KnownFunctions) -> Result<bool, Reason> {
    let mut forbidden: Option<Forbids> = None;
    let mut reads_run = false;
    for expr in exprs {
        expr.apply(|inner| {
            let found = match inner {
                Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
                | Expr::ScalarSubquery(_)
                | Expr::OuterReferenceColumn(_, _) => Some(Forbids::Subquery),
                Expr::WindowFunction(_) => Some(Forbids::Window),
                Expr::Placeholder(placeholder) => Some(Forbids::RunValue(placeholder.id.clone())),
                Expr::ScalarVariable(_, names) => Some(Forbids::RunValue(names.join("."))),
                Expr::ScalarFunction(call) if known.is_settled(call.name()) => None,
                Expr::ScalarFunction(call) => by_volatility(call.name(), call.func.signature().volatility),
                Expr::HigherOrderFunction(call) => by_volatility(call.name(), call.func.signature().volatility),
                Expr::AggregateFunction(call) => by_volatility(call.func.name(), call.func.signature().volatility),
                _ => None,
            };
            match found {
                None => Ok(TreeNodeRecursion::Continue),
                Some(Forbids::RunValue(_)) if place == Place::Showing => {
                    reads_run = true;
                    Ok(TreeNodeRecursion::Continue)
                }
                Some(found) => {
                    forbidden = Some(found);
                    Ok(TreeNodeRecursion::Stop)
                }
            }
        })?;
        if let Some(forbids) = forbidden {
            return Err(Reason::new(forbids, std::slice::from_ref(expr)));
        }
    }
    Ok(reads_run)
}

fn by_volatility(name: &str, volatility: Volatility) -> Option<Forbids> {
    match volatility {
        Volatility::Immutable => None,
        Volatility::Stable => Some(Forbids::RunValue(name.to_owned())),
        Volatility::Volatile => Some(Forbids::Volatile(name.to_owned())),
    }
}
