//! The five codecs, and the budget that bounds what decompression may cost.

use std::fmt;
use std::str::FromStr;

use crate::error::BatchError;

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

/// Memory that decompression reuses from batch to batch.
#[derive(Debug, Default)]
pub struct Scratch {
    bytes: Vec<u8>,
}

impl Scratch {
    /// An empty one; it grows with use.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives back what one large batch made it grow beyond the usual.
    pub fn trim(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(SCRATCH_BYTES_KEPT);
    }
}

/// What a thread keeps for the next batch.
const SCRATCH_BYTES_KEPT: usize = 2 * 1024 * 1024;

/// Decompresses `payload` into `scratch`, to at most `bytes_max`.
pub(crate) fn decompress<'s>(
    _compression: Compression,
    _payload: &[u8],
    _scratch: &'s mut Scratch,
    _bytes_max: u64,
) -> Result<&'s [u8], BatchError> {
    unimplemented!("the codecs land next")
}
