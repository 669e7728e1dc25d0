//! The index against a linear scan.

use ottla_model::{Offset, Timestamp};
use proptest::prelude::*;

use super::*;

/// A batch as a segment holds it.
#[derive(Clone, Copy, Debug)]
struct Batch {
    offset: i64,
    records: i64,
    position: u32,
    size: u32,
    largest: i64,
}

fn segment(batches: &[(u8, u16, i8)]) -> Vec<Batch> {
    let (mut offset, mut position) = (1000, 0);
    let mut segment = Vec::new();
    for (records, size, largest) in batches {
        let (records, size) = (i64::from(*records) + 1, u32::from(*size) + 61);
        segment.push(Batch { offset, records, position, size, largest: i64::from(*largest) });
        offset += records;
        position += size;
    }
    segment
}

fn index(segment: &[Batch], interval: u32) -> SparseIndex {
    let mut index = SparseIndex::new(Offset(1000), interval);
    observe(&mut index, segment);
    index
}

fn observe(index: &mut SparseIndex, batches: &[Batch]) {
    for batch in batches {
        let offset = Offset(batch.offset);
        index.observe(offset, batch.position, batch.size, Timestamp(batch.largest));
    }
}

#[test]
fn entries_lie_an_interval_apart() {
    let segment = segment(&[(0, 39, 5), (0, 39, 3), (0, 39, 9), (0, 39, 1), (0, 39, 1)]);
    let index = index(&segment, 200);
    let entry = |offset, position, before| IndexEntry {
        offset: Offset(offset),
        position,
        largest_before: Timestamp(before),
    };
    assert_eq!(index.entries(), [entry(1002, 200, 5), entry(1004, 400, 9)]);
    assert_eq!((index.end(), index.largest()), (500, Timestamp(9)));
    assert_eq!(index.position_for_offset(Offset(1001)), 0);
    assert_eq!(index.position_for_offset(Offset(1003)), 200);
    assert_eq!(index.position_for_timestamp(Timestamp(5)), 0, "offset 1000 has it");
    assert_eq!(index.position_for_timestamp(Timestamp(6)), 200, "nothing before 1002 is so late");
}

#[test]
fn an_empty_index_says_to_begin_at_the_start() {
    let index = SparseIndex::new(Offset(7), 1);
    assert_eq!(index.position_for_offset(Offset(i64::MAX)), 0);
    assert_eq!(index.position_for_timestamp(Timestamp(i64::MAX)), 0);
    assert_eq!(index.largest(), BEFORE_ALL);
}

#[test]
fn parts_that_contradict_each_other_are_not_believed() {
    let good = index(&segment(&[(0, 39, 5), (0, 39, 3), (0, 39, 9)]), 100);
    let with = |change: &dyn Fn(&mut Vec<IndexEntry>, &mut u32, &mut Timestamp)| {
        let mut entries = good.entries().to_vec();
        let (mut end, mut largest) = (good.end(), good.largest());
        change(&mut entries, &mut end, &mut largest);
        SparseIndex::from_parts(good.base(), 100, entries, end, largest)
    };
    assert_eq!(with(&|_, _, _| ()), Some(good.clone()));
    assert_eq!(with(&|entries, _, _| entries[1].position = 100), None, "no room between");
    assert_eq!(with(&|entries, _, _| entries[0].position = 50), None, "nearer than the interval");
    assert_eq!(with(&|entries, _, _| entries[1].offset = Offset(1001)), None, "offset not above");
    assert_eq!(with(&|entries, _, _| entries[0].offset = Offset(1000)), None, "not above the base");
    assert_eq!(
        with(&|entries, _, _| entries[1].largest_before = Timestamp(4)),
        None,
        "back in time"
    );
    assert_eq!(with(&|_, end, _| *end = 200), None, "an entry at the end stands for no batch");
    assert_eq!(with(&|_, _, largest| *largest = Timestamp(4)), None);
    assert_eq!(SparseIndex::from_parts(good.base(), 0, Vec::new(), 0, BEFORE_ALL), None);
    assert_eq!(SparseIndex::from_parts(good.base(), 9, Vec::new(), 0, Timestamp(1)), None);
}

fn any_segment() -> impl Strategy<Value = Vec<Batch>> {
    prop::collection::vec((any::<u8>(), 0..400_u16, any::<i8>()), 0..60).prop_map(|b| segment(&b))
}

proptest! {
    /// The answer is a batch boundary; the batch is not before it; no later entry would do.
    #[test]
    fn an_offset_is_found_from_where_the_index_says(
        segment in any_segment(),
        interval in 1..2000_u32,
        at in 0..8000_i64,
    ) {
        let index = index(&segment, interval);
        let from = index.position_for_offset(Offset(1000 + at));
        let holds = |b: &&Batch| (b.offset..b.offset + b.records).contains(&(1000 + at));
        prop_assert!(from == 0 || segment.iter().any(|batch| batch.position == from));
        if let Some(holder) = segment.iter().find(holds) {
            prop_assert!(from <= holder.position);
            let skipped = holder.position - from;
            let largest = segment.iter().map(|batch| batch.size).max().unwrap_or(0);
            prop_assert!(skipped < interval + largest, "{skipped} bytes are walked in vain");
        }
    }

    #[test]
    fn a_time_is_found_from_where_the_index_says(
        segment in any_segment(),
        interval in 1..2000_u32,
        at in any::<i8>(),
    ) {
        let (index, at) = (index(&segment, interval), i64::from(at));
        let from = index.position_for_timestamp(Timestamp(at));
        prop_assert!(from == 0 || segment.iter().any(|batch| batch.position == from));
        let scan = |from| segment.iter().find(|b| b.position >= from && b.largest >= at);
        let found = scan(from).map(|batch| batch.position);
        prop_assert_eq!(found, scan(0).map(|batch| batch.position));
        prop_assert_eq!(found.is_some(), index.largest() >= Timestamp(at));
    }

    /// L6: truncated and observed again, or read from a file, it equals one that is built anew.
    #[test]
    fn an_index_that_was_cut_equals_a_rebuild(
        segment in any_segment(),
        interval in 1..2000_u32,
        kept in 0..60_usize,
    ) {
        let mut cut = index(&segment, interval);
        let left = &segment[..kept.min(segment.len())];
        let to = left.last().map_or(0, |batch| batch.position + batch.size);
        let from = cut.truncate(to);
        let again = left.iter().position(|batch| batch.position >= from).unwrap_or(left.len());
        observe(&mut cut, &left[again..]);
        let rebuilt = index(left, interval);
        prop_assert_eq!(&cut, &rebuilt);

        let file = crate::format::index_file::encode(&cut);
        prop_assert_eq!(crate::format::index_file::decode(&file).unwrap(), rebuilt);
    }

    #[test]
    fn arbitrary_bytes_are_no_index(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(crate::format::index_file::decode(&bytes).is_err());
    }
}
