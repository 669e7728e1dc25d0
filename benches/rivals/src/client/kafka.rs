//! Kafka by librdkafka: many records a call, values not copied where that can be, as fast as it can be asked to go.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;
use hdrhistogram::Histogram;

use crate::job::{Flow, Job, Latency, Outcome, Task, histogram};
use crate::machine::own_cpu;
use crate::pace::{Epoch, Pace, micros_since, payload};

use super::native::{Receiver, Sender};

/// Longest wait for the next record before the run counts as failed.
const READ_PATIENCE: Duration = Duration::from_secs(30);
/// Most bytes sent and not yet delivered: what Ottla's producer holds.
const BUFFER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Below this rate nothing is gained by waiting for more.
pub const RATE_WITHOUT_LINGER_MAX: f64 = 10_000.0;

/// How the producer is set; stated with the results.
pub fn producer_settings(bootstrap: &str, rate: Option<f64>) -> Vec<(&'static str, String)> {
    let without_linger = rate.is_some_and(|rate| rate <= RATE_WITHOUT_LINGER_MAX);
    let linger = if without_linger { "0" } else { "5" };
    [
        ("bootstrap.servers", bootstrap),
        ("acks", "all"),
        ("linger.ms", linger),
        ("batch.size", "1000000"),
        ("queue.buffering.max.messages", "2000000"),
        ("queue.buffering.max.kbytes", "262144"),
        ("socket.nagle.disable", "true"),
        ("compression.type", "none"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

/// How the consumer is set; stated with the results.
pub fn consumer_settings(bootstrap: &str) -> Vec<(&'static str, String)> {
    [
        ("bootstrap.servers", bootstrap),
        ("group.id", "rivals"),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("fetch.message.max.bytes", "1048576"),
        ("queued.min.messages", "1000000"),
        ("queued.max.messages.kbytes", "65536"),
        ("fetch.queue.backoff.ms", "1"),
        ("socket.nagle.disable", "true"),
        ("check.crcs", "true"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

pub fn run(job: &Job) -> anyhow::Result<Outcome> {
    match job.task {
        Task::Produce => produce(job),
        Task::Tail => tail(job),
        Task::Read => read(job),
    }
}

fn produce(job: &Job) -> anyhow::Result<Outcome> {
    let sender = sender(job)?;
    let cpu = own_cpu();
    let begun = Instant::now();
    let latency = send(job, sender, None)?;
    let flow = flow(job, latency.len(), begun);
    Ok(Outcome { flow, latency: Latency::of(&latency), client_cpu: own_cpu() - cpu })
}

fn tail(job: &Job) -> anyhow::Result<Outcome> {
    let sender = sender(job)?;
    let epoch = Arc::new(Epoch::now());
    let sent = Arc::new(AtomicU64::new(u64::MAX));
    let receiver = receiver(job)?;
    let cpu = own_cpu();
    let begun = Instant::now();
    let (stamped, all) = (epoch.clone(), sent.clone());
    let reading = std::thread::spawn(move || read_tail(receiver, &stamped, &all));
    let acknowledged = send(job, sender, Some(&epoch))?;
    sent.store(acknowledged.len(), Ordering::Release);
    let latency = reading.join().expect("the reader does not panic")?;
    let flow = flow(job, latency.len(), begun);
    Ok(Outcome { flow, latency: Latency::of(&latency), client_cpu: own_cpu() - cpu })
}

fn read_tail(
    mut receiver: Receiver,
    epoch: &Epoch,
    sent: &AtomicU64,
) -> anyhow::Result<Histogram<u64>> {
    let mut latency = histogram();
    let mut quiet_since = Instant::now();
    while latency.len() < sent.load(Ordering::Acquire) {
        let got = receiver.next(|value| {
            if let Some(due) = epoch.read(value) {
                latency.saturating_record(micros_since(due));
            }
        })?;
        check_patience(got, latency.len(), &mut quiet_since)?;
    }
    Ok(latency)
}

fn read(job: &Job) -> anyhow::Result<Outcome> {
    let cpu = own_cpu();
    let begun = Instant::now();
    let mut receiver = receiver(job)?;
    let (mut records, mut bytes) = (0, 0);
    let until = Duration::from_secs_f64(job.seconds);
    let mut quiet_since = Instant::now();
    while records < job.records && begun.elapsed() < until {
        let got = receiver.next(|value| bytes += value.len() as u64)?;
        records += got;
        check_patience(got, records, &mut quiet_since)?;
    }
    let flow = Flow { records, bytes, seconds: begun.elapsed().as_secs_f64() };
    Ok(Outcome { flow, latency: None, client_cpu: own_cpu() - cpu })
}

fn check_patience(got: u64, records: u64, quiet_since: &mut Instant) -> anyhow::Result<()> {
    if got > 0 {
        *quiet_since = Instant::now();
    } else if quiet_since.elapsed() > READ_PATIENCE {
        bail!("{records} records were read, then none for {READ_PATIENCE:?}");
    }
    Ok(())
}

fn sender(job: &Job) -> anyhow::Result<Sender> {
    let waiting_max = BUFFER_BYTES_MAX / job.record_bytes as u64;
    Sender::new(&producer_settings(&job.bootstrap, job.rate), &job.topic, waiting_max)
}

fn receiver(job: &Job) -> anyhow::Result<Receiver> {
    Receiver::new(&consumer_settings(&job.bootstrap), &job.topic, job.partitions)
}

fn flow(job: &Job, records: u64, begun: Instant) -> Flow {
    let bytes = records * job.record_bytes as u64;
    Flow { records, bytes, seconds: begun.elapsed().as_secs_f64() }
}

fn send(job: &Job, mut sender: Sender, epoch: Option<&Epoch>) -> anyhow::Result<Histogram<u64>> {
    let mut value = payload(job.record_bytes);
    let mut turn = (0..i32::try_from(job.partitions)?).cycle();
    let mut pace = Pace::begin(job.record_bytes, job.rate, job.seconds);
    while let Some((count, due)) = pace.next() {
        if let Some(epoch) = epoch {
            epoch.stamp(due, &mut value);
        }
        let next = job.turn.then_some(|| turn.next().expect("it never ends"));
        // A value that changes has to be copied; one that stays is lent.
        sender.send(&value, count, due, epoch.is_some(), next)?;
    }
    sender.finish()
}
