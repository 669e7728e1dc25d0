//! All threads at once, crashes in between, and what is left at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use ottla_log::doctor::examine;
use ottla_log::storage::Storage;
use ottla_log::{Lane, LogDirectory, LogSettings, OpenContext, StreamOffsets};
use ottla_model::{BrokerId, Rng, StreamId, Timestamp};

use crate::driver::{Driver, Slot};
use crate::model::{Entry, Found, Model, batch};

/// Streams, each with a driver.
const STREAMS: u32 = 8;

/// How long the threads run between two crashes.
const BETWEEN_CRASHES: Duration = Duration::from_millis(120);

/// How long a lane sleeps when nobody wakes it: so long that a wake that is lost shows.
const LANE_WAIT: Duration = Duration::from_millis(500);

/// Everything small, so that an instant rolls, fills, checkpoints and recycles.
fn settings() -> LogSettings {
    LogSettings {
        round_bytes_max: 64 * 1024,
        fill_bytes_min: 6 * 1024,
        fill_bytes_max: 16 * 1024,
        tail_cache_bytes: 32 * 1024,
        unfilled_bytes_max: 256 * 1024,
        journal_bytes_start: 32 * 1024,
        journal_file_bytes_max: 64 * 1024,
        journal_bytes_max: 256 * 1024,
        handles_max: 4,
        index_interval_bytes: 1024,
        straight_bytes_min: 12 * 1024,
        straight_backlog_bytes_min: 0,
        relaxed_flush_ms_max: 20,
        room_reserve_bytes: 0,
        ..LogSettings::default()
    }
}

fn open(storage: &Arc<dyn Storage>) -> LogDirectory {
    let context = OpenContext {
        cluster: None,
        broker: BrokerId(1),
        rng: Rng::from_number(1),
        boot_id: "boot".to_owned(),
        now: Timestamp(0),
    };
    let (data, journal) = (Arc::clone(storage), Arc::clone(storage));
    let (log, report) =
        LogDirectory::open(data, journal, settings(), context).expect("the directory opens");
    assert!(report.damaged.is_empty() && !report.unnamed_loss, "{report:?}");
    log
}

/// How a world ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Crash {
    /// The process is killed.
    Kill,
    /// The power goes.
    PowerCut,
}

/// Makes a copy of the disk as a crash leaves it.
pub(crate) type MakeCrash<'c> = &'c mut dyn FnMut() -> Option<(Arc<dyn Storage>, Crash)>;

/// A directory with all its threads.
pub(crate) struct Scene<'a> {
    log: &'a LogDirectory,
    slots: &'a [Slot],
    ended: &'a AtomicBool,
    clock: &'a AtomicI64,
}

/// One stream at a crash: what was in it, and what it said of itself before and after.
type AtCrash = (Model, StreamOffsets, StreamOffsets);

