//! LZ4 frames, read and written as Kafka's Java code does.
//!
//! ```text
//! | 04 22 4d 18 | flags | block size | [content size 8] | header checksum |
//! | block size u32, top bit: stored | block | [checksum 4] | ..  | 0 u32 | [content checksum 4] |
//! ```
//!
//! Blocks are independent of each other: Java refuses linked ones and dictionaries, and so does this.
//! All integers are little-endian. Blocks go straight into the output, without a buffer between.

use lz4_flex::block::{
    CompressTable, DecompressError, compress_into_with_table, decompress_into,
    get_maximum_output_size,
};

use super::output::{Fault, Output};
use super::xxhash::xxh32;

const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];

const VERSION: u8 = 0b0100_0000;
const VERSION_MASK: u8 = 0b1100_0000;
const INDEPENDENT: u8 = 0b0010_0000;
const BLOCK_CHECKSUMS: u8 = 0b0001_0000;
const CONTENT_SIZE: u8 = 0b0000_1000;
const CONTENT_CHECKSUM: u8 = 0b0000_0100;
const RESERVED: u8 = 0b0000_0011;

/// Block size 4 of the format: 64 KiB, Kafka's default.
const BLOCK_SIZE_CODE: u8 = 4 << 4;
const BLOCK_BYTES: usize = 64 * 1024;

/// The top bit of a block's size: its bytes are stored as they are.
const STORED: u32 = 1 << 31;

/// No byte of a block turns into more than this.
const EXPANSION_MAX: usize = 255;

pub(super) fn decompress(payload: &[u8], out: &mut Output) -> Result<(), Fault> {
    let mut frame = Frame::open(payload)?;
    while let Some(block) = frame.next_block()? {
        block.decompress(out, frame.block_bytes_max)?;
    }
    Ok(())
}

struct Frame<'a> {
    rest: &'a [u8],
    flags: u8,
    block_bytes_max: usize,
}

struct Block<'a> {
    bytes: &'a [u8],
    stored: bool,
}

impl<'a> Frame<'a> {
    fn open(payload: &'a [u8]) -> Result<Self, Fault> {
        let descriptor = payload
            .strip_prefix(&MAGIC)
            .ok_or_else(|| Fault::malformed("it does not begin with an LZ4 frame"))?;
        let [flags, block_size, ..] = *descriptor else { return Err(cut_off()) };
        let mut frame = Self { rest: descriptor, flags, block_bytes_max: 0 };
        frame.check_flags()?;
        frame.block_bytes_max = block_bytes_max(block_size)?;
        let header = frame.take(if flags & CONTENT_SIZE == 0 { 2 } else { 10 })?;
        if frame.take(1)?[0] != header_checksum(header) {
            return Err(Fault::malformed("the frame's header is damaged"));
        }
        Ok(frame)
    }

    fn check_flags(&self) -> Result<(), Fault> {
        if self.flags & VERSION_MASK != VERSION || self.flags & RESERVED != 0 {
            return Err(Fault::malformed("a frame of an unknown version, or with a dictionary"));
        }
        if self.flags & INDEPENDENT == 0 {
            return Err(Fault::malformed("its blocks are linked; write independent blocks"));
        }
        Ok(())
    }

    fn take(&mut self, bytes: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or_else(cut_off)?;
        self.rest = rest;
        Ok(taken)
    }

    fn take_u32(&mut self) -> Result<u32, Fault> {
        let bytes = self.take(4)?.first_chunk().ok_or_else(cut_off)?;
        Ok(u32::from_le_bytes(*bytes))
    }

    /// The next block; `None` after the last, when the frame's end has been read too.
    fn next_block(&mut self) -> Result<Option<Block<'a>>, Fault> {
        let size = self.take_u32()?;
        if size == 0 {
            return self.end().map(|()| None);
        }
        let length = (size & !STORED) as usize;
        if length > self.block_bytes_max {
            return Err(Fault::malformed("a block is larger than its frame allows"));
        }
        let bytes = self.take(length)?;
        if self.flags & BLOCK_CHECKSUMS != 0 && self.take_u32()? != xxh32(bytes) {
            return Err(Fault::malformed("a block is damaged"));
        }
        Ok(Some(Block { bytes, stored: size & STORED != 0 }))
    }

    /// Java does not check the content's checksum either: the batch has one of its own.
    fn end(&mut self) -> Result<(), Fault> {
        if self.flags & CONTENT_CHECKSUM != 0 {
            self.take_u32()?;
        }
        match self.rest.len() {
            0 => Ok(()),
            _ => Err(Fault::malformed("bytes follow the end of the frame")),
        }
    }
}

impl Block<'_> {
    fn decompress(&self, out: &mut Output, block_bytes_max: usize) -> Result<(), Fault> {
        if self.stored {
            return out.copy(self.bytes);
        }
        let could_be = block_bytes_max.min(self.bytes.len().saturating_mul(EXPANSION_MAX));
        let fits_budget = could_be <= out.left();
        match decompress_into(self.bytes, out.spare(could_be)) {
            Ok(size) => {
                out.advance(size);
                Ok(())
            }
            Err(DecompressError::OutputTooSmall { .. }) if !fits_budget => Err(Fault::OverBudget),
            Err(error) => Err(Fault::malformed(error)),
        }
    }
}

fn cut_off() -> Fault {
    Fault::malformed("the frame is cut off")
}

fn block_bytes_max(block_size: u8) -> Result<usize, Fault> {
    match block_size {
        0x40 => Ok(64 * 1024),
        0x50 => Ok(256 * 1024),
        0x60 => Ok(1024 * 1024),
        0x70 => Ok(4 * 1024 * 1024),
        _ => Err(Fault::malformed("a block size that does not exist")),
    }
}

fn header_checksum(header: &[u8]) -> u8 {
    (xxh32(header) >> 8) as u8
}

pub(super) fn compress(records: &[u8], table: &mut CompressTable, out: &mut Vec<u8>) {
    let header = [VERSION | INDEPENDENT, BLOCK_SIZE_CODE];
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&header);
    out.push(header_checksum(&header));
    for plain in records.chunks(BLOCK_BYTES) {
        compress_block(plain, table, out);
    }
    out.extend_from_slice(&0_u32.to_le_bytes());
}

fn compress_block(plain: &[u8], table: &mut CompressTable, out: &mut Vec<u8>) {
    let start = out.len() + 4;
    out.resize(start + get_maximum_output_size(plain.len()), 0);
    let size = compress_into_with_table(plain, &mut out[start..], table);
    let size = size.expect("the room is the largest that a block can need");
    let word = if size < plain.len() {
        out.truncate(start + size);
        size as u32
    } else {
        out[start..start + plain.len()].copy_from_slice(plain);
        out.truncate(start + plain.len());
        plain.len() as u32 | STORED
    };
    out[start - 4..start].copy_from_slice(&word.to_le_bytes());
}
