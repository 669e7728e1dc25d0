//! What a durable byte costs: batches of three sizes on sixteen `fsync` streams, through the journal and
//! straight into their segments. On real files, with the threads of a broker.
//!
//! `cargo bench -p ottla-benches --bench durable`; `OTTLA_BENCH_DIR` says on which disk. In `cargo test` each runs
//! with a few batches. Compare within one run only: MB/s depends on what else the machine does,
//! CPU a good deal less, and bytes written per byte acknowledged not at all.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use ottla_log::storage::{DirectAccess, FilesStorage, Storage};
use ottla_log::{Lane, LogDirectory, LogSettings, OpenContext, Room, Stream, StreamSettings};
use ottla_model::{
    BrokerId, KIB, LeaderEpoch, MIB, Offset, PartitionId, Rng, StreamId, Timestamp, TopicId,
};
use ottla_record::{BatchBuilder, BatchOptions, BatchRules, CheckedBatch, NO_HEADERS, validate};

/// Streams that are written to.
const STREAMS: u32 = 16;
/// Batches that each of them has in flight.
const IN_FLIGHT: usize = 4;
/// As a broker has them.
const LANES: [Lane; 6] = [
    Lane::Journal,
    Lane::Straight,
    Lane::Straight,
    Lane::Straight,
    Lane::Straight,
    Lane::Background,
];

fn main() {
    let full = std::env::args().any(|arg| arg == "--bench");
    let total = if full { 1024 * MIB } else { 8 * MIB };
    println!("| bytes a batch | path | MB/s | CPU s/GB | bytes written per byte | p50 / p99 ms |");
    println!("|---|---|---|---|---|---|");
    for bytes in [64 * KIB, 256 * KIB, MIB - 8 * KIB] {
        for (path, straight_bytes_min) in [("journal", u64::MAX), ("straight", 256 * KIB)] {
            let figures = run(bytes, straight_bytes_min, total);
            println!("| {} KiB | {path} | {figures}", bytes / KIB);
        }
    }
}

fn run(batch_bytes: u64, straight_bytes_min: u64, total: u64) -> String {
    let root = directory();
    let settings =
        LogSettings { straight_bytes_min, straight_backlog_bytes_min: 0, ..LogSettings::default() };
    let log = open(&root, settings);
    let streams: Vec<Arc<Stream>> = (0..STREAMS)
        .map(|n| {
            let id = StreamId::new(TopicId::from_bytes([1; 16]), PartitionId(n));
            log.create_stream(id, StreamSettings::default()).expect("it is new")
        })
        .collect();
    let batch = batch(batch_bytes);
    let stop = AtomicBool::new(false);
    let (cpu, began) = (cpu_seconds(), Instant::now());
    let latencies = std::thread::scope(|scope| {
        let driver = std::thread::current();
        for lane in LANES {
            let (log, stop, driver) = (&log, &stop, driver.clone());
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let step = log.step(lane, now());
                    assert_eq!(step.failed, None);
                    if !step.durable.is_empty() {
                        driver.unpark();
                    }
                    if !step.worked {
                        log.wait_for_work(lane, Duration::from_millis(20));
                    }
                }
            });
        }
        let latencies = drive(&log, &streams, &batch, total / batch_bytes);
        stop.store(true, Ordering::Relaxed);
        latencies
    });
    let (span, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let metrics = log.metrics();
    let written = metrics.round_bytes + metrics.fill_bytes + metrics.straight_bytes;
    let acked = (total / batch_bytes * batch_bytes) as f64;
    drop((streams, log));
    std::fs::remove_dir_all(&root).expect("it is ours");
    let at = |part: usize| latencies[(latencies.len() - 1) * part / 100].as_secs_f64() * 1e3;
    format!(
        "{:.0} | {:.3} | {:.2} | {:.2} / {:.2} |",
        acked / span / 1e6,
        cpu / (acked / 1e9),
        written as f64 / acked,
        at(50),
        at(99)
    )
}

/// One stream, and when the batches were sent that are not acknowledged.
struct Flow<'a> {
    stream: &'a Stream,
    sent: VecDeque<Instant>,
    next: i64,
}

impl Flow<'_> {
    /// Takes in what was acknowledged, and sends more; answers how many of `left` it sent.
    fn go_on(
        &mut self,
        log: &LogDirectory,
        batch: &CheckedBatch,
        left: u64,
        latencies: &mut Vec<Duration>,
    ) -> u64 {
        let in_flight = (self.next - self.stream.offsets().durable_end.0) as usize;
        let acknowledged = self.sent.len() - in_flight;
        latencies.extend(self.sent.drain(..acknowledged).map(|sent| sent.elapsed()));
        let mut sent = 0;
        while sent < left
            && self.sent.len() < IN_FLIGHT
            && log.room(batch.header().size() as u64) == Room::Free
        {
            let stamped = batch.clone().stamp(Offset(self.next), LeaderEpoch(0), None);
            self.stream.append(stamped, now()).expect("it takes it");
            self.sent.push_back(Instant::now());
            self.next += 1;
            sent += 1;
        }
        sent
    }
}

/// Keeps every stream's batches in flight until all are acknowledged; answers how long each took.
fn drive(
    log: &LogDirectory,
    streams: &[Arc<Stream>],
    batch: &CheckedBatch,
    batches: u64,
) -> Vec<Duration> {
    let flow = |stream| Flow { stream, sent: VecDeque::new(), next: 0 };
    let mut flows: Vec<Flow<'_>> = streams.iter().map(|stream| flow(&**stream)).collect();
    let (mut latencies, mut left) = (Vec::new(), batches);
    while (latencies.len() as u64) < batches {
        let before = (left, latencies.len());
        for flow in &mut flows {
            left -= flow.go_on(log, batch, left, &mut latencies);
        }
        if before == (left, latencies.len()) {
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }
    latencies.sort_unstable();
    latencies
}

/// A batch of one record that does not compress.
fn batch(bytes: u64) -> CheckedBatch {
    let mut value = vec![0; bytes as usize - 100];
    Rng::from_number(1).fill(&mut value);
    let mut builder = BatchBuilder::new();
    builder.push(Timestamp(0), None, Some(&value), NO_HEADERS);
    let bytes = builder.finish(&BatchOptions::default());
    validate(bytes, &BatchRules::for_cluster()).expect("it is sound")
}

fn directory() -> PathBuf {
    let parent = std::env::var_os("OTTLA_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let root = parent.join(format!("ottla-durable-{}", std::process::id()));
    std::fs::create_dir_all(&root).expect("the disk is there");
    root
}

fn open(root: &Path, settings: LogSettings) -> LogDirectory {
    let storage = FilesStorage::open(root, DirectAccess::Auto).expect("the disk is there");
    let storage: Arc<dyn Storage> = Arc::new(storage);
    let context = OpenContext {
        cluster: None,
        broker: BrokerId(1),
        rng: Rng::from_number(1),
        boot_id: String::new(),
        now: now(),
    };
    let opened = LogDirectory::open(Arc::clone(&storage), storage, settings, context);
    opened.expect("a new directory opens").0
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp(since.expect("after 1970").as_millis() as i64)
}

/// CPU of this process so far, in hundredths; 0 where that cannot be asked.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
