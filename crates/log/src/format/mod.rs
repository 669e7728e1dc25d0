//! Every byte that outlives the process: layouts, versions, checksums.
//!
//! Drawn byte by byte in `docs/internals/log-format.md`; golden files in `tests/golden/`. What all
//! of it has in common:
//!
//! - integers are little-endian; only the record batches inside are Kafka's, big-endian;
//! - everything begins with a mark and a version, and is covered by a CRC-32C;
//! - a decoder trusts no length: it takes from the bytes it was handed or says what is missing, and
//!   allocates no more than a small multiple of them;
//! - a decoder is strict (reserved bytes are zero, lists are in order), so that what it accepts
//!   encodes to the very same bytes again. Nothing that was not written by us is ever half taken.
//!
//! Read in this order: [`names`], [`superblock`], [`checkpoint`], [`round`], then the files beside a
//! segment: [`index_file`] and [`producers_file`].

pub mod checkpoint;
mod epochs;
mod error;
pub mod index_file;
pub mod names;
pub mod producers_file;
mod reader;
pub mod round;
mod sealed;
pub mod settings;
pub mod superblock;

pub use checkpoint::{Checkpoint, Cursor, JournalPlace, SegmentCheckpoint, StreamCheckpoint};
pub use error::FormatError;
pub use round::{
    BadRound, Entry, Operation, Round, RoundBuilder, RoundHeader, RoundStamp, Straight,
    digest_header,
};
pub use superblock::{DirectoryRole, Superblock};

#[cfg(test)]
mod tests;
