//! What a consumer counts, as numbers and as Prometheus reads them.

use std::fmt::Write as _;

/// A snapshot of a consumer's counters, since it was built.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ConsumerMetrics {
    /// Records unpacked for the caller.
    pub records: u64,
    /// Answers of brokers with batches in them.
    pub answers: u64,
    /// Encoded bytes of batches that came.
    pub bytes: u64,
    /// Times that a connection to a broker was lost.
    pub disconnects: u64,
    /// Bytes fetched and not given out yet.
    pub prefetched_bytes: u64,
    /// Partitions assigned now.
    pub partitions: u64,
}

impl ConsumerMetrics {
    /// The snapshot in Prometheus' text format, for the page of metrics that a service has already.
    pub fn prometheus(&self) -> String {
        // Taken apart, so that no field can be forgotten.
        let Self { records, answers, bytes, disconnects, prefetched_bytes, partitions } = *self;
        let named = [
            ("records_total", "counter", "Records unpacked for the caller.", records),
            ("answers_total", "counter", "Answers with batches in them.", answers),
            ("bytes_total", "counter", "Encoded bytes of batches that came.", bytes),
            ("disconnects_total", "counter", "Connections lost.", disconnects),
            ("prefetched_bytes", "gauge", "Bytes fetched and not given out.", prefetched_bytes),
            ("partitions", "gauge", "Partitions assigned.", partitions),
        ];
        let mut text = String::new();
        for (name, kind, help, value) in named {
            let name = format!("ottla_consumer_{name}");
            writeln!(text, "# HELP {name} {help}").expect("a string takes everything");
            writeln!(text, "# TYPE {name} {kind}\n{name} {value}")
                .expect("a string takes everything");
        }
        text
    }
}
