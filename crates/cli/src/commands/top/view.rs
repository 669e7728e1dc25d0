//! What is shown: rates, stages, budgets and partitions between two looks at a broker.

use serde::Serialize;

use crate::failure::Failure;
use crate::scrape::{Scrape, Spread};

/// The stages of a record's way through a broker: what they are called, and where they are measured.
pub(crate) const STAGES: [(&str, &str); 7] = [
    ("room wait", "ottla_produce_room_wait_seconds"),
    ("acknowledge", "ottla_produce_ack_seconds"),
    ("journal round", "ottla_journal_round_seconds"),
    ("straight write", "ottla_straight_seconds"),
    ("fill", "ottla_fill_seconds"),
    ("fetch, memory", "ottla_fetch_tail_seconds"),
    ("fetch, files", "ottla_fetch_cold_seconds"),
];

/// What grows and shrinks under a limit; the limit's name has `_max` behind it, where there is one.
const BUDGETS: [(&str, &str); 7] = [
    ("unfilled", "ottla_unfilled_bytes"),
    ("tail cache", "ottla_tail_cache_bytes"),
    ("journal", "ottla_journal_bytes"),
    ("journal, needed", "ottla_journal_live_bytes"),
    ("admitted", "ottla_produce_admitted_bytes"),
    ("gRPC requests", "ottla_grpc_request_bytes"),
    ("disk, free", "ottla_disk_free_bytes"),
];

/// One look.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct View {
    pub(super) seconds: f64,
    pub(super) rates: Rates,
    pub(super) now: Now,
    pub(super) stages: Vec<Stage>,
    pub(super) budgets: Vec<Budget>,
    pub(super) partitions: Vec<Partition>,
}

/// In a second.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Rates {
    pub(super) produce_records: f64,
    pub(super) produce_bytes: f64,
    pub(super) produce_batches: f64,
    pub(super) produce_refused: f64,
    pub(super) fetch_bytes: f64,
    pub(super) fetches: f64,
    pub(super) reads_tail: f64,
    pub(super) reads_cold: f64,
    pub(super) fill_bytes: f64,
    pub(super) forced_fills: f64,
}

/// At the moment.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Now {
    /// How many cores the broker's process keeps busy.
    pub(super) cores: f64,
    pub(super) resident_bytes: f64,
    pub(super) connections: f64,
    pub(super) topics: f64,
    pub(super) partitions: f64,
    pub(super) partitions_offline: f64,
    pub(super) produce_waiting: f64,
    pub(super) fetches_parked: f64,
    pub(super) cold_reads_waiting: f64,
}

/// A part of the way.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Stage {
    pub(super) name: &'static str,
    pub(super) per_second: f64,
    pub(super) mean_ms: Option<f64>,
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    /// How much of the time something was in it: 1.0 is always one.
    pub(super) busy: f64,
}

/// Something under a limit.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Budget {
    pub(super) name: &'static str,
    pub(super) bytes: f64,
    pub(super) bytes_max: Option<f64>,
}

/// One of the busiest partitions, in a second.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Partition {
    pub(super) topic: String,
    pub(super) partition: u32,
    pub(super) produce_records: f64,
    pub(super) produce_bytes: f64,
    pub(super) fetch_bytes: f64,
}

impl View {
    pub(super) fn between(before: &Scrape, now: &Scrape, busiest: &str, most: usize) -> Self {
        let rate = |name: &str| now.rate(before, &format!("ottla_{name}_total"));
        let gauge = |name: &str| now.value(&format!("ottla_{name}")).unwrap_or_default();
        let rates = Rates {
            produce_records: rate("produce_records"),
            produce_bytes: rate("produce_bytes"),
            produce_batches: rate("produce_batches"),
            produce_refused: rate("produce_refused"),
            fetch_bytes: rate("fetch_bytes"),
            fetches: rate("fetches"),
            reads_tail: rate("reads_tail"),
            reads_cold: rate("reads_cold"),
            fill_bytes: rate("fill_bytes"),
            forced_fills: rate("forced_fills"),
        };
        let present = Now {
            cores: rate("process_cpu_milliseconds") / 1000.0,
            resident_bytes: gauge("process_resident_bytes"),
            connections: gauge("grpc_connections"),
            topics: gauge("topics"),
            partitions: gauge("partitions"),
            partitions_offline: gauge("partitions_offline"),
            produce_waiting: gauge("produce_waiting"),
            fetches_parked: gauge("fetches_parked"),
            cold_reads_waiting: gauge("cold_reads_waiting"),
        };
        let seconds = now.seconds(before);
        Self {
            seconds,
            rates,
            now: present,
            stages: stages(before, now),
            budgets: budgets(now),
            partitions: busiest.lines().filter_map(Partition::parse).take(most).collect(),
        }
    }

    /// Over several lines, or in one.
    pub(super) fn json(&self, pretty: bool) -> Result<String, Failure> {
        let text = match pretty {
            true => serde_json::to_string_pretty(self),
            false => serde_json::to_string(self),
        };
        text.map_err(|error| Failure::new(error.to_string()))
    }
}

fn stages(before: &Scrape, now: &Scrape) -> Vec<Stage> {
    let seconds = now.seconds(before);
    let mut stages: Vec<Stage> = STAGES
        .iter()
        .map(|(name, metric)| Stage::of(name, &now.spread(before, metric), seconds))
        .collect();
    // What an acknowledgement waits for is its round; what it waited before that was the queue's.
    let mean = |name: &str| stages.iter().find(|s| s.name == name).and_then(|s| s.mean_ms);
    if let (Some(all), Some(round)) = (mean("acknowledge"), mean("journal round")) {
        let waited = (all - round).max(0.0);
        let per_second = stages[1].per_second;
        let busy = waited / 1000.0 * per_second;
        let mean_ms = Some(waited);
        let queue = Stage { name: "queue", per_second, mean_ms, p50_ms: None, p99_ms: None, busy };
        stages.insert(2, queue);
    }
    stages
}

fn budgets(now: &Scrape) -> Vec<Budget> {
    let budget = |(name, metric): &(&'static str, &str)| {
        let bytes_max = now.value(&format!("{metric}_max"));
        Some(Budget { name, bytes: now.value(metric)?, bytes_max })
    };
    BUDGETS.iter().filter_map(budget).collect()
}

impl Stage {
    fn of(name: &'static str, spread: &Spread, seconds: f64) -> Self {
        let millis = |seconds: f64| seconds * 1000.0;
        Self {
            name,
            per_second: spread.count / seconds,
            mean_ms: spread.mean().map(millis),
            p50_ms: spread.quantile(0.5).map(millis),
            p99_ms: spread.quantile(0.99).map(millis),
            busy: spread.sum / seconds,
        }
    }
}

impl Partition {
    /// `topic partition produce_records produce_bytes fetch_bytes`; a line with `#` is a heading.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let topic = words.next().filter(|word| !word.starts_with('#'))?.to_owned();
        let partition = words.next()?.parse().ok()?;
        let mut number = || words.next()?.parse().ok();
        let (produce_records, produce_bytes, fetch_bytes) = (number()?, number()?, number()?);
        Some(Self { topic, partition, produce_records, produce_bytes, fetch_bytes })
    }
}
