//! The hot paths, run a given number of times and nothing else, so that valgrind can count their instructions.
//!
//! `instructions PATH TIMES`. The count of twice as many minus that of as many is the path's own, to the instruction: what
//! the program does once (start, warm up) cancels out. `.ci/instructions` does that and compares with the kept figures.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use ottla_log::storage::MemoryStorage;
use ottla_log::{
    Lane, LogDirectory, LogSettings, OpenContext, ReadRequest, Stream, StreamSettings,
};
use ottla_model::{BrokerId, LeaderEpoch, Offset, PartitionId, Rng, StreamId, Timestamp, TopicId};
use ottla_record::{BatchBuilder, BatchOptions, BatchRules, CheckedBatch, NO_HEADERS, validate};

/// Records of a batch, and bytes of a record's value.
const RECORDS: usize = 256;
const VALUE: &[u8] = &[7; 100];
/// Batches of a round.
const ROUND: usize = 16;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, path, times] = &arguments[..] else {
        eprintln!("usage: instructions append|check|round|fetch TIMES");
        return ExitCode::from(2);
    };
    let times: usize = times.parse().unwrap_or(1);
    match path.as_str() {
        "append" => append(times),
        "check" => check(times),
        "round" => round(times),
        "fetch" => fetch(times),
        other => {
            eprintln!("there is no path called {other}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// What a producer does for a batch: records into the buffer, then its header.
fn append(times: usize) {
    let mut builder = BatchBuilder::with_capacity(64 * 1024);
    for _ in 0..times {
        black_box(fill(&mut builder));
    }
}

fn fill(builder: &mut BatchBuilder) -> bytes::Bytes {
    for _ in 0..RECORDS {
        builder.push(Timestamp(1_700_000_000_000), None, Some(VALUE), NO_HEADERS);
    }
    builder.finish(&BatchOptions::default())
}

fn batch() -> CheckedBatch {
    let bytes = fill(&mut BatchBuilder::new());
    validate(bytes, &BatchRules::default()).expect("it was only just built")
}

/// What a leader does before it takes a batch.
fn check(times: usize) {
    let bytes = fill(&mut BatchBuilder::new());
    for _ in 0..times {
        black_box(validate(bytes.clone(), &BatchRules::default())).expect("it is whole");
    }
}

/// What a node does for a round: appends to as many partitions, the journal's round, and what it takes to fill.
fn round(times: usize) {
    let (log, streams) = log();
    let batch = batch();
    for _ in 0..times {
        for stream in &streams {
            append_to(stream, &batch);
        }
        settle(&log);
    }
}

/// What a node does for a consumer at the tail.
fn fetch(times: usize) {
    let (log, streams) = log();
    let batch = batch();
    let stream = &streams[0];
    for _ in 0..ROUND {
        append_to(stream, &batch);
    }
    settle(&log);
    let upto = stream.offsets().log_end;
    let request = ReadRequest { from: Offset::ZERO, upto, bytes_max: 1024 * 1024, tail_only: true };
    for _ in 0..times {
        black_box(stream.read(request)).expect("it was only just written");
    }
}

fn append_to(stream: &Stream, batch: &CheckedBatch) {
    let end = stream.offsets().log_end;
    let stamped = batch.clone().stamp(end, LeaderEpoch::FIRST, None);
    stream.append(stamped, Timestamp(1)).expect("nothing refuses it");
}

fn settle(log: &LogDirectory) {
    while log.step(Lane::Journal, Timestamp(1)).worked {}
    while log.step(Lane::Background, Timestamp(1)).worked {}
}

/// A log in memory, and as many streams in it as a round has batches.
fn log() -> (LogDirectory, Vec<Arc<Stream>>) {
    let storage = Arc::new(MemoryStorage::new());
    let context = OpenContext {
        cluster: None,
        broker: BrokerId(1),
        rng: Rng::from_number(1),
        boot_id: "boot".to_owned(),
        now: Timestamp(0),
    };
    let opened = LogDirectory::open(storage.clone(), storage, LogSettings::default(), context);
    let (log, _) = opened.expect("an empty storage takes a log");
    let stream = |n: usize| {
        let partition = PartitionId(u32::try_from(n).expect("few"));
        let id = StreamId::new(TopicId::from_bytes([7; 16]), partition);
        log.create_stream(id, StreamSettings::default()).expect("it is new")
    };
    let streams = (0..ROUND).map(stream).collect();
    (log, streams)
}
