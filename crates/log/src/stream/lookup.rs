//! Indexes of segments: kept, loaded or made again. Hints, checked against what is found (L6).

use std::sync::Arc;

use ottla_model::Offset;

use super::Stream;
use super::state::StreamState;
use crate::format::index_file;
use crate::format::names::SegmentFile;
use crate::index::SparseIndex;
use crate::segment::{SegmentName, SegmentView, WalkError};
use crate::storage::read_whole;

/// Largest index file that is read. A segment of 2 GiB with an entry every 4 KiB has 10 MiB.
const INDEX_BYTES_MAX: u64 = 64 * 1024 * 1024;

impl Stream {
    /// What the segment's index says; it is loaded or made first where need be.
    pub(super) fn look_up(
        &self,
        name: SegmentName,
        view: &SegmentView,
        look: impl Fn(&SparseIndex) -> u32,
    ) -> Result<u32, WalkError> {
        if let Some(index) = self.shared.files.index(name) {
            return Ok(look(&index));
        }
        let generation = {
            let state = self.state.lock();
            let kept = state.segment(name.base).and_then(|segment| segment.index.as_ref());
            if let Some(index) = kept {
                return Ok(look(index));
            }
            state.generation
        };
        let index = match self.load_index(name, view) {
            Some(index) => index,
            None => self.make_index(name, view)?,
        };
        let answer = look(&index);
        let mut state = self.state.lock();
        if state.generation == generation {
            state.keep_index(&self.shared.files, name, index);
        }
        Ok(answer)
    }

    /// The index beside the segment, when it is one and fits what is known of the segment.
    fn load_index(&self, name: SegmentName, view: &SegmentView) -> Option<SparseIndex> {
        let path = name.path(SegmentFile::Index);
        let file = read_whole(self.shared.files.data(), &path, INDEX_BYTES_MAX).ok()??;
        let index = index_file::decode(&file).ok()?;
        let fits = index.base() == name.base && u64::from(index.end()) == view.limit;
        fits.then_some(index)
    }

    fn make_index(&self, name: SegmentName, view: &SegmentView) -> Result<SparseIndex, WalkError> {
        let interval = self.shared.index_interval_bytes();
        let mut index = SparseIndex::new(name.base, interval);
        let mut reader = view.clone().open(&self.shared.files)?;
        reader.find(0, |position, header| {
            // The walk keeps positions below the limit, which segments keep below 2 GiB.
            let position = u32::try_from(position).expect("segments stay below 2 GiB");
            index.observe(header.base_offset, position, header.size() as u32, header.max_timestamp);
            false
        })?;
        Ok(index)
    }
}

impl StreamState {
    /// Keeps an index that was made or loaded: with the segment while it is written to, among the
    /// loaded ones when it is closed.
    fn keep_index(
        &mut self,
        files: &crate::segment::SegmentFiles,
        name: SegmentName,
        mut index: SparseIndex,
    ) {
        let Some(segment) = self.segment(name.base) else { return };
        let (bytes, closed) = (segment.bytes, name.base != self.active().base);
        self.observe_tail(name.base, &mut index);
        if u64::from(index.end()) != bytes {
            return;
        }
        if closed {
            files.keep_index(name, Arc::new(index));
            return;
        }
        let segment = self.segment_mut(name.base).expect("it was there");
        segment.largest = index.largest();
        segment.index = Some(Box::new(index));
    }

    /// Takes the batches into the index that came after it was made, as far as they are in memory.
    fn observe_tail(&self, base: Offset, index: &mut SparseIndex) {
        for piece in self.tail.iter().filter(|piece| piece.segment == base && piece.is_batch()) {
            if piece.position == u64::from(index.end()) {
                let largest = piece.header().max_timestamp;
                let position = index.end();
                index.observe(piece.base, position, piece.len() as u32, largest);
            }
        }
    }
}
