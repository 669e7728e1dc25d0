//! Where the records of one partition are gathered: encoded straight into the batch, under one short
//! lock. Nothing is allocated, sent or woken for a record; only for a batch.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ottla_model::limits::BATCH_RECORDS_MAX;
use ottla_model::{ByteCount, Moment, PartitionId, Timestamp, TopicName};
use ottla_record::{BatchBuilder, HEADER_BYTES, RecordHeader};
use parking_lot::Mutex;

use crate::budget::Lease;
use crate::delivery::Fate;
use crate::error::ProducerError;
use crate::machine::LineId;
use crate::record::Record;
use crate::shared::Shared;

/// More than the lengths and deltas of a record, and of one header, ever take.
const RECORD_OVERHEAD: usize = 36;
const HEADER_OVERHEAD: usize = 10;

/// One partition's records on their way into a batch.
#[derive(Debug)]
pub(crate) struct Gathering {
    pub(crate) line: LineId,
    pub(crate) partition: PartitionId,
    topic: TopicName,
    /// The topic takes no batch that is larger.
    batch_bytes_max: AtomicU64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    open: Option<Gathered>,
    sealed: VecDeque<Gathered>,
    /// Whether the driver was told that there is something here, and has not looked since.
    listed: bool,
    /// Why nothing is taken any more.
    end: Option<ProducerError>,
}

/// A batch that is being filled, or was.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) builder: Box<BatchBuilder>,
    pub(crate) fate: Arc<Fate>,
    pub(crate) born: Moment,
    /// Bytes of the budget that it holds.
    pub(crate) reserved: u64,
}

/// Why a record was not taken.
#[derive(Debug)]
pub(crate) enum NotTaken {
    /// There is no room for so many bytes.
    Full(u64),
    /// The batch is full, and the record might as well go to another partition.
    Elsewhere,
    Never(ProducerError),
}

impl Gathering {
    pub(crate) fn new(
        line: LineId,
        partition: PartitionId,
        topic: TopicName,
        batch_bytes_max: u64,
    ) -> Self {
        let batch_bytes_max = AtomicU64::new(batch_bytes_max);
        Self { line, partition, topic, batch_bytes_max, inner: Mutex::default() }
    }

    /// The topic takes larger or smaller batches now.
    pub(crate) fn set_batch_bytes_max(&self, bytes: u64) {
        self.batch_bytes_max.store(bytes, Ordering::Relaxed);
    }

    /// Takes the record into the batch. `then` learns which batch that is, and the record's place.
    /// A `roaming` record that does not fit any more is left for another partition.
    pub(crate) fn append(
        &self,
        record: &Record<'_>,
        now: Timestamp,
        shared: &Shared,
        lease: &mut Lease,
        roaming: bool,
        then: impl FnOnce(&Arc<Fate>, u32),
    ) -> Result<(), NotTaken> {
        let bytes = record_bytes_max(record);
        let mut inner = self.inner.lock();
        if let Some(end) = &inner.end {
            return Err(NotTaken::Never(end.clone()));
        }
        let limit = self.limit(shared);
        if inner.open.as_ref().is_some_and(|open| open.is_full(bytes, limit)) {
            let full = inner.open.take();
            inner.sealed.extend(full);
            self.list(&mut inner, shared);
            if roaming {
                return Err(NotTaken::Elsewhere);
            }
        }
        if inner.open.is_none() {
            self.check_size(record, now, bytes, limit, shared).map_err(NotTaken::Never)?;
            let room = reserve(shared, lease, (HEADER_BYTES + bytes) as u64)?;
            inner.open = Some(Gathered::begin(shared, self.partition, room));
            self.list(&mut inner, shared);
        }
        let open = inner.open.as_mut().expect("there is one now");
        open.make_room(bytes, shared, lease)?;
        let index = open.builder.count() as u32;
        let headers = record.headers.iter().map(|(key, value)| RecordHeader::new(key, *value));
        open.builder.push(record.timestamp.unwrap_or(now), record.key, record.value, headers);
        then(&open.fate, index);
        Ok(())
    }

