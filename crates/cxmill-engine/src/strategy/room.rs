//! What all models of a run share: memory, a folder for what does not fit into it, and so how many are built at a time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cxmill_spec::Settings;
use datafusion::execution::memory_pool::MemoryPool;

use crate::memory;
use crate::session::pool;

/// How often it is looked whether memory is given back, and how long after another.
const LOOKS: u32 = 400;
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// The room that a run has for queries.
#[derive(Debug)]
pub(crate) struct Room<'a> {
    /// Memory of all queries together.
    pub(crate) pool: Arc<dyn MemoryPool>,
    /// Folder for what does not fit into it.
    pub(crate) scratch: &'a Path,
    /// Models that are built at the same time.
    pub(crate) slots: usize,
}

impl<'a> Room<'a> {
    /// The room that `memory_limit` and `threads` allow.
    pub(crate) fn new(settings: &Settings, scratch: &'a Path) -> Self {
        let bytes = memory::query_share(settings.memory_limit);
        Self { pool: pool(bytes), scratch, slots: memory::models_at_a_time(bytes, settings.threads) }
    }

    /// Waits until queries that were given up have given back their memory: their tasks end when they next look up, which may be after the
    /// query has.
    pub(super) async fn is_given_back(&self) {
        for _ in 0..LOOKS {
            if self.pool.reserved() == 0 {
                return;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }
}
