//! Which partitions event dates touch, which event dates a partition needs, and how many partitions go into one query. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate, Weekday};
use cxmill_ledger::{Epoch, LandedFile};
use cxmill_spec::{Model, PartitionBy};

use crate::compile::dates::{Dates, Reach, Snap};
use crate::partition::Period;

/// Landed files of each source whose event dates count.
pub(crate) type Landed<'a> = BTreeMap<&'a str, Vec<LandedFile>>;

/// Event dates of each such source whose landed rows were dropped or replaced, with the epoch in which that was done last.
pub(crate) type Dropped<'a> = BTreeMap<&'a str, &'a BTreeMap<NaiveDate, Epoch>>;

/// The partitions of a model whose rows belong to dates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut<'a> {
    dates: &'a Dates,
    by: &'a PartitionBy,
}

/// Partitions that one query computes, and the landed files it needs of each source whose event dates count.
#[derive(Debug, Default)]
pub(crate) struct Group<'a> {
    pub(crate) periods: Vec<Period>,
    pub(crate) files: Landed<'a>,
}

impl<'a> Cut<'a> {
    /// The partitions of a model; none where it has none by date.
    pub(crate) fn new(model: &'a Model, dates: &'a Dates) -> Option<Self> {
        Some(Self::over(dates, model.output.partition_by.get(dates.key)?))
    }

    pub(super) fn over(dates: &'a Dates, by: &'a PartitionBy) -> Self {
        Self { dates, by }
    }

