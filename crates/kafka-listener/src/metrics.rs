//! What the door counts.

use ottla_kafka_codec::Api;
use ottla_runtime::metrics::{Counter, EncodeLabelSet, Family, Gauge};
use ottla_runtime::{Budget, Metrics};

const REQUEST_BYTES: &str = "Bytes of Kafka requests that are not whole yet or not acknowledged, \
                             beyond the 64 KiB that each connection has for itself";
const ANSWER_BYTES: &str = "Bytes of Kafka requests that are worked on and of answers that are not taken yet, \
                            beyond the 64 KiB that each connection has for itself";

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

    /// Shows how much of the budgets is taken.
    pub(crate) fn show_budgets(&self, metrics: &Metrics, requests: &Budget, answers: &Budget) {
        let show = |name: &str, help: &str, budget: &Budget| {
            let (budget, shown) = (budget.clone(), metrics.gauge(name, help));
            metrics.on_scrape(move || {
                shown.set(budget.held().cast_signed());
            });
        };
        show("kafka_request_bytes", REQUEST_BYTES, requests);
        show("kafka_answer_bytes", ANSWER_BYTES, answers);
        let max = |name: &str, help: &str, budget: &Budget| {
            metrics.gauge(name, help).set(budget.max().cast_signed());
        };
        max("kafka_request_bytes_max", "Most bytes of such requests; beyond, they wait", requests);
        max("kafka_answer_bytes_max", "Most bytes of such answers; beyond, they wait", answers);
    }

    /// Shows how many fetch sessions there are.
    pub(crate) fn show_sessions(
        &self,
        metrics: &Metrics,
        count: impl Fn() -> usize + Send + Sync + 'static,
    ) {
        let shown = metrics.gauge("kafka_fetch_sessions", "Fetch sessions that are remembered");
        metrics.on_scrape(move || {
            shown.set(i64::try_from(count()).unwrap_or(i64::MAX));
        });
    }

    pub(crate) fn request(&self, api: &Api, version: i16) {
        let labels = RequestLabels { api: format!("{:?}", api.key), version };
        self.requests.get_or_create(&labels).inc();
    }
}
