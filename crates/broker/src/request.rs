//! What a door asks of the broker: requests and answers of the data path, in domain words.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use ottla_model::{
    Acks, Durability, LeaderEpoch, Offset, PartitionId, ProducerEpoch, ProducerId, Timestamp,
    TopicId, TopicName,
};

use crate::admission::Admission;

/// A topic as a client names it: by the name a person knows, or by its stable id.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum TopicRef {
    /// By name.
    Name(TopicName),
    /// By id, which a topic of the same name made later does not have.
    Id(TopicId),
}

/// One batch for one partition.
#[derive(Debug)]
pub struct ProduceRequest {
    /// The topic.
    pub topic: TopicRef,
    /// The partition within it.
    pub partition: PartitionId,
    /// Exactly one encoded record batch; checked here.
    pub batch: Bytes,
    /// Who has to have it before the answer.
    pub acks: Acks,
    /// What it has to survive by then; `None`: what the topic says. Raises a relaxed topic's level for this
    /// batch, and never lowers one.
    pub durability: Option<Durability>,
    /// The room that [`crate::Broker::admit`] granted for at least `batch.len()` bytes.
    pub admission: Admission,
}

/// A batch was appended, and is as safe as `acks` and `durability` say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Produced {
    /// The offset of the batch's first record.
    pub base_offset: Offset,
    /// The time the broker stamped, on a topic that asks for it.
    pub log_append_time: Option<Timestamp>,
    /// Where the partition begins now.
    pub log_start: Offset,
    /// Which level of acknowledgement was met.
    pub acks: Acks,
    /// What the bytes survive.
    pub durability: Durability,
    /// Whether this very batch had been appended before; then `base_offset` is the original's.
    pub duplicate: bool,
}

/// Batches of one partition, from an offset on.
#[derive(Clone, Debug)]
pub struct FetchRequest {
    /// The topic.
    pub topic: TopicRef,
    /// The partition within it.
    pub partition: PartitionId,
    /// The first offset wanted; the answer may begin earlier, with the batch that holds it.
    pub offset: Offset,
    /// The most bytes wanted. At least one whole batch is answered, however large.
    pub bytes_max: u64,
    /// How long to wait at the end of the partition for something new; `None` answers at once.
    pub wait: Option<Duration>,
}

/// Whole batches as they are stored, in order; empty when there is nothing (yet).
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Concatenated, these are whole batches.
    pub chunks: Vec<Bytes>,
    /// Where to fetch next.
    pub next_offset: Offset,
    /// The end of what a consumer may see now.
    pub high_watermark: Offset,
    /// Where the partition begins now.
    pub log_start: Offset,
}

impl Fetched {
    /// How many bytes were answered.
    pub fn bytes(&self) -> usize {
        self.chunks.iter().map(Bytes::len).sum()
    }

    /// Whether nothing was answered.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }
}

/// A place in a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OffsetAt {
    /// The first record kept.
    Earliest,
    /// The end: what is appended next gets this offset.
    Latest,
    /// The record with the largest timestamp.
    MaxTimestamp,
    /// The first record whose timestamp is this or later.
    Timestamp(Timestamp),
}

/// An offset, and the timestamp of the record there where the question was about time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OffsetFound {
    /// The offset; the end of the partition when no record matches.
    pub offset: Offset,
    /// The timestamp of the record there, when one was looked for and found.
    pub timestamp: Option<Timestamp>,
    /// The reign under which the partition is led.
    pub leader_epoch: LeaderEpoch,
    /// The reign under which the record there was written, or is going to be.
    pub record_epoch: Option<LeaderEpoch>,
}

/// A producer's identity, never given twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerIdentity {
    /// The id.
    pub id: ProducerId,
    /// Its first epoch.
    pub epoch: ProducerEpoch,
}

impl fmt::Display for TopicRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Id(id) => id.fmt(f),
        }
    }
}

impl From<TopicName> for TopicRef {
    fn from(name: TopicName) -> Self {
        Self::Name(name)
    }
}

impl From<TopicId> for TopicRef {
    fn from(id: TopicId) -> Self {
        Self::Id(id)
    }
}
