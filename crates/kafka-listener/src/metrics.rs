//! What the door counts.

use ottla_kafka_codec::Api;
use ottla_runtime::Metrics;
use ottla_runtime::metrics::{Counter, EncodeLabelSet, Family, Gauge};

/// The metrics of every Kafka listener of a broker. Clones share them.
#[derive(Clone, Debug)]
pub struct KafkaMetrics {
    pub(crate) connections: Gauge,
    pub(crate) refused_connections: Counter,
    pub(crate) broken_connections: Counter,
    requests: Family<RequestLabels, Counter>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct RequestLabels {
    api: String,
    version: i16,
}

/// A connection that is open; closed when it is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection(Gauge);

impl KafkaMetrics {
    /// Registers them, once.
    pub fn register(metrics: &Metrics) -> Self {
        Self {
            connections: metrics.gauge("kafka_connections", "Kafka connections that are open"),
            refused_connections: metrics.counter(
                "kafka_connections_refused",
                "Kafka connections closed because there were too many",
            ),
            broken_connections: metrics.counter(
                "kafka_connections_broken",
                "Kafka connections closed because of what their clients sent",
            ),
            requests: metrics
                .counters("kafka_requests", "Kafka requests that were read, by API and version"),
        }
    }

    pub(crate) fn opened(&self) -> OpenConnection {
        self.connections.inc();
        OpenConnection(self.connections.clone())
    }

    pub(crate) fn request(&self, api: &Api, version: i16) {
        let labels = RequestLabels { api: format!("{:?}", api.key), version };
        self.requests.get_or_create(&labels).inc();
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}
