//! What a stream cannot do through the journal alone: cutting a relaxed one, and changing durability.
//!
//! SUBTLE: a relaxed stream's appends are not in the journal; recovery finds them by walking its file
//! from where the checkpoint says. So whatever must not be found there any more has to go from the
//! file, and a checkpoint has to say so, before anything is appended again. While that goes on the
//! stream is frozen: it takes nothing. These changes are rare, and their caller waits for the disk.
//!
//! Cutting, with a crash after each step: (1) the truncation is in the journal, durable: replay walks
//! the file and cuts it at the same place; (2) the file is cut and synced: replay finds nothing more
//! to cut; (3) a checkpoint contains it: replay skips it; (4) the files of later segments are gone for
//! good, which recovery sees to otherwise.

use ottla_model::{Durability, Offset};

use super::state::StreamState;
use super::{FillTo, Stream};
use crate::directory::CheckpointLog;
use crate::error::StreamError;
use crate::format::Operation;
use crate::format::names::{parse_segment_file, stream_path};
use crate::segment::{SegmentName, Use};
use crate::storage::{self, join};

impl Stream {
    /// Brings the stream to another durability: everything up to its end is written and synced, and
    /// a checkpoint says so.
    pub(super) fn change_durability(&self, durability: Durability) -> Result<(), StreamError> {
        self.frozen(|stream| {
            stream.write_out()?;
            if durability == Durability::Relaxed {
                // What pads the last block would end the walk of a recovery, if the log goes on in another
                // segment.
                stream.cut_file().map_err(|error| stream.failed(&error))?;
            }
            let before = stream.set_durability(durability);
            let mut log = stream.shared.checkpoints.lock();
            let made = stream.checkpoint_now(&mut log);
            drop(log);
            if made.is_err() {
                stream.set_durability(before);
                return made;
            }
            let mut state = stream.state.lock();
            state.durable_end = state.log_end;
            state.flushed_end = state.log_end;
            Ok(())
        })
    }

    /// SUBTLE: the stream may stand in the queue of its former kind, and is not to wait for its turn
    /// there. An entry that is left in a queue does no harm.
    fn set_durability(&self, durability: Durability) -> Durability {
        let mut state = self.state.lock();
        state.ready = false;
        std::mem::replace(&mut state.settings.durability, durability)
    }

    /// Cuts a relaxed stream.
    ///
    /// SUBTLE: the checkpoints' lock is held throughout, so that no other checkpoint places the stream
    /// after the truncation while the file still has what was cut.
    pub(crate) fn truncate_relaxed(&self, to: Offset) -> Result<Offset, StreamError> {
        self.frozen(|stream| {
            stream.write_out()?;
            let planned = stream.plan_cut(to)?;
            let mut log = stream.shared.checkpoints.lock();
            if let Some((cut, _)) = planned {
                let mut state = stream.lock_unfilling();
                state.check_live()?;
                if cut.end < state.log_start {
                    // It moved since the cut was planned.
                    return Err(state.out_of_range(to));
                }
                state.ops.push(Operation::Truncate { to: cut.end }, cut.end);
                stream.queue(&mut state);
                stream.apply_cut(&mut state, cut);
                state.cut_unfinished = true;
            } else if !stream.state.lock().cut_unfinished {
                return Ok(stream.offsets().log_end);
            }
            stream.drain_journal(&mut log)?;
            stream.cut_file().map_err(|error| stream.failed(&error))?;
            stream.checkpoint_now(&mut log)?;
            // Synced in any case: the background may have removed some of them just now.
            let removed = stream.remove_later_files().and_then(|_| stream.sync_dir());
            removed.map_err(|error| stream.failed(&error))?;
            let mut state = stream.state.lock();
            state.cut_unfinished = false;
            Ok(state.log_end)
        })
    }

    /// Runs `change` while the stream takes no appends.
    pub(super) fn frozen<T>(
        &self,
        change: impl FnOnce(&Self) -> Result<T, StreamError>,
    ) -> Result<T, StreamError> {
        {
            let mut state = self.state.lock();
            state.check_live()?;
            if std::mem::replace(&mut state.frozen, true) && !state.cut_unfinished {
                let why = "it is being changed already".to_owned();
                return Err(StreamError::Storage { stream: self.id, why });
            }
        }
        let result = change(self);
        // Cut in memory and not yet in its file, as the disk was full, it takes nothing until somebody
        // finishes the cut by asking again.
        let mut state = self.state.lock();
        state.frozen = state.cut_unfinished;
        result
    }

