//! How a producer makes a batch: records appended one by one to one buffer.

use bytes::Bytes;
use ottla_model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

use crate::attributes::{Attributes, TimestampType};
use crate::compression::{Compression, Encoders};
use crate::crc::crc32c;
use crate::header::BatchHeader;
use crate::layout::{ATTRIBUTES, CRC, HEADER_BYTES, LENGTH_OVERHEAD, MAGIC};
use crate::varint::{put_varint, put_varlong, varint_bytes, varlong_bytes};
use crate::walk::RecordHeader;

/// What the header of a finished batch says besides what its records give.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchOptions {
    /// The codec.
    pub compression: Compression,
    /// The codec's level, for those that have one; its own default when `None`.
    pub level: Option<i32>,
    /// What the timestamps mean; producers leave it.
    pub timestamp_type: TimestampType,
    /// The idempotent producer.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
    /// The first record's sequence number.
    pub base_sequence: Sequence,
    /// Whether the batch is part of a transaction.
    pub transactional: bool,
    /// Whether the batch holds control records; brokers only.
    pub control: bool,
    /// The first record's offset; producers leave it.
    pub base_offset: Offset,
    /// The leader's epoch; producers leave it.
    pub leader_epoch: LeaderEpoch,
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self {
            compression: Compression::None,
            level: None,
            timestamp_type: TimestampType::CreateTime,
            producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch::NONE,
            base_sequence: Sequence::NONE,
            transactional: false,
            control: false,
            base_offset: Offset::ZERO,
            leader_epoch: LeaderEpoch(-1),
        }
    }
}

/// A finished batch at the beginning of the buffer in which it was made.
#[derive(Debug)]
pub struct FilledBuffer {
    buffer: Vec<u8>,
    size: usize,
}

impl FilledBuffer {
    /// The buffer, for [`BatchBuilder::use_buffer`].
    pub fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }
}

impl AsRef<[u8]> for FilledBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.size]
    }
}

/// Collects records into the bytes of one batch, and starts anew after each. The encoding of a
/// record is final when it is pushed; only compression and the header are left to `finish`.
#[derive(Debug)]
pub struct BatchBuilder {
    /// Room for the header, then the records. Always filled to its length; `size` says how far it is
    /// written.
    buffer: Vec<u8>,
    size: usize,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
    /// Compressed batches are made here and copied out, so that none keeps room it does not need.
    compressed: Vec<u8>,
    encoders: Encoders,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// An empty one.
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty one with room for a batch of this size.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            buffer: vec![0; bytes.max(HEADER_BYTES)],
            size: HEADER_BYTES,
            count: 0,
            base_timestamp: 0,
            max_timestamp: 0,
            compressed: Vec::new(),
            encoders: Encoders::default(),
        }
    }

    /// Appends a record and says how large the batch now is, uncompressed.
    ///
    /// # Panics
    /// When the batch would pass 2 GiB. Callers keep it far below with
    /// [`encoded_size_after`](Self::encoded_size_after).
    pub fn push<'h, H>(
        &mut self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: H,
    ) -> usize
    where
        H: IntoIterator<Item = RecordHeader<'h>>,
        H::IntoIter: ExactSizeIterator + Clone,
    {
        let headers = headers.into_iter();
        let body = self.body_bytes(timestamp, key, value, headers.clone());
        let end = self.size + sized_bytes(body);
        self.reserve(end);
        if self.count == 0 {
            self.base_timestamp = timestamp.0;
            self.max_timestamp = Timestamp::NONE.0;
        }
        let mut at = self.size;
        let out = &mut self.buffer[..end];
        at += put_varint(&mut out[at..], length(body));
        out[at] = 0;
        at += 1;
        at += put_varlong(&mut out[at..], timestamp.0.wrapping_sub(self.base_timestamp));
        at += put_varint(&mut out[at..], self.count);
        at = put_nullable(out, at, key);
        at = put_nullable(out, at, value);
        at += put_varint(&mut out[at..], length(headers.len()));
        for header in headers {
            at = put_nullable(out, at, Some(header.key));
            at = put_nullable(out, at, header.value);
        }
        assert_eq!(at, end, "a record takes the room that was computed for it");
        self.size = end;
        self.count += 1;
        self.max_timestamp = self.max_timestamp.max(timestamp.0);
        end
    }

    /// Exactly how large the batch would be, uncompressed, with this record as well.
    pub fn encoded_size_after<'h, H>(
        &self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: H,
    ) -> usize
    where
        H: IntoIterator<Item = RecordHeader<'h>>,
        H::IntoIter: ExactSizeIterator,
    {
        self.size + sized_bytes(self.body_bytes(timestamp, key, value, headers.into_iter()))
    }

    fn body_bytes<'h>(
        &self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl ExactSizeIterator<Item = RecordHeader<'h>>,
    ) -> usize {
        let base = if self.count == 0 { timestamp.0 } else { self.base_timestamp };
        let mut bytes = 1
            + varlong_bytes(timestamp.0.wrapping_sub(base))
            + varint_bytes(self.count)
            + nullable_bytes(key)
            + nullable_bytes(value)
            + varint_bytes(length(headers.len()));
        for header in headers {
            bytes += nullable_bytes(Some(header.key)) + nullable_bytes(header.value);
        }
        bytes
    }

    #[inline]
    fn reserve(&mut self, end: usize) {
        if end > self.buffer.len() {
            self.grow(end);
        }
    }

    #[cold]
    fn grow(&mut self, end: usize) {
        let room = end.max(self.buffer.len() * 2).max(1024);
        self.buffer.resize(room, 0);
    }

    /// How large a batch may become without another buffer.
    pub fn room(&self) -> usize {
        self.buffer.len()
    }

    /// Makes the batches in this buffer from now on, whatever is in it, if it is the larger one.
    ///
    /// # Panics
    /// When there are records already.
    pub fn use_buffer(&mut self, buffer: Vec<u8>) {
        assert!(self.is_empty(), "a buffer is changed between two batches");
        if buffer.len() > self.buffer.len() {
            self.buffer = buffer;
        }
    }

    /// How many records are in it.
    pub fn count(&self) -> i32 {
        self.count
    }

    /// Whether there are no records in it.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How large the batch is now, uncompressed.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Drops its records and starts anew.
    pub fn clear(&mut self) {
        self.size = HEADER_BYTES;
        self.count = 0;
    }

    /// The batch, and an empty builder again.
    ///
    /// # Panics
    /// When there are no records: no broker takes such a batch.
    pub fn finish(&mut self, options: &BatchOptions) -> Bytes {
        assert!(self.count > 0, "a batch has at least one record");
        let bytes = match options.compression {
            Compression::None => Bytes::copy_from_slice(self.sealed(options)),
            _ => Bytes::copy_from_slice(self.compressed(options)),
        };
        self.clear();
        bytes
    }

    /// The batch in the buffer in which it was made, uncompressed and uncopied, and an empty builder
    /// without that buffer.
    ///
    /// # Panics
    /// When there are records to compress, or none at all: no broker takes such a batch.
    pub fn finish_uncopied(&mut self, options: &BatchOptions) -> FilledBuffer {
        assert!(self.count > 0, "a batch has at least one record");
        assert_eq!(options.compression, Compression::None, "compression makes another buffer");
        let size = self.sealed(options).len();
        let buffer = std::mem::take(&mut self.buffer);
        self.clear();
        FilledBuffer { buffer, size }
    }

    fn sealed(&mut self, options: &BatchOptions) -> &[u8] {
        let header = self.header(options, self.size);
        let batch = &mut self.buffer[..self.size];
        seal(batch, &header);
        batch
    }

    fn compressed(&mut self, options: &BatchOptions) -> &[u8] {
        self.compressed.clear();
        self.compressed.resize(HEADER_BYTES, 0);
        let records = &self.buffer[HEADER_BYTES..self.size];
        let (codec, level) = (options.compression, options.level);
        self.encoders.compress(codec, level, records, &mut self.compressed);
        let header = self.header(options, self.compressed.len());
        seal(&mut self.compressed, &header);
        &self.compressed
    }

    fn header(&self, options: &BatchOptions, size: usize) -> BatchHeader {
        let attributes = Attributes::default()
            .with_compression(options.compression)
            .with_timestamp_type(options.timestamp_type)
            .with_transactional(options.transactional)
            .with_control(options.control);
        BatchHeader {
            base_offset: options.base_offset,
            batch_length: length(size - LENGTH_OVERHEAD),
            leader_epoch: options.leader_epoch,
            magic: MAGIC,
            crc: 0,
            attributes,
            last_offset_delta: self.count - 1,
            base_timestamp: Timestamp(self.base_timestamp),
            max_timestamp: Timestamp(self.max_timestamp),
            producer_id: options.producer_id,
            producer_epoch: options.producer_epoch,
            base_sequence: options.base_sequence,
            record_count: self.count,
        }
    }
}

