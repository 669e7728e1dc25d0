//! Reading files of the journal in large pieces, handed out in small ones without a copy.

use std::sync::Arc;

use bytes::Bytes;
use ottla_model::MIB;

use crate::format::names::journal_path;
use crate::storage::{self, OpenMode, Storage, StorageFile};

/// How much is read at a time. A round that is longer is read whole.
const WINDOW_BYTES: u64 = MIB;

/// A part of one file, in memory.
pub(super) struct Window<'a> {
    storage: &'a dyn Storage,
    file: Option<(u32, Arc<dyn StorageFile>)>,
    start: u64,
    bytes: Bytes,
}

impl<'a> Window<'a> {
    pub(super) fn new(storage: &'a dyn Storage) -> Self {
        Self { storage, file: None, start: 0, bytes: Bytes::new() }
    }

    /// The bytes of a file from `position` on, fewer only where the file ends.
    pub(super) fn read(
        &mut self,
        number: u32,
        position: u64,
        bytes: u64,
    ) -> storage::Result<Bytes> {
        if self.file.as_ref().is_none_or(|(open, _)| *open != number) {
            let file = self.storage.open(&journal_path(number), OpenMode::READ)?;
            self.file = Some((number, file));
            self.bytes = Bytes::new();
        }
        let end = self.start + self.bytes.len() as u64;
        if position < self.start || position + bytes > end {
            self.load(position, bytes.max(WINDOW_BYTES))?;
        }
        let from = (position - self.start) as usize;
        let upto = (from + bytes as usize).min(self.bytes.len());
        Ok(self.bytes.slice(from.min(upto)..upto))
    }

    fn load(&mut self, position: u64, bytes: u64) -> storage::Result<()> {
        let (_, file) = self.file.as_ref().expect("a file was opened before");
        let left = file.len()?.saturating_sub(position).min(bytes);
        let mut buffer = vec![0; left as usize];
        let got = file.read_at(position, &mut buffer)?;
        buffer.truncate(got);
        self.start = position;
        self.bytes = Bytes::from(buffer);
        Ok(())
    }
}
