//! What comes out of a consumer.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use ottla_model::{Offset, PartitionId, Timestamp, TopicName};
use ottla_record::{Headers, RecordHeader};

/// One record of a log. Cheap to clone; it keeps its whole batch in memory while it lives.
#[derive(Clone, Debug)]
pub struct ConsumedRecord {
    batch: Arc<Decoded>,
    index: usize,
}

/// Records that lie side by side in one partition.
#[derive(Clone, Debug)]
pub struct ConsumedBatch {
    decoded: Arc<Decoded>,
    /// Which of its records these are: those from here on.
    first: usize,
}

/// What one answer of a broker holds, unpacked.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) topic: TopicName,
    pub(crate) partition: PartitionId,
    pub(crate) high_watermark: Offset,
    /// Where the next answer goes on: at or after the offset behind the last record.
    pub(crate) next_offset: Offset,
    /// What the records lie in: the answer itself, and what was compressed in it.
    pub(crate) sources: Vec<Bytes>,
    pub(crate) records: Vec<Entry>,
}

/// Where one record lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) source: u32,
    pub(crate) headers_count: u32,
    pub(crate) offset: Offset,
    pub(crate) timestamp: Timestamp,
    pub(crate) key: Place,
    pub(crate) value: Place,
    pub(crate) headers: Place,
}

/// A part of a source, or nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    start: u32,
    length: u32,
}

impl Place {
    const NOTHING: Self = Self { start: u32::MAX, length: 0 };

    /// Where `part` lies in `source`.
    ///
    /// # Panics
    /// When it does not.
    pub(crate) fn of(part: Option<&[u8]>, source: &[u8]) -> Self {
        let Some(part) = part else { return Self::NOTHING };
        let start = part.as_ptr().addr().wrapping_sub(source.as_ptr().addr());
        assert!(start <= source.len() && part.len() <= source.len() - start, "a part of it");
        let place = (u32::try_from(start), u32::try_from(part.len()));
        let (Ok(start), Ok(length)) = place else { panic!("an answer has less than 4 GiB") };
        Self { start, length }
    }

    fn range(self) -> Option<Range<usize>> {
        let start = self.start as usize;
        (self != Self::NOTHING).then(|| start..start + self.length as usize)
    }
}

impl ConsumedRecord {
    fn entry(&self) -> &Entry {
        &self.batch.records[self.index]
    }

    fn source(&self) -> &Bytes {
        &self.batch.sources[self.entry().source as usize]
    }

    /// The topic it is in.
    pub fn topic(&self) -> &TopicName {
        &self.batch.topic
    }

    /// The partition it is in.
    pub fn partition(&self) -> PartitionId {
        self.batch.partition
    }

    /// Its place in the partition.
    pub fn offset(&self) -> Offset {
        self.entry().offset
    }

    /// When it happened, or was appended, as the topic wants it.
    pub fn timestamp(&self) -> Timestamp {
        self.entry().timestamp
    }

    /// Its key, if it has one.
    pub fn key(&self) -> Option<&[u8]> {
        self.entry().key.range().map(|range| &self.source()[range])
    }

    /// What it says; `None` for a tombstone.
    pub fn value(&self) -> Option<&[u8]> {
        self.entry().value.range().map(|range| &self.source()[range])
    }

    /// The key as shared bytes, without a copy.
    pub fn key_bytes(&self) -> Option<Bytes> {
        self.entry().key.range().map(|range| self.source().slice(range))
    }

    /// The value as shared bytes, without a copy.
    pub fn value_bytes(&self) -> Option<Bytes> {
        self.entry().value.range().map(|range| self.source().slice(range))
    }

    /// Names and values beside it, in order; a name may come more than once.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let entry = self.entry();
        let bytes = entry.headers.range().map_or(&[][..], |range| &self.source()[range]);
        let headers = Headers::of_walked(bytes, entry.headers_count);
        headers.map(|RecordHeader { key, value }| (key, value))
    }
}

impl ConsumedBatch {
    pub(crate) fn new(decoded: Arc<Decoded>) -> Self {
        Self { decoded, first: 0 }
    }

    /// The same without its first `count` records.
    pub(crate) fn after(&self, count: usize) -> Self {
        Self { decoded: self.decoded.clone(), first: self.first + count }
    }

    /// The topic they are in.
    pub fn topic(&self) -> &TopicName {
        &self.decoded.topic
    }

    /// The partition they are in.
    pub fn partition(&self) -> PartitionId {
        self.decoded.partition
    }

    /// How many there are; at least one.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.decoded.records.len() - self.first
    }

    /// Where reading goes on after them.
    pub fn next_offset(&self) -> Offset {
        self.decoded.next_offset
    }

    /// The offset that the partition's next record would have, as the broker last said.
    pub fn high_watermark(&self) -> Offset {
        self.decoded.high_watermark
    }

    /// The record at `index`, counted from 0.
    pub fn get(&self, index: usize) -> Option<ConsumedRecord> {
        let index = self.first + index;
        let exists = index < self.decoded.records.len();
        exists.then(|| ConsumedRecord { batch: self.decoded.clone(), index })
    }

    /// The records, in order.
    pub fn records(&self) -> impl Iterator<Item = ConsumedRecord> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}
