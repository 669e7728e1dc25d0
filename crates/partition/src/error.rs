//! Why a replica refuses.

use std::time::Duration;

use ottla_log::StreamError;
use ottla_model::{
    Answers, BrokerId, Fault, LeaderEpoch, Offset, Outcome, ProducerEpoch, ProducerId, Retry,
    Sequence,
};

/// Why a batch was not appended, or why its fate is not known.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AppendError {
    /// Another broker leads the partition, or nobody does.
    #[error("this replica does not lead the partition; {}", lead(*.leader))]
    NotLeader {
        /// Who does, as far as it is known.
        leader: Option<BrokerId>,
    },
    /// `acks=all` needs more replicas than are in sync.
    #[error("the topic wants {wanted} replicas in sync, and has {in_sync}")]
    NotEnoughReplicas {
        /// How many are.
        in_sync: u32,
        /// How many must be.
        wanted: u32,
    },
    /// An idempotent producer left a gap.
    #[error("sequence {got} of producer {producer} is out of order; {expected} comes next")]
    OutOfOrder {
        /// The producer.
        producer: ProducerId,
        /// The sequence that comes next.
        expected: Sequence,
        /// The one that came.
        got: Sequence,
    },
    /// A newer life of the producer has taken over.
    #[error("producer {producer} with epoch {got} is fenced by epoch {current}")]
    Fenced {
        /// The producer.
        producer: ProducerId,
        /// The epoch that may write.
        current: ProducerEpoch,
        /// The batch's.
        got: ProducerEpoch,
    },
    /// The batch was appended so long ago that its offset is forgotten.
    #[error(
        "sequence {sequence} of producer {producer} was appended before; its offset is forgotten"
    )]
    DuplicateForgotten {
        /// The producer.
        producer: ProducerId,
        /// The batch's first sequence.
        sequence: Sequence,
    },
    /// The batch names a producer, and has no epoch or no sequence.
    #[error("producer {producer} sent a batch without an epoch or a sequence; number its batches")]
    Unnumbered {
        /// The producer.
        producer: ProducerId,
    },
    /// The log did not take it.
    #[error(transparent)]
    Log(StreamError),
    /// It was appended, and then this replica stopped leading.
    #[error("this replica stopped leading before the batch was acknowledged; {}", lead(*.leader))]
    Deposed {
        /// Who leads now, as far as it is known.
        leader: Option<BrokerId>,
    },
    /// It was appended, and then the log stopped.
    #[error("the log stopped before the batch was acknowledged: {why}")]
    LogStopped {
        /// What the log says.
        why: String,
    },
    /// It was appended, and not acknowledged in time.
    #[error("the batch was not acknowledged within {waited:?}")]
    NoAnswer {
        /// How long it was waited for.
        waited: Duration,
    },
}

/// Why nothing can be fetched from there.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FetchError {
    /// Another broker leads the partition, or nobody does.
    #[error("this replica does not lead the partition; {}", lead(*.leader))]
    NotLeader {
        /// Who does, as far as it is known.
        leader: Option<BrokerId>,
    },
    /// The offset is not in the partition.
    #[error("offset {offset} is out of range; the partition holds {log_start} to {high_watermark}")]
    OutOfRange {
        /// What was asked for.
        offset: Offset,
        /// Where the partition begins.
        log_start: Offset,
        /// Where what may be seen ends.
        high_watermark: Offset,
    },
}

/// Why records cannot be deleted up to there.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MoveStartError {
    /// Another broker leads the partition, or nobody does.
    #[error("this replica does not lead the partition; {}", lead(*.leader))]
    NotLeader {
        /// Who does, as far as it is known.
        leader: Option<BrokerId>,
    },
    /// Only what may be seen can be deleted.
    #[error(
        "records can be deleted up to offset {high_watermark}, and {offset} is beyond; \
         the partition begins at {log_start}"
    )]
    OutOfRange {
        /// What was asked for.
        offset: Offset,
        /// Where the partition begins.
        log_start: Offset,
        /// Where what may be seen ends.
        high_watermark: Offset,
    },
    /// The log did not.
    #[error(transparent)]
    Log(StreamError),
}

