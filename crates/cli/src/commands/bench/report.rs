//! What was measured, for people and for programs.

use ottla_model::ByteCount;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{self, Format, grouped};

use super::bound::Bound;
use super::limits::Limits;
use super::load::Loaded;
use super::reading::ReadBack;
use super::{Bench, Case};

/// Everything that one `ottla bench` found.
pub(super) struct Report {
    pub(super) runs: Vec<Run>,
    pub(super) limits: Option<Limits>,
}

/// What one case came to.
pub(super) struct Run {
    pub(super) case: Value,
    pub(super) produced: Loaded,
    pub(super) consumed: Option<ReadBack>,
    /// What bounds each direction.
    pub(super) bounds: Vec<(&'static str, Bound)>,
}

/// The settings of a run, stated with its result.
pub(super) fn case_of(case: Case, bench: &Bench) -> Value {
    json!({
        "record_bytes": case.record_bytes.0,
        "partitions": case.partitions,
        "durability": case.durability.name(),
        "producers": bench.producers,
        "rate": bench.rate,
        "linger_ms": bench.linger.as_millis(),
        "each": bench.each,
        "compression": format!("{:?}", bench.compression).to_lowercase(),
        "acks": "all",
    })
}

const QUANTILES: [(&str, f64); 5] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)];

impl Report {
    /// Prints it.
    pub(super) fn print(&self, format: Format) -> Result<(), Failure> {
        output::print(format, &self.json(), || self.table())?;
        if format == Format::Table {
            self.print_bounds()?;
        }
        if let (Format::Table, Some(limits)) = (format, &self.limits) {
            output::line(&limits.sentence())?;
        }
        Ok(())
    }

    /// Which run is meant is said where there are several.
    fn print_bounds(&self) -> Result<(), Failure> {
        for run in &self.runs {
            if self.runs.len() > 1 {
                let case = &run.case;
                let (size, partitions) = (ByteCount(run.record_bytes()), &case["partitions"]);
                let durability = case["durability"].as_str().unwrap_or_default();
                output::line(&format!("{size}, {partitions} partitions, {durability}:"))?;
            }
            for (direction, bound) in &run.bounds {
                output::line(&bound.sentence(direction))?;
            }
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let runs: Vec<Value> = self.runs.iter().map(Run::json).collect();
        json!({"runs": runs, "limits": self.limits.as_ref().map(Limits::json)})
    }

    fn table(&self) -> comfy_table::Table {
        let mut table = output::table(&[
            "record",
            "partitions",
            "durability",
            "records/s",
            "bytes/s",
            "of disk",
            "p50 ms",
            "p99 ms",
            "p999 ms",
            "max ms",
            "cpu-s/GB",
            "read records/s",
            "read bytes/s",
        ]);
        for run in &self.runs {
            table.add_row(run.row(self.limits.as_ref()));
        }
        table
    }
}

impl Run {
    fn record_bytes(&self) -> u64 {
        self.case["record_bytes"].as_u64().unwrap_or_default()
    }

    fn json(&self) -> Value {
        let p = &self.produced;
        let latency: serde_json::Map<String, Value> = QUANTILES
            .iter()
            .map(|(name, q)| (format!("{name}_us"), json!(p.latency.value_at_quantile(*q))))
            .collect();
        let consumed = self.consumed.as_ref().map(|c| {
            json!({
                "records": c.records, "seconds": c.seconds,
                "records_per_second": c.records as f64 / c.seconds,
                "machine_cpu_seconds": c.machine_cpu,
            })
        });
        let bounds = self.bounds.iter().map(|(name, bound)| ((*name).to_owned(), bound.json()));
        let bounds: serde_json::Map<String, Value> = bounds.collect();
        json!({
            "case": self.case,
            "produced": {
                "records": p.records, "bytes": p.bytes, "seconds": p.seconds,
                "records_per_second": p.records as f64 / p.seconds,
                "bytes_per_second": p.bytes as f64 / p.seconds,
                "latency": latency,
                "machine_cpu_seconds": p.machine_cpu, "client_cpu_seconds": p.own_cpu,
            },
            "consumed": consumed,
            "bounds": bounds,
        })
    }

    fn row(&self, limits: Option<&Limits>) -> Vec<String> {
        let p = &self.produced;
        let bytes = p.bytes as f64 / p.seconds;
        let millis = |q: f64| format!("{:.2}", p.latency.value_at_quantile(q) as f64 / 1000.0);
        let of_disk = limits.map_or("-".to_owned(), |l| format!("{:.0} %", 100.0 * bytes / l.disk));
        let read = self.consumed.as_ref().map(|c| c.records as f64 / c.seconds);
        let read_bytes = read.map(|r| r * self.record_bytes() as f64);
        vec![
            ByteCount(self.record_bytes()).to_string(),
            self.case["partitions"].to_string(),
            self.case["durability"].as_str().unwrap_or_default().to_owned(),
            grouped((p.records as f64 / p.seconds) as u64),
            per_second(Some(bytes)),
            of_disk,
            millis(0.5),
            millis(0.99),
            millis(0.999),
            millis(1.0),
            format!("{:.2}", p.machine_cpu / (p.bytes as f64 / 1e9)),
            read.map_or("-".to_owned(), |r| grouped(r as u64)),
            per_second(read_bytes),
        ]
    }
}

impl Limits {
    fn json(&self) -> Value {
        json!({
            "tcp_bytes_per_second": self.tcp, "disk_bytes_per_second": self.disk,
            "flush_p50_us": self.flush.0, "flush_p99_us": self.flush.1, "direct": self.direct,
        })
    }

    fn sentence(&self) -> String {
        let how = if self.direct { "past the page cache" } else { "through the page cache" };
        format!(
            "limits in the same run: TCP {}, disk {} ({how}, 1 MiB, each on stable storage), \
             4 KiB flush p50 {:.2} ms p99 {:.2} ms",
            per_second(Some(self.tcp)),
            per_second(Some(self.disk)),
            self.flush.0 as f64 / 1000.0,
            self.flush.1 as f64 / 1000.0,
        )
    }
}

fn per_second(bytes: Option<f64>) -> String {
    bytes.map_or("-".to_owned(), |bytes| format!("{:.0} MB/s", bytes / 1e6))
}
