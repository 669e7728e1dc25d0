//! Golden files: bytes that earlier programs wrote. They must decode to the same values for ever, and
//! these values must encode to the same bytes for as long as their version is written.
//!
//! Each is a hex dump beside this file, so that a change shows in a review. `OTTLA_WRITE_GOLDEN=1`
//! writes those that are missing; it never overwrites one, since a golden file that is rewritten
//! when it fails proves nothing.

use std::fmt::Write as _;
use std::path::PathBuf;

use bytes::Bytes;
use ottla_log::StreamSettings;
use ottla_log::epochs::EpochCache;
use ottla_log::format::{
    Checkpoint, Cursor, DirectoryRole, JournalPlace, Operation, Round, RoundBuilder, RoundStamp,
    SegmentCheckpoint, Straight, StreamCheckpoint, Superblock, index_file, producers_file,
};
use ottla_log::index::SparseIndex;
use ottla_log::producers::{ProducerBatch, ProducerLimits, ProducerTable, same_but_for_times};
use ottla_model::{
    BrokerId, ClusterId, DirectoryId, Durability, LeaderEpoch, Offset, PartitionId, ProducerEpoch,
    ProducerId, Sequence, StreamId, Timestamp, TopicId,
};

const DIRECTORY: DirectoryId = DirectoryId::from_bytes(*b"the directory id");
const NOW: Timestamp = Timestamp(0x0000_0191_2233_4455);

fn stream(partition: u32) -> StreamId {
    StreamId::new(TopicId::from_bytes(*b"sixteen byte ids"), PartitionId(partition))
}

fn superblock() -> Superblock {
    Superblock {
        role: DirectoryRole::Data,
        cluster: ClusterId::from_bytes(*b"the cluster's id"),
        broker: BrokerId(3),
        directory: DIRECTORY,
        pairing: DirectoryId::from_bytes(*b"binds two halves"),
        incarnation: 42,
        created_at: NOW,
    }
}

fn settings() -> StreamSettings {
    StreamSettings {
        durability: Durability::Relaxed,
        segment_bytes: 0x4000_0000,
        segment_ms: 604_800_000,
        retention_bytes: Some(0x1234_5678_9abc),
        retention_ms: None,
    }
}

fn producers() -> ProducerTable {
    let mut table = ProducerTable::new(ProducerLimits::default());
    let mut record = |producer, epoch, first, base: i64, records: i32| {
        table.record(
            &ProducerBatch {
                producer: ProducerId(producer),
                epoch: ProducerEpoch(epoch),
                first: Sequence(first),
                last: Sequence(first).plus(records - 1),
                base_offset: Offset(base),
                last_offset: Offset(base + i64::from(records) - 1),
                timestamp: Timestamp(NOW.0 + base),
            },
            NOW,
        );
    };
    record(1000, 0, 0, 0, 10);
    record(2001, 7, i32::MAX - 4, 10, 10);
    record(1000, 0, 10, 20, 5);
    record(3000, 2, -1, 25, 1);
    table
}

fn epochs() -> EpochCache {
    let mut cache = EpochCache::new();
    for (epoch, start) in [(0, 0), (1, 10), (5, 25)] {
        cache.assign(LeaderEpoch(epoch), Offset(start)).expect("epochs rise");
    }
    cache
}

fn checkpoint() -> Checkpoint {
    let segment = |base, bytes| SegmentCheckpoint {
        base: Offset(base),
        bytes,
        largest: Timestamp(NOW.0 + base),
        created_at: NOW,
    };
    let full = StreamCheckpoint {
        stream: stream(1),
        settings: settings(),
        damaged: Some(0x77),
        log_start: Offset(3),
        cursor: Cursor { sequence: 0x101, entry: 9 },
        end: Offset(26),
        filled: 8192,
        segments: vec![segment(0, 4000), segment(10, 5000)],
        epochs: epochs(),
        producers: producers(),
        hard_state: Bytes::from_static(b"vote"),
    };
    let empty = StreamCheckpoint {
        stream: stream(2),
        settings: StreamSettings::default(),
        damaged: None,
        log_start: Offset(0),
        cursor: Cursor { sequence: 0x100, entry: 0 },
        end: Offset(0),
        filled: 0,
        segments: Vec::new(),
        epochs: EpochCache::new(),
        producers: ProducerTable::new(ProducerLimits::default()),
        hard_state: Bytes::new(),
    };
    Checkpoint {
        directory: DIRECTORY,
        incarnation: 42,
        written_at: NOW,
        replay: JournalPlace { sequence: 0x100, file: 6 },
        next_sequence: 0x109,
        clean: false,
        boot_id: "4a6b7c8d-boot".to_owned(),
        streams: vec![full, empty],
    }
}

