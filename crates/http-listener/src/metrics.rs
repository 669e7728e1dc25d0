//! What the door counts.

use ottla_runtime::Metrics;
use ottla_runtime::metrics::{Counter, Gauge};

/// The door's metrics. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct DoorMetrics {
    pub(crate) connections: Gauge,
    pub(crate) refused_connections: Counter,
}

impl DoorMetrics {
    pub(crate) fn register(metrics: &Metrics, connections_max: usize) -> Self {
        let max = metrics.gauge("http_connections_max", "Most HTTP connections at a time");
        max.set(i64::try_from(connections_max).unwrap_or(i64::MAX));
        Self {
            connections: metrics.gauge("http_connections", "HTTP connections that are open"),
            refused_connections: metrics.counter(
                "http_connections_refused",
                "HTTP connections closed because there were too many",
            ),
        }
    }
}
