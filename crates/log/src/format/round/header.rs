//! The header of a round: 128 bytes at a multiple of 4 KiB.
//!
//! ```text
//!   0   8  mark `OTTLROND`
//!   8   2  format version, 1
//!  10   2  reserved, zero
//!  12   4  number of the journal file that the round was written to
//!  16  16  directory id
//!  32   8  incarnation
//!  40   8  sequence, from 1
//!  48   8  durable mark: the highest sequence known durable when this was written; 0 none
//!  56   8  position in the journal file, a multiple of 4 KiB
//!  64   8  written at, milliseconds since 1970
//!  72   4  length of the whole round in bytes, a multiple of 4 KiB
//!  76   4  length of the payload in bytes
//!  80   4  number of streams
//!  84   4  number of entries
//!  88   4  CRC-32C of the list of streams
//!  92   4  CRC-32C of the payload
//!  96  28  reserved, zero
//! 124   4  CRC-32C of bytes 0..124
//! ```

use bytes::BufMut;
use ottla_model::limits::BLOCK_BYTES;
use ottla_model::{DirectoryId, Timestamp};

use super::{ENTRY_HEADER_BYTES, ROUND_STREAM_BYTES, WHAT};
use crate::format::FormatError;
use crate::format::reader::Reader;

/// Bytes of a round's header.
pub const ROUND_HEADER_BYTES: usize = 128;

const MARK: &[u8; 8] = b"OTTLROND";
const VERSION: u16 = 1;
const COVERED: usize = ROUND_HEADER_BYTES - 4;
const RESERVED: usize = 28;

/// Where, when and by whom a round is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoundStamp {
    /// The directory whose journal this is. Not told to clients: they choose bytes that end up in
    /// journals, and must not be able to make some that look like a round.
    pub directory: DirectoryId,
    /// The run of the writer.
    pub incarnation: u64,
    /// The round's number; the first is 1, and no number is left out.
    pub sequence: u64,
    /// The highest sequence that was durable when this round was written; 0 when none was. A bad
    /// round at or below it is damage and not a torn tail.
    pub durable_mark: u64,
    /// The journal file.
    pub file: u32,
    /// The position in it, a multiple of 4 KiB.
    pub position: u64,
    /// When. Producers whose batches it holds were alive then.
    pub written_at: Timestamp,
}

/// A round's header, checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoundHeader {
    /// Where, when and by whom the round was written.
    pub stamp: RoundStamp,
    /// Bytes of the whole round, a multiple of 4 KiB.
    pub round_bytes: u32,
    /// Bytes of its entries.
    pub payload_bytes: u32,
    /// How many streams it names.
    pub stream_count: u32,
    /// How many entries it holds.
    pub entry_count: u32,
    pub(super) streams_crc: u32,
    pub(super) payload_crc: u32,
}

impl RoundHeader {
    /// Reads the header at the start of `bytes`, of which 128 are enough.
    ///
    /// # Errors
    /// When it is none, or not as it was written.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut reader = Reader::new(WHAT, bytes);
        let header = reader.take(ROUND_HEADER_BYTES)?;
        let mut reader = Reader::new(WHAT, header);
        if reader.array()? != *MARK {
            return Err(FormatError::Mark { what: WHAT });
        }
        let (covered, checksum) = header.split_at(COVERED);
        super::check_crc(WHAT, covered, Reader::new(WHAT, checksum).u32()?)?;
        let found = reader.u16()?;
        if found != VERSION {
            return Err(FormatError::Version { what: WHAT, found, newest: VERSION });
        }
        reader.reserved(2)?;
        let header = Self::decode_fields(&mut reader)?;
        header.check().map_err(|why| reader.invalid(why))?;
        Ok(header)
    }

    fn decode_fields(reader: &mut Reader<'_>) -> Result<Self, FormatError> {
        let file = reader.u32()?;
        let stamp = RoundStamp {
            directory: DirectoryId::from_bytes(reader.array()?),
            incarnation: reader.u64()?,
            sequence: reader.u64()?,
            durable_mark: reader.u64()?,
            file,
            position: reader.u64()?,
            written_at: Timestamp(reader.i64()?),
        };
        let header = Self {
            stamp,
            round_bytes: reader.u32()?,
            payload_bytes: reader.u32()?,
            stream_count: reader.u32()?,
            entry_count: reader.u32()?,
            streams_crc: reader.u32()?,
            payload_crc: reader.u32()?,
        };
        reader.reserved(RESERVED)?;
        Ok(header)
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.stamp.durable_mark >= self.stamp.sequence {
            return Err("its durable mark is not before itself");
        }
        if !self.stamp.position.is_multiple_of(BLOCK_BYTES) {
            return Err("its position is no multiple of a block");
        }
        let entries_bytes_min = u64::from(self.entry_count) * ENTRY_HEADER_BYTES as u64;
        if entries_bytes_min > u64::from(self.payload_bytes) {
            return Err("it counts more entries than its payload can hold");
        }
        if self.stream_count > self.entry_count {
            return Err("it counts more streams than entries");
        }
        let bytes = round_bytes(self.stream_count, u64::from(self.payload_bytes));
        if u64::from(self.round_bytes) != bytes {
            return Err("its length is not that of its parts");
        }
        Ok(())
    }

    /// Writes the header into the first 128 bytes of `into`.
    pub(super) fn encode(&self, into: &mut [u8]) {
        let Self {
            stamp,
            round_bytes,
            payload_bytes,
            stream_count,
            entry_count,
            streams_crc,
            payload_crc,
        } = self;
        let mut at = &mut into[..COVERED];
        at.put_slice(MARK);
        at.put_u16_le(VERSION);
        at.put_u16_le(0);
        at.put_u32_le(stamp.file);
        at.put_slice(&stamp.directory.to_bytes());
        at.put_u64_le(stamp.incarnation);
        at.put_u64_le(stamp.sequence);
        at.put_u64_le(stamp.durable_mark);
        at.put_u64_le(stamp.position);
        at.put_i64_le(stamp.written_at.0);
        for field in
            [round_bytes, payload_bytes, stream_count, entry_count, streams_crc, payload_crc]
        {
            at.put_u32_le(*field);
        }
        at.put_bytes(0, RESERVED);
        assert!(at.is_empty(), "the fields fill the header");
        let checksum = crc32c::crc32c(&into[..COVERED]);
        into[COVERED..ROUND_HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Where in the round the payload begins.
    pub(super) fn payload_start(&self) -> usize {
        ROUND_HEADER_BYTES + self.stream_count as usize * ROUND_STREAM_BYTES
    }
}

/// The length of a round with these parts, in whole blocks.
pub(super) fn round_bytes(streams: u32, payload_bytes: u64) -> u64 {
    let list = u64::from(streams) * ROUND_STREAM_BYTES as u64;
    (ROUND_HEADER_BYTES as u64 + list + payload_bytes).next_multiple_of(BLOCK_BYTES)
}
