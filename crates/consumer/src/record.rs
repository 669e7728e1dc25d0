//! What comes out of a consumer.

use bytes::Bytes;
use ottla_model::{Offset, PartitionId, Timestamp, TopicName};

/// One record of a log. Cheap to clone; it keeps its whole batch in memory while it lives.
#[derive(Clone, Debug)]
pub struct ConsumedRecord {}

impl ConsumedRecord {
    /// The topic it is in.
    pub fn topic(&self) -> &TopicName {
        unimplemented!()
    }

    /// The partition it is in.
    pub fn partition(&self) -> PartitionId {
        unimplemented!()
    }

    /// Its place in the partition.
    pub fn offset(&self) -> Offset {
        unimplemented!()
    }

    /// When it happened, or was appended, as the topic wants it.
    pub fn timestamp(&self) -> Timestamp {
        unimplemented!()
    }

    /// Its key, if it has one.
    pub fn key(&self) -> Option<&[u8]> {
        unimplemented!()
    }

    /// What it says; `None` for a tombstone.
    pub fn value(&self) -> Option<&[u8]> {
        unimplemented!()
    }

    /// The value as shared bytes, without a copy.
    pub fn value_bytes(&self) -> Option<Bytes> {
        unimplemented!()
    }

    /// Names and values beside it, in order; a name may come more than once.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        std::iter::empty()
    }
}

/// Records that lie side by side in one partition.
#[derive(Clone, Debug)]
pub struct ConsumedBatch {}

impl ConsumedBatch {
    /// The topic they are in.
    pub fn topic(&self) -> &TopicName {
        unimplemented!()
    }

    /// The partition they are in.
    pub fn partition(&self) -> PartitionId {
        unimplemented!()
    }

    /// How many there are; at least one.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        unimplemented!()
    }

    /// The offset after the last of them.
    pub fn next_offset(&self) -> Offset {
        unimplemented!()
    }

    /// The offset that the partition's next record would have, as the broker last said.
    pub fn high_watermark(&self) -> Offset {
        unimplemented!()
    }

    /// The records, in order.
    pub fn records(&self) -> impl Iterator<Item = ConsumedRecord> {
        std::iter::empty()
    }
}
