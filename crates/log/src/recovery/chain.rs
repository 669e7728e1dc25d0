//! Reading the journal: intact rounds in order, where they end, and whether that is an end or damage.
//!
//! ```text
//!  file 7: | 31 | 32 | 33 | stale 12 | ...      file 8: | 34 | 35 | torn or stale ...
//! ```
//!
//! A round counts when it is whole and says itself that it is the very one that belongs there:
//! directory, file, position and number. The first place where that is not so is the journal's end,
//! unless a later round, intact, says that the missing one was durable when it was written (L5).

use std::collections::VecDeque;

use bytes::Bytes;
use ottla_model::limits::BLOCK_BYTES;
use ottla_model::{DirectoryId, StreamId};

use crate::directory::DirectoryIdentity;
use crate::format::names::{JOURNAL_DIR, journal_path, parse_journal_file};
use crate::format::{BadRound, JournalPlace, Round, RoundHeader};
use crate::journal::JournalFile;
use crate::storage::{self, OpenMode, Storage};

/// How much is read at a time.
const WINDOW_BYTES: u64 = 256 * 1024;

/// Where in the journal something is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Position {
    /// Place among the files.
    file: usize,
    /// Position in that file.
    at: u64,
}

/// A round that is missing although it was durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Damage {
    /// The round that should be there.
    pub(crate) sequence: u64,
    /// The last one of those that are missing in a row.
    pub(crate) last: u64,
    /// Whose operations it held; `None`: it may have been anybody's.
    pub(crate) streams: Option<Vec<StreamId>>,
    /// What is wrong with it.
    pub(crate) what: String,
}

/// What comes next in the journal.
#[derive(Debug)]
pub(crate) enum Found {
    /// The next round.
    Round(Round),
    /// Damage; reading goes on behind it.
    Damage(Damage),
    /// Nothing more.
    End,
}

/// What is planted into the reader of a journal, for tests of the tests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct ChainBugs {
    /// 5: any bad round ends the journal.
    pub(crate) never_damaged: bool,
    /// 63: a round need not be the one that belongs there.
    pub(crate) takes_stale: bool,
}

/// Reads a journal from a place on.
#[derive(Debug)]
pub(crate) struct Chain<'a> {
    storage: &'a dyn Storage,
    directory: DirectoryId,
    bugs: ChainBugs,
    /// The files from the place of replay on, by number.
    files: Vec<(u32, u64)>,
    place: Position,
    expected: u64,
    /// The run that wrote the last round; no older one wrote the next.
    incarnation: u64,
    incarnation_max: u64,
    /// The first round of each file that was entered.
    entered: Vec<JournalFile>,
    window: (Position, Bytes),
    /// Whether nothing that comes can be told.
    ended: bool,
    /// Bytes of the rounds that were read.
    pub(crate) bytes: u64,
}

/// All journal files there are: number and length, by number.
pub(crate) fn journal_files(storage: &dyn Storage) -> storage::Result<Vec<(u32, u64)>> {
    let entries = match storage.list(JOURNAL_DIR) {
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        other => other?,
    };
    let files = entries.iter().filter(|entry| !entry.is_dir);
    let mut files: Vec<(u32, u64)> = files
        .filter_map(|entry| parse_journal_file(&entry.name).map(|number| (number, entry.bytes)))
        .collect();
    files.sort_unstable();
    Ok(files)
}

impl<'a> Chain<'a> {
    /// The journal from `place` on. `None`: the file is not there, or has nothing.
    pub(crate) fn open(
        storage: &'a dyn Storage,
        identity: &DirectoryIdentity,
        place: JournalPlace,
        files: &[(u32, u64)],
        bugs: ChainBugs,
    ) -> Option<Self> {
        let from = files.iter().position(|(number, _)| *number == place.file)?;
        let files = files[from..].to_vec();
        if files[0].1 < BLOCK_BYTES {
            return None;
        }
        let start = Position { file: 0, at: 0 };
        let (number, bytes) = files[0];
        Some(Self {
            storage,
            directory: identity.directory,
            bugs,
            files,
            place: start,
            expected: place.sequence,
            incarnation: 0,
            incarnation_max: identity.incarnation,
            entered: vec![JournalFile { number, bytes, first: place.sequence }],
            window: (start, Bytes::new()),
            ended: false,
            bytes: 0,
        })
    }

