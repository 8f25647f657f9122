//! What is known of the rows that a part of a query gives: which of their columns are days that event dates follow from.
//!
//! Each row has days of its own, the *anchors*; a row of a source has one, its event date. What makes an anchor of use is
//! this: all rows of which it is some day are given from those landed rows alone that its [`Needs`] name, whatever else is
//! landed. Columns are known by how far an anchor lies from them, and that is true wherever the column is not NULL.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use datafusion::logical_expr::Expr;

use super::days::{Days, Needs, Reach, Snap};

/// Number of an anchor; no two in a query have the same one.
pub(super) type Anchor = usize;

/// Days between the calendars of two zones at one instant, at most: no zone was ever a whole day from UTC.
const ZONE_FROM_UTC: i32 = 1;

/// A column whose day is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    /// The zone whose calendar tells the day of an instant; none where the value is a day (a date, or its number).
    pub(super) zone: Option<Tz>,
    /// Which days it can be.
    pub(super) snap: Snap,
    /// How far each anchor lies from it.
    pub(super) offsets: BTreeMap<Anchor, Days>,
}

impl Column {
    /// An anchor itself.
    pub(super) fn of(anchor: Anchor, zone: Option<Tz>) -> Self {
        Self { zone, snap: Snap::Day, offsets: [(anchor, Days::SAME)].into() }
    }

    /// The same with other distances.
    fn each(&self, days: impl Fn(Days) -> Days) -> Self {
        let offsets = self.offsets.iter().map(|(anchor, offset)| (*anchor, days(*offset))).collect();
        Self { offsets, ..self.clone() }
    }

    /// The day of an instant in the calendar of a zone; `None` where the zone is not known before there are rows.
    pub(super) fn day_in(&self, zone: Option<Tz>) -> Self {
        let days = match self.zone {
            None => return self.clone(),
            Some(known) if Some(known) == zone => return Self { zone: None, ..self.clone() },
            Some(known) if known == Tz::UTC || zone == Some(Tz::UTC) => Days::around(ZONE_FROM_UTC),
            Some(_) => Days::around(2 * ZONE_FROM_UTC),
        };
        Self { zone: None, snap: Snap::Day, ..self.each(|offset| offset.plus(days)) }
    }

    /// An instant known by its day in UTC; of a day, its first instant there.
    pub(super) fn instant(&self) -> Self {
        Self { zone: Some(Tz::UTC), ..self.day_in(Some(Tz::UTC)) }
    }

    /// The first day of the period that it lies in.
    pub(super) fn first_of(&self, period: Snap) -> Self {
        if self.snap == period || period == Snap::Day {
            return self.clone();
        }
        Self { snap: period, ..self.each(|offset| offset.plus(period.days())) }
    }

    /// A value so many days later.
    pub(super) fn later(&self, days: Days) -> Self {
        Self { snap: Snap::Day, ..self.each(|offset| offset.minus(days)) }
    }

    /// How far this column lies from another one of the same rows, where an anchor tells.
    pub(super) fn from(&self, other: &Self) -> Option<Days> {
        let shared = |(anchor, offset): (&Anchor, &Days)| Some(other.offsets.get(anchor)?.minus(*offset));
        self.offsets.iter().filter_map(shared).reduce(Days::meet)
    }
}

/// Rows that a part of a query gives.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    /// What is known of each column.
    pub(super) columns: Vec<Option<Column>>,
    /// The days of a row, each with what the rows of one such day need.
    pub(super) anchors: BTreeMap<Anchor, Needs>,
    /// Columns of which at least one is not NULL in every row.
    pub(super) filled: Vec<BTreeSet<usize>>,
    /// Expressions over the columns that are known better than the columns tell, and the columns that fill them.
    pub(super) known: Vec<(Expr, Column, BTreeSet<usize>)>,
    /// Sources with event dates that are read.
    pub(super) sources: BTreeSet<String>,
}

impl Rows {
    /// Rows of which nothing is known but what they are made of.
    pub(super) fn unknown(columns: usize, sources: BTreeSet<String>) -> Self {
        Self { columns: vec![None; columns], sources, ..Self::default() }
    }

    /// Whether a column is never NULL.
    pub(super) fn is_filled(&self, column: usize) -> bool {
        self.filled.iter().any(|set| set.len() == 1 && set.contains(&column))
    }

    /// What the rows need in which a column is one day. Each anchor that tells is enough.
    pub(super) fn needs(&self, column: &Column) -> Needs {
        let by_anchor = |(anchor, offset): (&Anchor, &Days)| Some(self.anchors.get(anchor)?.shifted(*offset));
        let all = || Needs(self.sources.iter().map(|source| (source.clone(), Reach::All)).collect());
        column.offsets.iter().filter_map(by_anchor).reduce(|one, other| one.meet(&other)).unwrap_or_else(all)
    }

    /// Makes a day of the rows an anchor of its own; nothing is lost, and what lies at a fixed distance is known exactly.
    pub(super) fn anchor(&mut self, anchor: Anchor, day: &Column) {
        self.anchors.insert(anchor, self.needs(day));
        for column in self.columns.iter_mut().flatten() {
            if let Some(offset) = day.from(column) {
                column.offsets.insert(anchor, offset);
            }
        }
    }

    /// Counts a source as read whole by every row.
    pub(super) fn read_whole(&mut self, source: &str) {
        self.sources.insert(source.to_owned());
        for needs in self.anchors.values_mut() {
            needs.add(source, Reach::All);
        }
    }

    /// Keeps the anchors that `needs` knows, with what it makes of their needs.
    pub(super) fn keep(&mut self, mut needs: impl FnMut(Anchor, &Needs) -> Option<Needs>) {
        self.anchors = self.anchors.iter().filter_map(|(anchor, old)| Some((*anchor, needs(*anchor, old)?))).collect();
        let anchors = &self.anchors;
        let trim = |column: &mut Column| column.offsets.retain(|anchor, _| anchors.contains_key(anchor));
        self.columns.iter_mut().flatten().for_each(trim);
        self.known.iter_mut().for_each(|(_, column, _)| trim(column));
        self.columns.iter_mut().for_each(|column| {
            column.take_if(|column| column.offsets.is_empty());
        });
        self.known.retain(|(_, column, _)| !column.offsets.is_empty());
    }
}
