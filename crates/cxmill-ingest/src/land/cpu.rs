//! The threads that a batch is decoded, sorted and encoded on.
//!
//! They are its own, as many as it may use and the same ones from its beginning to its end, because an allocator keeps what
//! is freed by thread: work that wandered over the runtime's many threads would leave free memory with each of them and ask
//! the system for more.
//!
//! Every other thread would rather read than write, the others the other way round, and all take what there is. So files are
//! decoded while the segment before is written, however little of either can be done at once: the batches of one Parquet file
//! follow one another, and so do the last dates of a segment.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use crate::error::IngestError;

type Job = Box<dyn FnOnce() + Send>;

/// Gives work to the threads. They end with the last clone of this.
#[derive(Clone)]
pub(crate) struct Cpu(Arc<Threads>);

struct Threads(Arc<Jobs>);

impl Drop for Threads {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

#[derive(Default)]
struct Jobs {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    reading: VecDeque<Job>,
    writing: VecDeque<Job>,
    closed: bool,
}

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job; none once nobody can bring another one.
    fn next(&self, reads_first: bool) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            let Waiting { reading, writing, closed } = &mut *waiting;
            let (first, then) = if reads_first { (reading, writing) } else { (writing, reading) };
            match first.pop_front().or_else(|| then.pop_front()) {
                None if !*closed => waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                next => return next,
            }
        }
    }
}

impl Cpu {
    /// Starts so many threads.
    pub(crate) fn start(threads: usize) -> Result<Self, IngestError> {
        let jobs = Arc::new(Jobs::default());
        let cpu = Self(Arc::new(Threads(Arc::clone(&jobs))));
        for number in 0..threads.max(1) {
            let jobs = Arc::clone(&jobs);
            thread::Builder::new()
                .name("cxmill-ingest".to_owned())
                .spawn(move || {
                    while let Some(job) = jobs.next(number % 2 == 1) {
                        job();
                    }
                })
                .map_err(|error| IngestError::Bug(format!("a thread cannot be started: {error}")))?;
        }
        Ok(cpu)
    }

    /// Runs work that brings files into memory.
    pub(crate) fn read<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        let (job, task) = job(work);
        self.0.0.lock().reading.push_back(job);
        self.0.0.changed.notify_one();
        task
    }

    /// Runs any other work, all of which brings rows out of memory, and waits for it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, IngestError> {
        let (job, task) = job(work);
        self.0.0.lock().writing.push_back(job);
        self.0.0.changed.notify_one();
        task.done().await
    }
}

fn job<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> (Job, Task<T>) {
    let (result, task) = oneshot::channel();
    let job = move || {
        // Work that nobody waits for any more is not begun.
        if !result.is_closed() {
            // Nobody may wait for it by now: then nobody needs its result.
            drop(result.send(catch_unwind(AssertUnwindSafe(work))));
        }
    };
    (Box::new(job), Task(task))
}

/// Work that was given to the threads. It is not begun once this is dropped.
#[derive(Debug)]
pub(crate) struct Task<T>(oneshot::Receiver<thread::Result<T>>);

impl<T> Task<T> {
    /// Waits for the work.
    pub(crate) async fn done(self) -> Result<T, IngestError> {
        match self.0.await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(panic)) => Err(IngestError::Bug(format!("a thread failed: {}", said(panic.as_ref())))),
            Err(_) => Err(IngestError::Interrupted),
        }
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it does not say why")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// Keeps the only thread busy until the sender is dropped.
    async fn busy(cpu: &Cpu) -> Sender<()> {
        let (end, ended) = channel::<()>();
        let (begin, begun) = oneshot::channel();
        let task = cpu.read(move || (begin.send(()), ended.recv()));
        begun.await.unwrap();
        // It has begun, so it goes on although nobody waits for it.
        drop(task);
        end
    }

    #[tokio::test]
    async fn a_thread_goes_on_after_work_that_panics() {
        let cpu = Cpu::start(1).unwrap();
        let failed = cpu.run(|| panic!("of {}", 1)).await;
        assert_eq!(failed.unwrap_err().to_string(), "bug in ingest: a thread failed: of 1");
        assert_eq!(cpu.run(|| 2).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn one_thread_writes_before_it_reads_and_begins_nothing_for_nobody() {
        let cpu = Cpu::start(1).unwrap();
        let end = busy(&cpu).await;
        let (done, order) = channel();
        let [one, two, three, four] = [1, 2, 3, 4].map(|number| {
            let done = done.clone();
            move || done.send(number)
        });
        let (one, two) = (cpu.read(one), cpu.read(two));
        drop(cpu.read(three));
        let first = cpu.run(four);
        let release = async move { drop(end) };
        let (first, ()) = futures::future::join(first, release).await;
        first.unwrap().unwrap();
        one.done().await.unwrap().unwrap();
        two.done().await.unwrap().unwrap();
        drop((done, cpu));
        assert_eq!(order.iter().collect::<Vec<_>>(), [4, 1, 2]);
    }

    #[tokio::test]
    async fn as_many_threads_work_at_once_as_were_asked_for() {
        let cpu = Cpu::start(2).unwrap();
        let (here, there) = (channel::<()>(), channel::<()>());
        let one = cpu.read(move || here.0.send(()).is_ok() && there.1.recv().is_ok());
        let other = cpu.read(move || there.0.send(()).is_ok() && here.1.recv().is_ok());
        assert!(one.done().await.unwrap() && other.done().await.unwrap());
    }
}
