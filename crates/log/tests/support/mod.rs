//! A log directory in a test's hands.

#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::Arc;

use bytes::Bytes;
use ottla_log::storage::{MemoryStorage, OpenMode, Storage, read_whole};
use ottla_log::{
    Lane, LogDirectory, LogSettings, OpenContext, ReadOutcome, ReadRequest, RecoveryReport, Stream,
    StreamSettings,
};
use ottla_model::limits::BATCH_BYTES_MAX;
use ottla_model::{BrokerId, LeaderEpoch, Offset, PartitionId, Rng, StreamId, Timestamp, TopicId};
use ottla_record::{BatchBuilder, BatchOptions, BatchRules, BatchView, NO_HEADERS, StampedBatch};

/// A directory, and the storage that outlives it.
pub(crate) struct House {
    storage: Arc<dyn Storage>,
    settings: LogSettings,
    log: Option<LogDirectory>,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut LogSettings)) -> Self {
        let mut settings = LogSettings { room_reserve_bytes: 0, ..LogSettings::default() };
        settings.journal_bytes_start = 256 * 1024;
        change(&mut settings);
        let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
        let mut house = Self { storage, settings, log: None };
        house.open();
        house
    }

    fn open(&mut self) -> RecoveryReport {
        let (data, journal) = (Arc::clone(&self.storage), Arc::clone(&self.storage));
        let opened = LogDirectory::open(data, journal, self.settings.clone(), context());
        let (log, report) = opened.expect("the directory opens");
        self.log = Some(log);
        report
    }

    pub(crate) fn log(&self) -> &LogDirectory {
        self.log.as_ref().expect("it is open")
    }

    pub(crate) fn create(&mut self, n: u32, settings: StreamSettings) -> Arc<Stream> {
        self.log().create_stream(stream_id(n), settings).expect("it is new")
    }

    pub(crate) fn stream(&self, n: u32) -> Arc<Stream> {
        self.log().stream(stream_id(n)).expect("it is there")
    }

    /// Does all work there is.
    pub(crate) fn work(&self) {
        for _ in 0..10_000 {
            let mut worked = false;
            for lane in Lane::ALL {
                let step = self.log().step(lane, Timestamp(0));
                assert_eq!(step.failed, None);
                worked |= step.worked;
            }
            if !worked {
                return;
            }
        }
        panic!("the work never ends");
    }

    pub(crate) fn kill(&mut self) {
        self.log = None;
    }

    /// The names of the journal's files, oldest first.
    pub(crate) fn journal_files(&self) -> Vec<String> {
        let entries = self.storage.list("journal").expect("it lists");
        entries.into_iter().map(|entry| entry.name).filter(|name| name != "new").collect()
    }

    pub(crate) fn exchange(&self, one: &str, other: &str) {
        for (from, to) in [(one, "aside"), (other, one), ("aside", other)] {
            self.storage.rename(from, to).expect("both are there");
        }
    }

    pub(crate) fn remove_file(&self, path: &str) {
        self.storage.remove_file(path).expect("it is there");
    }

    /// The path of the segment that begins a stream.
    pub(crate) fn first_segment(&self, n: u32) -> String {
        let id = stream_id(n);
        let name = format!("-{}", id.partition);
        let dirs = self.storage.list("streams").expect("it lists");
        let dir = dirs.into_iter().map(|entry| entry.name).find(|dir| dir.ends_with(&name));
        format!("streams/{}/{:020}.log", dir.expect("it has one"), 0)
    }

    /// Changes the bytes of a file.
    pub(crate) fn change_file(&self, path: &str, change: impl FnOnce(&mut [u8])) {
        let bytes = read_whole(&*self.storage, path, u64::MAX).expect("it reads");
        let mut bytes = bytes.expect("it is not too long");
        change(&mut bytes);
        let file = self.storage.open(path, OpenMode::READ_WRITE).expect("it opens");
        file.write_at(0, &bytes).expect("it writes");
    }

    pub(crate) fn reopen_killed(&mut self) -> RecoveryReport {
        self.log = None;
        self.open()
    }

    pub(crate) fn reopen_closed(&mut self) -> RecoveryReport {
        self.log().close(Timestamp(0)).expect("it closes");
        self.log = None;
        self.open()
    }
}

pub(crate) fn context() -> OpenContext {
    OpenContext {
        cluster: None,
        broker: BrokerId(1),
        rng: Rng::from_number(1),
        boot_id: "boot".to_owned(),
        now: Timestamp(0),
    }
}

pub(crate) fn stream_id(n: u32) -> StreamId {
    StreamId::new(TopicId::from_bytes([7; 16]), PartitionId(n))
}

/// A batch of `count` records at `base`, about `bytes` long. Record `n` has its offset as its key and
/// its timestamp.
pub(crate) fn batch(base: i64, count: i32, bytes: usize) -> StampedBatch {
    batch_of(base, count, bytes, &BatchOptions::default(), 0)
}

pub(crate) fn batch_of(
    base: i64,
    count: i32,
    bytes: usize,
    options: &BatchOptions,
    epoch: i32,
) -> StampedBatch {
    let mut builder = BatchBuilder::new();
    let value = vec![b'x'; bytes / count as usize];
    for n in 0..i64::from(count) {
        let key = (base + n).to_be_bytes();
        let timestamp = Timestamp(base + n);
        builder.push(timestamp, Some(&key), Some(&value), NO_HEADERS);
    }
    let bytes = builder.finish(options);
    let rules = BatchRules::for_client(BATCH_BYTES_MAX);
    let checked = ottla_record::validate(bytes, &rules).expect("it is valid");
    checked.stamp(Offset(base), LeaderEpoch(epoch), None)
}

pub(crate) fn read_request(from: i64, upto: i64) -> ReadRequest {
    ReadRequest { from: Offset(from), upto: Offset(upto), bytes_max: 3000, tail_only: false }
}

/// All offsets of a stream, each read from the keys of its records.
pub(crate) fn read_all(stream: &Stream) -> Vec<i64> {
    let mut found = Vec::new();
    let offsets = stream.offsets();
    let mut from = offsets.log_start;
    while from < offsets.log_end {
        let request = ReadRequest { from, ..read_request(0, offsets.log_end.0) };
        let ReadOutcome::Slice(slice) = stream.read(request).expect("it reads") else {
            panic!("files are allowed")
        };
        assert!(slice.next > from, "a read gets on: {slice:?} from {from}");
        found.extend(keys(&slice.chunks, from));
        from = slice.next;
    }
    found
}

fn keys(chunks: &[Bytes], from: Offset) -> Vec<i64> {
    let bytes = chunks.concat();
    let mut rest = &bytes[..];
    let mut keys = Vec::new();
    let mut scratch = ottla_record::Scratch::default();
    while !rest.is_empty() {
        let batch = BatchView::parse(rest).expect("whole batches");
        batch.verify_crc().expect("intact batches");
        for record in batch.records(&mut scratch, u64::MAX).expect("records") {
            let record = record.expect("a record");
            let key = i64::from_be_bytes(record.key.expect("a key").try_into().expect("8 bytes"));
            assert_eq!(key, record.offset.0, "the record of this offset");
            if record.offset >= from {
                keys.push(key);
            }
        }
        rest = &rest[batch.bytes().len()..];
    }
    keys
}
