//! Reading the journal: its rounds in their order, where it ends, and what of it is damaged (L5, L13).
//!
//! Files follow one another by number, rounds by sequence. A round *belongs* when its header holds
//! and says this directory, this file, this position, the sequence that comes next, and an
//! incarnation that is neither to come nor before that of the round before it. So neither an
//! intact round of a file's former life nor one that landed elsewhere is ever taken.
//!
//! SUBTLE: where the next round is missing or torn there are two explanations. Either it was under way
//! when the process ended: then nothing that came later can be there, since one round is in flight
//! at a time. Or it was durable, and is damaged: then, unless it was the very last, a later round
//! says in its durable mark that it was. So everything behind is searched for such a header, block
//! by block. What is damaged is told with the streams that its own list names, and reading goes on
//! behind it for all others.

mod window;

use bytes::Bytes;
use ottla_model::limits::BLOCK_BYTES;
use ottla_model::{DirectoryId, StreamId};

use crate::format::names::{JOURNAL_DIR, journal_path, parse_journal_file};
use crate::format::{FormatError, JournalPlace, Round, RoundHeader};
use crate::storage::{self, Storage, StorageError};
use window::Window;

/// A journal that cannot be read at all.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ScanError {
    /// The disk did not do what it was asked.
    #[error("cannot read the journal: {0}")]
    Storage(#[from] StorageError),
    /// The file with the first round that is needed is not there.
    #[error("journal file {} is missing", journal_path(*number))]
    Missing {
        /// Its number.
        number: u32,
    },
    /// A file is empty. Files get their names when they have their length, so this one lost it.
    #[error("journal file {} is empty", journal_path(*number))]
    Empty {
        /// Its number.
        number: u32,
    },
}

/// What comes next in the journal.
#[derive(Clone, Debug)]
pub enum Scanned {
    /// A round, whole.
    Round(Round),
    /// One or more rounds that were durable and cannot be read.
    Damage(Damage),
}

/// Rounds that were durable and cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// The first of them.
    pub first: u64,
    /// The last of them.
    pub last: u64,
    /// Whose operations are lost. `None`: not even that can be read, it may be anybody's.
    pub streams: Option<Vec<StreamId>>,
    /// What is wrong with the first.
    pub why: FormatError,
}

/// Where the journal ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JournalEnd {
    /// The file that the next round goes to.
    pub file: u32,
    /// The position there.
    pub position: u64,
    /// The sequence of the next round.
    pub sequence: u64,
    /// The sequence of the first round in that file, or `sequence` when there is none.
    pub file_first: u64,
}

/// A file of the journal, as it was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FoundFile {
    /// Its number.
    pub number: u32,
    /// Its length.
    pub bytes: u64,
    /// The sequence of its first round, once reading came so far; of files before the place where
    /// reading began, none.
    pub first: Option<u64>,
}

/// What a scan is to get wrong, for tests of the tests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flaws {
    /// Takes rounds of a file's former life.
    pub takes_stale: bool,
    /// Takes every bad round for the end.
    pub ends_at_damage: bool,
    /// Takes an empty file for one without rounds.
    pub takes_empty: bool,
}

/// Who writes this journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Author {
    /// The directory.
    pub directory: DirectoryId,
    /// The newest incarnation that may have written.
    pub incarnation: u64,
}

/// A reader of the journal.
pub struct JournalScan<'a> {
    window: Window<'a>,
    author: Author,
    flaws: Flaws,
    /// All files, by number.
    files: Vec<FoundFile>,
    /// Where among the files reading is.
    at: usize,
    position: u64,
    sequence: u64,
    incarnation: u64,
    bytes_read: u64,
    ended: bool,
}

impl<'a> JournalScan<'a> {
    /// Begins at a place that a checkpoint names.
    ///
    /// # Errors
    /// When the journal cannot be read at all.
    pub fn begin(
        storage: &'a dyn Storage,
        author: Author,
        from: JournalPlace,
        flaws: Flaws,
    ) -> Result<Self, ScanError> {
        let files = list(storage)?;
        let at = files.iter().position(|file| file.number == from.file);
        let at = at.ok_or(ScanError::Missing { number: from.file })?;
        let empty = files[at..].iter().find(|file| file.bytes == 0 && !flaws.takes_empty);
        if let Some(empty) = empty {
            return Err(ScanError::Empty { number: empty.number });
        }
        let window = Window::new(storage);
        let (position, sequence, incarnation) = (0, from.sequence, 0);
        let (bytes_read, ended) = (0, false);
        Ok(Self {
            window,
            author,
            flaws,
            files,
            at,
            position,
            sequence,
            incarnation,
            bytes_read,
            ended,
        })
    }

    /// The next round, or damage in its place; `None` at the end.
    ///
    /// # Errors
    /// When the disk does not read.
    pub fn next_round(&mut self) -> Result<Option<Scanned>, ScanError> {
        while !self.ended {
            let header = self.header_at(self.at, self.position)?;
            match header {
                Ok(header) if self.belongs(&header, self.at, self.position) => {
                    return self.read_round(header);
                }
                Ok(_) | Err(_) if self.continues_in_next_file()? => self.enter(self.at + 1),
                Ok(_) => return self.bad_header(NOT_THE_NEXT),
                Err(why) => return self.bad_header(why),
            }
        }
        Ok(None)
    }

