//! The threads that do the log's work, one lane each, and tell whom it concerns what became durable.
//!
//! ```text
//!   journal lane ──┐                                      ┌ few ─────────────┐
//!   straight lanes ├── LogDirectory::step ──> durable ends ┴ many ──> a thread ┴> listeners (broker,
//!   background ────┘                     └──> failed ──> everything stops,        controller)
//!                                                        nothing is acknowledged
//! ```
//!
//! Invariant L8: after a failed write or flush, or a panic of a lane, no lane does another step.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ottla_log::{Lane, LogDirectory, Step};
use ottla_model::{Moment, Offset, StreamId};
use ottla_runtime::panics::Panics;
use ottla_runtime::{Clock, Thread, spawn_thread};
use parking_lot::{Mutex, RwLock};

use crate::metrics::LaneMetrics;
use crate::slowest::Slowest;
use crate::tidings::Tidings;

/// How long an idle lane sleeps before it looks whether it should end.
const LANE_WAIT_MAX: Duration = Duration::from_millis(100);

/// Who wants to know what the storage threads did. Called on those threads, so it MUST be quick and
/// MUST NOT wait.
pub trait StorageListener: Send + Sync {
    /// These streams' bytes are durable up to these ends.
    fn handle_durable(&self, ends: &[(StreamId, Offset)]);
    /// The directory takes nothing any more, and what was not yet durable never will be. Once.
    fn handle_offline(&self, why: &str);
}

/// The running threads.
pub struct StorageThreads {
    shared: Arc<Shared>,
    threads: Vec<Thread>,
}

struct Shared {
    log: LogDirectory,
    clock: Clock,
    panics: Panics,
    stop: AtomicBool,
    offline: Mutex<Option<String>>,
    listeners: RwLock<Vec<Arc<dyn StorageListener>>>,
    tidings: Tidings,
    lanes: LaneMetrics,
    slowest: Arc<Slowest>,
}

impl StorageThreads {
    /// Starts one journal thread, `straight` threads for writes that go past the journal, and one for
    /// fills and checkpoints. They tell `lanes` and `slowest` what they did.
    ///
    /// # Errors
    /// When the operating system gives no more threads.
    pub fn start(
        log: LogDirectory,
        clock: Clock,
        panics: Panics,
        straight: usize,
        lanes: LaneMetrics,
        slowest: Arc<Slowest>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            log,
            clock,
            panics,
            stop: AtomicBool::new(false),
            offline: Mutex::new(None),
            listeners: RwLock::new(Vec::new()),
            tidings: Tidings::default(),
            lanes,
            slowest,
        });
        let mut storage = Self { shared, threads: Vec::new() };
        storage.spawn("ottla-journal", Lane::Journal)?;
        for index in 0..straight.max(1) {
            storage.spawn(&format!("ottla-write-{index}"), Lane::Straight)?;
        }
        storage.spawn("ottla-fill", Lane::Background)?;
        let shared = Arc::clone(&storage.shared);
        storage.threads.push(spawn_thread("ottla-tell", move || shared.tell_tidings())?);
        Ok(storage)
    }

    fn spawn(&mut self, name: &str, lane: Lane) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        self.threads.push(spawn_thread(name, move || shared.run(lane))?);
        Ok(())
    }

    /// Tells `listener` from now on; at once, when the directory is offline already.
    pub fn listen(&self, listener: Arc<dyn StorageListener>) {
        // Under the lock of `offline`, so that no listener is told twice or never.
        let offline = self.shared.offline.lock();
        self.shared.listeners.write().push(Arc::clone(&listener));
        if let Some(why) = &*offline {
            listener.handle_offline(why);
        }
    }

    /// Why the directory is offline, when it is.
    pub fn offline(&self) -> Option<String> {
        self.shared.offline.lock().clone()
    }

    /// Ends the threads, each after the step it is in. What was appended and is not durable yet stays
    /// so; closing the log is the caller's.
    pub fn stop(mut self) {
        self.shared.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            thread.join();
        }
        self.shared.tell_once(&mut Vec::new(), Duration::ZERO);
        self.shared.listeners.write().clear();
    }
}

impl Drop for StorageThreads {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
    }
}

impl Shared {
    fn run(&self, lane: Lane) {
        let mut observer = LaneObserver::of(self, lane);
        while !self.stop.load(Ordering::Acquire) {
            observer.begin();
            let step = self.panics.guard("storage lane", || self.log.step(lane, self.clock.now()));
            match step {
                Some(step) => {
                    observer.end(&step);
                    self.handle_step(lane, &step);
                }
                None => self.go_offline(&format!("its {lane:?} lane panicked")),
            }
        }
    }

    fn handle_step(&self, lane: Lane, step: &Step) {
        if let Some(failed) = &step.failed {
            self.go_offline(&failed.why);
        } else if Tidings::are_few(&step.durable) {
            self.tell(&step.durable);
        } else {
            self.tidings.put(&step.durable);
        }
        if !step.worked {
            self.log.wait_for_work(lane, LANE_WAIT_MAX);
        }
    }

    fn tell(&self, durable: &[(StreamId, Offset)]) {
        if !durable.is_empty() {
            for listener in &*self.listeners.read() {
                listener.handle_durable(durable);
            }
        }
    }

    fn tell_tidings(&self) {
        let mut ends = Vec::new();
        while !self.stop.load(Ordering::Acquire) {
            self.tell_once(&mut ends, LANE_WAIT_MAX);
        }
    }

    fn tell_once(&self, ends: &mut Vec<(StreamId, Offset)>, wait: Duration) {
        ends.clear();
        self.tidings.take(ends, wait);
        self.panics.guard("telling what is durable", || self.tell(ends));
    }

    fn go_offline(&self, why: &str) {
        self.stop.store(true, Ordering::Release);
        let mut offline = self.offline.lock();
        if offline.is_some() {
            return;
        }
        tracing::error!(why, "the data directory is offline; look at the disk, then restart");
        *offline = Some(why.to_owned());
        for listener in &*self.listeners.read() {
            listener.handle_offline(why);
        }
    }
}

/// Observes a lane from outside: how long the steps took in which it worked. What was written to the
/// journal between begin and end of a step of its lane is the step's round.
struct LaneObserver<'a> {
    shared: &'a Shared,
    lane: Lane,
    begun: Moment,
    written: u64,
}

impl<'a> LaneObserver<'a> {
    fn of(shared: &'a Shared, lane: Lane) -> Self {
        let written = shared.log.round_bytes();
        Self { shared, lane, begun: Moment::START, written }
    }

    fn begin(&mut self) {
        self.begun = self.shared.clock.moment();
    }

    fn end(&mut self, step: &Step) {
        if !step.worked {
            return;
        }
        let ended = self.shared.clock.moment();
        if let Some(work) = step.work {
            self.shared.slowest.did(work, self.begun, ended);
        }
        let took = ended.since(self.begun);
        match self.lane {
            Lane::Journal => self.end_round(took),
            Lane::Straight => self.shared.lanes.observe_straight(took),
            Lane::Background => self.shared.lanes.observe_fill(took),
        }
    }

    fn end_round(&mut self, took: Duration) {
        let written = self.shared.log.round_bytes();
        if written > self.written {
            self.shared.lanes.observe_round(took, written - self.written);
            self.written = written;
        }
    }
}

impl std::fmt::Debug for StorageThreads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StorageThreads").field("threads", &self.threads.len()).finish()
    }
}
