//! How a memory budget is divided. Sizes that shape the output depend on the budget only, never on the threads.

/// Shares of the memory of one batch, in bytes unless said otherwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// What one request to the raw store fetches; a multiple of `chunk`.
    pub(crate) fetch: u64,
    /// What is split and decoded at a time.
    pub(crate) chunk: usize,
    /// What rows of one segment take before it is flushed: one is filled while the one before it is written.
    pub(crate) segment: u64,
    /// Rows of a columnar file that are decoded at a time.
    pub(crate) rows: usize,
    /// Number of blocks that may wait or be decoded.
    pub(crate) in_flight: usize,
    /// What rows of one quarantine part take before it is written.
    pub(crate) quarantine: usize,
}

/// A decoded block takes about this many times the bytes of its text, all buffers counted.
const DECODED: u64 = 5;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

impl Limits {
    pub(crate) fn of(memory: u64) -> Self {
        let chunk = (memory / 256).clamp(32 * KIB, MIB);
        let fetch = (memory / 64).clamp(chunk, 8 * MIB) / chunk * chunk;
        let in_flight = (memory / 3 / (chunk * DECODED)).clamp(2, 64);
        Self {
            fetch,
            chunk: usize_of(chunk),
            // No column may outgrow the 31 bits of its offsets, whichever rows of a segment are put together.
            segment: (memory / 6).clamp(64 * KIB, 1024 * MIB),
            rows: usize_of(chunk / 64).clamp(512, 8_192),
            in_flight: usize_of(in_flight),
            quarantine: usize_of((memory / 16).clamp(64 * KIB, 32 * MIB)),
        }
    }
}

/// A size as this machine counts it; a size beyond that is as good as unlimited.
pub(crate) fn usize_of(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