impl Scene<'_> {
    /// Runs all threads for `span`, with a crash now and then, and then opens what they left.
    pub(crate) fn run(storage: Arc<dyn Storage>, seed: u64, span: Duration, crash: MakeCrash<'_>) {
        let log = open(&storage);
        let slots: Vec<Slot> = (0..STREAMS).map(Slot::new).collect();
        let (ended, clock) = (AtomicBool::new(false), AtomicI64::new(0));
        let scene = Scene { log: &log, slots: &slots, ended: &ended, clock: &clock };
        scene.run_threads(seed, span, crash);
        let (expected, ()) = scene.look(|| ());
        drop(log);
        check(&storage, &expected, Crash::Kill);
    }

    fn run_threads(&self, seed: u64, span: Duration, crash: MakeCrash<'_>) {
        let lanes_ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let lanes_ended = &lanes_ended;
            for lane in [Lane::Journal, Lane::Straight, Lane::Straight, Lane::Background] {
                scope.spawn(move || self.work(lane, lanes_ended));
            }
            let mut users = Vec::new();
            for (n, slot) in self.slots.iter().enumerate() {
                let rng = Rng::from_number(seed * 1000 + n as u64);
                let driver = Driver { log: self.log, slot, rng, longest: Duration::ZERO };
                users.push(scope.spawn(move || driver.run(self.ended)));
            }
            for n in 0..2 {
                users.push(scope.spawn(move || self.read(Rng::from_number(seed * 1000 + 100 + n))));
            }
            users.push(scope.spawn(move || self.tidy()));
            self.crash_now_and_then(span, crash);
            self.ended.store(true, Ordering::Release);
            let ends: Vec<_> = users.into_iter().map(|user| user.join()).collect();
            lanes_ended.store(true, Ordering::Release);
            let failed = ends.iter().filter(|end| end.is_err()).count();
            assert_eq!(failed, 0, "a user of the log panicked");
            let longest = ends.into_iter().filter_map(Result::ok).max().expect("there are some");
            println!("{}: the longest operation took {longest:?}", self.log.metrics().rounds);
        });
    }

    fn work(&self, lane: Lane, ended: &AtomicBool) {
        while !ended.load(Ordering::Acquire) {
            let now = Timestamp(self.clock.load(Ordering::Relaxed));
            let step = self.log.step(lane, now);
            assert_eq!(step.failed, None);
            if !step.worked {
                self.log.wait_for_work(lane, LANE_WAIT);
            }
        }
    }

    /// Reads whatever there is, by whoever it was written.
    fn read(&self, mut rng: Rng) -> Duration {
        let mut longest = Duration::ZERO;
        while !self.ended.load(Ordering::Acquire) {
            let slot = &self.slots[rng.below(u64::from(STREAMS)) as usize];
            let Some(stream) = self.log.stream(slot.id) else { continue };
            let begun = Instant::now();
            // Cut and written again meanwhile it may be anything, and is intact in any case.
            let _ = Found::read(&stream);
            longest = longest.max(begun.elapsed());
        }
        longest
    }

    /// Time passes, and retention takes what is too much.
    fn tidy(&self) -> Duration {
        while !self.ended.load(Ordering::Acquire) {
            let now = Timestamp(self.clock.fetch_add(5, Ordering::Relaxed));
            self.log.enforce_retention(now);
            std::thread::sleep(Duration::from_millis(5));
        }
        Duration::ZERO
    }

    fn crash_now_and_then(&self, span: Duration, crash: MakeCrash<'_>) {
        let begun = Instant::now();
        while begun.elapsed() < span {
            std::thread::sleep(BETWEEN_CRASHES);
            let (expected, crashed) = self.look(&mut *crash);
            if let Some((storage, kind)) = crashed {
                check(&storage, &expected, kind);
            }
        }
    }

    /// Looks at the world while the drivers stand still, and everything else goes on.
    fn look<T>(&self, look: impl FnOnce() -> T) -> (Vec<(StreamId, Option<AtCrash>)>, T) {
        let models: Vec<_> = self.slots.iter().map(|slot| slot.model.lock()).collect();
        let offsets = |slot: &Slot| self.log.stream(slot.id).map(|stream| stream.offsets());
        let before: Vec<_> = self.slots.iter().map(offsets).collect();
        let seen = look();
        let both = self.slots.iter().zip(models).zip(before);
        let expected = both.map(|((slot, model), before)| {
            let at_crash = model.clone().zip(before).zip(offsets(slot));
            (slot.id, at_crash.map(|((model, before), after)| (model, before, after)))
        });
        (expected.collect(), seen)
    }
}

/// Opens what a crash left: what was safe is there, in order, and nothing that was never written. It
/// can be used, and is sound to the doctor before and after.
fn check(storage: &Arc<dyn Storage>, expected: &[(StreamId, Option<AtCrash>)], crash: Crash) {
    assert_sound(storage);
    let log = open(storage);
    for (id, at_crash) in expected {
        let stream = log.stream(*id);
        let found = stream.map(|stream| Found::read_undisturbed(&stream));
        let Some((model, before, after)) = at_crash else { continue };
        let safe = if crash == Crash::Kill { before.durable_end } else { before.flushed_end };
        let starts = [before.durable_start.0, after.log_start.0];
        match found {
            Some(found) => model
                .check(&found, safe.0, starts)
                .unwrap_or_else(|why| panic!("{crash:?} {id} {before:?}: {why}")),
            None => assert_eq!(before.durable_end.0, 0, "{crash:?}: stream {id} is gone"),
        }
    }
    use_it(&log);
    log.close(Timestamp(0)).expect("it closes");
    drop(log);
    assert_sound(storage);
}

fn assert_sound(storage: &Arc<dyn Storage>) {
    let report = examine(&**storage, &**storage).expect("it lists");
    assert!(report.is_sound(), "{:#?}", report.findings);
}

/// Appends a little to every stream.
fn use_it(log: &LogDirectory) {
    for id in log.streams() {
        let stream = log.stream(id).expect("it is there");
        let base = stream.offsets().log_end.0;
        stream
            .append(batch(Entry { base, count: 1, number: 0 }, 500), Timestamp(0))
            .expect("it takes");
    }
    while Lane::ALL.map(|lane| log.step(lane, Timestamp(0)).worked).contains(&true) {}
    for id in log.streams() {
        let offsets = log.stream(id).expect("it is there").offsets();
        assert_eq!(offsets.durable_end, offsets.log_end);
    }
}
