//! The work that threads do for a directory, one unit at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ottla_model::Timestamp;

use super::shared::Shared;
use super::{CheckpointLog, Lane, Step, Work};
use crate::error::Offline;
use crate::journal::Wrote;
use crate::planted::Planted;
use crate::segment::{write_fill, write_straight};
use crate::storage::{self, AlignedBuf};
use crate::stream::{FillTo, FlushPlan, StraightPlan, StraightWork, Stream};

/// How long a checkpoint may be behind what happened, so that recovery stays short.
const CHECKPOINT_AGE_MS_MAX: i64 = 10_000;

/// How long the background waits for threads that fill beside it.
const HELP_WAIT: Duration = Duration::from_millis(1);

/// How often a journal that is full again at once is set free for the sake of one change.
const DRAIN_TRIES_MAX: usize = 64;

impl Shared {
    /// Does one unit of a lane's work.
    pub(crate) fn step(&self, lane: Lane, now: Timestamp) -> Step {
        if !self.health.is_online() {
            return Step::default();
        }
        let result = match lane {
            Lane::Journal => self.journal_step(now).map(|worked| Work::Round.when(worked)),
            Lane::Straight => self.straight_step(),
            Lane::Background => self.background_step(now),
        };
        let durable = std::mem::take(&mut *self.durable.lock());
        match result {
            Ok(work) => {
                Step { worked: work.is_some() || !durable.is_empty(), work, durable, failed: None }
            }
            Err(offline) => Step { worked: true, work: None, durable, failed: Some(offline) },
        }
    }

    fn journal_step(&self, now: Timestamp) -> Result<bool, Offline> {
        match self.journal().write_round(self, now)? {
            Wrote::Round => Ok(true),
            Wrote::Nothing => Ok(false),
            Wrote::Blocked => {
                self.queues.bell(Lane::Background).ring();
                Ok(false)
            }
        }
    }

    /// Brings what one stream holds past the journal: a relaxed stream's newest bytes into the
    /// kernel's hands, many bytes of another one onto the disk. Where there is none and memory is scarce,
    /// helps with fills.
    ///
    /// SUBTLE: not before it is scarce. One thread keeps up with most loads, and more of them would take
    /// the cores from those that acknowledge: making a file for each of ten thousand streams is CPU.
    fn straight_step(&self) -> Result<Option<Work>, Offline> {
        match self.queues.straight.pop() {
            Some(stream) => Ok(Work::Straight.when(self.write_past_journal(&stream)?)),
            // The background may be at a checkpoint meanwhile, which is long.
            None if self.budget.is_scarce() => {
                let filled =
                    self.fill_next()? || (self.queue_forced_fills() && self.fill_next()?);
                Ok(Work::Fill.when(filled))
            }
            None => Ok(None),
        }
    }

    fn write_past_journal(&self, stream: &Arc<Stream>) -> Result<bool, Offline> {
        // Several threads do this, and the bell woke one.
        self.queues.straight.ring_again();
        {
            let mut state = stream.state.lock();
            if state.is_fsync() {
                drop(state);
                self.straight(stream)?;
                // Others may wait behind one of which nothing came.
                return Ok(true);
            }
            // What it has left is queued again by whoever fills it, which may be another thread just now.
            state.ready = false;
        }
        let filled = self.fill(stream, FillTo::Rest)?;
        self.flush(stream)?;
        if filled {
            return Ok(true);
        }
        let mut state = stream.state.lock();
        let is_stuck =
            !state.filling && !state.is_fsync() && state.tail.first_unwritten().is_some();
        if is_stuck && !std::mem::replace(&mut state.ready, true) {
            // The disk is full: it is tried again when this lane has slept.
            drop(state);
            self.queues.straight.push_quietly(Arc::clone(stream));
            return Ok(false);
        }
        Ok(true)
    }

    /// Makes durable what a relaxed stream has in files, when somebody asked for that.
    fn flush(&self, stream: &Arc<Stream>) -> Result<(), Offline> {
        let Some(plan) = stream.state.lock().plan_flush() else { return Ok(()) };
        let result = self.write_flush(stream, &plan);
        let judged = self.judge("flushing a segment", result);
        let mut state = stream.state.lock();
        if state.end_flush(&plan, judged == Ok(true)) {
            self.durable.lock().push((stream.id(), state.durable_end));
        }
        if judged == Ok(true) {
            stream.queue(&mut state);
        }
        judged.map(|_| ())
    }

    fn write_flush(&self, stream: &Stream, plan: &FlushPlan) -> storage::Result<()> {
        for (name, _) in &plan.dirty {
            match self.sync_segment(*name) {
                // It lay below the log's start, or was cut away.
                Err(error) if error.is_not_found() => {}
                other => other?,
            }
        }
        self.files.sync_names_of(stream.id())
    }

