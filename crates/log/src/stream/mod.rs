//! One log: appends at its end, reads anywhere, truncation and a start that moves.
//!
//! Read in this order: [`state`] (what a stream is, under its lock), [`tail`] (the newest batches),
//! [`ops`] (operations on their way into the journal), [`append`], [`fill`], [`flush`], [`straight`], [`read`], [`lookup`],
//! [`timestamps`], [`truncate`], [`start`], [`snapshot`] (what a checkpoint says).

mod append;
mod fill;
mod flush;
mod lookup;
mod ops;
mod read;
mod relaxed;
mod replay;
mod snapshot;
mod start;
mod state;
mod straight;
mod tail;
mod timestamps;
mod truncate;
mod walk;

use std::fmt;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use ottla_model::{LeaderEpoch, Offset, StreamId, Timestamp};
use ottla_record::BatchHeader;
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::directory::Shared;
use crate::error::StreamError;
use crate::format::Operation;
use crate::producers::{ProducerBatch, ProducerTable, Verdict};
use crate::settings::StreamSettings;

pub(crate) use fill::{Advance, FillTo};
pub(crate) use flush::FlushPlan;
pub(crate) use ops::Ops;
pub(crate) use snapshot::Snapshot;
pub(crate) use state::{Life, StreamState};
pub(crate) use straight::{StraightPlan, StraightWork};
pub(crate) use tail::Tail;

/// The offsets of one stream, read together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamOffsets {
    /// The first offset.
    pub log_start: Offset,
    /// The first offset that a power cut cannot take back: everything below is gone for good.
    pub durable_start: Offset,
    /// The offset that the next record will get.
    pub log_end: Offset,
    /// Everything below counts as safe: on stable storage (`fsync`), in the kernel's hands (`relaxed`).
    pub durable_end: Offset,
    /// Everything below is on stable storage.
    pub flushed_end: Offset,
}

/// What to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadRequest {
    /// The offset to begin at; the batch that holds it comes whole.
    pub from: Offset,
    /// The offset to stop before: the high watermark, or the log's end for a replica. Only batches
    /// that lie wholly below come.
    pub upto: Offset,
    /// How many bytes to stop at. The first batch comes whatever its size.
    pub bytes_max: u64,
    /// Answer [`ReadOutcome::Cold`] rather than touch a file.
    pub tail_only: bool,
}

/// Whole batches, as they were appended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slice {
    /// Their bytes, end to end. A batch may be spread over chunks.
    pub chunks: Vec<Bytes>,
    /// The first batch's base offset; may be below what was asked for.
    pub start: Offset,
    /// Where to read on.
    pub next: Offset,
}

/// What a read gave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReadOutcome {
    /// These batches; none when there are none below the limit yet.
    Slice(Slice),
    /// A file is needed, and was not wanted.
    Cold,
}