    fn limit(&self, shared: &Shared) -> usize {
        let max = self.batch_bytes_max.load(Ordering::Relaxed).min(shared.config.batch_bytes.0);
        usize::try_from(max).unwrap_or(usize::MAX)
    }

    /// Refuses a record that no batch could hold. A record larger than the usual batch gets one of
    /// its own.
    fn check_size(
        &self,
        record: &Record<'_>,
        now: Timestamp,
        bytes: usize,
        limit: usize,
        shared: &Shared,
    ) -> Result<(), ProducerError> {
        let largest = self.batch_bytes_max.load(Ordering::Relaxed);
        let largest = largest.min(shared.budget.total().0);
        if HEADER_BYTES + bytes <= limit || (HEADER_BYTES + bytes) as u64 <= largest {
            return Ok(());
        }
        let headers = record.headers.iter().map(|(key, value)| RecordHeader::new(key, *value));
        let timestamp = record.timestamp.unwrap_or(now);
        let (key, value) = (record.key, record.value);
        let size = BatchBuilder::new().encoded_size_after(timestamp, key, value, headers) as u64;
        let fits = size <= largest && size <= shared.budget.total().0;
        fits.then_some(()).ok_or_else(|| ProducerError::RecordTooLarge {
            topic: self.topic.clone(),
            size: ByteCount(size),
            size_max: ByteCount(largest),
        })
    }

    /// Tells the driver to look here, unless it was told before.
    fn list(&self, inner: &mut Inner, shared: &Shared) {
        if !std::mem::replace(&mut inner.listed, true) {
            shared.attend(self.line);
        }
    }

    // The driver's side.

    /// What is full, and since when more is gathered.
    pub(crate) fn look(&self) -> (VecDeque<Gathered>, Option<Moment>) {
        let mut inner = self.inner.lock();
        inner.listed = false;
        let open_since = inner.open.as_ref().map(|open| open.born);
        (std::mem::take(&mut inner.sealed), open_since)
    }

    /// Everything that is gathered.
    pub(crate) fn take(&self) -> VecDeque<Gathered> {
        let mut inner = self.inner.lock();
        let mut all = std::mem::take(&mut inner.sealed);
        all.extend(inner.open.take());
        all
    }

    /// Takes nothing more, and hands over what is gathered.
    pub(crate) fn end(&self, why: ProducerError) -> VecDeque<Gathered> {
        self.inner.lock().end.get_or_insert(why);
        self.take()
    }
}

impl Gathered {
    fn begin(shared: &Shared, partition: PartitionId, reserved: u64) -> Self {
        Self {
            builder: shared.builder(),
            fate: Fate::new(partition),
            born: shared.clock.moment(),
            reserved,
        }
    }

    fn is_full(&self, bytes: usize, limit: usize) -> bool {
        self.builder.size() + bytes > limit || self.builder.count() as u32 >= BATCH_RECORDS_MAX
    }

    fn make_room(
        &mut self,
        bytes: usize,
        shared: &Shared,
        lease: &mut Lease,
    ) -> Result<(), NotTaken> {
        let size = (self.builder.size() + bytes) as u64;
        if size > self.reserved {
            self.reserved += reserve(shared, lease, size - self.reserved)?;
        }
        Ok(())
    }
}

fn reserve(shared: &Shared, lease: &mut Lease, bytes: u64) -> Result<u64, NotTaken> {
    let room = lease.keep(bytes).or_else(|| shared.budget.try_take(bytes));
    room.ok_or(NotTaken::Full(bytes))
}

/// At least what the record takes in a batch.
fn record_bytes_max(record: &Record<'_>) -> usize {
    let field = |field: Option<&[u8]>| field.map_or(0, <[u8]>::len);
    let headers = record.headers.iter();
    let headers: usize = headers.map(|(k, v)| HEADER_OVERHEAD + k.len() + field(*v)).sum();
    RECORD_OVERHEAD + field(record.key) + field(record.value) + headers
}
