//! What is allocated, counted by the allocator itself: nothing for a record, and nothing because a
//! length says so.

#![allow(unsafe_code, reason = "an allocator that counts is unsafe to write; tests only")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::Bytes;
use ottla_model::{LeaderEpoch, Offset, Timestamp};
use ottla_record::{
    BatchBuilder, BatchOptions, BatchRules, BatchView, Compression, HEADER_BYTES, RecordHeader,
    Scratch, crc32c, validate_with,
};
use proptest::collection::vec;
use proptest::prelude::*;

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static LIVE: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

fn grow(bytes: i64) {
    COUNT.set(COUNT.get() + 1);
    LIVE.set(LIVE.get() + bytes);
    PEAK.set(PEAK.get().max(LIVE.get()));
}

// SAFETY: every call goes to the system's allocator as it is; the counters allocate nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size() as i64);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get() - layout.size() as i64);
        // SAFETY: the pointer came from `System` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many allocations `work` makes, and the most bytes it holds of them at a time.
fn measure<T>(work: impl FnOnce() -> T) -> (u64, u64, T) {
    let (count, live) = (COUNT.get(), LIVE.get());
    PEAK.set(live);
    let result = work();
    (COUNT.get() - count, (PEAK.get() - live).cast_unsigned(), result)
}

const RECORDS: usize = 5000;

fn fill(builder: &mut BatchBuilder, value: &[u8]) {
    let headers = [RecordHeader::new("h", Some(b"1")), RecordHeader::new("h", None)];
    for index in 0..RECORDS {
        let timestamp = Timestamp(index as i64);
        builder.push(timestamp, Some(b"key"), Some(value), headers.iter().copied());
    }
}

fn batch(compression: Compression) -> Bytes {
    let mut builder = BatchBuilder::new();
    fill(&mut builder, &[b'v'; 100]);
    builder.finish(&BatchOptions { compression, ..BatchOptions::default() })
}

#[test]
fn a_walk_allocates_nothing() {
    let batch = batch(Compression::None);
    let mut scratch = Scratch::new();
    let (count, _, fields) = measure(|| {
        let view = BatchView::parse(&batch).unwrap();
        let walk = view.records(&mut scratch, 0).unwrap();
        walk.map(|record| record.unwrap().headers().count()).sum::<usize>()
    });
    assert_eq!((count, fields), (0, 2 * RECORDS));
}

#[test]
fn a_check_allocates_nothing_and_a_stamp_only_its_head() {
    let batch = batch(Compression::None);
    let (rules, mut scratch) = (BatchRules::default(), Scratch::new());
    let (count, _, checked) = measure(|| validate_with(batch, &rules, &mut scratch).unwrap());
    assert_eq!(count, 0);
    let (count, bytes, _) = measure(|| checked.stamp(Offset(7), LeaderEpoch(1), None));
    assert!(count <= 2 && bytes <= 100, "{count} allocations, {bytes} bytes");
}

#[test]
fn a_scratch_is_used_again() {
    let (rules, mut scratch) = (BatchRules::default(), Scratch::new());
    for compression in [Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        let batch = batch(compression);
        validate_with(batch.clone(), &rules, &mut scratch).unwrap();
        let (count, _, _) = measure(|| validate_with(batch, &rules, &mut scratch).unwrap());
        assert_eq!(count, 0, "{compression}");
    }
}

#[test]
fn appending_allocates_nothing_once_there_is_room() {
    let mut builder = BatchBuilder::new();
    fill(&mut builder, &[b'v'; 100]);
    builder.finish(&BatchOptions::default());
    let (count, _, ()) = measure(|| fill(&mut builder, &[b'w'; 100]));
    assert_eq!(count, 0);
    let (count, _, _) = measure(|| builder.finish(&BatchOptions::default()));
    assert!(count <= 2, "{count} allocations for a batch");
}

#[test]
fn a_bomb_costs_its_budget() {
    let budget = 1 << 20;
    let rules = BatchRules { decompressed_bytes_max: budget, ..BatchRules::default() };
    for compression in Compression::ALL.into_iter().skip(1) {
        let mut builder = BatchBuilder::new();
        builder.push(Timestamp(0), None, Some(&vec![0; 32 << 20]), ottla_record::NO_HEADERS);
        let bomb = builder.finish(&BatchOptions { compression, ..BatchOptions::default() });
        let rules = BatchRules { batch_bytes_max: u64::MAX, ..rules };
        let (_, bytes, result) = measure(|| validate_with(bomb, &rules, &mut Scratch::new()));
        assert!(result.is_err(), "{compression}");
        assert!(bytes <= 2 * budget + 64 * 1024, "{compression}: {bytes} bytes");
    }
}

/// A batch that says it has many records, before this payload.
fn with_payload(compression: Compression, payload: &[u8]) -> Bytes {
    let mut batch = vec![0; HEADER_BYTES];
    batch.extend_from_slice(payload);
    let length = batch.len() as i32 - 12;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[16] = 2;
    batch[22] = compression.codec();
    batch[23..27].copy_from_slice(&4_000_000_i32.to_be_bytes());
    batch[57..61].copy_from_slice(&4_000_001_i32.to_be_bytes());
    let crc = crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch.into()
}

/// How streams of the codecs begin, the LZ4 one with the largest blocks that there are.
const STARTS: [&[u8]; 5] = [
    &[],
    &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0],
    &[0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1],
    &[0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73],
    &[0x28, 0xb5, 0x2f, 0xfd],
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_only_said_costs_little(
        compression in proptest::sample::select(&Compression::ALL[..]),
        start in proptest::sample::select(&STARTS[..]),
        payload in vec(any::<u8>(), 0..200),
    ) {
        let payload = [start, &payload].concat();
        // Four bytes of zstd can be 128 KiB of the same byte; what a frame says is believed so far.
        let could_be = if compression == Compression::Zstd { 32 * 1024 * payload.len() } else { 0 };
        let batch = with_payload(compression, &payload);
        let rules = BatchRules::default();
        let (_, bytes, _) = measure(|| validate_with(batch, &rules, &mut Scratch::new()));
        prop_assert!(bytes <= (256 * 1024 + could_be) as u64, "{} bytes", bytes);
    }
}
