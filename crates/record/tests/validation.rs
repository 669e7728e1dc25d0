//! What a leader refuses, and what it says about it. Each case is one change to a good batch.

use bytes::Bytes;
use expect_test::{Expect, expect};
use ottla_model::{Answers, Outcome, Retry, Timestamp};
use ottla_record::{
    BatchBuilder, BatchError, BatchOptions, BatchRules, BatchView, Batches, Compression,
    HEADER_BYTES, NO_HEADERS, RecordFault, Scratch, TimestampSpans, crc32c, validate,
};

fn good(compression: Compression) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for index in 0..3 {
        builder.push(Timestamp(1000 + index), Some(b"key"), Some(&[b'v'; 50]), NO_HEADERS);
    }
    builder.finish(&BatchOptions { compression, ..BatchOptions::default() }).to_vec()
}

/// Puts length and CRC right again after a change.
fn sealed(mut batch: Vec<u8>) -> Bytes {
    let length = batch.len() as i32 - 12;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch.into()
}

/// A good header before these records.
fn with_records(compression: Compression, count: i32, records: &[u8]) -> Bytes {
    let mut batch = good(compression);
    batch.truncate(HEADER_BYTES);
    batch[23..27].copy_from_slice(&(count - 1).to_be_bytes());
    batch[57..61].copy_from_slice(&count.to_be_bytes());
    batch.extend_from_slice(records);
    sealed(batch)
}

fn check(batch: impl Into<Bytes>, rules: &BatchRules, expected: Expect) {
    let verdict = match validate(batch.into(), rules) {
        Ok(checked) => format!("taken, {} bytes", checked.size()),
        Err(error) => {
            assert_eq!(error.outcome(), Outcome::DidNotHappen);
            error.to_string()
        }
    };
    expected.assert_eq(&verdict);
}

fn check_changed(change: impl Fn(&mut Vec<u8>), expected: Expect) {
    let mut batch = good(Compression::None);
    change(&mut batch);
    check(sealed(batch), &BatchRules::default(), expected);
}

fn put<const N: usize>(at: usize, value: [u8; N]) -> impl Fn(&mut Vec<u8>) {
    move |batch| batch[at..at + N].copy_from_slice(&value)
}

#[test]
fn a_good_batch_is_taken_under_every_codec() {
    for compression in Compression::ALL {
        validate(good(compression).into(), &BatchRules::default()).unwrap();
    }
}

#[test]
fn sizes_and_formats() {
    let rules = BatchRules::default();
    let batch = good(Compression::None);
    check(vec![], &rules, expect!["a batch of 61 bytes has only 0; send it whole"]);
    check(batch[..60].to_vec(), &rules, expect!["a batch of 61 bytes has only 60; send it whole"]);
    check(
        batch[..240].to_vec(),
        &rules,
        expect!["a batch of 241 bytes has only 240; send it whole"],
    );
    check(
        [&batch[..], &batch[..]].concat(),
        &rules,
        expect!["241 bytes follow the batch; send exactly one batch at a time"],
    );
    check(
        batch.clone(),
        &BatchRules::for_client(240),
        expect![
            "batch of 241 B is over the topic's limit of 240 B; send smaller batches or raise max.message.bytes"
        ],
    );
    check(
        batch.clone(),
        &BatchRules { records_max: 2, ..rules },
        expect!["batch of 3 records is over the limit of 2; send smaller batches"],
    );
    check_changed(
        put(16, [1]),
        expect!["batch format (magic) 1 is not supported; send version 2, Kafka 0.11 or later"],
    );
    let mut short = batch.clone();
    short[8..12].copy_from_slice(&48_i32.to_be_bytes());
    check(
        short,
        &rules,
        expect!["batch length 48 is less than the 49 bytes that every header counts"],
    );
    let mut long = batch;
    long[8..12].copy_from_slice(&i32::MAX.to_be_bytes());
    check(
        long,
        &rules,
        expect![
            "batch of 2.0 GiB is over the topic's limit of 1.0 MiB; send smaller batches or raise max.message.bytes"
        ],
    );
}

#[test]
fn a_flipped_bit_is_seen_wherever_it_is() {
    let batch = good(Compression::Zstd);
    // Base offset and leader epoch lie outside the CRC; the leader writes both.
    for at in (8..12).chain(16..batch.len()) {
        for bit in 0..8 {
            let mut damaged = batch.clone();
            damaged[at] ^= 1 << bit;
            assert!(validate(damaged.into(), &BatchRules::default()).is_err(), "byte {at}");
        }
    }
    let mut damaged = batch;
    *damaged.last_mut().unwrap() ^= 1;
    let error = validate(damaged.into(), &BatchRules::default()).unwrap_err();
    assert_eq!(error.retry(), Retry::SameSequence, "the way was bad, not the batch");
}

