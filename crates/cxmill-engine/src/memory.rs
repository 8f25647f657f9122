//! How `memory_limit` is shared out.
//!
//! ```text
//! memory_limit ─┬─ what the process takes already (its code, its threads) and 32 MB to come
//!               └─ the rest ─┬─ 3/10  ingest: buffers, blocks in flight, writers   (while sources are landed)
//!                            └─ 6/10  DataFusion's pool: sorts, joins, aggregates  (while models are built)
//! ```
//! All queries of a run take from one pool, those of models that are built at the same time too. Landing and building never
//! happen at the same time, so each takes its share of the same rest. What is left over is for memory that neither of them
//! accounts for: Parquet pages being coded, rows between operators, the allocator's slack.
//! Landing many small compressed files was measured to take about 2.3 times what ingest accounts for.

/// Memory besides what the process takes at the start: threads, code that is yet to be read from disk.
const TO_COME: u64 = 32 << 20;

/// What a process is assumed to take where the system does not tell, in bytes.
const UNKNOWN: u64 = 48 << 20;

/// Bytes of DataFusion's pool that each of the models has at least which are built at the same time.
const OF_A_MODEL: u64 = 256 << 20;

/// Bytes that ingest may hold.
pub(crate) fn ingest_share(memory_limit: u64) -> u64 {
    rest(memory_limit, resident()) / 10 * 3
}

/// Bytes of DataFusion's pool.
pub(crate) fn query_share(memory_limit: u64) -> u64 {
    rest(memory_limit, resident()) / 10 * 6
}

/// Stored bytes of rows that one query of partitions reads at most: read and grouped they take a multiple of that.
pub(crate) fn rows_share(memory_limit: u64, threads: usize) -> u64 {
    let bytes = query_share(memory_limit);
    bytes / models_at_a_time(bytes, threads) as u64 / 12
}

/// How many models are built at the same time by queries that share `query_share` bytes: no more than there are threads, and one where
/// memory is short, for each takes memory beside what its queries account for.
pub(crate) fn models_at_a_time(query_share: u64, threads: usize) -> usize {
    usize::try_from(query_share / OF_A_MODEL).unwrap_or(usize::MAX).clamp(1, threads.max(1))
}

/// Never less than a quarter of the limit, so that a limit below what the program itself takes still gets a working share.
fn rest(memory_limit: u64, resident: Option<u64>) -> u64 {
    memory_limit.saturating_sub(resident.unwrap_or(UNKNOWN) + TO_COME).max(memory_limit / 4)
}

/// What this process keeps in memory however little it does: its code and its stacks, without what it allocated.
fn resident() -> Option<u64> {
    kilobytes_of(&std::fs::read_to_string("/proc/self/status").ok()?, "RssFile:")
}

/// Highest resident memory of this process in bytes, where the system tells (Linux).
pub(crate) fn peak() -> Option<u64> {
    kilobytes_of(&std::fs::read_to_string("/proc/self/status").ok()?, "VmHWM:")
}

/// Memory of the machine in bytes, where the system tells (Linux).
pub(crate) fn machine() -> Option<u64> {
    kilobytes_of(&std::fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")
}

fn kilobytes_of(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_leave_room_at_the_floor_and_above() {
        for limit in [128 << 20, 512 << 20, 2 << 30, 64 << 30] {
            for resident in [None, Some(40 << 20), Some(110 << 20)] {
                let rest = rest(limit, resident);
                assert!(rest >= limit / 4 && rest < limit, "{limit}");
                let whole = resident.unwrap_or(UNKNOWN) + TO_COME;
                assert!(whole + rest <= limit || rest == limit / 4, "{limit}");
            }
        }
    }

    #[test]
    fn models_share_memory_only_where_there_is_enough() {
        let at_a_time = |limit: u64, threads| models_at_a_time(rest(limit, Some(40 << 20)) / 10 * 6, threads);
        assert_eq!([at_a_time(512 << 20, 8), at_a_time(2_000_000_000, 8), at_a_time(16 << 30, 8)], [1, 4, 8]);
        assert_eq!([at_a_time(2_000_000_000, 1), at_a_time(2_000_000_000, 2), at_a_time(2_000_000_000, 0)], [1, 2, 1]);
    }

    #[test]
    fn a_line_of_proc_is_read_in_bytes() {
        assert_eq!(kilobytes_of("Name:\tx\nVmHWM:\t  1024 kB\n", "VmHWM:"), Some(1 << 20));
        assert_eq!(kilobytes_of("Name:\tx\n", "VmHWM:"), None);
    }
}
