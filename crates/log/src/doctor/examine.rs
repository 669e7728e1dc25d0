//! One examination, from the superblock down.

use std::collections::{BTreeMap, BTreeSet};

use ottla_model::{Offset, StreamId};

use super::beside;
use super::content::Content;
use super::journal::{self, Journal, LAST_EVER, Lost, Part};
use super::report::{
    CheckpointFacts, Finding, JournalFacts, Repair, Report, Severity, StreamFacts,
};
use super::walk::{Bad, Walked, walk};
use crate::StreamSettings;
use crate::format::names::{
    CHECKPOINT, CHECKPOINT_OLD, JOURNAL_DIR, LOCK, STREAMS_DIR, SUPERBLOCK, journal_path,
    parse_segment_file, parse_stream_dir, stream_path,
};
use crate::format::{Checkpoint, Cursor, DirectoryRole, Operation, Round, Superblock};
use crate::producers::ProducerLimits;
use crate::storage::{Entry, Result, Storage, join, read_whole};

/// Largest superblock that is read.
const SUPERBLOCK_BYTES_MAX: u64 = 4096;
/// Largest checkpoint that is read.
pub(super) const CHECKPOINT_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// Names that belong at the top of a data directory.
const TOP: [&str; 6] = [SUPERBLOCK, LOCK, CHECKPOINT, CHECKPOINT_OLD, JOURNAL_DIR, STREAMS_DIR];

/// Looks at a data directory and its journal's (the same one where the journal lies inside), and
/// changes nothing. The directory must not be in use; its caller holds the lock, or knows.
///
/// # Errors
/// Only when the directory itself cannot be listed. Everything else is a finding.
pub fn examine(data: &dyn Storage, journal: &dyn Storage) -> Result<Report> {
    let mut report = Report::default();
    let top = data.list("")?;
    look_for_strays(&top, &mut report);
    if let Some(mut assembled) = assemble(data, journal, &mut report) {
        for content in assembled.contents.values_mut() {
            check_stream(content, data, &mut report);
        }
        look_for_stray_streams(data, &assembled.contents, &mut report);
    }
    report.settle();
    Ok(report)
}

/// A directory put together from its checkpoint and journal.
#[derive(Debug)]
pub(super) struct Assembled {
    pub(super) checkpoint: Checkpoint,
    pub(super) contents: BTreeMap<StreamId, Content>,
}

/// Puts the directory together; `None` where it cannot be, which the report says why.
pub(super) fn assemble(
    data: &dyn Storage,
    journal: &dyn Storage,
    report: &mut Report,
) -> Option<Assembled> {
    let superblock = superblock(data, journal, report)?;
    report.superblock = Some(superblock.clone());
    let checkpoint = checkpoint(data, journal, &superblock, report)?;
    streams(data, journal, checkpoint, report)
}

fn look_for_strays(top: &[Entry], report: &mut Report) {
    for entry in top.iter().filter(|entry| !TOP.contains(&entry.name.as_str())) {
        let what = if entry.name.ends_with(".tmp") || entry.name.ends_with(".new") {
            "a replacement that was not finished"
        } else {
            "it is none of ours"
        };
        report.find(Finding::new(Severity::Note, &entry.name, what).advise("it is left alone"));
    }
}

/// Reads a small file whole: not there, or a sentence of what is wrong.
fn read_small(
    storage: &dyn Storage,
    path: &str,
    bytes_max: u64,
) -> std::result::Result<Option<Vec<u8>>, String> {
    match read_whole(storage, path, bytes_max) {
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.to_string()),
        Ok(None) => Err("it is far too long".to_owned()),
        Ok(bytes) => Ok(bytes),
    }
}

