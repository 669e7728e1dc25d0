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

    /// Takes records into the batch, as many as it can, under one lock. `then` learns which batch that
    /// is, and the places of those that came into it. Says how many were taken, and why no more.
    /// A `roaming` record that does not fit any more is left for another partition.
    pub(crate) fn append(
        &self,
        records: &[Record<'_>],
        intake: &mut Intake<'_>,
        roaming: bool,
        mut then: impl FnMut(&Arc<Fate>, u32, u32),
    ) -> (usize, Result<(), NotTaken>) {
        let mut inner = self.inner.lock();
        let mut taken = 0;
        while taken < records.len() {
            let batch = match self.open_batch(&mut inner, &records[taken], intake, roaming) {
                Ok(batch) => batch,
                Err(why) => return (taken, Err(why)),
            };
            let first = batch.builder.count() as u32;
            let (came, full) = batch.fill(&records[taken..], self.limit(intake.shared), intake);
            if came > 0 {
                then(&batch.fate, first, came);
                taken += came as usize;
            }
            if let Err(why) = full {
                return (taken, Err(why));
            }
        }
        (taken, Ok(()))
    }

    /// The batch that takes this record next; a full one is sealed.
    fn open_batch<'i>(
        &self,
        inner: &'i mut Inner,
        record: &Record<'_>,
        intake: &mut Intake<'_>,
        roaming: bool,
    ) -> Result<&'i mut Gathered, NotTaken> {
        let shared = intake.shared;
        if let Some(end) = &inner.end {
            return Err(NotTaken::Never(end.clone()));
        }
        let (bytes, limit) = (record_bytes_max(record), self.limit(shared));
        if inner.open.as_ref().is_some_and(|open| open.is_full(bytes, limit)) {
            let full = inner.open.take();
            inner.sealed.extend(full);
            self.list(inner, shared);
            if roaming {
                return Err(NotTaken::Elsewhere);
            }
        }
        if inner.open.is_none() {
            self.check_size(record, intake.now, bytes, limit, shared).map_err(NotTaken::Never)?;
            let room = intake.reserve((HEADER_BYTES + bytes) as u64, 0)?;
            inner.open = Some(Gathered::begin(shared, self.partition, room));
            self.list(inner, shared);
        }
        Ok(inner.open.as_mut().expect("there is one now"))
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

    /// Takes the first record, which fits, and those behind it until the batch is full. Says how many,
    /// and why no more when there was no room in the buffer for the next.
    fn fill(
        &mut self,
        records: &[Record<'_>],
        limit: usize,
        intake: &mut Intake<'_>,
    ) -> (u32, Result<(), NotTaken>) {
        let mut taken = 0;
        for record in records {
            let bytes = record_bytes_max(record);
            if taken > 0 && self.is_full(bytes, limit) {
                break;
            }
            if let Err(why) = self.make_room(bytes, intake) {
                return (taken, Err(why));
            }
            let headers = record.headers.iter().map(|(key, value)| RecordHeader::new(key, *value));
            let timestamp = record.timestamp.unwrap_or(intake.now);
            self.builder.push(timestamp, record.key, record.value, headers);
            taken += 1;
        }
        (taken, Ok(()))
    }

    #[inline]
    fn make_room(&mut self, bytes: usize, intake: &mut Intake<'_>) -> Result<(), NotTaken> {
        let size = (self.builder.size() + bytes) as u64;
        if size > self.reserved {
            self.reserved += intake.reserve(size - self.reserved, self.reserved)?;
        }
        Ok(())
    }
}

/// What one call brings along.
pub(crate) struct Intake<'s> {
    pub(crate) shared: &'s Shared,
    pub(crate) now: Timestamp,
    /// Room that was waited for.
    pub(crate) lease: Lease,
}

impl<'s> Intake<'s> {
    pub(crate) fn new(shared: &'s Shared, lease: Lease) -> Self {
        Self { shared, now: shared.clock.now(), lease }
    }

    fn reserve(&mut self, bytes: u64, held: u64) -> Result<u64, NotTaken> {
        let room = self.lease.keep(bytes, held);
        let room = room.or_else(|| self.shared.budget.try_take(bytes, held));
        room.ok_or(NotTaken::Full(bytes))
    }
}

/// At least what the record takes in a batch.
fn record_bytes_max(record: &Record<'_>) -> usize {
    let field = |field: Option<&[u8]>| field.map_or(0, <[u8]>::len);
    let headers = record.headers.iter();
    let headers: usize = headers.map(|(k, v)| HEADER_OVERHEAD + k.len() + field(*v)).sum();
    RECORD_OVERHEAD + field(record.key) + field(record.value) + headers
}
