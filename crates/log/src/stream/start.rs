//! The log's start: it only moves forward, and takes whole closed segments with it.

use ottla_model::{Offset, Timestamp};

use super::Stream;
use super::state::StreamState;
use crate::error::StreamError;
use crate::format::Operation;
use crate::segment::{Item, SegmentName};

/// What a moved start set free.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Freed {
    pub(crate) segments: usize,
    pub(crate) bytes: u64,
}

impl Stream {
    /// Moves the log's start forward to `to`. An older `to` changes nothing.
    ///
    /// # Errors
    /// When `to` is above the log's end, or the stream or directory takes nothing any more.
    pub fn move_start(&self, to: Offset) -> Result<Offset, StreamError> {
        self.move_start_freeing(to).map(|(start, _)| start)
    }

    /// Moves the start; answers it, and what went.
    pub(crate) fn move_start_freeing(&self, to: Offset) -> Result<(Offset, Freed), StreamError> {
        self.shared.health.check()?;
        let mut state = self.state.lock();
        state.check_live()?;
        if to > state.log_end {
            return Err(state.out_of_range(to));
        }
        if to <= state.log_start {
            return Ok((state.log_start, Freed::default()));
        }
        let end = state.log_end;
        let op = state.ops.push(Operation::MoveStart { to }, end);
        state.start_moves.push_back((op, to));
        state.set_start(to);
        let freed = self.release_segments(&mut state);
        self.queue(&mut state);
        Ok((to, freed))
    }

    /// Gives up the closed segments that lie wholly below the log's start.
    pub(crate) fn release_segments(&self, state: &mut StreamState) -> Freed {
        let mut freed = Freed::default();
        for (base, bytes) in state.take_segments_below_start() {
            let name = SegmentName { stream: self.id, base };
            self.shared.files.forget(name);
            self.shared.files.garbage.lock().add(Item::Segment(name));
            freed.segments += 1;
            freed.bytes += bytes;
        }
        freed
    }
}

impl StreamState {
    /// Operations became durable; answers whether a move of the start was among them.
    pub(crate) fn settle_start(&mut self) -> bool {
        let before = self.durable_start;
        while let Some((op, to)) = self.start_moves.front().copied() {
            if !self.ops.is_durable(op) {
                break;
            }
            self.durable_start = to;
            self.start_moves.pop_front();
        }
        self.durable_start != before
    }

    /// The log starts at `to` from here on.
    ///
    /// SUBTLE: while a relaxed stream comes back, its start may lie beyond what was read of its files so
    /// far. No epoch begins there yet: that of the last batch known would be said to reach so far.
    pub(crate) fn set_start(&mut self, to: Offset) {
        self.log_start = self.log_start.max(to);
        self.epochs.move_start(self.log_start.min(self.log_end));
    }

    /// SUBTLE: a segment goes only when it is wholly written. One that is still being filled has
    /// operations in the journal that a checkpoint cannot skip while later ones count; it goes with
    /// the first checkpoint after it was filled.
    pub(crate) fn take_segments_below_start(&mut self) -> Vec<(Offset, u64)> {
        let mut taken = Vec::new();
        while self.segments.len() > 1
            && self.segments[1].base <= self.log_start
            && self.segments[0].is_written()
            && self.contained.end >= self.segments[1].base
        {
            let segment = self.segments.pop_front().expect("there are two");
            taken.push((segment.base, segment.bytes));
        }
        taken
    }

    /// Where retention moves the start to: past closed segments whose records are all too old, or
    /// that are more than is to be kept. Never past what is durable.
    pub(crate) fn retention_start(&self, now: Timestamp) -> Offset {
        let mut start = self.log_start;
        let mut bytes = self.bytes();
        for (segment, next) in self.segments.iter().zip(self.segments.iter().skip(1)) {
            let too_many = self.settings.retention_bytes.is_some_and(|max| bytes > max);
            // A timestamp from the future says nothing: the next segment's beginning does.
            let newest = if segment.largest > now { next.created_at } else { segment.largest };
            let too_old = self.settings.retention_ms.is_some_and(|max| {
                let age = now.0.saturating_sub(newest.0);
                u64::try_from(age).is_ok_and(|age| age > max)
            });
            if !(too_many || too_old) || next.base > self.durable_end {
                break;
            }
            bytes -= segment.bytes;
            start = start.max(next.base);
        }
        start
    }
}
