//! What can go wrong, in words that say what to do. Every error answers the three questions of
//! [`ottla_model::Answers`] and has a stable code for programs.

use std::fmt::Display;

use ottla_model::{
    Answers, BrokerId, ByteCount, Fault, Offset, Outcome, PartitionId, ProducerEpoch, ProducerId,
    Retry, Sequence, TopicName,
};

use crate::request::TopicRef;

/// What a door needs of an error to answer a client well.
pub trait Explains: Answers + Display {
    /// A stable word for programs, such as `UNKNOWN_TOPIC`. Never changes its meaning.
    fn code(&self) -> &'static str;
    /// What the caller can do now, as one sentence; empty when the message says all.
    fn advice(&self) -> String;
}

/// A partition cannot be found here.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LookupError {
    /// There is no such topic.
    #[error("there is no topic {topic}{}", did_you_mean(nearest))]
    UnknownTopic {
        /// What was asked for.
        topic: TopicRef,
        /// The nearest name there is, if one is near.
        nearest: Option<TopicName>,
    },
    /// The topic has no such partition.
    #[error("topic {topic} has no partition {partition}; {}", numbered(*.partitions))]
    UnknownPartition {
        /// The topic.
        topic: TopicRef,
        /// What was asked for.
        partition: PartitionId,
        /// How many it has.
        partitions: u32,
    },
    /// The topic is known, and this broker has not opened the partition yet.
    #[error("partition {partition} of topic {topic} is being opened")]
    Opening {
        /// The topic.
        topic: TopicRef,
        /// The partition.
        partition: PartitionId,
    },
    /// Another broker leads the partition, or nobody does.
    #[error("this broker does not lead partition {partition} of topic {topic}")]
    NotLeader {
        /// The topic.
        topic: TopicRef,
        /// The partition.
        partition: PartitionId,
        /// Who leads, as far as it is known.
        leader: Option<BrokerId>,
    },
    /// The partition cannot serve.
    #[error("partition {partition} of topic {topic} is offline: {why}")]
    Offline {
        /// The topic.
        topic: TopicRef,
        /// The partition.
        partition: PartitionId,
        /// The reason.
        why: String,
    },
    /// The partition lost records that had been acknowledged: those before `end` can be read, and
    /// nobody can tell how many there were behind it. It takes nothing.
    #[error(
        "partition {partition} of topic {topic} is damaged: records from offset {end} on were lost ({what})"
    )]
    Damaged {
        /// The topic.
        topic: TopicRef,
        /// The partition.
        partition: PartitionId,
        /// Where what is left ends.
        end: Offset,
        /// What was found.
        what: String,
    },
}

/// What kind of wrong a batch is, for doors whose clients tell them apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BatchFault {
    /// Its bytes are not those that its producer sent; sent again they may be.
    Corrupt,
    /// It breaks a rule that a batch must keep.
    Rules,
    /// It is more than one, or of a size that nobody takes, once it is decompressed.
    Size,
    /// The timestamp of a record is too far from the broker's clock.
    Timestamp {
        /// Which record, counted from 0.
        record: u32,
    },
}

/// A batch was not acknowledged.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProduceError {
    /// Its partition cannot be found here.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// The batch is not one that may be appended.
    #[error("{why}")]
    Invalid {
        /// What kind of wrong it is.
        fault: BatchFault,
        /// What is wrong with it.
        why: String,
    },
    /// The batch is over the topic's limit.
    #[error("a batch of {size} is over the {size_max} that topic {topic} allows")]
    TooLarge {
        /// Its topic.
        topic: TopicRef,
        /// Its size.
        size: ByteCount,
        /// The limit.
        size_max: ByteCount,
    },
    /// Another broker leads the partition, or nobody does.
    #[error("this broker does not lead the partition")]
    NotLeader {
        /// Who leads, as far as it is known.
        leader: Option<BrokerId>,
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
        /// The epoch of the batch.
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
    /// The log did not take it.
    #[error("the log refused the batch: {why}")]
    Refused {
        /// What the log says.
        why: String,
    },
    /// The disk has reached its reserve.
    #[error(
        "the disk of the data directory is full: {free} are free and {reserve} are kept in reserve"
    )]
    DiskFull {
        /// What is free.
        free: ByteCount,
        /// What must stay so.
        reserve: ByteCount,
    },
    /// The data directory stopped taking writes.
    #[error("the data directory is offline: {why}")]
    DirectoryOffline {
        /// The reason.
        why: String,
    },
    /// There was no room in time.
    #[error("no room for {bytes} within the time that a request may wait")]
    Overloaded {
        /// What was asked for.
        bytes: ByteCount,
    },
    /// Not enough replicas are in sync.
    #[error("{in_sync} replicas are in sync and the topic asks for {wanted}")]
    NotEnoughReplicas {
        /// How many are.
        in_sync: u32,
        /// How many must be.
        wanted: u32,
    },
    /// The server is shutting down and takes nothing new.
    #[error("the broker is shutting down")]
    ShuttingDown,
    /// The partition failed while the batch was under way.
    #[error("the partition failed while the batch was under way: {why}")]
    Lost {
        /// The reason.
        why: String,
    },
}