fn superblock(
    data: &dyn Storage,
    journal: &dyn Storage,
    report: &mut Report,
) -> Option<Superblock> {
    let broken = |what: String| {
        Finding::new(Severity::Broken, SUPERBLOCK, what)
            .advise("without it nobody knows whose data this is; bring it back from a backup")
    };
    let read = |storage| {
        let bytes = read_small(storage, SUPERBLOCK, SUPERBLOCK_BYTES_MAX)?;
        let decoded = bytes.map(|bytes| Superblock::decode(&bytes)).transpose();
        decoded.map_err(|error| error.to_string())
    };
    let superblock = match read(data) {
        Ok(Some(superblock)) => superblock,
        Ok(None) if data.list(STREAMS_DIR).is_ok_and(|streams| !streams.is_empty()) => {
            report.find(broken("it is missing, and the directory holds streams".to_owned()));
            return None;
        }
        Ok(None) => return None,
        Err(what) => {
            report.find(broken(what));
            return None;
        }
    };
    match superblock.role {
        DirectoryRole::Whole => {}
        DirectoryRole::Data => check_twin(&superblock, read(journal), report),
        DirectoryRole::Journal => report.find(
            Finding::new(Severity::Broken, SUPERBLOCK, "this is the journal of another directory")
                .advise("give that one as the data directory, and this as its journal"),
        ),
    }
    Some(superblock)
}

fn check_twin(
    superblock: &Superblock,
    twin: std::result::Result<Option<Superblock>, String>,
    report: &mut Report,
) {
    let what = match twin {
        Err(what) => what,
        Ok(None) => "the journal directory has none".to_owned(),
        Ok(Some(twin))
            if twin.role != DirectoryRole::Journal
                || twin.directory != superblock.directory
                || twin.pairing != superblock.pairing =>
        {
            "the journal directory belongs to another data directory".to_owned()
        }
        Ok(Some(twin)) if twin.incarnation < superblock.incarnation => {
            "the journal directory is an older copy of itself".to_owned()
        }
        Ok(Some(twin)) if twin.incarnation > superblock.incarnation + 1 => {
            "the data directory is an older copy of itself".to_owned()
        }
        Ok(Some(_)) => return,
    };
    let advice = "give the journal directory that the data directory was made with";
    report.find(Finding::new(Severity::Broken, SUPERBLOCK, what).advise(advice));
}

fn checkpoint(
    data: &dyn Storage,
    journal: &dyn Storage,
    superblock: &Superblock,
    report: &mut Report,
) -> Option<Checkpoint> {
    let read = |path| -> std::result::Result<Option<Checkpoint>, String> {
        let Some(bytes) = read_small(data, path, CHECKPOINT_BYTES_MAX)? else { return Ok(None) };
        let checkpoint = Checkpoint::decode(&bytes, ProducerLimits::default());
        let checkpoint = checkpoint.map_err(|error| error.to_string())?;
        if checkpoint.directory == superblock.directory {
            return Ok(Some(checkpoint));
        }
        Err(format!("it is that of directory {}", checkpoint.directory))
    };
    let what = match read(CHECKPOINT) {
        Ok(Some(checkpoint)) => return Some(checkpoint),
        Ok(None) => "it is missing".to_owned(),
        Err(what) => what,
    };
    let missing = what == "it is missing";
    let old = read(CHECKPOINT_OLD).ok().flatten();
    let (severity, finding) = match &old {
        // A crash between the two renames of a replacement: the old name holds the newest.
        Some(_) if missing => (Severity::Mended, "the next start uses the one before it"),
        Some(old) if leads_on(old, journal) => {
            (Severity::Broken, "the journal still leads on from the one before it")
        }
        Some(_) | None => (Severity::Broken, "bring the directory back from a replica or a backup"),
    };
    let usable = old.filter(|old| severity == Severity::Mended || leads_on(old, journal));
    let finding = Finding::new(severity, CHECKPOINT, what).advise(finding);
    let offered = usable.is_some() && severity == Severity::Broken;
    report.find(if offered { finding.offer(Repair::UseOldCheckpoint) } else { finding });
    usable
}

/// Whether the journal still has the round from which this checkpoint is to be replayed.
fn leads_on(checkpoint: &Checkpoint, journal: &dyn Storage) -> bool {
    let path = journal_path(checkpoint.replay.file);
    let Ok(bytes) = journal.open(&path, crate::storage::OpenMode::READ).and_then(|file| {
        let mut head = vec![0; 4096];
        let got = file.read_at(0, &mut head)?;
        head.truncate(got);
        Ok(head)
    }) else {
        return false;
    };
    crate::format::RoundHeader::decode(&bytes).is_ok_and(|header| {
        header.stamp.directory == checkpoint.directory
            && header.stamp.sequence == checkpoint.replay.sequence
    })
}

