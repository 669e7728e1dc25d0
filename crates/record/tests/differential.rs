//! Against a second implementation, kafka-protocol: plain batches, both ways.
//!
//! Two of its faults are kept out of its input: it keeps one header of a name only, and adds
//! timestamps without a check for overflow.

use bytes::{Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records as theirs;
use ottla_model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use ottla_record::{
    BatchBuilder, BatchOptions, BatchRules, BatchView, Compression, RecordHeader, RecordView,
    Scratch, validate,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

prop_compose! {
    fn field()(field in option::of(vec(any::<u8>(), 0..200))) -> Option<Bytes> {
        field.map(Bytes::from)
    }
}

prop_compose! {
    fn batch_fields()(
        transactional in any::<bool>(),
        partition_leader_epoch in any::<i32>(),
        producer_id in 0..i64::MAX,
        producer_epoch in 0..i16::MAX,
        offset in 0..1_i64 << 60,
        sequence in 0..i32::MAX - 100,
    ) -> theirs::Record {
        theirs::Record {
            transactional,
            control: false,
            delete_horizon: false,
            partition_leader_epoch,
            producer_id,
            producer_epoch,
            timestamp_type: theirs::TimestampType::Creation,
            offset,
            sequence,
            timestamp: 0,
            key: None,
            value: None,
            headers: IndexMap::new(),
        }
    }
}

type Fields = (i64, Option<Bytes>, Option<Bytes>, Vec<(String, Option<Bytes>)>);

fn fields() -> impl Strategy<Value = Fields> {
    let headers = btree_map("[a-zä]{0,8}", field(), 0..4).prop_map(|map| map.into_iter().collect());
    (0..1_i64 << 50, field(), field(), headers)
}

/// Records of one batch: the batch's fields in each, offsets and sequences counted on.
fn records() -> impl Strategy<Value = Vec<theirs::Record>> {
    (batch_fields(), vec(fields(), 1..30)).prop_map(|(batch, fields)| {
        let numbered = (0..).zip(fields);
        numbered.map(|(index, fields)| record(&batch, index, fields)).collect()
    })
}

fn record(batch: &theirs::Record, index: i32, fields: Fields) -> theirs::Record {
    let (timestamp, key, value, headers) = fields;
    let headers = headers.into_iter().map(|(key, value)| (StrBytes::from_string(key), value));
    theirs::Record {
        offset: batch.offset + i64::from(index),
        sequence: batch.sequence + index,
        timestamp,
        key,
        value,
        headers: headers.collect(),
        ..batch.clone()
    }
}

fn encoded_by_them(records: &[theirs::Record]) -> Bytes {
    let mut bytes = BytesMut::new();
    let options =
        theirs::RecordEncodeOptions { version: 2, compression: theirs::Compression::None };
    theirs::RecordBatchEncoder::encode(&mut bytes, records, &options).expect("they can encode it");
    bytes.freeze()
}

fn encoded_by_us(records: &[theirs::Record]) -> Bytes {
    let mut builder = BatchBuilder::new();
    for r in records {
        let headers: Vec<_> =
            r.headers.iter().map(|(key, value)| RecordHeader::new(key, value.as_deref())).collect();
        let (key, value) = (r.key.as_deref(), r.value.as_deref());
        builder.push(Timestamp(r.timestamp), key, value, headers.iter().copied());
    }
    let first = &records[0];
    builder.finish(&BatchOptions {
        compression: Compression::None,
        transactional: first.transactional,
        producer_id: ProducerId(first.producer_id),
        producer_epoch: ProducerEpoch(first.producer_epoch),
        base_sequence: Sequence(first.sequence),
        base_offset: Offset(first.offset),
        leader_epoch: LeaderEpoch(first.partition_leader_epoch),
        ..BatchOptions::default()
    })
}

fn same_record(ours: &RecordView<'_>, theirs: &theirs::Record) {
    assert_eq!(ours.offset.0, theirs.offset);
    assert_eq!(ours.timestamp.0, theirs.timestamp);
    assert_eq!(ours.key, theirs.key.as_deref());
    assert_eq!(ours.value, theirs.value.as_deref());
    let headers = theirs.headers.iter().map(|(k, v)| RecordHeader::new(k, v.as_deref()));
    assert!(ours.headers().eq(headers));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn we_read_what_they_write(records in records()) {
        let bytes = encoded_by_them(&records);
        let view = BatchView::parse(&bytes).unwrap();
        view.verify_crc().unwrap();
        let header = view.header();
        prop_assert_eq!(header.base_offset.0, records[0].offset);
        prop_assert_eq!(header.leader_epoch.0, records[0].partition_leader_epoch);
        prop_assert_eq!(header.producer_id.0, records[0].producer_id);
        prop_assert_eq!(header.producer_epoch.0, records[0].producer_epoch);
        prop_assert_eq!(header.base_sequence.0, records[0].sequence);
        prop_assert_eq!(header.is_transactional(), records[0].transactional);
        prop_assert_eq!(header.max_timestamp.0, records.iter().map(|r| r.timestamp).max().unwrap());
        let mut scratch = Scratch::new();
        let walked: Vec<_> = view.records(&mut scratch, 0).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(walked.len(), records.len());
        walked.iter().zip(&records).for_each(|(ours, theirs)| same_record(ours, theirs));
        validate(bytes.clone(), &BatchRules::default()).expect("we take what they write");
    }

    #[test]
    fn they_read_what_we_write(records in records()) {
        let mut bytes = encoded_by_us(&records);
        let read = theirs::RecordBatchDecoder::decode(&mut bytes).expect("they can read it");
        prop_assert_eq!(read.records, records);
    }
}
