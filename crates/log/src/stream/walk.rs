//! Finding the end of a relaxed stream: its batches are in its files, and in no journal.
//!
//! SUBTLE: only an intact run counts. The first batch that is torn, or does not follow, ends the log,
//! and what lies behind it is removed from the file before anything is appended: an old batch there
//! could otherwise follow a new one by chance of offset and length, and come back from the dead.

use std::sync::Arc;

use ottla_model::{Offset, Timestamp};
use ottla_record::{BatchHeader, BatchView};

use super::state::StreamState;
use super::{Stream, producer_batch};
use crate::segment::{SegmentName, SegmentView, Use, WalkError};
use crate::storage::StorageError;

impl Stream {
    /// Takes in what the files of a relaxed stream hold beyond what is known.
    pub(crate) fn walk_relaxed(self: &Arc<Self>) -> Result<(), WalkError> {
        loop {
            let Some(whole) = self.walk_active()? else { return Ok(()) };
            if !whole {
                return Ok(());
            }
            let mut state = self.state.lock();
            let name = SegmentName { stream: self.id, base: state.log_end };
            if state.active().bytes == 0 {
                return Ok(());
            }
            match self.shared.files.open(name, Use::Read) {
                Err(StorageError::NotFound { .. }) => return Ok(()),
                Err(error) => return Err(error.into()),
                Ok(_) => {
                    let base = state.log_end;
                    state.begin_segment(base);
                    state.active_mut().made = true;
                    state.active_mut().index = None;
                }
            }
        }
    }

    /// Takes in the active segment's batches beyond what is known; answers whether they were intact up
    /// to the file's end. `None`: there is no file.
    fn walk_active(self: &Arc<Self>) -> Result<Option<bool>, WalkError> {
        let (name, mut position) = {
            let state = self.state.lock();
            let segment = state.active();
            (SegmentName { stream: self.id, base: segment.base }, segment.bytes)
        };
        let length = match self.shared.files.open(name, Use::Read) {
            Err(StorageError::NotFound { .. }) => return Ok(None),
            other => other?.len()?,
        };
        // A killed process left it, perhaps before any checkpoint named it.
        self.shared.files.note_made(name);
        let view = SegmentView {
            name,
            limit: length.max(position),
            end: Offset(i64::MAX),
            through: Use::Read,
            overlay: None,
        };
        let mut reader = view.open(&self.shared.files)?;
        let intact = loop {
            let header = match reader.header(position) {
                Ok(Some(header)) => header,
                Ok(None) => break true,
                Err(WalkError::Bad { .. }) => break false,
                Err(error) => return Err(error),
            };
            let bytes = reader.range(position, position + header.size() as u64)?;
            let sound = BatchView::parse(&bytes).is_ok_and(|batch| batch.verify_crc().is_ok());
            let mut state = self.state.lock();
            let newer = state.epochs.latest().is_none_or(|l| l.epoch <= header.leader_epoch);
            if !sound || !newer || header.base_offset != state.log_end {
                break false;
            }
            state.take_in(&header);
            position += header.size() as u64;
        };
        if !intact {
            let file = self.shared.files.open(name, Use::Buffered)?;
            file.set_len(position)?;
            file.sync_with_metadata()?;
        }
        Ok(Some(intact))
    }
}

impl StreamState {
    /// A batch at the log's end that is in its file already.
    fn take_in(&mut self, header: &BatchHeader) {
        let bytes = header.size() as u64;
        let now = header.max_timestamp.max(Timestamp(0));
        let _ = self.epochs.assign(header.leader_epoch, header.base_offset);
        self.producers.record(&producer_batch(header), now);
        self.contained.producers.record(&producer_batch(header), now);
        let active = self.active_mut();
        active.index = None;
        if active.bytes == 0 {
            active.created_at = now;
        }
        active.observe(header.base_offset, bytes, header.max_timestamp);
        active.made = true;
        active.writes += 1;
        active.written = active.bytes;
        self.log_end = header.next_offset();
        self.contained.end = self.log_end;
    }
}
