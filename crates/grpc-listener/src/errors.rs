//! The broker's errors in the words of the wire.

use std::time::Duration;

use ottla_broker::{AdminError, Explains, FetchError, LookupError, ProduceError, TopicRef};
use ottla_model::{BrokerId, Fault, LeaderEpoch, Offset, Outcome, PartitionId, Retry};
use ottla_record::BatchError;
use ottla_wire::convert::{TopicRefError, UnknownValue};
use ottla_wire::error::key;
use ottla_wire::{LeaderHint, RichError};
use tonic::Code;

/// A pause that lets a queue get shorter.
const SHORT: Duration = Duration::from_millis(50);
/// A pause that lets somebody do something.
const LONG: Duration = Duration::from_secs(1);

/// Why a request is refused.
pub(crate) type Refusal = Box<RichError>;

/// A field that cannot be as it is.
pub(crate) fn refused(field: &str, why: impl Into<String>) -> Refusal {
    Box::new(RichError::bad_field(field, why))
}

fn explained(error: &impl Explains, code: Code) -> RichError {
    RichError::refused(error.code(), code, error.to_string())
        .answering(error)
        .advising(error.advice())
}

pub(crate) fn of_lookup(error: &LookupError) -> RichError {
    match error {
        LookupError::UnknownTopic { topic, nearest } => {
            let rich = explained(error, Code::NotFound).with(key::TOPIC, topic);
            match nearest {
                Some(nearest) => rich.with(key::NEAREST_TOPIC, nearest),
                None => rich,
            }
        }
        LookupError::UnknownPartition { topic, partition, partitions } => {
            explained(error, Code::NotFound)
                .with(key::TOPIC, topic)
                .with(key::PARTITION, partition)
                .with(key::PARTITIONS, partitions)
        }
        LookupError::Opening { topic, partition } => explained(error, Code::Unavailable)
            .with(key::TOPIC, topic)
            .with(key::PARTITION, partition)
            .after(SHORT),
        LookupError::NotLeader { topic, partition, leader } => {
            let rich = explained(error, Code::Unavailable);
            hinting(rich.with(key::TOPIC, topic).with(key::PARTITION, partition), *leader)
        }
        LookupError::Offline { topic, partition, why: _ } => explained(error, Code::Unavailable)
            .with(key::TOPIC, topic)
            .with(key::PARTITION, partition)
            .after(LONG),
        LookupError::Damaged { topic, partition, end, what: _ } => explained(error, Code::DataLoss)
            .with(key::TOPIC, topic)
            .with(key::PARTITION, partition)
            .with(key::HIGH_WATERMARK, end),
    }
}

/// Who leads instead. Where that broker is, a client asks the cluster.
fn hinting(mut error: RichError, leader: Option<BrokerId>) -> RichError {
    error.leader = leader.map(|broker| LeaderHint {
        broker,
        address: String::new(),
        epoch: LeaderEpoch::FIRST,
    });
    error
}

pub(crate) fn of_produce(error: &ProduceError) -> RichError {
    match error {
        ProduceError::Lookup(error) => of_lookup(error),
        ProduceError::Invalid { .. } => explained(error, Code::InvalidArgument),
        ProduceError::TooLarge { topic, size, size_max } => explained(error, Code::InvalidArgument)
            .with(key::TOPIC, topic)
            .with(key::SIZE, size.0)
            .with(key::LIMIT, size_max.0),
        ProduceError::OutOfOrder { expected, .. } => {
            explained(error, Code::FailedPrecondition).with(key::EXPECTED_SEQUENCE, expected)
        }
        ProduceError::Fenced { current, .. } => {
            explained(error, Code::FailedPrecondition).with(key::CURRENT_EPOCH, current)
        }
        ProduceError::NotLeader { leader } => hinting(explained(error, Code::Unavailable), *leader),
        ProduceError::DuplicateForgotten { .. } => explained(error, Code::AlreadyExists),
        ProduceError::Refused { .. } => explained(error, Code::Unavailable).after(LONG),
        ProduceError::DiskFull { .. } => explained(error, Code::ResourceExhausted).after(LONG),
        ProduceError::Overloaded { .. } => explained(error, Code::ResourceExhausted).after(SHORT),
        ProduceError::DirectoryOffline { .. } | ProduceError::NotEnoughReplicas { .. } => {
            explained(error, Code::Unavailable).after(LONG)
        }
        ProduceError::ShuttingDown => explained(error, Code::Unavailable).after(LONG),
        ProduceError::Lost { .. } => explained(error, Code::Unavailable).after(SHORT),
    }
}

