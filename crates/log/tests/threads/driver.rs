//! One stream and the one thread that changes it, as a partition has one driver.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ottla_log::{LogDirectory, Room, Stream, StreamError, StreamOffsets, StreamSettings};
use ottla_model::{Durability, Offset, PartitionId, Rng, StreamId, Timestamp, TopicId};
use parking_lot::Mutex;

use crate::model::{Entry, Found, Model, batch};

/// The longest that anything may take. Far above what it takes on a busy machine, and far below for ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// Numbers records, so that none is like another.
static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// One stream: whether it is there, and what it holds.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) id: StreamId,
    /// Held while the stream is changed. `None`: it was dropped.
    pub(crate) model: Mutex<Option<Model>>,
}

impl Slot {
    pub(crate) fn new(n: u32) -> Self {
        let id = StreamId::new(TopicId::from_bytes([7; 16]), PartitionId(n));
        Self { id, model: Mutex::new(None) }
    }
}

/// Does things to one stream until it is told to stop.
pub(crate) struct Driver<'a> {
    pub(crate) log: &'a LogDirectory,
    pub(crate) slot: &'a Slot,
    pub(crate) rng: Rng,
    pub(crate) longest: Duration,
}

impl Driver<'_> {
    pub(crate) fn run(mut self, ended: &AtomicBool) -> Duration {
        while !ended.load(Ordering::Acquire) {
            self.act();
        }
        self.longest
    }

    fn act(&mut self) {
        let slot = self.slot;
        let mut model = slot.model.lock();
        let Some(known) = &mut *model else {
            let chosen = self.rng.chance(1, 2);
            *model =
                Some(self.create(if chosen { Durability::Fsync } else { Durability::Relaxed }));
            return;
        };
        let stream = self.log.stream(slot.id).expect("it was made");
        let begun = Instant::now();
        match self.rng.below(1000) {
            0..700 => self.append(&stream, known),
            700..730 => (0..8).for_each(|_| self.append(&stream, known)),
            730..800 => truncate(&stream, known, self.rng.below(24) as i64),
            800..840 => {
                let half = known.start + (known.end - known.start) / 2;
                stream.move_start(Offset(half)).expect("it moves");
            }
            840..900 => self.compare(&stream, known),
            900..940 => self.wait_until(&stream, |offsets| offsets.durable_end),
            940..970 => {
                assert_eq!(stream.flush().0, known.end);
                self.wait_until(&stream, |offsets| offsets.flushed_end);
            }
            970..982 => alter(&stream, known),
            982..988 => {
                self.log.drop_stream(slot.id).expect("it is there");
                assert!(stream.is_gone());
                *model = None;
                return;
            }
            _ => {
                drop(model);
                std::thread::sleep(Duration::from_millis(1));
                return;
            }
        }
        known.meet(&stream.offsets());
        let took = begun.elapsed();
        assert!(took < PATIENCE, "an operation took {took:?}");
        self.longest = self.longest.max(took);
    }

    fn create(&self, durability: Durability) -> Model {
        let settings = StreamSettings {
            durability,
            segment_bytes: 24 * 1024,
            retention_bytes: Some(150 * 1024),
            ..StreamSettings::default()
        };
        self.log.create_stream(self.slot.id, settings).expect("it can be made");
        Model::new(durability)
    }

    fn append(&mut self, stream: &Stream, model: &mut Model) {
        let begun = Instant::now();
        while self.log.room(1000) == Room::Wait {
            assert!(begun.elapsed() < PATIENCE, "there is never room again");
            std::thread::yield_now();
        }
        let entry = Entry {
            base: model.end,
            count: 1 + self.rng.below(3) as i32,
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
        };
        let bytes = if self.rng.chance(1, 10) { 6000 } else { 300 };
        stream.append(batch(entry, bytes), Timestamp(entry.base)).expect("it takes it");
        model.append(entry);
    }

    /// The log holds what was put there. Its start may move meanwhile: by retention.
    fn compare(&self, stream: &Stream, model: &Model) {
        let found = Found::read_undisturbed(stream);
        let expected = model.entries.iter().filter(|entry| entry.end() > found.start);
        assert_eq!(found.entries, expected.copied().collect::<Vec<_>>());
    }

    fn wait_until(&self, stream: &Stream, reached: impl Fn(StreamOffsets) -> Offset) {
        let begun = Instant::now();
        let end = stream.offsets().log_end;
        while reached(stream.offsets()) < end {
            let what = || (stream.offsets(), self.log.state(), self.log.metrics());
            assert!(begun.elapsed() < PATIENCE, "{:?} of {} is never durable", what(), stream.id());
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

fn truncate(stream: &Arc<Stream>, model: &mut Model, back: i64) {
    let to = (model.end - back).max(model.start);
    match stream.truncate(Offset(to)) {
        Ok(end) if end.0 < model.end => model.cut(end.0),
        Ok(end) => assert_eq!(end.0, model.end),
        // The batch that holds the start cannot be cut, and the start moves by itself.
        Err(StreamError::OutOfRange { .. }) => {}
        Err(other) => panic!("{other}"),
    }
}

/// Another durability, or another size of segments.
fn alter(stream: &Stream, model: &mut Model) {
    let mut settings = stream.settings();
    if model.end % 2 == 0 {
        settings.durability = match settings.durability {
            Durability::Fsync => Durability::Relaxed,
            Durability::Relaxed => Durability::Fsync,
        };
    } else {
        settings.segment_bytes = 40 * 1024 - settings.segment_bytes + 8 * 1024;
    }
    stream.alter(settings.clone()).expect("it can be altered");
    model.durability = settings.durability;
}
