//! Segments: the dense files in which a stream's batches end up.
//!
//! A segment is known by its base offset. Its first `written` bytes are in its file; the rest of its
//! `bytes` is in memory. For an `fsync` stream `written` is a multiple of 4 KiB, or the segment's
//! end when everything is in the file (then the stream *rests* there, or the segment is closed).

mod files;
mod fill;
mod garbage;
mod walk;

use bytes::Bytes;
use ottla_model::limits::BLOCK_BYTES;
use ottla_model::{Offset, Timestamp};

use crate::format::SegmentCheckpoint;
use crate::index::{BEFORE_ALL, SparseIndex};

pub(crate) use files::{SegmentFiles, SegmentName, Use};
pub(crate) use fill::{FillPlan, write_fill, write_straight};
pub(crate) use garbage::{Garbage, Item};
pub(crate) use walk::{SegmentReader, SegmentView, WalkError};

/// What is known of one segment.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Its first offset, which is its name.
    pub(crate) base: Offset,
    /// Its length, what is in memory included.
    pub(crate) bytes: u64,
    /// How much of it is in its file. Durable once a checkpoint says so.
    pub(crate) written: u64,
    /// The largest timestamp in it; never too small, too large after a truncation.
    pub(crate) largest: Timestamp,
    /// When its first batch was appended.
    pub(crate) created_at: Timestamp,
    /// Its index; `None` when it has to be read or made first.
    pub(crate) index: Option<Box<SparseIndex>>,
    /// The producers as of `base`, encoded, until they are in their file.
    pub(crate) producers: Option<Bytes>,
    /// Whether its file was made by this process or named by a checkpoint.
    pub(crate) made: bool,
    /// How often its file was written.
    pub(crate) writes: u64,
    /// How often it had been when it was last synced.
    pub(crate) synced: u64,
    /// Whether its file has its final length, and an index beside it.
    pub(crate) finished: bool,
}

impl Segment {
    /// An empty segment that begins at `base`.
    pub(crate) fn begin(base: Offset, index_interval_bytes: u32) -> Self {
        Self {
            base,
            bytes: 0,
            written: 0,
            largest: BEFORE_ALL,
            created_at: Timestamp::NONE,
            index: Some(Box::new(SparseIndex::new(base, index_interval_bytes))),
            producers: None,
            made: false,
            writes: 0,
            synced: 0,
            finished: false,
        }
    }

    /// A segment as a checkpoint knows it. `written` is how much of it is durable.
    pub(crate) fn from_checkpoint(from: &SegmentCheckpoint, written: u64, closed: bool) -> Self {
        Self {
            base: from.base,
            bytes: from.bytes,
            written,
            largest: from.largest,
            created_at: from.created_at,
            index: None,
            producers: None,
            made: written > 0,
            writes: 0,
            synced: 0,
            finished: closed,
        }
    }

    /// Takes in the next batch.
    pub(crate) fn observe(&mut self, base: Offset, bytes: u64, largest: Timestamp) {
        if let Some(index) = &mut self.index {
            let position = u32::try_from(self.bytes).expect("segments stay below 2 GiB");
            let size = u32::try_from(bytes).expect("batches are smaller than segments");
            index.observe(base, position, size, largest);
        }
        self.bytes += bytes;
        self.largest = self.largest.max(largest);
    }

    /// Whether its file was written since it was last synced.
    pub(crate) fn is_dirty(&self) -> bool {
        self.writes > self.synced
    }

    /// Whether all of it is in its file.
    pub(crate) fn is_written(&self) -> bool {
        self.written == self.bytes
    }
}

/// The start of the block that holds `position`.
pub(crate) const fn block_start(position: u64) -> u64 {
    position - position % BLOCK_BYTES
}
