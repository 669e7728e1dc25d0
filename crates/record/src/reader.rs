//! A cursor over the bytes of records. Every read is checked against what is left.

use crate::error::RecordFault;
use crate::varint::{VARINT_BYTES_MAX, VARLONG_BYTES_MAX, read_varint, read_varlong};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, RecordFault> {
        let (first, rest) = self.rest.split_first().ok_or(RecordFault::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<i32, RecordFault> {
        let Some((value, used)) = read_varint(self.rest) else {
            return Err(self.varint_fault(VARINT_BYTES_MAX));
        };
        self.rest = &self.rest[used..];
        Ok(value)
    }

    #[inline]
    pub(crate) fn varlong(&mut self) -> Result<i64, RecordFault> {
        let Some((value, used)) = read_varlong(self.rest) else {
            return Err(self.varint_fault(VARLONG_BYTES_MAX));
        };
        self.rest = &self.rest[used..];
        Ok(value)
    }

    #[cold]
    fn varint_fault(&self, bytes_max: usize) -> RecordFault {
        if self.rest.len() < bytes_max { RecordFault::Truncated } else { RecordFault::Varint }
    }

    /// Bytes after their length.
    #[inline]
    pub(crate) fn sized(&mut self) -> Result<&'a [u8], RecordFault> {
        let length = self.varint()?;
        self.take(length)
    }

    /// Bytes after their length, where -1 stands for none.
    #[inline]
    pub(crate) fn nullable(&mut self) -> Result<Option<&'a [u8]>, RecordFault> {
        match self.varint()? {
            -1 => Ok(None),
            length => self.take(length).map(Some),
        }
    }

    #[inline]
    fn take(&mut self, length: i32) -> Result<&'a [u8], RecordFault> {
        let fault = RecordFault::Length { length, left: self.rest.len() };
        let size = usize::try_from(length).map_err(|_| fault)?;
        let (taken, rest) = self.rest.split_at_checked(size).ok_or(fault)?;
        self.rest = rest;
        Ok(taken)
    }
}
