//! Power cuts under load: a log directory on real files, on a disk that loses what was not flushed.
//!
//! L4, L13: what was told to be durable is there after every cut, in order, and nothing is there that
//! was never written. L8: after a failed sync nothing more is promised. L9: a full disk refuses, and
//! goes on when there is room. Through direct access and through the fallback.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ottla_log::doctor::examine;
use ottla_log::storage::disk::Image;
use ottla_log::storage::faulty::Odds;
use ottla_log::storage::{DirectAccess, FilesStorage, MemoryStorage, Storage};
use ottla_log::{
    DirectoryState, Lane, LogDirectory, LogSettings, OpenContext, ReadOutcome, ReadRequest, Room,
    Stream, StreamSettings,
};
use ottla_model::{
    BrokerId, Durability, KIB, LeaderEpoch, Offset, PartitionId, Rng, StreamId, Timestamp, TopicId,
};
use ottla_power_cut::PowerDisk;
use ottla_record::{
    BatchBuilder, BatchOptions, BatchRules, BatchView, NO_HEADERS, Scratch, StampedBatch, validate,
};

/// Streams under load; the last one is relaxed.
const STREAMS: usize = 4;
/// Power cuts per way of access.
const CUTS: u64 = 8;

/// Everything small, so that a fraction of a second rolls, fills, checkpoints and recycles.
fn settings() -> LogSettings {
    LogSettings {
        round_bytes_max: 64 * KIB,
        unfilled_bytes_max: 256 * KIB,
        fill_bytes_min: 32 * KIB,
        fill_bytes_max: 64 * KIB,
        straight_bytes_min: 24 * KIB,
        straight_backlog_bytes_min: 0,
        journal_bytes_start: 128 * KIB,
        journal_file_bytes_max: 256 * KIB,
        journal_bytes_max: KIB * KIB,
        room_reserve_bytes: 0,
        relaxed_flush_ms_max: 20,
        ..LogSettings::default()
    }
}

fn stream_settings(n: usize) -> StreamSettings {
    let relaxed = n + 1 == STREAMS;
    StreamSettings {
        durability: if relaxed { Durability::Relaxed } else { Durability::Fsync },
        segment_bytes: 128 * KIB,
        ..StreamSettings::default()
    }
}

fn stream_id(n: usize) -> StreamId {
    StreamId::new(TopicId::from_bytes([9; 16]), PartitionId(n as u32))
}

/// What was appended to each stream: record `o` of stream `n` is `written[n][o]`.
#[derive(Default)]
struct History {
    written: Vec<Vec<u64>>,
}

/// One batch of a few records, each with a number that is never used twice as its value.
fn batch(base: usize, records: &[u64], padding: usize) -> StampedBatch {
    let mut builder = BatchBuilder::new();
    for record in records {
        let mut value = record.to_be_bytes().to_vec();
        value.resize(8 + padding, 0x5a);
        builder.push(Timestamp(0), None, Some(&value), NO_HEADERS);
    }
    let bytes = builder.finish(&BatchOptions::default());
    let checked = validate(bytes, &BatchRules::for_client(KIB * KIB)).expect("it is valid");
    checked.stamp(Offset(base as i64), LeaderEpoch(0), None)
}

/// The numbers of all records of a stream.
fn read_all(stream: &Stream) -> Vec<u64> {
    let offsets = stream.offsets();
    assert_eq!(offsets.log_start, Offset::ZERO, "nothing was deleted");
    let mut found = Vec::new();
    let mut from = Offset::ZERO;
    while from < offsets.log_end {
        let upto = offsets.log_end;
        let request = ReadRequest { from, upto, bytes_max: 256 * KIB, tail_only: false };
        let slice = match stream.read(request).expect("it reads") {
            ReadOutcome::Slice(slice) => slice,
            other => panic!("files are allowed: {other:?}"),
        };
        collect(&slice.chunks.concat(), &mut found);
        from = slice.next;
    }
    found
}

fn collect(mut bytes: &[u8], found: &mut Vec<u64>) {
    let mut scratch = Scratch::default();
    while !bytes.is_empty() {
        let view = BatchView::parse(bytes).expect("a whole batch");
        view.verify_crc().expect("an intact batch");
        for record in view.records(&mut scratch, u64::MAX).expect("its records") {
            let value = record.expect("a record").value.expect("a value");
            found.push(u64::from_be_bytes(value[..8].try_into().expect("eight bytes")));
        }
        bytes = &bytes[view.bytes().len()..];
    }
}