/// One operation of every kind but the last.
fn operations() -> Vec<(StreamId, Operation)> {
    let batch = Bytes::from((0..80).collect::<Vec<u8>>());
    vec![
        (stream(1), Operation::Create { settings: settings() }),
        (stream(1), Operation::Roll { segment: Offset(7) }),
        (stream(1), Operation::Append { head: batch.slice(..16), rest: batch.slice(16..) }),
        (stream(2), Operation::Truncate { to: Offset(0x11) }),
        (stream(2), Operation::MoveStart { to: Offset(0x22) }),
        (stream(3), Operation::Drop),
        (stream(2), Operation::HardState { state: Bytes::from_static(b"term 3, voted 2") }),
        (
            stream(2),
            Operation::Filled { segment: Offset(0x33), position: 0x5000, next: Offset(0x44) },
        ),
        (
            stream(1),
            Operation::Carry {
                segment: Offset(7),
                position: 0x6000,
                next: Offset(0x55),
                bytes: Bytes::from_static(b"the rest of a batch"),
            },
        ),
        (stream(4), Operation::Alter { settings: StreamSettings::default() }),
    ]
}

/// Batches that went past the journal, with and without a rest.
fn straight_operations() -> Vec<(StreamId, Operation)> {
    let straight = Straight {
        segment: Offset(7),
        from: 0x1234,
        position: 0x4_5000,
        next: Offset(0x66),
        headers: 0x8899_aabb,
        rest: Bytes::from_static(b"the rest of a batch"),
    };
    let whole = Straight { segment: Offset(0x77), from: 0, rest: Bytes::new(), ..straight.clone() };
    vec![(stream(1), Operation::Straight(straight)), (stream(2), Operation::Straight(whole))]
}

fn round_stamp() -> RoundStamp {
    RoundStamp {
        directory: DIRECTORY,
        incarnation: 42,
        sequence: 0x108,
        durable_mark: 0x107,
        file: 6,
        position: 0x9000,
        written_at: NOW,
    }
}

fn round_of(operations: &[(StreamId, Operation)], stamp: RoundStamp) -> Vec<u8> {
    let mut builder = RoundBuilder::new();
    for (stream, operation) in operations {
        builder.push(*stream, operation.clone());
    }
    let mut round = vec![0; builder.round_bytes() as usize];
    builder.encode(stamp, &mut round);
    round
}

fn index() -> SparseIndex {
    let mut index = SparseIndex::new(Offset(100), 4096);
    for (offset, position, size, largest) in
        [(100, 0, 3000, 50), (110, 3000, 3000, 40), (120, 6000, 3000, 60), (130, 9000, 1000, 55)]
    {
        index.observe(Offset(offset), position, size, Timestamp(NOW.0 + largest));
    }
    index
}

#[test]
fn superblock_1() {
    let golden = golden("superblock.1", &superblock().encode());
    assert_eq!(Superblock::decode(&golden).expect("it was written by us"), superblock());
}

#[test]
fn checkpoint_1() {
    let golden = golden("checkpoint.1", &checkpoint().encode());
    let read =
        Checkpoint::decode(&golden, ProducerLimits::default()).expect("it was written by us");
    assert_eq!(format!("{read:?}"), format!("{:?}", checkpoint()));
}

#[test]
fn round_1() {
    check_round("round.1", operations());
}

#[test]
fn round_straight_1() {
    check_round("round-straight.1", straight_operations());
}

fn check_round(name: &str, operations: Vec<(StreamId, Operation)>) {
    let golden = golden(name, &round_of(&operations, round_stamp()));
    let read = Round::decode(&Bytes::from(golden)).expect("it was written by us");
    assert_eq!(read.header.stamp, round_stamp());
    let entries: Vec<_> = read.entries().map(|entry| (entry.stream, entry.operation)).collect();
    assert_eq!(entries, operations);
}

#[test]
fn index_1() {
    let golden = golden("index.1", &index_file::encode(&index()));
    assert_eq!(index_file::decode(&golden).expect("it was written by us"), index());
}

#[test]
fn producers_1() {
    let golden = golden("producers.1", &producers_file::encode(Offset(26), &producers()));
    let limits = ProducerLimits::default();
    let read =
        producers_file::ProducerSnapshot::decode(&golden, limits).expect("it was written by us");
    assert_eq!(read.upto, Offset(26));
    assert!(same_but_for_times(&read.table, &producers()));
}

/// The golden bytes of this name, once they are what would be written today.
fn golden(name: &str, written: &[u8]) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let path = path.with_file_name(format!("{name}.hex"));
    if !path.exists() && std::env::var_os("OTTLA_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, dump(written)).expect("the golden file can be written");
    }
    let text = std::fs::read_to_string(&path).expect("the golden file is there");
    assert_eq!(text, dump(written), "{name}: what is written today is not what was written then");
    undump(&text)
}

/// Sixteen bytes a line with their position; lines of zeros alone are left out, the length closes.
fn dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (line, chunk) in bytes.chunks(16).enumerate() {
        if chunk.iter().all(|byte| *byte == 0) {
            continue;
        }
        write!(text, "{:06x} ", line * 16).expect("a string takes everything");
        chunk
            .iter()
            .for_each(|byte| write!(text, " {byte:02x}").expect("a string takes everything"));
        text.push('\n');
    }
    writeln!(text, "{:06x}", bytes.len()).expect("a string takes everything");
    text
}

fn undump(text: &str) -> Vec<u8> {
    let number = |digits| usize::from_str_radix(digits, 16).expect("a golden file is hex");
    let mut bytes = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        bytes.resize(words.next().map_or(0, number), 0);
        bytes.extend(words.map(|byte| number(byte) as u8));
    }
    bytes
}
