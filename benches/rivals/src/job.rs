//! What a client process is asked to do, and what it answers. Each load runs in a process of its own, so that the CPU of
//! clients and brokers can be told apart.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Whose client and broker.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum System {
    Ottla,
    Kafka,
}

/// What to do with the topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Send for the given time, wait for every acknowledgement; latency from when a record was due to its acknowledgement.
    Produce,
    /// The same, with a consumer of the same process beside it; latency from when a record was due until it was read.
    Tail,
    /// Read from the oldest record on, until all records are read or the time is over.
    Read,
}

/// An order to a client process, on its standard input as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    pub system: System,
    pub task: Task,
    pub bootstrap: String,
    pub topic: String,
    pub partitions: u32,
    pub record_bytes: usize,
    /// Records a second; without it, as fast as it goes.
    pub rate: Option<f64>,
    pub seconds: f64,
    /// Record by record to the next partition, instead of what the client does by itself with records without a key.
    pub turn: bool,
    /// One call and one delivery a record, instead of many records a call.
    pub each: bool,
    /// How many records there are to read.
    pub records: u64,
}

/// A stream of records in one direction.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Flow {
    pub records: u64,
    pub bytes: u64,
    pub seconds: f64,
}

/// Latencies in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    pub p50: u64,
    pub p99: u64,
    pub p999: u64,
    pub worst: u64,
}

/// The answer of a client process, on its standard output as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// What was sent and acknowledged, or read.
    pub flow: Flow,
    pub latency: Option<Latency>,
    /// Seconds of CPU of the client's process between the first and the last record.
    pub client_cpu: f64,
}

/// Largest latency that is told apart, in microseconds: two minutes.
const LATENCY_MICROS_MAX: u64 = 120_000_000;

pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MICROS_MAX, 3).expect("the bounds are constants in order")
}

impl Latency {
    pub fn of(histogram: &Histogram<u64>) -> Option<Self> {
        (!histogram.is_empty()).then(|| Self {
            p50: histogram.value_at_quantile(0.5),
            p99: histogram.value_at_quantile(0.99),
            p999: histogram.value_at_quantile(0.999),
            worst: histogram.max(),
        })
    }
}

impl Flow {
    pub fn records_per_second(&self) -> f64 {
        self.records as f64 / self.seconds.max(1e-9)
    }

    pub fn bytes_per_second(&self) -> f64 {
        self.bytes as f64 / self.seconds.max(1e-9)
    }
}
