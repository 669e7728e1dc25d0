//! Doing one thing that a finding offered and a person confirmed.
//!
//! Every repair leaves the directory, after a crash at any step, either as it was or repaired: files
//! are completed first, and the checkpoint that relies on them is replaced whole, last.

use ottla_model::limits::BLOCK_BYTES;
use ottla_model::{Durability, Offset, StreamId, Timestamp};

use super::beside;
use super::content::{Content, Segment};
use super::examine::{Assembled, CHECKPOINT_BYTES_MAX, assemble, examine};
use super::report::{Repair, Report};
use super::walk::{Rebuilt, walk};
use crate::format::names::{
    CHECKPOINT, CHECKPOINT_OLD, LOCK, STREAMS_DIR, SegmentFile, parse_segment_file, segment_path,
    stream_path,
};
use crate::format::{Cursor, SegmentCheckpoint, StreamCheckpoint};
use crate::producers::ProducerTable;
use crate::storage::{
    OpenMode, Storage, StorageError, make_dirs, name_of, parent_of, read_whole, replace_whole,
};

/// A repair was not done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RepairError {
    /// The directory is in use.
    #[error("the directory is in use; stop its broker first")]
    InUse,
    /// The directory is not as it was when this was offered.
    #[error("this is not what the directory needs now; examine it again")]
    NotOffered,
    /// Something else has to be done first, or cannot be done at all.
    #[error("stream {stream} cannot be cut there: {what}")]
    Cut {
        /// The stream.
        stream: StreamId,
        /// What stands in the way.
        what: String,
    },
    /// The disk failed. What was there is still there.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Does what a finding offered. Takes the directory's lock; examine again afterwards.
///
/// # Errors
/// When the directory is in use, is not as it was, or the disk fails.
pub fn repair(
    data: &dyn Storage,
    journal: &dyn Storage,
    repair: &Repair,
) -> Result<(), RepairError> {
    let _lock = data.lock(LOCK).map_err(|error| match error {
        StorageError::Busy { .. } => RepairError::InUse,
        other => other.into(),
    })?;
    let report = examine(data, journal)?;
    if !report.findings.iter().any(|finding| finding.repair.as_ref() == Some(repair)) {
        return Err(RepairError::NotOffered);
    }
    match repair {
        Repair::RemoveFile { path } => remove_file(data, path),
        Repair::UseOldCheckpoint => use_old_checkpoint(data),
        Repair::CutStream { stream, to, .. } => cut_stream(data, journal, *stream, *to),
    }
}

/// Removes a file beside a segment, and nothing else whatever the path says.
fn remove_file(data: &dyn Storage, path: &str) -> Result<(), RepairError> {
    let beside = parse_segment_file(name_of(path));
    match beside.filter(|(_, file)| *file != SegmentFile::Log) {
        Some(_) => data.remove_file(path)?,
        None => return Err(RepairError::NotOffered),
    }
    Ok(data.sync_dir(parent_of(path))?)
}

fn use_old_checkpoint(data: &dyn Storage) -> Result<(), RepairError> {
    match read_whole(data, CHECKPOINT_OLD, CHECKPOINT_BYTES_MAX)? {
        Some(bytes) => Ok(replace_whole(data, CHECKPOINT, &bytes, None)?),
        None => Err(RepairError::NotOffered),
    }
}

/// Brings everything of a stream below `to` into its files, and places its cursor behind the journal.
fn cut_stream(
    data: &dyn Storage,
    journal: &dyn Storage,
    stream: StreamId,
    to: Offset,
) -> Result<(), RepairError> {
    let refuse = |what: String| RepairError::Cut { stream, what };
    let assembled = assemble(data, journal, &mut Report::default());
    let Some(Assembled { mut checkpoint, mut contents }) = assembled else {
        return Err(RepairError::NotOffered);
    };
    let content = contents.get_mut(&stream).ok_or(RepairError::NotOffered)?;
    if to <= content.log_start {
        content.clear(to);
    } else {
        content.truncate(to, data).map_err(refuse)?;
    }
    // Whatever the journal has need not be in the file: it is brought there now.
    content.segments.iter_mut().for_each(|segment| segment.filled = 0);
    let (mut rebuilt, complete) = beside::begin(content, data);
    let walked = walk(content, data, &mut rebuilt);
    if let Some(bad) = walked.bad.first() {
        return Err(refuse(format!("{} is bad before it, at {}", bad.path, bad.position)));
    }
    write_out(content, data)?;
    // Behind whatever was lost, of which nobody knows how much it was; the next start brings the cursor
    // back to the journal's end.
    let cursor = Cursor { sequence: u64::MAX, entry: 0 };
    let repaired = describe(content, &rebuilt, complete, cursor, checkpoint.written_at);
    checkpoint.streams.retain(|other| other.stream != stream);
    let at = checkpoint.streams.partition_point(|other| other.stream < stream);
    checkpoint.streams.insert(at, repaired);
    checkpoint.clean = false;
    Ok(replace_whole(data, CHECKPOINT, &checkpoint.encode(), Some(CHECKPOINT_OLD))?)
}

