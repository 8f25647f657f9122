//! Joins: what holds of the days of two rows that are joined.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use cxmill_incremental::Forbids;
use datafusion::common::{JoinType, NullEquality};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Join, Operator};

use super::days::{Days, Needs, Reach};
use super::rows::{Anchor, Column, Rows};
use super::walk::Walk;

/// How far the day of a row on the right can lie from that of a row on the left that it is joined to.
#[derive(Debug, Clone, Copy, Default)]
struct Bounds {
    from: Option<i32>,
    to: Option<i32>,
}

/// The bounds of each pair of anchors.
type Links = BTreeMap<(Anchor, Anchor), Bounds>;

impl Walk<'_> {
    pub(super) fn join(&mut self, join: &Join, where_clause: &[&Expr]) -> Rows {
        // What holds of the joined rows says nothing of rows that are kept without a partner.
        let held: &[&Expr] = if join.join_type == JoinType::Inner { where_clause } else { &[] };
        let mut left = self.rows(&join.left, held);
        let mut right = self.rows(&join.right, held);
        let mut links = Links::new();
        // NULL is equal to NULL here, and `NOT IN` asks whether any row is NULL: rows then meet that have no day.
        if join.null_equality == NullEquality::NullEqualsNothing && !join.null_aware {
            for (one, other) in &join.on {
                self.link(&mut links, join, &mut left, &mut right, (one, Operator::Eq, other));
            }
            for conjunct in join.filter.iter().flat_map(split_conjunction).chain(held.iter().copied()) {
                for comparison in comparisons(conjunct) {
                    self.link(&mut links, join, &mut left, &mut right, comparison);
                }
            }
        }
        let links = self.close(links);
        if links.is_empty() && !left.sources.is_empty() && !right.sources.is_empty() {
            let message = "rows of any two dates are joined: join on the date too";
            self.forget(Forbids::Join, message, &join.filter.iter().cloned().collect::<Vec<_>>());
        }
        let (from_left, from_right) = (reached(&left, &right, &links, false), reached(&right, &left, &links, true));
        left.keep(|anchor, needs| Some(needs.clone().hull(from_left.get(&anchor)?)));
        right.keep(|anchor, needs| Some(needs.clone().hull(from_right.get(&anchor)?)));
        // The days of the other side hold for a column where they are there in every row that has it.
        let across = |column: &mut Column, turned: bool| {
            let other: Vec<(Anchor, Days)> = links
                .iter()
                .filter_map(|((one, other), apart)| {
                    let (own, far, apart) = if turned { (one, other, apart.back()) } else { (other, one, *apart) };
                    // From the column to its own anchor, and on to the other one.
                    Some((*far, column.offsets.get(own)?.minus(apart)))
                })
                .collect();
            for (anchor, days) in other {
                let known = column.offsets.entry(anchor).or_insert(days);
                *known = known.meet(days);
            }
        };
        if matches!(join.join_type, JoinType::Inner | JoinType::Left) {
            right.columns.iter_mut().flatten().for_each(|column| across(column, false));
        }
        if matches!(join.join_type, JoinType::Inner | JoinType::Right) {
            left.columns.iter_mut().flatten().for_each(|column| across(column, true));
        }
        together(join, left, right)
    }

    /// Takes in what a comparison says of the days of both sides.
    fn link(
        &mut self,
        links: &mut Links,
        join: &Join,
        left: &mut Rows,
        right: &mut Rows,
        (one, operator, other): (&Expr, Operator, &Expr),
    ) {
        let (in_left, in_right) = (join.left.schema(), join.right.schema());
        let straight = self.follow(left, one, in_left).zip(self.follow(right, other, in_right));
        let (one, operator, other) = match straight {
            Some((one, other)) => (one.column, operator, other.column),
            None => match self.follow(left, other, in_left).zip(self.follow(right, one, in_right)) {
                Some((other, one)) => match operator.swap() {
                    Some(operator) => (other.column, operator, one.column),
                    None => return,
                },
                None => return,
            },
        };
        let equal_zones = one.zone == other.zone;
        let (one, other) = match (one.zone, other.zone) {
            (Some(zone), Some(_)) if !(equal_zones && (operator == Operator::Eq || zone == Tz::UTC)) => {
                // The calendar of UTC never goes back.
                (one.instant(), other.instant())
            }
            _ if equal_zones => (one, other),
            _ => return,
        };
        let strict = i32::from(one.zone.is_none());
        // How far the right side lies from the left one.
        let (from, to) = match operator {
            Operator::Eq => (Some(0), Some(0)),
            Operator::Lt => (Some(strict), None),
            Operator::LtEq => (Some(0), None),
            Operator::Gt => (None, Some(-strict)),
            Operator::GtEq => (None, Some(0)),
            _ => return,
        };
        for (a, of_left) in &one.offsets {
            for (b, of_right) in &other.offsets {
                let bounds = links.entry((*a, *b)).or_default();
                let least = from.map(|from| of_right.from.saturating_add(from).saturating_sub(of_left.to));
                let most = to.map(|to| of_right.to.saturating_add(to).saturating_sub(of_left.from));
                bounds.from = bounds.from.max(least);
                bounds.to = bounds.to.into_iter().chain(most).min();
            }
        }
    }

    /// The pairs that are bounded on both sides; the author says how far an open side goes.
    fn close(&self, links: Links) -> BTreeMap<(Anchor, Anchor), Days> {
        let closed = |(pair, bounds): ((Anchor, Anchor), Bounds)| {
            let days = match (bounds.from, bounds.to) {
                (Some(from), Some(to)) => Days::new(from, to),
                (Some(from), None) if self.told => Days::new(from, from.max(0)),
                (None, Some(to)) if self.told => Days::new(to.min(0), to),
                _ => return None,
            };
            Some((pair, days))
        };
        links.into_iter().filter_map(closed).collect()
    }
}

