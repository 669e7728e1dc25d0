//! The one writer of the journal: gathers a round, finds room for it, writes it, tells its streams.
//!
//! SUBTLE: a round that was gathered and found no room stays gathered, under its sequence, and is
//! written by a later attempt. A checkpoint made meanwhile may name places in it. When the process
//! ends first, the round never was: recovery then sets such places back to where the journal ends.

use std::sync::Arc;

use ottla_model::limits::BLOCK_BYTES;
use ottla_model::{StreamId, Timestamp};
use parking_lot::Mutex;

use super::Wrote;
use super::files::{JournalFile, JournalFiles};
use crate::directory::Shared;
use crate::error::Offline;
use crate::format::names::{JOURNAL_DIR, journal_path};
use crate::format::{Cursor, RoundBuilder, RoundStamp};
use crate::planted::Planted;
use crate::storage::{self, AlignedBuf, OpenMode, Storage, StorageError, StorageFile};
use crate::stream::{Ops, Stream};

/// How much of a new file is zeroed at a time.
const ZERO_BYTES: usize = 1024 * 1024;

/// How much of it is written before it is flushed. A round that comes meanwhile waits for a flush to end, and
/// one of a whole file takes tens of milliseconds.
const ZEROS_UNFLUSHED_MAX: u64 = 4 << 20;

/// Where a writer begins.
pub(crate) struct WriterStart {
    /// The journal's storage.
    pub(crate) storage: Arc<dyn Storage>,
    /// The file to write to.
    pub(crate) file: JournalFile,
    /// The position of the next round in it.
    pub(crate) position: u64,
    /// The highest durable round; 0 for none.
    pub(crate) durable: u64,
}

/// A file that rounds go to next: its number, its length, its handle.
type NextFile = (u32, u64, Arc<dyn StorageFile>);

/// The writer of the journal.
#[derive(Debug)]
pub(crate) struct Writer {
    storage: Arc<dyn Storage>,
    builder: RoundBuilder,
    buffer: AlignedBuf,
    /// The round that is gathered: its sequence, and the streams in it.
    gathered: Option<(u64, Vec<Arc<Stream>>)>,
    handle: Arc<dyn StorageFile>,
    file: JournalFile,
    position: u64,
    durable: u64,
}

impl Writer {
    /// A writer that begins there.
    pub(crate) fn open(start: WriterStart) -> storage::Result<Self> {
        let WriterStart { storage, file, position, durable } = start;
        let handle = open_for_rounds(&*storage, file.number)?;
        Ok(Self {
            storage,
            builder: RoundBuilder::new(),
            buffer: AlignedBuf::default(),
            gathered: None,
            handle,
            file,
            position,
            durable,
        })
    }