/// One log. Shared; every method takes what it needs for as short as it can.
pub struct Stream {
    id: StreamId,
    pub(crate) shared: Arc<Shared>,
    me: Weak<Self>,
    pub(crate) state: Mutex<StreamState>,
    /// Signalled when a fill ends.
    fill_ended: Condvar,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Stream {
    pub(crate) fn new(shared: Arc<Shared>, state: StreamState) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            id: state.id,
            shared,
            me: Weak::clone(me),
            state: Mutex::new(state),
            fill_ended: Condvar::new(),
        })
    }

    /// Which log this is.
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// Its settings.
    pub fn settings(&self) -> StreamSettings {
        self.state.lock().settings.clone()
    }

    /// Changes its settings, from the next append on. Another durability first brings what is there
    /// up to the new one, which takes as long as the disk does.
    ///
    /// # Errors
    /// When the stream or the directory takes nothing any more.
    pub fn alter(&self, settings: StreamSettings) -> Result<(), StreamError> {
        self.shared.health.check()?;
        let changes_durability = self.state.lock().settings.durability != settings.durability;
        if changes_durability {
            self.change_durability(settings.durability)?;
        }
        let mut state = self.state.lock();
        state.check_live()?;
        if state.settings == settings {
            return Ok(());
        }
        let end = state.log_end;
        state.settings = settings.clone();
        state.ops.push(Operation::Alter { settings }, end);
        self.queue(&mut state);
        Ok(())
    }

    /// Where it begins and ends.
    pub fn offsets(&self) -> StreamOffsets {
        self.state.lock().offsets()
    }

    /// The largest epoch at or below `epoch` that wrote here, and the end offset of what was written
    /// up to it: where a follower of that epoch may stay.
    pub fn end_offset_for(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let state = self.state.lock();
        state.epochs.end_offset_for(epoch, state.log_end)
    }

    /// The epoch under which the record at `offset` was written, if it is in the log.
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        self.state.lock().epochs.epoch_at(offset)
    }

    /// The epoch of the last batch.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.state.lock().epochs.latest().map(|latest| latest.epoch)
    }

    /// Looks at the producers as of the log's end.
    pub fn with_producers<T>(&self, look: impl FnOnce(&ProducerTable) -> T) -> T {
        look(&self.state.lock().producers)
    }

    /// Whether an idempotent producer's batch comes next, was here before, or must not be.
    pub fn check_producer(&self, batch: &ProducerBatch, now: Timestamp) -> Verdict {
        self.state.lock().producers.check(batch, now)
    }

    /// How many bytes the log has, on disk and in memory.
    pub fn bytes(&self) -> u64 {
        self.state.lock().bytes()
    }

    /// Whether the stream was dropped.
    pub fn is_gone(&self) -> bool {
        self.state.lock().life == Life::Dropped
    }

    /// Whether acknowledged bytes of it were lost.
    pub fn is_damaged(&self) -> bool {
        self.damage().is_some()
    }

    /// What was found when acknowledged bytes of it were lost.
    pub fn damage(&self) -> Option<String> {
        match &self.state.lock().life {
            Life::Damaged { what, .. } => Some(what.clone()),
            Life::Live | Life::Dropped => None,
        }
    }

    /// A stream of which only files are left.
    pub(crate) fn dropped(shared: &Arc<Shared>, id: StreamId) -> Arc<Self> {
        let limits = shared.producer_limits();
        let from = crate::format::Cursor::default();
        let interval = shared.index_interval_bytes();
        let settings = StreamSettings::default();
        let stream =
            Self::new(Arc::clone(shared), StreamState::begin(id, settings, limits, interval, from));
        stream.state.lock().life = Life::Dropped;
        stream
    }

    /// The stream is gone: what it holds in memory is let go, what is under way for it is void.
    pub(crate) fn die(&self, state: &mut StreamState) {
        state.life = Life::Dropped;
        state.generation += 1;
        let tail = std::mem::take(&mut state.tail);
        let unwritten = std::mem::take(&mut state.unwritten_bytes);
        (state.landed, state.vouched) = (None, None);
        self.shared.budget.uncache(tail.cached_bytes());
        self.shared.budget.release(unwritten);
        for segment in &state.segments {
            let name = crate::segment::SegmentName { stream: self.id, base: segment.base };
            self.shared.files.forget(name);
        }
    }

    /// The round in flight is durable. Answers the durable end when that moved.
    pub(crate) fn complete_round(&self) -> Option<(StreamId, Offset)> {
        let mut state = self.state.lock();
        let told = self.take_completed(&mut state);
        let advance = state.settle_straight();
        self.count_advance(&mut state, advance);
        // What was held may have waited for this.
        self.queue(&mut state);
        drop(state);
        if advance.cached > 0 {
            self.shared.evict();
        }
        told
    }

    /// Bytes of the tail are in a file: under its lock, so that they are counted before they go.
    pub(crate) fn count_advance(&self, state: &mut StreamState, advance: Advance) {
        if advance.cached > 0 && !std::mem::replace(&mut state.cached, true) {
            self.shared.cached.lock().push_back(self.me());
        }
        self.shared.budget.cache(advance.cached);
        self.shared.budget.release(advance.written);
    }

    fn take_completed(&self, state: &mut StreamState) -> Option<(StreamId, Offset)> {
        let end = state.ops.complete()?;
        // Its creation came first, and is durable with whatever came after.
        state.known = true;
        if state.life == Life::Dropped {
            return None;
        }
        let start_moved = state.settle_start();
        if !state.is_fsync() {
            let moved = state.move_relaxed_end().is_some() || start_moved;
            return moved.then_some((self.id, state.durable_end));
        }
        let moved = end > state.durable_end || start_moved;
        state.durable_end = state.durable_end.max(end);
        state.flushed_end = state.durable_end;
        let worth = state.unwritten_bytes >= self.shared.settings.fill_bytes_min
            && state.landed.is_none()
            && state.ops.held().is_none();
        if worth && !std::mem::replace(&mut state.ready, true) {
            self.shared.queues.fills.push(self.me());
        }
        moved.then_some((self.id, state.durable_end))
    }

    /// Whether a fill is under way.
    pub(crate) fn is_filling(&self) -> bool {
        self.state.lock().filling
    }

    /// The same, for whoever must not wait for the lock: held, it may be.
    pub(crate) fn may_be_filling(&self) -> bool {
        self.state.try_lock().is_none_or(|state| state.filling)
    }

    /// The lock, once no fill is under way.
    pub(crate) fn lock_unfilling(&self) -> MutexGuard<'_, StreamState> {
        let mut state = self.state.lock();
        while state.filling {
            self.fill_ended.wait(&mut state);
        }
        state
    }

    /// A fill ended.
    pub(crate) fn notify_fill_ended(&self) {
        self.fill_ended.notify_all();
    }

    /// Puts the stream into the queues where it has work, unless it stands there already.
    pub(crate) fn queue(&self, state: &mut StreamState) {
        state.ops.tell_backlog(&self.shared.queues.backlog);
        if !state.ops.queued && state.ops.is_ready() {
            state.ops.queued = true;
            self.shared.queues.journal.push(self.me());
        }
        if state.straight_may_begin(self.waits_for_barriers()) && !state.ops.queue_held(true) {
            self.shared.queues.straight.push(self.me());
        }
        if !state.ready && !state.is_fsync() && (state.has_unwritten() || state.wants_flush()) {
            state.ready = true;
            self.shared.queues.straight.push(self.me());
        }
    }

    pub(crate) fn me(&self) -> Arc<Self> {
        self.me.upgrade().expect("whoever calls holds one")
    }
}

/// The part of a batch's header that its producer's state is made of.
pub(crate) fn producer_batch(header: &BatchHeader) -> ProducerBatch {
    ProducerBatch {
        producer: header.producer_id,
        epoch: header.producer_epoch,
        first: header.base_sequence,
        last: header.last_sequence(),
        base_offset: header.base_offset,
        last_offset: header.last_offset(),
        timestamp: header.max_timestamp,
    }
}
