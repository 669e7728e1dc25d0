//! The limits beside what they limit: one `_max` for every budget and queue that can be seen.

use ottla_controller::ControllerHandle;
use ottla_log::LogSettings;
use ottla_model::limits::{CLUSTER_PARTITIONS_MAX, CONTROLLER_REQUESTS_MAX};
use ottla_runtime::Metrics;

use crate::roles::STRAIGHT_THREADS;

/// Registers the limits of the log and of the controller. The doors register their own.
pub(crate) fn register(metrics: &Metrics, log: &LogSettings, controller: &ControllerHandle) {
    let max = |name: &str, help: &str, value: u64| {
        metrics.gauge(name, help).set(i64::try_from(value).unwrap_or(i64::MAX));
    };
    max(
        "journal_bytes_max",
        "Most bytes of journal files; at this many live ones, rounds wait for fills",
        log.journal_bytes_max,
    );
    max("journal_round_bytes_max", "Largest journal round, unless a batch is", log.round_bytes_max);
    max(
        "unfilled_bytes_max",
        "Most unfilled and admitted bytes together; beyond, producers wait",
        log.unfilled_bytes_max,
    );
    max("tail_cache_bytes_max", "Most bytes in the tail cache", log.tail_cache_bytes);
    max("log_handles_max", "Most files held open by the log", log.handles_max as u64);
    max(
        "disk_reserve_bytes",
        "Free bytes that producers do not get; below, they are refused",
        log.room_reserve_bytes,
    );
    max(
        "straight_writes_at_once_max",
        "Most writes past the journal under way at a time: their threads",
        STRAIGHT_THREADS as u64,
    );
    max("partitions_max", "Most partitions of a cluster", CLUSTER_PARTITIONS_MAX as u64);
    max(
        "controller_requests_waiting_max",
        "Most requests that wait for the controller",
        CONTROLLER_REQUESTS_MAX as u64,
    );
    queue(metrics, controller);
}

fn queue(metrics: &Metrics, controller: &ControllerHandle) {
    let waiting =
        metrics.gauge("controller_requests_waiting", "Requests that wait for the controller");
    let controller = controller.clone();
    metrics.on_scrape(move || {
        waiting.set(i64::try_from(controller.waiting()).unwrap_or(i64::MAX));
    });
}
