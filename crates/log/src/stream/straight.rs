//! The straight path: batches that are many bytes go into their segment at once, past the journal.
//!
//! ```text
//!             written        from                  position   next
//!   segment ─────┴──────────────┴───────────────────────┴──────┘
//!                | unfilled     | held appends          | rest |
//!                └────── one direct write, flushed ─────┘└─ in the round, with the word that
//!                        whole blocks only                  everything before is durable
//! ```
//!
//! In this order: appends are *held* ([`super::Ops`]); they are written together with whatever the
//! stream has unfilled, and flushed; an operation that says so comes into their place in the queue,
//! with the rest of less than a block; its round makes it all durable, and only then do the blocks
//! count as written, and the batches as acknowledged.
//!
//! SUBTLE: why nothing is lost or brought back, whenever it ends:
//! - *before the round*: what was written lies at or beyond `written`, where no file is believed. The
//!   unfilled batches before the held ones are in the journal, where their operations are durable; so
//!   no block is written that is the only copy of what was acknowledged.
//! - *operations before* that say that a file's bytes are no longer the log's (a truncation, a roll
//!   after one), or that save them (a carry), are durable before a byte is written.
//! - *after the round* the blocks are the only copy. Recovery reads them (strictly: what is not there is
//!   damage) for as long as the last checkpoint begins at the operation or before. So until then
//!   nothing may be written over them. Fills go on behind them; only a truncation could bring that
//!   about, and so it first brings the stream to rest, with a checkpoint ([`Stream::truncate`]).
//! - *files of earlier segments* are synced too, and all names: replay then needs no bytes that came
//!   before.

use bytes::Bytes;
use ottla_model::limits::BATCH_BYTES_MAX;
use ottla_model::{Offset, Timestamp};
use ottla_record::{BatchHeader, BatchView, HEADER_BYTES};

use super::fill::Advance;
use super::state::{Life, StreamState};
use super::tail::Piece;
use super::truncate::Cut;
use super::{Stream, producer_batch};
use crate::error::StreamError;
use crate::format::{Cursor, Operation, Straight, digest_header};
use crate::planted::Planted;
use crate::segment::{FillPlan, Segment, SegmentName, SegmentView, Use, WalkError, block_start};

/// How far files are vouched for by an operation, or needed to do it again: everything before `upto` of
/// `segment`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Vouched {
    /// The number of the operation.
    pub(crate) op: u64,
    pub(crate) segment: Offset,
    pub(crate) upto: u64,
}

/// What is to be done for appends that are held.
#[derive(Debug)]
pub(crate) enum StraightWork {
    /// Nothing now: something has to be durable first, or a fill is under way.
    Wait,
    /// An earlier segment has to be filled first.
    FillEarlier,
    /// They are too few by now, and go into the journal.
    GiveUp,
    /// This.
    Write(Box<StraightPlan>),
}

/// One write past the journal. Planned under the stream's lock, carried out without it.
#[derive(Debug)]
pub(crate) struct StraightPlan {
    /// The blocks, and where they belong.
    pub(crate) fill: FillPlan,
    /// Earlier segments that are not synced, each with how often it had been written.
    pub(crate) unsynced: Vec<(SegmentName, u64)>,
    /// What is told when it is all durable.
    straight: Straight,
    /// The number under which.
    op: u64,
}

impl StraightPlan {
    /// Planted bug 69.
    pub(crate) fn forget_rest(&mut self) {
        self.straight.rest = Bytes::new();
    }
}

impl StreamState {
    /// Whether appends are held that can be written now.
    pub(super) fn straight_may_begin(&self, waits: bool) -> bool {
        !self.filling
            && self.landed.is_none()
            && self.life == Life::Live
            && self.ops.held_may_begin(waits)
    }

    /// Whether the segment has no file yet that what is held goes into; `None`: nothing can be written.
    pub(crate) fn straight_makes_file(&self, waits_for_barrier: bool) -> Option<bool> {
        let held = self.ops.held().filter(|_| self.straight_may_begin(waits_for_barrier))?;
        let first = self.tail.unwritten().find(|piece| piece.op >= held.first)?;
        self.segment(first.segment).map(|segment| !segment.made)
    }

