//! What a stream is, under its lock. The transitions are in the files beside this one.
//!
//! ```text
//!        file                       memory
//!   ┌──────────────┬─ ─ ─ ─ ┬──────────────────────────┐
//!   segments ...   │ last segment                      │
//!   └──────────────┴─ ─ ─ ─ ┴──────────────────────────┘
//!               contained   written       durable_end   log_end
//! ```
//!
//! Invariants:
//! - L2 batches are contiguous: a batch's base offset is the log's end before it;
//! - all bytes from the last segments' `written` on are in the tail, unwritten;
//! - only bytes whose operation is durable in the journal count as written into a file (`fsync`), so
//!   that a file is never believed to hold what a crash could make undone;
//! - `contained` is the first unwritten batch's base offset, or the log's end: what a checkpoint
//!   says the segments hold, and its producers are as of exactly there;
//! - a stream *rests* when its last segment is wholly written and ends within a block. The next
//!   append *wakes* it: that block is carried into the journal first, since it will be written again.

use std::collections::VecDeque;

use ottla_model::{Durability, Offset, StreamId};

use super::StreamOffsets;
use super::ops::Ops;
use super::straight::Vouched;
use super::tail::Tail;
use crate::epochs::EpochCache;
use crate::error::StreamError;
use crate::format::Cursor;
use crate::producers::{ProducerLimits, ProducerTable};
use crate::segment::Segment;
use crate::settings::StreamSettings;

/// Whether a stream takes anything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Life {
    /// It does.
    Live,
    /// It was dropped.
    Dropped,
    /// Acknowledged bytes are lost in this round: it takes nothing, and is not cut.
    Damaged { round: u64, what: String },
}

/// What the files are known to hold, and the producers as of there.
#[derive(Debug)]
pub(crate) struct Contained {
    /// The first offset that is not wholly in a file.
    pub(crate) end: Offset,
    /// The producers as of it.
    pub(crate) producers: ProducerTable,
}

/// One stream, under its lock.
#[derive(Debug)]
pub(crate) struct StreamState {
    pub(crate) id: StreamId,
    pub(crate) settings: StreamSettings,
    pub(crate) life: Life,
    pub(crate) log_start: Offset,
    /// The start as of the last round that is durable.
    pub(crate) durable_start: Offset,
    /// The start as of the operations that a round under way has taken; those come in order.
    pub(crate) start_moves: VecDeque<(u64, Offset)>,
    pub(crate) log_end: Offset,
    pub(crate) durable_end: Offset,
    pub(crate) flushed_end: Offset,
    /// Up to where somebody wants a relaxed stream flushed before its time.
    pub(crate) flush_wanted: Offset,
    /// Whether that is under way.
    pub(crate) flushing: bool,
    /// Oldest first; never empty. The last one is written to.
    pub(crate) segments: VecDeque<Segment>,
    pub(crate) tail: Tail,
    pub(crate) epochs: EpochCache,
    /// The producers as of the log's end.
    pub(crate) producers: ProducerTable,
    pub(crate) contained: Contained,
    pub(crate) ops: Ops,
    /// What was written past the journal and does not count yet.
    pub(crate) landed: Option<Vouched>,
    /// What was last written past the journal, as long as a recovery may have to read it.
    pub(crate) vouched: Option<Vouched>,
    /// Raised by every truncation: what was planned before it is void.
    pub(crate) generation: u64,
    /// Whether a fill is under way. One at a time keeps a segment's bytes in order.
    pub(crate) filling: bool,
    /// Whether appends have to wait for a change that cannot be journalled.
    pub(crate) frozen: bool,
    /// Whether the stream stands in the queue of those worth filling.
    pub(crate) ready: bool,
    /// Whether the stream stands in the queue of those with cached batches.
    pub(crate) cached: bool,
    /// Bytes that are in no file.
    pub(crate) unwritten_bytes: u64,
    /// Whether the stream's creation is durable. Before, nothing in its files counts: recovery would
    /// not know whose they are.
    pub(crate) known: bool,
    /// Whether a truncation is not in the file yet.
    pub(crate) cut_unfinished: bool,
    /// Whether recovery found less in the file than the checkpoint says, which only a truncation
    /// explains.
    pub(crate) shortened: bool,
    /// The vote of a replica, opaque; kept as it was found.
    pub(crate) hard_state: bytes::Bytes,
    /// How far apart index entries are.
    pub(crate) index_interval_bytes: u32,
}

