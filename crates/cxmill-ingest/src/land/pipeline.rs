//! Readers of files ahead, one consumer behind: what runs where, and what may be in memory at once.
//!
//! A reader a file fetches, cuts and hands blocks to decoding threads; its channel keeps them in order. The consumer takes
//! the channels in the order of the files. Readers ahead of the consumer share `in_flight` slots; the reader that the
//! consumer waits for needs none, so slots held by later files can never stop it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cxmill_spec::{Format, Source};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::chunks::Fetcher;
use super::cpu::{Cpu, Task};
use super::limits::Limits;
use super::prepare::{Prepared, Preparer};
use super::quarantined::DAMAGED;
use super::sieve::Sieve;
use super::{LandRequest, Landing, Progress, text};
use crate::columnar;
use crate::contract::columnar::Enforcer;
use crate::contract::landed_schema;
use crate::decode::{Reject, TextDecoder};
use crate::error::IngestError;

mod consumer;

use consumer::Consumer;

/// Most files that are open at once.
const OPEN_FILES: u64 = 32;

/// What is wrong with an object from some point on: it becomes one row of quarantine.
pub(crate) type Damage = Reject;

/// What a block became.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) rows: Vec<Prepared>,
    /// Nothing of the object is taken after this.
    pub(crate) damage: Option<Damage>,
}

/// Damage of an object at a place in it.
pub(crate) fn damage(line: u64, offset: u64, message: String) -> Damage {
    Reject { line, offset, rule: DAMAGED, column: None, message, raw: None }
}

/// What readers of one batch share.
pub(crate) struct Work {
    pub(crate) source: Arc<Source>,
    /// Decoder of text formats.
    pub(crate) text: Option<TextDecoder>,
    /// Contract of columnar formats.
    pub(crate) columnar: Option<Enforcer>,
    pub(crate) preparer: Arc<Preparer>,
    sieve: Sieve,
    pub(crate) limits: Limits,
    pub(crate) cpu: Cpu,
    slots: Arc<Semaphore>,
    /// Number of the file that the consumer takes from.
    front: watch::Sender<usize>,
    meter: Meter,
}

impl Work {
    fn new(request: &LandRequest<'_>) -> Result<Self, IngestError> {
        let limits = Limits::of(request.memory);
        let (text, columnar) = match request.source.format {
            Format::Ndjson | Format::Csv(_) => (Some(TextDecoder::new(request.source, request.private_key)?), None),
            Format::Parquet | Format::Avro | Format::Arrow => {
                (None, Some(Enforcer::new(request.source, request.private_key)?))
            }
        };
        Ok(Self {
            source: Arc::new(request.source.clone()),
            text,
            columnar,
            preparer: Arc::new(Preparer::new(request.source)?),
            sieve: Sieve::new(request)?,
            limits,
            cpu: Cpu::start(request.threads)?,
            slots: Arc::new(Semaphore::new(limits.in_flight)),
            front: watch::Sender::new(0),
            meter: Meter { now: Arc::default(), progress: Arc::clone(&request.progress) },
        })
    }
}

impl Work {
    /// Leaves what is taken of a block of a file.
    fn sift(&self, file: usize, output: Output) -> Result<Output, IngestError> {
        let rows = output.rows.into_iter().map(|block| self.sieve.sift(file, block)).collect::<Result<_, _>>()?;
        Ok(Output { rows, ..output })
    }
}

/// Counts bytes in memory and keeps the peak.
#[derive(Clone)]
struct Meter {
    now: Arc<AtomicU64>,
    progress: Arc<Progress>,
}

impl Meter {
    fn take(&self, bytes: u64) -> Taken {
        let now = self.now.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.progress.peak.fetch_max(now, Ordering::Relaxed);
        Taken { now: Arc::clone(&self.now), bytes }
    }
}

/// Bytes that are counted until this is dropped.
struct Taken {
    now: Arc<AtomicU64>,
    bytes: u64,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.now.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The consumer wants no more of this file: it found damage, or it is gone.
pub(crate) struct Closed;

/// Why a reader ends early.
pub(crate) enum Stop {
    /// Nobody listens.
    Closed,
    /// The batch fails.
    Failed(IngestError),
}

impl From<Closed> for Stop {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

impl From<IngestError> for Stop {
    fn from(error: IngestError) -> Self {
        Self::Failed(error)
    }
}

enum Step {
    Block { output: Task<Result<Output, IngestError>>, taken: Taken, slot: Option<OwnedSemaphorePermit> },
    Damage(Damage),
    Failed(IngestError),
    End,
}

/// Where a reader puts what it reads.
pub(crate) struct Outlet {
    file: usize,
    work: Arc<Work>,
    steps: mpsc::Sender<Step>,
}

impl Outlet {
    /// Hands a block of about `bytes` bytes to a decoding thread; waits while too much is in flight.
    pub(crate) async fn decode(
        &self,
        bytes: usize,
        decode: impl FnOnce() -> Result<Output, IngestError> + Send + 'static,
    ) -> Result<(), Closed> {
        let slot = self.slot().await?;
        let taken = self.work.meter.take(bytes as u64);
        let (work, file) = (Arc::clone(&self.work), self.file);
        let output = self.work.cpu.read(move || decode().and_then(|output| work.sift(file, output)));
        self.steps.send(Step::Block { output, taken, slot }).await.map_err(|_| Closed)
    }

