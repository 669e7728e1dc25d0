//! The files beside a segment, held against what the walk rebuilt (L6).
//!
//! They are hints: an index is checked against the batch it leads to, a snapshot saves a walk. So one
//! that is bad costs nothing but being built again, and removing it is always safe.

use ottla_model::{Offset, StreamId};

use super::content::Content;
use super::report::{Finding, Repair, Report, Severity};
use super::walk::{Rebuilt, RebuiltSegment};
use crate::format::names::{SegmentFile, segment_path};
use crate::format::{index_file, producers_file::ProducerSnapshot};
use crate::index::SparseIndex;
use crate::producers::{ProducerLimits, ProducerState, ProducerTable};
use crate::storage::{Storage, read_whole};

/// Largest file beside a segment that is read.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A file beside a segment: not there, unreadable, or what it holds.
#[derive(Debug)]
enum Beside<T> {
    Missing,
    Bad(String),
    Good(T),
}

fn read<T, E: std::fmt::Display>(
    storage: &dyn Storage,
    path: &str,
    decode: impl FnOnce(&[u8]) -> Result<T, E>,
) -> Beside<T> {
    match read_whole(storage, path, FILE_BYTES_MAX) {
        Err(error) if error.is_not_found() => Beside::Missing,
        Err(error) => Beside::Bad(error.to_string()),
        Ok(None) => Beside::Bad("it is far too long".to_owned()),
        Ok(Some(bytes)) => match decode(&bytes) {
            Ok(good) => Beside::Good(good),
            Err(error) => Beside::Bad(error.to_string()),
        },
    }
}

fn read_index(storage: &dyn Storage, stream: StreamId, base: Offset) -> Beside<SparseIndex> {
    let path = segment_path(stream, base, SegmentFile::Index);
    read(storage, &path, index_file::decode)
}

fn read_producers(
    storage: &dyn Storage,
    stream: StreamId,
    base: Offset,
) -> Beside<ProducerSnapshot> {
    let path = segment_path(stream, base, SegmentFile::Producers);
    read(storage, &path, |bytes| ProducerSnapshot::decode(bytes, ProducerLimits::default()))
}

/// A rebuild that begins as well as it can: from the first segment's snapshot where what was before
/// it is gone. Whether that is the whole truth is the second answer.
pub(super) fn begin(content: &Content, storage: &dyn Storage) -> (Rebuilt, bool) {
    let stream = content.id();
    let first = content.segments.first().map_or(Offset::ZERO, |segment| segment.base);
    let (table, complete) = match read_producers(storage, stream, first) {
        Beside::Good(snapshot) if snapshot.upto == first => (snapshot.table, true),
        _ => (ProducerTable::new(ProducerLimits::default()), first == Offset::ZERO),
    };
    let intervals =
        content.segments.iter().map(|segment| match read_index(storage, stream, segment.base) {
            Beside::Good(index) => index.interval_bytes(),
            Beside::Missing | Beside::Bad(_) => u32::MAX,
        });
    (Rebuilt::new(table, content.settled, intervals.collect()), complete)
}

/// Reports every file beside a segment that does not hold what it should.
pub(super) fn compare(
    content: &Content,
    rebuilt: &Rebuilt,
    complete: bool,
    storage: &dyn Storage,
    report: &mut Report,
) {
    let stream = content.id();
    for segment in &rebuilt.segments {
        let index = read_index(storage, stream, segment.base);
        if let Some(what) = what_of_index(&index, segment) {
            mended(stream, segment.base, SegmentFile::Index, what, report);
        }
        let producers = read_producers(storage, stream, segment.base);
        if let Some(what) = what_of_producers(&producers, segment, complete) {
            mended(stream, segment.base, SegmentFile::Producers, what, report);
        }
    }
    let claimed = &content.checkpoint.producers;
    // Comparable where the log still has the offset that the checkpoint speaks of.
    let comparable = content.settled == content.checkpoint.end
        && rebuilt.segments.first().is_some_and(|first| first.base <= content.settled);
    let known = rebuilt.producers_upto.as_ref().filter(|_| comparable);
    let strange = known.and_then(|table| differs(claimed, table, complete));
    if let Some(what) = strange {
        let finding = Finding::new(Severity::Damage, crate::format::names::CHECKPOINT, what)
            .of(stream)
            .advise("duplicates of its producers may not be recognised; please report this");
        report.find(finding);
    }
}

fn mended(stream: StreamId, base: Offset, file: SegmentFile, what: String, report: &mut Report) {
    let path = segment_path(stream, base, file);
    let finding = Finding::new(Severity::Mended, &path, what)
        .of(stream)
        .advise("it is built again when it is needed; removing it loses nothing")
        .offer(Repair::RemoveFile { path: path.clone() });
    report.find(finding);
}

fn what_of_index(found: &Beside<SparseIndex>, rebuilt: &RebuiltSegment) -> Option<String> {
    match found {
        Beside::Missing => None,
        Beside::Bad(what) => Some(what.clone()),
        Beside::Good(index) if index.base() != rebuilt.base => {
            Some(format!("it is the index of segment {}", index.base()))
        }
        Beside::Good(index) => {
            // The part of the segment that was walked is what the index can be held against.
            let entries = index.entries();
            let known = rebuilt.index.entries();
            let compared =
                if rebuilt.intact { entries.len() } else { known.len().min(entries.len()) };
            let equal = known.get(..compared).is_some_and(|known| known == &entries[..compared]);
            let ends = !rebuilt.intact || index.end() <= rebuilt.index.end();
            (!equal || !ends).then(|| "it leads to other places than the batches are at".to_owned())
        }
    }
}

fn what_of_producers(
    found: &Beside<ProducerSnapshot>,
    rebuilt: &RebuiltSegment,
    complete: bool,
) -> Option<String> {
    match found {
        Beside::Missing => None,
        Beside::Bad(what) => Some(what.clone()),
        Beside::Good(snapshot) if snapshot.upto != rebuilt.base => {
            Some(format!("it is as of offset {} instead of {}", snapshot.upto, rebuilt.base))
        }
        Beside::Good(snapshot) => differs(&snapshot.table, &rebuilt.producers, complete),
    }
}

/// The first producer of which the table says something else than the log. Producers that the table
/// misses were silent for long and are forgotten.
fn differs(claimed: &ProducerTable, rebuilt: &ProducerTable, complete: bool) -> Option<String> {
    // What was before the first segment is not in the log, so that it may know less.
    let agree = |known: &ProducerState, state: &ProducerState| {
        let same = known.batches() == state.batches();
        known.epoch == state.epoch
            && (same || !complete && state.batches().ends_with(known.batches()))
    };
    claimed.iter().find_map(|(producer, state)| match rebuilt.get(producer) {
        Some(known) if agree(known, state) => None,
        Some(_) => Some(format!("it says of producer {producer} something else than the log does")),
        None if complete => Some(format!("it knows producer {producer}, and the log does not")),
        None => None,
    })
}
