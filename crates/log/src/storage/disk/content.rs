//! One file's bytes, in pages that copies share until one of them writes.
//!
//! Invariant: no page lies wholly at or beyond the end, and bytes of the last page beyond the end are
//! zeros, so that a file that shrinks and grows again reads zeros there.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Size of a shared page. Small files cost one; a copy of a large one costs a pointer per page.
pub const PAGE_BYTES: u64 = 4096;

type Page = [u8; PAGE_BYTES as usize];

/// The bytes of a file. Pages that were never written are zeros and cost nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    len: u64,
    pages: BTreeMap<u64, Arc<Page>>,
    /// How many bytes from the start have room of their own, written or not.
    reserved: u64,
}

impl Content {
    /// The length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What it takes on the disk: what is reserved, and the pages that exist beyond.
    pub fn bytes_stored(&self) -> u64 {
        let reserved = self.reserved.div_ceil(PAGE_BYTES);
        (reserved + self.pages.range(reserved..).count() as u64) * PAGE_BYTES
    }

    /// What it would take in addition to hold bytes in this range.
    pub fn bytes_needed(&self, position: u64, bytes: u64) -> u64 {
        let reserved = self.reserved.div_ceil(PAGE_BYTES);
        let first = (position / PAGE_BYTES).max(reserved);
        let end = (position + bytes).div_ceil(PAGE_BYTES).max(first);
        let there = self.pages.range(first..end).count() as u64;
        (end - first - there) * PAGE_BYTES
    }

    /// Reserves room for the first `bytes` bytes, and makes it at least so long.
    pub fn allocate(&mut self, bytes: u64) {
        self.reserved = self.reserved.max(bytes);
        self.set_len(self.len.max(bytes));
    }

    /// Fills `buf` from `position` on, and says how many bytes there were.
    pub fn read(&self, position: u64, buf: &mut [u8]) -> usize {
        let there = self.len.saturating_sub(position).min(buf.len() as u64) as usize;
        let buf = &mut buf[..there];
        for piece in pieces(position, there as u64) {
            let target = &mut buf[piece.buffer()];
            match self.pages.get(&piece.page) {
                Some(page) => target.copy_from_slice(&page[piece.in_page()]),
                None => target.fill(0),
            }
        }
        there
    }

    /// Writes `bytes` at `position`, and extends the file to hold them.
    pub fn write(&mut self, position: u64, bytes: &[u8]) {
        for piece in pieces(position, bytes.len() as u64) {
            let page =
                self.pages.entry(piece.page).or_insert_with(|| Arc::new([0; PAGE_BYTES as usize]));
            Arc::make_mut(page)[piece.in_page()].copy_from_slice(&bytes[piece.buffer()]);
        }
        if !bytes.is_empty() {
            self.len = self.len.max(position + bytes.len() as u64);
        }
    }

    /// Cuts it, or extends it with zeros.
    pub fn set_len(&mut self, len: u64) {
        if len < self.len {
            self.pages.split_off(&len.div_ceil(PAGE_BYTES));
            let kept = (len % PAGE_BYTES) as usize;
            if let Some(page) = self.pages.get_mut(&(len / PAGE_BYTES)) {
                Arc::make_mut(page)[kept..].fill(0);
            }
            self.reserved = self.reserved.min(len);
        }
        self.len = len;
    }
}

/// The part of a range that lies in one page.
struct Piece {
    page: u64,
    /// Where it begins in its page.
    offset: u64,
    /// Where it begins in the range.
    start: u64,
    bytes: u64,
}

impl Piece {
    fn in_page(&self) -> std::ops::Range<usize> {
        self.offset as usize..(self.offset + self.bytes) as usize
    }

    fn buffer(&self) -> std::ops::Range<usize> {
        self.start as usize..(self.start + self.bytes) as usize
    }
}

fn pieces(position: u64, bytes: u64) -> impl Iterator<Item = Piece> {
    let end = position + bytes;
    let mut at = position;
    std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        let offset = at % PAGE_BYTES;
        let bytes = (PAGE_BYTES - offset).min(end - at);
        let piece = Piece { page: at / PAGE_BYTES, offset, start: at - position, bytes };
        at += bytes;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_vector(steps in proptest::collection::vec((any::<bool>(), 0_usize..20_000, 0_usize..9_000), 1..20)) {
            let mut content = Content::default();
            let mut model: Vec<u8> = Vec::new();
            for (write, position, size) in steps {
                let before = content.clone();
                if write && size > 0 {
                    let bytes: Vec<u8> = (0..size).map(|i| (i % 250) as u8 + 1).collect();
                    content.write(position as u64, &bytes);
                    model.resize(model.len().max(position + size), 0);
                    model[position..position + size].copy_from_slice(&bytes);
                } else {
                    content.set_len(position as u64);
                    model.resize(position, 0);
                }
                let mut all = vec![9; model.len() + 10];
                prop_assert_eq!(content.read(0, &mut all), model.len());
                prop_assert_eq!(&all[..model.len()], &*model);
                // A copy taken earlier is untouched by later writes.
                let mut old = vec![9; before.len() as usize];
                before.read(0, &mut old);
                prop_assert_eq!(before.len(), old.len() as u64);
            }
        }
    }
}