/// A disk, the directory on it, and what happened to it so far.
struct Bench {
    _directory: tempfile::TempDir,
    point: PathBuf,
    direct: DirectAccess,
    history: History,
    rng: Rng,
    next_record: u64,
}

impl Bench {
    /// `None`, loudly, where nothing can be mounted.
    fn new(direct: DirectAccess) -> Option<Self> {
        if !PowerDisk::is_available() {
            eprintln!("SKIPPED: no FUSE here, so no power was cut");
            return None;
        }
        let directory = tempfile::tempdir().expect("a temporary directory");
        let point = directory.path().join("disk");
        std::fs::create_dir(&point).expect("it makes it");
        let history = History { written: vec![Vec::new(); STREAMS] };
        let rng = Rng::from_number(11);
        Some(Self { _directory: directory, point, direct, history, rng, next_record: 1 })
    }

    fn mount(&mut self, image: Image) -> PowerDisk {
        PowerDisk::mount(&self.point, image, Rng::from_number(self.rng.next_u64()))
            .expect("it mounts")
    }

    /// Opens the directory and checks that it holds what it may: at least `promised` of each stream.
    fn open(&mut self, promised: &[usize]) -> LogDirectory {
        let log = open(&self.point, self.direct);
        for (n, promised) in promised.iter().copied().enumerate() {
            let Some(stream) = log.stream(stream_id(n)) else {
                assert_eq!(promised, 0, "stream {n} is gone");
                log.create_stream(stream_id(n), stream_settings(n)).expect("it is new");
                self.history.written[n].clear();
                continue;
            };
            assert!(!stream.is_damaged(), "stream {n}");
            let found = read_all(&stream);
            let written = &mut self.history.written[n];
            assert!(found.len() >= promised, "stream {n}: {} of {promised}", found.len());
            assert!(written.starts_with(&found), "stream {n} holds what was never written there");
            written.truncate(found.len());
        }
        log
    }

    /// Appends to all streams while the lanes work, until `until` says stop or the log refuses.
    fn load(&mut self, log: &LogDirectory, mut until: impl FnMut(&LogDirectory) -> bool) {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for lane in [Lane::Journal, Lane::Straight, Lane::Straight, Lane::Background] {
                let (log, stop) = (log.clone(), &stop);
                scope.spawn(move || work(&log, lane, stop));
            }
            while !until(log) && self.append_some(log) {}
            stop.store(true, Ordering::Relaxed);
        });
    }

    fn append_some(&mut self, log: &LogDirectory) -> bool {
        match log.room(16 * KIB) {
            Room::Free => {}
            Room::Wait | Room::Full => {
                std::thread::sleep(Duration::from_millis(1));
                return true;
            }
        }
        let n = self.rng.below(STREAMS as u64) as usize;
        let stream = log.stream(stream_id(n)).expect("it was made");
        let count = 1 + self.rng.below(5);
        let records: Vec<u64> = (self.next_record..self.next_record + count).collect();
        let base = self.history.written[n].len();
        let padding = self.rng.below(2_000) as usize;
        if stream.append(batch(base, &records, padding), now()).is_err() {
            return false;
        }
        if self.rng.chance(1, 20) {
            stream.flush();
        }
        self.next_record += count;
        self.history.written[n].extend(records);
        true
    }
}

fn open(root: &Path, direct: DirectAccess) -> LogDirectory {
    let storage = FilesStorage::open(root, direct).expect("the disk is there");
    assert_eq!(storage.kind().direct, direct == DirectAccess::Auto);
    let storage: Arc<dyn Storage> = Arc::new(storage);
    let context = OpenContext {
        cluster: None,
        broker: BrokerId(1),
        rng: Rng::from_number(5),
        boot_id: "the only boot".to_owned(),
        now: now(),
    };
    let opened = LogDirectory::open(Arc::clone(&storage), storage, settings(), context);
    let (log, report) = opened.unwrap_or_else(|error| panic!("it does not open: {error}"));
    assert_eq!(report.damaged, []);
    log
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp(since.expect("after 1970").as_millis() as i64)
}

fn work(log: &LogDirectory, lane: Lane, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        if !log.step(lane, now()).worked {
            log.wait_for_work(lane, Duration::from_millis(2));
        }
    }
}

/// What the streams were told to be safe from a power cut.
fn promised(log: &LogDirectory) -> Vec<usize> {
    let end = |n| {
        let offsets = log.stream(stream_id(n)).map(|stream| stream.offsets());
        offsets.map_or(0, |offsets| offsets.flushed_end.0 as usize)
    };
    (0..STREAMS).map(end).collect()
}