/// A fetch, or a question about offsets, was not answered.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FetchError {
    /// Its partition cannot be found here.
    #[error(transparent)]
    Lookup(#[from] LookupError),
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
    /// Stored bytes are not what was written.
    #[error("partition {partition} of topic {topic} is damaged at offset {offset}: {what}")]
    Damaged {
        /// The topic.
        topic: TopicRef,
        /// The partition.
        partition: PartitionId,
        /// From which offset on.
        offset: Offset,
        /// What was found.
        what: String,
    },
    /// The disk would not give the bytes.
    #[error("the log cannot be read: {why}")]
    Storage {
        /// What the disk said.
        why: String,
    },
    /// The server is shutting down.
    #[error("the broker is shutting down")]
    ShuttingDown,
}

/// A change or question about topics or the cluster was refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AdminError {
    /// Its topic or partition cannot be found.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// There is a topic of this name.
    #[error("topic {name} exists already")]
    TopicExists {
        /// The name.
        name: TopicName,
    },
    /// A setting is unknown, or its value is not allowed.
    #[error("{why}")]
    InvalidConfig {
        /// What is wrong with it.
        why: String,
    },
    /// There is no controller to ask, or it did not take the request.
    #[error("the controller is not available: {why}")]
    Unavailable {
        /// The reason.
        why: String,
    },
    /// No topic may have this name.
    #[error("{why}")]
    InvalidName {
        /// What is wrong with it.
        why: String,
    },
    /// No topic may have this many partitions, or may come to have them.
    #[error("{why}")]
    InvalidPartitions {
        /// What is wrong with the count.
        why: String,
    },
    /// The request cannot be granted as it is.
    #[error("{why}")]
    Invalid {
        /// What is wrong with it.
        why: String,
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
    /// It was decided and is durable, and does not hold at this broker yet.
    #[error("it was decided, and has not taken effect at this broker yet")]
    Late,
    /// The controller did not answer, so that nobody can tell whether it happened.
    #[error("the controller gave no answer: {why}")]
    NoAnswer {
        /// The reason.
        why: String,
    },
    /// The log would not take it.
    #[error("{why}")]
    Storage {
        /// The reason.
        why: String,
    },
    /// The server is shutting down.
    #[error("the broker is shutting down")]
    ShuttingDown,
}

fn did_you_mean(nearest: &Option<TopicName>) -> String {
    nearest.as_ref().map(|name| format!(" (did you mean {name}?)")).unwrap_or_default()
}

const REFUSED: (Outcome, Retry, Fault) = (Outcome::DidNotHappen, Retry::Never, Fault::Caller);
const LATER: (Outcome, Retry, Fault) = (Outcome::DidNotHappen, Retry::Later, Fault::Cluster);
const PASSING: (Outcome, Retry, Fault) = (Outcome::DidNotHappen, Retry::Later, Fault::Nobody);
const MOVED: (Outcome, Retry, Fault) = (Outcome::DidNotHappen, Retry::AfterRefresh, Fault::Nobody);
const BROKEN: (Outcome, Retry, Fault) = (Outcome::DidNotHappen, Retry::Never, Fault::Cluster);

/// Which partitions there are, in words.
fn numbered(partitions: u32) -> String {
    match partitions {
        0 | 1 => "it has partition 0 only".to_owned(),
        more => format!("it has 0 to {}", more - 1),
    }
}

impl LookupError {
    const fn answers(&self) -> (Outcome, Retry, Fault) {
        match self {
            Self::UnknownTopic { .. } | Self::UnknownPartition { .. } => {
                (Outcome::DidNotHappen, Retry::AfterRefresh, Fault::Caller)
            }
            Self::Opening { .. } => PASSING,
            Self::NotLeader { .. } => MOVED,
            Self::Offline { .. } => LATER,
            Self::Damaged { .. } => BROKEN,
        }
    }
}

