//! Reading bytes that nobody vouches for, one field at a time. Writing is `bytes::BufMut`.

use super::FormatError;

/// A cursor over bytes. Every step is checked against what is left.
#[derive(Clone, Debug)]
pub(in crate::format) struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

macro_rules! integers {
    ($($name:ident -> $type:ty),+) => {$(
        pub(in crate::format) fn $name(&mut self) -> Result<$type, FormatError> {
            Ok(<$type>::from_le_bytes(self.array()?))
        }
    )+};
}

impl<'a> Reader<'a> {
    pub(in crate::format) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, rest: bytes }
    }

    integers!(u8 -> u8, u16 -> u16, u32 -> u32, u64 -> u64, i16 -> i16, i32 -> i32, i64 -> i64);

    pub(in crate::format) fn take(&mut self, count: usize) -> Result<&'a [u8], FormatError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| self.short(count))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(in crate::format) fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(|| self.short(N))?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A 32-bit count of items of which each takes at least `item_bytes_min`. A count that the bytes
    /// in hand cannot hold is refused here, before anything is allocated for it.
    pub(in crate::format) fn count(&mut self, item_bytes_min: usize) -> Result<usize, FormatError> {
        let count = self.u32()? as usize;
        match count.checked_mul(item_bytes_min) {
            Some(bytes) if bytes <= self.rest.len() => Ok(count),
            bytes => Err(self.short(bytes.unwrap_or(usize::MAX))),
        }
    }

    /// A number that is zero when it is not `present`.
    pub(in crate::format) fn optional(
        &mut self,
        present: bool,
    ) -> Result<Option<u64>, FormatError> {
        let value = self.u64()?;
        if !present && value != 0 {
            return Err(self.invalid("a field that is not set has a value"));
        }
        Ok(present.then_some(value))
    }

    /// Bytes that are zero in this version of the format.
    pub(in crate::format) fn reserved(&mut self, count: usize) -> Result<(), FormatError> {
        if self.take(count)?.iter().any(|byte| *byte != 0) {
            return Err(self.invalid("a reserved byte is not zero"));
        }
        Ok(())
    }

    /// The end: bytes beyond it would be bytes that nobody understood.
    pub(in crate::format) fn finish(self) -> Result<(), FormatError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.invalid("bytes are left over at its end"))
        }
    }

    /// Everything that is left, whatever it is.
    pub(in crate::format) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    pub(in crate::format) fn invalid(&self, why: &'static str) -> FormatError {
        FormatError::Invalid { what: self.what, why }
    }

    fn short(&self, need: usize) -> FormatError {
        FormatError::Short { what: self.what, need: need as u64, have: self.rest.len() as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_the_bytes_cannot_hold_is_refused() {
        let mut bytes = u32::MAX.to_le_bytes().to_vec();
        bytes.extend([0; 40]);
        let refused = Reader::new("list", &bytes).count(8);
        assert!(matches!(refused, Err(FormatError::Short { have: 40, .. })), "{refused:?}");

        bytes[..4].copy_from_slice(&5_u32.to_le_bytes());
        assert_eq!(Reader::new("list", &bytes).count(8), Ok(5));
        assert!(
            Reader::new("list", &bytes[..43]).count(8).is_err(),
            "one byte short of five items"
        );
    }

    #[test]
    fn what_is_left_over_is_an_error() {
        let mut reader = Reader::new("thing", &[1, 2, 3]);
        assert_eq!(reader.u16(), Ok(0x0201));
        assert!(reader.clone().finish().is_err());
        assert_eq!(reader.u8(), Ok(3));
        assert_eq!(reader.finish(), Ok(()));
    }
}
