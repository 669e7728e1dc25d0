//! How a producer says no: whether the record is in the log, whether to send it again, whose fault.

use std::time::Duration;

use ottla_client::{ClientError, ServerError};
use ottla_model::{Answers, ByteCount, Fault, Outcome, PartitionId, Retry, TopicName};

/// Why a record is not known to be in its log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProducerError {
    /// The record alone would make a batch that the topic does not allow.
    #[error(
        "a record of {size} is over the largest batch of topic {topic}, {size_max}; \
         make it smaller, or raise the topic's max.message.bytes"
    )]
    RecordTooLarge {
        /// The topic.
        topic: TopicName,
        /// The size of a batch with this record alone.
        size: ByteCount,
        /// The largest batch.
        size_max: ByteCount,
    },
    /// The record names a partition that the topic does not have.
    #[error("topic {topic} has no partition {partition}, only {partitions} from 0 on")]
    UnknownPartition {
        /// The topic.
        topic: TopicName,
        /// What was asked for.
        partition: PartitionId,
        /// How many there are.
        partitions: u32,
    },
    /// There is no room for the record now, and the caller did not want to wait.
    #[error("the producer's buffer of {size_max} is full; wait for deliveries, or use `send`")]
    BufferFull {
        /// The size of the buffer.
        size_max: ByteCount,
    },
    /// The time for delivery ran out before the batch could ever be sent.
    #[error("the record could not be sent within {waited:?} ({why})")]
    TimedOutUnsent {
        /// How long it was tried.
        waited: Duration,
        /// What was in the way.
        why: String,
    },
    /// The time for delivery ran out, and nobody knows whether the last attempt succeeded.
    #[error(
        "no acknowledgement came within {waited:?} ({why}); the record may be in the log or not"
    )]
    TimedOutUnknown {
        /// How long it was tried.
        waited: Duration,
        /// What was in the way.
        why: String,
    },
    /// The broker refused the batch for good.
    #[error(transparent)]
    Refused(Box<ServerError>),
    /// The broker refused the batch for good, but an earlier attempt may have succeeded.
    #[error("{error}; an earlier attempt was not answered, so the record may be in the log or not")]
    RefusedLate {
        /// What the broker said to the last attempt.
        error: Box<ServerError>,
    },
    /// The batch before was refused, and the connection was lost before this one was answered. Sending
    /// it again could put it before that one, so that it is not tried.
    #[error(
        "the batch before was refused, and this one was not answered ({why}); the record may be in \
         the log or not"
    )]
    LostBehindRefused {
        /// How the answer was lost.
        why: String,
    },
    /// The client could not do its part, such as learning about the topic.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The topic was deleted.
    #[error("topic {topic} was deleted; if it was made again, ask the producer for it again")]
    TopicGone {
        /// Its name.
        topic: TopicName,
    },
    /// The producer's task ended before the record was decided, as when its runtime is shut down.
    #[error(
        "the producer was stopped before the record was acknowledged, so that it may be in the log \
         or not; call `close` and wait for it before the runtime ends"
    )]
    Aborted,
    /// The producer was closed before.
    #[error("the producer is closed")]
    Closed,
}

impl Answers for ProducerError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::RecordTooLarge { .. }
            | Self::UnknownPartition { .. }
            | Self::BufferFull { .. }
            | Self::TimedOutUnsent { .. }
            | Self::TopicGone { .. }
            | Self::Closed => Outcome::DidNotHappen,
            Self::TimedOutUnknown { .. }
            | Self::RefusedLate { .. }
            | Self::LostBehindRefused { .. }
            | Self::Aborted => Outcome::Unknown,
            Self::Refused(error) => error.outcome,
            Self::Client(error) => error.outcome(),
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::RecordTooLarge { .. }
            | Self::UnknownPartition { .. }
            | Self::TopicGone { .. }
            | Self::Aborted
            | Self::Closed => Retry::Never,
            Self::BufferFull { .. }
            | Self::TimedOutUnsent { .. }
            | Self::TimedOutUnknown { .. }
            | Self::LostBehindRefused { .. } => Retry::Later,
            Self::Refused(error) | Self::RefusedLate { error } => error.retry,
            Self::Client(error) => error.retry(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::RecordTooLarge { .. }
            | Self::UnknownPartition { .. }
            | Self::TopicGone { .. }
            | Self::Aborted
            | Self::Closed => Fault::Caller,
            Self::BufferFull { .. } | Self::LostBehindRefused { .. } => Fault::Nobody,
            Self::TimedOutUnsent { .. } | Self::TimedOutUnknown { .. } => Fault::Cluster,
            Self::Refused(error) | Self::RefusedLate { error } => error.fault,
            Self::Client(error) => error.fault(),
        }
    }
}
