//! How a consumer says no.

use ottla_client::ClientError;
use ottla_model::{Answers, Fault, Offset, Outcome, PartitionId, Retry, TopicName};

/// Why records could not be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConsumerError {
    /// The partition is not one of those assigned.
    #[error("{topic}-{partition} is not assigned to this consumer; call `assign` first")]
    NotAssigned {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionId,
    },
    /// The partition is assigned already.
    #[error("{topic}-{partition} is assigned already; use `seek` to read elsewhere")]
    AlreadyAssigned {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionId,
    },
    /// The topic has no such partition.
    #[error("topic {topic} has partitions 0 to {}, not {partition}", .partitions.saturating_sub(1))]
    UnknownPartition {
        /// The topic.
        topic: TopicName,
        /// What was asked for.
        partition: PartitionId,
        /// How many there are.
        partitions: u32,
    },
    /// The topic was deleted.
    #[error("topic {topic} was deleted; if it was made again, assign it again")]
    TopicGone {
        /// Its name.
        topic: TopicName,
    },
    /// The offset is not in the log, or no longer.
    #[error(
        "{topic}-{partition} has no offset {offset} ({why}); seek, or choose what happens then \
         with `out_of_range`"
    )]
    OutOfRange {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionId,
        /// What was asked for.
        offset: Offset,
        /// What the log has.
        why: String,
    },
    /// What came cannot be what was stored.
    #[error("{topic}-{partition} at offset {offset}: {why}")]
    Corrupt {
        /// The topic.
        topic: TopicName,
        /// The partition.
        partition: PartitionId,
        /// Where.
        offset: Offset,
        /// What is wrong.
        why: String,
    },
    /// The cluster refused, or could not be asked.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl Answers for ConsumerError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::NotAssigned { .. }
            | Self::AlreadyAssigned { .. }
            | Self::UnknownPartition { .. }
            | Self::TopicGone { .. }
            | Self::OutOfRange { .. }
            | Self::Corrupt { .. } => Outcome::DidNotHappen,
            Self::Client(error) => error.outcome(),
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::NotAssigned { .. }
            | Self::AlreadyAssigned { .. }
            | Self::UnknownPartition { .. }
            | Self::TopicGone { .. }
            | Self::OutOfRange { .. } => Retry::Never,
            Self::Corrupt { .. } => Retry::Later,
            Self::Client(error) => error.retry(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::NotAssigned { .. }
            | Self::AlreadyAssigned { .. }
            | Self::UnknownPartition { .. }
            | Self::TopicGone { .. }
            | Self::OutOfRange { .. } => Fault::Caller,
            Self::Corrupt { .. } => Fault::Cluster,
            Self::Client(error) => error.fault(),
        }
    }
}