    /// The sequence of the round that would come next.
    pub(crate) fn expected(&self) -> u64 {
        self.expected
    }

    /// The files that hold rounds, oldest first, and the position behind the last round.
    pub(crate) fn into_end(self) -> (VecDeque<JournalFile>, u64) {
        (self.entered.into(), self.place.at)
    }

    /// What comes next.
    pub(crate) fn next(&mut self) -> storage::Result<Found> {
        if self.ended {
            return Ok(Found::End);
        }
        let here = self.round_at(self.place)?;
        let mut bad = match here {
            Ok(round) if round.header.entry_count == 0 => return self.go_on(),
            Ok(round) => return Ok(self.accept(self.place, round)),
            Err(bad) => bad,
        };
        let next_file = Position { file: self.place.file + 1, at: 0 };
        if next_file.file < self.files.len() {
            match self.round_at(next_file)? {
                Ok(round) => return Ok(self.accept(next_file, round)),
                // It is there, and bad: what it says of its streams is worth more than nothing.
                Err(there) if there.header.is_some() => bad = there,
                Err(_) => {}
            }
        }
        if self.bugs.never_damaged {
            return Ok(Found::End);
        }
        if let Some(damage) = self.take_empty_file() {
            return Ok(Found::Damage(damage));
        }
        self.look_ahead(bad)
    }

    /// The journal goes on in the file of the next number, which was there before this was said.
    fn go_on(&mut self) -> storage::Result<Found> {
        let number = self.files[self.place.file].0 + 1;
        let next = Position { file: self.place.file + 1, at: 0 };
        match self.files.get(next.file).copied() {
            Some((found, bytes)) if found == number && bytes >= BLOCK_BYTES => {
                self.entered.push(JournalFile { number, bytes, first: self.expected });
                self.place = next;
                return self.next();
            }
            Some((found, _)) if found == number => {
                if let Some(damage) = self.take_empty_file() {
                    self.ended = true;
                    return Ok(Found::Damage(damage));
                }
            }
            _ => {}
        }
        let why = crate::format::FormatError::Invalid { what: "journal", why: "a file is missing" };
        let missing = BadRound { error: why, header: None, streams: None };
        if let Found::Damage(damage) = self.look_ahead(missing)? {
            return Ok(Found::Damage(damage));
        }
        self.ended = true;
        let what = format!("journal file {number} is missing, and was in use");
        let (sequence, last) = (self.expected, u64::MAX - 1);
        Ok(Found::Damage(Damage { sequence, last, streams: None, what }))
    }

    /// A file that holds nothing was emptied: it had its length before it had its name. Whatever was
    /// in it and after it is lost. Told once.
    fn take_empty_file(&mut self) -> Option<Damage> {
        let behind = self.place.file + 1;
        let (number, bytes) = *self.files.get(behind)?;
        if bytes >= BLOCK_BYTES {
            return None;
        }
        self.files.truncate(behind);
        let what = format!("journal file {number} was emptied: it has {bytes} bytes");
        // Whatever followed; a repaired stream's cursor lies even behind that.
        let (sequence, last) = (self.expected, u64::MAX - 1);
        Some(Damage { sequence, last, streams: None, what })
    }

    fn accept(&mut self, at: Position, round: Round) -> Found {
        let header = &round.header;
        if at.file != self.place.file {
            let (number, bytes) = self.files[at.file];
            self.entered.push(JournalFile { number, bytes, first: header.stamp.sequence });
        }
        self.expected = header.stamp.sequence + 1;
        self.incarnation = header.stamp.incarnation;
        self.bytes += u64::from(header.round_bytes);
        self.place = Position { file: at.file, at: at.at + u64::from(header.round_bytes) };
        Found::Round(round)
    }

    /// The round that belongs at `at`, or what is there instead.
    fn round_at(&mut self, at: Position) -> storage::Result<Result<Round, BadRound>> {
        let header = match self.header_at(at)? {
            Ok(header) => header,
            Err(error) => return Ok(Err(BadRound { error, header: None, streams: None })),
        };
        let stamp = &header.stamp;
        let runs = self.incarnation..=self.incarnation_max;
        let expected = stamp.sequence == self.expected && runs.contains(&stamp.incarnation);
        if !expected && !self.bugs.takes_stale {
            let error = crate::format::FormatError::Invalid {
                what: "journal round",
                why: "another round lies where it belongs",
            };
            return Ok(Err(BadRound { error, header: None, streams: None }));
        }
        let bytes = self.read(at, u64::from(header.round_bytes))?;
        Ok(Round::decode(&bytes))
    }

