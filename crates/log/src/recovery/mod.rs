//! Coming back after any end: checkpoint, then every intact round after it, in order (L4, L13).
//!
//! Nothing on the disk is changed until all of it was read, apart from what a relaxed stream's torn
//! tail left behind. Then a new checkpoint begins the new run: whatever the last run had in flight is
//! settled by it, once and for all.

mod chain;
mod files;

use std::collections::VecDeque;
use std::sync::Arc;

use ottla_model::StreamId;

use crate::directory::{RecoveryReport, Shared};
use crate::error::OpenError;
use crate::format::{Checkpoint, Cursor, Operation, Round};
use crate::journal::JournalFile;
use crate::planted::Planted;
use crate::segment::Item;
use crate::storage::Storage;
use crate::stream::{Life, Stream, StreamState};

pub(crate) use chain::{Chain, ChainBugs, Damage, Found, journal_files};

/// Where the journal goes on.
#[derive(Debug)]
pub(crate) struct JournalEnd {
    /// Files in use, oldest first; the last is written to.
    pub(crate) live: VecDeque<JournalFile>,
    /// Files that may be used again.
    pub(crate) free: Vec<JournalFile>,
    /// Where in the last file.
    pub(crate) position: u64,
    /// The sequence of the next round.
    pub(crate) next_sequence: u64,
    /// Whether acknowledged rounds are missing.
    pub(crate) damaged: bool,
}

/// Brings back all streams; answers where the journal goes on.
pub(crate) fn recover(
    shared: &Arc<Shared>,
    journal: &dyn Storage,
    checkpoint: Checkpoint,
    report: &mut RecoveryReport,
) -> Result<JournalEnd, OpenError> {
    let replay = checkpoint.replay;
    let next_sequence = checkpoint.next_sequence;
    load_streams(shared, checkpoint)?;
    let files = journal_files(journal)?;
    let bugs = ChainBugs {
        never_damaged: shared.planted(Planted::MidlogTruncate),
        takes_stale: shared.planted(Planted::JournalStaleRound),
    };
    let Some(mut chain) = Chain::open(journal, &shared.identity, replay, &files, bugs) else {
        if shared.planted(Planted::ZeroLengthAccepted) {
            return Ok(empty_journal(&files, next_sequence));
        }
        let what = format!("journal file {} is missing or empty, and is needed", replay.file);
        return Err(OpenError::Damaged { what });
    };
    let damaged = replay_rounds(shared, &mut chain, next_sequence, report)?;
    report.journal_bytes = chain.bytes;
    end_replay(shared, chain.expected(), report)?;
    let end = chain.expected();
    let (live, position) = chain.into_end();
    let used: Vec<u32> = live.iter().map(|file| file.number).collect();
    let free = files.iter().filter(|(number, _)| !used.contains(number));
    let free = free.map(|(number, bytes)| JournalFile { number: *number, bytes: *bytes, first: 0 });
    Ok(JournalEnd { free: free.collect(), live, position, next_sequence: end, damaged })
}

/// Planted bug 57.
fn empty_journal(files: &[(u32, u64)], next_sequence: u64) -> JournalEnd {
    let (number, bytes) = files.last().copied().unwrap_or((1, 0));
    let file = JournalFile { number, bytes, first: next_sequence };
    JournalEnd { live: [file].into(), free: Vec::new(), position: 0, next_sequence, damaged: false }
}

fn load_streams(shared: &Arc<Shared>, checkpoint: Checkpoint) -> Result<(), OpenError> {
    for from in checkpoint.streams {
        let id = from.stream;
        let state = StreamState::from_checkpoint(from, shared.index_interval_bytes());
        let relaxed = !state.is_fsync();
        let stream = Stream::recovered(shared, state);
        if relaxed {
            files::shorten_relaxed(&stream).map_err(|what| OpenError::Damaged { what })?;
        }
        shared.streams.write().insert(id, stream);
    }
    Ok(())
}

fn replay_rounds(
    shared: &Arc<Shared>,
    chain: &mut Chain<'_>,
    checkpointed: u64,
    report: &mut RecoveryReport,
) -> Result<bool, OpenError> {
    let mut damaged = false;
    loop {
        match chain.next()? {
            Found::Round(round) => {
                report.rounds += 1;
                replay_round(shared, &round, checkpointed);
            }
            Found::Damage(damage) => {
                damaged = true;
                report.unnamed_loss |= damage.streams.is_none();
                take_offline(shared, &damage, checkpointed);
                report.notes.push(damage.what);
            }
            Found::End => return Ok(damaged),
        }
    }
}