pub(crate) fn of_fetch(error: &FetchError) -> RichError {
    match error {
        FetchError::Lookup(error) => of_lookup(error),
        FetchError::OutOfRange { offset, log_start, high_watermark } => {
            explained(error, Code::OutOfRange)
                .with(key::OFFSET, offset)
                .with(key::LOG_START, log_start)
                .with(key::HIGH_WATERMARK, high_watermark)
        }
        FetchError::Damaged { .. } => explained(error, Code::DataLoss),
        FetchError::Storage { .. } => explained(error, Code::Unavailable).after(LONG),
        FetchError::ShuttingDown => explained(error, Code::Unavailable).after(LONG),
    }
}

pub(crate) fn of_admin(error: &AdminError) -> RichError {
    match error {
        AdminError::Lookup(error) => of_lookup(error),
        AdminError::TopicExists { name } => {
            explained(error, Code::AlreadyExists).with(key::TOPIC, name)
        }
        AdminError::Invalid { .. }
        | AdminError::InvalidName { .. }
        | AdminError::InvalidPartitions { .. }
        | AdminError::InvalidConfig { .. } => explained(error, Code::InvalidArgument),
        AdminError::OutOfRange { offset, log_start, high_watermark } => {
            explained(error, Code::OutOfRange)
                .with(key::OFFSET, offset)
                .with(key::LOG_START, log_start)
                .with(key::HIGH_WATERMARK, high_watermark)
        }
        AdminError::Unavailable { .. } => explained(error, Code::Unavailable).after(LONG),
        AdminError::Late | AdminError::NoAnswer { .. } => explained(error, Code::Unavailable),
        AdminError::Storage { .. } => explained(error, Code::Unavailable).after(LONG),
        AdminError::ShuttingDown => explained(error, Code::Unavailable).after(LONG),
    }
}

/// A batch that was stored whole does not read whole any more.
pub(crate) fn damaged(
    (topic, partition, offset): (TopicRef, PartitionId, Offset),
    error: &BatchError,
) -> FetchError {
    FetchError::Damaged { topic, partition, offset, what: error.to_string() }
}

/// A topic reference that cannot be one; a name's error says which character is wrong, and where.
pub(crate) fn of_topic_ref(error: &TopicRefError) -> RichError {
    let mut rich = RichError::bad_field("topic", error.to_string());
    if let TopicRefError::Name(_) = error {
        rich.reason = "INVALID_TOPIC_NAME".to_owned();
    }
    rich
}

pub(crate) fn of_unknown_value(error: &UnknownValue) -> RichError {
    RichError::bad_field(error.field, error.to_string()).advising("the client may be newer")
}

/// The acknowledgement did not come in the time that the producer allows.
pub(crate) fn not_acknowledged(waited: Duration) -> RichError {
    let message = format!("the batch was not acknowledged within {waited:?}");
    RichError::refused("ACKNOWLEDGE_TIMEOUT", Code::DeadlineExceeded, message)
        .with_answers(Outcome::Unknown, Retry::SameSequence, Fault::Cluster)
        .advising("send it again with the same producer id and sequence")
}

/// How a stream ends that is drained: what it took is answered, the rest did not happen.
pub(crate) fn shutting_down() -> RichError {
    RichError::refused("SHUTTING_DOWN", Code::Unavailable, "the broker is shutting down")
        .with_answers(Outcome::DidNotHappen, Retry::AfterRefresh, Fault::Nobody)
        .advising("send what has no answer again, when it is back or to another broker")
        .after(SHORT)
}
