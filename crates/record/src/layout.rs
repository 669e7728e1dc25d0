//! Where each field of a batch lies. All integers are big-endian.
//!
//! ```text
//!  0        8         12        16     17     21          23               27
//!  | base    | batch   | leader  | magic| crc  | attributes| last offset    | base timestamp ..
//!  | offset 8| length 4| epoch 4 | 1    | 4    | 2         | delta 4        | 8
//!  35              43          51          53          57           61
//!  | max timestamp | producer  | producer  | base      | record     | records, as one
//!  | 8             | id 8      | epoch 2   | sequence 4| count 4    | compressed stream or plain
//! ```
//!
//! The batch length counts what follows it: the whole batch less 12 bytes. The CRC-32C covers
//! everything from the attributes on, so that a leader writes base offset and leader epoch (the
//! *head*) without touching it.

/// Bytes of a batch's header: everything before the records.
pub const HEADER_BYTES: usize = 61;

/// Bytes that a leader rewrites when it appends: base offset, batch length, leader epoch.
pub const HEAD_BYTES: usize = 16;

/// Bytes before those that the batch length counts.
pub const LENGTH_OVERHEAD: usize = 12;

/// The version of the format, the only one there is here. 0 and 1 ended with Kafka 4.
pub const MAGIC: i8 = 2;

/// The smallest record there is: seven fields of one byte each.
pub const RECORD_BYTES_MIN: usize = 7;

pub(crate) const BASE_OFFSET: usize = 0;
pub(crate) const BATCH_LENGTH: usize = 8;
pub(crate) const LEADER_EPOCH: usize = 12;
pub(crate) const MAGIC_AT: usize = 16;
pub(crate) const CRC: usize = 17;
pub(crate) const ATTRIBUTES: usize = 21;
pub(crate) const LAST_OFFSET_DELTA: usize = 23;
pub(crate) const BASE_TIMESTAMP: usize = 27;
pub(crate) const MAX_TIMESTAMP: usize = 35;
pub(crate) const PRODUCER_ID: usize = 43;
pub(crate) const PRODUCER_EPOCH: usize = 51;
pub(crate) const BASE_SEQUENCE: usize = 53;
pub(crate) const RECORD_COUNT: usize = 57;

const _: () = assert!(LEADER_EPOCH + 4 == HEAD_BYTES && RECORD_COUNT + 4 == HEADER_BYTES);
