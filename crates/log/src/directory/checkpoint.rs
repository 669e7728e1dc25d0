//! Checkpoints: what the segments hold, so that the journal's space may be used again.
//!
//! SUBTLE: the order is everything (L13, planted bugs 61 and 66).
//! 1. The number of the next round is read. Whatever is not gathered by now is in it or later.
//! 2. Each stream says what its files hold, one after the other, each under its own lock. No moment
//!    is common to all, and none is needed: every stream's part is complete in itself.
//! 3. The files and their names are synced. What they were said to hold was written before, so it is
//!    durable now.
//! 4. The checkpoint replaces the last one, atomically.
//! 5. Only now are journal files free that no stream needs, and files removed that none names.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ottla_model::{Offset, Timestamp};
use parking_lot::MutexGuard;

use super::shared::Shared;
use crate::error::Offline;
use crate::format::names::{CHECKPOINT, CHECKPOINT_OLD};
use crate::format::{Checkpoint, Cursor};
use crate::planted::Planted;
use crate::segment::{Item, SegmentName, Use};
use crate::storage::{self, OpenMode, remove_tree, replace_whole};
use crate::stream::{FillTo, Life, Snapshot, Stream, StreamState};

/// With more files to sync than this, one flush of the file system is cheaper.
const SYNC_EACH_MAX: usize = 32;

/// How often a relaxed stream is filled up to its start, which may move on meanwhile.
const MEET_START_TRIES_MAX: usize = 64;

/// What is remembered of the last checkpoint.
#[derive(Debug)]
pub(crate) struct CheckpointLog {
    /// When it was made.
    pub(crate) made_at: Timestamp,
    /// The next round as of then.
    pub(crate) next_sequence: u64,
}

impl Shared {
    /// Makes a checkpoint. `Ok(false)`: the disk is full, and the last one still holds.
    pub(crate) fn checkpoint(&self, now: Timestamp, clean: bool) -> Result<bool, Offline> {
        let mut log = self.checkpoints.lock();
        self.checkpoint_locked(&mut log, now, clean)
    }

    /// The same, for whoever holds the checkpoints' lock.
    pub(crate) fn checkpoint_locked(
        &self,
        log: &mut CheckpointLog,
        now: Timestamp,
        clean: bool,
    ) -> Result<bool, Offline> {
        self.files.garbage.lock().checkpoint_begins();
        let made = self.make_checkpoint(now, clean);
        self.files.garbage.lock().checkpoint_ends(made.as_ref().is_ok_and(Option::is_some));
        let Some((next, snapshots)) = made? else { return Ok(false) };
        log.made_at = now;
        log.next_sequence = next;
        self.counters.checkpoints.add(1);
        self.after_checkpoint(snapshots)?;
        Ok(true)
    }

    fn make_checkpoint(
        &self,
        now: Timestamp,
        clean: bool,
    ) -> Result<Option<(u64, Vec<Snapshot>)>, Offline> {
        let next_sequence = self.journal().next_sequence();
        self.relaxed_written.store(false, Ordering::Release);
        self.straight_bytes.store(0, Ordering::Release);
        let Some(snapshots) = self.take_snapshots()? else { return Ok(None) };
        if !self.planted(Planted::CheckpointBeforeFill) {
            self.judge("syncing segments", self.sync_dirty(&snapshots))?;
        }
        let needed = snapshots.iter().filter_map(|snapshot| snapshot.needs_round).min();
        let replay = self.journal().place_of(needed.unwrap_or(next_sequence).min(next_sequence));
        let begin = Cursor { sequence: replay.sequence, entry: 0 };
        let streams = snapshots.iter().map(|snapshot| {
            let mut stream = snapshot.checkpoint.clone();
            // Of a stream that rests nothing before is needed, however long ago it came to rest.
            stream.cursor = stream.cursor.max(begin);
            stream
        });
        let checkpoint = Checkpoint {
            directory: self.identity.directory,
            incarnation: self.identity.incarnation,
            written_at: now,
            replay,
            next_sequence,
            clean,
            boot_id: self.boot_id.clone(),
            streams: streams.collect(),
        };
        let bytes = checkpoint.encode();
        if !self.judge("writing the checkpoint", self.put_checkpoint(&bytes))? {
            return Ok(None);
        }
        self.counters.checkpoint_bytes.add(bytes.len() as u64);
        self.journal().release_before(replay);
        Ok(Some((next_sequence, snapshots)))
    }

