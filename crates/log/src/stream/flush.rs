//! Flushing a relaxed stream before its time: for who asks that what was appended survives a power cut.
//!
//! Grouped: whoever asks while one flush is under way shares the next. One thread of the straight lane
//! waits for the disk; no lock is held meanwhile, and other streams go on.
//!
//! SUBTLE: what makes a batch of a relaxed stream survive: its bytes, and those of all segments
//! before, are synced; so are their names, since a recovery goes from file to file by name; and the
//! stream's creation is in the journal. A cut meanwhile voids what was planned: its caller waits for a
//! checkpoint of its own.

use ottla_model::Offset;

use super::Stream;
use super::state::{Life, StreamState};
use crate::segment::SegmentName;

/// What one flush makes durable. Planned under the stream's lock, carried out without it.
#[derive(Debug)]
pub(crate) struct FlushPlan {
    generation: u64,
    /// Everything below is in files.
    end: Offset,
    /// The segments that are not synced, each with how often it had been written.
    pub(crate) dirty: Vec<(SegmentName, u64)>,
}

impl Stream {
    /// Asks that everything up to the log's end reaches stable storage soon, and answers that end.
    /// [`StreamOffsets::flushed_end`](crate::StreamOffsets::flushed_end) says when it did, and
    /// [`Step::durable`](crate::Step::durable) names the stream then. On an `fsync` stream that
    /// happens anyway.
    pub fn flush(&self) -> Offset {
        let mut state = self.state.lock();
        let end = state.log_end;
        state.flush_wanted = state.flush_wanted.max(end);
        self.queue(&mut state);
        end
    }
}

impl StreamState {
    /// Whether there is anything that is in no file.
    pub(super) fn has_unwritten(&self) -> bool {
        self.tail.first_unwritten().is_some()
    }

    /// Whether a flush was asked for and can begin.
    pub(super) fn wants_flush(&self) -> bool {
        let wanted = self.flush_wanted.min(self.log_end);
        wanted > self.flushed_end && !self.flushing && self.known && self.life == Life::Live
    }

    /// Plans a flush of what is in files by now, and marks it as under way.
    pub(crate) fn plan_flush(&mut self) -> Option<FlushPlan> {
        if self.is_fsync() || !self.wants_flush() {
            return None;
        }
        self.flushing = true;
        let dirty = self.segments.iter().filter(|segment| segment.is_dirty());
        let name = |base| SegmentName { stream: self.id, base };
        let dirty = dirty.map(|segment| (name(segment.base), segment.writes)).collect();
        Some(FlushPlan { generation: self.generation, end: self.contained.end, dirty })
    }

    /// What was planned is durable, or not; answers whether the flushed end moved.
    pub(crate) fn end_flush(&mut self, plan: &FlushPlan, flushed: bool) -> bool {
        self.flushing = false;
        if !flushed || plan.generation != self.generation || self.life != Life::Live {
            return false;
        }
        self.note_synced(&plan.dirty);
        let before = self.flushed_end;
        self.flushed_end = before.max(plan.end.min(self.durable_end));
        self.flushed_end > before
    }

    /// A checkpoint made everything below `end` durable. Answers whether it did so before a flush that
    /// somebody waits for, which will find nothing to do.
    pub(crate) fn note_flushed(&mut self, end: Offset) -> bool {
        let before = self.flushed_end;
        self.flushed_end = before.max(end);
        self.flushed_end > before && self.flush_wanted > before
    }
}
