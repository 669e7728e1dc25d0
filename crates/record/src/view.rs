//! One whole batch, looked at where it lies.

use crate::compression::{Compression, Scratch, decompress};
use crate::crc::crc32c;
use crate::error::BatchError;
use crate::header::BatchHeader;
use crate::layout::{ATTRIBUTES, HEADER_BYTES};
use crate::walk::RecordWalk;

/// A whole batch and its decoded header. The records are looked at only when asked for.
#[derive(Clone, Copy, Debug)]
pub struct BatchView<'a> {
    header: BatchHeader,
    bytes: &'a [u8],
}

impl<'a> BatchView<'a> {
    /// The batch at the start of these bytes, which may go on behind it. Checks the format and that
    /// all of it is there; see [`verify_crc`](Self::verify_crc) for more.
    ///
    /// # Errors
    /// As [`BatchHeader::peek`], and [`BatchError::Truncated`] when its end is missing.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BatchError> {
        let header = BatchHeader::peek(bytes)?;
        let Some(bytes) = bytes.get(..header.size()) else {
            return Err(BatchError::Truncated { have: bytes.len(), need: header.size() });
        };
        Ok(Self { header, bytes })
    }

    /// Its header.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// All of its bytes, and nothing behind them.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The records as they are stored, compressed or not.
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[HEADER_BYTES..]
    }

    /// Checks the bytes against the header's CRC.
    ///
    /// # Errors
    /// [`BatchError::Crc`].
    pub fn verify_crc(&self) -> Result<(), BatchError> {
        let computed = crc32c(&self.bytes[ATTRIBUTES..]);
        let stored = self.header.crc;
        if computed == stored { Ok(()) } else { Err(BatchError::Crc { stored, computed }) }
    }

    /// Walks the records. Compressed ones are decompressed into `scratch`, to at most `bytes_max`;
    /// plain ones are walked where they lie.
    ///
    /// # Errors
    /// When they cannot be decompressed, or not within the budget. The walk itself yields the errors
    /// of single records.
    pub fn records<'s>(
        &self,
        scratch: &'s mut Scratch,
        bytes_max: u64,
    ) -> Result<RecordWalk<'s>, BatchError>
    where
        'a: 's,
    {
        Ok(self.walk(self.unpack(scratch, bytes_max)?))
    }

    /// The records' bytes, decompressed into `scratch` to at most `bytes_max`; plain ones are where
    /// they lie. For whoever keeps them longer than the scratch, and walks them afterwards.
    ///
    /// # Errors
    /// When they cannot be decompressed, or not within the budget.
    pub fn unpack<'s>(
        &self,
        scratch: &'s mut Scratch,
        bytes_max: u64,
    ) -> Result<&'s [u8], BatchError>
    where
        'a: 's,
    {
        match self.header.compression()? {
            Compression::None => Ok(self.payload()),
            compression => decompress(compression, self.payload(), scratch, bytes_max),
        }
    }

    /// Walks records that [`unpack`](Self::unpack) gave.
    pub fn walk<'u>(&self, unpacked: &'u [u8]) -> RecordWalk<'u> {
        RecordWalk::new(&self.header, unpacked)
    }
}