    /// Plans the write of what is held, and marks it as under way.
    pub(crate) fn plan_straight(&mut self, waits_for_barrier: bool) -> StraightWork {
        self.ops.queue_held(false);
        let Some(held) = self.ops.held().filter(|_| self.straight_may_begin(waits_for_barrier))
        else {
            return StraightWork::Wait;
        };
        let mut pieces = self.tail.unwritten();
        let first = pieces.find(|piece| piece.op >= held.first).expect("what is held is unwritten");
        let (base, from) = (first.segment, first.position);
        if self.tail.first_unwritten().is_some_and(|piece| piece.segment != base) {
            return StraightWork::FillEarlier;
        }
        let op = held.last;
        let is_of_it = |piece: &&Piece| piece.segment == base && piece.op <= op;
        let pieces: Vec<&Piece> = self.tail.unwritten().take_while(is_of_it).collect();
        let last = pieces[pieces.len() - 1];
        let (end, next) = (last.end(), last.next);
        let position = block_start(end);
        if position <= from {
            return StraightWork::GiveUp;
        }
        let segment = self.segment(base).expect("unwritten bytes have a segment");
        let written = segment.written;
        assert!(written <= from, "nothing of what is held was written before");
        let range = |from, upto| pieces.iter().flat_map(move |piece| piece.range(from, upto));
        let rest: Vec<Bytes> = range(position, end).collect();
        let fill = FillPlan {
            name: SegmentName { stream: self.id, base },
            generation: self.generation,
            from: written,
            upto: position,
            parts: range(written, position).collect(),
            make: !segment.made,
            producers: segment.producers.clone(),
            buffered: false,
        };
        let held = pieces.iter().filter(|piece| piece.op >= held.first);
        let headers = held.fold(0, |digest, piece| digest_header(digest, &piece.header_bytes()));
        let rest = rest.concat().into();
        let straight = Straight { segment: base, from, position, next, headers, rest };
        let unsynced = self.unsynced_before(base);
        self.ops.begin_held();
        self.filling = true;
        StraightWork::Write(Box::new(StraightPlan { fill, unsynced, straight, op }))
    }

    fn unsynced_before(&self, base: Offset) -> Vec<(SegmentName, u64)> {
        let earlier = self.segments.iter().take_while(|segment| segment.base < base);
        let dirty = earlier.filter(|segment| segment.is_dirty());
        dirty
            .map(|segment| (SegmentName { stream: self.id, base: segment.base }, segment.writes))
            .collect()
    }

    /// The planned bytes are durable in their segment, or they could not be written: then they go into
    /// the journal like any others.
    pub(crate) fn end_straight(&mut self, plan: StraightPlan, durable: bool) {
        let StraightPlan { fill, unsynced, straight, op } = plan;
        self.filling = false;
        if self.life == Life::Dropped {
            self.ops.forget_held();
            return;
        }
        if !durable {
            self.give_up_straight();
            return;
        }
        self.note_synced(&unsynced);
        let segment = self.segment_mut(fill.name.base).expect("it has unwritten bytes");
        segment.made = true;
        segment.producers = None;
        segment.writes += 1;
        segment.synced = segment.writes;
        let vouched = Vouched { op, segment: straight.segment, upto: straight.position };
        self.landed = Some(vouched);
        self.vouched = Some(vouched);
        self.ops.land_held(straight);
    }

    /// What is held goes into the journal after all.
    pub(crate) fn give_up_straight(&mut self) {
        let Some(held) = self.ops.held() else { return };
        let is_held = |piece: &&Piece| (held.first..=held.last).contains(&piece.op);
        let append = |piece: &Piece| {
            let (head, rest) = (piece.head.clone(), piece.rest.clone());
            (Operation::Append { head, rest }, piece.next)
        };
        let appends = self.tail.unwritten().filter(is_held).map(append).collect();
        self.ops.give_up_held(appends);
    }

    /// The round with the word of what was written is durable: it counts. Answers what that
    /// did to the tail.
    pub(super) fn settle_straight(&mut self) -> Advance {
        let Some(landed) = self.landed.filter(|landed| self.ops.is_durable(landed.op)) else {
            return Advance::default();
        };
        self.landed = None;
        let segment = self.segment_mut(landed.segment).expect("it was not wholly written");
        segment.written = landed.upto;
        self.advance_contained(landed.segment, landed.upto)
    }

    /// A recovery finds the place of a cut in the file, when it does not lie in the tail.
    pub(super) fn vouch_for_cut(&mut self, op: u64, cut: &Cut) {
        let Cut { segment, position, .. } = *cut;
        let in_file = self.segment(segment).is_some_and(|cut| position <= cut.written);
        if in_file && position > 0 {
            self.vouched = Some(Vouched { op, segment, upto: position });
        }
    }

    /// Whether something beyond this place is relied upon by an operation that a recovery would read.
    pub(super) fn is_vouched_beyond(&self, segment: Offset, position: u64) -> bool {
        self.vouched.is_some_and(|vouched| (segment, position) < (vouched.segment, vouched.upto))
    }
}