#[test]
fn counts_and_offsets() {
    check_changed(
        put(57, (-1_i32).to_be_bytes()),
        expect!["batch says -1 records, which its 180 bytes of records cannot hold"],
    );
    check_changed(
        put(57, i32::MAX.to_be_bytes()),
        expect!["batch of 2147483647 records is over the limit of 4194304; send smaller batches"],
    );
    check_changed(
        put(57, 27_i32.to_be_bytes()),
        expect!["batch says 27 records, which its 180 bytes of records cannot hold"],
    );
    check_changed(
        put(57, 2_i32.to_be_bytes()),
        expect!["batch of 2 records has last offset delta 2; it must be one less than the count"],
    );
    check_changed(
        put(23, 1_i32.to_be_bytes()),
        expect!["batch of 3 records has last offset delta 1; it must be one less than the count"],
    );
    let two = |batch: &mut Vec<u8>| {
        put(57, 2_i32.to_be_bytes())(batch);
        put(23, 1_i32.to_be_bytes())(batch);
    };
    check_changed(two, expect!["60 bytes follow the last of the batch's 2 records"]);
    let four = |batch: &mut Vec<u8>| {
        put(57, 4_i32.to_be_bytes())(batch);
        put(23, 3_i32.to_be_bytes())(batch);
    };
    check_changed(
        four,
        expect!["record 3 of the batch is malformed: its bytes end in the middle of a field"],
    );
    check(
        with_records(Compression::None, 0, &[]),
        &BatchRules::default(),
        expect!["batch has no records; send at least one"],
    );
}

#[test]
fn attributes_and_producers() {
    let attributes = |bits: i16| put(21, bits.to_be_bytes());
    check_changed(
        attributes(5),
        expect!["compression codec 5 is unknown; use none, gzip, snappy, lz4 or zstd"],
    );
    check_changed(
        attributes(1 << 5),
        expect!["control batches are written by brokers only; clear the control attribute"],
    );
    check_changed(
        attributes(1 << 4),
        expect![
            "producer id -1, epoch -1 and sequence -1 do not go together; an idempotent or transactional batch has all three, none of them negative"
        ],
    );
    check_changed(
        put(43, 7_i64.to_be_bytes()),
        expect![
            "producer id 7, epoch -1 and sequence -1 do not go together; an idempotent or transactional batch has all three, none of them negative"
        ],
    );
    // Without a producer id the other two are not looked at: some clients leave them at 0.
    check_changed(put(53, 0_i32.to_be_bytes()), expect!["taken, 241 bytes"]);
    // A bit without a meaning is kept, as in Kafka.
    check_changed(attributes(1 << 9), expect!["taken, 241 bytes"]);
}

#[test]
fn the_cluster_may_send_what_a_client_may_not() {
    for bits in [1 << 3, 1 << 5] {
        let mut batch = good(Compression::None);
        put(21, i16::to_be_bytes(bits))(&mut batch);
        validate(sealed(batch), &BatchRules::for_cluster()).unwrap();
    }
    let mut gaps = good(Compression::None);
    put(23, 9_i32.to_be_bytes())(&mut gaps);
    validate(sealed(gaps), &BatchRules::for_cluster()).unwrap();
    let mut beyond = good(Compression::None);
    put(0, (i64::MAX - 2).to_be_bytes())(&mut beyond);
    check(
        beyond.clone(),
        &BatchRules::for_cluster(),
        expect!["base offset 9223372036854775805 and last offset delta 2 make no offset"],
    );
    validate(beyond.into(), &BatchRules::default()).expect("what a client sends there is ignored");
    let empty = with_records(Compression::None, 0, &[]);
    let mut empty = empty.to_vec();
    put(23, 9_i32.to_be_bytes())(&mut empty);
    let empty = sealed(empty);
    validate(empty.clone(), &BatchRules::for_cluster()).unwrap();
    let view = BatchView::parse(&empty).unwrap();
    assert_eq!(view.records(&mut Scratch::new(), 0).unwrap().count(), 0);
}

/// A record of these fields, its length before it.
fn record(fields: &[u8]) -> Vec<u8> {
    let mut record = vec![fields.len() as u8 * 2];
    record.extend_from_slice(fields);
    record
}

