//! A buffer that direct I/O accepts: its bytes begin at an address that is a multiple of a block.
//!
//! It is an ordinary vector with a block of slack, used from its first aligned byte on, which needs
//! no unsafe code. Invariant: `storage` never grows in place, since that could move the bytes.

use std::fmt;
use std::ops::{Deref, DerefMut};

use ottla_model::limits::BLOCK_BYTES;

use super::{Access, Operation, Result, StorageError};

const ALIGN: usize = BLOCK_BYTES as usize;

/// Growable bytes at a block-aligned address. Growing copies; reuse one that has grown.
pub struct AlignedBuf {
    storage: Vec<u8>,
    start: usize,
    len: usize,
}

impl AlignedBuf {
    /// An empty buffer with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        let storage = vec![0; capacity + ALIGN];
        let address = storage.as_ptr().addr();
        let start = address.next_multiple_of(ALIGN) - address;
        Self { storage, start, len: 0 }
    }

    /// A buffer of `len` zeros.
    pub fn zeroed(len: usize) -> Self {
        Self { len, ..Self::with_capacity(len) }
    }

    /// How many bytes fit without growing.
    pub fn capacity(&self) -> usize {
        self.storage.len() - ALIGN
    }

    /// Forgets the bytes and keeps the room.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Appends `bytes`.
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        let end = self.start + self.len;
        self.storage[end..end + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Makes it `len` bytes long: cuts, or appends zeros.
    pub fn resize(&mut self, len: usize) {
        if len > self.len {
            self.reserve(len - self.len);
            let from = self.start + self.len;
            self.storage[from..self.start + len].fill(0);
        }
        self.len = len;
    }

    /// Makes it `len` bytes long, for who overwrites all of them: what is new is whatever was there.
    pub fn set_len(&mut self, len: usize) {
        if len > self.capacity() {
            *self = Self::with_capacity(len);
        }
        self.len = len;
    }

    /// Appends zeros up to the next multiple of a block.
    pub fn pad_to_block(&mut self) {
        self.resize(self.len.next_multiple_of(ALIGN));
    }

    /// Makes room for `additional` bytes more.
    pub fn reserve(&mut self, additional: usize) {
        let wanted = self.len + additional;
        if wanted > self.capacity() {
            let mut grown = Self::with_capacity(wanted.max(2 * self.capacity()));
            grown.storage[grown.start..grown.start + self.len].copy_from_slice(self);
            grown.len = self.len;
            *self = grown;
        }
    }
}

impl Deref for AlignedBuf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.storage[self.start..self.start + self.len]
    }
}

impl DerefMut for AlignedBuf {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.storage[self.start..self.start + self.len]
    }
}

impl Default for AlignedBuf {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl From<&[u8]> for AlignedBuf {
    fn from(bytes: &[u8]) -> Self {
        let mut buf = Self::with_capacity(bytes.len());
        buf.extend_from_slice(bytes);
        buf
    }
}

impl Clone for AlignedBuf {
    fn clone(&self) -> Self {
        Self::from(&**self)
    }
}

impl fmt::Debug for AlignedBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlignedBuf")
            .field("len", &self.len)
            .field("capacity", &self.capacity())
            .finish()
    }
}

/// Refuses what direct access would refuse.
pub(crate) fn check_aligned(
    access: Access,
    operation: Operation,
    path: &str,
    position: u64,
    bytes: &[u8],
) -> Result<()> {
    let len = bytes.len() as u64;
    let aligned = [position, len, bytes.as_ptr().addr() as u64]
        .iter()
        .all(|number| number.is_multiple_of(BLOCK_BYTES));
    if aligned || !access.is_direct() || len == 0 {
        return Ok(());
    }
    Err(StorageError::Misaligned { operation, path: path.to_owned(), position, bytes: len })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_vector_that_stays_aligned(steps in proptest::collection::vec((0_u8..4, 0_usize..9000), 1..20)) {
            let mut buf = AlignedBuf::default();
            let mut model: Vec<u8> = Vec::new();
            for (step, size) in steps {
                match step {
                    0 => {
                        let bytes: Vec<u8> = (0..size).map(|i| (i % 251) as u8 + 1).collect();
                        buf.extend_from_slice(&bytes);
                        model.extend_from_slice(&bytes);
                    }
                    1 => {
                        buf.resize(size);
                        model.resize(size, 0);
                    }
                    2 => {
                        buf.pad_to_block();
                        model.resize(model.len().next_multiple_of(ALIGN), 0);
                    }
                    _ => {
                        buf = buf.clone();
                    }
                }
                prop_assert_eq!(&*buf, &*model);
                prop_assert!(buf.as_ptr().addr().is_multiple_of(ALIGN));
            }
        }
    }
}
