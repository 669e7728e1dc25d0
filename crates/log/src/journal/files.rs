//! The files of the journal: those in use, in the order of their rounds, and those that are free.

use std::collections::VecDeque;

use crate::directory::LogSettings;
use crate::format::JournalPlace;

/// One file of the journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct JournalFile {
    /// Its number, which is its name.
    pub(crate) number: u32,
    /// Its length.
    pub(crate) bytes: u64,
    /// The sequence of its first round. Nothing was written to it yet when that is still to come.
    pub(crate) first: u64,
}

/// The files of the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct JournalFiles {
    /// In use; the last one is written to. Never empty.
    live: VecDeque<JournalFile>,
    free: Vec<JournalFile>,
    /// The length of the file that was made ahead, and has no number yet.
    pub(crate) spare: Option<u64>,
    /// Whether a file was completed since a checkpoint last looked.
    pub(crate) rotated: bool,
    /// Whether a round waits for a file to be set free.
    pub(crate) blocked: bool,
    /// Whether setting a file free came to nothing while a round waited: then the journal may grow
    /// beyond its bound.
    stuck: bool,
}

impl JournalFiles {
    /// These files are in use, oldest first, and these are free.
    pub(crate) fn new(live: VecDeque<JournalFile>, free: Vec<JournalFile>) -> Self {
        assert!(!live.is_empty(), "a journal has a file to write to");
        Self { live, free, spare: None, rotated: false, blocked: false, stuck: false }
    }

    /// The file that is written to.
    pub(crate) fn current(&self) -> JournalFile {
        *self.live.back().expect("there is always one")
    }

    /// The number that the next file gets.
    pub(crate) fn next_number(&self) -> u32 {
        self.current().number.checked_add(1).expect("fewer than 2^32 journal files are ever used")
    }

    /// Takes a free file of at least `bytes`.
    pub(crate) fn take_free(&mut self, bytes: u64) -> Option<JournalFile> {
        let at = self.free.iter().position(|file| file.bytes >= bytes)?;
        Some(self.free.swap_remove(at))
    }

    /// Takes the free file of this number: one that was made for a rotation that never came.
    pub(crate) fn take_numbered(&mut self, number: u32) -> Option<JournalFile> {
        let at = self.free.iter().position(|file| file.number == number)?;
        Some(self.free.swap_remove(at))
    }

    /// Takes any free file.
    pub(crate) fn take_any_free(&mut self) -> Option<JournalFile> {
        self.free.pop()
    }

    /// This file is written to from here on.
    pub(crate) fn rotate_to(&mut self, file: JournalFile) {
        self.live.push_back(file);
        self.rotated = true;
        self.blocked = false;
        self.stuck = false;
    }

    /// Where replay must begin that needs no round before `sequence`: the start of the file that
    /// holds it, or of the one that will.
    pub(crate) fn place_of(&self, sequence: u64) -> JournalPlace {
        let at = self.live.partition_point(|file| file.first <= sequence).max(1) - 1;
        let file = self.live[at];
        JournalPlace { sequence: file.first, file: file.number }
    }

    /// Files before the one at `place` are free.
    pub(crate) fn release_before(&mut self, place: JournalPlace) {
        while self.live.len() > 1 && self.live[0].number < place.file {
            let file = self.live.pop_front().expect("there are two");
            self.free.push(file);
        }
    }

    /// Planted bug 61: the oldest file is free although it is needed.
    pub(crate) fn release_oldest(&mut self) {
        if self.live.len() > 1 {
            let file = self.live.pop_front().expect("there are two");
            self.free.push(file);
        }
    }

    /// The last round of the oldest file, when no file is free and there is no room for another, or
    /// three quarters of what the journal may have are in use.
    pub(crate) fn wants_free(&self, bytes_max: u64) -> Option<u64> {
        let next = self.live.get(1)?;
        let none = self.free.is_empty() && self.spare.is_none();
        let scarce = self.blocked
            || self.live_bytes() > bytes_max / 4 * 3
            || (none && self.total_bytes() + self.current().bytes > bytes_max);
        scarce.then(|| next.first - 1)
    }

    /// Whether a new file may be made whatever the bound: there is none but the one that is written to,
    /// or no file could be set free.
    pub(crate) fn must_grow(&self) -> bool {
        self.stuck || (self.live.len() == 1 && self.free.is_empty())
    }

    /// Nothing could be set free.
    ///
    /// SUBTLE: a stream whose last durable operations lie in one block with some that wait for the
    /// very round that is blocked cannot be brought past the oldest file: that block may not be written
    /// before they are durable. Only a round helps, so there has to be room for one.
    pub(crate) fn note_stuck(&mut self) {
        self.stuck = self.blocked;
    }

    /// Bytes of the files in use.
    pub(crate) fn live_bytes(&self) -> u64 {
        self.live.iter().map(|file| file.bytes).sum()
    }

    /// Bytes of all files.
    pub(crate) fn total_bytes(&self) -> u64 {
        let free = self.free.iter().map(|file| file.bytes).sum::<u64>();
        self.live_bytes() + free + self.spare.unwrap_or(0)
    }

    /// How long the next new file is to be: twice the last one, within bounds.
    pub(crate) fn next_length(&self, settings: &LogSettings) -> u64 {
        let doubled = (self.current().bytes * 2).min(settings.journal_file_bytes_max);
        doubled.max(settings.journal_bytes_start)
    }

    /// The length of the file that should be made ahead, where one will be wanted and may be made.
    pub(crate) fn wants_spare(&self, settings: &LogSettings) -> Option<u64> {
        let length = self.next_length(settings);
        let fits = self.total_bytes() + length <= settings.journal_bytes_max;
        (fits && self.free.is_empty() && self.spare.is_none()).then_some(length)
    }

    /// Takes the file that was made ahead, if it holds `bytes`. Where it does not, it is written over.
    pub(crate) fn take_spare(&mut self, bytes: u64) -> Option<u64> {
        self.spare.take().filter(|length| *length >= bytes)
    }

    /// Whether half of what the journal may have is in use, so that it is time to set some free.
    pub(crate) fn is_half_used(&self, bytes_max: u64) -> bool {
        self.live_bytes() > bytes_max / 2
    }
}
