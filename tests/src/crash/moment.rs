//! When a run is killed or stopped.

use std::fmt;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A folder whose changes tell how far a run has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// The commits: a record is staged, then linked to its place.
    Commits,
    /// The published tables.
    Output,
    /// Everything that is written before the commit, and removed after it.
    State,
}

/// A moment of a run.
#[derive(Debug, Clone, Copy)]
pub enum Moment {
    /// So long after its start.
    After(Duration),
    /// Shortly after a folder changed for the n-th time.
    AtChange {
        /// The folder.
        of: Watched,
        /// Which change.
        nth: u32,
        /// How long after it.
        after: Duration,
    },
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(time) => write!(f, "{:.1} ms after the start", time.as_secs_f64() * 1e3),
            Self::AtChange { of, nth, after } => {
                write!(f, "{:.2} ms after change {nth} of {of:?}", after.as_secs_f64() * 1e3)
            }
        }
    }
}

impl Moment {
    /// Waits for the moment. False where the run ended before it.
    pub fn wait(self, child: &mut Child, project: &Path) -> bool {
        let runs = |child: &mut Child| child.try_wait().expect("a state").is_none();
        match self {
            Self::After(time) => std::thread::sleep(time),
            Self::AtChange { of, nth, after } => {
                let folder = project.join(match of {
                    Watched::Commits => "state/commits",
                    Watched::Output => "output",
                    Watched::State => "state",
                });
                let (mut known, mut changes, start) = (fingerprint(&folder), 0, Instant::now());
                while changes < nth {
                    if !runs(child) {
                        return false;
                    }
                    assert!(start.elapsed() < Duration::from_secs(120), "the run neither ends nor goes on");
                    std::thread::sleep(Duration::from_micros(50));
                    let now = fingerprint(&folder);
                    changes += u32::from(now != known);
                    known = now;
                }
                std::thread::sleep(after);
            }
        }
        runs(child)
    }
}

/// What is decided by chance, repeatably.
#[derive(Debug)]
pub struct Chance(ChaCha8Rng);

impl Chance {
    /// The chances of one lane of a seed.
    #[must_use]
    pub fn new(seed: u64, lane: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(lane);
        Self(rng)
    }

    /// Any number from 1 to this one.
    pub fn up_to(&mut self, most: u32) -> u32 {
        self.0.random_range(1..=most)
    }

    /// Any moment of a run that takes `whole` when nobody disturbs it.
    pub fn time(&mut self, whole: Duration) -> Moment {
        Moment::After(whole.mul_f64(self.0.random_range(0.0..1.0)))
    }

    /// Any moment of such a run whose folders are on local disk; half of the moments are near a change of one of them.
    pub fn moment(&mut self, whole: Duration) -> Moment {
        let (of, most) = match self.up_to(10) {
            1 | 2 => (Watched::Commits, 16),
            3 | 4 => (Watched::Output, 12),
            5 => (Watched::State, 40),
            _ => return self.time(whole),
        };
        Moment::AtChange { of, nth: self.up_to(most), after: Duration::from_micros(u64::from(self.up_to(2_000))) }
    }
}

/// Names, sizes and times of all files below a folder, as a number.
fn fingerprint(folder: &Path) -> u64 {
    fn walk(folder: &Path, sum: &mut u64) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                walk(&entry.path(), sum);
                continue;
            }
            let mut hasher = DefaultHasher::new();
            (entry.path(), metadata.len(), metadata.modified().ok()).hash(&mut hasher);
            // Listings come in any order.
            *sum = sum.wrapping_add(hasher.finish());
        }
    }
    let mut sum = 0;
    walk(folder, &mut sum);
    sum
}

/// Sends a signal to a run.
///
/// # Panics
/// Where it cannot be sent.
pub fn signal(run: &Child, signal: &str) {
    let sent = Command::new("kill").arg(format!("-{signal}")).arg(run.id().to_string()).status();
    assert!(sent.expect("kill starts").success(), "SIG{signal} is sent");
}
