//! The metadata log of a cluster whose only voter is this process: a stream of the data directory.
//!
//! One entry is one record batch, and a batch is one operation of the journal: after a crash all of
//! an entry is there, or none. An entry is committed when it is durable here, so everything that
//! recovery finds is committed.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use ottla_log::{LogDirectory, ReadOutcome, ReadRequest, Stream, StreamError, StreamSettings};
use ottla_metadata::MetadataRecord;
use ottla_model::limits::{BATCH_BYTES_MAX, DECOMPRESSED_BYTES_MAX};
use ottla_model::{Durability, LeaderEpoch, MIB, Offset, StreamId, Timestamp};
use ottla_record::{
    BatchBuilder, BatchError, BatchOptions, BatchRules, BatchView, Batches, NO_HEADERS, Scratch,
    validate,
};

use super::{MetadataLog, MetadataLogError};
use crate::error::StartError;

/// How much is read at a time. An entry that is larger comes whole all the same.
const READ_BYTES_MAX: u64 = MIB;

/// A larger entry is refused: a batch must fit into any journal.
const ENTRY_BYTES_MAX: u64 = BATCH_BYTES_MAX;

/// Small, so that what a snapshot made needless is given back to the disk soon.
const SEGMENT_BYTES: u64 = 16 * MIB;

/// The stream [`StreamId::METADATA`] of a data directory.
pub struct LocalMetadataLog {
    stream: Arc<Stream>,
    builder: BatchBuilder,
}

impl LocalMetadataLog {
    /// The metadata log of this directory, which is made if the directory is empty.
    ///
    /// # Errors
    /// When the directory holds partitions and no metadata log, or takes nothing any more.
    pub fn open(directory: &LogDirectory) -> Result<Self, StartError> {
        let stream = match directory.stream(StreamId::METADATA) {
            Some(stream) => stream,
            None => create(directory)?,
        };
        let others = directory.streams().into_iter().filter(|id| *id != StreamId::METADATA).count();
        if stream.offsets().log_end == Offset::ZERO && others > 0 {
            return Err(StartError::LogLost { streams: others });
        }
        Ok(Self { stream, builder: BatchBuilder::new() })
    }

    fn encode(&mut self, records: &[MetadataRecord], now: Timestamp) -> Bytes {
        for record in records {
            self.builder.push(now, None, Some(&record.encode()), NO_HEADERS);
        }
        self.builder.finish(&BatchOptions::default())
    }
}

impl MetadataLog for LocalMetadataLog {
    fn load(
        &mut self,
        take: &mut dyn FnMut(Offset, MetadataRecord) -> Result<(), StartError>,
    ) -> Result<Offset, StartError> {
        let offsets = self.stream.offsets();
        let mut from = offsets.log_start;
        while from < offsets.log_end {
            let (bytes, next) = read(&self.stream, from, offsets.log_end)?;
            for batch in Batches::new(&bytes) {
                load_batch(&batch.map_err(|error| damaged(from, &error))?, from, take)?;
            }
            from = next;
        }
        Ok(offsets.log_end)
    }

    fn append(
        &mut self,
        records: &[MetadataRecord],
        now: Timestamp,
    ) -> Result<Offset, MetadataLogError> {
        let bytes = self.encode(records, now);
        let size = bytes.len() as u64;
        if size > ENTRY_BYTES_MAX {
            return Err(MetadataLogError::TooLarge { bytes: size, bytes_max: ENTRY_BYTES_MAX });
        }
        let batch = validate(bytes, &BatchRules::for_cluster()).expect("it was only just built");
        let base_offset = self.stream.offsets().log_end;
        let batch = batch.stamp(base_offset, LeaderEpoch::FIRST, None);
        self.stream.append(batch, now).map_err(|error| refused(&error))
    }

    fn forget_below(&mut self, start: Offset) -> Result<(), MetadataLogError> {
        self.stream.move_start(start).map(|_| ()).map_err(|error| refused(&error))
    }
}

fn create(directory: &LogDirectory) -> Result<Arc<Stream>, StartError> {
    let settings = StreamSettings {
        durability: Durability::Fsync,
        segment_bytes: SEGMENT_BYTES,
        retention_bytes: None,
        retention_ms: None,
        ..StreamSettings::default()
    };
    let created = directory.create_stream(StreamId::METADATA, settings);
    created.map_err(|error| StartError::Log(refused(&error)))
}

/// Some whole batches from `from` on, and the offset after them.
fn read(stream: &Stream, from: Offset, upto: Offset) -> Result<(Vec<u8>, Offset), StartError> {
    let request = ReadRequest { from, upto, bytes_max: READ_BYTES_MAX, tail_only: false };
    match stream.read(request).map_err(|error| damaged(from, &error))? {
        ReadOutcome::Slice(slice) if slice.next > from => Ok((slice.chunks.concat(), slice.next)),
        ReadOutcome::Slice(_) | ReadOutcome::Cold => {
            Err(damaged(from, &"the log answers no bytes below its end"))
        }
    }
}

/// Hands over the batch's records from `from` on: those below were forgotten.
fn load_batch(
    batch: &BatchView<'_>,
    from: Offset,
    take: &mut dyn FnMut(Offset, MetadataRecord) -> Result<(), StartError>,
) -> Result<(), StartError> {
    let damaged = |error: &BatchError| damaged(batch.header().base_offset, error);
    batch.verify_crc().map_err(|error| damaged(&error))?;
    let mut scratch = Scratch::new();
    let records = batch.records(&mut scratch, DECOMPRESSED_BYTES_MAX);
    for record in records.map_err(|error| damaged(&error))? {
        let record = record.map_err(|error| damaged(&error))?;
        if record.offset < from {
            continue;
        }
        let offset = record.offset;
        let fact = MetadataRecord::decode(record.value.unwrap_or_default())
            .map_err(|source| StartError::Record { offset, source })?;
        take(offset, fact)?;
    }
    Ok(())
}

fn damaged(offset: Offset, error: &dyn fmt::Display) -> StartError {
    let why = format!("it cannot be read at offset {offset}: {error}; run `ottla doctor`");
    StartError::Log(MetadataLogError::Stopped { why })
}

/// The log as it was: nothing of the entry was kept.
fn refused(error: &StreamError) -> MetadataLogError {
    let why = error.to_string();
    match error {
        StreamError::Storage { .. } => MetadataLogError::Busy { why },
        StreamError::Offline(_)
        | StreamError::Closed
        | StreamError::Exists { .. }
        | StreamError::Gone { .. }
        | StreamError::Damaged { .. }
        | StreamError::OffsetMismatch { .. }
        | StreamError::StaleEpoch { .. }
        | StreamError::OutOfRange { .. } => MetadataLogError::Stopped { why },
    }
}
