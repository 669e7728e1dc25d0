//! Kafka by the Java client's own tools. They measure themselves; this side adds the CPU that their process spent, the
//! warming up of the virtual machine included.

use std::process::Command;

use anyhow::{Context as _, bail};

use crate::broker::KafkaHome;
use crate::job::{Flow, Job, Latency, Outcome};
use crate::machine::cpu_of_ended_children;

/// What is sent in the wanted time is asked for as a number of records: about what the client can send.
const RECORDS_A_SECOND_MAX: f64 = 1_000_000.0;
const BYTES_A_SECOND_MAX: f64 = 300e6;

/// The producer's settings beside its defaults; stated with the results.
pub const PRODUCER_SETTINGS: [&str; 4] =
    ["acks=all", "linger.ms=5", "batch.size=262144", "buffer.memory=67108864"];

/// Sends about as many records as fit into the job's time.
pub fn produce(home: &KafkaHome, job: &Job) -> anyhow::Result<Outcome> {
    let most = (BYTES_A_SECOND_MAX / job.record_bytes as f64).min(RECORDS_A_SECOND_MAX);
    let records = (job.rate.unwrap_or(most) * job.seconds) as u64;
    let rate = job.rate.map_or(-1.0, f64::round);
    let mut tool = home.tool("org.apache.kafka.tools.ProducerPerformance");
    tool.args(["--bootstrap-server", &job.bootstrap, "--topic", &job.topic]);
    tool.arg("--num-records").arg(records.to_string()).arg("--throughput").arg(rate.to_string());
    tool.arg("--record-size").arg(job.record_bytes.to_string());
    tool.arg("--command-property").args(PRODUCER_SETTINGS);
    let (said, client_cpu) = run(&mut tool)?;
    let said = said.lines().rev().find(|l| l.contains("99.9th")).context("no summary")?;
    let numbers = numbers_of(said);
    // "N records sent, R records/sec (M MB/sec), A ms avg latency, X ms max latency, P ms 50th, .. 95th, .. 99th, .. 99.9th."
    let [sent, per_second, _, _, worst, p50, _, p99, p999] = numbers[..] else {
        bail!("the tool said something else than expected: {said}");
    };
    let micros = |millis: f64| (millis * 1000.0) as u64;
    let bytes = sent as u64 * job.record_bytes as u64;
    let flow = Flow { records: sent as u64, bytes, seconds: sent / per_second.max(1e-9) };
    let latency =
        Latency { p50: micros(p50), p99: micros(p99), p999: micros(p999), worst: micros(worst) };
    Ok(Outcome { flow, latency: Some(latency), client_cpu })
}

/// Reads all records of the job.
pub fn read(home: &KafkaHome, job: &Job) -> anyhow::Result<Outcome> {
    let mut tool = home.tool("org.apache.kafka.tools.ConsumerPerformance");
    tool.args(["--bootstrap-server", &job.bootstrap, "--topic", &job.topic, "--hide-header"]);
    tool.arg("--num-records").arg(job.records.to_string());
    let (said, client_cpu) = run(&mut tool)?;
    // start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, ...
    let line = said.lines().rev().find(|l| l.matches(',').count() >= 7).context("no summary")?;
    let parts: Vec<f64> = line.split(',').map(|p| p.trim().parse().unwrap_or_default()).collect();
    let (records, per_second) = (parts[4], parts[5]);
    let bytes = records as u64 * job.record_bytes as u64;
    let flow = Flow { records: records as u64, bytes, seconds: records / per_second.max(1e-9) };
    Ok(Outcome { flow, latency: None, client_cpu })
}

fn run(tool: &mut Command) -> anyhow::Result<(String, f64)> {
    let cpu = cpu_of_ended_children();
    let done = tool.output()?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    if !done.status.success() {
        bail!("the tool failed: {}{said}", String::from_utf8_lossy(&done.stderr));
    }
    Ok((said, cpu_of_ended_children() - cpu))
}

/// The numbers of a line that stand alone or begin a word, percentiles' names left out.
fn numbers_of(line: &str) -> Vec<f64> {
    let words = line.split([' ', '(', ')', ',']);
    words.filter_map(|word| word.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_summary_of_the_producers_tool_is_read() {
        let said = "1000 records sent, 500.5 records/sec (0.49 MB/sec), 2.50 ms avg latency, 300.00 ms max latency, \
                    1 ms 50th, 6 ms 95th, 10 ms 99th, 300 ms 99.9th.";
        let numbers = super::numbers_of(said);
        assert_eq!(numbers, [1000.0, 500.5, 0.49, 2.5, 300.0, 1.0, 6.0, 10.0, 300.0]);
    }
}
