//! The inside of a data directory, shared by its handle and its streams.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ottla_model::limits::PARTITION_PRODUCERS_MAX;
use ottla_model::{Offset, StreamId};
use parking_lot::{Mutex, RwLock};

use super::checkpoint::CheckpointLog;
use super::health::Health;
use super::lanes::Queues;
use super::room::Budget;
use super::{DirectoryIdentity, LogSettings};
use crate::journal::Journal;
use crate::metrics::LogMetrics;
use crate::planted::Planted;
use crate::producers::ProducerLimits;
use crate::segment::SegmentFiles;
use crate::storage::{AlignedBuf, Storage, StorageError};
use crate::stream::Stream;

/// A figure that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// It grew.
    pub(crate) fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    /// How far it grew.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What happened so far.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) rounds: Counter,
    pub(crate) round_bytes: Counter,
    pub(crate) round_entries: Counter,
    pub(crate) rounds_refused: Counter,
    pub(crate) fills: Counter,
    pub(crate) fill_bytes: Counter,
    pub(crate) forced_fills: Counter,
    pub(crate) straights: Counter,
    pub(crate) straight_bytes: Counter,
    pub(crate) checkpoints: Counter,
    pub(crate) checkpoint_bytes: Counter,
    pub(crate) segments_closed: Counter,
    pub(crate) segments_deleted: Counter,
    pub(crate) reads_tail: Counter,
    pub(crate) reads_cold: Counter,
}

/// The inside of a data directory.
///
/// Locks are taken in this order, and none of the first three while a stream's is held: background
/// work, the journal's writer, all streams, one stream, then the small ones (queues, files, budget).
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: LogSettings,
    pub(crate) identity: DirectoryIdentity,
    pub(crate) boot_id: String,
    pub(crate) data: Arc<dyn Storage>,
    pub(crate) health: Health,
    pub(crate) queues: Queues,
    pub(crate) budget: Budget,
    pub(crate) counters: Counters,
    pub(crate) files: SegmentFiles,
    /// Set once recovery knows where it goes on.
    pub(crate) journal: OnceLock<Journal>,
    pub(crate) streams: RwLock<BTreeMap<StreamId, Arc<Stream>>>,
    /// Durable ends that moved and were not told yet.
    pub(crate) durable: Mutex<Vec<(StreamId, Offset)>>,
    /// Held by whoever makes a checkpoint or removes files.
    pub(crate) checkpoints: Mutex<CheckpointLog>,
    /// Whether relaxed streams were written to since the last checkpoint.
    pub(crate) relaxed_written: AtomicBool,
    /// How many bytes went straight since the last checkpoint: recovery would read them all.
    pub(crate) straight_bytes: AtomicU64,
    /// Whether directories of dropped streams may have been removed, by this run or the one before,
    /// and the removal not synced.
    pub(crate) removals_unsynced: AtomicBool,
    /// Streams with cached batches, the longest filled first.
    pub(crate) cached: Mutex<std::collections::VecDeque<Arc<Stream>>>,
    /// Held by whoever chooses streams for forced fills.
    pub(crate) choosing: Mutex<()>,
    /// How many fills are being written.
    pub(crate) fills_under_way: AtomicUsize,
    /// Buffers for fills, as many as there ever were at a time.
    pub(crate) scratch: Mutex<Vec<AlignedBuf>>,
}

impl Shared {
    /// A directory's inside, before recovery.
    pub(crate) fn new(
        files: SegmentFiles,
        data: Arc<dyn Storage>,
        settings: LogSettings,
        identity: DirectoryIdentity,
        boot_id: String,
        log: CheckpointLog,
    ) -> Self {
        Self {
            budget: Budget::new(&settings),
            settings,
            identity,
            boot_id,
            data,
            health: Health::default(),
            queues: Queues::default(),
            counters: Counters::default(),
            files,
            journal: OnceLock::new(),
            streams: RwLock::default(),
            durable: Mutex::default(),
            checkpoints: Mutex::new(log),
            relaxed_written: AtomicBool::new(false),
            straight_bytes: AtomicU64::new(0),
            removals_unsynced: AtomicBool::new(true),
            cached: Mutex::default(),
            choosing: Mutex::default(),
            fills_under_way: AtomicUsize::new(0),
            scratch: Mutex::default(),
        }
    }

    /// How much of a stream has to wait for the journal to go straight into its segment, just now.
    pub(crate) fn straight_bytes_min(&self) -> u64 {
        let is_needed = self.queues.backlog.bytes() >= self.settings.straight_backlog_bytes_min;
        if is_needed { self.settings.straight_bytes_min } else { u64::MAX }
    }