/// Coming back.
impl Stream {
    /// Takes in what the journal says to lie in the segment: every batch of it, by its checksum, or
    /// none.
    ///
    /// # Errors
    /// When it is not there as it was written. Nothing may have been written over it, so it is damage.
    pub(super) fn replay_straight(
        &self,
        straight: &Straight,
        place: Cursor,
        at: Timestamp,
    ) -> Result<(), String> {
        let known = self.state.lock().check_straight(straight)?;
        let found = self.read_straight(straight, known).map_err(|error| error.to_string())?;
        let mut state = self.state.lock();
        let op = state.begin_replay_straight(straight, place);
        for (header, bytes) in found {
            state.check_follows(&header)?;
            match bytes {
                Some(bytes) => state.install(&header, bytes.slice(..0), bytes, op, at),
                None => state.take_in_written(&header, at),
            }
        }
        if state.log_end != straight.next {
            let (end, next) = (state.log_end, straight.next);
            return Err(format!("batches up to {next} went straight, and {end} is where they end"));
        }
        let (segment, upto) = (straight.segment, straight.position);
        state.vouched = Some(Vouched { op, segment, upto });
        Ok(())
    }

    /// Reads the batches that went straight, each with its bytes when they reach beyond the file. Those
    /// that end at `known` or before are in the checkpoint, and only add to the digest.
    fn read_straight(
        &self,
        straight: &Straight,
        known: u64,
    ) -> Result<Vec<(BatchHeader, Option<Bytes>)>, WalkError> {
        let Straight { segment, from, position, next, headers, rest } = straight;
        let view = SegmentView {
            name: SegmentName { stream: self.id, base: *segment },
            limit: position + rest.len() as u64,
            end: *next,
            through: Use::Direct,
            overlay: Some((*position, rest.clone())),
        };
        let mut reader = view.open(&self.shared.files)?;
        let (mut at, mut digest, mut found) = (*from, 0, Vec::new());
        while let Some(header) = reader.header(at)? {
            let size = header.size() as u64;
            let bytes = if at < known { HEADER_BYTES as u64 } else { size.min(BATCH_BYTES_MAX) };
            let bytes = reader.range(at, at + bytes)?;
            let head = bytes.first_chunk().expect("a header is shorter than any batch");
            digest = digest_header(digest, head);
            if at >= known {
                let sound = BatchView::parse(&bytes).and_then(|view| view.verify_crc());
                sound.map_err(|error| reader.bad(at, error.to_string()))?;
                found.push((header, (at + size > *position).then_some(bytes)));
            }
            at += size;
        }
        if digest != *headers {
            return Err(reader.bad(*from, "these are not the batches that went there".to_owned()));
        }
        Ok(found)
    }
}

impl StreamState {
    /// Whether batches that went straight come next; answers how much of their segment is known.
    fn check_straight(&self, straight: &Straight) -> Result<u64, String> {
        let Straight { segment, from, position, .. } = *straight;
        let Segment { base, bytes, .. } = *self.active();
        if self.is_fsync() && segment == base && (from..=position).contains(&bytes) {
            return Ok(bytes);
        }
        Err(format!(
            "batches went straight to {from} of {segment}, and the log ends at {bytes} of {base}"
        ))
    }

    /// Everything that came before is in files, and needed from memory no more. Answers the number of
    /// the operation.
    fn begin_replay_straight(&mut self, straight: &Straight, place: Cursor) -> u64 {
        // Their files are there, whatever the checkpoint knew of them: who took one for a new one would
        // empty it.
        for segment in self.segments.iter_mut().filter(|segment| segment.bytes > 0) {
            segment.written = segment.bytes;
            segment.made = true;
            segment.producers = None;
        }
        let active = self.active_mut();
        active.written = straight.position;
        active.made = true;
        active.producers = None;
        self.advance_contained(straight.segment, straight.position);
        self.tail.forget_cached();
        assert!(self.tail.first_unwritten().is_none(), "all that came before is in files");
        self.ops.replayed(place)
    }

    /// A batch at the log's end whose bytes are in the file already.
    fn take_in_written(&mut self, header: &BatchHeader, now: Timestamp) {
        if self.active().bytes == 0 {
            self.active_mut().created_at = now;
        }
        self.observe(header, header.size() as u64, now);
        self.contained.end = self.log_end;
        self.contained.producers.record(&producer_batch(header), now);
    }
}

impl Stream {
    /// Brings the stream to rest, with a checkpoint, so that what is in its files may be written over.
    pub(super) fn rely_on_no_straight(&self) -> Result<(), StreamError> {
        self.frozen(|stream| {
            stream.write_out()?;
            stream.checkpoint_now(&mut stream.shared.checkpoints.lock())
        })
    }

    /// Whether what has to be durable before a straight write is waited for: always, but for the bug.
    pub(crate) fn waits_for_barriers(&self) -> bool {
        !self.shared.planted(Planted::StraightBeforeBarrier)
    }

    /// Planted bug 68.
    pub(crate) fn acknowledge_early(&self) {
        let mut state = self.state.lock();
        let Some(held) = state.ops.held() else { return };
        let last = state.tail.unwritten().find(|piece| piece.op == held.last);
        let end = last.map_or(state.durable_end, |piece| piece.next);
        state.durable_end = state.durable_end.max(end);
        state.flushed_end = state.durable_end;
    }
}
