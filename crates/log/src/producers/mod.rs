//! What one log knows of its idempotent producers: whether a batch is new, a duplicate, or wrong.
//!
//! Invariants:
//! - I3 the last five batches of a producer are remembered; a retry of one is answered with its
//!   original offset, a retry of an older one is refused and never appended again;
//! - I4 a gap is refused unless the producer's state was, or may have been, forgotten, which is never
//!   fatal. Ids only grow, so one above all that were ever forgotten is new, and begins at 0;
//! - I5 the table is a function of the log's batches in order, times of last use aside:
//!   [`ProducerTable::record`] reads no clock to decide, so a rebuild is equal to what was kept;
//! - I6 a batch of an epoch below the newest seen is refused.
//!
//! SUBTLE: whether a producer has expired is asked in [`ProducerTable::check`] only, and only to
//! forgive a gap. A duplicate that is still remembered is a duplicate however old, and a fenced
//! epoch stays fenced. Rejected: Kafka's use of the batch's own timestamp as time of last use; a
//! producer that loads last year's records would be forgotten at every batch, and its retries
//! would land twice.

mod table;
mod window;

use std::time::Duration;

use ottla_model::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

use ottla_record::BatchHeader;

pub use table::{ProducerTable, same_but_for_times};
pub use window::{BatchMark, ProducerState};

/// The part of a batch header that concerns its producer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerBatch {
    /// The producer; not idempotent when negative.
    pub producer: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
    /// The first record's sequence; negative in a control batch.
    pub first: Sequence,
    /// The last record's sequence.
    pub last: Sequence,
    /// The first record's offset. Before the batch is stamped it means nothing, and `check` does not
    /// look at it.
    pub base_offset: Offset,
    /// The last record's offset.
    pub last_offset: Offset,
    /// The batch's largest timestamp, which a duplicate's answer repeats.
    pub timestamp: Timestamp,
}

impl From<&BatchHeader> for ProducerBatch {
    fn from(header: &BatchHeader) -> Self {
        Self {
            producer: header.producer_id,
            epoch: header.producer_epoch,
            first: header.base_sequence,
            last: header.last_sequence(),
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            timestamp: header.max_timestamp,
        }
    }
}

/// What is to be done with a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is new.
    Append,
    /// It was appended before: answer with what it got then, once that is durable.
    Duplicate {
        /// Its first record's offset.
        base_offset: Offset,
        /// Its last record's offset.
        last_offset: Offset,
        /// Its largest timestamp.
        timestamp: Timestamp,
    },
    /// It must not be appended.
    Refused(Refusal),
}

/// Why a batch must not be appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Batches before it are missing, or it overlaps one that is there.
    #[error("sequence {got} is out of order: {expected} comes next")]
    OutOfOrder {
        /// The sequence that comes next.
        expected: Sequence,
        /// The batch's first sequence.
        got: Sequence,
    },
    /// It was appended before, so long ago that its offset is forgotten.
    #[error("sequence {got} was appended before, too long ago to say where: {expected} comes next")]
    Forgotten {
        /// The sequence that comes next.
        expected: Sequence,
        /// The batch's first sequence.
        got: Sequence,
    },
    /// A newer epoch of its producer is at work.
    #[error("producer epoch {got} is fenced: epoch {current} has begun")]
    Fenced {
        /// The newest epoch.
        current: ProducerEpoch,
        /// The batch's epoch.
        got: ProducerEpoch,
    },
    /// It names a producer and has no epoch or no sequence.
    #[error("producer {producer} sent a batch without an epoch or a sequence")]
    Unnumbered {
        /// The producer.
        producer: ProducerId,
    },
}

/// The bounds of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerLimits {
    /// How long after its last batch a producer is remembered. Kafka's default is a day.
    pub expire_after: Duration,
    /// How many producers are remembered. The one that has been silent for the most records goes first.
    pub producers_max: usize,
}

impl Default for ProducerLimits {
    fn default() -> Self {
        Self {
            expire_after: Duration::from_secs(24 * 60 * 60),
            producers_max: ottla_model::limits::PARTITION_PRODUCERS_MAX,
        }
    }
}

#[cfg(test)]
mod tests;