/// Writes the header, with the CRC, before the records of `batch`.
fn seal(batch: &mut [u8], header: &BatchHeader) {
    batch[..HEADER_BYTES].copy_from_slice(&header.encode());
    let crc = crc32c(&batch[ATTRIBUTES..]);
    batch[CRC..ATTRIBUTES].copy_from_slice(&crc.to_be_bytes());
}

#[inline]
fn length(bytes: usize) -> i32 {
    i32::try_from(bytes).expect("a batch stays under 2 GiB")
}

#[inline]
fn sized_bytes(bytes: usize) -> usize {
    varint_bytes(length(bytes)) + bytes
}

#[inline]
fn nullable_bytes(field: Option<&[u8]>) -> usize {
    field.map_or(1, |bytes| sized_bytes(bytes.len()))
}

#[inline]
fn put_nullable(out: &mut [u8], at: usize, field: Option<&[u8]>) -> usize {
    let Some(bytes) = field else {
        return at + put_varint(&mut out[at..], -1);
    };
    let start = at + put_varint(&mut out[at..], length(bytes.len()));
    let end = start + bytes.len();
    out[start..end].copy_from_slice(bytes);
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_the_same_without_the_copy() {
        let options = BatchOptions { base_sequence: Sequence(7), ..BatchOptions::default() };
        let mut builder = BatchBuilder::new();
        let fill = |builder: &mut BatchBuilder, records: i64| {
            for number in 0..records {
                let value = number.to_be_bytes();
                builder.push(Timestamp(number), None, Some(&value), std::iter::empty());
            }
        };
        for records in [300, 2, 500] {
            fill(&mut builder, records);
            let copied = builder.finish(&options);
            fill(&mut builder, records);
            let filled = builder.finish_uncopied(&options);
            assert_eq!(filled.as_ref(), &*copied);
            assert_eq!(builder.room(), 0, "the buffer has gone with the batch");
            builder.use_buffer(filled.into_buffer());
            assert!(builder.room() >= copied.len(), "and is used again, whatever is in it");
        }
    }
}
