//! Holding what was recovered against the files that are there.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_model::Offset;

use crate::directory::{RecoveryReport, Shared};
use crate::error::OpenError;
use crate::format::names::{
    STREAMS_DIR, SegmentFile, parse_segment_file, parse_stream_dir, stream_path,
};
use crate::segment::{Item, SegmentName, Use, WalkError};
use crate::storage::StorageError;
use crate::stream::{Life, Stream};

/// Compares the lengths of a stream's files with what they should hold: a missing or empty file is
/// never an empty log (L5). Files of segments that are none of it any more become garbage.
pub(super) fn check_files(shared: &Shared, stream: &Arc<Stream>) -> Result<(), OpenError> {
    let files = lengths(shared, stream)?;
    let mut state = stream.state.lock();
    if state.life != Life::Live {
        return Ok(());
    }
    // A file that a checkpoint named and that nobody misses is made again when it is written to.
    for segment in &mut state.segments {
        segment.made &= files.contains_key(&segment.base);
    }
    let mut short = None;
    for (at, segment) in state.segments.iter().enumerate() {
        // What lies below the start is not missed: it goes with the next checkpoint.
        if state.segments.get(at + 1).is_some_and(|next| next.base <= state.log_start) {
            continue;
        }
        let have = files.get(&segment.base).copied();
        if segment.written > have.unwrap_or(0) {
            short = Some(format!(
                "the file of segment {} has {} of {} bytes",
                segment.base,
                have.map_or("none".to_owned(), |bytes| bytes.to_string()),
                segment.written
            ));
        }
    }
    let known = |base: &Offset| state.segments.iter().any(|segment| segment.base == *base);
    for base in files.keys().filter(|base| !known(base)) {
        let name = SegmentName { stream: stream.id(), base: *base };
        shared.files.garbage.lock().add(Item::Segment(name));
    }
    drop(state);
    if let Some(what) = short {
        stream.mark_damaged(0, what);
    }
    Ok(())
}

fn lengths(shared: &Shared, stream: &Stream) -> Result<BTreeMap<Offset, u64>, OpenError> {
    let entries = match shared.data.list(&stream_path(stream.id())) {
        Err(StorageError::NotFound { .. }) => return Ok(BTreeMap::new()),
        other => other?,
    };
    let logs = entries.iter().filter_map(|entry| match parse_segment_file(&entry.name) {
        Some((base, SegmentFile::Log)) => Some((base, entry.bytes)),
        _ => None,
    });
    Ok(logs.collect())
}

/// Directories of streams that are none any more become garbage; other names are reported.
pub(super) fn find_strays(
    shared: &Arc<Shared>,
    report: &mut RecoveryReport,
) -> Result<(), OpenError> {
    let entries = match shared.data.list(STREAMS_DIR) {
        Err(StorageError::NotFound { .. }) => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let Some(id) = parse_stream_dir(&entry.name) else {
            report
                .notes
                .push(format!("`{STREAMS_DIR}/{}` is none of ours; it is left alone", entry.name));
            continue;
        };
        let known = shared.streams.read().contains_key(&id);
        if !known && shared.files.garbage.lock().stream(id).is_none() {
            let gone = Stream::dropped(shared, id);
            shared.files.garbage.lock().add(Item::Stream(gone));
        }
    }
    Ok(())
}

/// A relaxed stream's file may have been cut after the checkpoint, by a truncation that the journal
/// holds. Then the stream ends with the last whole batch that is there.
pub(super) fn shorten_relaxed(stream: &Arc<Stream>) -> Result<(), String> {
    let (name, bytes) = {
        let state = stream.state.lock();
        (SegmentName { stream: stream.id(), base: state.active().base }, state.active().bytes)
    };
    let length = match stream.shared.files.open(name, Use::Read) {
        Ok(file) => file.len().map_err(|error| error.to_string())?,
        Err(StorageError::NotFound { .. }) => 0,
        Err(error) => return Err(error.to_string()),
    };
    if length >= bytes {
        return Ok(());
    }
    stream.shorten_to(length).map_err(|error: WalkError| error.to_string())
}
