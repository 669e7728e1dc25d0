//! Whatever a builder is given comes back from the walk, under every codec, byte for byte.

use ottla_model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use ottla_record::{
    BatchBuilder, BatchHeader, BatchOptions, BatchRules, BatchView, Batches, Compression,
    NO_HEADERS, RecordHeader, Scratch, TimestampType, validate,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

type Field = Option<Vec<u8>>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    timestamp: i64,
    key: Field,
    value: Field,
    headers: Vec<(Vec<u8>, Field)>,
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => vec(any::<u8>(), 0..40),
        1 => vec(any::<u8>(), 100..400),
        1 => (any::<u8>(), 0_usize..40_000).prop_map(|(byte, count)| vec![byte; count]),
    ]
}

fn timestamp() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => 1_700_000_000_000_i64..1_700_000_100_000,
        1 => any::<i64>(),
        1 => Just(-1),
    ]
}

prop_compose! {
    fn record()(
        timestamp in timestamp(),
        key in option::of(bytes()),
        value in option::of(bytes()),
        headers in vec((vec(any::<u8>(), 0..10), option::of(vec(any::<u8>(), 0..20))), 0..4),
    ) -> Record {
        Record { timestamp, key, value, headers }
    }
}

fn codec() -> impl Strategy<Value = Compression> {
    proptest::sample::select(&Compression::ALL[..])
}

fn headers(record: &Record) -> impl ExactSizeIterator<Item = RecordHeader<'_>> + Clone {
    record.headers.iter().map(|(key, value)| RecordHeader { key, value: value.as_deref() })
}

fn fill(builder: &mut BatchBuilder, records: &[Record]) {
    for record in records {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let timestamp = Timestamp(record.timestamp);
        let expected = builder.encoded_size_after(timestamp, key, value, headers(record));
        let size = builder.push(timestamp, key, value, headers(record));
        assert_eq!(size, expected, "the size was known before");
    }
}

