//! Because of which files partitions of a model changed.
//!
//! A run knows the event dates of the rows it landed, and of which files they are. Where a partition is a day, month or year, its
//! files are those with rows of these dates; a day more on both sides is looked at where there are none, since a model may cut
//! days in another time zone than its source. What else a partition may be is no matter of dates: then all files count.

use chrono::{Days, NaiveDate};
use cxmill_ledger::{Epoch, PublishedFile};
use cxmill_spec::Model;

use crate::partition::Period;
use crate::report::{ChangedPartition, SomeFiles, SourceReport};

/// Changed partitions that a report names.
const NAMED: usize = 5;

/// The first partitions that changed, with the files that these sources got.
pub(super) fn changed(
    model: &Model,
    before: &[PublishedFile],
    after: &[PublishedFile],
    epoch: Epoch,
    sources: &[&SourceReport],
) -> Vec<ChangedPartition> {
    let written = after.iter().filter(|file| file.epoch == epoch);
    let removed = before.iter().filter(|old| !after.iter().any(|new| new.published == old.published));
    let mut partitions: Vec<&str> = written.chain(removed).map(|file| file.published.as_str()).collect();
    partitions.sort_unstable();
    partitions.truncate(NAMED);
    let of = |partition: &str| ChangedPartition {
        partition: partition.to_owned(),
        because_of: files(period(model, partition), sources),
    };
    partitions.into_iter().map(of).collect()
}

fn files(period: Option<(NaiveDate, NaiveDate)>, sources: &[&SourceReport]) -> SomeFiles {
    let within = |first: NaiveDate, last: NaiveDate| {
        let mut files = SomeFiles::default();
        for source in sources {
            source.dates.range(first..=last).for_each(|(_, of)| files.extend(of));
        }
        files
    };
    let day = Days::new(1);
    let spans = period.into_iter().flat_map(|(first, last)| {
        let wider = first.checked_sub_days(day).zip(last.checked_add_days(day));
        [Some((first, last)), wider]
    });
    let mut spans = spans.flatten().chain([(NaiveDate::MIN, NaiveDate::MAX)]);
    spans
        .find_map(|(first, last)| Some(within(first, last)).filter(|files| !files.files.is_empty()))
        .unwrap_or_default()
}

/// First and last day of a partition that is a period.
fn period(model: &Model, partition: &str) -> Option<(NaiveDate, NaiveDate)> {
    let by = model.output.partition_by.iter().find(|by| by.granularity.is_some())?;
    let period = partition.split('/').find_map(|folder| Period::named(by, folder))?;
    NaiveDate::from_epoch_days(period.first).zip(NaiveDate::from_epoch_days(period.last))
}
