//! Rounds: what is written reads back, and nothing else does.

use bytes::Bytes;
use ottla_model::limits::{BLOCK_BYTES, SEGMENT_BYTES_MAX};
use ottla_model::{DirectoryId, Durability, Offset, PartitionId, StreamId, Timestamp, TopicId};
use proptest::prelude::*;

use super::*;
use crate::settings::StreamSettings;

const BLOCK: usize = BLOCK_BYTES as usize;

fn stamp(sequence: u64) -> RoundStamp {
    RoundStamp {
        directory: DirectoryId::from_bytes([7; 16]),
        incarnation: 3,
        sequence,
        durable_mark: sequence - 1,
        file: 2,
        position: 8 * BLOCK_BYTES,
        written_at: Timestamp(1_700_000_000_000),
    }
}

fn stream(number: u8) -> StreamId {
    StreamId::new(TopicId::from_bytes([number; 16]), PartitionId(u32::from(number)))
}

fn build(operations: &[(StreamId, Operation)]) -> RoundBuilder {
    let mut builder = RoundBuilder::new();
    for (at, (stream, operation)) in operations.iter().enumerate() {
        let before = builder.round_bytes_with(*stream, operation);
        assert_eq!(builder.push(*stream, operation.clone()) as usize, at);
        assert_eq!(builder.round_bytes(), before, "sizes are known before");
    }
    builder
}

fn write(builder: &RoundBuilder, stamp: RoundStamp) -> Vec<u8> {
    let mut round = vec![0xaa; builder.round_bytes() as usize];
    builder.encode(stamp, &mut round);
    round
}

fn append(bytes: usize) -> Operation {
    let batch = Bytes::from(vec![0x42; bytes]);
    Operation::Append { head: batch.slice(..16), rest: batch.slice(16..) }
}

fn small_round() -> Vec<u8> {
    let operations = [
        (stream(1), append(100)),
        (stream(2), Operation::Truncate { to: Offset(5) }),
        (stream(1), append(61)),
    ];
    write(&build(&operations), stamp(9))
}

#[test]
fn a_small_round_takes_one_block() {
    let round = small_round();
    assert_eq!(round.len(), BLOCK);
    let decoded = Round::decode(&Bytes::from(round)).unwrap();
    assert_eq!(decoded.header.stamp, stamp(9));
    assert_eq!(decoded.streams, [stream(1), stream(2)]);
    let order: Vec<_> = decoded.entries().map(|entry| (entry.index, entry.stream)).collect();
    assert_eq!(order, [(0, stream(1)), (1, stream(2)), (2, stream(1))]);
}

#[test]
fn an_empty_round_is_a_round() {
    let round = write(&RoundBuilder::new(), stamp(1));
    assert_eq!(round.len(), BLOCK);
    assert_eq!(Round::decode(&Bytes::from(round)).unwrap().entries().count(), 0);
}

#[test]
fn a_reused_buffer_leaves_nothing_behind_the_round() {
    let round = small_round();
    let header = RoundHeader::decode(&round).unwrap();
    let used = header.payload_start() + header.payload_bytes as usize;
    assert!(round[used..].iter().all(|byte| *byte == 0), "the buffer held 0xaa before");
}

#[test]
fn a_cleared_builder_starts_over() {
    let mut builder = build(&[(stream(1), append(9000))]);
    builder.clear();
    assert!(builder.is_empty());
    assert_eq!(builder.round_bytes(), BLOCK_BYTES);
    builder.push(stream(2), Operation::Drop);
    let decoded = Round::decode(&Bytes::from(write(&builder, stamp(1)))).unwrap();
    assert_eq!(decoded.streams, [stream(2)]);
}