    /// The column that the partitions are made of.
    pub(crate) fn column(&self) -> &'a str {
        &self.by.column
    }

    /// Sources whose event dates tell which partitions their rows touch.
    pub(crate) fn dated(&self) -> impl Iterator<Item = &'a str> {
        let within =
            |(source, reach): (&'a String, &Reach)| matches!(reach, Reach::Within(_)).then_some(source.as_str());
        self.dates.needs.iter().filter_map(within)
    }

    /// The partitions that landed rows touch which a model has not seen, and those of event dates whose rows were dropped or
    /// replaced since: after these epochs, or all where there is none.
    pub(crate) fn touched(
        &self,
        landed: &Landed<'_>,
        dropped: &Dropped<'_>,
        after: Option<&BTreeMap<&str, Epoch>>,
    ) -> BTreeSet<Period> {
        let mut periods = BTreeSet::new();
        for (source, files) in landed {
            let seen = after.and_then(|after| after.get(source)).copied();
            let new = files.iter().filter(|file| after.is_none() || file.epoch() > seen).map(|file| file.date);
            let dropped = dropped.get(source).into_iter().flat_map(|dropped| dropped.iter());
            let dropped = dropped.filter(|(_, epoch)| after.is_some() && Some(**epoch) > seen).map(|(date, _)| *date);
            let dates: BTreeSet<NaiveDate> = new.chain(dropped).collect();
            periods.extend(dates.into_iter().flat_map(|date| self.touched_by(source, date)));
        }
        periods
    }

    /// The partitions that rows of one event date can have a part in.
    pub(crate) fn touched_by(&self, source: &str, date: NaiveDate) -> BTreeSet<Period> {
        let Some(Reach::Within(reach)) = self.dates.needs.get(source) else { return BTreeSet::new() };
        let date = date.to_epoch_days();
        let days = date.saturating_sub(reach.to)..=date.saturating_sub(reach.from);
        days.filter(|day| self.can_be(*day)).filter_map(|day| Period::of(self.by, day)).collect()
    }

    /// Whether the column can be this day.
    fn can_be(&self, day: i32) -> bool {
        let date = || NaiveDate::from_epoch_days(day);
        match self.dates.snap {
            Snap::Day => true,
            Snap::Week => date().is_some_and(|date| date.weekday() == Weekday::Mon),
            Snap::Month => date().is_some_and(|date| date.day() == 1),
            Snap::Quarter => date().is_some_and(|date| date.day() == 1 && date.month0() % 3 == 0),
            Snap::Year => date().is_some_and(|date| date.ordinal() == 1),
        }
    }

    /// The event dates of a source that a partition needs, the first and the last in days since 1970-01-01.
    fn needed(&self, source: &str, period: &Period) -> Option<(i32, i32)> {
        let Some(Reach::Within(reach)) = self.dates.needs.get(source) else { return None };
        let first = (period.first..=period.last).find(|day| self.can_be(*day))?;
        let last = (period.first..=period.last).rev().find(|day| self.can_be(*day))?;
        Some((first.saturating_add(reach.from), last.saturating_add(reach.to)))
    }

    /// Cuts partitions, in order, into groups that need at most so many bytes of landed rows, and at least one partition each.
    pub(crate) fn groups(&self, periods: BTreeSet<Period>, landed: &Landed<'a>, max_bytes: u64) -> Vec<Group<'a>> {
        let by_date: BTreeMap<&'a str, BTreeMap<i32, Vec<&LandedFile>>> = landed
            .iter()
            .map(|(source, files)| {
                let mut dates: BTreeMap<i32, Vec<&LandedFile>> = BTreeMap::new();
                files.iter().for_each(|file| dates.entry(file.date.to_epoch_days()).or_default().push(file));
                (*source, dates)
            })
            .collect();
        let mut groups: Vec<Group<'a>> = Vec::new();
        // The last event date of each source that the open group has.
        let mut taken: BTreeMap<&'a str, i32> = BTreeMap::new();
        let mut bytes = 0_u64;
        for period in periods {
            let more = self.files(&by_date, &period, &taken);
            let more_bytes = total(&more);
            let full = bytes.saturating_add(more_bytes) > max_bytes;
            let (more, more_bytes) = match groups.last() {
                Some(_) if !full => (more, more_bytes),
                _ => {
                    groups.push(Group::default());
                    (taken, bytes) = (BTreeMap::new(), 0);
                    let all = self.files(&by_date, &period, &taken);
                    let all_bytes = total(&all);
                    (all, all_bytes)
                }
            };
            bytes = bytes.saturating_add(more_bytes);
            for source in self.dated() {
                if let Some((_, last)) = self.needed(source, &period) {
                    let known = taken.entry(source).or_insert(last);
                    *known = (*known).max(last);
                }
            }
            if let Some(group) = groups.last_mut() {
                for (source, files) in more {
                    group.files.entry(source).or_default().extend(files.into_iter().cloned());
                }
                group.periods.push(period);
            }
        }
        groups
    }

    /// The files that a partition needs of dates that are not taken yet.
    fn files<'f>(
        &self,
        by_date: &BTreeMap<&'a str, BTreeMap<i32, Vec<&'f LandedFile>>>,
        period: &Period,
        taken: &BTreeMap<&'a str, i32>,
    ) -> Vec<(&'a str, Vec<&'f LandedFile>)> {
        let of = |source: &'a str| {
            let (first, last) = self.needed(source, period)?;
            let first = taken.get(source).map_or(first, |taken| first.max(taken.saturating_add(1)));
            let dates = by_date.get(source)?;
            let files = if first > last {
                Vec::new()
            } else {
                dates.range(first..=last).flat_map(|(_, files)| files.iter().copied()).collect()
            };
            Some((source, files))
        };
        self.dated().filter_map(of).collect()
    }
}

impl Group<'_> {
    /// The days of its partitions, as runs of days without a gap.
    pub(crate) fn runs(&self) -> Vec<(i32, i32)> {
        let mut runs: Vec<(i32, i32)> = Vec::new();
        for period in &self.periods {
            match runs.last_mut() {
                Some((_, last)) if last.saturating_add(1) == period.first => *last = period.last,
                _ => runs.push((period.first, period.last)),
            }
        }
        runs
    }
}

fn total(files: &[(&str, Vec<&LandedFile>)]) -> u64 {
    files.iter().flat_map(|(_, files)| files).map(|file| file.bytes).sum()
}
