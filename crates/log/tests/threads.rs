//! The log under threads: appends, reads, truncations, rolls, moved starts, fills and checkpoints
//! all at once, with every assertion of the engine on. What is decided about one
//! interleaving is in the enumeration; here is what only happens between two instructions.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use ottla_log::{Lane, LogDirectory, Room, StreamError, StreamSettings};
use ottla_model::{Durability, Offset, Rng, Timestamp};
use support::{House, batch, read_all, stream_id};

/// Streams that threads work on; the last ones are relaxed.
const STREAMS: u32 = 6;
const RELAXED_FROM: u32 = 4;

/// How long it goes on.
const SPAN: Duration = Duration::from_millis(1500);

#[test]
fn everything_at_once_keeps_every_invariant() {
    let mut house = House::with(|settings| {
        settings.fill_bytes_min = 6 * 1024;
        settings.fill_bytes_max = 16 * 1024;
        settings.tail_cache_bytes = 32 * 1024;
        settings.unfilled_bytes_max = 256 * 1024;
        settings.journal_bytes_start = 32 * 1024;
        settings.journal_file_bytes_max = 64 * 1024;
        settings.journal_bytes_max = 256 * 1024;
        settings.handles_max = 4;
        settings.index_interval_bytes = 1024;
    });
    (0..STREAMS).for_each(|n| create(house.log(), n));
    let ended = AtomicBool::new(false);
    let clock = AtomicI64::new(0);
    std::thread::scope(|scope| {
        for lane in [Lane::Journal, Lane::Straight, Lane::Straight, Lane::Background] {
            let log = house.log();
            let (ended, clock) = (&ended, &clock);
            scope.spawn(move || work(log, lane, ended, clock));
        }
        let users: Vec<_> = (0..STREAMS)
            .map(|n| {
                let log = house.log();
                scope.spawn(move || use_stream(log, n))
            })
            .collect();
        let failed = users.into_iter().filter_map(|user| user.join().err()).count();
        ended.store(true, Ordering::Release);
        assert_eq!(failed, 0, "a user of the log panicked");
    });
    house.work();
    let before: Vec<_> = (0..STREAMS).map(|n| seen(house.log(), n)).collect();
    let report = house.reopen_killed();
    assert!(report.damaged.is_empty(), "{report:?}");
    let after: Vec<_> = (0..STREAMS).map(|n| seen(house.log(), n)).collect();
    assert_eq!(before, after);
}

fn create(log: &LogDirectory, n: u32) {
    let durability = if n >= RELAXED_FROM { Durability::Relaxed } else { Durability::Fsync };
    let settings =
        StreamSettings { durability, segment_bytes: 20 * 1024, ..StreamSettings::default() };
    log.create_stream(stream_id(n), settings).expect("it is new");
}

fn work(log: &LogDirectory, lane: Lane, ended: &AtomicBool, clock: &AtomicI64) {
    while !ended.load(Ordering::Acquire) {
        let now = Timestamp(clock.fetch_add(1, Ordering::Relaxed));
        let step = log.step(lane, now);
        assert_eq!(step.failed, None);
        if !step.worked {
            log.wait_for_work(lane, Duration::from_millis(1));
        }
    }
}

/// One thread per stream, as a partition has one driver; what it does meets the lanes' threads.
fn use_stream(log: &LogDirectory, n: u32) {
    let mut rng = Rng::from_number(u64::from(n));
    let begun = Instant::now();
    while begun.elapsed() < SPAN {
        let stream = log.stream(stream_id(n)).expect("it is there");
        let offsets = stream.offsets();
        match rng.below(100) {
            0..80 => {
                while log.room(1000) == Room::Wait {
                    std::thread::yield_now();
                }
                let count = 1 + rng.below(3) as i32;
                let next = offsets.log_end.0;
                let bytes = if rng.chance(1, 10) { 6000 } else { 300 };
                stream.append(batch(next, count, bytes), Timestamp(next)).expect("it takes it");
            }
            80..84 if n < RELAXED_FROM => {
                let back = rng.below(20) as i64;
                let to = Offset((offsets.log_end.0 - back).max(offsets.log_start.0));
                // The batch that holds the start cannot be cut.
                match stream.truncate(to) {
                    Ok(_) | Err(StreamError::OutOfRange { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
            80..90 => {
                let to = offsets.log_start.0 + (offsets.log_end.0 - offsets.log_start.0) / 2;
                stream.move_start(Offset(to)).expect("it moves");
            }
            _ => {
                let found = read_all(&stream);
                let from = stream.offsets().log_start.0;
                assert_eq!(found, (from..from + found.len() as i64).collect::<Vec<_>>());
            }
        }
    }
}

fn seen(log: &LogDirectory, n: u32) -> Option<(Offset, Vec<i64>)> {
    let stream: Arc<ottla_log::Stream> = log.stream(stream_id(n))?;
    Some((stream.offsets().log_start, read_all(&stream)))
}