/// Why a replica does not take a role, or what goes with it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RoleError {
    /// The news is older than what this replica has.
    #[error("leader epoch {epoch} is old; this replica has seen {latest}")]
    StaleEpoch {
        /// The epoch it was told.
        epoch: LeaderEpoch,
        /// The newest epoch of its log or role.
        latest: LeaderEpoch,
    },
    /// Only a follower cuts its log.
    #[error("this replica does not follow anybody")]
    NotFollower,
    /// What clients saw would disappear. Only a human may order that.
    #[error("cutting the log to {to} would remove what was visible up to {high_watermark}")]
    BelowHighWatermark {
        /// Where the logs part.
        to: Offset,
        /// What clients saw.
        high_watermark: Offset,
    },
    /// The log did not.
    #[error(transparent)]
    Log(StreamError),
}

fn lead(leader: Option<BrokerId>) -> String {
    match leader {
        Some(broker) => format!("broker {broker} does"),
        None => "nobody does now".to_owned(),
    }
}

impl Answers for AppendError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::NotLeader { .. }
            | Self::NotEnoughReplicas { .. }
            | Self::OutOfOrder { .. }
            | Self::Fenced { .. }
            | Self::Unnumbered { .. } => Outcome::DidNotHappen,
            Self::DuplicateForgotten { .. } => Outcome::Happened,
            Self::Log(error) => error.outcome(),
            Self::Deposed { .. } | Self::LogStopped { .. } | Self::NoAnswer { .. } => {
                Outcome::Unknown
            }
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::NotLeader { .. } => Retry::AfterRefresh,
            Self::NotEnoughReplicas { .. } => Retry::Later,
            Self::OutOfOrder { .. }
            | Self::Fenced { .. }
            | Self::DuplicateForgotten { .. }
            | Self::Unnumbered { .. } => Retry::Never,
            Self::Log(error) => error.retry(),
            Self::Deposed { .. } | Self::LogStopped { .. } | Self::NoAnswer { .. } => {
                Retry::SameSequence
            }
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::NotLeader { .. } | Self::Deposed { .. } => Fault::Nobody,
            Self::OutOfOrder { .. }
            | Self::Fenced { .. }
            | Self::DuplicateForgotten { .. }
            | Self::Unnumbered { .. } => Fault::Caller,
            Self::Log(error) => error.fault(),
            Self::NotEnoughReplicas { .. } | Self::LogStopped { .. } | Self::NoAnswer { .. } => {
                Fault::Cluster
            }
        }
    }
}

impl Answers for RoleError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::StaleEpoch { .. } | Self::NotFollower | Self::BelowHighWatermark { .. } => {
                Outcome::DidNotHappen
            }
            Self::Log(error) => error.outcome(),
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::StaleEpoch { .. } | Self::NotFollower | Self::BelowHighWatermark { .. } => {
                Retry::Never
            }
            Self::Log(error) => error.retry(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::StaleEpoch { .. } | Self::NotFollower => Fault::Nobody,
            Self::BelowHighWatermark { .. } => Fault::Cluster,
            Self::Log(error) => error.fault(),
        }
    }
}

impl Answers for FetchError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::NotLeader { .. } | Self::OutOfRange { .. } => Outcome::DidNotHappen,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::NotLeader { .. } => Retry::AfterRefresh,
            Self::OutOfRange { .. } => Retry::Never,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::NotLeader { .. } => Fault::Nobody,
            Self::OutOfRange { .. } => Fault::Caller,
        }
    }
}

impl Answers for MoveStartError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::NotLeader { .. } | Self::OutOfRange { .. } => Outcome::DidNotHappen,
            Self::Log(error) => error.outcome(),
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::NotLeader { .. } => Retry::AfterRefresh,
            Self::OutOfRange { .. } => Retry::Never,
            Self::Log(error) => error.retry(),
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::NotLeader { .. } => Fault::Nobody,
            Self::OutOfRange { .. } => Fault::Caller,
            Self::Log(error) => error.fault(),
        }
    }
}