/// Damage in the header hides the streams; damage in the payload names them.
#[test]
fn every_flipped_bit_that_matters_is_noticed_and_narrowed_down() {
    let round = small_round();
    let header = RoundHeader::decode(&round).unwrap();
    let used = header.payload_start() + header.payload_bytes as usize;
    for bit in 0..used * 8 {
        let mut damaged = round.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let bad = Round::decode(&Bytes::from(damaged)).unwrap_err();
        assert_eq!(bad.header.is_some(), bit / 8 >= ROUND_HEADER_BYTES, "bit {bit}");
        assert_eq!(bad.streams.is_some(), bit / 8 >= header.payload_start(), "bit {bit}");
    }
}

#[test]
fn a_round_that_ends_early_says_whom_it_concerned() {
    let operations = [(stream(1), append(10_000))];
    let round = Bytes::from(write(&build(&operations), stamp(9)));
    let bad = Round::decode(&round.slice(..BLOCK)).unwrap_err();
    assert!(matches!(bad.error, FormatError::Short { .. }), "{bad}");
    assert_eq!(bad.streams, Some(vec![stream(1)]));
    assert_eq!(bad.header.map(|h| h.round_bytes as usize), Some(round.len()));
}

/// A torn write that leaves 512-byte sectors of the file's former life between the new ones.
#[test]
fn sectors_of_a_former_round_are_never_taken_for_the_new_one() {
    let old = write(&build(&[(stream(1), append(5000))]), stamp(4));
    let mut other = append(5000);
    if let Operation::Append { rest, .. } = &mut other {
        *rest = Bytes::from(vec![0x43; 5000 - 16]);
    }
    let new = write(&build(&[(stream(1), other)]), stamp(40));
    assert_eq!(old.len(), new.len());
    let header = RoundHeader::decode(&new).unwrap();
    let used = header.payload_start() + header.payload_bytes as usize;
    let sectors = used.div_ceil(512);
    for kept in 0..1_u32 << sectors {
        let mut torn = old.clone();
        for sector in (0..sectors).filter(|sector| kept >> sector & 1 == 1) {
            let bytes = sector * 512..(sector + 1) * 512;
            torn[bytes.clone()].copy_from_slice(&new[bytes]);
        }
        match Round::decode(&Bytes::from(torn)) {
            Ok(round) if round.header.stamp.sequence == 40 => assert_eq!(kept, (1 << sectors) - 1),
            Ok(_) => assert_eq!(kept, 0),
            Err(_) => assert!(kept != 0 && kept != (1 << sectors) - 1),
        }
    }
}

/// Writes a header over the round's, with a checksum that holds: what only an attacker, or we
/// ourselves in error, would do.
fn forge(round: &[u8], change: impl FnOnce(&mut RoundHeader)) -> Vec<u8> {
    let mut forged = round.to_vec();
    let mut header = RoundHeader::decode(round).unwrap();
    change(&mut header);
    header.encode(&mut forged);
    forged
}

#[test]
fn a_header_that_contradicts_itself_is_refused() {
    let round = small_round();
    let refused = |change: fn(&mut RoundHeader)| {
        let forged = forge(&round, change);
        let refused = RoundHeader::decode(&forged).expect_err("the header cannot be");
        assert!(matches!(refused, FormatError::Invalid { .. }), "{refused}");
    };
    refused(|h| h.round_bytes = 0);
    refused(|h| h.round_bytes += BLOCK as u32);
    refused(|h| h.payload_bytes = u32::MAX);
    refused(|h| h.stream_count = u32::MAX);
    refused(|h| h.entry_count = u32::MAX);
    refused(|h| h.stamp.durable_mark = h.stamp.sequence);
    refused(|h| h.stamp.position = 1);
}

/// A list that is longer than the bytes in hand must not be allocated for.
#[test]
fn counts_that_agree_with_one_another_and_not_with_the_bytes_are_refused() {
    let forged = forge(&small_round(), |header| {
        header.stream_count = 100_000_000;
        header.entry_count = 100_000_000;
        header.payload_bytes = 2_000_000_000;
        header.round_bytes = header::round_bytes(100_000_000, 2_000_000_000) as u32;
    });
    let bad = Round::decode(&Bytes::from(forged)).unwrap_err();
    assert!(matches!(bad.error, FormatError::Short { .. } | FormatError::Invalid { .. }), "{bad}");
    assert_eq!(bad.streams, None);
}

