//! Gathers operations, then writes them as one round into a buffer of the caller's: the one copy
//! that a batch makes between the network and the journal.

use std::collections::BTreeMap;

use bytes::BufMut;
use ottla_model::StreamId;
use ottla_model::limits::BLOCK_BYTES;

use super::header::round_bytes;
use super::{
    Operation, ROUND_HEADER_BYTES, ROUND_STREAM_BYTES, RoundHeader, RoundStamp, operation,
};

/// A round in the making. Reusable: [`RoundBuilder::clear`] keeps the allocations.
#[derive(Clone, Default, Debug)]
pub struct RoundBuilder {
    streams: Vec<StreamId>,
    places: BTreeMap<StreamId, u32>,
    operations: Vec<(u32, Operation)>,
    payload_bytes: u64,
}

impl RoundBuilder {
    /// An empty round.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an operation and answers its place in the round.
    ///
    /// # Panics
    /// When the round would pass 4 GiB: callers stop at `round_bytes_max`.
    pub fn push(&mut self, stream: StreamId, operation: Operation) -> u32 {
        let index = u32::try_from(self.operations.len()).expect("fewer entries than bytes");
        let place = self.place_of(stream);
        self.payload_bytes += operation.entry_bytes() as u64;
        self.operations.push((place, operation));
        assert!(self.round_bytes() <= u64::from(u32::MAX), "a round is shorter than 4 GiB");
        index
    }

    /// The stream's place in the list. Runs of one stream, which are the rule, cost no look-up.
    fn place_of(&mut self, stream: StreamId) -> u32 {
        if let Some((place, _)) = self.operations.last()
            && self.streams[*place as usize] == stream
        {
            return *place;
        }
        let next = self.streams.len() as u32;
        let place = *self.places.entry(stream).or_insert(next);
        if place == next {
            self.streams.push(stream);
        }
        place
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// How many operations were added.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Bytes of the round as it is now: a multiple of 4 KiB.
    pub fn round_bytes(&self) -> u64 {
        round_bytes(self.streams.len() as u32, self.payload_bytes)
    }

    /// Bytes of the round if `operation` were added for `stream`.
    pub fn round_bytes_with(&self, stream: StreamId, operation: &Operation) -> u64 {
        let streams = self.streams.len() as u32 + u32::from(!self.places.contains_key(&stream));
        round_bytes(streams, self.payload_bytes + operation.entry_bytes() as u64)
    }

    /// Writes the round. `into` is exactly [`RoundBuilder::round_bytes`] long, and wholly overwritten.
    ///
    /// # Panics
    /// When `into` has another length, or the stamp's position or marks cannot be.
    pub fn encode(&self, stamp: RoundStamp, into: &mut [u8]) -> RoundHeader {
        assert_eq!(into.len() as u64, self.round_bytes(), "the buffer has the round's length");
        assert!(stamp.position.is_multiple_of(BLOCK_BYTES), "rounds begin at whole blocks");
        assert!(stamp.durable_mark < stamp.sequence, "a round is not durable before it is written");
        let (header_part, rest) = into.split_at_mut(ROUND_HEADER_BYTES);
        let (streams_part, rest) = rest.split_at_mut(self.streams.len() * ROUND_STREAM_BYTES);
        let payload_bytes = usize::try_from(self.payload_bytes).expect("a round is in memory");
        let (payload_part, padding) = rest.split_at_mut(payload_bytes);
        self.encode_streams(streams_part);
        self.encode_operations(payload_part);
        padding.fill(0);
        let header = RoundHeader {
            stamp,
            round_bytes: self.round_bytes() as u32,
            payload_bytes: self.payload_bytes as u32,
            stream_count: self.streams.len() as u32,
            entry_count: self.operations.len() as u32,
            streams_crc: crc32c::crc32c(streams_part),
            payload_crc: crc32c::crc32c(payload_part),
        };
        header.encode(header_part);
        header
    }

    fn encode_streams(&self, mut into: &mut [u8]) {
        for stream in &self.streams {
            into.put_slice(&stream.topic.to_bytes());
            into.put_u32_le(stream.partition.0);
        }
        assert!(into.is_empty(), "the list fills its part");
    }

    fn encode_operations(&self, mut into: &mut [u8]) {
        for (stream, operation) in &self.operations {
            operation::encode(operation, *stream, &mut into);
        }
        assert!(into.is_empty(), "the entries fill their part");
    }

    /// Forgets the operations, and lets go of the batches they hold.
    pub fn clear(&mut self) {
        self.streams.clear();
        self.places.clear();
        self.operations.clear();
        self.payload_bytes = 0;
    }
}