    /// Where the files are.
    pub(crate) fn storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.storage)
    }

    /// Whether a round is gathered.
    pub(crate) fn has_round(&self) -> bool {
        self.gathered.is_some()
    }

    /// Lets go of the streams of a round that was never written.
    pub(crate) fn let_go(&mut self) {
        self.gathered = None;
    }

    /// Gathers the round `sequence` from the streams that have operations, those of the cluster's own
    /// logs first.
    pub(crate) fn gather(&mut self, shared: &Shared, sequence: u64) {
        let mut streams = Vec::new();
        let mut left_over = None;
        while let Some(stream) = shared.queues.journal.pop() {
            let before = self.builder.len();
            let exhausted = self.take_from(&stream, sequence, shared.settings.round_bytes_max);
            if self.builder.len() > before {
                streams.push(Arc::clone(&stream));
            }
            if !exhausted {
                left_over = Some(stream);
                break;
            }
        }
        if let Some(stream) = left_over {
            shared.queues.journal.push(stream);
        }
        if !streams.is_empty() {
            self.gathered = Some((sequence, streams));
        }
    }

    /// Takes a stream's operations as long as there is room; answers whether it was for all.
    fn take_from(&mut self, stream: &Stream, sequence: u64, round_bytes_max: u64) -> bool {
        let mut state = stream.state.lock();
        let exhausted =
            self.take_operations(&mut state.ops, stream.id(), sequence, round_bytes_max);
        state.ops.tell_backlog(&stream.shared.queues.backlog);
        exhausted
    }

    fn take_operations(
        &mut self,
        ops: &mut Ops,
        stream: StreamId,
        sequence: u64,
        round_bytes_max: u64,
    ) -> bool {
        while let Some(operation) = ops.peek() {
            let bytes = self.builder.round_bytes_with(stream, operation);
            if !self.builder.is_empty() && bytes > round_bytes_max {
                return false;
            }
            let entry = u32::try_from(self.builder.len()).expect("entries are 32 bits");
            let operation = ops.take(Cursor { sequence, entry });
            self.builder.push(stream, operation);
        }
        ops.queued = false;
        true
    }

    /// Writes the round that is gathered, and tells its streams.
    pub(crate) fn write(
        &mut self,
        shared: &Shared,
        files: &Mutex<JournalFiles>,
        now: Timestamp,
    ) -> Result<Wrote, Offline> {
        let sequence = self.gathered.as_ref().expect("a round is gathered").0;
        let bytes = self.builder.round_bytes();
        if !self.make_room(shared, files, bytes, sequence)? {
            shared.counters.rounds_refused.add(1);
            return Ok(Wrote::Blocked);
        }
        if shared.planted(Planted::AckBeforeFsync) && self.tell(shared) {
            return Ok(Wrote::Round);
        }
        self.encode(shared, sequence, bytes, now);
        let written = self.handle.write_at(self.position, &self.buffer);
        let written = match written {
            Err(_) if shared.planted(Planted::FsyncRetry) => {
                self.handle.write_at(self.position, &self.buffer).and(Ok(()))
            }
            other => other,
        };
        if let Err(error) = written {
            // L8. Full, too: the file's room was written before, so this is no ordinary full disk.
            return Err(shared.health.fail(format!("writing a journal round failed: {error}")));
        }
        self.advance(shared, bytes);
        self.durable = sequence;
        shared.counters.rounds.add(1);
        shared.counters.round_bytes.add(bytes);
        shared.counters.round_entries.add(self.builder.len() as u64);
        self.tell(shared);
        self.builder.clear();
        self.gathered = None;
        Ok(Wrote::Round)
    }

    /// A round of `bytes` is written. Half-way through a file is when the next one is made.
    fn advance(&mut self, shared: &Shared, bytes: u64) {
        let half = self.file.bytes / 2;
        let was_below = self.position <= half;
        self.position += bytes;
        if was_below && self.position > half {
            shared.journal().note_half_full();
            shared.queues.bell(crate::directory::Lane::Background).ring();
        }
    }

    /// The one copy of a batch between the network and the journal.
    fn encode(&mut self, shared: &Shared, sequence: u64, bytes: u64, now: Timestamp) {
        let stamp = RoundStamp {
            directory: shared.identity.directory,
            incarnation: shared.identity.incarnation,
            sequence,
            durable_mark: self.durable,
            file: self.file.number,
            position: self.position,
            written_at: now,
        };
        self.buffer.set_len(usize::try_from(bytes).expect("a round is in memory"));
        self.builder.encode(stamp, &mut self.buffer);
    }

    /// Tells the round's streams that it is durable; answers whether there were any to be told.
    fn tell(&mut self, shared: &Shared) -> bool {
        let Some((_, streams)) = &mut self.gathered else { return false };
        let told = !streams.is_empty();
        let mut durable = Vec::with_capacity(streams.len());
        for stream in streams.drain(..) {
            durable.extend(stream.complete_round());
        }
        shared.durable.lock().append(&mut durable);
        told
    }

    /// Sees to it that `bytes` fit at the position; `false` when they will only later.
    fn make_room(
        &mut self,
        shared: &Shared,
        files: &Mutex<JournalFiles>,
        bytes: u64,
        sequence: u64,
    ) -> Result<bool, Offline> {
        // The last block is kept for the mark that the journal goes on elsewhere.
        if self.position + bytes + BLOCK_BYTES <= self.file.bytes {
            return Ok(true);
        }
        let bytes = bytes + BLOCK_BYTES;
        let next = match self.next_file(shared, files, bytes) {
            Ok(next) => next,
            Err(error) => return shared.judge("making a journal file", Err(error)).map(|_| false),
        };
        let Some((number, length, handle)) = next else {
            files.lock().blocked = true;
            return Ok(false);
        };
        if let Err(error) = self.write_continuation(shared, sequence) {
            return Err(shared.health.fail(format!("ending a journal file failed: {error}")));
        }
        self.file = JournalFile { number, bytes: length, first: sequence };
        self.position = 0;
        self.handle = handle;
        files.lock().rotate_to(self.file);
        shared.queues.bell(crate::directory::Lane::Background).ring();
        Ok(true)
    }

    /// Says at the end of a file that the journal goes on in the next one: a round without entries,
    /// under the number of the round that comes first there.
    ///
    /// SUBTLE: it is durable before anything in the next file counts, and after that file's name is. So a
    /// next file that is not there when the mark is was removed, and what was acknowledged with it is
    /// lost: without the mark that would look like the end of the journal.
    fn write_continuation(&mut self, shared: &Shared, sequence: u64) -> storage::Result<()> {
        let builder = RoundBuilder::new();
        let stamp = RoundStamp {
            directory: shared.identity.directory,
            incarnation: shared.identity.incarnation,
            sequence,
            durable_mark: self.durable,
            file: self.file.number,
            position: self.position,
            written_at: Timestamp(0),
        };
        self.buffer.resize(usize::try_from(builder.round_bytes()).expect("one block"));
        builder.encode(stamp, &mut self.buffer);
        self.handle.write_at(self.position, &self.buffer)
    }

    /// A file for rounds of `bytes`: a free one under a new name, or a new one.
    fn next_file(
        &self,
        shared: &Shared,
        files: &Mutex<JournalFiles>,
        bytes: u64,
    ) -> storage::Result<Option<NextFile>> {
        if shared.planted(Planted::JournalReuseEarly) {
            files.lock().release_oldest();
        }
        let number = files.lock().next_number();
        let unused = files.lock().take_numbered(number);
        if let Some(unused) = unused {
            if unused.bytes >= bytes {
                self.storage.sync_dir(JOURNAL_DIR)?;
                let handle = open_for_rounds(&*self.storage, number)?;
                return Ok(Some((number, unused.bytes, handle)));
            }
            self.storage.remove_file(&journal_path(number))?;
        }
        let free = files.lock().take_free(bytes);
        if let Some(free) = free {
            let renamed = self.rename(free.number, number);
            return renamed.map(|handle| Some((number, free.bytes, handle)));
        }
        let _making = shared.journal().making();
        let spare = files.lock().take_spare(bytes);
        if let Some(length) = spare {
            let named = name_new(&*self.storage, number);
            return named.map(|handle| Some((number, length, handle)));
        }
        let length = files.lock().next_length(&shared.settings).max(bytes);
        let length = length.next_multiple_of(BLOCK_BYTES);
        loop {
            let (total, must_grow) = {
                let files = files.lock();
                (files.total_bytes(), files.must_grow())
            };
            // A journal too small for a second file could never set one free.
            if must_grow || total + length <= shared.settings.journal_bytes_max {
                return make_journal_file(&*self.storage, number, length)
                    .map(|handle| Some((number, length, handle)));
            }
            // Free files that are too small only take up room.
            let Some(small) = files.lock().take_any_free() else { return Ok(None) };
            self.storage.remove_file(&journal_path(small.number))?;
        }
    }

    fn rename(&self, from: u32, to: u32) -> storage::Result<Arc<dyn StorageFile>> {
        self.storage.rename(&journal_path(from), &journal_path(to))?;
        self.storage.sync_dir(JOURNAL_DIR)?;
        open_for_rounds(&*self.storage, to)
    }
}