    /// Brings everything into files.
    pub(super) fn write_out(&self) -> Result<(), StreamError> {
        self.drain_journal(&mut self.shared.checkpoints.lock())?;
        while self.state.lock().ops.held().is_some() {
            drop(self.lock_unfilling());
            self.shared.straight(&self.me())?;
            self.drain_journal(&mut self.shared.checkpoints.lock())?;
        }
        while self.state.lock().tail.first_unwritten().is_some() {
            drop(self.lock_unfilling());
            let filled = self.shared.fill(&self.me(), FillTo::Rest)?;
            let stuck = || self.shared.budget.free() == 0;
            if !filled && !self.is_filling() && stuck() {
                let why = "its bytes could not be written out".to_owned();
                return Err(StreamError::Storage { stream: self.id, why });
            }
        }
        Ok(())
    }

    fn drain_journal(&self, log: &mut CheckpointLog) -> Result<(), StreamError> {
        if self.shared.drain(log, &|| self.state.lock().ops.is_settled())? {
            return Ok(());
        }
        let why = "the journal and the disk are full; try again when there is room".to_owned();
        Err(StreamError::Storage { stream: self.id, why })
    }

    pub(super) fn checkpoint_now(&self, log: &mut CheckpointLog) -> Result<(), StreamError> {
        let now = log.made_at;
        if self.shared.checkpoint_locked(log, now, false)? {
            return Ok(());
        }
        let why = "the disk is full".to_owned();
        Err(StreamError::Storage { stream: self.id, why })
    }

    /// Cuts the active segment's file at the log's end.
    pub(crate) fn cut_file(&self) -> storage::Result<()> {
        let (base, bytes, made) = {
            let state = self.state.lock();
            (state.active().base, state.active().bytes, state.active().made)
        };
        if !made {
            return Ok(());
        }
        let name = SegmentName { stream: self.id, base };
        let file = self.shared.files.open(name, Use::Buffered)?;
        file.set_len(bytes)?;
        file.sync_with_metadata()
    }

    /// Removes what a cut, or a segment that came back shorter, left behind. A checkpoint was made that
    /// does not name it.
    pub(crate) fn remove_strays(&self) -> storage::Result<()> {
        let state = self.state.lock();
        let wanted = !state.is_fsync() && state.check_live().is_ok();
        drop(state);
        if wanted && self.remove_later_files()? { self.sync_dir() } else { Ok(()) }
    }

    /// Removes the files of segments that come after the active one; answers whether there were any.
    ///
    /// SUBTLE: recovery walks on from where a segment ends into a file whose base is just there. A file
    /// that a cut, or a torn segment before it, left behind would be taken for the continuation once
    /// the log has grown to its base again; and a name that was removed and not synced comes back. So
    /// they go, durably, before anything is appended; and only after a checkpoint that does not name
    /// them, since a recovery from an older one walks segments that are then cut already.
    fn remove_later_files(&self) -> storage::Result<bool> {
        let base = self.state.lock().active().base;
        let (data, dir) = (self.shared.files.data(), stream_path(self.id));
        let entries = match data.list(&dir) {
            Err(error) if error.is_not_found() => return Ok(false),
            other => other?,
        };
        let mut removed = false;
        for entry in entries {
            let file = parse_segment_file(&entry.name).filter(|(of, _)| *of > base);
            if let Some((of, _)) = file {
                self.shared.files.forget(SegmentName { stream: self.id, base: of });
                data.remove_file(&join(&dir, &entry.name))?;
                removed = true;
            }
        }
        Ok(removed)
    }

    fn sync_dir(&self) -> storage::Result<()> {
        match self.shared.files.data().sync_dir(&stream_path(self.id)) {
            Err(error) if error.is_not_found() => Ok(()),
            other => other,
        }
    }

    fn failed(&self, error: &storage::StorageError) -> StreamError {
        self.shared.health.fail(format!("cutting a segment failed: {error}")).into()
    }
}

impl StreamState {
    /// What is in the kernel's hands counts, once the stream's creation is durable. Answers the durable
    /// end when it moved.
    pub(crate) fn move_relaxed_end(&mut self) -> Option<Offset> {
        let moves = self.known && self.contained.end > self.durable_end;
        moves.then(|| {
            self.durable_end = self.contained.end;
            self.durable_end
        })
    }

    /// Whether operations up to this round are only in the journal.
    pub(crate) fn needs_round_upto(&self, last: u64) -> bool {
        let first = self.tail.first_unwritten();
        let place = first.and_then(|piece| self.ops.place_of(piece.op));
        place.is_some_and(|place| place.sequence <= last)
    }
}