/// For each anchor of some rows, what rows of its day need of those they are joined to.
fn reached(
    rows: &Rows,
    joined: &Rows,
    links: &BTreeMap<(Anchor, Anchor), Days>,
    turned: bool,
) -> BTreeMap<Anchor, Needs> {
    let whole = || Needs(joined.sources.iter().map(|source| (source.clone(), Reach::All)).collect());
    let of = |anchor: &Anchor| {
        let linked = links.iter().filter_map(|((one, other), apart)| {
            let (own, far, apart) = if turned { (other, one, apart.back()) } else { (one, other, *apart) };
            (own == anchor).then(|| Some(joined.anchors.get(far)?.shifted(apart)))?
        });
        linked.reduce(|one, other| one.meet(&other)).unwrap_or_else(whole)
    };
    rows.anchors.keys().map(|anchor| (*anchor, of(anchor))).collect()
}

/// Both sides as the rows of the join.
fn together(join: &Join, left: Rows, right: Rows) -> Rows {
    use JoinType::{Full, Inner, Left, LeftAnti, LeftMark, LeftSemi, Right, RightAnti, RightMark, RightSemi};
    let sources = left.sources.union(&right.sources).cloned().collect();
    let one_side = |side: Rows| {
        let mut columns = side.columns;
        // A mark of whether there was a partner stands behind the columns.
        columns.resize(join.schema.fields().len(), None);
        (columns, side.anchors, side.filled)
    };
    let (columns, anchors, filled) = match join.join_type {
        LeftSemi | LeftAnti | LeftMark => one_side(left),
        RightSemi | RightAnti | RightMark => one_side(right),
        Inner | Left | Right | Full => {
            let width = left.columns.len();
            let moved: Vec<_> =
                right.filled.iter().map(|set| set.iter().map(|index| index + width).collect()).collect();
            let filled = match join.join_type {
                Left => left.filled,
                Right => moved,
                // Each row has at least one of its sides.
                Full => left
                    .filled
                    .iter()
                    .flat_map(|one| moved.iter().map(move |other: &BTreeSet<usize>| one | other))
                    .collect(),
                _ => left.filled.into_iter().chain(moved).collect(),
            };
            let columns = left.columns.into_iter().chain(right.columns).collect();
            (columns, left.anchors.into_iter().chain(right.anchors).collect(), filled)
        }
    };
    Rows { columns, anchors, filled, known: Vec::new(), sources }
}

/// What a condition compares: `BETWEEN` is two comparisons.
fn comparisons(conjunct: &Expr) -> Vec<(&Expr, Operator, &Expr)> {
    match conjunct {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => vec![(left.as_ref(), *op, right.as_ref())],
        Expr::Between(Between { expr, negated: false, low, high }) => {
            vec![(expr.as_ref(), Operator::GtEq, low.as_ref()), (expr.as_ref(), Operator::LtEq, high.as_ref())]
        }
        _ => Vec::new(),
    }
}
