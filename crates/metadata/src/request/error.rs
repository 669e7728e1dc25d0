//! Why the controller refuses.

use ottla_model::{Answers, BrokerId, DirectoryId, Fault, Outcome, Retry, TopicId, TopicName};

use super::TopicRef;
use crate::config::ConfigError;

/// Why a request to the controller failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ControllerError {
    /// The name is taken.
    #[error("topic `{name}` exists already")]
    TopicExists {
        /// The name.
        name: TopicName,
        /// The topic that has it.
        id: TopicId,
    },
    /// The name belongs to the system.
    #[error("topic name `{name}` is reserved for the system; choose another")]
    ReservedName {
        /// The name.
        name: TopicName,
    },
    /// There is no such topic.
    #[error("{}", unknown_topic(topic, nearest.as_ref()))]
    UnknownTopic {
        /// What was asked for.
        topic: TopicRef,
        /// The topic that was probably meant.
        nearest: Option<TopicName>,
    },
    /// That many partitions cannot be.
    #[error("a topic cannot have {requested} partitions; 1 to {partitions_max} are allowed")]
    BadPartitionCount {
        /// How many were asked for.
        requested: u32,
        /// The most there may be.
        partitions_max: u32,
    },
    /// A topic's partitions only ever become more.
    #[error(
        "topic `{name}` has {}, and {requested} is not more; \
         partitions can be added, never taken away",
        partitions(*.current as usize)
    )]
    NotMorePartitions {
        /// The topic.
        name: TopicName,
        /// How many it has.
        current: u32,
        /// How many were asked for.
        requested: u32,
    },
    /// The cluster is full.
    #[error(
        "the cluster has {}, and {requested} more would pass its limit of \
         {partitions_max}; delete topics, or ask for fewer partitions",
        partitions(*.current)
    )]
    TooManyPartitions {
        /// How many there are.
        current: usize,
        /// How many more were asked for.
        requested: u32,
        /// The most there may be.
        partitions_max: usize,
    },
    /// The settings cannot be taken.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A setting was to be set and unset at once.
    #[error("`{key}` cannot be set and unset in one request; name it once")]
    SetAndUnset {
        /// The setting.
        key: String,
    },
    /// Nobody could keep a partition.
    #[error("no broker has registered, so that nobody could keep the topic; try again")]
    NoBrokers,
    /// The broker is not known, or another life of it began.
    #[error("broker {broker} in epoch {epoch} is not known; it must register again")]
    StaleBroker {
        /// The broker.
        broker: BrokerId,
        /// The epoch it named.
        epoch: i64,
    },
    /// Two brokers cannot have one data directory.
    #[error(
        "data directory {directory} belongs to broker {owner}; \
         start this broker with that number, or with a directory of its own"
    )]
    DirectoryTaken {
        /// The directory.
        directory: DirectoryId,
        /// Whose it is.
        owner: BrokerId,
    },
    /// Every producer id was given away.
    #[error("the cluster has given away all of its 2^63 producer ids")]
    ProducerIdsExhausted,
    /// The decision would not fit into one entry of the metadata log.
    #[error("the decision takes {bytes} bytes, and an entry has at most {bytes_max}; ask for less")]
    DecisionTooLarge {
        /// How large it is.
        bytes: u64,
        /// How large it may be.
        bytes_max: u64,
    },
    /// There is no controller to ask, or it did not take the request.
    #[error("the controller is not available: {why}")]
    Unavailable {
        /// Why.
        why: String,
    },
    /// The request was taken, and the controller stopped before the outcome was known.
    #[error("the controller stopped before the decision was durable: {why}; look, then try again")]
    OutcomeUnknown {
        /// Why.
        why: String,
    },
}

fn partitions(count: usize) -> String {
    match count {
        1 => "1 partition".to_owned(),
        _ => format!("{count} partitions"),
    }
}

fn unknown_topic(topic: &TopicRef, nearest: Option<&TopicName>) -> String {
    match (topic, nearest) {
        (TopicRef::Id(id), _) => format!("there is no topic with id {id}; it may be deleted"),
        (TopicRef::Name(name), None) => format!("there is no topic `{name}`"),
        (TopicRef::Name(name), Some(nearest)) => {
            format!("there is no topic `{name}`; did you mean `{nearest}`?")
        }
    }
}

impl Answers for ControllerError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::TopicExists { .. }
            | Self::ReservedName { .. }
            | Self::UnknownTopic { .. }
            | Self::BadPartitionCount { .. }
            | Self::NotMorePartitions { .. }
            | Self::TooManyPartitions { .. }
            | Self::Config(_)
            | Self::SetAndUnset { .. }
            | Self::NoBrokers
            | Self::StaleBroker { .. }
            | Self::DirectoryTaken { .. }
            | Self::ProducerIdsExhausted
            | Self::DecisionTooLarge { .. }
            | Self::Unavailable { .. } => Outcome::DidNotHappen,
            Self::OutcomeUnknown { .. } => Outcome::Unknown,
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::TopicExists { .. }
            | Self::ReservedName { .. }
            | Self::BadPartitionCount { .. }
            | Self::NotMorePartitions { .. }
            | Self::TooManyPartitions { .. }
            | Self::Config(_)
            | Self::SetAndUnset { .. }
            | Self::StaleBroker { .. }
            | Self::DirectoryTaken { .. }
            | Self::ProducerIdsExhausted
            | Self::DecisionTooLarge { .. } => Retry::Never,
            Self::UnknownTopic { .. } => Retry::AfterRefresh,
            Self::NoBrokers | Self::Unavailable { .. } | Self::OutcomeUnknown { .. } => {
                Retry::Later
            }
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::TopicExists { .. }
            | Self::ReservedName { .. }
            | Self::UnknownTopic { .. }
            | Self::BadPartitionCount { .. }
            | Self::NotMorePartitions { .. }
            | Self::Config(_)
            | Self::SetAndUnset { .. }
            | Self::DirectoryTaken { .. }
            | Self::DecisionTooLarge { .. } => Fault::Caller,
            Self::TooManyPartitions { .. }
            | Self::ProducerIdsExhausted
            | Self::Unavailable { .. }
            | Self::OutcomeUnknown { .. } => Fault::Cluster,
            Self::NoBrokers | Self::StaleBroker { .. } => Fault::Nobody,
        }
    }
}
