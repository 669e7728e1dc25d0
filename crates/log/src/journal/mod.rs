//! The journal: one per directory, written round by round, in files that are used again in turn.
//!
//! Invariants (L13):
//! - one round is in flight at a time; its operations are acknowledged when its write returned;
//! - rounds are numbered without a gap, and follow one another within a file and from a file to that
//!   of the next number; a round never lies across two files;
//! - a file is used again only after a checkpoint is durable that needs none of its rounds. It gets
//!   the next number then, and its new name is durable before anything in it counts, so that the
//!   order of names is the order of rounds.

mod files;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ottla_model::Timestamp;
use parking_lot::{Mutex, MutexGuard};

use crate::directory::Shared;
use crate::error::Offline;
use crate::format::JournalPlace;
use crate::storage::Storage;

pub(crate) use files::{JournalFile, JournalFiles};
pub(crate) use writer::{Writer, WriterStart, make_journal_file};

/// What came of an attempt to write a round.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Wrote {
    /// A round.
    Round,
    /// Nothing: there were no operations.
    Nothing,
    /// Nothing: the journal has no room until something is filled.
    Blocked,
}

/// The journal.
#[derive(Debug)]
pub(crate) struct Journal {
    /// Held while a round is gathered and written.
    writer: Mutex<Writer>,
    /// Which files there are. Never held during I/O.
    files: Mutex<JournalFiles>,
    /// The sequence of the next round that is gathered.
    next_sequence: AtomicU64,
    /// Where files are made ahead.
    storage: Arc<dyn Storage>,
    /// Held while a file is made ahead, or taken.
    making: Mutex<()>,
    /// Whether the file that is written to is half full, and nobody looked since what comes next.
    half_full: AtomicBool,
}

impl Journal {
    /// A journal whose next round goes where `writer` says.
    pub(crate) fn new(writer: Writer, files: JournalFiles, next_sequence: u64) -> Self {
        Self {
            storage: writer.storage(),
            writer: Mutex::new(writer),
            files: Mutex::new(files),
            next_sequence: AtomicU64::new(next_sequence),
            making: Mutex::default(),
            half_full: AtomicBool::new(false),
        }
    }

    /// Makes the file that the journal will want next, where it will want one: zeroing it takes as long
    /// as hundreds of rounds, which nobody should wait for. Answers whether one was made.
    pub(crate) fn make_ahead(&self, shared: &Shared) -> Result<bool, Offline> {
        if !self.half_full.swap(false, Ordering::AcqRel) {
            return Ok(false);
        }
        let _making = self.making.lock();
        let wanted = self.files.lock().wants_spare(&shared.settings);
        let Some(bytes) = wanted else { return Ok(false) };
        let made = writer::make_spare(&*self.storage, bytes);
        let made = shared.judge("making a journal file", made)?;
        if made {
            self.files.lock().spare = Some(bytes);
        }
        Ok(made)
    }

    /// Every operation that was not gathered by now goes into this round or a later one.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.next_sequence.load(Ordering::Acquire)
    }

    /// Gathers what is there into a round and writes it, on this thread.
    pub(crate) fn write_round(&self, shared: &Shared, now: Timestamp) -> Result<Wrote, Offline> {
        let mut writer = self.writer.lock();
        if !writer.has_round() {
            let sequence = self.next_sequence();
            writer.gather(shared, sequence);
            if !writer.has_round() {
                return Ok(Wrote::Nothing);
            }
            self.next_sequence.store(sequence + 1, Ordering::Release);
        }
        writer.write(shared, &self.files, now)
    }

    /// Writes rounds until this is so, or nothing is queued any more.
    pub(crate) fn drain(
        &self,
        shared: &Shared,
        now: Timestamp,
        is_enough: &dyn Fn() -> bool,
    ) -> Result<Wrote, Offline> {
        loop {
            if is_enough() {
                return Ok(Wrote::Nothing);
            }
            match self.write_round(shared, now)? {
                Wrote::Round => {}
                other => return Ok(other),
            }
        }
    }

    /// Where replay must begin that needs no round before `sequence`.
    pub(crate) fn place_of(&self, sequence: u64) -> JournalPlace {
        self.files.lock().place_of(sequence)
    }

    /// A checkpoint is durable that begins replay at `place`: earlier files may be used again.
    pub(crate) fn release_before(&self, place: JournalPlace) {
        self.files.lock().release_before(place);
    }

    /// The last round of the oldest file in use, when files should be set free: fills and a
    /// checkpoint then have to bring all streams past it.
    pub(crate) fn wants_free(&self, shared: &Shared) -> Option<u64> {
        self.files.lock().wants_free(shared.settings.journal_bytes_max)
    }

    /// Nothing could be set free for the round that waits.
    pub(crate) fn note_stuck(&self) {
        self.files.lock().note_stuck();
    }

    /// The writer is half-way through its file.
    pub(crate) fn note_half_full(&self) {
        self.half_full.store(true, Ordering::Release);
    }

    /// Waits for a file that is being made ahead, and keeps others from being made.
    pub(crate) fn making(&self) -> MutexGuard<'_, ()> {
        self.making.lock()
    }

    /// Whether a file was completed since the last checkpoint, and half of what the journal may have
    /// is in use.
    pub(crate) fn take_rotated_half_used(&self, shared: &Shared) -> bool {
        let mut files = self.files.lock();
        files.is_half_used(shared.settings.journal_bytes_max) && std::mem::take(&mut files.rotated)
    }

    /// Lets go of the streams of a round that was never written.
    pub(crate) fn let_go(&self) {
        self.writer.lock().let_go();
    }

    /// Bytes of files in use, and of all files.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        let files = self.files.lock();
        (files.live_bytes(), files.total_bytes())
    }
}