    /// Says that the object is damaged from here on.
    pub(crate) async fn damaged(&self, damage: Damage) -> Result<(), Closed> {
        self.steps.send(Step::Damage(damage)).await.map_err(|_| Closed)
    }

    async fn slot(&self) -> Result<Option<OwnedSemaphorePermit>, Closed> {
        let mut front = self.work.front.subscribe();
        tokio::select! {
            slot = Arc::clone(&self.work.slots).acquire_owned() => slot.map(Some).map_err(|_| Closed),
            turn = front.wait_for(|front| *front >= self.file) => match turn {
                Ok(_) => Ok(None),
                Err(_) => Err(Closed),
            },
        }
    }
}

/// Lands a batch.
pub(crate) async fn run(request: &LandRequest<'_>) -> Result<Landing, IngestError> {
    let work = Arc::new(Work::new(request)?);
    let mut consumer = Consumer::new(request, &work, &landed_schema(request.source));
    let window = open_files(request, work.limits);
    // Readers end when this function does, however it does.
    let mut readers = JoinSet::new();
    let mut open: VecDeque<mpsc::Receiver<Step>> = VecDeque::new();
    let mut ahead = 0..request.files.len();
    for file in 0..request.files.len() {
        while open.len() < window
            && let Some(next) = ahead.next()
        {
            let (steps, received) = mpsc::channel(work.limits.in_flight.div_ceil(2));
            let outlet = Outlet { file: next, work: Arc::clone(&work), steps };
            readers.spawn(read_file(fetcher(request, next), outlet));
            open.push_back(received);
        }
        while readers.try_join_next().is_some() {}
        work.front.send_replace(file);
        let Some(steps) = open.pop_front() else { break };
        consume(file, steps, &mut consumer).await?;
        request.progress.files.fetch_add(1, Ordering::Relaxed);
    }
    consumer.finish().await
}

/// Takes all of one file.
async fn consume(file: usize, mut steps: mpsc::Receiver<Step>, consumer: &mut Consumer<'_>) -> Result<(), IngestError> {
    loop {
        match steps.recv().await {
            Some(Step::Block { output, taken, slot }) => {
                let output = output.done().await??;
                drop((taken, slot));
                if !consumer.take(file, output).await? {
                    return Ok(());
                }
            }
            Some(Step::Damage(damage)) => return consumer.damaged(file, damage).await,
            Some(Step::Failed(error)) => return Err(error),
            Some(Step::End) => return Ok(()),
            None => return Err(IngestError::Bug(format!("the reader of file {file} of the batch ended early"))),
        }
    }
}

/// Number of files to read ahead: more where they are small, within a sixteenth of the memory.
fn open_files(request: &LandRequest<'_>, limits: Limits) -> usize {
    // A reader of text holds what it fetched; one of a columnar file holds its largest unit, which may be much of the file.
    let held = match request.source.format {
        Format::Ndjson | Format::Csv(_) => limits.fetch,
        Format::Parquet | Format::Avro | Format::Arrow => limits.fetch * 8,
    };
    let largest = request.files.iter().map(|file| file.size).max().unwrap_or(0).clamp(1, held);
    usize::try_from((request.memory / 16 / largest).clamp(2, OPEN_FILES)).unwrap_or(2)
}

fn fetcher(request: &LandRequest<'_>, file: usize) -> Fetcher {
    let file = request.files[file].clone();
    Fetcher {
        store: Arc::clone(&request.place.store),
        address: request.place.address(&file.path),
        file,
        progress: Arc::clone(&request.progress),
    }
}

async fn read_file(fetcher: Fetcher, outlet: Outlet) {
    let work = Arc::clone(&outlet.work);
    let ended = match work.source.format {
        Format::Ndjson | Format::Csv(_) => Box::pin(text::read(&work, fetcher, &outlet)).await,
        Format::Parquet => Box::pin(columnar::parquet::read(&work, fetcher, &outlet)).await,
        Format::Avro => Box::pin(columnar::avro::read(&work, fetcher, &outlet)).await,
        Format::Arrow => Box::pin(columnar::arrow::read(&work, fetcher, &outlet)).await,
    };
    let last = match ended {
        Ok(()) => Step::End,
        Err(Stop::Failed(error)) => Step::Failed(error),
        Err(Stop::Closed) => return,
    };
    // Nobody listens any more: then nobody needs to know.
    drop(outlet.steps.send(last).await);
}