    /// The header at `at`, when it is one of this directory's that was written there.
    fn header_at(
        &mut self,
        at: Position,
    ) -> storage::Result<Result<RoundHeader, crate::format::FormatError>> {
        let bytes = self.read(at, BLOCK_BYTES)?;
        let header = match RoundHeader::decode(&bytes) {
            Ok(header) => header,
            Err(error) => return Ok(Err(error)),
        };
        let stamp = &header.stamp;
        let placed = self.bugs.takes_stale
            || (stamp.file == self.files[at.file].0 && stamp.position == at.at);
        if stamp.directory == self.directory && placed {
            return Ok(Ok(header));
        }
        Ok(Err(crate::format::FormatError::Invalid {
            what: "journal round",
            why: "it was written elsewhere",
        }))
    }

    /// Whether the missing round was durable: some later round says so.
    fn look_ahead(&mut self, bad: BadRound) -> storage::Result<Found> {
        let missing = self.expected;
        let mut at = Position { at: self.place.at + BLOCK_BYTES, ..self.place };
        while at.file < self.files.len() {
            while at.at + BLOCK_BYTES <= self.files[at.file].1 {
                let header = RoundHeader::decode(&self.read(at, BLOCK_BYTES)?).ok();
                let ours = header.filter(|header| header.stamp.directory == self.directory);
                if let Some(RoundHeader { stamp, entry_count, .. }) = ours
                    && stamp.sequence >= missing
                    && stamp.durable_mark + 1 >= missing
                {
                    let placed = stamp.file == self.files[at.file].0 && stamp.position == at.at;
                    // The mark at the end of a file's former life bears the first number that is needed.
                    if !placed && entry_count > 0 {
                        return Ok(self.end_misplaced(at, stamp.file));
                    }
                    if placed && stamp.sequence > missing && stamp.durable_mark >= missing {
                        return Ok(self.skip_to(at, &bad, stamp.sequence));
                    }
                }
                at.at += BLOCK_BYTES;
            }
            at = Position { file: at.file + 1, at: 0 };
        }
        Ok(Found::End)
    }

    /// A round that is still needed lies in a file that it was not written to: files were exchanged,
    /// or copied over one another. What a file held before it got its number is never needed.
    fn end_misplaced(&mut self, at: Position, written_to: u32) -> Found {
        self.ended = true;
        let found = self.files[at.file].0;
        let what = format!("journal file {found} holds what was written to file {written_to}");
        let (sequence, last) = (self.expected, u64::MAX - 1);
        Found::Damage(Damage { sequence, last, streams: None, what })
    }

    fn skip_to(&mut self, at: Position, bad: &BadRound, sequence: u64) -> Found {
        let missing = self.expected;
        // The list speaks for one round; when more are missing nobody knows whose they were.
        let known = bad.streams.as_ref().filter(|_| sequence == missing + 1);
        let damage = Damage {
            sequence: missing,
            last: sequence - 1,
            streams: known.cloned(),
            what: format!("journal round {missing} was durable and is lost: {}", bad.error),
        };
        if at.file != self.place.file {
            let (number, bytes) = self.files[at.file];
            self.entered.push(JournalFile { number, bytes, first: sequence });
        }
        self.place = at;
        self.expected = sequence;
        Found::Damage(damage)
    }

    /// Bytes of a file, as many as there are.
    fn read(&mut self, at: Position, bytes: u64) -> storage::Result<Bytes> {
        let (start, held) = &self.window;
        if start.file == at.file && at.at >= start.at {
            let from = at.at - start.at;
            if from + bytes <= held.len() as u64 {
                return Ok(held.slice(from as usize..(from + bytes) as usize));
            }
        }
        let (number, length) = self.files[at.file];
        let upto = (at.at + bytes.max(WINDOW_BYTES)).min(length);
        let mut buffer = vec![0; upto.saturating_sub(at.at) as usize];
        let file = self.storage.open(&journal_path(number), OpenMode::READ)?;
        let got = file.read_at(at.at, &mut buffer)?;
        buffer.truncate(got);
        self.window = (at, buffer.into());
        let held = &self.window.1;
        Ok(held.slice(..held.len().min(bytes as usize)))
    }
}
