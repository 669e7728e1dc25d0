//! Any records through the builder, a leader's check and a reader: they come back as they were.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ottla_model::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use ottla_record::{
    BatchBuilder, BatchOptions, BatchRules, BatchView, Compression, HEADER_BYTES, RecordHeader,
    RecordView, Scratch, validate,
};

#[derive(Arbitrary, Debug)]
struct Batch<'a> {
    codec: u8,
    level: Option<i8>,
    producer: Option<(i64, i16, i32)>,
    transactional: bool,
    base_offset: u32,
    records: Vec<Record<'a>>,
}

#[derive(Arbitrary, Debug)]
struct Record<'a> {
    timestamp: i64,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: Vec<(&'a str, Option<&'a [u8]>)>,
}

impl<'a> Record<'a> {
    fn headers(&self) -> impl ExactSizeIterator<Item = RecordHeader<'a>> + Clone {
        self.headers.iter().map(|(key, value)| RecordHeader::new(key, *value))
    }
}

fuzz_target!(|batches: Vec<Batch<'_>>| {
    // One builder for all, so that nothing of a batch may stay behind for the next.
    let mut builder = BatchBuilder::new();
    batches.iter().filter(|batch| !batch.records.is_empty()).for_each(|batch| {
        round_trip(&mut builder, batch);
    });
});

fn round_trip(builder: &mut BatchBuilder, batch: &Batch<'_>) {
    let mut size = HEADER_BYTES;
    for record in &batch.records {
        let timestamp = Timestamp(record.timestamp);
        let expected =
            builder.encoded_size_after(timestamp, record.key, record.value, record.headers());
        assert!(expected > size);
        size = builder.push(timestamp, record.key, record.value, record.headers());
        assert_eq!(size, expected);
    }
    let options = options(batch);
    let bytes = builder.finish(&options);
    if options.compression == Compression::None {
        assert_eq!(bytes.len(), size);
    }
    let checked = validate(bytes.clone(), &BatchRules::for_client(u64::MAX));
    assert_eq!(checked.expect("what the builder makes is taken").bytes(), &bytes);
    let view = BatchView::parse(&bytes).expect("it was taken");
    let mut scratch = Scratch::new();
    let walk = view.records(&mut scratch, u64::MAX).expect("it was taken");
    let read: Vec<_> = walk.map(|record| record.expect("it was taken")).collect();
    assert_eq!(read.len(), batch.records.len());
    for (index, (read, record)) in read.iter().zip(&batch.records).enumerate() {
        assert_eq!(read.offset, options.base_offset.plus(index as i64));
        same(read, record);
    }
}

fn same(read: &RecordView<'_>, record: &Record<'_>) {
    assert_eq!(read.timestamp.0, record.timestamp);
    assert_eq!((read.key, read.value), (record.key, record.value));
    assert!(read.headers().eq(record.headers()));
}

fn options(batch: &Batch<'_>) -> BatchOptions {
    let (id, epoch, sequence) = batch.producer.unwrap_or((-1, -1, -1));
    // Only what a client may send: all three or none.
    let complete = id >= 0 && epoch >= 0 && sequence >= 0;
    let (id, epoch, sequence) = if complete { (id, epoch, sequence) } else { (-1, -1, -1) };
    BatchOptions {
        compression: Compression::ALL[usize::from(batch.codec) % 5],
        // The slowest levels would only fuzz the clock.
        level: batch.level.map(|level| i32::from(level).min(9)),
        producer_id: ProducerId(id),
        producer_epoch: ProducerEpoch(epoch),
        base_sequence: Sequence(sequence),
        transactional: batch.transactional && complete,
        base_offset: Offset(i64::from(batch.base_offset)),
        ..BatchOptions::default()
    }
}
