//! Which partitions new rows touch by their dates, which dates a partition needs, and how many partitions go into one query. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate, Weekday};
use cxmill_ledger::{Epoch, LandedFile, PublishedFile};
use cxmill_spec::{Model, PartitionBy};

use crate::compile::dates::{Dates, Reach, Snap};
use crate::partition::Period;

/// The most days of a partition.
const LONGEST: i32 = 366;

/// A file of which it is known which days its rows are of.
#[derive(Debug, Clone)]
pub(crate) enum DatedFile {
    /// Landed rows of one event date.
    Landed(LandedFile),
    /// A partition of a published model.
    Published(PublishedFile, Period),
}

impl DatedFile {
    /// The first and the last of these days, since 1970-01-01.
    fn days(&self) -> (i32, i32) {
        match self {
            Self::Landed(file) => (file.date.to_epoch_days(), file.date.to_epoch_days()),
            Self::Published(_, period) => (period.first, period.last),
        }
    }

    /// Epoch that made it.
    fn epoch(&self) -> Option<Epoch> {
        match self {
            Self::Landed(file) => file.epoch(),
            Self::Published(file, _) => Some(file.epoch),
        }
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> u64 {
        match self {
            Self::Landed(file) => file.bytes,
            Self::Published(file, _) => file.bytes,
        }
    }
}

/// Files of each source and model whose dates count.
pub(crate) type Given<'a> = BTreeMap<&'a str, Vec<DatedFile>>;

/// Event dates of each such source whose landed rows were dropped or replaced, with the epoch in which that was done last.
pub(crate) type Dropped<'a> = BTreeMap<&'a str, &'a BTreeMap<NaiveDate, Epoch>>;

/// The partitions of a model whose rows belong to dates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut<'a> {
    dates: &'a Dates,
    by: &'a PartitionBy,
}

/// Partitions that one query computes, and the files it needs of each source and model whose dates count.
#[derive(Debug, Default)]
pub(crate) struct Group<'a> {
    pub(crate) periods: Vec<Period>,
    pub(crate) files: Given<'a>,
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

    /// Sources and models whose dates tell which partitions their rows touch.
    pub(crate) fn dated(&self) -> impl Iterator<Item = &'a str> {
        let within =
            |(source, reach): (&'a String, &Reach)| matches!(reach, Reach::Within(_)).then_some(source.as_str());
        self.dates.needs.iter().filter_map(within)
    }

    /// The partitions that rows touch which a model has not seen, and those of event dates whose rows were dropped or
    /// replaced since: after these epochs, or all where there is none.
    pub(crate) fn touched(
        &self,
        given: &Given<'_>,
        dropped: &Dropped<'_>,
        after: Option<&BTreeMap<&str, Epoch>>,
    ) -> BTreeSet<Period> {
        let mut periods = BTreeSet::new();
        for (source, files) in given {
            let seen = after.and_then(|after| after.get(source)).copied();
            let new = files.iter().filter(|file| after.is_none() || file.epoch() > seen).map(DatedFile::days);
            let dropped = dropped.get(source).into_iter().flat_map(|dropped| dropped.iter());
            let dropped = dropped.filter(|(_, epoch)| after.is_some() && Some(**epoch) > seen);
            let dropped = dropped.map(|(date, _)| (date.to_epoch_days(), date.to_epoch_days()));
            let days: BTreeSet<(i32, i32)> = new.chain(dropped).collect();
            periods.extend(days.into_iter().flat_map(|days| self.touched_by(source, days)));
        }
        periods
    }

    /// The partitions that rows of these days, both ends with them, can have a part in.
    pub(crate) fn touched_by(&self, source: &str, (first, last): (i32, i32)) -> BTreeSet<Period> {
        let Some(Reach::Within(reach)) = self.dates.needs.get(source) else { return BTreeSet::new() };
        let days = first.saturating_sub(reach.to)..=last.saturating_sub(reach.from);
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

    /// The days of a source or model that a partition needs, the first and the last since 1970-01-01.
    fn needed(&self, source: &str, period: &Period) -> Option<(i32, i32)> {
        let Some(Reach::Within(reach)) = self.dates.needs.get(source) else { return None };
        let first = (period.first..=period.last).find(|day| self.can_be(*day))?;
        let last = (period.first..=period.last).rev().find(|day| self.can_be(*day))?;
        Some((first.saturating_add(reach.from), last.saturating_add(reach.to)))
    }

    /// Cuts partitions, in order, into groups that need at most so many bytes of rows, and at least one partition each.
    pub(crate) fn groups(&self, periods: BTreeSet<Period>, given: &Given<'a>, max_bytes: u64) -> Vec<Group<'a>> {
        let by_date: BTreeMap<&'a str, ByFirst<'_>> = given
            .iter()
            .map(|(source, files)| {
                let mut dates = ByFirst::new();
                files.iter().for_each(|file| dates.entry(file.days().0).or_default().push(file));
                (*source, dates)
            })
            .collect();
        let mut groups: Vec<Group<'a>> = Vec::new();
        // The last day of each source that the open group has: all files that begin by then are in it.
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

    /// The files that a partition needs and that are not taken yet.
    fn files<'f>(
        &self,
        by_date: &BTreeMap<&'a str, ByFirst<'f>>,
        period: &Period,
        taken: &BTreeMap<&'a str, i32>,
    ) -> Vec<(&'a str, Vec<&'f DatedFile>)> {
        let of = |source: &'a str| {
            let (first, last) = self.needed(source, period)?;
            // A file may begin before the days that are needed of it.
            let begins = first.saturating_sub(LONGEST);
            let begins = taken.get(source).map_or(begins, |taken| begins.max(taken.saturating_add(1)));
            let dates = by_date.get(source)?;
            let files = if begins > last {
                Vec::new()
            } else {
                let files = dates.range(begins..=last).flat_map(|(_, files)| files.iter().copied());
                files.filter(|file| file.days().1 >= first).collect()
            };
            Some((source, files))
        };
        self.dated().filter_map(of).collect()
    }
}

/// Files by the first day of their rows.
type ByFirst<'f> = BTreeMap<i32, Vec<&'f DatedFile>>;

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

fn total(files: &[(&str, Vec<&DatedFile>)]) -> u64 {
    files.iter().flat_map(|(_, files)| files).map(|file| file.bytes()).sum()
}