#[test]
fn records_that_are_none() {
    let check = |fields: &[u8], expected: Expect| {
        let records = [record(&[0, 0, 0, 1, 1, 0]), record(fields)].concat();
        check(with_records(Compression::None, 2, &records), &BatchRules::default(), expected);
    };
    check(&[0, 0, 2, 1, 1, 0], expect!["taken, 75 bytes"]);
    check(
        &[0, 0, 4, 1, 1, 0],
        expect!["record 1 of the batch is malformed: offset delta 2 where 1 must be"],
    );
    check(
        &[0, 0, 2, 1, 1, 0, 0],
        expect!["record 1 of the batch is malformed: 1 bytes follow its last field"],
    );
    check(
        &[0, 0, 2, 40, 1, 0],
        expect!["record 1 of the batch is malformed: a length of 20 with 2 bytes left"],
    );
    check(
        &[0, 0, 2, 3, 1, 0],
        expect!["record 1 of the batch is malformed: a length of -2 with 2 bytes left"],
    );
    check(
        &[0, 0, 2, 1, 1, 1],
        expect!["record 1 of the batch is malformed: a header count of -1 with 0 bytes left"],
    );
    check(
        &[0, 0, 2, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f],
        expect![
            "record 1 of the batch is malformed: a header count of 2147483647 with 0 bytes left"
        ],
    );
    check(
        &[0, 0, 2, 1, 1, 2, 1, 0],
        expect!["record 1 of the batch is malformed: a length of -1 with 1 bytes left"],
    );
    check(
        &[0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
        expect!["record 1 of the batch is malformed: a varint does not end where it must"],
    );
    // Overlong but well-formed: as in Kafka.
    check(&[0, 0, 0x82, 0, 0x81, 0, 1, 0], expect!["taken, 77 bytes"]);
}

#[test]
fn a_compacted_topic_needs_keys() {
    let rules = BatchRules { key_required: true, ..BatchRules::default() };
    validate(good(Compression::Lz4).into(), &rules).unwrap();
    let keyless = with_records(Compression::None, 1, &record(&[0, 0, 0, 1, 1, 0]));
    check(
        keyless,
        &rules,
        expect!["record 0 of the batch is malformed: it has no key, which a compacted topic needs"],
    );
}

#[test]
fn a_wrong_max_timestamp_is_put_right() {
    for compression in Compression::ALL {
        let right = good(compression);
        let mut batch = right.clone();
        put(35, (-1_i64).to_be_bytes())(&mut batch);
        let checked = validate(sealed(batch), &BatchRules::default()).unwrap();
        assert_eq!(checked.header().max_timestamp, Timestamp(1002));
        assert_eq!(checked.bytes(), &right, "and nothing else changed");
    }
}

#[test]
fn another_leaders_append_time_is_taken_off() {
    for compression in Compression::ALL {
        let right = good(compression);
        let mut batch = right.clone();
        batch[22] |= 1 << 3;
        put(35, 99_999_i64.to_be_bytes())(&mut batch);
        let batch = sealed(batch);
        let checked = validate(batch.clone(), &BatchRules::default()).unwrap();
        assert_eq!(checked.bytes(), &right, "the records' own timestamps count again");
        let kept = validate(batch.clone(), &BatchRules::for_cluster()).unwrap();
        assert_eq!(kept.bytes(), &batch, "from the cluster it is left as it is");
    }
}

#[test]
fn trust_skips_the_walk_but_not_the_checksum() {
    let broken = with_records(Compression::None, 1, &[0xff; 30]);
    let trusting = BatchRules { trust_plain: true, ..BatchRules::default() };
    validate(broken.clone(), &trusting).unwrap();
    validate(broken.clone(), &BatchRules::default()).unwrap_err();
    let garbage = with_records(Compression::Zstd, 1, &[0xff; 30]);
    validate(garbage.clone(), &trusting).unwrap_err();
    let trusting = BatchRules { trust_compressed: true, ..BatchRules::default() };
    validate(garbage, &trusting).unwrap();
    let mut damaged = broken.to_vec();
    damaged[70] ^= 1;
    validate(damaged.into(), &BatchRules::for_cluster()).unwrap_err();
}

#[test]
fn a_partial_batch_ends_the_iteration_and_a_bad_one_fails_it() {
    let batch = good(Compression::None);
    let stream = [&batch[..], &batch[..], &batch[..100]].concat();
    let mut batches = Batches::new(&stream);
    assert_eq!(batches.by_ref().map(Result::unwrap).count(), 2);
    assert_eq!(batches.rest().len(), 100);
    let mut bad = batch.clone();
    bad[16] = 0;
    let stream = [&batch[..], &bad[..], &batch[..]].concat();
    let verdicts: Vec<_> = Batches::new(&stream).map(|batch| batch.is_ok()).collect();
    assert_eq!(verdicts, [true, false]);
}

#[test]
fn timestamps_lie_within_what_is_allowed() {
    let made = |timestamps: &[i64]| {
        let mut builder = BatchBuilder::new();
        for timestamp in timestamps {
            builder.push(Timestamp(*timestamp), None, Some(b"v"), NO_HEADERS);
        }
        builder.finish(&BatchOptions::default())
    };
    let spans = TimestampSpans { before_ms_max: 10, after_ms_max: 5 };
    let timestamps = spans.around(Timestamp(100));
    let rules = BatchRules { timestamps, ..BatchRules::default() };
    for within in [&[90][..], &[105], &[95, 90, 105], &[-1]] {
        assert!(validate(made(within), &rules).is_ok(), "{within:?}");
    }
    for (without, blamed) in [(&[89][..], 0), (&[106], 0), (&[100, 106, 100], 1)] {
        let error = validate(made(without), &rules).expect_err("refused");
        let fault = RecordFault::Timestamp { found: without[blamed], oldest: 90, newest: 105 };
        let index = u32::try_from(blamed).expect("few");
        assert_eq!(error, BatchError::Record { index, fault });
        let trusting = BatchRules { trust_plain: true, ..rules };
        assert!(validate(made(without), &trusting).is_err(), "the header says so too");
    }
    let any = BatchRules { timestamps: TimestampSpans::ANY.around(Timestamp(0)), ..rules };
    assert!(validate(made(&[i64::MIN + 1]), &any).is_ok());
}