    /// What the outside may see.
    pub(crate) fn metrics(&self) -> LogMetrics {
        let (live, total) = self.journal().bytes();
        let counters = &self.counters;
        let streams = self.streams.read();
        LogMetrics {
            streams: streams.len() as u64,
            rounds: counters.rounds.get(),
            round_bytes: counters.round_bytes.get(),
            round_entries: counters.round_entries.get(),
            journal_live_bytes: live,
            journal_bytes: total,
            unfilled_bytes: self.budget.unfilled(),
            tail_cache_bytes: self.budget.cached(),
            fills: counters.fills.get(),
            fill_bytes: counters.fill_bytes.get(),
            forced_fills: counters.forced_fills.get(),
            straights: counters.straights.get(),
            straight_bytes: counters.straight_bytes.get(),
            rounds_refused: counters.rounds_refused.get(),
            checkpoints: counters.checkpoints.get(),
            checkpoint_bytes: counters.checkpoint_bytes.get(),
            segments_closed: counters.segments_closed.get(),
            segments_deleted: counters.segments_deleted.get(),
            reads_tail: counters.reads_tail.get(),
            reads_cold: counters.reads_cold.get(),
            handles: self.files.open_count() as u64,
            free_bytes: self.budget.free(),
            damaged_streams: streams.values().filter(|stream| stream.is_damaged()).count() as u64,
        }
    }

    /// The journal.
    pub(crate) fn journal(&self) -> &Journal {
        self.journal.get().expect("recovery opens the journal before anybody gets to it")
    }

    /// Whether this defect is planted.
    pub(crate) fn planted(&self, bug: Planted) -> bool {
        self.settings.is_planted(bug)
    }

    /// How far apart index entries are.
    pub(crate) fn index_interval_bytes(&self) -> u32 {
        u32::try_from(self.settings.index_interval_bytes).unwrap_or(u32::MAX).max(1)
    }

    /// The bounds of a stream's producers.
    pub(crate) fn producer_limits(&self) -> ProducerLimits {
        self.settings.producer_limits()
    }

    /// Takes in what a change of the disk came to: `Ok(false)` when it was full, which changes
    /// nothing but that it is known; an error takes the directory offline.
    pub(crate) fn judge(
        &self,
        doing: &str,
        result: Result<(), StorageError>,
    ) -> Result<bool, super::Offline> {
        match result {
            Ok(()) => Ok(true),
            Err(error) if error.is_full() && !error.is_fatal() => {
                tracing::warn!(%error, "the disk is full while {doing}");
                self.budget.set_free(0);
                Ok(false)
            }
            Err(error) => Err(self.health.fail(format!("{doing} failed: {error}"))),
        }
    }

    /// All streams, in order.
    pub(crate) fn all_streams(&self) -> Vec<Arc<Stream>> {
        self.streams.read().values().cloned().collect()
    }

    /// Asks the disk how much room there is.
    pub(crate) fn look_at_room(&self) {
        if let Ok(free) = self.data.free_bytes() {
            self.budget.set_free(free);
        }
    }

    /// A buffer for a fill.
    pub(crate) fn take_scratch(&self) -> AlignedBuf {
        self.scratch.lock().pop().unwrap_or_default()
    }

    /// Gives a buffer back.
    pub(crate) fn give_scratch(&self, buffer: AlignedBuf) {
        self.scratch.lock().push(buffer);
    }

    /// Lets go of cached batches until they are within their bound.
    pub(crate) fn evict(&self) {
        while self.budget.cached() > self.settings.tail_cache_bytes {
            let Some(stream) = self.cached.lock().pop_front() else { return };
            let mut state = stream.state.lock();
            let mut evicted = 0;
            let is_over = |evicted| {
                self.budget.cached().saturating_sub(evicted) > self.settings.tail_cache_bytes
            };
            while is_over(evicted) {
                match state.tail.evict() {
                    Some(bytes) => evicted += bytes,
                    None => break,
                }
            }
            self.budget.uncache(evicted);
            state.cached = state.tail.has_cached();
            if state.cached {
                drop(state);
                self.cached.lock().push_front(stream);
            }
        }
    }
}

impl LogSettings {
    /// The bounds of a stream's producers.
    pub(crate) fn producer_limits(&self) -> ProducerLimits {
        ProducerLimits {
            expire_after: Duration::from_millis(self.producer_expiry_ms),
            producers_max: PARTITION_PRODUCERS_MAX,
        }
    }

    /// Whether this defect is planted.
    #[cfg(any(test, feature = "planted"))]
    pub(crate) fn is_planted(&self, bug: Planted) -> bool {
        self.planted == bug
    }

    /// Whether this defect is planted: nothing can plant one.
    #[cfg(not(any(test, feature = "planted")))]
    pub(crate) fn is_planted(&self, _bug: Planted) -> bool {
        false
    }
}
