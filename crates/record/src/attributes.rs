//! The sixteen attribute bits of a batch.
//!
//! ```text
//! bits 0-2 compression   3 timestamp type   4 transactional   5 control   6 delete horizon
//! ```

use crate::compression::Compression;

const CODEC_MASK: i16 = 0b111;
const APPEND_TIME: i16 = 1 << 3;
const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;
const DELETE_HORIZON: i16 = 1 << 6;

/// What a record's timestamp means.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum TimestampType {
    /// When its producer made it, by the producer's clock.
    #[default]
    CreateTime,
    /// When the leader appended it, by the leader's clock: all records of a batch share it.
    LogAppendTime,
}

impl TimestampType {
    /// Kafka's word for it in topic settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateTime => "CreateTime",
            Self::LogAppendTime => "LogAppendTime",
        }
    }
}

/// The attribute bits as they are stored. Bits that nobody has given a meaning are kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Attributes(pub i16);

impl Attributes {
    /// Three bits that name the codec, known or not.
    pub const fn codec(self) -> u8 {
        (self.0 & CODEC_MASK) as u8
    }

    /// The codec, when it is one of the five that exist.
    pub const fn compression(self) -> Option<Compression> {
        Compression::from_codec(self.codec())
    }

    /// What the records' timestamps mean.
    pub const fn timestamp_type(self) -> TimestampType {
        if self.0 & APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch is part of a transaction.
    pub const fn is_transactional(self) -> bool {
        self.0 & TRANSACTIONAL != 0
    }

    /// Whether the batch holds a control record (a transaction's marker), not a user's.
    pub const fn is_control(self) -> bool {
        self.0 & CONTROL != 0
    }

    /// Whether the base timestamp says when compaction may drop the batch's tombstones.
    pub const fn has_delete_horizon(self) -> bool {
        self.0 & DELETE_HORIZON != 0
    }

    /// These bits with this codec.
    #[must_use]
    pub const fn with_compression(self, compression: Compression) -> Self {
        Self(self.0 & !CODEC_MASK | compression.codec() as i16)
    }

    /// These bits with this meaning of the timestamps.
    #[must_use]
    pub const fn with_timestamp_type(self, timestamp_type: TimestampType) -> Self {
        self.with(APPEND_TIME, matches!(timestamp_type, TimestampType::LogAppendTime))
    }

    /// These bits, marked as part of a transaction or not.
    #[must_use]
    pub const fn with_transactional(self, transactional: bool) -> Self {
        self.with(TRANSACTIONAL, transactional)
    }

    /// These bits, marked as a control batch or not.
    #[must_use]
    pub const fn with_control(self, control: bool) -> Self {
        self.with(CONTROL, control)
    }

    const fn with(self, bit: i16, on: bool) -> Self {
        if on { Self(self.0 | bit) } else { Self(self.0 & !bit) }
    }
}
