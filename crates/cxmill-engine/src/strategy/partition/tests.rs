//! Which partitions dates touch, and what each needs.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use cxmill_ledger::{Epoch, LandedFile, Names, PublishedFile, RunId};
use cxmill_spec::{FileId, Granularity, PartitionBy, Span};
use proptest::prelude::*;

use super::cut::{Cut, DatedFile, Dropped, Given, Group, Part};
use crate::compile::dates::{Dates, Days, Reach, Snap};
use crate::partition::Period;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn by(granularity: Option<Granularity>) -> PartitionBy {
    PartitionBy { column: "day".to_owned(), granularity, span: Span { file: FileId(0), start: 0, end: 0 } }
}

fn within(from: i32, to: i32, snap: Snap) -> Dates {
    let needs = [("orders".to_owned(), Reach::Within(Days::new(from, to))), ("names".to_owned(), Reach::All)].into();
    let mut dates = Dates::default();
    (dates.snap, dates.needs) = (snap, needs);
    dates
}

fn names(epoch: u64) -> Names {
    Names { epoch: Epoch(epoch), run: RunId("0011".to_owned()) }
}

fn file(day: &str, epoch: u64, bytes: u64) -> DatedFile {
    let name = names(epoch).landed("orders", date(day), 0);
    DatedFile::Landed(LandedFile { name, date: date(day), rows: 1, bytes })
}

/// A partition of a published model.
fn part(granularity: Option<Granularity>, day: i32, epoch: u64, bytes: u64) -> DatedFile {
    let period = Period::of(&by(granularity), day).unwrap();
    let published = format!("{}/part-0.parquet", period.folder);
    let result = names(epoch).result("orders", &published);
    let content = String::new();
    let file = PublishedFile { published, result, rows: 1, bytes, content, epoch: Epoch(epoch), emptied_at: None };
    DatedFile::Published(file, period)
}

/// The days of a file, and what tells it from all others.
fn told(file: &DatedFile) -> ((i32, i32), &str) {
    match file {
        DatedFile::Landed(file) => ((file.date.to_epoch_days(), file.date.to_epoch_days()), file.name.as_str()),
        DatedFile::Published(file, period) => ((period.first, period.last), &file.published),
    }
}

fn folders(dates: &Dates, granularity: Option<Granularity>, day: &str) -> Vec<String> {
    let by = by(granularity);
    let given = [("orders", vec![file(day, 1, 1)])].into();
    let touched = Cut::over(dates, &by).touched(&given, &Dropped::new(), None);
    touched.into_keys().map(|period| period.folder).collect()
}

#[test]
fn a_date_touches_the_partitions_that_look_at_it() {
    let month = Some(Granularity::Month);
    assert_eq!(folders(&within(0, 0, Snap::Day), None, "2026-03-01"), ["day=2026-03-01"]);
    assert_eq!(folders(&within(0, 0, Snap::Day), month, "2026-03-01"), ["month=2026-03"]);
    // A row that looks a day back is touched by a row of the day before.
    assert_eq!(folders(&within(-1, 0, Snap::Day), None, "2026-03-01"), ["day=2026-03-01", "day=2026-03-02"]);
    assert_eq!(folders(&within(-1, 1, Snap::Day), month, "2026-03-01"), ["month=2026-02", "month=2026-03"]);
    // Months are named by their first day, so no other day can be one.
    assert_eq!(folders(&within(0, 30, Snap::Month), None, "2026-01-31"), ["day=2026-01-01"]);
    assert_eq!(folders(&within(0, 30, Snap::Month), Some(Granularity::Year), "2026-01-31"), ["year=2026"]);
    assert_eq!(folders(&within(0, 6, Snap::Week), None, "2026-01-04"), ["day=2025-12-29"]);
    assert_eq!(folders(&within(0, 91, Snap::Quarter), None, "2026-02-15"), ["day=2026-01-01"]);
    assert_eq!(folders(&within(0, 365, Snap::Year), None, "2026-12-31"), ["day=2026-01-01"]);
    let dates = within(0, 0, Snap::Day);
    let by = by(None);
    assert!(Cut::over(&dates, &by).touched_by("names", (20_000, 20_000)).is_empty(), "it has no dates that tell");
}

