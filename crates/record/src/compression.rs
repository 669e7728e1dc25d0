//! The five codecs, and the budget that bounds what decompression may cost.
//!
//! - What is read is decompressed once: compressed bytes inside compressed bytes are just bytes.
//! - Output grows with what a decoder has produced, or could produce from the bytes in hand, and
//!   never past the budget; a size that a frame declares allocates nothing by itself.
//! - What Kafka's Java reader refuses is refused here too, since one such batch would stop every
//!   Java consumer of its partition: LZ4 frames with linked blocks, zstd windows over 128 MiB.

mod encoders;
mod gzip;
mod lz4;
mod output;
mod snappy;
mod xxhash;
mod zstd;

use std::fmt;
use std::str::FromStr;

use ottla_model::ByteCount;

use crate::error::BatchError;

pub(crate) use encoders::Encoders;
use output::Fault;
pub use output::Scratch;

/// How the records of a batch are compressed: all of them as one stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// Gzip: slow and small, read by everything.
    Gzip,
    /// Snappy, in the framing of Java's library.
    Snappy,
    /// LZ4 frames: the fastest.
    Lz4,
    /// Zstandard: small and fast.
    Zstd,
}

impl Compression {
    /// Every codec there is.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The stable number in a batch's attributes.
    pub const fn codec(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// The codec of this number.
    pub const fn from_codec(codec: u8) -> Option<Self> {
        match codec {
            0 => Some(Self::None),
            1 => Some(Self::Gzip),
            2 => Some(Self::Snappy),
            3 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Its name in settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no codec.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no compression; use none, gzip, snappy, lz4 or zstd")]
pub struct CompressionNameError(String);

impl FromStr for Compression {
    type Err = CompressionNameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|codec| codec.name() == name);
        known.ok_or_else(|| CompressionNameError(name.to_owned()))
    }
}

/// Decompresses `payload` into `scratch`, to at most `bytes_max`.
pub(crate) fn decompress<'s>(
    compression: Compression,
    payload: &[u8],
    scratch: &'s mut Scratch,
    bytes_max: u64,
) -> Result<&'s [u8], BatchError> {
    match decompress_into(compression, payload, scratch, bytes_max) {
        Ok(()) => Ok(scratch.filled()),
        Err(Fault::OverBudget) => {
            Err(BatchError::OverBudget { compression, bytes_max: ByteCount(bytes_max) })
        }
        Err(Fault::Malformed(reason)) => Err(BatchError::Decompression { compression, reason }),
    }
}

fn decompress_into(
    compression: Compression,
    payload: &[u8],
    scratch: &mut Scratch,
    bytes_max: u64,
) -> Result<(), Fault> {
    let (out, zstd_context) = scratch.start(bytes_max);
    match compression {
        Compression::None => out.copy(payload),
        Compression::Gzip => gzip::decompress(payload, out),
        Compression::Snappy => snappy::decompress(payload, out),
        Compression::Lz4 => lz4::decompress(payload, out),
        Compression::Zstd => zstd::decompress(payload, out, zstd_context),
    }
}
