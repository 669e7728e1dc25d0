//! A batch's header, decoded: 61 bytes, copied out, none of it trusted.

use ottla_model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

use crate::attributes::{Attributes, TimestampType};
use crate::compression::Compression;
use crate::error::BatchError;
use crate::layout::{self, HEADER_BYTES, LENGTH_OVERHEAD, MAGIC};

/// The decoded header of one batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchHeader {
    /// The first record's offset. What a client sends is ignored; the leader writes it.
    pub base_offset: Offset,
    /// Bytes after the first twelve. At least 49 in every header that was peeked.
    pub batch_length: i32,
    /// The reign of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
    /// The format, always 2.
    pub magic: i8,
    /// CRC-32C of everything from the attributes on.
    pub crc: u32,
    /// Codec, timestamp type and marks.
    pub attributes: Attributes,
    /// The last record's offset, counted from the base offset.
    pub last_offset_delta: i32,
    /// What the records' timestamps are counted from.
    pub base_timestamp: Timestamp,
    /// The largest timestamp of its records.
    pub max_timestamp: Timestamp,
    /// The idempotent producer, or [`ProducerId::NONE`].
    pub producer_id: ProducerId,
    /// Its epoch, or [`ProducerEpoch::NONE`].
    pub producer_epoch: ProducerEpoch,
    /// The first record's sequence number, or [`Sequence::NONE`].
    pub base_sequence: Sequence,
    /// How many records follow.
    pub record_count: i32,
}

impl BatchHeader {
    /// Decodes the header at the start of these bytes. Only what is needed to find the batch's end
    /// is checked: the format and that the length covers the header.
    ///
    /// # Errors
    /// [`BatchError::Truncated`] under 61 bytes, [`BatchError::Magic`], [`BatchError::Length`].
    pub fn peek(bytes: &[u8]) -> Result<Self, BatchError> {
        let Some(fields) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(BatchError::Truncated { have: bytes.len(), need: HEADER_BYTES });
        };
        let header = Self::decode(fields);
        if header.magic != MAGIC {
            return Err(BatchError::Magic { magic: header.magic });
        }
        if header.batch_length < (HEADER_BYTES - LENGTH_OVERHEAD) as i32 {
            return Err(BatchError::Length { length: header.batch_length });
        }
        Ok(header)
    }

    fn decode(fields: &[u8; HEADER_BYTES]) -> Self {
        Self {
            base_offset: Offset(i64::from_be_bytes(at(fields, layout::BASE_OFFSET))),
            batch_length: i32::from_be_bytes(at(fields, layout::BATCH_LENGTH)),
            leader_epoch: LeaderEpoch(i32::from_be_bytes(at(fields, layout::LEADER_EPOCH))),
            magic: fields[layout::MAGIC_AT] as i8,
            crc: u32::from_be_bytes(at(fields, layout::CRC)),
            attributes: Attributes(i16::from_be_bytes(at(fields, layout::ATTRIBUTES))),
            last_offset_delta: i32::from_be_bytes(at(fields, layout::LAST_OFFSET_DELTA)),
            base_timestamp: Timestamp(i64::from_be_bytes(at(fields, layout::BASE_TIMESTAMP))),
            max_timestamp: Timestamp(i64::from_be_bytes(at(fields, layout::MAX_TIMESTAMP))),
            producer_id: ProducerId(i64::from_be_bytes(at(fields, layout::PRODUCER_ID))),
            producer_epoch: ProducerEpoch(i16::from_be_bytes(at(fields, layout::PRODUCER_EPOCH))),
            base_sequence: Sequence(i32::from_be_bytes(at(fields, layout::BASE_SEQUENCE))),
            record_count: i32::from_be_bytes(at(fields, layout::RECORD_COUNT)),
        }
    }

    /// The 61 bytes of this header, CRC as it is in the field.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut fields = [0; HEADER_BYTES];
        put(&mut fields, layout::BASE_OFFSET, self.base_offset.0.to_be_bytes());
        put(&mut fields, layout::BATCH_LENGTH, self.batch_length.to_be_bytes());
        put(&mut fields, layout::LEADER_EPOCH, self.leader_epoch.0.to_be_bytes());
        put(&mut fields, layout::MAGIC_AT, self.magic.to_be_bytes());
        put(&mut fields, layout::CRC, self.crc.to_be_bytes());
        put(&mut fields, layout::ATTRIBUTES, self.attributes.0.to_be_bytes());
        put(&mut fields, layout::LAST_OFFSET_DELTA, self.last_offset_delta.to_be_bytes());
        put(&mut fields, layout::BASE_TIMESTAMP, self.base_timestamp.0.to_be_bytes());
        put(&mut fields, layout::MAX_TIMESTAMP, self.max_timestamp.0.to_be_bytes());
        put(&mut fields, layout::PRODUCER_ID, self.producer_id.0.to_be_bytes());
        put(&mut fields, layout::PRODUCER_EPOCH, self.producer_epoch.0.to_be_bytes());
        put(&mut fields, layout::BASE_SEQUENCE, self.base_sequence.0.to_be_bytes());
        put(&mut fields, layout::RECORD_COUNT, self.record_count.to_be_bytes());
        fields
    }

    /// Size of the whole batch in bytes, by its length field.
    pub const fn size(&self) -> usize {
        LENGTH_OVERHEAD + self.batch_length as usize
    }

    /// The last record's offset. Wraps, as all arithmetic on unchecked headers here does.
    pub const fn last_offset(&self) -> Offset {
        Offset(self.base_offset.0.wrapping_add(self.last_offset_delta as i64))
    }

    /// The offset after the last record's.
    pub const fn next_offset(&self) -> Offset {
        Offset(self.last_offset().0.wrapping_add(1))
    }

    /// The last record's sequence number; [`Sequence::NONE`] when the first has none.
    pub const fn last_sequence(&self) -> Sequence {
        if self.base_sequence.0 < 0 || self.last_offset_delta < 0 {
            return self.base_sequence;
        }
        self.base_sequence.plus(self.last_offset_delta)
    }

    /// The codec.
    ///
    /// # Errors
    /// [`BatchError::Codec`] when it is none of the five.
    pub const fn compression(&self) -> Result<Compression, BatchError> {
        match self.attributes.compression() {
            Some(compression) => Ok(compression),
            None => Err(BatchError::Codec { codec: self.attributes.codec() }),
        }
    }

    /// What the records' timestamps mean.
    pub const fn timestamp_type(&self) -> TimestampType {
        self.attributes.timestamp_type()
    }

    /// Whether the batch is part of a transaction.
    pub const fn is_transactional(&self) -> bool {
        self.attributes.is_transactional()
    }

    /// Whether the batch holds a transaction's marker rather than a user's records.
    pub const fn is_control(&self) -> bool {
        self.attributes.is_control()
    }

    /// Whether the batch comes from an idempotent producer.
    pub const fn is_idempotent(&self) -> bool {
        self.producer_id.is_some()
    }
}

fn at<const N: usize>(fields: &[u8; HEADER_BYTES], start: usize) -> [u8; N] {
    *fields[start..].first_chunk().expect("every field lies within the header")
}

fn put<const N: usize>(fields: &mut [u8; HEADER_BYTES], start: usize, value: [u8; N]) {
    fields[start..start + N].copy_from_slice(&value);
}
