//! The index beside a segment, in the shell of small files (mark `OTTLINDX`, version 1).
//!
//! ```text
//!  0   8  base offset of the segment
//!  8   4  interval in bytes
//! 12   4  end of the last batch that the index covers
//! 16   8  largest timestamp up to there; the smallest number when there is none
//! 24   4  number of entries
//! 28   .  entries, 20 bytes each:
//!          0  8  base offset of a batch
//!          8  8  largest timestamp before it
//!         16  4  its position in the segment
//! ```

use bytes::BufMut;
use ottla_model::{Offset, Timestamp};

use super::FormatError;
use super::sealed::Kind;
use crate::index::{IndexEntry, SparseIndex};

const KIND: Kind = Kind { what: "segment index", mark: b"OTTLINDX", version: 1 };
const ENTRY_BYTES: usize = 20;

/// The whole file.
pub fn encode(index: &SparseIndex) -> Vec<u8> {
    KIND.seal(|body| {
        body.reserve(28 + index.entries().len() * ENTRY_BYTES);
        body.put_i64_le(index.base().0);
        body.put_u32_le(index.interval_bytes());
        body.put_u32_le(index.end());
        body.put_i64_le(index.largest().0);
        body.put_u32_le(u32::try_from(index.entries().len()).expect("fewer entries than bytes"));
        for IndexEntry { offset, position, largest_before } in index.entries() {
            body.put_i64_le(offset.0);
            body.put_i64_le(largest_before.0);
            body.put_u32_le(*position);
        }
    })
}

/// Reads a whole file. What comes out is in order; whether it fits the segment, the reader of the
/// segment finds out.
///
/// # Errors
/// Whatever makes it anything but an index of a known version, wholly written.
pub fn decode(file: &[u8]) -> Result<SparseIndex, FormatError> {
    let mut body = KIND.open(file)?;
    let base = Offset(body.i64()?);
    let interval_bytes = body.u32()?;
    let end = body.u32()?;
    let largest = Timestamp(body.i64()?);
    let count = body.count(ENTRY_BYTES)?;
    let entries = (0..count)
        .map(|_| {
            let offset = Offset(body.i64()?);
            let largest_before = Timestamp(body.i64()?);
            Ok(IndexEntry { offset, position: body.u32()?, largest_before })
        })
        .collect::<Result<Vec<_>, FormatError>>()?;
    let invalid = body.invalid("its entries contradict each other");
    body.finish()?;
    SparseIndex::from_parts(base, interval_bytes, entries, end, largest).ok_or(invalid)
}
