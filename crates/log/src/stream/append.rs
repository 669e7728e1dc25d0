//! Appending: the log grows by one batch.

use bytes::Bytes;
use ottla_model::{Durability, Offset, Timestamp};
use ottla_record::{BatchHeader, StampedBatch};

use super::state::StreamState;
use super::tail::Piece;
use super::{Stream, producer_batch};
use crate::error::StreamError;
use crate::format::{Operation, producers_file};
use crate::invariants;
use crate::segment::{Segment, block_start};

/// What an operation number is where there is no operation: nothing that is compared with it is
/// ever waited for.
const NO_OP: u64 = u64::MAX;

impl Stream {
    /// Appends a batch, whose base offset is the log's end, and answers the new end. It is readable at
    /// once, and safe when [`Step::durable`](crate::Step::durable) says so.
    ///
    /// A stream that rested since its last append reads one block of its last segment here, unless
    /// that is still in memory.
    ///
    /// # Errors
    /// When the batch does not belong there, or the stream or directory takes nothing any more. The
    /// log is as it was.
    pub fn append(&self, batch: StampedBatch, now: Timestamp) -> Result<Offset, StreamError> {
        self.shared.health.check()?;
        let header = *batch.header();
        let [head, rest] = batch.chunks().map(Bytes::clone);
        let bytes = batch.size() as u64;
        let mut state = self.state.lock();
        state.check_appendable(&header)?;
        if state.must_roll(bytes, now) {
            state.roll();
        } else if state.is_fsync() && state.rests_within_a_block() {
            self.wake(&mut state)?;
        }
        state.append(&header, head, rest, now, self.shared.straight_bytes_min());
        if self.shared.budget.charge(bytes) {
            self.shared.queues.straight.bell.ring();
        }
        let end = state.log_end;
        self.queue(&mut state);
        Ok(end)
    }

    /// Carries the partial last block into the journal, and into memory, before it is written again.
    ///
    /// SUBTLE: the block lies in the segment, whole and durable, and its operations' journal space may
    /// be in other use by now. Writing it again with more batches in it could tear it, and with it
    /// what was acknowledged long ago. So the block itself goes into the journal first: nothing is
    /// written into the segment before the round with the carry is durable. Reading the block under
    /// the stream's lock is deliberate: it happens once per rest, and the append needs its result.
    fn wake(&self, state: &mut StreamState) -> Result<(), StreamError> {
        let segment = state.active().base;
        let end = state.active().bytes;
        let start = block_start(end);
        let block = match state.tail.cached_range(segment, start, end) {
            Some(block) => block,
            None => self.read_file_range(segment, start, end).map_err(|error| {
                StreamError::Storage { stream: self.id, why: error.to_string() }
            })?,
        };
        self.shared.budget.charge(block.len() as u64);
        state.carry(segment, start, block);
        Ok(())
    }
}

impl StreamState {
    fn check_appendable(&self, header: &BatchHeader) -> Result<(), StreamError> {
        self.check_live()?;
        if self.frozen {
            let why = "its durability is being changed".to_owned();
            return Err(StreamError::Storage { stream: self.id, why });
        }
        if header.base_offset != self.log_end {
            return Err(StreamError::OffsetMismatch {
                stream: self.id,
                expected: self.log_end,
                got: header.base_offset,
            });
        }
        let latest = self.epochs.latest().map(|latest| latest.epoch);
        if !invariants::epoch_follows(latest, header.leader_epoch) {
            return Err(StreamError::StaleEpoch {
                stream: self.id,
                latest: latest.expect("it was compared with"),
                got: header.leader_epoch,
            });
        }
        Ok(())
    }

    /// Whether a batch of `bytes` belongs into a new segment.
    fn must_roll(&self, bytes: u64, now: Timestamp) -> bool {
        let active = self.active();
        let age_ms = now.0.saturating_sub(active.created_at.0);
        let is_old = u64::try_from(age_ms).is_ok_and(|age| age >= self.settings.segment_ms);
        active.bytes > 0 && (is_old || active.bytes + bytes > self.settings.segment_bytes)
    }

    /// Closes the active segment and begins the next at the log's end.
    pub(crate) fn roll(&mut self) {
        let base = self.log_end;
        if self.is_fsync() {
            self.ops.push(Operation::Roll { segment: base }, base);
        }
        self.begin_segment(base);
    }

    /// Begins a segment at `base`, after the one that was active.
    pub(crate) fn begin_segment(&mut self, base: Offset) {
        let interval = self.index_interval_bytes;
        self.segments.push_back(Segment::begin(base, interval));
    }

    fn append(
        &mut self,
        header: &BatchHeader,
        head: Bytes,
        rest: Bytes,
        now: Timestamp,
        straight_min: u64,
    ) {
        let op = match self.settings.durability {
            Durability::Fsync => {
                let operation = Operation::Append { head: head.clone(), rest: rest.clone() };
                self.ops.push_append(operation, header.next_offset(), straight_min)
            }
            Durability::Relaxed => NO_OP,
        };
        self.install(header, head, rest, op, now);
    }

    /// Puts a batch at the log's end: live, or as it was found in the journal.
    pub(crate) fn install(
        &mut self,
        header: &BatchHeader,
        head: Bytes,
        rest: Bytes,
        op: u64,
        now: Timestamp,
    ) {
        let (base, next) = (header.base_offset, header.next_offset());
        assert!(invariants::batch_follows(self.log_end, base, next), "L2: batches are contiguous");
        let segment = self.active().base;
        let position = self.active().bytes;
        if position == 0 {
            self.begin_in_segment(now);
        }
        let bytes = (head.len() + rest.len()) as u64;
        self.observe(header, bytes, now);
        self.tail.push(Piece { segment, position, head, rest, base, next, op });
        self.unwritten_bytes += bytes;
    }

    /// Takes in all of a batch at the log's end but its bytes.
    pub(super) fn observe(&mut self, header: &BatchHeader, bytes: u64, now: Timestamp) {
        let assigned = self.epochs.assign(header.leader_epoch, header.base_offset);
        assert!(assigned.is_ok(), "L7: epochs never decrease along a log");
        self.producers.record(&producer_batch(header), now);
        self.active_mut().observe(header.base_offset, bytes, header.max_timestamp);
        self.log_end = header.next_offset();
    }

    fn begin_in_segment(&mut self, now: Timestamp) {
        let base = self.log_end;
        let snapshot = (!self.producers.is_empty())
            .then(|| Bytes::from(producers_file::encode(base, &self.producers)));
        let active = self.active_mut();
        active.created_at = now;
        active.producers = snapshot;
    }

    /// Queues a carry of the last block, and holds its bytes as unwritten again.
    fn carry(&mut self, segment: Offset, position: u64, bytes: Bytes) {
        let next = self.log_end;
        let operation = Operation::Carry { segment, position, next, bytes: bytes.clone() };
        let op = self.ops.push(operation, next);
        self.hold_block(segment, position, bytes, op);
    }

    /// Holds the bytes before the log's end, from a block's start on, as unwritten.
    pub(crate) fn hold_block(&mut self, segment: Offset, position: u64, bytes: Bytes, op: u64) {
        let base = self.log_end;
        self.unwritten_bytes += bytes.len() as u64;
        self.active_mut().written = position;
        let head = Bytes::new();
        self.tail.push(Piece { segment, position, head, rest: bytes, base, next: base, op });
    }
}
