//! Bytes on their way in.
//!
//! Invariants:
//! - No length is believed: what it claims must be there ([`Reader::take`]), or be paid for from a
//!   budget that is proportional to the frame ([`Reader::charge`]) before anything is allocated.
//! - Lists have no more elements together than the caller allows ([`Reader::listing_at_most`]).
//! - A reader never goes back, so that every message ends.

use bytes::Bytes;
use ottla_model::limits::{KAFKA_DECODED_BYTES_FREE, KAFKA_DECODED_RATIO_MAX};

use crate::error::CodecError;

/// Most bytes that a number of variable length takes: 5 hold 32 bits, 10 hold 64.
const VARINT_BYTES_MAX: u32 = 5;

/// Reads one message in one version.
#[derive(Debug)]
pub struct Reader<'a> {
    frame: &'a Bytes,
    at: usize,
    version: i16,
    flexible: bool,
    /// What may still be allocated, in bytes.
    budget: usize,
    /// How many elements all lists together may have, and how many may still come.
    elements_max: usize,
    elements_left: usize,
}

impl<'a> Reader<'a> {
    /// Reads `frame` from `at` on.
    pub fn new(frame: &'a Bytes, at: usize, version: i16, flexible: bool) -> Self {
        let at = at.min(frame.len());
        let budget = (frame.len() - at)
            .saturating_mul(KAFKA_DECODED_RATIO_MAX)
            .saturating_add(KAFKA_DECODED_BYTES_FREE);
        let elements_max = usize::MAX;
        let elements_left = elements_max;
        Self { frame, at, version, flexible, budget, elements_max, elements_left }
    }

    /// Refuses what lists more than `elements_max` things, in all lists together.
    #[must_use]
    pub fn listing_at_most(self, elements_max: usize) -> Self {
        Self { elements_max, elements_left: elements_max, ..self }
    }

    /// The version that is read.
    pub fn version(&self) -> i16 {
        self.version
    }

    /// Whether lengths are compact and structs end in tags.
    pub fn flexible(&self) -> bool {
        self.flexible
    }

    /// Where it stands in the frame.
    pub fn position(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.frame.len() - self.at
    }

    /// The next bytes.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], CodecError> {
        let left = self.left();
        if count > left {
            return Err(CodecError::Truncated { need: count - left });
        }
        let taken = &self.frame[self.at..self.at + count];
        self.at += count;
        Ok(taken)
    }

    /// The next bytes, sharing the frame.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn share(&mut self, count: usize) -> Result<Bytes, CodecError> {
        let from = self.at;
        self.take(count)?;
        Ok(self.frame.slice(from..self.at))
    }

    /// The next bytes, as many as the number has.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let taken = self.take(N)?;
        Ok(taken.try_into().expect("as many were taken"))
    }

    /// An unsigned number of variable length.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn varint(&mut self) -> Result<u32, CodecError> {
        let mut value = 0u32;
        for index in 0..VARINT_BYTES_MAX {
            let [byte] = self.array()?;
            // The fifth byte has room for four bits.
            if index == VARINT_BYTES_MAX - 1 && byte > 0x0f {
                return Err(CodecError::Varint);
            }
            value |= u32::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(CodecError::Varint)
    }

    /// How many elements or bytes follow; `None` is null. Of one byte at least each.
    pub(crate) fn count(&mut self, fixed: Fixed) -> Result<Option<usize>, CodecError> {
        let length = match (self.flexible, fixed) {
            (true, _) => i64::from(self.varint()?) - 1,
            (false, Fixed::Short) => i64::from(i16::from_be_bytes(self.array()?)),
            (false, Fixed::Long) => i64::from(i32::from_be_bytes(self.array()?)),
        };
        match usize::try_from(length) {
            Ok(count) if count > self.left() => {
                Err(CodecError::Truncated { need: count - self.left() })
            }
            Ok(count) => Ok(Some(count)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(CodecError::Length { length }),
        }
    }

    /// Pays for `bytes` of memory.
    pub(crate) fn charge(&mut self, bytes: usize) -> Result<(), CodecError> {
        match self.budget.checked_sub(bytes) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => Err(CodecError::Budget { need: bytes - self.budget }),
        }
    }

    /// Counts the elements of a list, before they are read.
    pub(crate) fn list(&mut self, elements: usize) -> Result<(), CodecError> {
        let left = self.elements_left.checked_sub(elements);
        self.elements_left = left.ok_or(CodecError::Elements { max: self.elements_max })?;
        Ok(())
    }

    /// Reads the tagged fields at the end of a struct: `known` reads the field of a tag, or answers
    /// false; what it does not know is skipped.
    ///
    /// # Errors
    /// When the bytes are none.
    pub fn tags(
        &mut self,
        mut known: impl FnMut(u32, &mut Self) -> Result<bool, CodecError>,
    ) -> Result<(), CodecError> {
        if !self.flexible {
            return Ok(());
        }
        for _ in 0..self.varint()? {
            let tag = self.varint()?;
            let size = self.varint()? as usize;
            if size > self.left() {
                return Err(CodecError::Truncated { need: size - self.left() });
            }
            let end = self.at + size;
            known(tag, self)?;
            // A field that read past its own end took what was not its.
            if self.at > end {
                return Err(CodecError::Length { length: size as i64 });
            }
            self.at = end;
        }
        Ok(())
    }
}

/// How wide a length is before the flexible versions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fixed {
    /// Two bytes: strings.
    Short,
    /// Four bytes: arrays, bytes, records.
    Long,
}
