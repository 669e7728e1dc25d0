//! What a broker counts. The names are documented in `docs/metrics.md`, and a test compares the two.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ottla_log::LogMetrics;
use ottla_runtime::Metrics;
use ottla_runtime::metrics::{Counter, EncodeLabelSet, Family, Gauge, Histogram};

/// The counters of the data path. Everything that can be read off the log is read when somebody
/// scrapes, not while it happens.
#[derive(Clone, Debug)]
pub(crate) struct BrokerMetrics {
    pub(crate) produce_bytes: Counter,
    pub(crate) produce_records: Counter,
    pub(crate) produce_batches: Counter,
    pub(crate) produce_refused: Family<Reason, Counter>,
    pub(crate) fetch_bytes: Counter,
    pub(crate) fetches: Counter,
    pub(crate) parked: Gauge,
    pub(crate) cold_waiting: Gauge,
    pub(crate) rebuilds: Counter,
    pub(crate) acks_waiting: Gauge,
    pub(crate) admitted: Gauge,
    pub(crate) topics: Gauge,
    pub(crate) partitions: Gauge,
    pub(crate) partitions_offline: Gauge,
    pub(crate) retention_deleted: Counter,
    /// From the wish for room to its grant, where it had to be waited for.
    pub(crate) room_wait: Histogram,
    pub(crate) ack: Histogram,
    pub(crate) fetch_tail: Histogram,
    pub(crate) fetch_cold: Histogram,
}

/// Why a batch was refused: the error's code.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
pub(crate) struct Reason {
    pub(crate) reason: &'static str,
}

/// Counts a parked fetch as long as it is held.
pub(crate) struct Parked(Gauge);

impl BrokerMetrics {
    pub(crate) fn register(metrics: &Metrics) -> Self {
        Self {
            produce_bytes: metrics.counter("produce_bytes", "Bytes of batches appended"),
            produce_records: metrics.counter("produce_records", "Records appended"),
            produce_batches: metrics.counter("produce_batches", "Batches appended"),
            produce_refused: metrics
                .counters("produce_refused", "Batches refused, by the code of the error"),
            fetch_bytes: metrics.counter("fetch_bytes", "Bytes of batches handed to consumers"),
            fetches: metrics.counter("fetches", "Fetches answered with at least one batch"),
            parked: metrics.gauge("fetches_parked", "Fetches that wait at the end of a partition"),
            cold_waiting: metrics
                .gauge("cold_reads_waiting", "Reads of files that wait their turn"),
            rebuilds: metrics
                .counter("partition_rebuilds", "Partitions rebuilt from their log after a panic"),
            acks_waiting: metrics
                .gauge("produce_waiting", "Batches appended whose acknowledgement is due"),
            admitted: metrics.gauge(
                "produce_admitted_bytes",
                "Bytes granted room that have not reached the log; their budget is unfilled_bytes_max",
            ),
            topics: metrics.gauge("topics", "Topics"),
            partitions: metrics.gauge("partitions", "Partitions at this broker"),
            partitions_offline: metrics
                .gauge("partitions_offline", "Partitions at this broker that cannot serve"),
            retention_deleted: metrics
                .counter("retention_deleted_bytes", "Bytes deleted because of retention"),
            room_wait: metrics.histogram(
                "produce_room_wait_seconds",
                "How long batches waited for room, those that had to wait",
                STAGE_SECONDS.to_vec(),
            ),
            ack: metrics.histogram(
                "produce_ack_seconds",
                "From appending a batch to its acknowledgement: the wait for a round, and the round",
                STAGE_SECONDS.to_vec(),
            ),
            fetch_tail: metrics.histogram(
                "fetch_tail_seconds",
                "How long reads took that memory answered",
                STAGE_SECONDS.to_vec(),
            ),
            fetch_cold: metrics.histogram(
                "fetch_cold_seconds",
                "How long reads took that needed a file, their wait for a thread included",
                STAGE_SECONDS.to_vec(),
            ),
        }
    }

    pub(crate) fn count_in(&self, bytes: u64, records: u64) {
        self.produce_batches.inc();
        self.produce_bytes.inc_by(bytes);
        self.produce_records.inc_by(records);
    }

    pub(crate) fn count_out(&self, bytes: u64) {
        if bytes > 0 {
            self.fetches.inc();
            self.fetch_bytes.inc_by(bytes);
        }
    }

    pub(crate) fn refuse(&self, code: &'static str) {
        self.produce_refused.get_or_create(&Reason { reason: code }).inc();
    }

    pub(crate) fn park(&self) -> Parked {
        self.parked.inc();
        Parked(self.parked.clone())
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Shows a log's figures under their names; see [`LogMetrics`] for what each one says.
pub struct LogGauges {
    counters: Vec<(Counter, Read, AtomicU64)>,
    gauges: Vec<(Gauge, Read)>,
}

impl LogGauges {
    /// Registers the figures.
    pub fn register(metrics: &Metrics) -> Self {
        let counters = COUNTERS
            .iter()
            .map(|(name, help, read)| (metrics.counter(name, help), *read, AtomicU64::new(0)));
        let gauges = GAUGES.iter().map(|(name, help, read)| (metrics.gauge(name, help), *read));
        Self { counters: counters.collect(), gauges: gauges.collect() }
    }

    /// Shows these figures from now on.
    pub fn show(&self, log: &LogMetrics) {
        for (counter, read, shown) in &self.counters {
            let now = read(log);
            let before = shown.swap(now, Ordering::Relaxed);
            counter.inc_by(now.saturating_sub(before));
        }
        for (gauge, read) in &self.gauges {
            gauge.set(i64::try_from(read(log)).unwrap_or(i64::MAX));
        }
    }
}

impl std::fmt::Debug for LogGauges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogGauges").field("gauges", &self.gauges.len()).finish()
    }
}