    /// Fills one stretch of a stream's tail into its segment; answers whether there was one.
    pub(crate) fn fill(&self, stream: &Arc<Stream>, to: FillTo) -> Result<bool, Offline> {
        let plan = stream.state.lock().plan_fill(to, self.settings.fill_bytes_max);
        let Some(plan) = plan else { return Ok(false) };
        self.fills_under_way.fetch_add(1, Ordering::AcqRel);
        let mut scratch = self.take_scratch();
        let result = write_fill(&self.files, &plan, &mut scratch);
        self.give_scratch(scratch);
        let judged = self.judge("filling a segment", result);
        let mut state = stream.state.lock();
        let advance = state.end_fill(&plan, judged == Ok(true));
        stream.count_advance(&mut state, advance);
        self.fills_under_way.fetch_sub(1, Ordering::AcqRel);
        if !state.is_fsync() {
            self.relaxed_written.store(true, Ordering::Release);
            if let Some(end) = state.move_relaxed_end() {
                self.durable.lock().push((stream.id(), end));
            }
        }
        // What is held may have waited for this. What is relaxed would find a full disk again at once.
        if judged == Ok(true) || state.is_fsync() {
            stream.queue(&mut state);
        }
        drop(state);
        stream.notify_fill_ended();
        self.counters.fills.add(1);
        self.counters.fill_bytes.add(plan.upto - plan.from);
        self.evict();
        // It took room on the disk, or found none, which is refused in time only when that is known.
        self.look_at_room();
        judged
    }

    /// Writes what a stream holds straight into its segment, and makes it durable there; answers
    /// whether anything changed. The round that counts it comes next.
    pub(crate) fn straight(&self, stream: &Arc<Stream>) -> Result<bool, Offline> {
        self.health.check_unfailed()?;
        let Some(mut plan) = self.plan_straight(stream)? else { return Ok(false) };
        if self.planted(Planted::StraightRestForgotten) {
            plan.forget_rest();
        }
        let mut scratch = self.take_scratch();
        let result = self.write_straight(stream, &plan, &mut scratch);
        self.give_scratch(scratch);
        let judged = self.judge("writing straight into a segment", result);
        let bytes = plan.fill.upto - plan.fill.from;
        let mut state = stream.state.lock();
        state.end_straight(*plan, judged == Ok(true));
        // What found the disk full goes through the journal; held again, it would find it full for ever.
        if judged == Ok(true) {
            state.ops.hold(self.straight_bytes_min());
        }
        stream.queue(&mut state);
        drop(state);
        stream.notify_fill_ended();
        // What landed before is cached by now.
        self.evict();
        if judged == Ok(true) {
            self.counters.straights.add(1);
            self.counters.straight_bytes.add(bytes);
            self.straight_bytes.fetch_add(bytes, Ordering::AcqRel);
            self.look_at_room();
        }
        if self.recovery_gets_long() {
            self.queues.bell(Lane::Background).ring();
        }
        judged.map(|_| true)
    }

