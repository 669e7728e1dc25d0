//! From the broker's errors to Kafka's codes.

use ottla_broker::{AdminError, BatchFault, FetchError, LookupError, ProduceError, TopicRef};
use ottla_kafka_codec::ErrorCode;

pub(crate) fn of_lookup(error: &LookupError) -> ErrorCode {
    match error {
        LookupError::UnknownTopic { topic: TopicRef::Id(_), .. } => ErrorCode::UNKNOWN_TOPIC_ID,
        LookupError::UnknownTopic { topic: TopicRef::Name(_), .. }
        | LookupError::UnknownPartition { .. } => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        // Clients look the leader up again, and come back.
        LookupError::Opening { .. } | LookupError::NotLeader { .. } => {
            ErrorCode::NOT_LEADER_OR_FOLLOWER
        }
        LookupError::Offline { .. } | LookupError::Damaged { .. } => ErrorCode::KAFKA_STORAGE_ERROR,
    }
}

pub(crate) fn of_produce(error: &ProduceError) -> ErrorCode {
    match error {
        ProduceError::Lookup(error) => of_lookup(error),
        ProduceError::Invalid { fault: BatchFault::Corrupt, .. } => ErrorCode::CORRUPT_MESSAGE,
        ProduceError::Invalid { fault: BatchFault::Rules, .. } => ErrorCode::INVALID_RECORD,
        ProduceError::Invalid { fault: BatchFault::Timestamp { .. }, .. } => {
            ErrorCode::INVALID_TIMESTAMP
        }
        ProduceError::Invalid { fault: BatchFault::Size, .. } | ProduceError::TooLarge { .. } => {
            ErrorCode::MESSAGE_TOO_LARGE
        }
        // A duplicate that is older than what is remembered is out of order to Kafka too.
        ProduceError::OutOfOrder { .. } | ProduceError::DuplicateForgotten { .. } => {
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
        }
        ProduceError::Fenced { .. } => ErrorCode::INVALID_PRODUCER_EPOCH,
        ProduceError::NotLeader { .. } | ProduceError::ShuttingDown => {
            ErrorCode::NOT_LEADER_OR_FOLLOWER
        }
        ProduceError::Refused { .. }
        | ProduceError::DiskFull { .. }
        | ProduceError::DirectoryOffline { .. } => ErrorCode::KAFKA_STORAGE_ERROR,
        ProduceError::NotEnoughReplicas { .. } => ErrorCode::NOT_ENOUGH_REPLICAS,
        // Retried with the same sequence, which is right whether or not it happened.
        ProduceError::Overloaded { .. } | ProduceError::Lost { .. } => ErrorCode::REQUEST_TIMED_OUT,
    }
}

pub(crate) fn of_fetch(error: &FetchError) -> ErrorCode {
    match error {
        FetchError::Lookup(error) => of_lookup(error),
        FetchError::OutOfRange { .. } => ErrorCode::OFFSET_OUT_OF_RANGE,
        FetchError::Damaged { .. } | FetchError::Storage { .. } => ErrorCode::KAFKA_STORAGE_ERROR,
        FetchError::ShuttingDown => ErrorCode::NOT_LEADER_OR_FOLLOWER,
    }
}

pub(crate) fn of_admin(error: &AdminError) -> ErrorCode {
    match error {
        AdminError::Lookup(error) => of_lookup(error),
        AdminError::TopicExists { .. } => ErrorCode::TOPIC_ALREADY_EXISTS,
        AdminError::InvalidConfig { .. } => ErrorCode::INVALID_CONFIG,
        AdminError::InvalidName { .. } => ErrorCode::INVALID_TOPIC_EXCEPTION,
        AdminError::InvalidPartitions { .. } => ErrorCode::INVALID_PARTITIONS,
        AdminError::Invalid { .. } => ErrorCode::INVALID_REQUEST,
        AdminError::OutOfRange { .. } => ErrorCode::OFFSET_OUT_OF_RANGE,
        AdminError::Unavailable { .. } | AdminError::ShuttingDown => ErrorCode::NOT_CONTROLLER,
        AdminError::Late | AdminError::NoAnswer { .. } => ErrorCode::REQUEST_TIMED_OUT,
        AdminError::Storage { .. } => ErrorCode::KAFKA_STORAGE_ERROR,
    }
}
