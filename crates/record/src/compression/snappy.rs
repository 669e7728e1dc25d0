//! Snappy in Java's framing (xerial): a header, then blocks, each after its length.
//!
//! ```text
//! | 82 53 4e 41 50 50 59 00 | version i32 | oldest reader i32 | length i32 | block | length i32 | ..
//! ```
//!
//! Written like that, since Java reads nothing else for sure; a single raw block without framing is
//! read too, since librdkafka and others send it.

use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

use super::output::{Fault, Output};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 16;

/// How many plain bytes go into one block: Java's number.
const BLOCK_BYTES: usize = 32 * 1024;

/// No element of the format turns a byte into more than this (a copy of 64 bytes takes 3).
const EXPANSION_MAX: usize = 64;

pub(super) fn decompress(payload: &[u8], out: &mut Output) -> Result<(), Fault> {
    match payload.strip_prefix(&MAGIC) {
        None => block(payload, out),
        Some(framed) => framed_blocks(framed, out),
    }
}

fn framed_blocks(framed: &[u8], out: &mut Output) -> Result<(), Fault> {
    let mut rest = framed.get(HEADER_BYTES - MAGIC.len()..).ok_or_else(cut_off)?;
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk().ok_or_else(cut_off)?;
        let length = u32::from_be_bytes(*length) as usize;
        let (compressed, behind) = behind.split_at_checked(length).ok_or_else(cut_off)?;
        block(compressed, out)?;
        rest = behind;
    }
    Ok(())
}

fn cut_off() -> Fault {
    Fault::malformed("the stream ends in the middle of a block")
}

fn block(compressed: &[u8], out: &mut Output) -> Result<(), Fault> {
    let size = decompress_len(compressed).map_err(Fault::malformed)?;
    if size > compressed.len().saturating_mul(EXPANSION_MAX) {
        return Err(Fault::malformed("a block says that it is larger than it can be"));
    }
    if size > out.left() {
        return Err(Fault::OverBudget);
    }
    let written = Decoder::new().decompress(compressed, out.spare(size));
    out.advance(written.map_err(Fault::malformed)?);
    Ok(())
}

pub(super) fn compress(records: &[u8], encoder: &mut Encoder, out: &mut Vec<u8>) {
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&VERSION.to_be_bytes());
    for plain in records.chunks(BLOCK_BYTES) {
        let start = out.len() + 4;
        out.resize(start + max_compress_len(plain.len()), 0);
        let size = encoder.compress(plain, &mut out[start..]).expect("the room is the largest");
        out.truncate(start + size);
        out[start - 4..start].copy_from_slice(&(size as u32).to_be_bytes());
    }
}
