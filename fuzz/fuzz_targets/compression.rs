//! Every codec on any payload, within the budget; and what a codec wrote comes back.
//!
//! The first byte of the input chooses codec and budget.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ottla_fuzz::sealed;
use ottla_model::Timestamp;
use ottla_record::{
    BatchBuilder, BatchOptions, BatchView, Compression, HEADER_BYTES, NO_HEADERS, Scratch,
};

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, payload)) = bytes.split_first() else { return };
    let compression = Compression::ALL[1 + usize::from(choice % 4)];
    let budget = 1 << (choice >> 4 << 1).min(22);
    decompress(compression, payload, budget);
    round_trip(compression, payload);
});

fn decompress(compression: Compression, payload: &[u8], budget: u64) {
    let mut batch = vec![0; HEADER_BYTES];
    batch[22] = compression.codec();
    batch[57..61].copy_from_slice(&i32::MAX.to_be_bytes());
    batch.extend_from_slice(payload);
    let batch = sealed(&batch);
    let view = BatchView::parse(&batch).expect("it was sealed");
    let mut scratch = Scratch::new();
    if let Ok(walk) = view.records(&mut scratch, budget) {
        // No record is smaller than 7 bytes, so that their number shows how much was decompressed.
        let records = walk.map_while(Result::ok).count() as u64;
        assert!(records * 7 <= budget);
    }
}

fn round_trip(compression: Compression, value: &[u8]) {
    let mut builder = BatchBuilder::new();
    builder.push(Timestamp(0), None, Some(value), NO_HEADERS);
    let batch = builder.finish(&BatchOptions { compression, ..BatchOptions::default() });
    let view = BatchView::parse(&batch).expect("the builder makes a batch");
    let mut scratch = Scratch::new();
    let budget = value.len() as u64 + 32;
    let mut walk = view.records(&mut scratch, budget).expect("what was compressed decompresses");
    let record = walk.next().expect("there is one").expect("it is well-formed");
    assert_eq!(record.value, Some(value));
    assert!(walk.next().is_none());
}
