//! The work that threads do for a directory, one unit at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ottla_model::Timestamp;

use super::shared::Shared;
use super::{CheckpointLog, Lane, Step};
use crate::error::Offline;
use crate::journal::Wrote;
use crate::segment::write_fill;
use crate::stream::{FillTo, Stream};

/// How long a checkpoint may be behind what happened, so that recovery stays short.
const CHECKPOINT_AGE_MS_MAX: i64 = 10_000;

/// How often a journal that is full again at once is set free for the sake of one change.
const DRAIN_TRIES_MAX: usize = 64;

impl Shared {
    /// Does one unit of a lane's work.
    pub(crate) fn step(&self, lane: Lane, now: Timestamp) -> Step {
        if !self.health.is_online() {
            return Step::default();
        }
        let result = match lane {
            Lane::Journal => self.journal_step(now),
            Lane::Straight => self.straight_step(),
            Lane::Background => self.background_step(now),
        };
        let durable = std::mem::take(&mut *self.durable.lock());
        match result {
            Ok(worked) => Step { worked: worked || !durable.is_empty(), durable, failed: None },
            Err(offline) => Step { worked: true, durable, failed: Some(offline) },
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

    /// Brings one relaxed stream's newest bytes into the kernel's hands.
    fn straight_step(&self) -> Result<bool, Offline> {
        let Some(stream) = self.queues.straight.pop() else { return Ok(false) };
        let filled = self.fill(&stream, FillTo::Rest)?;
        let mut state = stream.state.lock();
        state.ready = !state.is_fsync() && state.tail.first_unwritten().is_some();
        if state.ready {
            drop(state);
            self.queues.straight.push(stream);
        }
        Ok(filled)
    }

    /// Fills one stretch of a stream's tail into its segment; answers whether there was one.
    pub(crate) fn fill(&self, stream: &Arc<Stream>, to: FillTo) -> Result<bool, Offline> {
        let plan = stream.state.lock().plan_fill(to, self.settings.fill_bytes_max);
        let Some(plan) = plan else { return Ok(false) };
        let mut scratch = self.take_scratch();
        let result = write_fill(&self.files, &plan, &mut scratch);
        self.give_scratch(scratch);
        let judged = self.judge("filling a segment", result);
        let mut state = stream.state.lock();
        let cached = state.end_fill(&plan, judged == Ok(true));
        if !state.is_fsync() {
            self.relaxed_written.store(true, Ordering::Release);
            if let Some(end) = state.move_relaxed_end() {
                self.durable.lock().push((stream.id(), end));
            }
        }
        let newly_cached = cached > 0 && !std::mem::replace(&mut state.cached, true);
        drop(state);
        stream.notify_fill_ended();
        if newly_cached {
            self.cached.lock().push_back(Arc::clone(stream));
        }
        self.budget.cache(cached);
        self.counters.fills.add(1);
        self.counters.fill_bytes.add(plan.upto - plan.from);
        self.evict();
        if judged == Ok(true) {
            // It took room on the disk, which is refused in time only when that is known.
            self.look_at_room();
        }
        judged
    }

    fn background_step(&self, now: Timestamp) -> Result<bool, Offline> {
        if self.remove_garbage()? {
            return Ok(true);
        }
        if let Some(last) = self.journal().wants_free(self) {
            return self.evacuate(last, now);
        }
        // Before fills, of which there may be no end: recovery is to stay short, and what is relaxed is
        // to be flushed in time.
        if self.checkpoint_is_due(now) && self.checkpoint(now, false)? {
            return Ok(true);
        }
        if self.flush_relaxed(now)? {
            return Ok(true);
        }
        if let Some(stream) = self.queues.fills.pop() {
            self.fill_ready(&stream)?;
            return Ok(true);
        }
        if self.budget.is_pressed() && self.fill_forced()? {
            return Ok(true);
        }
        self.look_at_room();
        Ok(false)
    }

    /// Fills a stream that has enough to be worth it.
    fn fill_ready(&self, stream: &Arc<Stream>) -> Result<(), Offline> {
        let filled = self.fill(stream, FillTo::Blocks)?;
        let mut state = stream.state.lock();
        let again = filled && state.unwritten_bytes >= self.settings.fill_bytes_min;
        state.ready = again && state.is_fsync();
        if state.ready {
            drop(state);
            self.queues.fills.push(Arc::clone(stream));
        }
        Ok(())
    }

    /// Memory is wanted: fills whatever there is, whole blocks first. Answers whether that was
    /// anything.
    fn fill_forced(&self) -> Result<bool, Offline> {
        for to in [FillTo::Blocks, FillTo::Rest] {
            let mut filled = false;
            for stream in self.all_streams() {
                if !self.health.is_online() {
                    return Ok(false);
                }
                let waits = stream.state.lock().unwritten_bytes > 0;
                if waits && self.fill(&stream, to)? {
                    self.counters.forced_fills.add(1);
                    filled = true;
                }
            }
            if filled && !self.budget.is_pressed() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Journal space is wanted: brings every stream that has operations up to the round `last` past
    /// it, and makes a checkpoint that says so.
    ///
    /// No stream needs journal space to get there: less than a block is padded, and carried only when
    /// the stream goes on. So a full journal always sets itself free.
    fn evacuate(&self, last: u64, now: Timestamp) -> Result<bool, Offline> {
        self.evacuate_locked(&mut self.checkpoints.lock(), last, now)
    }

    /// Writes rounds until everything is durable that was queued when this was called, and frees
    /// journal space where it is wanted for that. `false`: the disk is full.
    pub(crate) fn drain(&self, log: &mut CheckpointLog) -> Result<bool, Offline> {
        let now = log.made_at;
        for _ in 0..DRAIN_TRIES_MAX {
            if self.journal().drain(self, now)? != Wrote::Blocked {
                return Ok(true);
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
            while stream.state.lock().needs_round_upto(last) {
                if self.fill(&stream, FillTo::Rest)? {
                    self.counters.forced_fills.add(1);
                } else if stream.is_filling() {
                    // By another thread: what it leaves is filled then.
                    drop(stream.lock_unfilling());
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
        let rotated = self.journal().take_rotated();
        let waits = self.files.garbage.lock().waits();
        let log = self.checkpoints.lock();
        let behind = log.next_sequence != self.journal().next_sequence()
            || self.relaxed_written.load(Ordering::Acquire);
        let age = now.0.saturating_sub(log.made_at.0);
        rotated || waits || (behind && !(0..CHECKPOINT_AGE_MS_MAX).contains(&age))
    }
}