/// Makes the files hold all of the content.
fn write_out(content: &Content, data: &dyn Storage) -> Result<(), RepairError> {
    make_dirs(data, STREAMS_DIR)?;
    make_dirs(data, &stream_path(content.id()))?;
    let last = content.segments.len() - 1;
    for (at, segment) in content.segments.iter().enumerate() {
        let path = segment_path(content.id(), segment.base, SegmentFile::Log);
        let file = data.open(&path, OpenMode::CREATE)?;
        for (position, bytes) in segment.overlay() {
            file.write_at(position, bytes)?;
        }
        if at == last || segment.overlay().next().is_some() {
            // Cut first, so that what follows the last batch in its block is zeros.
            file.set_len(segment.bytes)?;
            file.set_len(length_in_file(content, segment, at == last))?;
            file.sync_with_metadata()?;
        }
    }
    // An index of a segment that is written to again would be of its former self.
    let base = content.segments[last].base;
    match data.remove_file(&segment_path(content.id(), base, SegmentFile::Index)) {
        Err(error) if !error.is_not_found() => return Err(error.into()),
        _ => {}
    }
    Ok(data.sync_dir(&stream_path(content.id()))?)
}

/// A stream that rests has its last block whole in the file; one that is not journalled ends exactly.
fn length_in_file(content: &Content, segment: &Segment, is_last: bool) -> u64 {
    match content.settings.durability {
        Durability::Fsync if is_last => segment.bytes.next_multiple_of(BLOCK_BYTES),
        Durability::Fsync | Durability::Relaxed => segment.bytes,
    }
}

/// What the checkpoint is to say of the repaired stream.
fn describe(
    content: &Content,
    rebuilt: &Rebuilt,
    complete: bool,
    cursor: Cursor,
    written_at: Timestamp,
) -> StreamCheckpoint {
    let before = &content.checkpoint;
    let segments: Vec<SegmentCheckpoint> = content
        .segments
        .iter()
        .zip(&rebuilt.segments)
        .map(|(segment, known)| SegmentCheckpoint {
            base: segment.base,
            bytes: segment.bytes,
            largest: known.index.largest(),
            created_at: before
                .segments
                .iter()
                .find(|former| former.base == segment.base)
                .map_or(written_at, |former| former.created_at),
        })
        .collect();
    let mut epochs = before.epochs.clone();
    epochs.truncate(content.settled);
    for start in rebuilt.epochs.iter().filter(|start| start.start >= content.settled) {
        // What the log says against the cache was reported; the cache is not made worse by it.
        let _ = epochs.assign(start.epoch, start.start);
    }
    StreamCheckpoint {
        stream: content.id(),
        settings: content.settings.clone(),
        damaged: None,
        log_start: content.log_start.min(content.end),
        cursor,
        end: content.end,
        filled: segments.last().map_or(0, |last| last.bytes),
        segments,
        epochs,
        producers: producers(content, rebuilt, complete),
        hard_state: before.hard_state.clone(),
    }
}

/// The producers as of the new end: of the two sources, the one that knows more.
fn producers(content: &Content, rebuilt: &Rebuilt, complete: bool) -> ProducerTable {
    let is_settled = content.settled == content.checkpoint.end;
    if complete || !is_settled {
        return rebuilt.producers.clone();
    }
    let mut table = content.checkpoint.producers.clone();
    for (batch, seen) in rebuilt.late.iter().filter(|(b, _)| b.base_offset >= content.settled) {
        table.record(batch, *seen);
    }
    table
}