fn open_for_rounds(storage: &dyn Storage, number: u32) -> storage::Result<Arc<dyn StorageFile>> {
    storage.open(&journal_path(number), OpenMode::READ_WRITE.direct_sync())
}

/// A journal file in the making. It gets its name when it has its length, so that one that is too
/// short to hold a round is damaged and not new.
const JOURNAL_NEW: &str = "journal/new";

/// Makes a file of zeros, durable with its name. Written rather than reserved: a write into it then
/// changes nothing but bytes, which is what makes rounds fast.
pub(crate) fn make_journal_file(
    storage: &dyn Storage,
    number: u32,
    bytes: u64,
) -> storage::Result<Arc<dyn StorageFile>> {
    make_spare(storage, bytes)?;
    name_new(storage, number)
}

/// Makes a file of zeros that has no number yet.
pub(super) fn make_spare(storage: &dyn Storage, bytes: u64) -> storage::Result<()> {
    let made = zero_file(storage, JOURNAL_NEW, bytes);
    if let Err(StorageError::Full { .. }) = made {
        // It must not take the room that it did not find.
        storage.remove_file(JOURNAL_NEW)?;
    }
    made
}

/// Gives that file its number, durably.
fn name_new(storage: &dyn Storage, number: u32) -> storage::Result<Arc<dyn StorageFile>> {
    storage.rename(JOURNAL_NEW, &journal_path(number))?;
    storage.sync_dir(JOURNAL_DIR)?;
    open_for_rounds(storage, number)
}

fn zero_file(storage: &dyn Storage, path: &str, bytes: u64) -> storage::Result<()> {
    let file = storage.open(path, OpenMode::CREATE.direct())?;
    file.allocate(bytes)?;
    let zeros = AlignedBuf::zeroed(ZERO_BYTES.min(usize::try_from(bytes).unwrap_or(ZERO_BYTES)));
    let mut position = 0;
    while position < bytes {
        let part = (bytes - position).min(zeros.len() as u64) as usize;
        file.write_at(position, &zeros[..part])?;
        position += part as u64;
        if position.is_multiple_of(ZEROS_UNFLUSHED_MAX) {
            file.sync()?;
        }
    }
    file.sync_with_metadata()
}