fn streams(
    data: &dyn Storage,
    journal: &dyn Storage,
    checkpoint: Checkpoint,
    report: &mut Report,
) -> Option<Assembled> {
    report.checkpoint = Some(CheckpointFacts {
        incarnation: checkpoint.incarnation,
        clean: checkpoint.clean,
        first_sequence: checkpoint.replay.sequence,
        streams: checkpoint.streams.len(),
    });
    let read = read_journal(journal, &checkpoint, report)?;
    let known = checkpoint.streams.iter().cloned();
    let mut contents: BTreeMap<StreamId, Content> =
        known.map(|stream| (stream.stream, Content::new(stream))).collect();
    for part in read.parts {
        match part {
            Part::Round(round) => replay(&round, checkpoint.next_sequence, &mut contents, data),
            Part::Lost(lost) => lose(&lost, checkpoint.next_sequence, &mut contents, report),
        }
    }
    Some(Assembled { checkpoint, contents })
}

fn read_journal(
    journal: &dyn Storage,
    checkpoint: &Checkpoint,
    report: &mut Report,
) -> Option<Journal> {
    let path = journal_path(checkpoint.replay.file);
    let there = journal.open(&path, crate::storage::OpenMode::READ).and_then(|file| file.len());
    if !there.is_ok_and(|bytes| bytes > 0) {
        let finding =
            Finding::new(Severity::Broken, &path, "it is missing or empty, and is needed")
                .advise("bring it back, or the whole directory from a replica or a backup");
        report.find(finding);
    }
    let read = match journal::read(journal, checkpoint.directory, checkpoint.replay) {
        Ok(read) => read,
        Err(error) => {
            report.find(Finding::new(Severity::Broken, JOURNAL_DIR, error.to_string()));
            return None;
        }
    };
    for name in &read.strays {
        let path = join(JOURNAL_DIR, name);
        report.find(Finding::new(Severity::Note, &path, "it is none of ours"));
    }
    for (path, what) in &read.unreadable {
        report.find(Finding::new(Severity::Damage, path, what.clone()));
    }
    let rounds = || {
        read.parts.iter().filter_map(|part| match part {
            Part::Round(round) => Some(u64::from(round.header.round_bytes)),
            Part::Lost(_) => None,
        })
    };
    report.journal = JournalFacts {
        files: read.files,
        rounds: rounds().count() as u64,
        bytes: rounds().sum(),
        next_sequence: read.next_sequence,
    };
    Some(read)
}

/// Does what a round says. A stream that the checkpoint does not know was dropped before it, unless
/// it was made in one of the rounds since, `young` being the first of these.
fn replay(
    round: &Round,
    young: u64,
    contents: &mut BTreeMap<StreamId, Content>,
    data: &dyn Storage,
) {
    for entry in round.entries() {
        let place = Cursor { sequence: round.header.stamp.sequence, entry: entry.index };
        match (contents.get_mut(&entry.stream), entry.operation) {
            (None, Operation::Create { settings }) if place.sequence >= young => {
                contents.insert(entry.stream, Content::begun(entry.stream, settings));
            }
            (None, _) => {}
            (Some(content), Operation::Drop) => {
                if place >= content.checkpoint.cursor {
                    contents.remove(&entry.stream);
                }
            }
            (Some(content), operation) => content.apply(place, operation, data),
        }
    }
}

/// Rounds that were durable are gone: what they did is unknown to the streams that they may name.
/// One that only they knew is there from now on, empty: its absence would be taken for its end.
fn lose(lost: &Lost, young: u64, contents: &mut BTreeMap<StreamId, Content>, report: &mut Report) {
    let Lost { first, last, path, position, streams } = lost;
    for id in streams.iter().flatten().filter(|_| *first >= young) {
        contents.entry(*id).or_insert_with(|| Content::begun(*id, StreamSettings::default()));
    }
    let which = match *last {
        last if last == *first => format!("round {first}"),
        LAST_EVER => format!("round {first} and whatever followed it"),
        last => format!("rounds {first} to {last}"),
    };
    let hit = |content: &Content| {
        let named = streams.as_ref().is_none_or(|streams| streams.contains(&content.id()));
        named && content.checkpoint.cursor.sequence <= *last
    };
    let mut count = 0;
    for content in contents.values_mut().filter(|content| hit(content)) {
        count += 1;
        let what =
            format!("journal {which} held acknowledged operations of it, and cannot be read");
        content.broken.get_or_insert(what);
    }
    let what = format!("{which} before this place cannot be read, of {count} streams");
    report.find(Finding::new(Severity::Damage, path, what).at(*position));
}

