//! What time alone makes due: retention, and acknowledgements that were waited for long enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ottla_log::{LogDirectory, RetentionDone, Room};
use ottla_model::Moment;

use crate::partition::Surroundings;
use crate::table::PartitionTable;

/// How often deadlines are looked at. An acknowledgement's deadline is half a minute, so that this
/// much more does not matter.
const TICK: Duration = Duration::from_millis(250);
/// On a full disk retention is what makes room again.
const FULL_RETENTION_INTERVAL: Duration = Duration::from_secs(2);

/// Runs on a thread of its own until it is told to stop.
pub(crate) struct Housekeeper {
    pub(crate) log: LogDirectory,
    pub(crate) table: Arc<PartitionTable>,
    pub(crate) around: Arc<Surroundings>,
    pub(crate) interval: Duration,
    pub(crate) stop: Arc<AtomicBool>,
}

impl Housekeeper {
    pub(crate) fn run(self) {
        let mut last_retention = self.around.clock.moment();
        while !self.stop.load(Ordering::Acquire) {
            std::thread::park_timeout(TICK);
            let now = self.around.clock.moment();
            self.expire_acks(now);
            if self.retention_is_due(now.since(last_retention)) {
                last_retention = now;
                self.around.panics.guard("retention", || self.enforce_retention());
            }
        }
    }

    /// Nothing is looked at while nobody waits, however many partitions there are.
    fn expire_acks(&self, now: Moment) {
        if self.around.metrics.acks_waiting.get() == 0 {
            return;
        }
        for partition in self.table.partitions() {
            if partition.waiting() > 0 {
                partition.handle_time(now);
            }
        }
    }

    fn retention_is_due(&self, since: Duration) -> bool {
        since >= self.interval
            || (since >= FULL_RETENTION_INTERVAL && self.log.room(0) == Room::Full)
    }

    fn enforce_retention(&self) {
        for done in self.log.enforce_retention(self.around.clock.now()) {
            let RetentionDone { stream, log_start, segments, bytes } = done;
            tracing::info!(%stream, %log_start, segments, bytes, "deleted what is past its retention");
            self.around.metrics.retention_deleted.inc_by(bytes);
            if let Some(partition) = self.table.get(stream) {
                partition.handle_start_moved(log_start);
            }
        }
    }
}
