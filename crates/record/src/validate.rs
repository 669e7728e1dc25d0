//! The one check of a batch, made by the leader when it comes.
//!
//! A [`CheckedBatch`] is the proof that it passed:
//! - it is exactly one batch, in format 2, and its CRC fits;
//! - its sizes and counts are within the rules, and its header's numbers fit each other;
//! - unless the rules trust its producer, every record was walked: well-formed, offset deltas 0, 1,
//!   2 and so on, a key where one is needed, and `max_timestamp` is the largest of their timestamps
//!   (a client's wrong one is put right).
//!
//! Plain records are walked as well as compressed ones, as Kafka does for this format. CRC and
//! header alone would let a buggy client write a batch at which every consumer of the partition
//! stops; the walk allocates nothing and costs a few nanoseconds a record (`benches`).

use std::cell::RefCell;

use bytes::Bytes;
use ottla_model::{ByteCount, Timestamp};

use crate::attributes::TimestampType;
use crate::compression::{Compression, Scratch};
use crate::error::{BatchError, RecordFault};
use crate::header::BatchHeader;
use crate::layout::{HEADER_BYTES, RECORD_BYTES_MIN};
use crate::rules::{BatchRules, Origin, TimestampRules};
use crate::stamp::restamp_timestamps;
use crate::view::BatchView;
use crate::walk::RecordWalk;

/// A batch that passed [`validate`].
#[derive(Clone, Debug)]
pub struct CheckedBatch {
    pub(crate) header: BatchHeader,
    pub(crate) bytes: Bytes,
}

impl CheckedBatch {
    /// Its header.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// Its bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// How many bytes it has.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// Checks one batch against the rules. Memory for decompression is reused by later calls on the same
/// thread; use [`validate_with`] to hand it in.
///
/// # Errors
/// The first rule that the batch breaks.
pub fn validate(bytes: Bytes, rules: &BatchRules) -> Result<CheckedBatch, BatchError> {
    thread_local! {
        static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::new());
    }
    SCRATCH.with_borrow_mut(|scratch| {
        let checked = validate_with(bytes, rules, scratch);
        scratch.trim();
        checked
    })
}

/// [`validate`] with the caller's scratch.
///
/// # Errors
/// The first rule that the batch breaks.
pub fn validate_with(
    bytes: Bytes,
    rules: &BatchRules,
    scratch: &mut Scratch,
) -> Result<CheckedBatch, BatchError> {
    let view = one_batch(&bytes, rules)?;
    let header = *view.header();
    let compression = header.compression()?;
    check_numbers(&header, compression, rules)?;
    view.verify_crc()?;
    let max_timestamp = match walks(compression, rules) {
        true => {
            let walk = view.records(scratch, rules.decompressed_bytes_max)?;
            check_records(walk, &header, rules)?
        }
        false => {
            let ends = [header.base_timestamp, header.max_timestamp];
            let check = |timestamp| check_timestamp(timestamp, rules);
            ends.into_iter()
                .try_for_each(check)
                .map_err(|fault| BatchError::Record { index: 0, fault })?;
            header.max_timestamp
        }
    };
    let checked = CheckedBatch { header, bytes };
    match rules.origin {
        Origin::Client => Ok(with_timestamps(checked, max_timestamp)),
        Origin::Cluster => Ok(checked),
    }
}

fn walks(compression: Compression, rules: &BatchRules) -> bool {
    match compression {
        Compression::None => !rules.trust_plain,
        _ => !rules.trust_compressed,
    }
}

fn one_batch<'a>(bytes: &'a Bytes, rules: &BatchRules) -> Result<BatchView<'a>, BatchError> {
    let header = BatchHeader::peek(bytes)?;
    let size = header.size() as u64;
    if size > rules.batch_bytes_max {
        let size_max = ByteCount(rules.batch_bytes_max);
        return Err(BatchError::TooLarge { size: ByteCount(size), size_max });
    }
    let view = BatchView::parse(bytes)?;
    match bytes.len() - view.bytes().len() {
        0 => Ok(view),
        extra => Err(BatchError::Extra { extra }),
    }
}

/// The header's numbers, each on its own and against each other.
fn check_numbers(
    header: &BatchHeader,
    compression: Compression,
    rules: &BatchRules,
) -> Result<(), BatchError> {
    let (count, last_offset_delta) = (header.record_count, header.last_offset_delta);
    let payload = header.size() - HEADER_BYTES;
    let records = usize::try_from(count).map_err(|_| BatchError::Count { count, payload })?;
    if records == 0 && rules.origin == Origin::Client {
        return Err(BatchError::Empty);
    }
    if records as u64 > u64::from(rules.records_max) {
        return Err(BatchError::TooManyRecords { count, count_max: rules.records_max });
    }
    if compression == Compression::None && records > payload / RECORD_BYTES_MIN {
        return Err(BatchError::Count { count, payload });
    }
    if last_offset_delta < count - 1 || last_offset_delta < 0 {
        return Err(BatchError::LastOffset { count, last_offset_delta });
    }
    match rules.origin {
        Origin::Client => check_client(header),
        Origin::Cluster => check_offsets(header),
    }
}

