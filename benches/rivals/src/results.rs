//! What was measured: every sample, and the medians of them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::job::Outcome;
use crate::limits::Limit;
use crate::plan::{Contestant, Row};

/// What one measurement came to, by name; a figure that makes no sense there is missing.
pub type Sample = BTreeMap<&'static str, f64>;

pub const RECORDS: &str = "records_per_second";
pub const BYTES: &str = "bytes_per_second";
pub const P50: &str = "p50_us";
pub const P99: &str = "p99_us";
pub const P999: &str = "p999_us";
pub const WORST: &str = "worst_us";
pub const BROKER_CPU: &str = "broker_cpu_seconds_per_gb";
pub const CLIENT_CPU: &str = "client_cpu_seconds_per_gb";
pub const RESIDENT: &str = "broker_resident_bytes";
pub const PEAK: &str = "broker_resident_peak_bytes";
pub const RATE: &str = "wanted_records_per_second";
pub const BESIDE: &str = "catch_up_beside_bytes_per_second";
pub const START: &str = "start_ms";
pub const RESTART: &str = "start_after_kill_ms";

/// Fewer bytes say nothing about what a byte costs.
const BYTES_FOR_COST_MIN: u64 = 50_000_000;

/// The figures of a client's outcome.
pub fn sample_of(outcome: &Outcome, broker_cpu: f64, rate: Option<f64>) -> Sample {
    let flow = &outcome.flow;
    let mut sample =
        Sample::from([(RECORDS, flow.records_per_second()), (BYTES, flow.bytes_per_second())]);
    if let Some(latency) = outcome.latency {
        let figures = [latency.p50, latency.p99, latency.p999, latency.worst];
        sample.extend([P50, P99, P999, WORST].into_iter().zip(figures.map(|f| f as f64)));
    }
    if flow.bytes >= BYTES_FOR_COST_MIN {
        let gb = flow.bytes as f64 / 1e9;
        sample.insert(BROKER_CPU, broker_cpu / gb);
        sample.insert(CLIENT_CPU, outcome.client_cpu / gb);
    }
    sample.extend(rate.map(|rate| (RATE, rate)));
    sample
}

/// Everything that a run found.
pub struct Results {
    pub rows: Vec<Row>,
    samples: Vec<BTreeMap<Contestant, Vec<Sample>>>,
    failures: Vec<BTreeMap<Contestant, String>>,
    limits: Vec<Limit>,
    /// What was skipped, and why.
    pub skipped: Vec<String>,
    /// Every setting, as lines for people.
    pub settings: Vec<String>,
}

impl Results {
    pub fn new(rows: Vec<Row>, settings: Vec<String>) -> Self {
        let samples = rows.iter().map(|_| BTreeMap::new()).collect();
        let failures = rows.iter().map(|_| BTreeMap::new()).collect();
        Self { rows, samples, failures, limits: Vec::new(), skipped: Vec::new(), settings }
    }

    pub fn add(&mut self, row: usize, contestant: Contestant, sample: Sample) {
        self.samples[row].entry(contestant).or_default().push(sample);
    }

    pub fn fail(&mut self, row: usize, contestant: Contestant, why: String) {
        self.failures[row].insert(contestant, why);
    }

    pub fn add_limits(&mut self, limits: Vec<Limit>) {
        self.limits.extend(limits);
    }

    pub fn failure(&self, row: usize, contestant: Contestant) -> Option<&str> {
        self.failures[row].get(&contestant).map(String::as_str)
    }

    /// How often it was measured.
    pub fn count(&self, row: usize, contestant: Contestant) -> usize {
        self.samples[row].get(&contestant).map_or(0, Vec::len)
    }

    /// The median of a figure; of the worst latency the largest, because that is what it is.
    pub fn figure(&self, row: usize, contestant: Contestant, name: &str) -> Option<f64> {
        let samples = self.samples[row].get(&contestant)?;
        let all: Vec<f64> = samples.iter().filter_map(|s| s.get(name)).copied().collect();
        if name == WORST { all.into_iter().reduce(f64::max) } else { median(all) }
    }

    /// The row with these properties.
    pub fn find(&self, is: impl Fn(&Row) -> bool) -> Option<usize> {
        self.rows.iter().position(is)
    }

    /// The limits, each by its median.
    pub fn limits(&self) -> Vec<Limit> {
        let mut names: Vec<&'static str> = Vec::new();
        for limit in &self.limits {
            if !names.contains(&limit.name) {
                names.push(limit.name);
            }
        }
        names.into_iter().filter_map(|name| self.limit(name)).collect()
    }

    pub fn limit(&self, name: &str) -> Option<Limit> {
        let mut all: Vec<&Limit> = self.limits.iter().filter(|l| l.name == name).collect();
        all.sort_by(|a, b| a.bytes_per_second.total_cmp(&b.bytes_per_second));
        all.get(all.len() / 2).map(|limit| (*limit).clone())
    }

    pub fn json(&self) -> Value {
        let rows = self.rows.iter().enumerate().map(|(index, row)| {
            let contestants = row.contestants.iter().map(|c| self.json_of(index, *c));
            json!({"row": row, "contestants": contestants.collect::<Vec<_>>()})
        });
        let limits = self.limits.iter().map(|limit| {
            json!({
                "name": limit.name, "bytes_per_second": limit.bytes_per_second.round(),
                "cpu_seconds_per_gb": limit.cpu_per_gb, "latency_us": limit.latency,
            })
        });
        json!({
            "settings": self.settings, "skipped": self.skipped,
            "rows": rows.collect::<Vec<_>>(), "limits": limits.collect::<Vec<_>>(),
        })
    }

    fn json_of(&self, row: usize, contestant: Contestant) -> Value {
        #[derive(Serialize)]
        struct Measured<'a> {
            name: Contestant,
            samples: &'a [Sample],
            failed: Option<&'a str>,
        }
        let samples = self.samples[row].get(&contestant).map_or(&[][..], Vec::as_slice);
        let failed = self.failure(row, contestant);
        json!(Measured { name: contestant, samples, failed })
    }
}

fn median(mut all: Vec<f64>) -> Option<f64> {
    all.sort_by(f64::total_cmp);
    let middle = all.len() / 2;
    match all.len() {
        0 => None,
        even if even.is_multiple_of(2) => Some(f64::midpoint(all[middle - 1], all[middle])),
        _ => Some(all[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn medians_of_few() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0]), Some(3.0));
        assert_eq!(median(vec![3.0, 1.0]), Some(2.0));
        assert_eq!(median(vec![9.0, 1.0, 2.0]), Some(2.0));
    }
}
