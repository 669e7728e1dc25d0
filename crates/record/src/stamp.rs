//! What the leader appends: a checked batch under its offset and its leader's epoch.
//!
//! Both lie outside the CRC, so that the records are neither copied nor read again: a fresh head of
//! 16 bytes goes before the shared rest. With append timestamps the header's attributes and largest
//! timestamp change too; then the fresh head is the whole header of 61 bytes, and the CRC is computed
//! anew over the shared records.

use bytes::{BufMut, Bytes, BytesMut};
use ottla_model::{LeaderEpoch, Offset, Timestamp};

use crate::attributes::{Attributes, TimestampType};
use crate::crc::{crc32c, crc32c_append};
use crate::header::BatchHeader;
use crate::layout::{ATTRIBUTES, HEAD_BYTES, HEADER_BYTES};
use crate::validate::CheckedBatch;

/// A batch as it is appended: `head` and `rest`, one after the other.
#[derive(Clone, Debug)]
pub struct StampedBatch {
    header: BatchHeader,
    head: Bytes,
    rest: Bytes,
}

impl CheckedBatch {
    /// The batch under this offset and epoch; with `log_append_time`, with that timestamp on all of
    /// its records.
    pub fn stamp(
        self,
        base_offset: Offset,
        leader_epoch: LeaderEpoch,
        log_append_time: Option<Timestamp>,
    ) -> StampedBatch {
        let mut checked = self;
        checked.header.base_offset = base_offset;
        checked.header.leader_epoch = leader_epoch;
        match log_append_time {
            None => {
                let head = Bytes::copy_from_slice(&checked.header.encode()[..HEAD_BYTES]);
                let rest = checked.bytes.slice(HEAD_BYTES..);
                StampedBatch { header: checked.header, head, rest }
            }
            Some(now) => {
                let kind = TimestampType::LogAppendTime;
                let attributes = checked.header.attributes.with_timestamp_type(kind);
                let (head, rest, header) = restamp_timestamps(&checked, attributes, now);
                StampedBatch { header, head, rest }
            }
        }
    }

    /// The batch as another leader has stamped it: what a follower appends.
    pub fn as_stamped(self) -> StampedBatch {
        let head = self.bytes.slice(..HEAD_BYTES);
        let rest = self.bytes.slice(HEAD_BYTES..);
        StampedBatch { header: self.header, head, rest }
    }
}

impl StampedBatch {
    /// The header as it is appended.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// How many bytes the batch has.
    pub fn size(&self) -> usize {
        self.head.len() + self.rest.len()
    }

    /// Its bytes in two parts: the head that was made for it, and what is shared with the request.
    pub fn chunks(&self) -> [&Bytes; 2] {
        [&self.head, &self.rest]
    }

    /// Its bytes in one part: a copy.
    pub fn to_bytes(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.size());
        bytes.put_slice(&self.head);
        bytes.put_slice(&self.rest);
        bytes.freeze()
    }
}

/// The header, as bytes and decoded, with these attributes, this largest timestamp and the CRC that
/// goes with them; and the records, shared.
pub(crate) fn restamp_timestamps(
    batch: &CheckedBatch,
    attributes: Attributes,
    max_timestamp: Timestamp,
) -> (Bytes, Bytes, BatchHeader) {
    let mut header = BatchHeader { attributes, max_timestamp, ..batch.header };
    let records = batch.bytes.slice(HEADER_BYTES..);
    header.crc = crc32c_append(crc32c(&header.encode()[ATTRIBUTES..]), &records);
    (Bytes::copy_from_slice(&header.encode()), records, header)
}