    /// Where the next round goes, once everything was read.
    pub fn end(&self) -> JournalEnd {
        let file = self.files[self.at];
        JournalEnd {
            file: file.number,
            position: self.position,
            sequence: self.sequence,
            file_first: file.first.unwrap_or(self.sequence),
        }
    }

    /// All files of the journal, by number.
    pub fn files(&self) -> &[FoundFile] {
        &self.files
    }

    /// How many bytes of rounds were read.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    fn read_round(&mut self, header: RoundHeader) -> Result<Option<Scanned>, ScanError> {
        let bytes = self.read(self.at, self.position, u64::from(header.round_bytes))?;
        match Round::decode(&bytes) {
            Ok(round) => {
                self.pass(&header);
                Ok(Some(Scanned::Round(round)))
            }
            Err(bad) => {
                let behind = self.position + u64::from(header.round_bytes);
                if self.find_witness(behind)?.is_none() {
                    return self.finish();
                }
                let (first, last) = (self.sequence, self.sequence);
                self.pass(&header);
                let (streams, why) = (bad.streams, bad.error);
                Ok(Some(Scanned::Damage(Damage { first, last, streams, why })))
            }
        }
    }

    /// There is no header where the next round should be.
    fn bad_header(&mut self, why: FormatError) -> Result<Option<Scanned>, ScanError> {
        let Some((at, position, witness)) = self.find_witness(self.position + BLOCK_BYTES)? else {
            return self.finish();
        };
        let first = self.sequence;
        if at != self.at {
            self.enter(at);
        }
        self.position = position;
        self.sequence = witness.stamp.sequence;
        let last = self.sequence - 1;
        Ok(Some(Scanned::Damage(Damage { first, last, streams: None, why })))
    }

    fn finish(&mut self) -> Result<Option<Scanned>, ScanError> {
        self.ended = true;
        Ok(None)
    }

    /// The round at the position was dealt with.
    fn pass(&mut self, header: &RoundHeader) {
        self.files[self.at].first.get_or_insert(header.stamp.sequence);
        self.position += u64::from(header.round_bytes);
        self.bytes_read += u64::from(header.round_bytes);
        self.sequence = header.stamp.sequence + 1;
        self.incarnation = header.stamp.incarnation;
    }

    fn enter(&mut self, at: usize) {
        self.at = at;
        self.position = 0;
    }

    fn continues_in_next_file(&mut self) -> Result<bool, ScanError> {
        let next = self.at + 1;
        let follows = |file: &FoundFile| file.number == self.files[self.at].number + 1;
        if !self.files.get(next).is_some_and(follows) {
            return Ok(false);
        }
        let header = self.header_at(next, 0)?;
        Ok(header.is_ok_and(|header| self.belongs(&header, next, 0)))
    }

    fn belongs(&self, header: &RoundHeader, at: usize, position: u64) -> bool {
        let is_next = header.stamp.sequence == self.sequence;
        self.is_of_this_life(header, at, position) && (is_next || self.flaws.takes_stale)
    }

    fn is_of_this_life(&self, header: &RoundHeader, at: usize, position: u64) -> bool {
        let stamp = &header.stamp;
        let file = &self.files[at];
        let in_place = (stamp.file, stamp.position) == (file.number, position);
        let in_time = (self.incarnation..=self.author.incarnation).contains(&stamp.incarnation);
        let fits = position + u64::from(header.round_bytes) <= file.bytes;
        let of_this_life = in_place && in_time || self.flaws.takes_stale;
        stamp.directory == self.author.directory && of_this_life && fits
    }

    /// A header further on that says that the round which should be at the position was durable.
    fn find_witness(&mut self, from: u64) -> Result<Option<(usize, u64, RoundHeader)>, ScanError> {
        if self.flaws.ends_at_damage {
            return Ok(None);
        }
        let mut from = from;
        for at in self.at..self.files.len() {
            let mut position = from;
            while position + BLOCK_BYTES <= self.files[at].bytes {
                if let Ok(header) = self.header_at(at, position)?
                    && self.is_of_this_life(&header, at, position)
                    && header.stamp.sequence > self.sequence
                    && header.stamp.durable_mark >= self.sequence
                {
                    return Ok(Some((at, position, header)));
                }
                position += BLOCK_BYTES;
            }
            from = 0;
        }
        Ok(None)
    }

    fn header_at(
        &mut self,
        at: usize,
        position: u64,
    ) -> Result<Result<RoundHeader, FormatError>, ScanError> {
        let bytes = self.read(at, position, BLOCK_BYTES)?;
        Ok(RoundHeader::decode(&bytes))
    }

    fn read(&mut self, at: usize, position: u64, bytes: u64) -> Result<Bytes, ScanError> {
        Ok(self.window.read(self.files[at].number, position, bytes)?)
    }
}

const NOT_THE_NEXT: FormatError =
    FormatError::Invalid { what: "journal round", why: "it is not the one that comes next" };

/// The files of the journal, by number.
fn list(storage: &dyn Storage) -> storage::Result<Vec<FoundFile>> {
    let entries = storage.list(JOURNAL_DIR)?;
    let mut files: Vec<_> = entries
        .iter()
        .filter(|entry| !entry.is_dir)
        .filter_map(|entry| {
            let number = parse_journal_file(&entry.name)?;
            Some(FoundFile { number, bytes: entry.bytes, first: None })
        })
        .collect();
    files.sort_by_key(|file| file.number);
    Ok(files)
}

#[cfg(test)]
mod tests;
