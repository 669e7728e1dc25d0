//! Coming back: a stream as a checkpoint knows it, and then what the journal says happened to it.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ottla_model::{Offset, Timestamp};
use ottla_record::BatchHeader;

use super::state::{Contained, Life, StreamState};
use super::{Ops, Stream, Tail};
use crate::directory::Shared;
use crate::format::{Cursor, Operation, StreamCheckpoint};
use crate::invariants;
use crate::planted::Planted;
use crate::segment::Segment;

impl StreamState {
    /// The stream as of a checkpoint. What is at its cursor or later comes back by replay.
    pub(crate) fn from_checkpoint(from: StreamCheckpoint, index_interval_bytes: u32) -> Self {
        let StreamCheckpoint {
            stream,
            settings,
            damaged,
            log_start,
            cursor,
            end,
            filled,
            segments,
            epochs,
            producers,
            hard_state,
        } = from;
        let last = segments.len().saturating_sub(1);
        let mut known: VecDeque<Segment> = segments
            .iter()
            .enumerate()
            .map(|(at, segment)| {
                let written = if at == last { filled } else { segment.bytes };
                Segment::from_checkpoint(segment, written, at != last)
            })
            .collect();
        if known.is_empty() {
            known.push_back(Segment::begin(end, index_interval_bytes));
        }
        let what = || "acknowledged operations in the journal were lost".to_owned();
        Self {
            id: stream,
            settings,
            life: damaged.map_or(Life::Live, |round| Life::Damaged { round, what: what() }),
            log_start,
            durable_start: log_start,
            start_moves: VecDeque::new(),
            log_end: end,
            durable_end: end,
            flushed_end: end,
            flush_wanted: Offset::ZERO,
            flushing: false,
            segments: known,
            tail: Tail::default(),
            epochs,
            producers: producers.clone(),
            contained: Contained { end, producers },
            ops: Ops::starting_at(cursor),
            landed: None,
            vouched: None,
            generation: 0,
            filling: false,
            frozen: false,
            ready: false,
            cached: false,
            unwritten_bytes: 0,
            known: true,
            cut_unfinished: false,
            shortened: false,
            hard_state,
            index_interval_bytes,
        }
    }

    /// The batch at the log's end that the journal holds.
    fn replay_append(
        &mut self,
        head: Bytes,
        rest: Bytes,
        place: Cursor,
        at: Timestamp,
    ) -> Result<(), String> {
        let mut joined = BytesMut::from(&head[..]);
        joined.extend_from_slice(&rest[..rest.len().min(64)]);
        let header = BatchHeader::peek(&joined).map_err(|error| error.to_string())?;
        if header.size() != head.len() + rest.len() {
            return Err(format!(
                "the batch at {} has another size than it says",
                header.base_offset
            ));
        }
        self.check_follows(&header)?;
        if self.is_fsync() && self.rests_within_a_block() {
            return Err(format!(
                "the batch at {} was appended to a block that was not carried",
                self.log_end
            ));
        }
        let op = self.ops.replayed(place);
        self.install(&header, head, rest, op, at);
        // The operation at the cursor may be partly, and then wholly, in the file already.
        if let Some(base) = self.tail.first_unwritten().map(|piece| piece.segment) {
            let written = self.segment(base).map_or(0, |segment| segment.written);
            self.advance_contained(base, written);
        }
        Ok(())
    }

    /// Whether a batch that was found comes next in this log.
    pub(super) fn check_follows(&self, header: &BatchHeader) -> Result<(), String> {
        let (got, end) = (header.base_offset, self.log_end);
        if got != end || header.next_offset() <= got {
            return Err(format!("the batch at {got} does not follow the log's end at {end}"));
        }
        if self.epochs.latest().is_some_and(|latest| latest.epoch > header.leader_epoch) {
            return Err(format!("the epoch of the batch at {got} is older than that before"));
        }
        Ok(())
    }

    fn replay_roll(&mut self, segment: Offset, place: Cursor) -> Result<(), String> {
        if segment != self.log_end {
            let end = self.log_end;
            return Err(format!("a segment begins at {segment} where the log ends at {end}"));
        }
        self.ops.replayed(place);
        if self.active().base != segment {
            self.begin_segment(segment);
        }
        Ok(())
    }

    fn replay_carry(
        &mut self,
        segment: Offset,
        position: u64,
        next: Offset,
        bytes: Bytes,
        place: Cursor,
    ) -> Result<(), String> {
        let end = position + bytes.len() as u64;
        let active = self.active();
        if segment != active.base || end != active.bytes || next != self.log_end {
            let (base, at) = (active.base, active.bytes);
            return Err(format!(
                "a block up to {end} of segment {segment} was carried where the log ends at {at} of {base}"
            ));
        }
        let op = self.ops.replayed(place);
        if self.tail.first_unwritten().is_some() {
            // When it was carried it was in the file. Here it is still what earlier operations brought.
            return Ok(());
        }
        self.hold_block(segment, position, bytes, op);
        Ok(())
    }
}

impl StreamState {
    /// Brings the log of a relaxed stream, as its files have it, and its start together, which the
    /// journal has: what the start was moved past may have been lost before it was flushed.
    fn meet_start(&mut self) {
        let start = self.log_start;
        if self.log_end < start {
            self.begin_segment(start);
            self.log_end = start;
            self.contained.end = start;
        }
        self.epochs.move_start(start);
    }
}

