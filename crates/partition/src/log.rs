//! What a replica asks of its log. Lent to every call, so that the machine owns no I/O.

use ottla_log::producers::{ProducerBatch, Verdict};
use ottla_log::{StreamError, StreamOffsets};
use ottla_model::{LeaderEpoch, Offset, Timestamp};
use ottla_record::StampedBatch;

/// A log, as its replica sees it. Calls are synchronous and do not wait for the disk: durability is
/// reported later, to [`crate::Replica::handle_durable`].
pub trait ReplicaLog {
    /// Its ends now.
    fn offsets(&self) -> StreamOffsets;

    /// Whether an idempotent producer's batch comes next, was here before, or must not be.
    fn check_producer(&self, batch: &ProducerBatch, now: Timestamp) -> Verdict;

    /// Appends, and answers the log end. The batch's base offset MUST be the log end before.
    ///
    /// # Errors
    /// When the log cannot take it; then nothing of it was kept.
    fn append(&self, batch: StampedBatch, now: Timestamp) -> Result<Offset, StreamError>;

    /// Asks a relaxed log to flush everything up to its end soon. How far it is
    /// [`StreamOffsets::flushed_end`] tells, and a later [`crate::Replica::handle_flushed`].
    fn flush(&self);

    /// Forgets the records below `to`, which MUST lie within the log. The first offset kept is the
    /// answer: the same or higher.
    ///
    /// # Errors
    /// When the log cannot; then nothing was forgotten.
    fn move_start(&self, to: Offset) -> Result<Offset, StreamError>;

    /// Cuts off what is at `to` and beyond, and answers the log end.
    ///
    /// # Errors
    /// When the log cannot.
    fn truncate(&self, to: Offset) -> Result<Offset, StreamError>;

    /// The epoch of the newest batch.
    fn latest_epoch(&self) -> Option<LeaderEpoch>;

    /// The largest epoch at or below this one that the log knows, and where its batches end; where the
    /// log begins when all it knows is newer; none when it knows nothing so new.
    fn end_offset_for(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)>;
}
