//! One log: appends at its end, reads anywhere, truncation and a start that moves.

use bytes::Bytes;
use ottla_model::{LeaderEpoch, Offset, StreamId, Timestamp};
use ottla_record::StampedBatch;

use crate::StreamSettings;
use crate::error::{ReadError, StreamError};
use crate::producers::{ProducerBatch, Verdict};

/// The offsets of one stream, read together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamOffsets {
    /// The first offset.
    pub log_start: Offset,
    /// The offset that the next record will get.
    pub log_end: Offset,
    /// Everything below counts as safe: on stable storage (`fsync`), in the kernel's hands (`relaxed`).
    pub durable_end: Offset,
    /// Everything below is on stable storage.
    pub flushed_end: Offset,
}

/// What to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadRequest {
    /// The offset to begin at; the batch that holds it comes whole.
    pub from: Offset,
    /// The offset to stop before: the high watermark, or the log's end for a replica. Only batches
    /// that lie wholly below come.
    pub upto: Offset,
    /// How many bytes to stop at. The first batch comes whatever its size.
    pub bytes_max: u64,
    /// Answer [`ReadOutcome::Cold`] rather than touch a file.
    pub tail_only: bool,
}

/// Whole batches, as they were appended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slice {
    /// Their bytes, end to end. A batch may be spread over chunks.
    pub chunks: Vec<Bytes>,
    /// The first batch's base offset; may be below what was asked for.
    pub start: Offset,
    /// Where to read on.
    pub next: Offset,
}

/// What a read gave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReadOutcome {
    /// These batches; none when there are none below the limit yet.
    Slice(Slice),
    /// A file is needed, and was not wanted.
    Cold,
}

/// One log. Shared; every method takes what it needs for as short as it can.
pub struct Stream {
    id: StreamId,
    directory: std::sync::Weak<crate::directory::StandIn>,
    state: parking_lot::Mutex<StandInState>,
}

struct StandInState {
    settings: StreamSettings,
    batches: Vec<(Offset, Offset, Timestamp, Bytes)>,
    log_start: Offset,
    durable_end: Offset,
    epoch: Option<LeaderEpoch>,
    producers: crate::producers::ProducerTable,
}

impl StandInState {
    fn end(&self) -> Offset {
        self.batches.last().map_or(Offset::ZERO, |(_, next, ..)| *next)
    }
}

impl Stream {
    pub(crate) fn new(
        id: StreamId,
        settings: StreamSettings,
        directory: std::sync::Weak<crate::directory::StandIn>,
    ) -> Self {
        let state = StandInState {
            settings,
            batches: Vec::new(),
            log_start: Offset::ZERO,
            durable_end: Offset::ZERO,
            epoch: None,
            producers: crate::producers::ProducerTable::new(Default::default()),
        };
        Self { id, directory, state: parking_lot::Mutex::new(state) }
    }

    pub(crate) fn make_durable(&self) -> Offset {
        let mut state = self.state.lock();
        state.durable_end = state.end();
        state.durable_end
    }

    /// Which log this is.
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// Its settings.
    pub fn settings(&self) -> StreamSettings {
        self.state.lock().settings.clone()
    }

    /// Changes its settings, from the next append on.
    ///
    /// # Errors
    /// When the stream or the directory takes nothing any more.
    pub fn alter(&self, settings: StreamSettings) -> Result<(), StreamError> {
        self.state.lock().settings = settings;
        Ok(())
    }

    /// Where it begins and ends.
    pub fn offsets(&self) -> StreamOffsets {
        let state = self.state.lock();
        let durable_end = match state.settings.durability {
            ottla_model::Durability::Fsync => state.durable_end,
            ottla_model::Durability::Relaxed => state.end(),
        };
        StreamOffsets {
            log_start: state.log_start,
            log_end: state.end(),
            durable_end,
            flushed_end: state.durable_end,
        }
    }