/// A base offset from which the batch's last one, and the one after it, can be counted. What a client
/// sends there is not looked at: the leader writes it.
fn check_offsets(header: &BatchHeader) -> Result<(), BatchError> {
    let base_offset = header.base_offset.0;
    let last_offset_delta = header.last_offset_delta;
    let end = base_offset.checked_add(i64::from(last_offset_delta) + 1);
    if base_offset < 0 || end.is_none() {
        return Err(BatchError::Offsets { base_offset, last_offset_delta });
    }
    Ok(())
}

fn check_client(header: &BatchHeader) -> Result<(), BatchError> {
    let (count, last_offset_delta) = (header.record_count, header.last_offset_delta);
    if last_offset_delta != count - 1 {
        return Err(BatchError::LastOffset { count, last_offset_delta });
    }
    if header.is_control() {
        return Err(BatchError::ControlFromClient);
    }
    check_producer(header)
}

/// A batch without a producer id may carry any epoch and sequence: clients differ in what they write.
fn check_producer(header: &BatchHeader) -> Result<(), BatchError> {
    let complete = header.producer_epoch.0 >= 0 && header.base_sequence.0 >= 0;
    let fits = if header.is_idempotent() { complete } else { !header.is_transactional() };
    if fits {
        return Ok(());
    }
    Err(BatchError::Producer {
        producer_id: header.producer_id.0,
        producer_epoch: header.producer_epoch.0,
        base_sequence: header.base_sequence.0,
    })
}

/// Walks every record; answers the largest timestamp, which is -1 as in Kafka when all are below.
fn check_records(
    walk: RecordWalk<'_>,
    header: &BatchHeader,
    rules: &BatchRules,
) -> Result<Timestamp, BatchError> {
    // Two loops: records of most topics may have any timestamp, and do not pay for the question.
    match rules.timestamps == TimestampRules::ANY {
        true => check_each(walk, header, rules, |_| Ok(())),
        false => check_each_in_time(walk, header, rules),
    }
}

#[cold]
#[inline(never)]
fn check_each_in_time(
    walk: RecordWalk<'_>,
    header: &BatchHeader,
    rules: &BatchRules,
) -> Result<Timestamp, BatchError> {
    check_each(walk, header, rules, |timestamp| check_timestamp(timestamp, rules))
}

#[inline]
fn check_each(
    walk: RecordWalk<'_>,
    header: &BatchHeader,
    rules: &BatchRules,
    check_timestamp: impl Fn(Timestamp) -> Result<(), RecordFault>,
) -> Result<Timestamp, BatchError> {
    let mut largest = Timestamp::NONE.0;
    let mut expected = 0;
    walk.check_all(|record| {
        let found = record.offset_delta;
        if found != expected && rules.origin == Origin::Client {
            return Err(RecordFault::OffsetDelta { found, expected });
        }
        if rules.key_required && record.key.is_none() {
            return Err(RecordFault::KeyMissing);
        }
        let timestamp = header.base_timestamp.0.wrapping_add(record.timestamp_delta);
        check_timestamp(Timestamp(timestamp))?;
        largest = largest.max(timestamp);
        expected += 1;
        Ok(())
    })?;
    Ok(Timestamp(largest))
}

fn check_timestamp(timestamp: Timestamp, rules: &BatchRules) -> Result<(), RecordFault> {
    if rules.timestamps.allow(timestamp) {
        return Ok(());
    }
    let (oldest, newest) = (rules.timestamps.oldest.0, rules.timestamps.newest.0);
    Err(RecordFault::Timestamp { found: timestamp.0, oldest, newest })
}

/// Some clients leave `max_timestamp` at -1, and forwarders send batches on whose timestamps another
/// leader has set. Kafka's leader puts both right, and so does this one, because look-ups by time and
/// retention rely on them. They lie within the CRC, so this copies the batch.
fn with_timestamps(batch: CheckedBatch, max_timestamp: Timestamp) -> CheckedBatch {
    let attributes = batch.header.attributes.with_timestamp_type(TimestampType::CreateTime);
    if batch.header.max_timestamp == max_timestamp && batch.header.attributes == attributes {
        return batch;
    }
    let (head, rest, header) = restamp_timestamps(&batch, attributes, max_timestamp);
    CheckedBatch { header, bytes: [&head[..], &rest[..]].concat().into() }
}
