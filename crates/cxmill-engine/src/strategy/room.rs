//! What all models of a run share: memory, a folder for what does not fit into it, and so how many are built at a time.

use std::path::Path;
use std::sync::Arc;

use cxmill_spec::Settings;
use datafusion::execution::memory_pool::MemoryPool;

use crate::memory;
use crate::session::pool;

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
}
