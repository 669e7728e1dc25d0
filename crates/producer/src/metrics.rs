//! What a producer counts, as numbers and as Prometheus reads them.

use std::fmt::Write as _;

/// A snapshot of a producer's counters, since it was built.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProducerMetrics {
    /// Records taken from callers.
    pub records_taken: u64,
    /// Records acknowledged.
    pub records_delivered: u64,
    /// Records given up.
    pub records_failed: u64,
    /// Batches acknowledged.
    pub batches_delivered: u64,
    /// Encoded bytes acknowledged, after compression.
    pub bytes_delivered: u64,
    /// Batches sent again.
    pub retries: u64,
    /// Batches that turned out to be in the log when they were sent again.
    pub duplicates: u64,
    /// Times that a partition's numbering was started afresh under a new epoch.
    pub epoch_bumps: u64,
    /// Times that a connection to a broker was lost.
    pub disconnects: u64,
    /// Calls that had to wait for room in the buffer.
    pub waits_for_room: u64,
    /// Bytes in the buffer now: gathered, or sent and not yet acknowledged.
    pub buffer_bytes: u64,
    /// Batches sent and not answered yet.
    pub batches_in_flight: u64,
}

impl ProducerMetrics {
    /// The snapshot in Prometheus' text format, for the page of metrics that a service has already.
    pub fn prometheus(&self) -> String {
        let mut text = String::new();
        for (name, kind, help, value) in self.named() {
            let name = format!("ottla_producer_{name}");
            writeln!(text, "# HELP {name} {help}").expect("a string takes everything");
            writeln!(text, "# TYPE {name} {kind}\n{name} {value}")
                .expect("a string takes everything");
        }
        text
    }

    fn named(&self) -> [(&'static str, &'static str, &'static str, u64); 12] {
        // Taken apart, so that no field can be forgotten.
        let Self {
            records_taken,
            records_delivered,
            records_failed,
            batches_delivered,
            bytes_delivered,
            retries,
            duplicates,
            epoch_bumps,
            disconnects,
            waits_for_room,
            buffer_bytes,
            batches_in_flight,
        } = *self;
        [
            ("records_taken_total", "counter", "Records taken from callers.", records_taken),
            ("records_delivered_total", "counter", "Records acknowledged.", records_delivered),
            ("records_failed_total", "counter", "Records given up.", records_failed),
            ("batches_delivered_total", "counter", "Batches acknowledged.", batches_delivered),
            ("delivered_bytes_total", "counter", "Encoded bytes acknowledged.", bytes_delivered),
            ("retries_total", "counter", "Batches sent again.", retries),
            ("duplicates_total", "counter", "Batches sent again that were in the log.", duplicates),
            ("epoch_bumps_total", "counter", "Numberings started afresh.", epoch_bumps),
            ("disconnects_total", "counter", "Connections lost.", disconnects),
            (
                "waits_for_room_total",
                "counter",
                "Calls that waited for the buffer.",
                waits_for_room,
            ),
            ("buffer_bytes", "gauge", "Bytes gathered or without an answer.", buffer_bytes),
            ("batches_in_flight", "gauge", "Batches without an answer.", batches_in_flight),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_reads_every_number() {
        let metrics = ProducerMetrics { retries: 7, buffer_bytes: 9, ..ProducerMetrics::default() };
        let text = metrics.prometheus();
        assert_eq!(text.lines().count(), 36);
        assert!(text.contains(
            "# TYPE ottla_producer_retries_total counter\nottla_producer_retries_total 7\n"
        ));
        assert!(text.ends_with("ottla_producer_batches_in_flight 0\n"));
    }
}