#[test]
fn another_number_of_entries_than_announced_is_refused() {
    for count in [2, 4] {
        let forged = forge(&small_round(), |header| header.entry_count = count);
        let bad = Round::decode(&Bytes::from(forged)).unwrap_err();
        assert!(matches!(bad.error, FormatError::Invalid { .. }), "{bad}");
    }
}

/// Replaces the payload's first entry byte by byte, with all checksums made to hold.
#[expect(clippy::result_large_err, reason = "a test")]
fn forge_payload(change: impl FnOnce(&mut [u8])) -> Result<Round, BadRound> {
    let mut round = small_round();
    let mut header = RoundHeader::decode(&round).unwrap();
    let payload = header.payload_start()..header.payload_start() + header.payload_bytes as usize;
    change(&mut round[payload.clone()]);
    header.payload_crc = crc32c::crc32c(&round[payload]);
    header.encode(&mut round);
    Round::decode(&Bytes::from(round))
}

#[test]
fn entries_that_cannot_be_are_refused_even_when_the_checksum_holds() {
    assert!(forge_payload(|_| ()).is_ok());
    let refused = |change: fn(&mut [u8])| {
        let bad = forge_payload(change).expect_err("the entry cannot be");
        assert_eq!(bad.streams, Some(vec![stream(1), stream(2)]));
    };
    refused(|payload| payload[0] = 0);
    refused(|payload| payload[0] = 12);
    refused(|payload| payload[1] = 1);
    refused(|payload| payload[4] = 2);
    refused(|payload| payload[8..12].copy_from_slice(&u32::MAX.to_le_bytes()));
    refused(|payload| payload[8..12].copy_from_slice(&60_u32.to_le_bytes()));
}

fn any_bytes(bytes: std::ops::Range<usize>) -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), bytes).prop_map(Bytes::from)
}

fn any_settings() -> impl Strategy<Value = StreamSettings> {
    (any::<bool>(), any::<[u64; 2]>(), any::<[Option<u64>; 2]>()).prop_map(|(fsync, own, kept)| {
        StreamSettings {
            durability: if fsync { Durability::Fsync } else { Durability::Relaxed },
            segment_bytes: own[0],
            segment_ms: own[1],
            retention_bytes: kept[0],
            retention_ms: kept[1],
        }
    })
}

fn any_straight() -> impl Strategy<Value = Straight> {
    let block = 1..(SEGMENT_BYTES_MAX / BLOCK_BYTES);
    let numbers = (any::<i64>(), block, any::<prop::sample::Index>(), any::<i64>(), any::<u32>());
    (numbers, any_bytes(0..BLOCK)).prop_map(|((segment, block, from, next, headers), rest)| {
        let position = block * BLOCK_BYTES;
        let from = from.index(position as usize) as u64;
        Straight { segment: Offset(segment), from, position, next: Offset(next), headers, rest }
    })
}

/// Where whole blocks end, and less than one is left over: anything else never was written.
#[test]
fn batches_that_went_straight_to_nowhere_are_refused() {
    let good = Straight {
        segment: Offset(3),
        from: 5000,
        position: 3 * BLOCK_BYTES,
        next: Offset(9),
        headers: 0x1234_5678,
        rest: Bytes::from_static(b"the end of a batch"),
    };
    let read = |straight: Straight| {
        let round = write(&build(&[(stream(1), Operation::Straight(straight))]), stamp(9));
        Round::decode(&Bytes::from(round)).map_err(|bad| bad.error.to_string())
    };
    assert!(read(good.clone()).is_ok());
    let bad = [
        Straight { from: 3 * BLOCK_BYTES, ..good.clone() },
        Straight { position: 3 * BLOCK_BYTES + 1, ..good.clone() },
        Straight { position: u64::MAX - BLOCK_BYTES + 1, ..good.clone() },
        Straight { rest: Bytes::from(vec![0; BLOCK]), ..good },
    ];
    for straight in bad {
        assert!(read(straight.clone()).is_err(), "{straight:?}");
    }
}