fn read(batch: &[u8]) -> Vec<Record> {
    let view = BatchView::parse(batch).expect("it is a batch");
    view.verify_crc().expect("it is undamaged");
    let mut scratch = Scratch::new();
    let walk = view.records(&mut scratch, u64::MAX).expect("it decompresses");
    let own = |field: Option<&[u8]>| field.map(<[u8]>::to_vec);
    walk.map(|record| {
        let record = record.expect("every record is well-formed");
        Record {
            timestamp: record.timestamp.0,
            key: own(record.key),
            value: own(record.value),
            headers: record.headers().map(|h| (h.key.to_vec(), own(h.value))).collect(),
        }
    })
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn records_come_back_as_they_were_pushed(
        batches in vec((vec(record(), 1..20), codec()), 1..4),
    ) {
        let mut builder = BatchBuilder::new();
        let mut stream = Vec::new();
        for (records, compression) in &batches {
            fill(&mut builder, records);
            let options = BatchOptions { compression: *compression, ..BatchOptions::default() };
            let batch = builder.finish(&options);
            prop_assert!(builder.is_empty());
            let checked = validate(batch.clone(), &BatchRules::for_client(u64::MAX));
            let checked = checked.expect("what the builder makes is valid");
            prop_assert_eq!(checked.bytes(), &batch, "nothing had to be put right");
            stream.extend_from_slice(&batch);
        }
        let views: Vec<_> = Batches::new(&stream).map(Result::unwrap).collect();
        prop_assert_eq!(views.len(), batches.len());
        for (view, (records, _)) in views.iter().zip(&batches) {
            prop_assert_eq!(&read(view.bytes()), records);
        }
    }

    #[test]
    fn a_header_comes_back_as_it_was_encoded(fields in vec(any::<u8>(), 61), length in 49..i32::MAX) {
        let mut fields = fields;
        fields[16] = 2;
        fields[8..12].copy_from_slice(&length.to_be_bytes());
        prop_assert_eq!(BatchHeader::peek(&fields).unwrap().encode().to_vec(), fields);
    }

    #[test]
    fn a_stamp_changes_the_head_alone(
        records in vec(record(), 1..5),
        compression in codec(),
        base_offset in 0_i64..1 << 60,
        epoch in 0_i32..,
    ) {
        let mut builder = BatchBuilder::new();
        fill(&mut builder, &records);
        let batch = builder.finish(&BatchOptions { compression, ..BatchOptions::default() });
        let checked = validate(batch.clone(), &BatchRules::for_client(u64::MAX)).unwrap();
        let stamped = checked.stamp(Offset(base_offset), LeaderEpoch(epoch), None);
        prop_assert_eq!(stamped.chunks()[1].as_ptr(), batch[16..].as_ptr(), "shared, not copied");
        let bytes = stamped.to_bytes();
        prop_assert_eq!(stamped.size(), bytes.len());
        prop_assert_eq!(&bytes[16..], &batch[16..]);
        prop_assert_eq!(BatchHeader::peek(&bytes).unwrap(), *stamped.header());
        prop_assert_eq!(stamped.header().base_offset, Offset(base_offset));
        prop_assert_eq!(stamped.header().leader_epoch, LeaderEpoch(epoch));
        prop_assert_eq!(read(&bytes), records);
        let kept = validate(bytes.clone(), &BatchRules::for_cluster()).unwrap().as_stamped();
        prop_assert_eq!(kept.to_bytes(), bytes);
    }

    #[test]
    fn an_append_time_is_every_records_timestamp(
        records in vec(record(), 1..5),
        compression in codec(),
        now in 0_i64..1 << 50,
    ) {
        let mut builder = BatchBuilder::new();
        fill(&mut builder, &records);
        let batch = builder.finish(&BatchOptions { compression, ..BatchOptions::default() });
        let checked = validate(batch, &BatchRules::for_client(u64::MAX)).unwrap();
        let stamped = checked.stamp(Offset(7), LeaderEpoch(1), Some(Timestamp(now)));
        prop_assert_eq!(stamped.header().timestamp_type(), TimestampType::LogAppendTime);
        prop_assert_eq!(stamped.header().max_timestamp, Timestamp(now));
        let expected: Vec<_> =
            records.into_iter().map(|record| Record { timestamp: now, ..record }).collect();
        prop_assert_eq!(read(&stamped.to_bytes()), expected);
    }
}

#[test]
fn options_reach_the_header() {
    let mut builder = BatchBuilder::new();
    builder.push(Timestamp(5), None, Some(b"value"), NO_HEADERS);
    let batch = builder.finish(&BatchOptions {
        compression: Compression::Zstd,
        producer_id: ProducerId(7),
        producer_epoch: ProducerEpoch(3),
        base_sequence: Sequence(11),
        transactional: true,
        ..BatchOptions::default()
    });
    let header = BatchHeader::peek(&batch).unwrap();
    assert_eq!(header.compression(), Ok(Compression::Zstd));
    assert_eq!((header.producer_id, header.producer_epoch), (ProducerId(7), ProducerEpoch(3)));
    assert_eq!((header.base_sequence, header.last_sequence()), (Sequence(11), Sequence(11)));
    assert!(header.is_transactional() && header.is_idempotent() && !header.is_control());
}

/// Found by the properties above: the builder took a first timestamp below -1 for the largest, and
/// the leader then put the batch right and copied it.
#[test]
fn the_largest_timestamp_is_never_below_none() {
    let mut builder = BatchBuilder::new();
    builder.push(Timestamp(-5), None, None, NO_HEADERS);
    let batch = builder.finish(&BatchOptions::default());
    let checked = validate(batch.clone(), &BatchRules::default()).unwrap();
    assert_eq!(checked.header().max_timestamp, Timestamp::NONE);
    assert_eq!(checked.bytes(), &batch, "nothing had to be put right");
}
