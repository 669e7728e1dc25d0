//! A data directory to damage: small, with everything in it that there is, made once.

use std::sync::Arc;

use ottla_log::storage::disk::Image;
use ottla_log::storage::{MemoryStorage, Storage};
use ottla_log::{
    Lane, LogDirectory, LogSettings, OpenContext, OpenError, ReadOutcome, ReadRequest, Stream,
    StreamSettings,
};
use ottla_model::{
    BrokerId, Durability, KIB, LeaderEpoch, Offset, PartitionId, ProducerEpoch, ProducerId, Rng,
    Sequence, StreamId, Timestamp, TopicId,
};
use ottla_record::{
    BatchBuilder, BatchOptions, BatchRules, BatchView, NO_HEADERS, StampedBatch, validate,
};

/// Everything small, so that a few appends roll, fill and recycle.
fn settings() -> LogSettings {
    LogSettings {
        round_bytes_max: 16 * KIB,
        unfilled_bytes_max: 32 * KIB,
        fill_bytes_min: 4 * KIB,
        fill_bytes_max: 8 * KIB,
        straight_bytes_min: 12 * KIB,
        straight_backlog_bytes_min: 0,
        journal_bytes_start: 16 * KIB,
        journal_file_bytes_max: 32 * KIB,
        journal_bytes_max: 64 * KIB,
        room_reserve_bytes: 0,
        index_interval_bytes: 512,
        ..LogSettings::default()
    }
}

/// Opens a directory.
pub fn open(storage: &MemoryStorage) -> Result<LogDirectory, OpenError> {
    let storage: Arc<dyn Storage> = Arc::new(storage.clone());
    let context = OpenContext {
        cluster: None,
        broker: BrokerId(1),
        rng: Rng::from_number(1),
        boot_id: "boot".to_owned(),
        now: Timestamp(1),
    };
    LogDirectory::open(Arc::clone(&storage), storage, settings(), context).map(|(log, _)| log)
}

/// The id of stream `n`.
pub fn stream_id(n: u32) -> StreamId {
    StreamId::new(TopicId::from_bytes([3; 16]), PartitionId(n))
}

/// A batch at `base`.
pub fn batch(base: i64, count: i32, bytes: usize) -> StampedBatch {
    let mut builder = BatchBuilder::new();
    for n in 0..count {
        let value = vec![n as u8; bytes];
        builder.push(Timestamp(base + i64::from(n)), Some(b"key"), Some(&value), NO_HEADERS);
    }
    let options = BatchOptions {
        producer_id: ProducerId(4),
        producer_epoch: ProducerEpoch(0),
        base_sequence: Sequence(base as i32),
        ..BatchOptions::default()
    };
    let rules = BatchRules::for_client(KIB * KIB);
    let checked = validate(builder.finish(&options), &rules).expect("it is valid");
    checked.stamp(Offset(base), LeaderEpoch(0), None)
}

/// Does all work there is, or as much as anybody would wait for.
pub fn work(log: &LogDirectory) {
    for _ in 0..200 {
        let worked = Lane::ALL.map(|lane| log.step(lane, Timestamp(2)).worked);
        if !worked.contains(&true) {
            return;
        }
    }
}

/// A directory with two fsync streams and a relaxed one, some of it filled, some in the journal only;
/// its process was killed.
pub fn image() -> Image {
    let storage = MemoryStorage::new();
    let log = open(&storage).expect("a new directory opens");
    for n in 0..3 {
        let durability = if n == 2 { Durability::Relaxed } else { Durability::Fsync };
        let settings = StreamSettings { durability, segment_bytes: 16 * KIB, ..Default::default() };
        log.create_stream(stream_id(n), settings).expect("it is new");
    }
    for base in 0..14 {
        for n in 0..3 {
            let stream = log.stream(stream_id(n)).expect("it was made");
            stream
                .append(batch(2 * base, 2, 300 * (n as usize + 1)), Timestamp(1))
                .expect("it takes");
        }
        work(&log);
    }
    let stream = log.stream(stream_id(0)).expect("it was made");
    stream.truncate(Offset(20)).expect("it is cut");
    stream.append(batch(20, 1, 200), Timestamp(1)).expect("it takes");
    log.step(Lane::Journal, Timestamp(2));
    storage.image()
}

/// The same, and then some batches went straight into a segment, that of the first stream in the
/// checkpoint as well and that of the second one in no checkpoint yet.
pub fn image_with_straight() -> Image {
    let storage = MemoryStorage::from_image(image());
    let log = open(&storage).expect("it was killed, and opens");
    for n in 0..2 {
        let stream = log.stream(stream_id(n)).expect("it was made");
        let end = stream.offsets().log_end.0;
        stream.append(batch(end, 1, 13_000), Timestamp(2)).expect("it takes");
        // What is no append goes first, then what is held, then the word of it.
        log.step(Lane::Journal, Timestamp(3));
        while log.step(Lane::Straight, Timestamp(3)).worked {}
        log.step(Lane::Journal, Timestamp(3));
        if n == 0 {
            log.checkpoint(Timestamp(4)).expect("the disk is there");
        }
    }
    assert_eq!(log.metrics().straights, 2, "both went straight");
    storage.image()
}

/// Reads all of a stream. What is read is intact, in order, and ends where it says; an error is one.
pub fn read_all(stream: &Stream) {
    let offsets = stream.offsets();
    let mut from = offsets.log_start;
    while from < offsets.log_end {
        let upto = offsets.log_end;
        let request = ReadRequest { from, upto, bytes_max: 64 * KIB, tail_only: false };
        let Ok(ReadOutcome::Slice(slice)) = stream.read(request) else { return };
        let bytes = slice.chunks.concat();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let view = BatchView::parse(rest).expect("whole batches are served");
            view.verify_crc().expect("intact batches are served");
            rest = &rest[view.bytes().len()..];
        }
        assert!(slice.next > from, "a read gets on");
        from = slice.next;
    }
}
