//! Superblock and checkpoint: inverse, strict, and never surprised.

use bytes::Bytes;
use ottla_model::{
    BrokerId, ClusterId, DirectoryId, Durability, LeaderEpoch, Offset, PartitionId, ProducerEpoch,
    ProducerId, Sequence, StreamId, Timestamp, TopicId,
};
use proptest::prelude::*;

use super::*;
use crate::epochs::EpochCache;
use crate::producers::{ProducerBatch, ProducerLimits, ProducerTable};
use crate::settings::StreamSettings;

fn limits() -> ProducerLimits {
    ProducerLimits::default()
}

fn any_superblock() -> impl Strategy<Value = Superblock> {
    let role = prop_oneof![
        Just(DirectoryRole::Whole),
        Just(DirectoryRole::Data),
        Just(DirectoryRole::Journal)
    ];
    (role, any::<[[u8; 16]; 3]>(), any::<i32>(), any::<u64>(), any::<i64>()).prop_map(
        |(role, ids, broker, incarnation, created_at)| Superblock {
            role,
            cluster: ClusterId::from_bytes(ids[0]),
            broker: BrokerId(broker),
            directory: DirectoryId::from_bytes(ids[1]),
            pairing: DirectoryId::from_bytes(ids[2]),
            incarnation,
            created_at: Timestamp(created_at),
        },
    )
}

fn table(producers: &[(u8, u8)]) -> (ProducerTable, Offset) {
    let mut table = ProducerTable::new(limits());
    let mut end = 0;
    for (producer, records) in producers {
        let producer = ProducerId(i64::from(*producer));
        let expected = table.get(producer).and_then(|state| state.expected());
        let first = expected.unwrap_or(Sequence::FIRST);
        table.record(
            &ProducerBatch {
                producer,
                epoch: ProducerEpoch(1),
                first,
                last: first.plus(i32::from(*records)),
                base_offset: Offset(end),
                last_offset: Offset(end + i64::from(*records)),
                timestamp: Timestamp(end),
            },
            Timestamp(77),
        );
        end += i64::from(*records) + 1;
    }
    (table, Offset(end))
}

fn any_stream() -> impl Strategy<Value = StreamCheckpoint> {
    let parts = (
        any::<([u8; 16], u32)>(),
        any::<Option<u64>>(),
        (0..1000_u64, any::<u32>(), any::<u64>()),
        prop::collection::vec((1..100_i64, any::<u64>(), any::<[i64; 2]>()), 0..5),
        prop::collection::vec(0..50_i64, 0..5),
        prop::collection::vec(any::<(u8, u8)>(), 0..20),
        prop::collection::vec(any::<u8>(), 0..50),
        any::<(bool, Option<u64>)>(),
    );
    parts.prop_map(|(id, damaged, cursor, segments, epochs, producers, hard_state, settings)| {
        let (producers, written) = table(&producers);
        let mut base = 0;
        let segments: Vec<_> = segments
            .into_iter()
            .map(|(on, bytes, times)| {
                base += on;
                SegmentCheckpoint {
                    base: Offset(base),
                    bytes,
                    largest: Timestamp(times[0]),
                    created_at: Timestamp(times[1]),
                }
            })
            .collect();
        let mut cache = EpochCache::new();
        for (at, on) in epochs.iter().enumerate() {
            let last = cache.latest().map_or(Offset::ZERO, |latest| latest.start);
            cache.assign(LeaderEpoch(at as i32), last.plus(on + 1)).unwrap();
        }
        let last_epoch = cache.latest().map_or(Offset::ZERO, |latest| latest.start);
        StreamCheckpoint {
            stream: StreamId::new(TopicId::from_bytes(id.0), PartitionId(id.1)),
            settings: StreamSettings {
                durability: if settings.0 { Durability::Fsync } else { Durability::Relaxed },
                retention_bytes: settings.1,
                ..StreamSettings::default()
            },
            damaged,
            log_start: Offset(0),
            cursor: Cursor { sequence: 5 + cursor.0, entry: cursor.1 },
            end: written.max(Offset(base)).max(last_epoch),
            filled: cursor.2,
            segments,
            epochs: cache,
            producers,
            hard_state: Bytes::from(hard_state),
        }
    })
}

fn any_checkpoint() -> impl Strategy<Value = Checkpoint> {
    let streams = prop::collection::vec(any_stream(), 0..5);
    (any::<[u8; 16]>(), any::<[u64; 3]>(), any::<bool>(), "[a-z0-9-]{0,40}", streams).prop_map(
        |(directory, numbers, clean, boot_id, mut streams)| {
            streams.sort_by_key(|stream| stream.stream);
            streams.dedup_by_key(|stream| stream.stream);
            Checkpoint {
                directory: DirectoryId::from_bytes(directory),
                incarnation: numbers[0],
                written_at: Timestamp(numbers[1] as i64),
                replay: JournalPlace { sequence: 5, file: 3 },
                next_sequence: 5 + numbers[2] / 2,
                clean,
                boot_id,
                streams,
            }
        },
    )
}

proptest! {
    #[test]
    fn a_superblock_reads_back(superblock in any_superblock()) {
        prop_assert_eq!(Superblock::decode(&superblock.encode()).unwrap(), superblock);
    }

    #[test]
    fn a_checkpoint_reads_back(checkpoint in any_checkpoint()) {
        let file = checkpoint.encode();
        let read = Checkpoint::decode(&file, limits()).unwrap();
        prop_assert_eq!(format!("{read:?}"), format!("{checkpoint:?}"));
        prop_assert_eq!(read.encode(), file);
    }

    #[test]
    fn arbitrary_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Superblock::decode(&bytes).is_err());
        prop_assert!(Checkpoint::decode(&bytes, limits()).is_err());
    }

    /// A hex editor that also mends the checksum: every field behind it is still only a claim, and
    /// what is accepted is what we would have written.
    #[test]
    fn a_changed_checkpoint_with_a_good_checksum_is_refused_or_taken_whole(
        checkpoint in any_checkpoint(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let file = checkpoint.encode();
        let mut body = file[24..].to_vec();
        for (at, value) in changes {
            let at = at.index(body.len());
            body[at] = value;
        }
        let kind = sealed::Kind { what: "checkpoint", mark: b"OTTLCHKP", version: 1 };
        let forged = kind.seal(|into| into.extend(&body));
        if let Ok(read) = Checkpoint::decode(&forged, limits()) {
            prop_assert_eq!(read.encode(), forged);
        }
    }
}

/// A count of four billion streams in a file of a few bytes allocates nothing.
#[test]
fn counts_are_bounded_by_the_bytes_in_hand() {
    let checkpoint = Checkpoint {
        directory: DirectoryId::from_bytes([1; 16]),
        incarnation: 1,
        written_at: Timestamp(0),
        replay: JournalPlace::default(),
        next_sequence: 1,
        clean: false,
        boot_id: String::new(),
        streams: Vec::new(),
    };
    let mut body = checkpoint.encode()[24..].to_vec();
    let count = body.len() - 4;
    body[count..].copy_from_slice(&u32::MAX.to_le_bytes());
    let kind = sealed::Kind { what: "checkpoint", mark: b"OTTLCHKP", version: 1 };
    let forged = kind.seal(|into| into.extend(&body));
    let refused = Checkpoint::decode(&forged, limits()).unwrap_err();
    assert!(matches!(refused, FormatError::Short { have: 0, .. }), "{refused}");
}
