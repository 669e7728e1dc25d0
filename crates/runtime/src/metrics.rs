//! The metrics registry: names as Prometheus asks, and a list of what is registered, so that the
//! manual page and the registry can be compared.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;
use prometheus_client::encoding::text::encode;
pub use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
pub use prometheus_client::metrics::family::Family;
pub use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

/// A number that only grows. Its name ends in `_total` where it is read.
pub type Counter = prometheus_client::metrics::counter::Counter<u64, AtomicU64>;
/// A number that goes up and down.
pub type Gauge = prometheus_client::metrics::gauge::Gauge;

/// What every metric's name begins with.
pub const PREFIX: &str = "ottla";

/// One metric, as the manual lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Described {
    /// The full name as it is scraped.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// What it says, without a full stop.
    pub help: String,
}

/// The registry of one server. Clones share it.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    registry: Option<Registry>,
    described: Vec<Described>,
    refreshers: Vec<Arc<dyn Fn() + Send + Sync>>,
}

impl Metrics {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// A counter; `name` without prefix and without `_total`.
    pub fn counter(&self, name: &str, help: &str) -> Counter {
        self.add(name, "_total", "counter", help, Counter::default())
    }

    /// A gauge; `name` without prefix, ending in its unit.
    pub fn gauge(&self, name: &str, help: &str) -> Gauge {
        self.add(name, "", "gauge", help, Gauge::default())
    }

    /// A histogram with these upper bounds; `name` without prefix, ending in its unit.
    pub fn histogram(&self, name: &str, help: &str, bounds: Vec<f64>) -> Histogram {
        self.add(name, "", "histogram", help, Histogram::new(bounds))
    }

    /// Counters by label.
    pub fn counters<L>(&self, name: &str, help: &str) -> Family<L, Counter>
    where
        L: Clone + std::hash::Hash + Eq + EncodeLabelSet + Debug + Send + Sync + 'static,
    {
        self.add(name, "_total", "counter", help, Family::default())
    }

    /// Gauges by label.
    pub fn gauges<L>(&self, name: &str, help: &str) -> Family<L, Gauge>
    where
        L: Clone + std::hash::Hash + Eq + EncodeLabelSet + Debug + Send + Sync + 'static,
    {
        self.add(name, "", "gauge", help, Family::default())
    }

    /// Registers something that sets its gauges when somebody looks, rather than all the time.
    pub fn on_scrape(&self, refresh: impl Fn() + Send + Sync + 'static) {
        self.0.lock().refreshers.push(Arc::new(refresh));
    }

    fn add<M: Metric + Clone>(
        &self,
        name: &str,
        suffix: &str,
        kind: &'static str,
        help: &str,
        metric: M,
    ) -> M {
        let mut inner = self.0.lock();
        let registry = inner.registry.get_or_insert_with(|| Registry::with_prefix(PREFIX));
        registry.register(name, help, metric.clone());
        let name = format!("{PREFIX}_{name}{suffix}");
        inner.described.push(Described { name, kind, help: help.to_owned() });
        metric
    }

    /// Everything registered, by name.
    pub fn described(&self) -> Vec<Described> {
        let mut described = self.0.lock().described.clone();
        described.sort_by(|a, b| a.name.cmp(&b.name));
        described
    }

    /// The registry in the text format that Prometheus scrapes.
    pub fn render(&self) -> String {
        // Not under the lock: a refresher may look things up that count.
        let refreshers = self.0.lock().refreshers.clone();
        for refresh in &refreshers {
            refresh();
        }
        let mut text = String::new();
        if let Some(registry) = &self.0.lock().registry {
            encode(&mut text, registry).expect("writing to a string cannot fail");
        }
        text
    }
}

impl Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("described", &self.0.lock().described.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_registered_is_rendered_and_described() {
        let metrics = Metrics::new();
        metrics.counter("things", "Things seen").inc_by(3);
        let level = metrics.gauge("level_bytes", "The level");
        let shown = level.clone();
        metrics.on_scrape(move || {
            shown.set(5);
        });
        let text = metrics.render();
        assert!(text.contains("ottla_things_total 3"), "{text}");
        assert!(text.contains("ottla_level_bytes 5"), "{text}");
        let names: Vec<_> = metrics.described().into_iter().map(|d| d.name).collect();
        assert_eq!(names, ["ottla_level_bytes", "ottla_things_total"]);
    }
}
