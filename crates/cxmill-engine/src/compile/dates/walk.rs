//! From the plan of a query to what its rows need of each event date: node by node, from the tables up.

use std::collections::{BTreeMap, BTreeSet};

use cxmill_incremental::{Forbids, Reason};
use cxmill_spec::Project;
use datafusion::arrow::datatypes::Field;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Column as Named, DFSchema};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    Aggregate, Distinct, Expr, LogicalPlan, TableScan, Union, WindowFrame, WindowFrameBound,
};

use super::days::{Days, Needs, Reach, Snap};
use super::follow::{Follow, Followed};
use super::rows::{Anchor, Column, Rows};
use super::{Dated, Known};

/// Aggregates and window functions that give one of the values they were given.
const CHOOSES: [&str; 7] = ["min", "max", "first_value", "last_value", "nth_value", "lag", "lead"];

/// Those of them that find a value wherever there is one to choose.
const NEVER_MISSES: [&str; 4] = ["min", "max", "first_value", "last_value"];

/// Walks a plan.
pub(super) struct Walk<'a> {
    pub(super) project: &'a Project,
    /// Published models whose files belong to dates.
    pub(super) models: &'a BTreeMap<String, Dated>,
    /// Whether the author says how far rows look beyond their own date.
    pub(super) told: bool,
    /// Number of the next new anchor.
    pub(super) next: Anchor,
    /// Where the event dates of rows were lost, the first place first.
    pub(super) lost: Vec<Reason>,
}

