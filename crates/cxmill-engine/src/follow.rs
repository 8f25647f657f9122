//! Following: one run after another in one process, each only where there is something to do.
//!
//! ```text
//!            ┌──────────────── nothing is new ───────────────┐
//!            ▼                                               │
//!  turn ──▶ look: newest epoch, listing of each source ──────┘
//!            │ another epoch, another listing
//!            ▼
//!           run ──▶ did something: the next turn runs at once, so that a steady flow of files is listed once a turn
//!            └────▶ found nothing: the epoch and the listings are kept for the looks that follow
//! ```
//!
//! A look takes no lock, opens no session and reads no record and no raw file. What was listed is kept as one hash a source,
//! so it takes the same memory however many files there are. Between turns nothing is held: a run by hand, or of another
//! machine, fits between two of them, and a look notices its commit. It also notices that the project's files changed, which
//! the caller has to read.
//!
//! When a turn is due is the caller's business; the engine has no clock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use cxmill_ingest::{Place, Seen, StoreError};
use cxmill_ledger::Ledger;

use crate::compile::Compiled;
use crate::context::{Context, RunOptions, Stores};
use crate::discover::{list, sources};
use crate::error::EngineError;
use crate::interrupt::interruptible;
use crate::recover::Listed;
use crate::report::RunReport;
use crate::roots::{Roots, open_place};
use crate::run::once;

/// Brings a project up to date again and again.
#[derive(Debug)]
pub struct Follower<'a> {
    context: Context,
    compiled: &'a Compiled,
    options: RunOptions,
    settled: Option<Settled>,
}

/// How things stood when a run had nothing more to do.
#[derive(Debug)]
struct Settled {
    epoch: u64,
    listed: Listed,
}

impl<'a> Follower<'a> {
    /// Follows a project. Every run has these options. Stores stay open between the turns. A turn takes one batch of models that
    /// are built anew unless the options say how many, so that new files do not wait for them.
    #[must_use]
    pub fn new(context: &Context, compiled: &'a Compiled, options: RunOptions) -> Self {
        let stores = Arc::new(KeptOpen { stores: Arc::clone(&context.stores), opened: Mutex::default() });
        let options = RunOptions { rebuild_batches: options.rebuild_batches.or(Some(1)), ..options };
        Self { context: Context { stores, ..context.clone() }, compiled, options, settled: None }
    }

    /// One turn at the time `now`: runs the project where anything may be new, and reports on that run; `None` where nothing
    /// is. With `anyway` it runs though nothing is new, which tries again what failed and publishes again what was removed.
    ///
    /// # Errors
    /// As [`crate::run()`] says; the next turn then runs in any case. [`EngineError::Edited`] asks for a follower of the project as
    /// it is now.
    pub async fn turn(&mut self, now: DateTime<Utc>, anyway: bool) -> Result<Option<RunReport>, EngineError> {
        if !self.context.files.unchanged() {
            return Err(EngineError::Edited);
        }
        if !anyway && self.stands_still().await? {
            return Ok(None);
        }
        self.settled = None;
        self.context.now = now;
        let (report, listed) = Box::pin(once(&self.context, self.compiled, &self.options)).await?;
        // A model that is withheld is not built by trying again at once; one that is built anew is gone on with.
        if !report.is_rebuilding() && (report.failed() || !report.did_something()) {
            self.settled = Some(Settled { epoch: report.epoch, listed });
        }
        Ok(Some(report))
    }

    /// Whether the last run had nothing more to do and nothing changed since.
    async fn stands_still(&self) -> Result<bool, EngineError> {
        let Some(settled) = &self.settled else { return Ok(false) };
        let context = &self.context;
        let look = async {
            let ledger = Ledger::open_read_only(Roots::open(context)?.state).await?;
            if ledger.newest_epoch().await?.map_or(0, |epoch| epoch.0) != settled.epoch {
                return Ok(false);
            }
            for source in sources(&context.project, self.compiled, &self.options) {
                let place = open_place(context, &source.location)?;
                let listing = list(source, &place, &|_, _| Seen::Read).await?.listing;
                if settled.listed.get(&source.name) != Some(&listing) {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        interruptible(&context.progress, Box::pin(look)).await
    }
}

/// Stores that are opened once: a new client for each turn would shake hands with its server each time.
#[derive(Debug)]
struct KeptOpen {
    stores: Arc<dyn Stores>,
    opened: Mutex<BTreeMap<String, Place>>,
}

impl Stores for KeptOpen {
    fn open(&self, location: &str, context: &Context) -> Result<Place, StoreError> {
        let opened = || self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = opened().get(location) {
            return Ok(place.clone());
        }
        let place = self.stores.open(location, context)?;
        opened().insert(location.to_owned(), place.clone());
        Ok(place)
    }
}
