//! Which partitions and which of their days new rows touch by their dates, which dates these need, and how many partitions go into
//! one query. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate, Weekday};
use cxmill_ledger::{Epoch, LandedFile, PublishedFile};
use cxmill_spec::{Model, PartitionBy};

use crate::compile::dates::{Dates, Reach, Snap};
use crate::partition::Period;

/// The most days of a partition.
const LONGEST: i32 = 366;

/// How many times the bytes of a partition its slices may read in all.
const MOST_READ_AGAIN: u64 = 3;

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

/// Partitions that rows touch, each with those of its days that they touch.
pub(crate) type TouchedDays = BTreeMap<Period, BTreeSet<i32>>;

/// A partition, or some of its days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// The partition.
    pub(crate) period: Period,
    /// The days of which rows are computed, where those of its others stay as they are.
    days: Option<BTreeSet<i32>>,
}

/// Partitions that one query computes, and the files it needs of each source and model whose dates count.
#[derive(Debug, Default)]
pub(crate) struct Group<'a> {
    pub(crate) parts: Vec<Part>,
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

    /// The folder of a published file that tells its partition.
    pub(crate) fn folder<'f>(&self, file: &'f PublishedFile) -> Option<&'f str> {
        file.published.split('/').nth(self.dates.key)
    }

    /// Sources and models whose dates tell which partitions their rows touch.
    pub(crate) fn dated(&self) -> impl Iterator<Item = &'a str> {
        let within =
            |(source, reach): (&'a String, &Reach)| matches!(reach, Reach::Within(_)).then_some(source.as_str());
        self.dates.needs.iter().filter_map(within)
    }

    /// The days, by their partitions, that rows touch which a model has not seen, and those of event dates whose rows were dropped
    /// or replaced since: after these epochs, or all where there is none.
    pub(crate) fn touched(
        &self,
        given: &Given<'_>,
        dropped: &Dropped<'_>,
        after: Option<&BTreeMap<&str, Epoch>>,
    ) -> TouchedDays {
        let mut touched = TouchedDays::new();
        for (source, files) in given {
            let seen = after.and_then(|after| after.get(source)).copied();
            let new = files.iter().filter(|file| after.is_none() || file.epoch() > seen).map(DatedFile::days);
            let dropped = dropped.get(source).into_iter().flat_map(|dropped| dropped.iter());
            let dropped = dropped.filter(|(_, epoch)| after.is_some() && Some(**epoch) > seen);
            let dropped = dropped.map(|(date, _)| (date.to_epoch_days(), date.to_epoch_days()));
            let dates: BTreeSet<(i32, i32)> = new.chain(dropped).collect();
            let days: BTreeSet<i32> = dates.into_iter().flat_map(|dates| self.touched_by(source, dates)).collect();
            for day in days {
                if let Some(period) = Period::of(self.by, day) {
                    touched.entry(period).or_default().insert(day);
                }
            }
        }
        touched
    }

    /// The days in whose rows those of these dates, both ends with them, can have a part.
    pub(super) fn touched_by(&self, source: &str, (first, last): (i32, i32)) -> BTreeSet<i32> {
        let Some(Reach::Within(reach)) = self.dates.needs.get(source) else { return BTreeSet::new() };
        let days = first.saturating_sub(reach.to)..=last.saturating_sub(reach.from);
        days.filter(|day| self.can_be(*day)).collect()
    }

    /// These partitions, all of their days.
    pub(crate) fn whole(&self, touched: TouchedDays) -> Vec<Part> {
        touched.into_keys().map(|period| Part { period, days: None }).collect()
    }

    /// The touched days of these partitions alone.
    pub(crate) fn days_of(&self, touched: TouchedDays) -> Vec<Part> {
        let part = |(period, days): (Period, BTreeSet<i32>)| {
            let some = (period.first..=period.last).any(|day| self.can_be(day) && !days.contains(&day));
            Part { period, days: some.then_some(days) }
        };
        touched.into_iter().map(part).collect()
    }

    /// Whether the column can be this day.
    pub(super) fn can_be(&self, day: i32) -> bool {
        let date = || NaiveDate::from_epoch_days(day);
        match self.dates.snap {
            Snap::Day => true,
            Snap::Week => date().is_some_and(|date| date.weekday() == Weekday::Mon),
            Snap::Month => date().is_some_and(|date| date.day() == 1),
            Snap::Quarter => date().is_some_and(|date| date.day() == 1 && date.month0() % 3 == 0),
            Snap::Year => date().is_some_and(|date| date.ordinal() == 1),
        }
    }

    /// The dates of a source or model that the rows of these days need, the first and the last.
    fn needed(&self, source: &str, (first, last): (i32, i32)) -> Option<(i32, i32)> {
        let Some(Reach::Within(reach)) = self.dates.needs.get(source) else { return None };
        let earliest = (first..=last).find(|day| self.can_be(*day))?;
        let latest = (first..=last).rev().find(|day| self.can_be(*day))?;
        Some((earliest.saturating_add(reach.from), latest.saturating_add(reach.to)))
    }

    /// Cuts partitions, in order, into groups that need at most so many bytes of rows, and at least one partition each.
    pub(crate) fn groups(&self, parts: Vec<Part>, given: &Given<'a>, max_bytes: u64) -> Vec<Group<'a>> {
        let by_first: BTreeMap<&'a str, ByFirst<'_>> = given
            .iter()
            .map(|(source, files)| {
                let mut by_first = ByFirst::new();
                files.iter().enumerate().for_each(|file| by_first.entry(file.1.days().0).or_default().push(file));
                (*source, by_first)
            })
            .collect();
        let mut groups: Vec<Group<'a>> = Vec::new();
        // What the open group has of each source.
        let mut taken: BTreeSet<(&'a str, usize)> = BTreeSet::new();
        let mut bytes = 0_u64;
        for part in parts {
            let needed = self.files(&by_first, &part);
            let more = |taken: &BTreeSet<(&'a str, usize)>| {
                let more = needed.iter().filter(|(name, _)| !taken.contains(name));
                more.map(|(_, file)| file.bytes()).sum::<u64>()
            };
            if groups.is_empty() || (bytes > 0 && bytes.saturating_add(more(&taken)) > max_bytes) {
                groups.push(Group::default());
                (taken, bytes) = (BTreeSet::new(), 0);
            }
            bytes = bytes.saturating_add(more(&taken));
            if let Some(group) = groups.last_mut() {
                for ((source, number), file) in needed {
                    if taken.insert((source, number)) {
                        group.files.entry(source).or_default().push(file.clone());
                    }
                }
                group.parts.push(part);
            }
        }
        groups
    }

    /// The days of a group of one partition that needs more bytes of rows than these, in groups that need no more, where days allow it.
    /// None where it needs less, or where one day needs so much of what others need that the rows would be read over and over.
    pub(crate) fn slices(&self, group: &Group<'a>, max_bytes: u64) -> Vec<Group<'a>> {
        let [part] = group.parts.as_slice() else { return Vec::new() };
        let needed = group.bytes();
        if needed <= max_bytes {
            return Vec::new();
        }
        let days = part.runs().into_iter().flat_map(|(first, last)| first..=last).filter(|day| self.can_be(*day));
        let day = |day: i32| Part { period: part.period.clone(), days: Some(BTreeSet::from([day])) };
        let slices = self.groups(days.map(day).collect(), &group.files, max_bytes);
        let read: u64 = slices.iter().map(Group::bytes).sum();
        if slices.len() > 1 && read <= needed.saturating_mul(MOST_READ_AGAIN) { slices } else { Vec::new() }
    }

    /// The files that a partition needs, by source and number.
    fn files<'f>(
        &self,
        by_first: &BTreeMap<&'a str, ByFirst<'f>>,
        part: &Part,
    ) -> BTreeMap<(&'a str, usize), &'f DatedFile> {
        let mut needed = BTreeMap::new();
        for source in self.dated() {
            let Some(by_first) = by_first.get(source) else { continue };
            for (first, last) in part.runs().into_iter().filter_map(|run| self.needed(source, run)) {
                // A file may begin before the days that are needed of it.
                let files = by_first.range(first.saturating_sub(LONGEST)..=last).flat_map(|(_, files)| files);
                let files = files.filter(|(_, file)| file.days().1 >= first);
                needed.extend(files.map(|(number, file)| ((source, *number), *file)));
            }
        }
        needed
    }
}

/// Files, numbered, by the first day of their rows.
type ByFirst<'f> = BTreeMap<i32, Vec<(usize, &'f DatedFile)>>;

impl Part {
    /// Whether rows of other days of the partition stay as they are.
    pub(crate) fn is_partial(&self) -> bool {
        self.days.is_some()
    }

    /// The days whose rows are computed, as runs of days without a gap.
    fn runs(&self) -> Vec<(i32, i32)> {
        match &self.days {
            None => vec![(self.period.first, self.period.last)],
            Some(days) => joined(days.iter().map(|day| (*day, *day))),
        }
    }
}

impl Group<'_> {
    /// Bytes of the files that it needs.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.values().flatten().map(DatedFile::bytes).sum()
    }

    /// The days whose rows are computed, as runs of days without a gap.
    pub(crate) fn runs(&self) -> Vec<(i32, i32)> {
        joined(self.parts.iter().flat_map(Part::runs))
    }
}

/// Runs of days, in order, without a border between two that adjoin.
fn joined(runs: impl Iterator<Item = (i32, i32)>) -> Vec<(i32, i32)> {
    let mut joined: Vec<(i32, i32)> = Vec::new();
    for (first, last) in runs {
        match joined.last_mut() {
            Some((_, end)) if end.saturating_add(1) == first => *end = last,
            _ => joined.push((first, last)),
        }
    }
    joined
}