impl<'a> Walk<'a> {
    /// What is known of the rows of a plan. `where_clause` holds for all of them that are of use.
    pub(super) fn rows(&mut self, plan: &LogicalPlan, where_clause: &[&Expr]) -> Rows {
        let mut rows = match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan),
            LogicalPlan::SubqueryAlias(alias) => {
                // The names of columns are others above it.
                Rows { known: Vec::new(), ..self.rows(&alias.input, &[]) }
            }
            LogicalPlan::Projection(projection) => {
                let rows = self.rows(&projection.input, &[]);
                self.project(rows, &projection.expr, projection.input.schema())
            }
            LogicalPlan::Filter(filter) => {
                let conjuncts = split_conjunction(&filter.predicate);
                let held: Vec<&Expr> = conjuncts.iter().chain(where_clause).copied().collect();
                let mut rows = self.rows(&filter.input, &held);
                for conjunct in conjuncts {
                    if let Expr::IsNotNull(value) = conjunct
                        && let Some(Followed { filled_by, .. }) = self.follow(&mut rows, value, filter.input.schema())
                        && filled_by.len() == 1
                    {
                        rows.filled.push(filled_by);
                    }
                }
                rows
            }
            LogicalPlan::Sort(sort) if sort.fetch.is_none() => self.rows(&sort.input, &[]),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let rows = self.rows(input, &[]);
                let days: Vec<Option<Followed>> = rows.columns.iter().enumerate().map(as_it_is).collect();
                self.regroup(rows, days, Vec::new())
            }
            LogicalPlan::Window(window) => self.window(window),
            LogicalPlan::Union(union) => self.union(union),
            LogicalPlan::Join(join) => self.join(join, where_clause),
            LogicalPlan::Unnest(unnest) => {
                let rows = self.rows(&unnest.input, &[]);
                let spread: BTreeSet<usize> = unnest
                    .list_type_columns
                    .iter()
                    .map(|(index, _)| *index)
                    .chain(unnest.struct_type_columns.iter().copied())
                    .collect();
                let days = unnest.dependency_indices.iter().map(|index| {
                    let column = rows.columns.get(*index).filter(|_| !spread.contains(index))?;
                    as_it_is((*index, column))
                });
                let days = days.collect();
                shown(rows, days)
            }
            other => self.whole(other),
        };
        for source in self.in_subqueries(plan) {
            rows.read_whole(&source);
        }
        rows
    }

    fn scan(&mut self, scan: &TableScan) -> Rows {
        let fields = scan.projected_schema.fields();
        let name = scan.table_name.table();
        if !self.is_dated(name) {
            return Rows::unknown(fields.len(), BTreeSet::new());
        }
        let sources: BTreeSet<String> = [name.to_owned()].into();
        if scan.fetch.is_some() {
            return Rows::unknown(fields.len(), sources);
        }
        let anchor = self.new_anchor();
        let mut rows = Rows::unknown(fields.len(), sources);
        rows.anchors.insert(anchor, Needs([(name.to_owned(), Reach::Within(Days::SAME))].into()));
        for ((index, field), column) in fields.iter().enumerate().zip(&mut rows.columns) {
            let Some(Known { zone, snap, offset, is_filled }) = self.known(name, field) else { continue };
            if is_filled {
                rows.filled.push([index].into());
            }
            *column = Some(Column { zone, snap, offsets: [(anchor, offset)].into() });
        }
        rows
    }

    /// Whether it is known which dates the rows of a table are of.
    fn is_dated(&self, table: &str) -> bool {
        let source = || self.project.sources.get(table).is_some_and(|source| source.event_time.is_some());
        self.models.contains_key(table) || source()
    }

    /// What a column of such a table tells of the date.
    fn known(&self, table: &str, field: &Field) -> Option<Known> {
        if let Some(model) = self.models.get(table) {
            return model.columns.get(field.name()).cloned();
        }
        let source = self.project.sources.get(table)?;
        let is_day = super::follow::is_day(field.data_type());
        let zone = (!is_day).then_some(source.time_zone);
        let is_date = source.event_time.as_ref() == Some(field.name());
        is_date.then_some(Known { zone, snap: Snap::Day, offset: Days::SAME, is_filled: true })
    }

    fn project(&mut self, mut rows: Rows, exprs: &[Expr], schema: &DFSchema) -> Rows {
        let days = exprs.iter().map(|expr| self.follow(&mut rows, expr, schema)).collect();
        shown(rows, days)
    }

    fn aggregate(&mut self, aggregate: &Aggregate) -> Rows {
        let schema = aggregate.input.schema();
        let mut rows = self.rows(&aggregate.input, &[]);
        if aggregate.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_))) {
            let message = "GROUPING SETS, ROLLUP and CUBE count rows of different dates together";
            self.lose(&rows, message, &aggregate.group_expr);
            return Rows::unknown(aggregate.schema.fields().len(), rows.sources);
        }
        let mut days: Vec<Option<Followed>> =
            aggregate.group_expr.iter().map(|expr| self.follow(&mut rows, expr, schema)).collect();
        let grouped = days.iter().any(Option::is_some);
        if grouped {
            let picked = aggregate.aggr_expr.iter().map(|expr| self.picked(&mut rows, expr, schema)).collect();
            return self.regroup(rows, days, picked);
        }
        for expr in &aggregate.aggr_expr {
            days.push(if self.told { self.chosen_value(&mut rows, expr, schema) } else { None });
        }
        if !days.iter().any(Option::is_some) && !rows.anchors.is_empty() {
            let message = "rows of different dates are counted together: put the date in GROUP BY";
            let places = if aggregate.group_expr.is_empty() { &aggregate.aggr_expr } else { &aggregate.group_expr };
            self.lose(&rows, message, places);
        }
        self.regroup(rows, days, Vec::new())
    }

    /// The day that `min`, `first_value` and the like choose among several: the author says how far the others are away.
    pub(super) fn chosen_value(&mut self, rows: &mut Rows, expr: &Expr, schema: &DFSchema) -> Option<Followed> {
        let Followed { column, filled_by } = self.picked(rows, expr, schema)?;
        // Of the row itself nothing is known but that it needs what a row of this day needs.
        let anchor = self.new_anchor();
        rows.anchors.insert(anchor, rows.needs(&column));
        Some(Followed { column: Column { snap: column.snap, ..Column::of(anchor, column.zone) }, filled_by })
    }

    /// What is known of the value that `min`, `first_value` and the like pick, in the row they pick it from.
    fn picked(&mut self, rows: &mut Rows, expr: &Expr, schema: &DFSchema) -> Option<Followed> {
        // Whether the rows to choose from include one that is there for sure.
        let (name, args, sure) = match expr {
            Expr::Alias(alias) => return self.picked(rows, &alias.expr, schema),
            Expr::AggregateFunction(AggregateFunction { func, params }) => {
                (func.name(), &params.args, params.filter.is_none())
            }
            Expr::WindowFunction(window) => {
                let sure = window.params.filter.is_none() && has_its_row(&window.params.window_frame);
                (window.fun.name(), &window.params.args, sure)
            }
            _ => return None,
        };
        let argument = args.first().filter(|_| CHOOSES.contains(&name))?;
        let Followed { column, filled_by } = self.follow(rows, argument, schema)?;
        let filled_by = if sure && NEVER_MISSES.contains(&name) { filled_by } else { BTreeSet::new() };
        Some(Followed { column, filled_by })
    }

    /// Rows of which those with the same values become one: its days are the known ones among these values. `picked` are columns
    /// that come behind these, each with the value of one of the rows.
    fn regroup(&mut self, mut rows: Rows, days: Vec<Option<Followed>>, picked: Vec<Option<Followed>>) -> Rows {
        let anchors: Vec<(usize, Anchor, Column)> = days
            .iter()
            .enumerate()
            .filter_map(|(place, day)| Some((place, self.new_anchor(), day.as_ref()?.column.clone())))
            .collect();
        rows.anchors = anchors.iter().map(|(_, anchor, day)| (*anchor, rows.needs(day))).collect();
        let regrouped = |(place, day): (usize, Option<Followed>)| {
            let day = day?;
            let offset = |(at, anchor, of): &(usize, Anchor, Column)| {
                Some((*anchor, if *at == place { Days::SAME } else { of.from(&day.column)? }))
            };
            let offsets = anchors.iter().filter_map(offset).collect();
            Some(Followed { column: Column { offsets, ..day.column }, ..day })
        };
        // The row that a value is picked from has the days of all others that become one with it.
        let of_one = |day: Option<Followed>| {
            let day = day?;
            let offsets: BTreeMap<Anchor, Days> =
                anchors.iter().filter_map(|(_, anchor, of)| Some((*anchor, of.from(&day.column)?))).collect();
            (!offsets.is_empty()).then_some(Followed { column: Column { offsets, ..day.column }, ..day })
        };
        let days = days.into_iter().enumerate().map(regrouped);
        let days = days.chain(picked.into_iter().map(of_one)).collect();
        shown(rows, days)
    }

    fn union(&mut self, union: &Union) -> Rows {
        let inputs: Vec<Rows> = union.inputs.iter().map(|input| self.rows(input, &[])).collect();
        let width = union.schema.fields().len();
        let sources = inputs.iter().flat_map(|rows| rows.sources.iter().cloned()).collect();
        let mut rows = Rows::unknown(width, sources);
        // A column is known where it is known in each input, and then by the same kind of value.
        let columns: Vec<Option<Vec<Column>>> = (0..width)
            .map(|index| {
                let columns: Vec<Column> =
                    inputs.iter().map(|rows| rows.columns.get(index)?.clone()).collect::<Option<_>>()?;
                let same = columns.windows(2).all(|pair| matches!(pair, [a, b] if a.zone == b.zone));
                Some(if same { columns } else { columns.iter().map(Column::instant).collect() })
            })
            .collect();
        let known: Vec<(usize, Anchor, &Vec<Column>)> = columns
            .iter()
            .enumerate()
            .filter_map(|(index, columns)| Some((index, self.new_anchor(), columns.as_ref()?)))
            .collect();
        for (index, anchor, columns) in &known {
            let needs = inputs.iter().zip(*columns).map(|(rows, column)| rows.needs(column));
            rows.anchors.insert(*anchor, needs.fold(Needs::default(), |all, needs| all.hull(&needs)));
            let offset = |(at, anchor, of): &(usize, Anchor, &Vec<Column>)| {
                if at == index {
                    return Some((*anchor, Days::SAME));
                }
                let apart =
                    of.iter().zip(*columns).map(|(of, column)| of.from(column)).collect::<Option<Vec<Days>>>()?;
                Some((*anchor, apart.into_iter().reduce(Days::hull)?))
            };
            let snap = columns.iter().map(|column| column.snap).reduce(|a, b| if a == b { a } else { Snap::Day });
            if let (Some(column), Some(first)) = (rows.columns.get_mut(*index), columns.first()) {
                *column = Some(Column {
                    zone: first.zone,
                    snap: snap.unwrap_or(Snap::Day),
                    offsets: known.iter().filter_map(offset).collect(),
                });
            }
        }
        if known.is_empty() && inputs.iter().any(|rows| !rows.anchors.is_empty()) {
            let message = "not every part of a UNION has its event date in the same column";
            self.forget(
                Forbids::SetOperation,
                message,
                &union.inputs.iter().flat_map(|plan| plan.expressions()).collect::<Vec<_>>(),
            );
        }
        if let Some((first, rest)) = inputs.split_first() {
            let in_all =
                |set: &&BTreeSet<usize>| rest.iter().all(|rows| rows.filled.iter().any(|other| other.is_subset(set)));
            rows.filled = first.filled.iter().filter(in_all).cloned().collect();
        }
        rows
    }

    /// Rows of which nothing is known but the sources they are made of.
    fn whole(&mut self, plan: &LogicalPlan) -> Rows {
        let mut sources = BTreeSet::new();
        self.sources_of(plan, &mut sources);
        if !sources.is_empty() {
            let (forbids, message) = match plan {
                LogicalPlan::Limit(_) | LogicalPlan::Sort(_) => {
                    (Forbids::Limit, "LIMIT and OFFSET choose among the rows of all dates")
                }
                LogicalPlan::Distinct(_) => (Forbids::Distinct, "DISTINCT ON chooses among the rows of all dates"),
                LogicalPlan::Subquery(_) => (Forbids::Subquery, "a LATERAL subquery reads the rows of all dates"),
                LogicalPlan::RecursiveQuery(_) => (Forbids::Other, "a recursive query reads the rows of all dates"),
                _ => (Forbids::Other, "this part of the query reads the rows of all dates"),
            };
            self.forget(forbids, message, &plan.expressions());
        }
        Rows::unknown(plan.schema().fields().len(), sources)
    }

    /// Sources with event dates that the subqueries in the expressions of a node read.
    fn in_subqueries(&self, plan: &LogicalPlan) -> BTreeSet<String> {
        let mut sources = BTreeSet::new();
        // The walk never fails.
        let _walked: Result<TreeNodeRecursion, DataFusionError> = plan.apply_subqueries(|subquery| {
            self.sources_of(subquery, &mut sources);
            Ok(TreeNodeRecursion::Continue)
        });
        sources
    }

    fn sources_of(&self, plan: &LogicalPlan, sources: &mut BTreeSet<String>) {
        // The walk never fails.
        let _walked: Result<TreeNodeRecursion, DataFusionError> = plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node
                && self.is_dated(scan.table_name.table())
            {
                sources.insert(scan.table_name.table().to_owned());
            }
            Ok(TreeNodeRecursion::Continue)
        });
    }

    pub(super) fn follow(&mut self, rows: &mut Rows, expr: &Expr, schema: &DFSchema) -> Option<Followed> {
        let zone = self.project.settings.time_zone;
        Follow { rows, schema, zone, next: &mut self.next }.expr(expr)
    }

    pub(super) fn new_anchor(&mut self) -> Anchor {
        self.next += 1;
        self.next - 1
    }

    /// Notes that the dates of rows end here, where they had any.
    pub(super) fn lose(&mut self, rows: &Rows, message: &str, exprs: &[Expr]) {
        if !rows.anchors.is_empty() {
            self.forget(Forbids::Other, message, exprs);
        }
    }

    pub(super) fn forget(&mut self, forbids: Forbids, message: &str, exprs: &[Expr]) {
        self.lost.push(Reason { forbids, message: message.to_owned(), span: first_span(exprs) });
    }
}

