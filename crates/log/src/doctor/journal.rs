//! The journal, read by the doctor: which rounds are there, and where durable ones are missing.
//!
//! Other than recovery, which follows the chain from place to place, this collects every round that
//! lies where its header says and then asks which sequence of numbers they make.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_model::limits::BLOCK_BYTES;
use ottla_model::{DirectoryId, StreamId};

use crate::format::names::{JOURNAL_DIR, journal_path, parse_journal_file};
use crate::format::{JournalPlace, Round, RoundHeader};
use crate::storage::{OpenMode, Result, Storage, StorageFile};

/// Largest round that is read; headers that say more are none of ours.
const ROUND_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Stands for "nobody knows how many": a repaired stream's cursor lies even behind this.
pub(super) const LAST_EVER: u64 = u64::MAX - 1;

/// A journal file that has not its length yet, and so not its name.
const IN_THE_MAKING: &str = "new";

/// How much is searched for headers at a time.
const WINDOW_BYTES: u64 = 4 * 1024 * 1024;

/// The rounds that matter.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// Files there are.
    pub(super) files: usize,
    /// Files that are too short to hold anything, which none of ours ever was, or that are missing
    /// though the one before says that the journal goes on there, or hold what belongs to another.
    pub(super) emptied: Vec<u32>,
    /// Names in the directory that are none of ours.
    pub(super) strays: Vec<String>,
    /// Files that could not be read, and why.
    pub(super) unreadable: Vec<(String, String)>,
    /// The rounds, and what is between them, in order.
    pub(super) parts: Vec<Part>,
    /// The sequence of the round that would come next.
    pub(super) next_sequence: u64,
}

/// One step through the journal.
#[derive(Debug)]
pub(super) enum Part {
    /// An intact round.
    Round(Round),
    /// Rounds that were durable and are not there.
    Lost(Lost),
}

/// Rounds that were durable and are not there.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) first: u64,
    pub(super) last: u64,
    /// Where they would be: the file of what comes after.
    pub(super) path: String,
    pub(super) position: u64,
    /// Whose operations they held, when that is known.
    pub(super) streams: Option<Vec<StreamId>>,
}

/// A round's place and what of it can be read.
#[derive(Clone, Debug)]
struct Sighting {
    header: RoundHeader,
    /// The round, or the streams that it names when only these can be read.
    round: std::result::Result<Round, Option<Vec<StreamId>>>,
}

/// Reads the journal of this directory from `place` on.
pub(super) fn read(
    storage: &dyn Storage,
    directory: DirectoryId,
    place: JournalPlace,
) -> Result<Journal> {
    let first = place.sequence;
    let mut journal = Journal { next_sequence: first, ..Journal::default() };
    let mut seen: BTreeMap<u64, Sighting> = BTreeMap::new();
    let mut numbers = Vec::new();
    let mut goes_on = Vec::new();
    let mut told_by_marks = 0;
    for entry in list(storage)? {
        let Some(number) = parse_journal_file(&entry.name).filter(|_| !entry.is_dir) else {
            if entry.name != IN_THE_MAKING {
                journal.strays.push(entry.name);
            }
            continue;
        };
        journal.files += 1;
        numbers.push(number);
        if entry.bytes < BLOCK_BYTES && number >= place.file {
            journal.emptied.push(number);
        }
        let mut misplaced = false;
        let sightings = storage
            .open(&journal_path(number), OpenMode::READ)
            .and_then(|file| search(&*file, directory, number, first, &mut misplaced));
        if misplaced && number >= place.file {
            journal.emptied.push(number);
        }
        match sightings {
            Ok(sightings) => {
                // A round without entries says that the journal goes on in the next file.
                let (marks, rounds): (Vec<_>, Vec<_>) =
                    sightings.into_iter().partition(|sighting| sighting.header.entry_count == 0);
                rounds.into_iter().for_each(|sighting| meet(&mut seen, sighting));
                if !marks.is_empty() && number >= place.file {
                    goes_on.push(number + 1);
                    let told = marks.iter().map(|mark| mark.header.stamp.durable_mark).max();
                    told_by_marks = told_by_marks.max(told.unwrap_or(0));
                }
            }
            Err(error) => journal.unreadable.push((journal_path(number), error.to_string())),
        }
    }
    journal.emptied.extend(goes_on.into_iter().filter(|number| !numbers.contains(number)));
    journal.line_up(seen, told_by_marks);
    Ok(journal)
}

fn list(storage: &dyn Storage) -> Result<Vec<crate::storage::Entry>> {
    match storage.list(JOURNAL_DIR) {
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        other => other,
    }
}

/// Of two rounds with one number, that of the later run counts: it was written because the other
/// was not there to be found.
fn meet(seen: &mut BTreeMap<u64, Sighting>, sighting: Sighting) {
    let stamp = sighting.header.stamp;
    let known = seen.get(&stamp.sequence).map(|known| known.header.stamp.incarnation);
    if known.is_none_or(|known| known < stamp.incarnation) {
        seen.insert(stamp.sequence, sighting);
    }
}

