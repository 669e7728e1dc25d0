//! What a replica asks of its log. Lent to every call, so that the machine owns no I/O.

use ottla_model::{LeaderEpoch, Offset, ProducerEpoch, Sequence, Timestamp};
use ottla_record::{BatchHeader, StampedBatch};

use crate::error::LogError;

/// A log, as its replica sees it. Calls are synchronous and do not wait for the disk: durability is
/// reported later, to [`crate::Replica::handle_durable`].
pub trait ReplicaLog {
    /// Its ends now.
    fn offsets(&self) -> LogOffsets;

    /// Whether an idempotent producer's batch comes next, was here before, or must not be.
    fn check_producer(&self, header: &BatchHeader, now: Timestamp) -> Verdict;

    /// Appends, and answers the log end. The batch's base offset MUST be the log end before.
    ///
    /// # Errors
    /// When the log cannot take it; then nothing of it was kept.
    fn append(&self, batch: StampedBatch, now: Timestamp) -> Result<Offset, LogError>;

    /// Forgets the records below `to`, which MUST lie within the log. The first offset kept is the
    /// answer: the same or higher.
    ///
    /// # Errors
    /// When the log cannot; then nothing was forgotten.
    fn move_start(&self, to: Offset) -> Result<Offset, LogError>;

    /// Cuts off what is at `to` and beyond.
    ///
    /// # Errors
    /// When the log cannot.
    fn truncate(&self, to: Offset) -> Result<(), LogError>;

    /// The epoch of the newest batch.
    fn latest_epoch(&self) -> Option<LeaderEpoch>;

    /// The largest epoch at or below this one that the log knows, and where its batches end.
    fn end_offset_for(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)>;
}

/// A log's ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogOffsets {
    /// The first offset that is kept.
    pub log_start: Offset,
    /// The offset that the next record gets.
    pub log_end: Offset,
    /// Up to here (exclusive) bytes count as safe by the stream's durability.
    pub durable_end: Offset,
}

/// What a log knows about an idempotent producer's batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It comes next.
    Append,
    /// It is here already, between these offsets (inclusive).
    Duplicate {
        /// Of its first record.
        base_offset: Offset,
        /// Of its last record.
        last_offset: Offset,
        /// When it was appended, if the leader's clock counts.
        log_append_time: Option<Timestamp>,
    },
    /// It is older than anything that is remembered, so that its offset is not known any more.
    Forgotten,
    /// A batch before it is missing.
    OutOfOrder {
        /// The sequence that comes next.
        expected: Sequence,
        /// The one that came.
        got: Sequence,
    },
    /// A newer life of the producer has taken over.
    Fenced {
        /// Its epoch.
        current: ProducerEpoch,
        /// The batch's.
        got: ProducerEpoch,
    },
}
