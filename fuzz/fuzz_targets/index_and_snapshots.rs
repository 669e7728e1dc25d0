//! Any bytes as a segment's index or producer snapshot, as they are and with the checksum made to
//! hold. What is taken encodes to the very same bytes, and can be worked with.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla_fuzz::resealed;
use ottla_log::format::index_file;
use ottla_log::format::producers_file::ProducerSnapshot;
use ottla_log::index::SparseIndex;
use ottla_log::producers::{ProducerBatch, ProducerLimits, Verdict};
use ottla_model::{Offset, ProducerEpoch, Timestamp};

fuzz_target!(|bytes: &[u8]| {
    decode(bytes);
    decode(&resealed(b"OTTLINDX", bytes));
    decode(&resealed(b"OTTLPROD", bytes));
});

fn decode(file: &[u8]) {
    if let Ok(index) = index_file::decode(file) {
        assert_eq!(index_file::encode(&index), file);
        use_index(index);
    }
    if let Ok(snapshot) = ProducerSnapshot::decode(file, ProducerLimits::default()) {
        assert_eq!(snapshot.encode(), file);
        use_table(snapshot);
    }
}

fn use_index(mut index: SparseIndex) {
    for entry in index.entries().to_vec() {
        assert_eq!(index.position_for_offset(entry.offset), entry.position);
        assert!(index.position_for_timestamp(entry.largest_before) < entry.position);
    }
    let end = index.end();
    assert!(index.position_for_offset(Offset(i64::MAX)) <= end);
    assert!(index.truncate(end / 2) <= end / 2);
    assert!(index.entries().iter().all(|entry| entry.position < end / 2));
}

fn use_table(snapshot: ProducerSnapshot) {
    let ProducerSnapshot { upto, mut table } = snapshot;
    let known: Vec<_> =
        table.iter().map(|(id, state)| (id, state.epoch, state.batches().to_vec())).collect();
    for (at, (producer, epoch, batches)) in known.into_iter().enumerate() {
        for mark in batches {
            let retry = ProducerBatch {
                producer,
                epoch,
                first: mark.first,
                last: mark.last,
                base_offset: Offset(-1),
                last_offset: Offset(-1),
                timestamp: Timestamp(0),
            };
            let verdict = table.check(&retry, Timestamp(0));
            assert!(matches!(verdict, Verdict::Duplicate { .. }), "{verdict:?}");
            let fenced = ProducerBatch { epoch: ProducerEpoch(epoch.0.wrapping_sub(1)), ..retry };
            assert!(matches!(table.check(&fenced, Timestamp(0)), Verdict::Refused(_)));
        }
        if let Some(base) = upto.0.checked_add(at as i64) {
            let (first, offset) = (ottla_model::Sequence::FIRST, Offset(base));
            table.record(
                &ProducerBatch {
                    producer,
                    epoch,
                    first,
                    last: first,
                    base_offset: offset,
                    last_offset: offset,
                    timestamp: Timestamp(0),
                },
                Timestamp(0),
            );
        }
    }
    table.expire(Timestamp(i64::MAX));
}