/// Every round of this directory that lies in a file where it says it does; and whether one that is
/// needed says that it belongs elsewhere.
fn search(
    file: &dyn StorageFile,
    directory: DirectoryId,
    number: u32,
    first: u64,
    misplaced: &mut bool,
) -> Result<Vec<Sighting>> {
    let len = file.len()?;
    let mut found = Vec::new();
    let mut window = (0, Vec::new());
    let mut at = 0;
    while at + BLOCK_BYTES <= len {
        let header = RoundHeader::decode(head_at(file, &mut window, at)?).ok().filter(|header| {
            let size = u64::from(header.round_bytes);
            header.stamp.directory == directory && size <= ROUND_BYTES_MAX && size > 0
        });
        let here =
            |header: &RoundHeader| header.stamp.file == number && header.stamp.position == at;
        // The mark at the end of a file's former life bears the first number that is needed.
        *misplaced |= header.is_some_and(|header| {
            !here(&header) && header.entry_count > 0 && header.stamp.sequence >= first
        });
        let Some(header) = header.filter(here) else {
            at += BLOCK_BYTES;
            continue;
        };
        let mut step = BLOCK_BYTES;
        if header.stamp.sequence >= first {
            let sighting = read_round(file, header)?;
            if sighting.round.is_ok() {
                step = u64::from(header.round_bytes);
            }
            found.push(sighting);
        }
        at += step;
    }
    Ok(found)
}

/// The first bytes of the block at `at`, through a window so that a large file is read in large steps.
fn head_at<'w>(
    file: &dyn StorageFile,
    window: &'w mut (u64, Vec<u8>),
    at: u64,
) -> Result<&'w [u8]> {
    let (start, held) = &*window;
    if at < *start || at + BLOCK_BYTES > start + held.len() as u64 {
        let mut bytes = vec![0; WINDOW_BYTES as usize];
        let got = file.read_at(at, &mut bytes)?;
        bytes.truncate(got);
        *window = (at, bytes);
    }
    let from = ((at - window.0) as usize).min(window.1.len());
    Ok(&window.1[from..])
}

fn read_round(file: &dyn StorageFile, header: RoundHeader) -> Result<Sighting> {
    let mut bytes = vec![0; header.round_bytes as usize];
    let got = file.read_at(header.stamp.position, &mut bytes)?;
    bytes.truncate(got);
    let round = Round::decode(&Bytes::from(bytes)).map_err(|bad| bad.streams);
    Ok(Sighting { header, round })
}

impl Journal {
    /// Walks the numbers upward: a gap that a later intact round knows to have been durable is a
    /// loss, any other gap is the end.
    /// `told_by_marks` is what the ends of files know to have been durable.
    fn line_up(&mut self, seen: BTreeMap<u64, Sighting>, told_by_marks: u64) {
        let mark = |after: u64| {
            let intact = seen.range(after..).filter(|(_, sighting)| sighting.round.is_ok());
            intact.map(|(_, sighting)| sighting.header.stamp.durable_mark).max().unwrap_or(0)
        };
        let mut expected = self.next_sequence;
        loop {
            if let Some(Ok(round)) = seen.get(&expected).map(|sighting| &sighting.round) {
                self.parts.push(Part::Round(round.clone()));
                expected += 1;
                continue;
            }
            if mark(expected + 1) < expected && told_by_marks >= expected {
                self.parts.push(Part::Lost(lost_at_the_end(&seen, expected, told_by_marks)));
                expected = told_by_marks + 1;
                continue;
            }
            if mark(expected + 1) < expected {
                self.end_in_an_emptied_file(expected);
                break;
            }
            let after = seen.range(expected..).find(|(_, sighting)| sighting.round.is_ok());
            let (next, sighting) = after.expect("the mark is that of an intact round");
            self.parts.push(Part::Lost(lost(&seen, expected, *next, sighting)));
            expected = *next;
        }
        self.next_sequence = expected;
    }
}

impl Journal {
    /// Where a file was emptied nobody knows what came after the last round.
    fn end_in_an_emptied_file(&mut self, expected: u64) {
        if let Some(number) = self.emptied.first() {
            let (path, streams) = (journal_path(*number), None);
            let lost = Lost { first: expected, last: LAST_EVER, path, position: 0, streams };
            self.parts.push(Part::Lost(lost));
        }
    }
}

/// Rounds that are missing where a file ends with the word that the next one goes on.
fn lost_at_the_end(seen: &BTreeMap<u64, Sighting>, first: u64, last: u64) -> Lost {
    let sighting = seen.get(&first);
    let stamp = sighting.map(|sighting| sighting.header.stamp);
    let streams = match sighting.map(|sighting| &sighting.round) {
        Some(Err(streams)) if first == last => streams.clone(),
        _ => None,
    };
    let path = stamp.map_or_else(|| JOURNAL_DIR.to_owned(), |stamp| journal_path(stamp.file));
    Lost { first, last, path, position: stamp.map_or(0, |stamp| stamp.position), streams }
}

fn lost(seen: &BTreeMap<u64, Sighting>, first: u64, next: u64, after: &Sighting) -> Lost {
    let lists: Vec<Option<Vec<StreamId>>> = (first..next)
        .map(|sequence| match seen.get(&sequence).map(|sighting| &sighting.round) {
            Some(Err(streams)) => streams.clone(),
            Some(Ok(_)) | None => None,
        })
        .take(1024)
        .collect();
    let streams = lists.into_iter().collect::<Option<Vec<_>>>().map(|lists| lists.concat());
    let stamp = after.header.stamp;
    let path = journal_path(stamp.file);
    Lost { first, last: next - 1, path, position: stamp.position, streams }
}
