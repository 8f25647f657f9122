//! A synthetic omnichannel raw bucket whose truth is known.
//!
//! [`generate`] lets customers live by known laws (see `parameters`), turns what they do into the raw rows of nineteen sources,
//! spoils, delays and repeats some of them, and hands over one object per source and day of arrival, then `_truth.json`
//! with everything a pipeline must find. The same [`Options`] give the same bytes, whatever the machine's thread count:
//!
//! ```text
//! options ─ customers, one random stream each ─ rows by day of arrival ─ files, encoded in parallel ─ write
//!                        └─ truth: tallied over clean rows ───────────────────── _truth.json ──────────┘
//! ```
//!
//! Time and memory grow with the number of rows. Rows wait in memory in compact form (about 30 bytes each) until all
//! customers have lived; encoded files are held for a few days at a time only. Nobody in the sample is real.

mod bucket;
mod calendar;
mod company;
mod customer;
mod damage;
mod encode;
mod files;
mod journey;
mod mailing;
mod options;
mod parameters;
mod referral;
mod rows;
mod scores;
mod sink;
mod text;
mod truth;
mod words;

#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::bucket::Bucket;
use crate::calendar::Calendar;
use crate::customer::Population;
use crate::files::{Day, File};
use crate::journey::Journey;
use crate::truth::Truth;

pub use crate::options::Options;

/// Name of the object that states the truth. Sources pass over it, since it starts with `_`.
pub const TRUTH: &str = "_truth.json";

/// One object of the bucket.
#[derive(Debug, Clone)]
pub struct Object {
    /// Name with `/` between parts, as in `orders_online/date=2026-01-01/part-0.csv`.
    pub name: String,
    /// Content.
    pub content: Bytes,
}

/// Why no sample could be made.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SampleError(pub String);

/// What a sample holds, over all sources: rows = clean + bad + duplicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Files of sources; the truth is not one of them.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Rows written.
    pub rows: u64,
    /// Rows that a contract accepts, once each.
    pub clean: u64,
    /// Clean rows that arrive in the file of a later day.
    pub late: u64,
    /// Rows that a contract rejects.
    pub bad: u64,
    /// Clean rows sent once more.
    pub duplicates: u64,
}

/// Makes the sample and hands every object to `write` as it is finished: day by day, sources in the order of their
/// names, the truth last.
///
/// # Errors
/// An option out of its range, or whatever `write` returns; nothing is handed over after an error.
pub fn generate(
    options: &Options,
    write: &mut dyn FnMut(Object) -> Result<(), SampleError>,
) -> Result<Summary, SampleError> {
    options.validate()?;
    let calendar = Calendar::new(options.days);
    let (mut bucket, truth) = live(options)?;
    let mut sources = truth::sources(&bucket);
    let mut summary = Summary::default();
    for source in sources.values() {
        summary.rows += source.rows;
        summary.clean += source.clean;
        summary.late += source.late;
        summary.bad += source.bad;
        summary.duplicates += source.duplicates;
    }
    encode(&mut bucket, &calendar, &mut |file| {
        let bytes = u64::try_from(file.object.content.len()).unwrap_or(0);
        summary.files += 1;
        summary.bytes += bytes;
        if let Some(source) = sources.get_mut(file.source) {
            source.files += 1;
            source.bytes += bytes;
        }
        write(file.object)
    })?;
    let document = truth.document(options, &calendar, sources);
    let mut content = serde_json::to_vec_pretty(&document)
        .map_err(|error| SampleError(format!("writing {TRUTH} of the sample: {error}")))?;
    content.push(b'\n');
    write(Object { name: TRUTH.to_owned(), content: Bytes::from(content) })?;
    Ok(summary)
}

/// Lets every customer live, one after the other.
fn live(options: &Options) -> Result<(Bucket, Truth), SampleError> {
    let population = Population::new(options)?;
    let mut bucket = Bucket::new(options.days);
    let mut truth = Truth::new(options.days);
    let customers = u32::try_from(options.customers).unwrap_or(u32::MAX);
    for number in 1..=customers {
        let (customer, rng) = population.draw(number)?;
        let referrer = referral::referrer(&population, options, &customer)?;
        Journey::new(&customer, rng, options, &mut bucket, &mut truth).live(referrer);
        mailing::mail(&customer, options, &mut bucket, &mut truth);
    }
    company::report(options, &mut bucket, &mut truth);
    Ok((bucket, truth))
}

/// Encodes as many days at a time as there are cores, and hands the files over in order.
fn encode(
    bucket: &mut Bucket,
    calendar: &Calendar,
    put: &mut dyn FnMut(File) -> Result<(), SampleError>,
) -> Result<(), SampleError> {
    let threads = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
    let mut next = 0;
    while next < calendar.days() {
        let last = calendar.days().min(next.saturating_add(threads));
        let days: Vec<Day> = (next..last).map(|day| Day::take(bucket, day)).collect();
        let encoded = std::thread::scope(|scope| {
            let workers: Vec<_> = days.into_iter().map(|day| scope.spawn(|| day.encode(calendar))).collect();
            workers
                .into_iter()
                .map(|worker| worker.join().map_err(|_| SampleError("bug: encoding the sample panicked".to_owned()))?)
                .collect::<Result<Vec<_>, SampleError>>()
        })?;
        for file in encoded.into_iter().flatten() {
            put(file)?;
        }
        next = last;
    }
    Ok(())
}