    fn plan_straight(&self, stream: &Arc<Stream>) -> Result<Option<Box<StraightPlan>>, Offline> {
        loop {
            let mut state = stream.state.lock();
            let makes = state.straight_makes_file(stream.waits_for_barriers());
            if makes.is_some_and(|makes| self.files.names_wait(stream.id(), makes)) {
                // The journal costs less than a flush of the disk for each of many new directories.
                state.give_up_straight();
                stream.queue(&mut state);
                return Ok(None);
            }
            match state.plan_straight(stream.waits_for_barriers()) {
                StraightWork::Wait => return Ok(None),
                StraightWork::Write(plan) => return Ok(Some(plan)),
                StraightWork::GiveUp => {
                    state.give_up_straight();
                    stream.queue(&mut state);
                    return Ok(None);
                }
                StraightWork::FillEarlier => {
                    drop(state);
                    if !self.fill(stream, FillTo::Blocks)? {
                        let mut state = stream.state.lock();
                        // Whoever is filling it now wakes this lane again. Otherwise the disk is full.
                        if !state.filling {
                            state.give_up_straight();
                            stream.queue(&mut state);
                        }
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn write_straight(
        &self,
        stream: &Stream,
        plan: &StraightPlan,
        scratch: &mut AlignedBuf,
    ) -> storage::Result<()> {
        let bytes_max = usize::try_from(self.settings.fill_bytes_max).unwrap_or(usize::MAX);
        let file = write_straight(&self.files, &plan.fill, bytes_max, scratch)?;
        if self.planted(Planted::StraightAckEarly) {
            stream.acknowledge_early();
        }
        if !self.planted(Planted::StraightUnsynced) {
            file.sync()?;
        }
        if !self.planted(Planted::StraightNameUnsynced) {
            self.files.sync_names_of(stream.id())?;
        }
        if self.planted(Planted::StraightEarlierUnsynced) {
            return Ok(());
        }
        plan.unsynced.iter().try_for_each(|(name, _)| match self.sync_segment(*name) {
            // It lay below the log's start, and nobody needs it any more.
            Err(error) if error.is_not_found() => Ok(()),
            other => other,
        })
    }

    /// Whether so much went straight since the last checkpoint that a recovery would read more than it
    /// ever has to read of the journal.
    fn recovery_gets_long(&self) -> bool {
        self.straight_bytes.load(Ordering::Acquire) >= self.settings.unfilled_bytes_max
    }

    /// Writes what any stream holds; answers whether there was anything.
    fn straight_all(&self) -> Result<bool, Offline> {
        let mut any = false;
        for stream in self.all_streams() {
            if stream.state.lock().ops.held().is_some() {
                drop(stream.lock_unfilling());
                self.straight(&stream)?;
                any = true;
            }
        }
        Ok(any)
    }

    fn background_step(&self, now: Timestamp) -> Result<Option<Work>, Offline> {
        if self.remove_garbage()? {
            return Ok(Some(Work::Garbage));
        }
        if let Some(last) = self.journal().wants_free(self) {
            return Ok(Work::Evacuation.when(self.evacuate(last, now)?));
        }
        if self.journal().make_ahead(self)? {
            return Ok(Some(Work::JournalFile));
        }
        // Before fills, of which there may be no end: recovery is to stay short, and what is relaxed is
        // to be flushed in time.
        if self.checkpoint_is_due(now) && self.checkpoint(now, false)? {
            return Ok(Some(Work::Checkpoint));
        }
        if self.flush_relaxed(now)? {
            return Ok(Some(Work::Flush));
        }
        if self.fill_next()? {
            return Ok(Some(Work::Fill));
        }
        if self.budget.is_pressed() && self.fill_forced()? {
            return Ok(Some(Work::ForcedFill));
        }
        self.look_at_room();
        Ok(None)
    }

    /// Fills the stream whose turn it is; answers whether there was one.
    fn fill_next(&self) -> Result<bool, Offline> {
        let Some(stream) = self.queues.fills.pop() else { return Ok(false) };
        if self.budget.is_scarce() && self.queues.fills.is_waiting() {
            self.queues.straight.bell.ring();
        }
        self.fill_ready(&stream)?;
        Ok(true)
    }

    /// Fills a stream that has enough to be worth it.
    fn fill_ready(&self, stream: &Arc<Stream>) -> Result<(), Offline> {
        stream.state.lock().ready = false;
        let filled = self.fill(stream, FillTo::Blocks)?;
        let mut state = stream.state.lock();
        let worth = state.unwritten_bytes >= self.settings.fill_bytes_min;
        if filled && worth && state.is_fsync() && !std::mem::replace(&mut state.ready, true) {
            drop(state);
            self.queues.fills.push(Arc::clone(stream));
        }
        Ok(())
    }

    /// Memory is wanted: has the streams with most to write filled, as many as it takes. Where none has
    /// a whole block, each is brought to rest. Answers whether that was anything.
    fn fill_forced(&self) -> Result<bool, Offline> {
        if self.budget.free() == 0 {
            // They would find the disk full, at once and again. What is filled by itself goes on trying.
            return Ok(false);
        }
        if self.queue_forced_fills() {
            return Ok(true);
        }
        if self.fills_under_way.load(Ordering::Acquire) > 0 {
            // By threads that help. What comes to rest has to be carried when it goes on, and may not have
            // to be filled at all when they are done.
            self.queues.fills.bell.wait(HELP_WAIT);
            return Ok(true);
        }
        let mut filled = false;
        for stream in self.streams_with_most_unwritten() {
            if !self.health.is_online() || self.budget.is_relieved() {
                break;
            }
            if self.fill(&stream, FillTo::Rest)? {
                self.counters.forced_fills.add(1);
                filled = true;
            }
        }
        Ok(filled)
    }

    /// Puts the streams with most whole blocks to write into the queue of fills, as many as it takes; answers
    /// whether there were any. One thread at a time does: it looks at all streams.
    fn queue_forced_fills(&self) -> bool {
        let Some(_choosing) = self.choosing.try_lock() else { return true };
        let wanted = self.budget.above_relief();
        let mut queued = 0;
        for stream in self.streams_with_most_unwritten() {
            if queued >= wanted {
                break;
            }
            queued += self.queue_fill(&stream);
        }
        queued > 0
    }

    /// Puts a stream with whole blocks to write into the queue of fills, though it may be little; answers
    /// how much that is, where it did not stand there already.
    fn queue_fill(&self, stream: &Arc<Stream>) -> u64 {
        let mut state = stream.state.lock();
        if state.ready || !state.is_fsync() {
            return 0;
        }
        let bytes = state.fillable(self.settings.fill_bytes_max);
        if bytes > 0 {
            state.ready = true;
            drop(state);
            self.counters.forced_fills.add(1);
            self.queues.fills.push(Arc::clone(stream));
        }
        bytes
    }

    /// The streams with something to write, those with most first: a large fill costs little more than
    /// a small one.
    fn streams_with_most_unwritten(&self) -> Vec<Arc<Stream>> {
        let mut waiting: Vec<(u64, Arc<Stream>)> = Vec::new();
        for stream in self.all_streams() {
            let unwritten = stream.state.lock().unwritten_bytes;
            if unwritten > 0 {
                waiting.push((unwritten, stream));
            }
        }
        waiting.sort_by_key(|(unwritten, _)| std::cmp::Reverse(*unwritten));
        waiting.into_iter().map(|(_, stream)| stream).collect()
    }

    /// Journal space is wanted: brings every stream that has operations up to the round `last` past
    /// it, and makes a checkpoint that says so.
    ///
    /// No stream needs journal space to get there: less than a block is padded, and carried only when
    /// the stream goes on. So a full journal always sets itself free.
    fn evacuate(&self, last: u64, now: Timestamp) -> Result<bool, Offline> {
        self.evacuate_locked(&mut self.checkpoints.lock(), last, now)
    }

    /// Writes rounds until this is so, or nothing is queued any more, and frees journal space where it is
    /// wanted for that. Others go on appending, so that the queue alone may never be empty. `false`:
    /// the disk is full.
    pub(crate) fn drain(
        &self,
        log: &mut CheckpointLog,
        is_enough: &dyn Fn() -> bool,
    ) -> Result<bool, Offline> {
        let now = log.made_at;
        let mut straights = 0;
        for _ in 0..DRAIN_TRIES_MAX {
            self.health.check_unfailed()?;
            let wrote = self.journal().drain(self, now, is_enough)?;
            if is_enough() {
                return Ok(true);
            }
            if wrote != Wrote::Blocked {
                // What is held now, and what was behind it.
                straights += 1;
                if straights > 2 || !self.straight_all()? {
                    return Ok(true);
                }
                continue;
            }
            // Where nothing is wanted any more somebody else has just set it free.
            if let Some(last) = self.journal().wants_free(self) {
                self.evacuate_locked(log, last, now)?;
            }
        }
        Ok(false)
    }

    fn evacuate_locked(
        &self,
        log: &mut CheckpointLog,
        last: u64,
        now: Timestamp,
    ) -> Result<bool, Offline> {
        for stream in self.all_streams() {
            // Of a busy stream whole blocks do, since what is left then came with a later round; and
            // it does not have to carry its last block when it goes on.
            let mut to = FillTo::Blocks;
            while stream.state.lock().needs_round_upto(last) {
                if self.fill(&stream, to)? {
                    self.counters.forced_fills.add(1);
                } else if to == FillTo::Blocks {
                    to = FillTo::Rest;
                } else if stream.is_filling() {
                    // By another thread: what it leaves is filled then.
                    drop(stream.lock_unfilling());
                } else if self.straight(&stream)? {
                    // What was held shared a block with what is needed; its round helps.
                    break;
                } else {
                    // A full disk: the next step tries again.
                    break;
                }
            }
        }
        let done = self.checkpoint_locked(log, now, false)?;
        let freed = self.journal().wants_free(self) != Some(last);
        if done && !freed {
            self.journal().note_stuck();
        }
        // Whoever found the journal full is let in again.
        self.queues.journal.bell.ring();
        // Without progress, as on a full disk, the next step waits for its turn.
        Ok(done && freed)
    }

    fn checkpoint_is_due(&self, now: Timestamp) -> bool {
        // With many streams a checkpoint is long; what is not half full can wait for its time.
        let rotated = self.journal().take_rotated_half_used(self);
        let waits = self.files.garbage.lock().waits();
        let log = self.checkpoints.lock();
        let behind = log.next_sequence != self.journal().next_sequence()
            || self.relaxed_written.load(Ordering::Acquire);
        let age = now.0.saturating_sub(log.made_at.0);
        let long = self.recovery_gets_long();
        rotated || waits || long || (behind && !(0..CHECKPOINT_AGE_MS_MAX).contains(&age))
    }
}