    /// What all streams say of themselves. `None`: the disk is full.
    fn take_snapshots(&self) -> Result<Option<Vec<Snapshot>>, Offline> {
        let streams = self.all_streams();
        let mut snapshots = Vec::with_capacity(streams.len());
        for stream in &streams {
            let Some(mut state) = self.meet_start(stream)? else { return Ok(None) };
            if state.life != Life::Dropped {
                snapshots.push(state.snapshot(stream));
            }
        }
        Ok(Some(snapshots))
    }

    /// The stream's lock, when its files hold it up to its start. `None`: the disk is full.
    ///
    /// SUBTLE: a relaxed stream's checkpoint contains all its operations, since no append is among them.
    /// So it has to tell the start, and no start lies beyond what it tells of the log: where the start was
    /// moved past what the files hold, they have to be filled first. Of other streams the move is
    /// replayed.
    fn meet_start<'s>(
        &self,
        stream: &'s Arc<Stream>,
    ) -> Result<Option<MutexGuard<'s, StreamState>>, Offline> {
        for _ in 0..MEET_START_TRIES_MAX {
            let state = stream.state.lock();
            let told = state.contained.end;
            if state.is_fsync() || state.life != Life::Live || state.log_start <= told {
                return Ok(Some(state));
            }
            drop(state);
            drop(stream.lock_unfilling());
            self.fill(stream, FillTo::Rest)?;
        }
        Ok(None)
    }

    fn sync_dirty(&self, snapshots: &[Snapshot]) -> storage::Result<()> {
        let dirty = || snapshots.iter().flat_map(|snapshot| &snapshot.dirty);
        let made = self.files.unsynced();
        if dirty().count() + made.len() > SYNC_EACH_MAX {
            self.data.sync_all()?;
            self.files.note_synced(&made);
            return Ok(());
        }
        dirty().try_for_each(|(name, _)| self.sync_segment(*name))?;
        self.files.sync_names(&made)
    }

    /// Makes durable what was written into a segment.
    pub(crate) fn sync_segment(&self, name: SegmentName) -> storage::Result<()> {
        let file = self.files.open(name, Use::Direct)?;
        match file.sync() {
            Err(_) if self.planted(Planted::FsyncRetry) => file.sync(),
            other => other,
        }
    }

    fn put_checkpoint(&self, bytes: &[u8]) -> storage::Result<()> {
        if self.planted(Planted::EpochCheckpointUnsynced) {
            let file = self.data.open("checkpoint.tmp", OpenMode::CREATE)?;
            file.set_len(0)?;
            file.write_at(0, bytes)?;
            self.data.rename("checkpoint.tmp", CHECKPOINT)?;
            return self.data.sync_dir("");
        }
        replace_whole(&*self.data, CHECKPOINT, bytes, Some(CHECKPOINT_OLD))
    }

    /// What a durable checkpoint allows.
    fn after_checkpoint(&self, snapshots: Vec<Snapshot>) -> Result<(), Offline> {
        for snapshot in snapshots {
            let stream = Arc::clone(&snapshot.stream);
            stream.take_in_checkpoint(&snapshot);
            for name in snapshot.unfinished {
                let finished = stream.finish_segment(name.base);
                self.judge("closing a segment", finished)?;
                self.counters.segments_closed.add(1);
            }
        }
        Ok(())
    }

    /// Removes one thing that no checkpoint names any more. `false`: there is none, or a full disk does not
    /// even let go of it.
    pub(crate) fn remove_garbage(&self) -> Result<bool, Offline> {
        // A checkpoint of another thread must not begin to rely on what goes.
        let _log = self.checkpoints.lock();
        self.remove_garbage_locked()
    }

    /// The same, for whoever holds the checkpoints' lock.
    pub(crate) fn remove_garbage_locked(&self) -> Result<bool, Offline> {
        let Some(item) = self.files.garbage.lock().take() else { return Ok(false) };
        let removed = match &item {
            Item::Segment(name) => self.remove_segment(*name),
            Item::Stream(stream) => {
                // Some of it may be gone whatever comes of the rest.
                self.removals_unsynced.store(true, Ordering::Release);
                remove_tree(&*self.data, &crate::format::names::stream_path(stream.id()))
                    .or_else(|error| if error.is_not_found() { Ok(()) } else { Err(error) })
            }
        };
        self.files.removal_ended(removed.is_ok());
        if !self.judge("removing files", removed)? {
            return Ok(false);
        }
        self.counters.segments_deleted.add(1);
        Ok(true)
    }

    fn remove_segment(&self, name: SegmentName) -> storage::Result<()> {
        for file in crate::format::names::SegmentFile::ALL {
            match self.data.remove_file(&name.path(file)) {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Syncs relaxed streams that were written to, once in a while.
    pub(crate) fn flush_relaxed(&self, now: Timestamp) -> Result<bool, Offline> {
        let due = {
            let log = self.checkpoints.lock();
            let age = now.0.saturating_sub(log.made_at.0);
            let max = i64::try_from(self.settings.relaxed_flush_ms_max).unwrap_or(i64::MAX);
            self.relaxed_written.load(Ordering::Acquire) && !(0..max).contains(&age)
        };
        if due { self.checkpoint(now, false) } else { Ok(false) }
    }
}

impl Stream {
    /// A checkpoint with this is durable.
    ///
    /// SUBTLE: a cut since then took back what was told, and what was appended behind it has the same
    /// offsets.
    fn take_in_checkpoint(&self, snapshot: &Snapshot) {
        let mut state = self.state.lock();
        if snapshot.settles.is_some() && snapshot.settles == state.vouched {
            state.vouched = None;
        }
        if state.life == Life::Dropped {
            return;
        }
        // It says that the stream exists, whether the creation is in the journal by now or not.
        state.known = true;
        if snapshot.generation == state.generation {
            state.note_synced(&snapshot.dirty);
            if !state.is_fsync() && state.move_relaxed_end().is_some() {
                self.shared.durable.lock().push((self.id(), state.durable_end));
            }
            let flushed = snapshot.checkpoint.end.min(state.durable_end);
            if state.note_flushed(flushed) {
                self.shared.durable.lock().push((self.id(), state.durable_end));
            }
        }
        self.release_segments(&mut state);
        // A flush may have waited for the creation.
        self.queue(&mut state);
    }

    /// Gives a closed segment's file its exact length, and an index beside it. Counts as a fill, so
    /// that neither a fill nor a truncation moves the end meanwhile.
    fn finish_segment(&self, base: Offset) -> storage::Result<()> {
        let name = SegmentName { stream: self.id(), base };
        let (bytes, index) = {
            let mut state = self.lock_unfilling();
            let closed = base != state.active().base;
            let Some(segment) = state.segment_mut(base).filter(|_| closed) else { return Ok(()) };
            let found = (segment.bytes, segment.index.take());
            state.filling = true;
            found
        };
        let result = (|| {
            self.shared.files.open(name, Use::Direct)?.set_len(bytes)?;
            match &index {
                Some(index) => {
                    self.shared.files.put_index(name, &crate::format::index_file::encode(index))
                }
                None => Ok(()),
            }
        })();
        let mut state = self.state.lock();
        state.filling = false;
        // Whoever wanted to fill it meanwhile went away.
        self.queue(&mut state);
        drop(state);
        self.notify_fill_ended();
        if let Some(index) = index {
            self.shared.files.keep_index(name, std::sync::Arc::new(*index));
        }
        result
    }
}
