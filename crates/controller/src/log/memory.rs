//! A metadata log in memory, for tests: entries are kept as the bytes that a real one would write.

use std::sync::Arc;

use ottla_metadata::MetadataRecord;
use ottla_model::{Offset, Timestamp};
use parking_lot::Mutex;

use super::{MetadataLog, MetadataLogError};
use crate::error::StartError;

/// A log in memory. Clones share it, so that a test can crash and restart a controller over it.
#[derive(Clone, Debug, Default)]
pub struct MemoryMetadataLog(Arc<Mutex<Memory>>);

#[derive(Debug, Default)]
struct Memory {
    start: Offset,
    /// One encoded record for each offset from `start` on.
    records: Vec<Vec<u8>>,
    /// Where the entries end, in rising order.
    ends: Vec<Offset>,
    failure: Option<MetadataLogError>,
}

impl MemoryMetadataLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// The offset that the next record gets.
    pub fn end(&self) -> Offset {
        self.0.lock().end()
    }

    /// The first offset that is kept.
    pub fn start(&self) -> Offset {
        self.0.lock().start
    }

    /// Loses what a crash would lose when everything below `durable` is committed: whole entries.
    pub fn crash(&self, durable: Offset) {
        let mut memory = self.0.lock();
        memory.ends.retain(|end| *end <= durable);
        let end = memory.ends.last().copied().unwrap_or(memory.start);
        let kept = usize::try_from(end.since(memory.start)).expect("entries end after the start");
        memory.records.truncate(kept);
    }

    /// Appends an entry as bytes, as another release might have.
    pub fn append_bytes(&self, record: &[u8]) {
        let mut memory = self.0.lock();
        memory.records.push(record.to_vec());
        let end = memory.end();
        memory.ends.push(end);
    }

    /// From now on, every append fails like this; none heals it.
    pub fn fail(&self, failure: Option<MetadataLogError>) {
        self.0.lock().failure = failure;
    }
}

impl Memory {
    fn end(&self) -> Offset {
        self.start.plus(self.records.len() as i64)
    }
}

impl MetadataLog for MemoryMetadataLog {
    fn load(
        &mut self,
        take: &mut dyn FnMut(Offset, MetadataRecord) -> Result<(), StartError>,
    ) -> Result<Offset, StartError> {
        let memory = self.0.lock();
        for (index, bytes) in memory.records.iter().enumerate() {
            let offset = memory.start.plus(index as i64);
            let record = MetadataRecord::decode(bytes)
                .map_err(|source| StartError::Record { offset, source })?;
            take(offset, record)?;
        }
        Ok(memory.end())
    }

    fn append(
        &mut self,
        records: &[MetadataRecord],
        _now: Timestamp,
    ) -> Result<Offset, MetadataLogError> {
        let mut memory = self.0.lock();
        if let Some(failure) = &memory.failure {
            return Err(failure.clone());
        }
        memory.records.extend(records.iter().map(MetadataRecord::encode));
        let end = memory.end();
        memory.ends.push(end);
        Ok(end)
    }

    fn forget_below(&mut self, start: Offset) -> Result<(), MetadataLogError> {
        let mut memory = self.0.lock();
        let count = usize::try_from(start.since(memory.start)).unwrap_or(0);
        memory.records.drain(..count);
        memory.start = memory.start.max(start);
        Ok(())
    }
}
