//! Why bytes are no batch, or one that is not accepted.

use ottla_model::{Answers, ByteCount, Fault, Outcome, Retry};

use crate::compression::Compression;

/// Why bytes are no batch, or why a leader does not take it. Nothing of the batch was kept.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// The bytes end before the batch does.
    #[error("a batch of {need} bytes has only {have}; send it whole")]
    Truncated {
        /// Bytes there are.
        have: usize,
        /// Bytes that the header, or the header's length field, asks for.
        need: usize,
    },
    /// The length field cannot be that of a batch.
    #[error("batch length {length} is less than the 49 bytes that every header counts")]
    Length {
        /// What the field says.
        length: i32,
    },
    /// A format that is not spoken here.
    #[error("batch format (magic) {magic} is not supported; send version 2, Kafka 0.11 or later")]
    Magic {
        /// What the field says.
        magic: i8,
    },
    /// The bytes are not those that the CRC was made of.
    #[error(
        "batch checksum is {computed:08x} but the header says {stored:08x}: it was damaged on its \
         way; send it again"
    )]
    Crc {
        /// What the header says.
        stored: u32,
        /// What the bytes give.
        computed: u32,
    },
    /// One batch was asked for, and more came.
    #[error("{extra} bytes follow the batch; send exactly one batch at a time")]
    Extra {
        /// Bytes after the batch's end.
        extra: usize,
    },
    /// The batch is larger than its topic allows.
    #[error(
        "batch of {size} is over the topic's limit of {size_max}; send smaller batches or raise \
         max.message.bytes"
    )]
    TooLarge {
        /// Its encoded size.
        size: ByteCount,
        /// The largest allowed.
        size_max: ByteCount,
    },
    /// More records than any batch may have.
    #[error("batch of {count} records is over the limit of {count_max}; send smaller batches")]
    TooManyRecords {
        /// What the header says.
        count: i32,
        /// The most allowed.
        count_max: u32,
    },
    /// No records.
    #[error("batch has no records; send at least one")]
    Empty,
    /// A negative count, or more records than the bytes can hold.
    #[error("batch says {count} records, which its {payload} bytes of records cannot hold")]
    Count {
        /// What the header says.
        count: i32,
        /// Bytes after the header.
        payload: usize,
    },
    /// The header's offsets do not fit its count.
    #[error(
        "batch of {count} records has last offset delta {last_offset_delta}; it must be one less \
         than the count"
    )]
    LastOffset {
        /// Records by the header.
        count: i32,
        /// Last offset by the header, counted from the base offset.
        last_offset_delta: i32,
    },
    /// A base offset with which the last record's offset is no offset.
    #[error("base offset {base_offset} and last offset delta {last_offset_delta} make no offset")]
    Offsets {
        /// By the header.
        base_offset: i64,
        /// By the header.
        last_offset_delta: i32,
    },
    /// A client sent a control batch.
    #[error("control batches are written by brokers only; clear the control attribute")]
    ControlFromClient,
    /// A producer id without an epoch or sequence, or a transaction without a producer id.
    #[error(
        "producer id {producer_id}, epoch {producer_epoch} and sequence {base_sequence} do not go \
         together; an idempotent or transactional batch has all three, none of them negative"
    )]
    Producer {
        /// By the header.
        producer_id: i64,
        /// By the header.
        producer_epoch: i16,
        /// By the header.
        base_sequence: i32,
    },
    /// A codec that does not exist.
    #[error("compression codec {codec} is unknown; use none, gzip, snappy, lz4 or zstd")]
    Codec {
        /// The three bits.
        codec: u8,
    },
    /// The compressed records cannot be decompressed.
    #[error("{compression} cannot decompress the batch: {reason}")]
    Decompression {
        /// The codec.
        compression: Compression,
        /// What its decoder says.
        reason: String,
    },
    /// The records are larger than the budget once they are decompressed.
    #[error(
        "the batch's {compression} data is over {bytes_max} when decompressed; send smaller batches"
    )]
    OverBudget {
        /// The codec.
        compression: Compression,
        /// The budget.
        bytes_max: ByteCount,
    },
    /// One of the records is malformed.
    #[error("record {index} of the batch is malformed: {fault}")]
    Record {
        /// Which, counted from 0.
        index: u32,
        /// What is wrong with it.
        fault: RecordFault,
    },
    /// The records do not end where the batch does.
    #[error("{extra} bytes follow the last of the batch's {count} records")]
    RecordsExtra {
        /// Bytes left over.
        extra: usize,
        /// Records by the header.
        count: u32,
    },
}

/// What is wrong with a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordFault {
    /// The bytes end in the middle of it.
    #[error("its bytes end in the middle of a field")]
    Truncated,
    /// A varint longer than its type allows.
    #[error("a varint does not end where it must")]
    Varint,
    /// A length that is negative or leads past the end.
    #[error("a length of {length} with {left} bytes left")]
    Length {
        /// What the field says.
        length: i32,
        /// Bytes that are left.
        left: usize,
    },
    /// More headers than allowed, or than its bytes can hold.
    #[error("a header count of {count} with {left} bytes left")]
    Headers {
        /// What the field says.
        count: i32,
        /// Bytes that are left.
        left: usize,
    },
    /// Its fields end before it does.
    #[error("{extra} bytes follow its last field")]
    Extra {
        /// Bytes left over.
        extra: usize,
    },
    /// The offset deltas are not 0, 1, 2 and so on.
    #[error("offset delta {found} where {expected} must be")]
    OffsetDelta {
        /// What the record says.
        found: i32,
        /// Its place in the batch.
        expected: i32,
    },
    /// The topic is compacted, and compaction needs a key.
    #[error("it has no key, which a compacted topic needs")]
    KeyMissing,
    /// It is older or newer than its topic allows.
    #[error(
        "its timestamp {found} is not between {oldest} and {newest}: see message.timestamp.before.max.ms and \
         message.timestamp.after.max.ms of the topic"
    )]
    Timestamp {
        /// Its timestamp.
        found: i64,
        /// The oldest that is allowed.
        oldest: i64,
        /// The newest that is allowed.
        newest: i64,
    },
}

impl Answers for BatchError {
    fn outcome(&self) -> Outcome {
        Outcome::DidNotHappen
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Crc { .. } => Retry::SameSequence,
            Self::Truncated { .. }
            | Self::Length { .. }
            | Self::Magic { .. }
            | Self::Extra { .. }
            | Self::TooLarge { .. }
            | Self::TooManyRecords { .. }
            | Self::Empty
            | Self::Count { .. }
            | Self::LastOffset { .. }
            | Self::Offsets { .. }
            | Self::ControlFromClient
            | Self::Producer { .. }
            | Self::Codec { .. }
            | Self::Decompression { .. }
            | Self::OverBudget { .. }
            | Self::Record { .. }
            | Self::RecordsExtra { .. } => Retry::Never,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Crc { .. } => Fault::Nobody,
            Self::Truncated { .. }
            | Self::Length { .. }
            | Self::Magic { .. }
            | Self::Extra { .. }
            | Self::TooLarge { .. }
            | Self::TooManyRecords { .. }
            | Self::Empty
            | Self::Count { .. }
            | Self::LastOffset { .. }
            | Self::Offsets { .. }
            | Self::ControlFromClient
            | Self::Producer { .. }
            | Self::Codec { .. }
            | Self::Decompression { .. }
            | Self::OverBudget { .. }
            | Self::Record { .. }
            | Self::RecordsExtra { .. } => Fault::Caller,
        }
    }
}
