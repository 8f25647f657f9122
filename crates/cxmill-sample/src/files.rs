//! From waiting rows to the files of a day.

use std::io::Write;

use bytes::Bytes;
use flate2::{Compression, GzBuilder};

use crate::bucket::{Arrivals, Bucket, Entry};
use crate::calendar::Calendar;
use crate::encode::{CsvSink, JsonSink, ParquetSink};
use crate::rows::{FileFormat, Record};
use crate::sink::Sink;
use crate::{Object, SampleError};

/// A finished file of a source.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) source: &'static str,
    pub(crate) object: Object,
}

/// The rows of one day, taken out of the bucket.
pub(crate) struct Day {
    day: u32,
    encoders: Vec<Encoder>,
}

type Encoder = Box<dyn FnOnce(&Calendar) -> Result<File, SampleError> + Send>;

impl Day {
    /// Takes the rows of a day; their memory is free once the day is encoded.
    pub(crate) fn take(bucket: &mut Bucket, day: u32) -> Self {
        let mut taken = Self { day, encoders: Vec::new() };
        taken.add(&mut bucket.calls);
        taken.add(&mut bucket.campaign_costs);
        taken.add(&mut bucket.chats);
        taken.add(&mut bucket.deliveries);
        taken.add(&mut bucket.interactions);
        taken.add(&mut bucket.leaving_answers);
        taken.add(&mut bucket.mailings);
        taken.add(&mut bucket.order_lines);
        taken.add(&mut bucket.orders_online);
        taken.add(&mut bucket.orders_store);
        taken.add(&mut bucket.own_ratings);
        taken.add(&mut bucket.prospects);
        taken.add(&mut bucket.reviews);
        taken.add(&mut bucket.signups);
        taken.add(&mut bucket.subscriptions);
        taken.add(&mut bucket.answers);
        taken.add(&mut bucket.invitations);
        taken.add(&mut bucket.tickets);
        taken.add(&mut bucket.trials);
        taken
    }

    fn add<T: Record + 'static>(&mut self, arrivals: &mut Arrivals<T>) {
        let day = self.day;
        // A source that gets no row at all gets an empty file: a reader takes a folder that is not there for a mistake. Parquet
        // cannot: its columns are those of its rows.
        let may_be_empty = !matches!(T::FORMAT, FileFormat::Parquet);
        let has_none = may_be_empty && day == 0 && arrivals.days.iter().all(Vec::is_empty);
        let entries = arrivals.days.get_mut(day as usize).map(std::mem::take).unwrap_or_default();
        if has_none || !entries.is_empty() {
            self.encoders.push(Box::new(move |calendar| encode(entries, day, calendar)));
        }
    }

    /// The files of the day in the order of their sources' names; a source without rows that day has none.
    pub(crate) fn encode(self, calendar: &Calendar) -> Result<Vec<File>, SampleError> {
        self.encoders.into_iter().map(|encoder| encoder(calendar)).collect()
    }
}

fn encode<T: Record>(mut entries: Vec<Entry<T>>, day: u32, calendar: &Calendar) -> Result<File, SampleError> {
    entries.sort_unstable_by_key(|entry| (entry.row.at(), entry.row.key()));
    let content = match T::FORMAT {
        FileFormat::Ndjson => fill(&entries, JsonSink::new(calendar)).finish(),
        FileFormat::NdjsonGz => gzip(&fill(&entries, JsonSink::new(calendar)).finish())?,
        FileFormat::Csv(time) => fill(&entries, CsvSink::new(calendar, time)).finish(),
        FileFormat::Parquet => fill(&entries, ParquetSink::new(calendar)).finish()?,
    };
    let name = format!("{}/date={}/part-0.{}", T::NAME, calendar.iso_text(day), T::FORMAT.suffix());
    Ok(File { source: T::NAME, object: Object { name, content: Bytes::from(content) } })
}

fn fill<T: Record, S: Sink>(entries: &[Entry<T>], mut sink: S) -> S {
    for entry in entries {
        let damage = usize::from(entry.damage).checked_sub(1).and_then(|index| T::DAMAGE.get(index));
        sink.begin(damage);
        entry.row.fields(&mut sink);
        sink.end();
    }
    sink
}

/// Gzip without a time in its header: the same rows give the same bytes.
fn gzip(content: &[u8]) -> Result<Vec<u8>, SampleError> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::new(3));
    encoder
        .write_all(content)
        .and_then(|()| encoder.finish())
        .map_err(|error| SampleError(format!("compressing a file of the sample: {error}")))
}
