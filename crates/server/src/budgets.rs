//! The limits beside what they limit: one `_max` for every budget and queue that can be seen.

use ottla_controller::ControllerHandle;
use ottla_kafka_listener::KafkaSettings;
use ottla_model::limits::{CLUSTER_PARTITIONS_MAX, CONTROLLER_REQUESTS_MAX, FETCH_READS_AT_ONCE};
use ottla_runtime::Metrics;

use crate::roles::{Ground, STRAIGHT_THREADS, grpc_settings};

/// A batch's header. No batch is smaller.
const BATCH_BYTES_MIN: u64 = 61;

/// Registers the limits of the log and of the controller. The doors register their own.
pub(crate) fn register(ground: &Ground, controller: &ControllerHandle) {
    let (metrics, log) = (&ground.metrics, &ground.settings);
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
    max(
        "process_resident_bytes_max",
        "Most resident memory of the process: memory_max",
        ground.memory.max,
    );
    let grpc = grpc_settings(ground);
    max(
        "fetches_parked_max",
        "Most fetches of gRPC streams that wait",
        grpc.fetches_all_max as u64,
    );
    max(
        "cold_reads_waiting_max",
        "Most reads of files that wait: a few of every gRPC call, one of every Kafka connection",
        (grpc.calls_max * FETCH_READS_AT_ONCE + KafkaSettings::default().connections_max) as u64,
    );
    max(
        "produce_waiting_max",
        "Most batches that wait for their acknowledgement: the smallest ones that unfilled_bytes_max holds",
        log.unfilled_bytes_max / BATCH_BYTES_MIN,
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
