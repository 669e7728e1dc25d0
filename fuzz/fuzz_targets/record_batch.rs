//! Any bytes as batches: read, checked, stamped. What was taken must read back whole.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ottla_fuzz::sealed;
use ottla_model::{LeaderEpoch, Offset, Timestamp};
use ottla_record::{BatchHeader, BatchRules, BatchView, Batches, CheckedBatch, Scratch, validate};

const BUDGET: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    check(bytes);
    let sealed = sealed(bytes);
    read(&sealed);
    check(&sealed);
});

fn read(bytes: &[u8]) {
    if let Ok(header) = BatchHeader::peek(bytes) {
        assert_eq!(header.encode(), bytes[..61]);
        let _ = (header.last_offset(), header.next_offset(), header.last_sequence());
    }
    let mut scratch = Scratch::new();
    for batch in Batches::new(bytes).flatten() {
        let Ok(walk) = batch.records(&mut scratch, BUDGET) else { continue };
        let mut fields = 0;
        for record in walk.flatten() {
            fields += record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
            fields += record.headers().map(|header| header.key.len()).sum::<usize>();
        }
        assert!(fields <= bytes.len() + BUDGET as usize);
    }
}

fn check(bytes: &[u8]) {
    let rules = BatchRules { decompressed_bytes_max: BUDGET, ..BatchRules::default() };
    if let Ok(checked) = validate(Bytes::copy_from_slice(bytes), &rules) {
        walk_all(checked.bytes());
        stamp(&checked, None);
        stamp(&checked, Some(Timestamp(1_700_000_000_000)));
    }
    let _ = validate(Bytes::copy_from_slice(bytes), &BatchRules::for_cluster());
}

fn walk_all(batch: &[u8]) {
    let view = BatchView::parse(batch).expect("what was taken is a batch");
    let mut scratch = Scratch::new();
    let walk = view.records(&mut scratch, BUDGET).expect("what was taken decompresses");
    let records: Vec<_> =
        walk.map(|record| record.expect("what was taken is well-formed")).collect();
    assert_eq!(records.len() as i32, view.header().record_count);
    // A client's base offset may be any number, since its leader writes another: so these wrap.
    let base = view.header().base_offset.0;
    let deltas = records.iter().map(|record| record.offset.0.wrapping_sub(base));
    assert!(deltas.eq(0..records.len() as i64));
}

fn stamp(checked: &CheckedBatch, append_time: Option<Timestamp>) {
    let stamped = checked.clone().stamp(Offset(42), LeaderEpoch(7), append_time);
    let bytes = stamped.to_bytes();
    assert_eq!(BatchHeader::peek(&bytes).as_ref(), Ok(stamped.header()));
    validate(bytes, &BatchRules::for_cluster()).expect("a leader's batch suits its followers");
}
