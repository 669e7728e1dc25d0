//! Decompression bombs, lies about sizes, and bytes at random: errors within the budget, no panics.

use bytes::Bytes;
use ottla_model::Timestamp;
use ottla_record::{
    BatchBuilder, BatchError, BatchHeader, BatchOptions, BatchRules, BatchView, Batches,
    Compression, HEADER_BYTES, NO_HEADERS, RecordFault, Scratch, crc32c, validate,
};
use proptest::collection::vec;
use proptest::prelude::*;

const CODECS: [Compression; 4] =
    [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

/// A batch of one record of this many zeros.
fn zeros(compression: Compression, count: usize) -> Bytes {
    let mut builder = BatchBuilder::new();
    builder.push(Timestamp(0), None, Some(&vec![0; count]), NO_HEADERS);
    builder.finish(&BatchOptions { compression, ..BatchOptions::default() })
}

/// A batch that says it has one record, and has this payload.
fn with_payload(compression: Compression, payload: &[u8]) -> Bytes {
    let mut batch = zeros(compression, 1)[..HEADER_BYTES].to_vec();
    batch.extend_from_slice(payload);
    let length = batch.len() as i32 - 12;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c(&batch[21..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    batch.into()
}

fn error(batch: Bytes, budget: u64) -> BatchError {
    let rules = BatchRules { decompressed_bytes_max: budget, ..BatchRules::default() };
    validate(batch, &rules).expect_err("it must be refused")
}

#[test]
fn a_bomb_stops_at_the_budget() {
    let record_bytes = 4 * 1024 * 1024 + 12;
    for compression in CODECS {
        let bomb = zeros(compression, 4 * 1024 * 1024);
        for budget in [0, 1, 100_000, 1 << 20, record_bytes - 1] {
            let refused = error(bomb.clone(), budget);
            assert!(matches!(refused, BatchError::OverBudget { .. }), "{compression}: {refused}");
        }
        let rules = BatchRules { decompressed_bytes_max: 1 << 23, ..BatchRules::default() };
        validate(bomb, &rules).expect("within the budget it is a batch like others");
    }
}

#[test]
fn the_budget_is_exact() {
    for compression in CODECS {
        let plain = zeros(Compression::None, 1000).len() - HEADER_BYTES;
        let batch = zeros(compression, 1000);
        let view = BatchView::parse(&batch).unwrap();
        let mut scratch = Scratch::new();
        assert!(view.records(&mut scratch, plain as u64).is_ok(), "{compression}");
        assert!(view.records(&mut scratch, plain as u64 - 1).is_err(), "{compression}");
    }
}

#[test]
fn compression_within_compression_is_not_undone() {
    for compression in CODECS {
        let inner = zeros(compression, 1000);
        let mut builder = BatchBuilder::new();
        builder.push(Timestamp(0), None, Some(&inner), NO_HEADERS);
        let outer = builder.finish(&BatchOptions { compression, ..BatchOptions::default() });
        // A batch inside a record is a value like any other.
        let mut scratch = Scratch::new();
        let view = BatchView::parse(&outer).unwrap();
        let records: Vec<_> =
            view.records(&mut scratch, 1 << 20).unwrap().map(Result::unwrap).collect();
        assert_eq!(records[0].value, Some(&inner[..]));
        // A payload that was compressed twice holds no records.
        let twice = twice_compressed(compression);
        assert!(validate(twice, &BatchRules::default()).is_err(), "{compression}");
    }
}

/// A batch whose payload is a compressed stream of a compressed stream of records.
fn twice_compressed(compression: Compression) -> Bytes {
    let once = zeros(compression, 100).slice(HEADER_BYTES..);
    let second = match compression {
        Compression::Zstd => zstd::bulk::compress(&once, 3).unwrap(),
        Compression::Gzip => {
            use std::io::Write;
            let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
            encoder.write_all(&once).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Lz4 => {
            use std::io::Write;
            let mut encoder = lz4_flex::frame::FrameEncoder::new(vec![]);
            encoder.write_all(&once).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Snappy => snap::raw::Encoder::new().compress_vec(&once).unwrap(),
        Compression::None => unreachable!("only codecs compress"),
    };
    with_payload(compression, &second)
}

#[test]
fn sizes_that_are_only_said_allocate_nothing() {
    // A snappy block of 10 bytes that says it becomes 4 GiB.
    let snappy = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0, 0];
    // A zstd frame without content that says it becomes 2^60 bytes.
    let mut zstd = vec![0x28, 0xb5, 0x2f, 0xfd, 0b1110_0000];
    zstd.extend_from_slice(&(1_u64 << 60).to_le_bytes());
    zstd.extend_from_slice(&[1, 0, 0]);
    for (compression, payload) in [(Compression::Snappy, &snappy[..]), (Compression::Zstd, &zstd)] {
        let refused = error(with_payload(compression, payload), 1 << 40);
        let malformed = matches!(refused, BatchError::Decompression { .. });
        assert!(malformed, "{compression}: {refused}");
    }
}

#[test]
fn what_java_readers_refuse_is_refused() {
    use lz4_flex::frame::{BlockMode, FrameEncoder, FrameInfo};
    use std::io::Write;
    let records = zeros(Compression::None, 100_000).slice(HEADER_BYTES..);
    let lz4 = |mode| {
        let info = FrameInfo::new().block_mode(mode);
        let mut encoder = FrameEncoder::with_frame_info(info, vec![]);
        encoder.write_all(&records).unwrap();
        with_payload(Compression::Lz4, &encoder.finish().unwrap())
    };
    validate(lz4(BlockMode::Independent), &BatchRules::default()).unwrap();
    let refused = error(lz4(BlockMode::Linked), 1 << 20);
    assert!(refused.to_string().contains("linked"), "{refused}");
    // A zstd window of 256 MiB, declared before one raw block.
    let window = [0x28, 0xb5, 0x2f, 0xfd, 0, (18 << 3), 1, 0, 0];
    let refused = error(with_payload(Compression::Zstd, &window), 1 << 20);
    assert!(refused.to_string().contains("window"), "{refused}");
}

#[test]
fn every_variant_of_an_lz4_frame_is_read() {
    use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};
    use std::io::Write;
    let records = zeros(Compression::None, 700_000).slice(HEADER_BYTES..);
    let sizes = [BlockSize::Max64KB, BlockSize::Max256KB, BlockSize::Max1MB, BlockSize::Max4MB];
    for (size, flags) in sizes.into_iter().flat_map(|size| (0..8).map(move |flags| (size, flags))) {
        let info = FrameInfo::new()
            .block_size(size)
            .block_checksums(flags & 1 != 0)
            .content_checksum(flags & 2 != 0)
            .content_size((flags & 4 != 0).then_some(records.len() as u64));
        let mut encoder = FrameEncoder::with_frame_info(info, vec![]);
        encoder.write_all(&records).unwrap();
        let frame = encoder.finish().unwrap();
        validate(with_payload(Compression::Lz4, &frame), &BatchRules::default()).unwrap();
        let damaged = damaged(&frame);
        assert!(flags & 1 == 0 || validate(damaged, &BatchRules::default()).is_err());
    }
}

/// The frame with a bit of its first block flipped, in a batch whose CRC fits.
fn damaged(frame: &[u8]) -> Bytes {
    let mut frame = frame.to_vec();
    let middle = frame.len() / 2;
    frame[middle] ^= 1;
    with_payload(Compression::Lz4, &frame)
}

#[test]
fn raw_snappy_is_read_too() {
    let records = zeros(Compression::None, 5000).slice(HEADER_BYTES..);
    let raw = snap::raw::Encoder::new().compress_vec(&records).unwrap();
    validate(with_payload(Compression::Snappy, &raw), &BatchRules::default()).unwrap();
}

/// The four inputs with which kafka-protocol 0.18 aborts or panics, see its pull request 152.
#[test]
fn counts_that_killed_others_are_errors() {
    let mut many = zeros(Compression::None, 1).to_vec();
    many[23..27].copy_from_slice(&(i32::MAX - 1).to_be_bytes());
    many[57..61].copy_from_slice(&i32::MAX.to_be_bytes());
    let crc = crc32c(&many[21..]);
    many[17..21].copy_from_slice(&crc.to_be_bytes());
    let rules = BatchRules { records_max: u32::MAX, ..BatchRules::default() };
    assert!(matches!(validate(many.into(), &rules), Err(BatchError::Count { .. })));

    let headers = [0_u8, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f];
    let record = [&[20][..], &headers].concat();
    let refused = error(with_payload(Compression::None, &record), 1 << 20);
    let BatchError::Record { fault: RecordFault::Headers { count: i32::MAX, .. }, .. } = refused
    else {
        panic!("{refused}")
    };

    let mut overflow = zeros(Compression::None, 1).to_vec();
    overflow[27..35].copy_from_slice(&i64::MAX.to_be_bytes());
    overflow[63] = 2;
    let view = BatchView::parse(&overflow).unwrap();
    let mut scratch = Scratch::new();
    let record = view.records(&mut scratch, 0).unwrap().next().unwrap().unwrap();
    assert_eq!(record.timestamp.0, i64::MIN, "it wraps, as in Java");
}

/// Everything that can be asked of bytes that came from anywhere.
fn poke(bytes: &[u8]) {
    let _ = BatchHeader::peek(bytes).map(|header| {
        (header.last_offset(), header.next_offset(), header.last_sequence(), header.compression())
    });
    let mut scratch = Scratch::new();
    for batch in Batches::new(bytes).flatten() {
        let Ok(walk) = batch.records(&mut scratch, 1 << 20) else { continue };
        for record in walk.flatten() {
            assert!(record.headers().count() <= bytes.len() + (1 << 20));
        }
    }
    for rules in [BatchRules::default(), BatchRules::for_cluster()] {
        let _ = validate(Bytes::copy_from_slice(bytes), &rules);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_survived(bytes in vec(any::<u8>(), 0..300)) {
        poke(&bytes);
    }

    #[test]
    fn random_payloads_are_survived(
        compression in proptest::sample::select(&Compression::ALL[..]),
        payload in vec(any::<u8>(), 0..300),
    ) {
        poke(&with_payload(compression, &payload));
    }

    #[test]
    fn damaged_payloads_are_survived(
        compression in proptest::sample::select(&Compression::ALL[..]),
        size in 0_usize..5000,
        damage in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..5),
        cut in any::<proptest::sample::Index>(),
    ) {
        let batch = zeros(compression, size);
        let mut payload = batch[HEADER_BYTES..].to_vec();
        for (at, byte) in damage {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        poke(&with_payload(compression, &payload));
        payload.truncate(cut.index(payload.len()));
        poke(&with_payload(compression, &payload));
    }
}