fn any_operation() -> impl Strategy<Value = Operation> {
    let offset = || any::<i64>().prop_map(Offset);
    prop_oneof![
        4 => any_bytes(61..3000)
            .prop_map(|b| Operation::Append { head: b.slice(..16), rest: b.slice(16..) }),
        1 => offset().prop_map(|to| Operation::Truncate { to }),
        1 => offset().prop_map(|to| Operation::MoveStart { to }),
        1 => Just(Operation::Drop),
        1 => any_bytes(0..40).prop_map(|state| Operation::HardState { state }),
        1 => (offset(), any::<u64>(), offset())
            .prop_map(|(segment, position, next)| Operation::Filled { segment, position, next }),
        1 => (offset(), any::<u64>(), offset(), any_bytes(0..4096)).prop_map(
            |(segment, position, next, bytes)| Operation::Carry { segment, position, next, bytes }
        ),
        1 => any_settings().prop_map(|settings| Operation::Create { settings }),
        1 => any_settings().prop_map(|settings| Operation::Alter { settings }),
        1 => offset().prop_map(|segment| Operation::Roll { segment }),
        1 => any_straight().prop_map(Operation::Straight),
    ]
}

fn any_operations() -> impl Strategy<Value = Vec<(StreamId, Operation)>> {
    prop::collection::vec(((0_u8..5).prop_map(stream), any_operation()), 0..20)
}

proptest! {
    #[test]
    fn what_is_written_reads_back(operations in any_operations(), trailing in 0_usize..5000) {
        let mut round = write(&build(&operations), stamp(12));
        prop_assert!(round.len().is_multiple_of(BLOCK));
        round.extend(std::iter::repeat_n(0xee, trailing));
        let decoded = Round::decode(&Bytes::from(round.clone())).unwrap();
        prop_assert_eq!(decoded.header, RoundHeader::decode(&round).unwrap());
        let read: Vec<_> = decoded.entries().map(|e| (e.stream, e.operation)).collect();
        prop_assert_eq!(read, operations);
    }

    /// What is accepted is what we would have written, up to the padding that nobody reads.
    #[test]
    fn what_is_accepted_encodes_to_the_same_bytes(
        operations in any_operations(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let mut round = write(&build(&operations), stamp(12));
        for (at, value) in flips {
            let at = at.index(round.len());
            round[at] ^= value;
        }
        let round = Bytes::from(round);
        if let Ok(decoded) = Round::decode(&round) {
            let entries: Vec<_> = decoded.entries().map(|e| (e.stream, e.operation)).collect();
            let again = write(&build(&entries), decoded.header.stamp);
            let used = decoded.header.payload_start() + decoded.header.payload_bytes as usize;
            prop_assert_eq!(&again[..used], &round[..used]);
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_a_panic(bytes in any_bytes(0..9000)) {
        prop_assert!(Round::decode(&bytes).is_err());
    }

    /// Past the header's checksum, every field is still only a claim.
    #[test]
    fn an_arbitrary_header_with_a_good_checksum_does_not_panic(
        fields in any::<[u32; 6]>(),
        small in any::<[bool; 6]>(),
    ) {
        let cut = |at: usize| if small[at] { fields[at] % 5000 } else { fields[at] };
        let forged = forge(&small_round(), |header| {
            header.payload_bytes = cut(0);
            header.stream_count = cut(1) % 300;
            header.entry_count = cut(2);
            header.streams_crc = cut(3);
            header.payload_crc = cut(4);
            header.round_bytes =
                header::round_bytes(header.stream_count, u64::from(header.payload_bytes)) as u32;
        });
        let _ = Round::decode(&Bytes::from(forged));
    }
}
