//! Health, as `grpc.health.v1` has it: serving from the start until the drain, unless the broker says no.

use std::time::Duration;

use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::HealthReporter;

use crate::door::Door;

/// How often the broker is asked.
const INTERVAL: Duration = Duration::from_millis(500);

/// What may be asked about: the whole server, and each service.
const NAMES: [&str; 5] = [
    "",
    "ottla.v1.ProducerService",
    "ottla.v1.ConsumerService",
    "ottla.v1.TopicService",
    "ottla.v1.ClusterService",
];

/// The service, and the task that keeps it true until the drain begins.
pub(super) fn service(
    door: Door,
) -> (impl Future<Output = ()> + Send + 'static, HealthServer<impl Health>) {
    let (reporter, server) = tonic_health::server::health_reporter();
    (keep(reporter, door), server)
}

async fn keep(mut reporter: HealthReporter, door: Door) {
    let mut serving = None;
    loop {
        let now = door.broker.health().is_ok();
        if serving != Some(now) {
            set(&reporter, now).await;
            serving = Some(now);
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = door.drain.requested() => break,
        }
    }
    set(&reporter, false).await;
    // Whoever watches is told, and then let go: a watch alone would keep its connection open.
    for name in NAMES {
        reporter.clear_service_status(name).await;
    }
}

async fn set(reporter: &HealthReporter, serving: bool) {
    let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
    for name in NAMES {
        reporter.set_service_status(name, status).await;
    }
}