/// SUBTLE: a stream that the checkpoint does not know was dropped before it, unless it was created in
/// the round that was to come next then, or later. Its drop need not be in the journal, since the
/// checkpoint itself made it durable; so its creation, which may well be, must not bring it back (C7).
fn replay_round(shared: &Arc<Shared>, round: &Round, checkpointed: u64) {
    let stamp = &round.header.stamp;
    for entry in round.entries() {
        let place = Cursor { sequence: stamp.sequence, entry: entry.index };
        let stream = shared.streams.read().get(&entry.stream).cloned();
        match (stream, entry.operation) {
            (None, Operation::Create { settings }) if stamp.sequence >= checkpointed => {
                create(shared, entry.stream, settings, place);
            }
            (None, operation) => {
                if shared.planted(Planted::DroppedTopicReplayed) {
                    revive(shared, entry.stream, operation, place);
                }
            }
            (Some(stream), Operation::Drop) => drop_stream(shared, &stream, place),
            (Some(stream), operation) => {
                if stream.is_lost_at(stamp.sequence) {
                    continue;
                }
                if let Err(what) = stream.replay(place, operation, stamp.written_at) {
                    stream.mark_damaged(stamp.sequence, what);
                }
            }
        }
    }
}

fn create(shared: &Arc<Shared>, id: StreamId, settings: crate::StreamSettings, place: Cursor) {
    let after = Cursor { entry: place.entry + 1, ..place };
    let limits = shared.producer_limits();
    let interval = shared.index_interval_bytes();
    let mut state = StreamState::begin(id, settings, limits, interval, after);
    state.known = true;
    shared.streams.write().insert(id, Stream::recovered(shared, state));
}

/// Planted bug 65.
fn revive(shared: &Arc<Shared>, id: StreamId, operation: Operation, place: Cursor) {
    create(shared, id, crate::StreamSettings::default(), place);
    let stream = shared.streams.read().get(&id).cloned();
    if let Some(stream) = stream {
        let _ = stream.replay(
            Cursor { entry: place.entry + 1, ..place },
            operation,
            ottla_model::Timestamp(0),
        );
    }
}

fn drop_stream(shared: &Arc<Shared>, stream: &Arc<Stream>, place: Cursor) {
    if place < stream.state.lock().ops.placed_upto() {
        return;
    }
    stream.die(&mut stream.state.lock());
    shared.streams.write().remove(&stream.id());
    shared.files.garbage.lock().add(Item::Stream(Arc::clone(stream)));
}

fn take_offline(shared: &Arc<Shared>, damage: &Damage, checkpointed: u64) {
    // One that only the lost round knew lost all it had. It is there, empty, so that nobody takes its
    // absence for its end.
    for id in damage.streams.iter().flatten() {
        if damage.sequence >= checkpointed && !shared.streams.read().contains_key(id) {
            let place = Cursor { sequence: damage.sequence, entry: 0 };
            create(shared, *id, crate::StreamSettings::default(), place);
        }
    }
    for stream in shared.all_streams() {
        let named = damage.streams.as_ref().is_none_or(|streams| streams.contains(&stream.id()));
        // A stream whose checkpoint contains what the round held, or was repaired past it, lost nothing.
        let needed = stream.state.lock().ops.placed_upto().sequence <= damage.last;
        if named && needed {
            stream.mark_damaged(damage.sequence, damage.what.clone());
        }
    }
}

fn end_replay(
    shared: &Arc<Shared>,
    next_sequence: u64,
    report: &mut RecoveryReport,
) -> Result<(), OpenError> {
    let end = Cursor { sequence: next_sequence, entry: 0 };
    for stream in shared.all_streams() {
        let relaxed = !stream.state.lock().is_fsync();
        if relaxed {
            let walked = stream.walk_relaxed();
            walked.map_err(|error| OpenError::Damaged { what: error.to_string() })?;
        }
        if let Err(what) = stream.end_replay(end) {
            stream.mark_damaged(next_sequence, what);
        }
        files::check_files(shared, &stream)?;
        if let Life::Damaged { what, .. } = &stream.state.lock().life {
            report.damaged.push((stream.id(), what.clone()));
        }
    }
    files::find_strays(shared, report)?;
    report.streams = shared.streams.read().len();
    Ok(())
}