impl StreamState {
    /// A stream that begins at offset 0. Its operations will be placed at `from` or later.
    pub(crate) fn begin(
        id: StreamId,
        settings: StreamSettings,
        limits: ProducerLimits,
        index_interval_bytes: u32,
        from: Cursor,
    ) -> Self {
        Self {
            id,
            settings,
            life: Life::Live,
            log_start: Offset::ZERO,
            durable_start: Offset::ZERO,
            start_moves: VecDeque::new(),
            log_end: Offset::ZERO,
            durable_end: Offset::ZERO,
            flushed_end: Offset::ZERO,
            flush_wanted: Offset::ZERO,
            flushing: false,
            segments: VecDeque::from([Segment::begin(Offset::ZERO, index_interval_bytes)]),
            tail: Tail::default(),
            epochs: EpochCache::new(),
            producers: ProducerTable::new(limits),
            contained: Contained { end: Offset::ZERO, producers: ProducerTable::new(limits) },
            ops: Ops::starting_at(from),
            landed: None,
            vouched: None,
            generation: 0,
            filling: false,
            frozen: false,
            ready: false,
            cached: false,
            unwritten_bytes: 0,
            known: false,
            cut_unfinished: false,
            shortened: false,
            hard_state: bytes::Bytes::new(),
            index_interval_bytes,
        }
    }

    /// Where the stream begins and ends.
    pub(crate) fn offsets(&self) -> StreamOffsets {
        StreamOffsets {
            log_start: self.log_start,
            durable_start: self.durable_start,
            log_end: self.log_end,
            durable_end: self.durable_end,
            flushed_end: self.flushed_end,
        }
    }

    /// The segment that is written to.
    pub(crate) fn active(&self) -> &Segment {
        self.segments.back().expect("a stream has a segment")
    }

    /// The segment that is written to.
    pub(crate) fn active_mut(&mut self) -> &mut Segment {
        self.segments.back_mut().expect("a stream has a segment")
    }

    /// The segment that begins at `base`.
    pub(crate) fn segment_mut(&mut self, base: Offset) -> Option<&mut Segment> {
        let at = self.segments.binary_search_by_key(&base, |segment| segment.base).ok()?;
        self.segments.get_mut(at)
    }

    /// Where in `segments` the segment is that holds `offset`.
    pub(crate) fn segment_at(&self, offset: Offset) -> usize {
        self.segments.partition_point(|segment| segment.base <= offset).saturating_sub(1)
    }

    /// Whether appends count only when they are on stable storage.
    pub(crate) fn is_fsync(&self) -> bool {
        self.settings.durability == Durability::Fsync
    }

    /// Whether the stream can be changed.
    pub(crate) fn check_live(&self) -> Result<(), StreamError> {
        match &self.life {
            Life::Live => Ok(()),
            Life::Dropped => Err(StreamError::Gone { stream: self.id }),
            Life::Damaged { what, .. } => {
                Err(StreamError::Damaged { stream: self.id, what: what.clone() })
            }
        }
    }

    /// Bytes that are neither in a file nor in the tail: segment, from, upto. Damage brings that about.
    pub(crate) fn hole(&self) -> Option<(Offset, u64, u64)> {
        let (segment, upto) = match self.tail.first_unwritten() {
            Some(piece) => (self.segment(piece.segment)?, piece.position),
            None => (self.active(), self.active().bytes),
        };
        (segment.written < upto).then_some((segment.base, segment.written, upto))
    }

    /// A file of an `fsync` stream that would be gone on with within a block: segment, how far it is
    /// written. What a carry did not bring back is damage.
    pub(crate) fn goes_on_within_a_block(&self) -> Option<(Offset, u64)> {
        let piece = self.tail.first_unwritten().filter(|_| self.is_fsync())?;
        let segment = self.segment(piece.segment)?;
        let aligned = segment.written.is_multiple_of(ottla_model::limits::BLOCK_BYTES);
        (!aligned).then_some((segment.base, segment.written))
    }

    /// Whether everything is in files, the last block of them a partial one.
    pub(crate) fn rests_within_a_block(&self) -> bool {
        let active = self.active();
        active.is_written() && !active.bytes.is_multiple_of(ottla_model::limits::BLOCK_BYTES)
    }

    /// Whether the operation that brought an unwritten piece is durable, so that its bytes may go
    /// into a file.
    pub(crate) fn may_be_written(&self, op: u64) -> bool {
        !self.is_fsync() || self.ops.is_durable(op)
    }

    /// How many bytes the log has, on disk and in memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }
}