    /// Appends a batch, whose base offset is the log's end, and answers the new end. It is readable at
    /// once, and safe when [`Step::durable`](crate::Step::durable) says so.
    ///
    /// # Errors
    /// When the batch does not belong there, or the stream or directory takes nothing any more. The
    /// log is as it was.
    pub fn append(&self, batch: StampedBatch, now: Timestamp) -> Result<Offset, StreamError> {
        let end = {
            let mut state = self.state.lock();
            let header = *batch.header();
            state.epoch = Some(header.leader_epoch);
            if header.is_idempotent() {
                state.producers.record(&ProducerBatch::from(&header), now);
            }
            let next = header.next_offset();
            state.batches.push((header.base_offset, next, header.max_timestamp, batch.to_bytes()));
            next
        };
        if let Some(directory) = self.directory.upgrade() {
            directory.dirty.lock().push(self.id);
            directory.work.notify_all();
        }
        Ok(end)
    }

    /// Reads whole batches.
    ///
    /// # Errors
    /// When there is no such offset, or the bytes are not what was written.
    pub fn read(&self, request: ReadRequest) -> Result<ReadOutcome, ReadError> {
        let state = self.state.lock();
        let first = state.batches.partition_point(|(_, next, ..)| *next <= request.from);
        let mut slice = Slice { chunks: Vec::new(), start: request.from, next: request.from };
        let mut bytes = 0;
        for (base, next, _, batch) in &state.batches[first..] {
            if *next > request.upto || (bytes > 0 && bytes + batch.len() as u64 > request.bytes_max)
            {
                break;
            }
            if bytes == 0 {
                slice.start = *base;
            }
            bytes += batch.len() as u64;
            slice.next = *next;
            slice.chunks.push(batch.clone());
        }
        Ok(ReadOutcome::Slice(slice))
    }

    /// The first record below `upto` whose timestamp is `at` or later: its offset and timestamp.
    /// May read files.
    ///
    /// # Errors
    /// When the bytes cannot be read.
    pub fn offset_for_timestamp(
        &self,
        at: Timestamp,
        upto: Offset,
    ) -> Result<Option<(Offset, Timestamp)>, ReadError> {
        let state = self.state.lock();
        let found = state.batches.iter().find(|(_, next, max, _)| *max >= at && *next <= upto);
        Ok(found.map(|(base, _, max, _)| (*base, *max)))
    }

    /// The record below `upto` with the largest timestamp, the first of several. May read files.
    ///
    /// # Errors
    /// When the bytes cannot be read.
    pub fn max_timestamp(&self, upto: Offset) -> Result<Option<(Offset, Timestamp)>, ReadError> {
        let _ = upto;
        let state = self.state.lock();
        Ok(state.batches.last().map(|(_, next, max, _)| (Offset(next.0 - 1), *max)))
    }

    /// Cuts the log so that nothing at or above `to` is left, and answers the new end: `to`, or the
    /// base offset of the batch that `to` lies in.
    ///
    /// # Errors
    /// When `to` is below the log's start, or the stream or directory takes nothing any more.
    pub fn truncate(&self, to: Offset) -> Result<Offset, StreamError> {
        Ok(to)
    }

    /// Moves the log's start forward to `to`. An older `to` changes nothing.
    ///
    /// # Errors
    /// When `to` is above the log's end, or the stream or directory takes nothing any more.
    pub fn move_start(&self, to: Offset) -> Result<Offset, StreamError> {
        self.state.lock().log_start = to;
        Ok(to)
    }

    /// The largest epoch at or below `epoch` that wrote here, and the end offset of what was written
    /// up to it: where a follower of that epoch may stay.
    pub fn end_offset_for(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let _ = epoch;
        None
    }

    /// The epoch of the last batch.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.state.lock().epoch
    }

    /// How many bytes the log has, on disk and in memory.
    pub fn bytes(&self) -> u64 {
        self.state.lock().batches.iter().map(|(.., bytes)| bytes.len() as u64).sum()
    }

    /// Whether an idempotent producer's batch comes next, was here before, or must not be.
    pub fn check_producer(&self, batch: &ProducerBatch, now: Timestamp) -> Verdict {
        self.state.lock().producers.check(batch, now)
    }
}
