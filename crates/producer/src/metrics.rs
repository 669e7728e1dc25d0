//! What a producer counts.

/// A snapshot of a producer's counters, since it was built.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProducerMetrics {
    /// Records taken from callers.
    pub records_taken: u64,
    /// Records acknowledged.
    pub records_delivered: u64,
    /// Records given up.
    pub records_failed: u64,
    /// Batches acknowledged.
    pub batches_delivered: u64,
    /// Encoded bytes acknowledged, after compression.
    pub bytes_delivered: u64,
    /// Batches sent again.
    pub retries: u64,
    /// Batches that turned out to be in the log when they were sent again.
    pub duplicates: u64,
    /// Times that a partition's numbering was started afresh under a new epoch.
    pub epoch_bumps: u64,
    /// Times that a connection to a broker was lost.
    pub disconnects: u64,
    /// Calls that had to wait for room in the buffer.
    pub waits_for_room: u64,
    /// Bytes in the buffer now: gathered, or sent and not yet acknowledged.
    pub buffer_bytes: u64,
    /// Batches sent and not answered yet.
    pub batches_in_flight: u64,
}
