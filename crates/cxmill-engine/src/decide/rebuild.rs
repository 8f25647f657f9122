//! Which landed rows a model takes that is built anew, and in which batches.
//!
//! A rebuild takes the rows that were landed when it began, in the order of their event dates, so that the states of a
//! partition are combined in as few batches as possible. Landed files never change and those that come later have a later
//! epoch, so the last file taken tells what is left, whoever goes on. Where more than a batch landed meanwhile, those rows
//! are taken in the same way.

use cxmill_ledger::{Epoch, LandedFile, Rebuild, SourceState, Taken};

use super::only_added;

/// Cuts a list into runs of at most `max_bytes` and at least one element.
pub(crate) fn batches<T>(list: &[T], bytes_of: impl Fn(&T) -> u64, max_bytes: u64) -> Vec<&[T]> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0_u64);
    for (index, element) in list.iter().enumerate() {
        if index > start && bytes.saturating_add(bytes_of(element)) > max_bytes {
            batches.extend(list.get(start..index));
            (start, bytes) = (index, 0);
        }
        bytes = bytes.saturating_add(bytes_of(element));
    }
    batches.extend(list.get(start..).filter(|rest| !rest.is_empty()));
    batches
}

/// The rebuild that is under way, where it is of use: it builds the very same query, and nothing that it took was dropped
/// since.
pub(crate) fn under_way<'a>(
    fingerprint: &str,
    rebuild: Option<&'a Rebuild>,
    source: Option<&SourceState>,
) -> Option<&'a Rebuild> {
    let (rebuild, source) = (rebuild?, source?);
    (rebuild.fingerprint == fingerprint && only_added(source, rebuild.position)).then_some(rebuild)
}

/// A rebuild that takes all rows which landed up to `position`.
pub(crate) fn begin(fingerprint: &str, position: Epoch) -> Rebuild {
    let fingerprint = fingerprint.to_owned();
    Rebuild { fingerprint, after: None, position, taken: None, batches: 0, bytes: 0, states: Vec::new() }
}

/// The same rebuild with all that landed up to `position`, once it took what was landed when it began.
pub(crate) fn go_on(rebuild: Rebuild, position: Epoch) -> Rebuild {
    Rebuild { after: Some(rebuild.position), position, taken: None, ..rebuild }
}

/// Landed files that a rebuild has yet to take, in the order in which it takes them.
pub(crate) fn left(landed: &[LandedFile], rebuild: &Rebuild) -> Vec<LandedFile> {
    let due = |file: &&LandedFile| file.epoch() > rebuild.after && file.epoch() <= Some(rebuild.position);
    let taken = |file: &LandedFile| rebuild.taken.as_ref().is_some_and(|last| place(file) <= *last);
    let mut left: Vec<LandedFile> = landed.iter().filter(due).filter(|file| !taken(file)).cloned().collect();
    left.sort_by_cached_key(place);
    left
}

/// Landed files that a model reads whose states are made anew: all, or what a rebuild that is under way leaves.
pub(crate) fn reads(landed: &[LandedFile], begun: Option<&Rebuild>) -> Vec<LandedFile> {
    let Some(rebuild) = begun else { return landed.to_vec() };
    let later = landed.iter().filter(|file| file.epoch() > Some(rebuild.position)).cloned();
    left(landed, rebuild).into_iter().chain(later).collect()
}

