//! From the words of the machines below to the words of this facade.

use ottla_log::{ReadError, StreamError};
use ottla_metadata::request as meta;
use ottla_metadata::{ConfigError, ControllerError};
use ottla_model::{StreamId, TopicName};
use ottla_partition as machine;
use ottla_partition::{AppendError, MoveStartError, Offsets};

use crate::error::{AdminError, BatchFault, FetchError, LookupError, ProduceError};
use crate::request::{Produced, TopicRef};

pub(crate) fn produced(produced: machine::Produced) -> Produced {
    let machine::Produced { base_offset, log_append_time, log_start, acks, durability, duplicate } =
        produced;
    Produced { base_offset, log_append_time, log_start, acks, durability, duplicate }
}

pub(crate) fn append_error(error: AppendError) -> ProduceError {
    match error {
        AppendError::NotLeader { leader } => ProduceError::NotLeader { leader },
        AppendError::NotEnoughReplicas { in_sync, wanted } => {
            ProduceError::NotEnoughReplicas { in_sync, wanted }
        }
        AppendError::OutOfOrder { producer, expected, got } => {
            ProduceError::OutOfOrder { producer, expected, got }
        }
        AppendError::Fenced { producer, current, got } => {
            ProduceError::Fenced { producer, current, got }
        }
        AppendError::DuplicateForgotten { producer, sequence } => {
            ProduceError::DuplicateForgotten { producer, sequence }
        }
        AppendError::Unnumbered { .. } => {
            ProduceError::Invalid { fault: BatchFault::Rules, why: error.to_string() }
        }
        AppendError::Log(error) => log_error(error),
        AppendError::Deposed { .. }
        | AppendError::LogStopped { .. }
        | AppendError::NoAnswer { .. } => ProduceError::Lost { why: error.to_string() },
    }
}

fn log_error(error: StreamError) -> ProduceError {
    match error {
        StreamError::Offline(offline) => ProduceError::DirectoryOffline { why: offline.why },
        StreamError::Closed => ProduceError::ShuttingDown,
        StreamError::Gone { stream } => ProduceError::Lookup(LookupError::UnknownTopic {
            topic: TopicRef::Id(stream.topic),
            nearest: None,
        }),
        StreamError::Damaged { .. }
        | StreamError::Exists { .. }
        | StreamError::OffsetMismatch { .. }
        | StreamError::StaleEpoch { .. }
        | StreamError::OutOfRange { .. }
        | StreamError::Storage { .. } => ProduceError::Refused { why: error.to_string() },
    }
}

pub(crate) fn fetch_error(
    error: machine::FetchError,
    topic: &TopicName,
    id: StreamId,
) -> FetchError {
    match error {
        machine::FetchError::NotLeader { leader } => LookupError::NotLeader {
            topic: TopicRef::Name(topic.clone()),
            partition: id.partition,
            leader,
        }
        .into(),
        machine::FetchError::OutOfRange { offset, log_start, high_watermark } => {
            FetchError::OutOfRange { offset, log_start, high_watermark }
        }
    }
}

pub(crate) fn read_error(
    error: ReadError,
    offsets: Offsets,
    topic: &TopicName,
    id: StreamId,
) -> FetchError {
    match error {
        ReadError::OutOfRange { offset, .. } => FetchError::OutOfRange {
            offset,
            log_start: offsets.log_start,
            high_watermark: offsets.high_watermark,
        },
        ReadError::Damaged { offset, what, .. } => FetchError::Damaged {
            topic: TopicRef::Name(topic.clone()),
            partition: id.partition,
            offset,
            what,
        },
        ReadError::Gone { .. } => {
            LookupError::UnknownTopic { topic: TopicRef::Id(id.topic), nearest: None }.into()
        }
        ReadError::Storage { why, .. } => FetchError::Storage { why },
    }
}

pub(crate) fn move_start_error(error: MoveStartError) -> AdminError {
    match error {
        MoveStartError::NotLeader { .. } => AdminError::Invalid { why: error.to_string() },
        MoveStartError::OutOfRange { offset, log_start, high_watermark } => {
            AdminError::OutOfRange { offset, log_start, high_watermark }
        }
        MoveStartError::Log(error) => AdminError::Storage { why: error.to_string() },
    }
}

pub(crate) fn controller_error(error: ControllerError) -> AdminError {
    match error {
        ControllerError::TopicExists { name, .. } => AdminError::TopicExists { name },
        ControllerError::UnknownTopic { topic, nearest } => {
            let topic = match topic {
                meta::TopicRef::Name(name) => TopicRef::Name(name),
                meta::TopicRef::Id(id) => TopicRef::Id(id),
            };
            AdminError::Lookup(LookupError::UnknownTopic { topic, nearest })
        }
        ControllerError::Config(error) => config_error(&error),
        ControllerError::OutcomeUnknown { why } => AdminError::NoAnswer { why },
        ControllerError::Unavailable { why } => AdminError::Unavailable { why },
        ControllerError::NoBrokers | ControllerError::StaleBroker { .. } => {
            AdminError::Unavailable { why: error.to_string() }
        }
        ControllerError::ReservedName { .. } => AdminError::InvalidName { why: error.to_string() },
        ControllerError::BadPartitionCount { .. }
        | ControllerError::NotMorePartitions { .. }
        | ControllerError::TooManyPartitions { .. } => {
            AdminError::InvalidPartitions { why: error.to_string() }
        }
        ControllerError::SetAndUnset { .. }
        | ControllerError::DirectoryTaken { .. }
        | ControllerError::ProducerIdsExhausted
        | ControllerError::DecisionTooLarge { .. } => {
            AdminError::Invalid { why: error.to_string() }
        }
    }
}

fn config_error(error: &ConfigError) -> AdminError {
    AdminError::InvalidConfig { why: error.to_string() }
}

pub(crate) fn topic_ref(topic: &TopicRef) -> meta::TopicRef {
    match topic {
        TopicRef::Name(name) => meta::TopicRef::Name(name.clone()),
        TopicRef::Id(id) => meta::TopicRef::Id(*id),
    }
}
