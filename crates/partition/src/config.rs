//! What a replica is told about its partition.

use std::time::Duration;

use ottla_model::{BrokerId, Durability, StreamId};
use ottla_record::{BatchRules, TimestampSpans, TimestampType};

/// The settings of one replica. Replaced whole when the topic's settings change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplicaConfig {
    /// The partition.
    pub stream: StreamId,
    /// The broker whose replica this is.
    pub broker: BrokerId,
    /// When bytes count as safe.
    pub durability: Durability,
    /// Whether a flush on this disk means anything. Where it does not (tmpfs), acknowledgements say
    /// `relaxed`, whatever the topic asks for.
    pub flushes: bool,
    /// How many replicas must be in sync before the high watermark moves, and before `acks=all` is
    /// taken. At least 1.
    pub min_insync: u32,
    /// What a batch must be to be taken. Checked by the driver before it takes the lock.
    pub rules: BatchRules,
    /// How far the timestamps that producers give may lie from this broker's clock. Nobody looks where
    /// they are this broker's own.
    pub timestamp_spans: TimestampSpans,
    /// Whose clock the records' timestamps are.
    pub timestamp_type: TimestampType,
    /// How long a producer waits for its acknowledgement before it is told that the outcome is
    /// unknown.
    pub ack_wait_max: Duration,
}

impl ReplicaConfig {
    /// What an acknowledgement says that the bytes survive; `flushed` when a flush was waited for.
    pub fn stated_durability(&self, flushed: bool) -> Durability {
        match (self.flushes, flushed) {
            (false, _) => Durability::Relaxed,
            (true, true) => Durability::Fsync,
            (true, false) => self.durability,
        }
    }
}
