//! What the outside may see, as plain numbers.

/// Figures of one directory. Counters only grow; gauges say how it is now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LogMetrics {
    /// Gauge: streams.
    pub streams: u64,
    /// Counter: journal rounds written.
    pub rounds: u64,
    /// Counter: bytes of these rounds.
    pub round_bytes: u64,
    /// Counter: operations in these rounds.
    pub round_entries: u64,
    /// Gauge: bytes of journal files that are still needed.
    pub journal_live_bytes: u64,
    /// Gauge: bytes of all journal files.
    pub journal_bytes: u64,
    /// Gauge: bytes that wait in memory for their segments.
    pub unfilled_bytes: u64,
    /// Gauge: bytes of filled batches in memory.
    pub tail_cache_bytes: u64,
    /// Counter: fills.
    pub fills: u64,
    /// Counter: bytes of these fills.
    pub fill_bytes: u64,
    /// Counter: fills that were made because space or memory was wanted.
    pub forced_fills: u64,
    /// Counter: writes that went past the journal.
    pub straights: u64,
    /// Counter: bytes of these writes.
    pub straight_bytes: u64,
    /// Counter: rounds that had to wait for journal space.
    pub rounds_refused: u64,
    /// Counter: checkpoints written.
    pub checkpoints: u64,
    /// Counter: bytes of these checkpoints.
    pub checkpoint_bytes: u64,
    /// Counter: segments closed.
    pub segments_closed: u64,
    /// Counter: segments deleted.
    pub segments_deleted: u64,
    /// Counter: reads that were answered from memory.
    pub reads_tail: u64,
    /// Counter: reads that needed a file.
    pub reads_cold: u64,
    /// Gauge: files held open.
    pub handles: u64,
    /// Gauge: free bytes of the data disk when last asked.
    pub free_bytes: u64,
    /// Gauge: streams offline because of damage.
    pub damaged_streams: u64,
}