impl ProduceError {
    const fn answers(&self) -> (Outcome, Retry, Fault) {
        match self {
            Self::Lookup(error) => error.answers(),
            Self::Invalid { .. } | Self::TooLarge { .. } | Self::Fenced { .. } => REFUSED,
            Self::OutOfOrder { .. } => REFUSED,
            Self::NotLeader { .. } => MOVED,
            Self::DuplicateForgotten { .. } => (Outcome::Happened, Retry::Never, Fault::Caller),
            Self::Refused { .. } => LATER,
            Self::DiskFull { .. } | Self::DirectoryOffline { .. } => LATER,
            Self::NotEnoughReplicas { .. } => LATER,
            Self::Overloaded { .. } | Self::ShuttingDown => PASSING,
            Self::Lost { .. } => (Outcome::Unknown, Retry::SameSequence, Fault::Cluster),
        }
    }
}

impl FetchError {
    const fn answers(&self) -> (Outcome, Retry, Fault) {
        match self {
            Self::Lookup(error) => error.answers(),
            Self::OutOfRange { .. } => REFUSED,
            Self::Damaged { .. } => BROKEN,
            Self::Storage { .. } => LATER,
            Self::ShuttingDown => PASSING,
        }
    }
}

impl AdminError {
    const fn answers(&self) -> (Outcome, Retry, Fault) {
        match self {
            Self::Lookup(error) => error.answers(),
            Self::TopicExists { .. } | Self::Invalid { .. } | Self::InvalidConfig { .. } => REFUSED,
            Self::InvalidName { .. } | Self::InvalidPartitions { .. } => REFUSED,
            Self::OutOfRange { .. } => REFUSED,
            Self::Unavailable { .. } => LATER,
            Self::Late => (Outcome::Happened, Retry::Never, Fault::Cluster),
            Self::NoAnswer { .. } => (Outcome::Unknown, Retry::Later, Fault::Cluster),
            Self::Storage { .. } => LATER,
            Self::ShuttingDown => PASSING,
        }
    }
}

macro_rules! answers {
    ($($error:ty),*) => {$(
        impl Answers for $error {
            fn outcome(&self) -> Outcome {
                self.answers().0
            }
            fn retry(&self) -> Retry {
                self.answers().1
            }
            fn fault(&self) -> Fault {
                self.answers().2
            }
        }
    )*};
}

answers!(LookupError, ProduceError, FetchError, AdminError);

impl Explains for LookupError {
    fn code(&self) -> &'static str {
        match self {
            Self::UnknownTopic { .. } => "UNKNOWN_TOPIC",
            Self::UnknownPartition { .. } => "UNKNOWN_PARTITION",
            Self::Opening { .. } => "PARTITION_OPENING",
            Self::NotLeader { .. } => "NOT_LEADER",
            Self::Offline { .. } => "PARTITION_OFFLINE",
            Self::Damaged { .. } => "PARTITION_DAMAGED",
        }
    }

    fn advice(&self) -> String {
        match self {
            Self::UnknownTopic { topic: TopicRef::Name(name), .. } => {
                format!("list the topics, or create it: ottla topic create {name}")
            }
            Self::UnknownTopic { topic: TopicRef::Id(_), .. } => {
                "the topic was deleted; look its name up again".to_owned()
            }
            Self::UnknownPartition { .. } => "describe the topic, or add partitions".to_owned(),
            Self::Opening { .. } => "try again in a moment".to_owned(),
            Self::NotLeader { .. } => "ask who leads it, and go there".to_owned(),
            Self::Offline { .. } => "run ottla doctor on the data directory".to_owned(),
            Self::Damaged { .. } => {
                "stop the broker and run `ottla doctor` on its data directory".to_owned()
            }
        }
    }
}