#[test]
fn only_what_was_not_seen_touches_anything() {
    let (dates, by) = (within(0, 0, Snap::Day), by(None));
    let cut = Cut::over(&dates, &by);
    let landed: Given<'_> = [("orders", vec![file("2026-01-01", 3, 1), file("2026-01-02", 4, 1)])].into();
    let folders = |dropped: &[(&str, u64)], after: Option<&BTreeMap<&str, Epoch>>| {
        let dropped = dropped.iter().map(|(day, epoch)| (date(day), Epoch(*epoch))).collect();
        let touched = cut.touched(&landed, &[("orders", &dropped)].into(), after);
        touched.into_keys().map(|period| period.folder).collect::<Vec<_>>()
    };
    let seen = [("orders", Epoch(3))].into();
    assert_eq!(folders(&[], Some(&seen)), ["day=2026-01-02"]);
    assert_eq!(folders(&[], None), ["day=2026-01-01", "day=2026-01-02"]);
    let dropped = [("2026-01-04", 3), ("2026-01-05", 4)];
    assert_eq!(folders(&dropped, Some(&seen)), ["day=2026-01-02", "day=2026-01-05"], "its last rows were dropped");
    assert_eq!(folders(&dropped, None), ["day=2026-01-01", "day=2026-01-02"], "there is nothing of it to take away");
}

#[test]
fn a_changed_partition_of_a_model_touches_those_that_look_at_one_of_its_days() {
    let january = date("2026-01-15").to_epoch_days();
    let month = Some(Granularity::Month);
    let parts: Given<'_> = [("orders", vec![part(month, january, 3, 1), part(month, january + 31, 4, 1)])].into();
    let folders = |from, to, granularity| {
        let (dates, by) = (within(from, to, Snap::Day), by(granularity));
        let seen = [("orders", Epoch(3))].into();
        let touched = Cut::over(&dates, &by).touched(&parts, &Dropped::new(), Some(&seen));
        touched.into_keys().map(|period| period.folder).collect::<Vec<_>>()
    };
    assert_eq!(folders(0, 0, month), ["month=2026-02"]);
    assert_eq!(folders(-1, 0, month), ["month=2026-02", "month=2026-03"]);
    assert_eq!(folders(0, 0, Some(Granularity::Year)), ["year=2026"]);
    assert_eq!(folders(0, 1, None).len(), 29, "the last day of January looks at the first of February");
}

fn snap() -> impl Strategy<Value = Snap> {
    prop_oneof![Just(Snap::Day), Just(Snap::Week), Just(Snap::Month), Just(Snap::Quarter), Just(Snap::Year)]
}

fn granularity() -> impl Strategy<Value = Option<Granularity>> {
    let all = [Granularity::Day, Granularity::Month, Granularity::Year];
    proptest::option::of(proptest::sample::select(all.to_vec()))
}