fn check_stream(content: &mut Content, data: &dyn Storage, report: &mut Report) {
    let (mut rebuilt, complete) = beside::begin(content, data);
    let walked = walk(content, data, &mut rebuilt);
    beside::compare(content, &rebuilt, complete, data, report);
    tell_broken(content, report);
    tell_walk(content, &walked, report);
    report.streams.push(StreamFacts {
        stream: content.id(),
        settings: content.settings.clone(),
        log_start: content.log_start,
        log_end: content.end,
        segments: content.segments.len(),
        batches: walked.batches,
        records: walked.records,
        bytes: walked.bytes,
        journal_bytes: content.journal_bytes(),
    });
}

/// What stands between the stream and being used, apart from its bytes.
fn tell_broken(content: &Content, report: &mut Report) {
    let round = content.checkpoint.damaged;
    let found = content.broken.clone().or_else(|| {
        round.map(|round| format!("it lost acknowledged operations of journal round {round}"))
    });
    let Some(what) = found else { return };
    let (stream, end) = (content.id(), content.end);
    let finding = Finding::new(Severity::Damage, &stream_path(stream), what)
        .of(stream)
        .advise(format!("fetch it again from a replica, or let it go on from offset {end}"))
        .offer(Repair::CutStream { stream, to: end, end });
    report.find(finding);
}

fn tell_walk(content: &Content, walked: &Walked, report: &mut Report) {
    let (stream, end) = (content.id(), content.end);
    for Bad { path, position, offset, what } in &walked.bad {
        let to = (*offset).max(content.log_start);
        let finding = Finding::new(Severity::Damage, path, what.clone())
            .at(*position)
            .of(stream)
            .advise(format!("fetch it again from a replica, or give up offsets {to} to {end}"))
            .offer(Repair::CutStream { stream, to, end });
        report.find(finding);
    }
    if let Some(Bad { path, position, what, .. }) = &walked.torn {
        let finding =
            Finding::new(Severity::Note, path, what.clone()).at(*position).of(stream).advise(
                "the log ends here; the topic is relaxed, and nobody was told that more is safe",
            );
        report.find(finding);
    }
    if let Some(offset) = walked.strange_epoch {
        let what = format!("it says another leader epoch of offset {offset} than the batch there");
        let finding = Finding::new(Severity::Damage, CHECKPOINT, what)
            .of(stream)
            .advise("please report this");
        report.find(finding);
    }
}

fn look_for_stray_streams(
    data: &dyn Storage,
    contents: &BTreeMap<StreamId, Content>,
    report: &mut Report,
) {
    let listed = match data.list(STREAMS_DIR) {
        Ok(listed) => listed,
        Err(error) if error.is_not_found() && contents.is_empty() => return,
        Err(error) => {
            report.find(Finding::new(Severity::Damage, STREAMS_DIR, error.to_string()));
            return;
        }
    };
    for entry in listed {
        let path = join(STREAMS_DIR, &entry.name);
        let stream = parse_stream_dir(&entry.name).filter(|_| entry.is_dir);
        match stream.and_then(|stream| contents.get(&stream)) {
            Some(content) => look_for_stray_segments(data, content, report),
            None if stream.is_some() => report.find(
                Finding::new(Severity::Note, &path, "it is left over from a dropped stream")
                    .advise("the next start removes it"),
            ),
            None => report.find(Finding::new(Severity::Note, &path, "it is none of ours")),
        }
    }
}

fn look_for_stray_segments(data: &dyn Storage, content: &Content, report: &mut Report) {
    let path = stream_path(content.id());
    let bases: BTreeSet<Offset> = content.segments.iter().map(|segment| segment.base).collect();
    let listed = match data.list(&path) {
        Ok(listed) => listed,
        Err(error) => {
            report.find(Finding::new(Severity::Damage, &path, error.to_string()));
            return;
        }
    };
    for entry in listed {
        let file = parse_segment_file(&entry.name);
        if file.is_some_and(|(base, _)| bases.contains(&base)) {
            continue;
        }
        let what = match file {
            Some(_) => "it is left over from a segment that is gone",
            None => "it is none of ours",
        };
        report.find(Finding::new(Severity::Note, &join(&path, &entry.name), what).of(content.id()));
    }
}