impl Explains for ProduceError {
    fn code(&self) -> &'static str {
        match self {
            Self::Lookup(error) => error.code(),
            Self::Invalid { .. } => "INVALID_BATCH",
            Self::TooLarge { .. } => "BATCH_TOO_LARGE",
            Self::NotLeader { .. } => "NOT_LEADER",
            Self::OutOfOrder { .. } => "OUT_OF_ORDER_SEQUENCE",
            Self::Fenced { .. } => "PRODUCER_FENCED",
            Self::DuplicateForgotten { .. } => "DUPLICATE_SEQUENCE",
            Self::Refused { .. } => "LOG_REFUSED",
            Self::DiskFull { .. } => "DISK_FULL",
            Self::DirectoryOffline { .. } => "DIRECTORY_OFFLINE",
            Self::Overloaded { .. } => "OVERLOADED",
            Self::NotEnoughReplicas { .. } => "NOT_ENOUGH_REPLICAS",
            Self::ShuttingDown => "SHUTTING_DOWN",
            Self::Lost { .. } => "PARTITION_FAILED",
        }
    }

    fn advice(&self) -> String {
        match self {
            Self::Lookup(error) => error.advice(),
            Self::Invalid { .. } => "mend the producer; nothing of the batch was kept".to_owned(),
            Self::TooLarge { .. } => {
                "send smaller batches, or raise max.message.bytes of the topic".to_owned()
            }
            Self::NotLeader { .. } => "ask who leads it, and go there".to_owned(),
            Self::DuplicateForgotten { .. } => "it is there: go on with the next".to_owned(),
            Self::Refused { .. } => "look at the broker's log, and try again".to_owned(),
            Self::OutOfOrder { .. } => "start again under a new producer epoch".to_owned(),
            Self::Fenced { .. } => "stop this producer: another one took its place".to_owned(),
            Self::DiskFull { .. } => {
                "free space, or lower a topic's retention; producing resumes by itself".to_owned()
            }
            Self::DirectoryOffline { .. } => {
                "look at the disk, run ottla doctor, and start the broker again".to_owned()
            }
            Self::Overloaded { .. } => "slow down and try again".to_owned(),
            Self::NotEnoughReplicas { .. } => {
                "bring brokers back, or lower min.insync.replicas of the topic".to_owned()
            }
            Self::ShuttingDown => "try again when it is back".to_owned(),
            Self::Lost { .. } => "send it again with the same sequence".to_owned(),
        }
    }
}

impl Explains for FetchError {
    fn code(&self) -> &'static str {
        match self {
            Self::Lookup(error) => error.code(),
            Self::OutOfRange { .. } => "OFFSET_OUT_OF_RANGE",
            Self::Damaged { .. } => "LOG_DAMAGED",
            Self::Storage { .. } => "STORAGE_ERROR",
            Self::ShuttingDown => "SHUTTING_DOWN",
        }
    }

    fn advice(&self) -> String {
        match self {
            Self::Lookup(error) => return error.advice(),
            Self::OutOfRange { .. } => "seek to an offset in the range, to earliest or to latest",
            Self::Damaged { .. } => "run ottla doctor on the data directory",
            Self::Storage { .. } => "look at the disk and at the broker's log",
            Self::ShuttingDown => "try again when it is back",
        }
        .to_owned()
    }
}

impl Explains for AdminError {
    fn code(&self) -> &'static str {
        match self {
            Self::Lookup(error) => error.code(),
            Self::TopicExists { .. } => "TOPIC_EXISTS",
            Self::Invalid { .. } | Self::InvalidName { .. } | Self::InvalidPartitions { .. } => {
                "INVALID_REQUEST"
            }
            Self::InvalidConfig { .. } => "INVALID_CONFIG",
            Self::Unavailable { .. } => "CONTROLLER_UNAVAILABLE",
            Self::OutOfRange { .. } => "OFFSET_OUT_OF_RANGE",
            Self::Late => "LATE",
            Self::NoAnswer { .. } => "NO_ANSWER",
            Self::Storage { .. } => "STORAGE_ERROR",
            Self::ShuttingDown => "SHUTTING_DOWN",
        }
    }

    fn advice(&self) -> String {
        match self {
            Self::Lookup(error) => return error.advice(),
            Self::TopicExists { .. } => "describe it, or choose another name",
            Self::Invalid { .. } | Self::InvalidName { .. } | Self::InvalidPartitions { .. } => "",
            Self::InvalidConfig { .. } => "see the settings: ottla topic describe TOPIC --all",
            Self::Unavailable { .. } => "try again in a moment",
            Self::OutOfRange { .. } => "choose an offset in the range",
            Self::Late => "describe the topic in a moment",
            Self::NoAnswer { .. } => "look whether it happened before asking again",
            Self::Storage { .. } => "look at the disk and at the broker's log",
            Self::ShuttingDown => "try again when it is back",
        }
        .to_owned()
    }
}