/// The doctor's word on an image that a cut left.
fn assert_sound(image: &Image) {
    let storage = MemoryStorage::from_image(image.clone());
    let report = examine(&storage, &storage).expect("it lists");
    assert!(report.is_sound(), "{:#?}", report.findings);
}

fn cut_again_and_again(direct: DirectAccess) {
    let Some(mut bench) = Bench::new(direct) else { return };
    let mut image = Image::default();
    let mut safe = vec![0; STREAMS];
    let (mut appended, mut straights) = (0, 0);
    for _ in 0..CUTS {
        let disk = bench.mount(image);
        let log = bench.open(&safe);
        let started = Instant::now();
        let span = Duration::from_millis(60 + bench.rng.below(250));
        let mut cut = None;
        bench.load(&log, |_| {
            if cut.is_none() && started.elapsed() > span {
                cut = Some(disk.cut());
            }
            cut.is_some()
        });
        safe = promised(&log);
        appended += safe.iter().sum::<usize>();
        straights += log.metrics().straights;
        image = cut.expect("the time passed");
        assert_sound(&image);
        drop(log);
        disk.unmount().expect("it unmounts");
    }
    assert!(appended > 100, "{appended} records are hardly a load");
    assert!(straights > 10, "{straights} writes went straight");
    let disk = bench.mount(image);
    let log = bench.open(&safe);
    log.close(now()).expect("it closes");
    drop(log);
    disk.unmount().expect("it unmounts");
}

#[test]
fn a_power_cut_under_load_takes_nothing_that_was_promised() {
    cut_again_and_again(DirectAccess::Auto);
}

#[test]
fn nor_does_it_where_direct_access_is_refused() {
    cut_again_and_again(DirectAccess::Never);
}

#[test]
fn after_a_failed_sync_nothing_more_is_promised() {
    for direct in [DirectAccess::Auto, DirectAccess::Never] {
        let Some(mut bench) = Bench::new(direct) else { return };
        let disk = bench.mount(Image::default());
        let log = bench.open(&[0; STREAMS]);
        let started = Instant::now();
        bench.load(&log, |log| {
            if started.elapsed() > Duration::from_millis(80) {
                disk.faults().set_odds(Odds { sync_fails: 10_000, ..Odds::default() });
            }
            assert!(started.elapsed() < Duration::from_secs(10), "it goes offline");
            log.state() != DirectoryState::Online
        });
        let safe = promised(&log);
        // The disk answers again, and lies about what it lost.
        disk.faults().set_odds(Odds::default());
        for lane in Lane::ALL {
            log.step(lane, now());
        }
        assert_eq!(promised(&log), safe, "offline is offline");
        let refused = log
            .stream(stream_id(0))
            .expect("it is there")
            .append(batch(bench.history.written[0].len(), &[0], 0), now());
        assert!(refused.is_err(), "an offline directory takes nothing");
        let image = disk.cut();
        drop(log);
        disk.unmount().expect("it unmounts");
        let disk = bench.mount(image);
        drop(bench.open(&safe));
        disk.unmount().expect("it unmounts");
    }
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let Some(mut bench) = Bench::new(DirectAccess::Auto) else { return };
    let disk = bench.mount(Image::default());
    let log = bench.open(&[0; STREAMS]);
    disk.faults().set_capacity(Some(3 * KIB * KIB));
    let mut full_since: Option<Instant> = None;
    let started = Instant::now();
    bench.load(&log, |log| {
        assert!(started.elapsed() < Duration::from_secs(20), "the disk fills up");
        if log.room(16 * KIB) == Room::Full {
            full_since.get_or_insert_with(Instant::now);
        }
        full_since.is_some_and(|since| since.elapsed() > Duration::from_millis(100))
    });
    assert_eq!(log.state(), DirectoryState::Online, "a full disk is no broken one");
    let at_full: usize = bench.history.written.iter().map(Vec::len).sum();
    for n in 0..STREAMS {
        let stream = log.stream(stream_id(n)).expect("it is there");
        assert_eq!(read_all(&stream), bench.history.written[n], "it reads on, stream {n}");
    }
    disk.faults().set_capacity(None);
    let started = Instant::now();
    bench.load(&log, |_| started.elapsed() > Duration::from_millis(300));
    let after: usize = bench.history.written.iter().map(Vec::len).sum();
    assert!(after > at_full, "it goes on by itself");
    let safe = promised(&log);
    let image = disk.cut();
    drop(log);
    disk.unmount().expect("it unmounts");
    assert_sound(&image);
    let disk = bench.mount(image);
    drop(bench.open(&safe));
    disk.unmount().expect("it unmounts");
}