impl Stream {
    /// Does again what the journal says was done at `place`, unless the checkpoint contained it.
    ///
    /// # Errors
    /// When it does not fit what came before: the journal or the checkpoint is damaged.
    pub(crate) fn replay(
        self: &Arc<Self>,
        place: Cursor,
        operation: Operation,
        at: Timestamp,
    ) -> Result<(), String> {
        let mut state = self.state.lock();
        let contained = invariants::is_contained(state.ops.placed_upto(), place);
        if contained && !self.shared.planted(Planted::JournalReplayTwice) {
            return Ok(());
        }
        let before = state.unwritten_bytes;
        match operation {
            Operation::Append { head, rest } => state.replay_append(head, rest, place, at)?,
            Operation::Roll { segment } => state.replay_roll(segment, place)?,
            Operation::Carry { segment, position, next, bytes } => {
                state.replay_carry(segment, position, next, bytes, place)?;
            }
            Operation::Truncate { to } => {
                state.ops.replayed(place);
                drop(state);
                return self.replay_truncate(to);
            }
            Operation::MoveStart { to } => {
                state.ops.replayed(place);
                state.set_start(to);
            }
            Operation::Alter { settings } => {
                state.ops.replayed(place);
                // Another durability came with a checkpoint of its own, before the operation.
                let durability = state.settings.durability;
                state.settings = crate::StreamSettings { durability, ..settings };
            }
            Operation::HardState { state: vote } => {
                state.ops.replayed(place);
                state.hard_state = vote;
            }
            Operation::Create { .. } => {
                state.ops.replayed(place);
            }
            Operation::Straight(straight) => {
                drop(state);
                let replayed = self.replay_straight(&straight, place, at);
                state = self.state.lock();
                replayed?;
            }
            Operation::Drop => unreachable!("drops are replayed by the directory"),
            Operation::Filled { .. } => {
                return Err("an operation that this version does not know was found".to_owned());
            }
        }
        let after = state.unwritten_bytes;
        self.shared.budget.charge(after.saturating_sub(before));
        self.shared.budget.release(before.saturating_sub(after));
        Ok(())
    }

    fn replay_truncate(self: &Arc<Self>, to: Offset) -> Result<(), String> {
        let relaxed = !self.state.lock().is_fsync();
        let shortened = std::mem::replace(&mut self.state.lock().shortened, false);
        if relaxed {
            self.walk_relaxed().map_err(|error| error.to_string())?;
            self.recut(to).map_err(|error| error.to_string())?;
            // The cut accounts for a file that ends with it, not for one that ends before.
            let mut state = self.state.lock();
            state.shortened |= shortened && state.log_end < to;
            drop(state);
            return self.cut_file().map_err(|error| error.to_string());
        }
        let planned = self.plan_cut(to).map_err(|error| error.to_string())?;
        if let Some((cut, _)) = planned {
            let mut state = self.state.lock();
            self.apply_cut(&mut state, cut);
        }
        Ok(())
    }

    /// Everything that was replayed is there: what was durable is the whole log.
    ///
    /// # Errors
    /// When the checkpoint says that files hold more than the journal brought back.
    pub(crate) fn end_replay(&self, journal_end: Cursor) -> Result<(), String> {
        let mut state = self.state.lock();
        state.ops.clamp_placed(journal_end);
        if !state.is_fsync() {
            state.meet_start();
        }
        state.durable_end = state.log_end;
        state.durable_start = state.log_start;
        state.flushed_end = if state.is_fsync() { state.log_end } else { state.flushed_end };
        if state.shortened {
            let what = "the file of its last segment is shorter than the checkpoint says";
            return Err(what.to_owned());
        }
        let active = state.active();
        if active.written > active.bytes {
            return Err(format!(
                "segment {} holds {} bytes, and only {} of them came back",
                active.base, active.written, active.bytes
            ));
        }
        if let Some((segment, from, upto)) = state.hole() {
            return Err(format!("bytes {from} to {upto} of segment {segment} are nowhere"));
        }
        if let Some((segment, written)) = state.goes_on_within_a_block() {
            return Err(format!(
                "segment {segment} is said to hold {written} bytes, which is no whole block, and goes on"
            ));
        }
        Ok(())
    }

    /// The stream lost acknowledged operations: it takes nothing from here on, and is not cut.
    pub(crate) fn mark_damaged(&self, round: u64, what: String) {
        let mut state = self.state.lock();
        if state.life == Life::Live {
            state.life = Life::Damaged { round, what };
        }
        let active = state.active_mut();
        active.written = active.written.min(active.bytes);
    }

    /// Whether what this round holds of the stream cannot be taken in any more, since operations before
    /// it are lost. Those before the damage still count, however often the directory is opened.
    pub(crate) fn is_lost_at(&self, sequence: u64) -> bool {
        match &self.state.lock().life {
            Life::Live => false,
            Life::Dropped => true,
            Life::Damaged { round, .. } => *round > 0 && sequence >= *round,
        }
    }

    /// A stream of this state.
    pub(crate) fn recovered(shared: &Arc<Shared>, state: StreamState) -> Arc<Self> {
        Self::new(Arc::clone(shared), state)
    }
}