/// The place of the first column of some expressions in reading order.
fn first_span(exprs: &[Expr]) -> Option<datafusion::common::Span> {
    let columns = exprs.iter().flat_map(Expr::column_refs);
    columns.filter_map(|column: &Named| column.spans.first()).min_by_key(|span| (span.start.line, span.start.column))
}

/// Whether the frame of a row includes the row.
fn has_its_row(frame: &WindowFrame) -> bool {
    !matches!(frame.start_bound, WindowFrameBound::Following(_))
        && !matches!(frame.end_bound, WindowFrameBound::Preceding(_))
}

/// A known column as the expression that it is.
fn as_it_is((index, column): (usize, &Option<Column>)) -> Option<Followed> {
    Some(Followed { column: column.clone()?, filled_by: [index].into() })
}

/// The same rows with other columns.
fn shown(rows: Rows, days: Vec<Option<Followed>>) -> Rows {
    let mut filled: Vec<BTreeSet<usize>> = Vec::new();
    for set in &rows.filled {
        let fills = |index: &usize| {
            let covers =
                |(_, day): &(usize, &Option<Followed>)| day.as_ref().is_some_and(|day| day.filled_by.contains(index));
            days.iter().enumerate().find(covers).map(|(place, _)| place)
        };
        let whole =
            days.iter().enumerate().filter(|(_, day)| day.as_ref().is_some_and(|day| set.is_subset(&day.filled_by)));
        let whole: Vec<BTreeSet<usize>> = whole.map(|(place, _)| [place].into()).collect();
        match (whole.is_empty(), set.iter().map(fills).collect::<Option<BTreeSet<usize>>>()) {
            (false, _) => filled.extend(whole),
            (true, Some(parts)) => filled.push(parts),
            (true, None) => {}
        }
    }
    let columns = days.into_iter().map(|day| day.map(|day| day.column)).collect();
    Rows { columns, filled, known: Vec::new(), ..rows }
}