proptest! {
    /// Every partition that a date touches is given that date's files, and groups share nothing out twice and lose nothing.
    #[test]
    fn groups_hold_what_their_partitions_need(
        granularity in granularity(),
        (is_model, of_model) in (any::<bool>(), granularity()),
        (from, width) in (-40..40_i32, 0..40_i32),
        snap in snap(),
        days in proptest::collection::btree_set(20_000..20_400_i32, 0..40),
        max_bytes in 1..2_000_u64,
        is_whole in any::<bool>(),
    ) {
        let (dates, by) = (within(from, from + width, snap), by(granularity));
        let cut = Cut::over(&dates, &by);
        let day = |day: i32| NaiveDate::from_epoch_days(day).unwrap().to_string();
        let files: Vec<DatedFile> = if is_model {
            let parts = days.iter().map(|number| part(of_model, *number, 1, 100));
            let parts: BTreeMap<String, DatedFile> = parts.map(|file| (told(&file).1.to_owned(), file)).collect();
            parts.into_values().collect()
        } else {
            days.iter().map(|number| file(&day(*number), 1, 100)).collect()
        };
        let all = files.clone();
        let landed: Given<'_> = [("orders", files)].into();
        let touched = cut.touched(&landed, &Dropped::new(), None);
        let days: BTreeSet<i32> = touched.values().flatten().copied().collect();
        let periods: Vec<Period> = touched.keys().cloned().collect();
        let parts = if is_whole { cut.whole(touched) } else { cut.days_of(touched) };
        let groups = cut.groups(parts.clone(), &landed, max_bytes);
        let grouped: Vec<_> = groups.iter().flat_map(|group| group.parts.iter().cloned()).collect();
        prop_assert_eq!(&grouped, &parts);
        prop_assert_eq!(parts.into_iter().map(|part| part.period).collect::<Vec<_>>(), periods);
        for group in &groups {
            let files = &group.files["orders"];
            let names: BTreeSet<_> = files.iter().map(|file| told(file).1).collect();
            prop_assert_eq!(names.len(), files.len());
            prop_assert!(group.parts.len() == 1 || files.len() as u64 * 100 <= max_bytes);
            let inside = |day: i32| group.runs().iter().any(|(first, last)| (*first..=*last).contains(&day));
            for (dates, name) in all.iter().map(told) {
                let touches = cut.touched_by("orders", dates).into_iter().any(inside);
                prop_assert!(!touches || names.contains(name), "{} in {:?}", name, group.parts);
            }
            for Part { period, .. } in &group.parts {
                let touched = |day: &i32| is_whole || days.contains(day);
                let computed = (period.first..=period.last).filter(|day| cut.can_be(*day) && touched(day));
                prop_assert!(computed.clone().count() > 0);
                prop_assert!(computed.into_iter().all(inside));
            }
            // Days that no date touches are computed where all of a partition is, and nowhere else.
            let of_no_date = group.runs().iter().flat_map(|(first, last)| *first..=*last).any(|day| !days.contains(&day));
            let whole = group.parts.iter().any(|part| !part.is_partial());
            prop_assert!(whole || !of_no_date);
            let slices = cut.slices(group, max_bytes);
            if slices.is_empty() {
                continue;
            }
            // Slices are of a partition that is too large, share its days out, and each has the files that its days need.
            prop_assert!(group.parts.len() == 1 && files.len() as u64 * 100 > max_bytes && slices.len() > 1);
            let days = |group: &Group<'_>| {
                let days = group.runs().into_iter().flat_map(|(first, last)| first..=last);
                days.filter(|day| cut.can_be(*day)).collect::<Vec<_>>()
            };
            prop_assert_eq!(slices.iter().flat_map(days).collect::<Vec<_>>(), days(group));
            for slice in &slices {
                let held = slice.files.get("orders").map_or(&[][..], Vec::as_slice);
                let needs = |day: i32| held.iter().all(|file| cut.touched_by("orders", told(file).0).contains(&day));
                prop_assert!(held.len() as u64 * 100 <= max_bytes || days(slice).into_iter().any(needs), "one day needs so much");
                let held: BTreeSet<_> = held.iter().map(|file| told(file).1).collect();
                let inside = |day: i32| slice.runs().iter().any(|(first, last)| (*first..=*last).contains(&day));
                for (dates, name) in all.iter().map(told) {
                    let touches = cut.touched_by("orders", dates).into_iter().any(inside);
                    prop_assert!(!touches || held.contains(name), "{} in {:?}", name, slice.parts);
                }
            }
        }
    }
}

#[test]
fn days_that_need_the_same_rows_are_not_read_one_by_one() {
    let days = |from: i32| {
        let (dates, by) = (within(from, 0, Snap::Day), by(Some(Granularity::Month)));
        let cut = Cut::over(&dates, &by);
        let files = (1..=31).map(|day| file(&format!("2026-01-{day:02}"), 1, 100)).collect();
        let landed: Given<'_> = [("orders", files)].into();
        let groups = cut.groups(cut.whole(cut.touched(&landed, &Dropped::new(), None)), &landed, 400);
        cut.slices(&groups[0], 400).iter().map(|slice| slice.files["orders"].len()).collect::<Vec<_>>()
    };
    assert_eq!(days(0), [4, 4, 4, 4, 4, 4, 4, 3]);
    assert_eq!(days(-1), [4; 10], "three days, and the day before");
    assert_eq!(days(-3).len(), 0, "each day takes four, which is more than three times all of them");
}