/// Takes one figure out of all of them.
type Read = fn(&LogMetrics) -> u64;
/// A figure's name, its meaning, and where it is read.
type Figure = (&'static str, &'static str, Read);

const COUNTERS: &[Figure] = &[
    ("journal_rounds", "Journal rounds written", |m| m.rounds),
    ("journal_round_bytes", "Bytes of journal rounds written", |m| m.round_bytes),
    ("journal_round_entries", "Operations in journal rounds written", |m| m.round_entries),
    ("journal_rounds_refused", "Rounds that had to wait for journal space", |m| m.rounds_refused),
    ("fills", "Moves of tail bytes into segments", |m| m.fills),
    ("fill_bytes", "Bytes moved into segments", |m| m.fill_bytes),
    ("forced_fills", "Fills made because journal space or memory was wanted", |m| m.forced_fills),
    ("straight_writes", "Writes past the journal, into segments", |m| m.straights),
    ("straight_bytes", "Bytes written past the journal", |m| m.straight_bytes),
    ("checkpoints", "Checkpoints written", |m| m.checkpoints),
    ("checkpoint_bytes", "Bytes of checkpoints written", |m| m.checkpoint_bytes),
    ("segments_closed", "Segments closed", |m| m.segments_closed),
    ("segments_deleted", "Segments deleted", |m| m.segments_deleted),
    ("reads_tail", "Reads answered from memory", |m| m.reads_tail),
    ("reads_cold", "Reads that needed a file", |m| m.reads_cold),
];

const GAUGES: &[Figure] = &[
    ("log_streams", "Streams in the data directory", |m| m.streams),
    ("log_streams_damaged", "Streams offline because of damage", |m| m.damaged_streams),
    ("journal_live_bytes", "Bytes of journal files that are still needed", |m| {
        m.journal_live_bytes
    }),
    ("journal_bytes", "Bytes of all journal files", |m| m.journal_bytes),
    ("unfilled_bytes", "Bytes that wait in memory for their segments", |m| m.unfilled_bytes),
    ("tail_cache_bytes", "Bytes of filled batches kept in memory for readers", |m| {
        m.tail_cache_bytes
    }),
    ("log_handles", "Files held open by the log", |m| m.handles),
    ("disk_free_bytes", "Free bytes of the data disk when last asked", |m| m.free_bytes),
];

/// The bounds of a histogram of a stage, in seconds: from memory, over the fastest disk, to a stalled one.
const STAGE_SECONDS: [f64; 16] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_2, 0.000_4, 0.000_8, 0.001_6, 0.003_2, 0.006_4,
    0.012_8, 0.025_6, 0.051_2, 0.102_4, 0.5, 2.0,
];

/// The bounds of a histogram of journal rounds, in bytes: one block to a round of one largest batch.
const ROUND_BYTES: [f64; 13] = [
    4_096.0,
    8_192.0,
    16_384.0,
    32_768.0,
    65_536.0,
    131_072.0,
    262_144.0,
    524_288.0,
    1_048_576.0,
    2_097_152.0,
    4_194_304.0,
    8_388_608.0,
    16_777_216.0,
];

/// How the storage threads' units of work went, seen from the threads that do them.
#[derive(Clone, Debug)]
pub struct LaneMetrics {
    seconds: Histogram,
    bytes: Histogram,
    straight: Histogram,
    fill: Histogram,
}

impl LaneMetrics {
    /// Registers the histograms.
    pub fn register(metrics: &Metrics) -> Self {
        Self {
            seconds: metrics.histogram(
                "journal_round_seconds",
                "How long a journal round took to gather, write and make durable",
                STAGE_SECONDS.to_vec(),
            ),
            bytes: metrics.histogram(
                "journal_round_size_bytes",
                "How large a journal round was",
                ROUND_BYTES.to_vec(),
            ),
            straight: metrics.histogram(
                "straight_seconds",
                "How long a write past the journal took",
                STAGE_SECONDS.to_vec(),
            ),
            fill: metrics.histogram(
                "fill_seconds",
                "How long a unit of work in the background took: a fill, a checkpoint",
                STAGE_SECONDS.to_vec(),
            ),
        }
    }

    pub(crate) fn observe_round(&self, took: Duration, bytes: u64) {
        self.seconds.observe(took.as_secs_f64());
        self.bytes.observe(bytes as f64);
    }

    pub(crate) fn observe_straight(&self, took: Duration) {
        self.straight.observe(took.as_secs_f64());
    }

    pub(crate) fn observe_fill(&self, took: Duration) {
        self.fill.observe(took.as_secs_f64());
    }
}