/// Where a rebuild stands once it took this file.
pub(crate) fn place(file: &LandedFile) -> Taken {
    Taken { date: file.date, name: file.name.clone() }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use cxmill_ledger::{Names, RunId};
    use proptest::prelude::*;

    use super::*;

    fn file(epoch: u64, day: u32, n: usize, bytes: u64) -> LandedFile {
        let names = Names { epoch: Epoch(epoch), run: RunId("r".to_owned()) };
        let date = NaiveDate::from_ymd_opt(2026, 1, day).unwrap();
        LandedFile { name: names.landed("orders", date, n), date, rows: 1, bytes }
    }

    #[test]
    fn a_rebuild_is_of_use_for_its_own_query_while_its_rows_stand() {
        let rebuild = begin("f", Epoch(3));
        let source = SourceState { added_since: Epoch(3), ..SourceState::default() };
        let dropped = SourceState { added_since: Epoch(4), ..source.clone() };
        assert_eq!(under_way("f", Some(&rebuild), Some(&source)), Some(&rebuild));
        assert_eq!(under_way("g", Some(&rebuild), Some(&source)), None, "changed again");
        assert_eq!(under_way("f", Some(&rebuild), Some(&dropped)), None, "rows were dropped");
        let [before, since] = [3, 4]
            .map(|epoch| SourceState { dropped_on: [(NaiveDate::default(), Epoch(epoch))].into(), ..source.clone() });
        assert_eq!(under_way("f", Some(&rebuild), Some(&before)), Some(&rebuild));
        assert_eq!(under_way("f", Some(&rebuild), Some(&since)), None, "rows of a day were replaced");
        assert_eq!(under_way("f", Some(&rebuild), None), None);
        assert_eq!(under_way("f", None, Some(&source)), None);
    }

    #[test]
    fn batches_go_by_event_date_and_leave_what_landed_later() {
        let landed = [file(2, 9, 0, 1), file(1, 7, 0, 1), file(3, 1, 0, 1), file(2, 7, 0, 1)];
        let rebuild = begin("f", Epoch(2));
        let days = |files: &[LandedFile]| files.iter().map(|file| file.date.to_string()).collect::<Vec<_>>();
        assert_eq!(days(&left(&landed, &rebuild)), ["2026-01-07", "2026-01-07", "2026-01-09"]);
        let half = Rebuild { taken: Some(place(&landed[1])), ..rebuild };
        assert_eq!(left(&landed, &half), [landed[3].clone(), landed[0].clone()]);
        assert_eq!(days(&reads(&landed, Some(&half))), ["2026-01-07", "2026-01-09", "2026-01-01"]);
        assert_eq!(days(&left(&landed, &go_on(half, Epoch(3)))), ["2026-01-01"]);
        assert_eq!(reads(&landed, None).len(), 4);
    }

    proptest! {
        /// Whatever batches were done when a run ended, and whatever lands meanwhile, each file is taken once.
        #[test]
        fn each_file_is_taken_once_however_often_it_is_resumed(
            files in proptest::collection::vec((1..5_u64, 1..6_u32, 0..50_u64), 0..40),
            max_bytes in 1..120_u64,
            stops in proptest::collection::vec(1..4_usize, 0..20),
            later in proptest::collection::vec((5..9_u64, 1..6_u32), 0..10),
        ) {
            let landed: Vec<LandedFile> =
                files.iter().enumerate().map(|(n, (epoch, day, bytes))| file(*epoch, *day, n, *bytes)).collect();
            let mut all = landed.clone();
            let mut later = later.into_iter().enumerate();
            let (mut rebuild, mut taken) = (begin("f", Epoch(4)), Vec::new());
            // The last run goes to the end.
            for stop in stops.into_iter().chain([usize::MAX]) {
                let left = left(&all, &rebuild);
                for batch in batches(&left, |file| file.bytes, max_bytes).into_iter().take(stop) {
                    let bytes: u64 = batch.iter().map(|file| file.bytes).sum();
                    prop_assert!(bytes <= max_bytes || batch.len() == 1);
                    rebuild.taken = batch.last().map(place);
                    taken.extend(batch.to_vec());
                }
                all.extend(later.next().map(|(n, (epoch, day))| file(epoch, day, 100 + n, 1)));
            }
            prop_assert!(taken.is_sorted_by_key(|file| file.date));
            let mut once = landed;
            once.sort_by_cached_key(place);
            prop_assert_eq!(taken, once);
        }
    }
}
