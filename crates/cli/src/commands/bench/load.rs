//! The load: records sent when they are due, and the latency of each from then.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use hdrhistogram::Histogram;
use ottla_client::Client;
use ottla_producer::{ManyDelivery, Producer, ProducerError, Record, TopicProducer};
use tokio::sync::mpsc;

use crate::failure::Failure;

use super::machine::{Cpu, payload};
use super::{Bench, Case};

/// How often a paced load looks what is due.
const TICK: Duration = Duration::from_millis(1);

/// How many bytes an unpaced load hands over at a time.
const UNPACED_CHUNK_BYTES: u64 = 256 * 1024;

/// Largest latency that is told apart, in microseconds: ten minutes.
const LATENCY_MICROS_MAX: u64 = 600_000_000;

/// What a load came to.
pub(super) struct Loaded {
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) seconds: f64,
    /// Of each record, in microseconds, from when it was due.
    pub(super) latency: Histogram<u64>,
    /// Seconds of CPU that the whole machine spent.
    pub(super) machine_cpu: f64,
    /// Seconds of CPU that this process spent.
    pub(super) own_cpu: f64,
}

/// Sends for the wanted time with every producer, and waits for every acknowledgement.
pub(super) async fn run(
    bench: &Bench,
    bootstrap: &str,
    topic: &str,
    case: Case,
) -> Result<Loaded, Failure> {
    let mut topics = Vec::new();
    let mut producers = Vec::new();
    for _ in 0..bench.producers.max(1) {
        let client = Client::connect(bootstrap).await?;
        let producer = Producer::builder(&client)
            .compression(bench.compression.for_producer())
            .linger(bench.linger)
            .build()
            .await?;
        topics.push(producer.topic(topic).await?);
        producers.push(producer);
    }
    let cpu = Cpu::now();
    let begun = Instant::now();
    let share = bench.rate.map(|rate| rate as f64 / topics.len() as f64);
    let tasks: Vec<_> = topics
        .into_iter()
        .map(|topic| {
            let size = case.record_bytes.0 as usize;
            tokio::spawn(one(topic, size, share, bench.duration))
        })
        .collect();
    let mut latency = histogram();
    for task in tasks {
        let one = task.await.map_err(|error| Failure::new(error.to_string()))??;
        latency.add(one).map_err(|error| Failure::new(error.to_string()))?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let spent = Cpu::now();
    for producer in producers {
        producer.close().await?;
    }
    let records = latency.len();
    Ok(Loaded {
        records,
        bytes: records * case.record_bytes.0,
        seconds,
        latency,
        machine_cpu: spent.machine - cpu.machine,
        own_cpu: spent.own - cpu.own,
    })
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MICROS_MAX, 3).expect("the bounds are constants in order")
}

/// One producer: this side sends, a task of its own takes the acknowledgements.
async fn one(
    topic: TopicProducer,
    size: usize,
    rate: Option<f64>,
    duration: Duration,
) -> Result<Histogram<u64>, Failure> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let counting = tokio::spawn(count(receiver));
    let value = payload(size);
    match rate {
        Some(rate) => paced(&topic, &value, rate, duration, &sender).await?,
        None => unpaced(&topic, &value, duration, &sender).await?,
    }
    drop(sender);
    counting.await.map_err(|error| Failure::new(error.to_string()))?.map_err(Failure::from)
}

type Sent = (Instant, ManyDelivery);

async fn paced(
    topic: &TopicProducer,
    value: &[u8],
    rate: f64,
    duration: Duration,
    sent: &mpsc::UnboundedSender<Sent>,
) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut done = 0_u64;
    let mut due_at = begun;
    while due_at - begun < duration {
        due_at += TICK;
        tokio::time::sleep_until(due_at.into()).await;
        let due = ((due_at - begun).as_secs_f64() * rate) as u64;
        if due > done {
            let records = (done..due).map(|_| Record::new(value));
            let delivery = topic.send_many(records).await?;
            let _ended = sent.send((due_at, delivery));
            done = due;
        }
    }
    Ok(())
}

async fn unpaced(
    topic: &TopicProducer,
    value: &[u8],
    duration: Duration,
    sent: &mpsc::UnboundedSender<Sent>,
) -> Result<(), Failure> {
    let chunk = (UNPACED_CHUNK_BYTES / (value.len() as u64 + 8)).max(1);
    let begun = Instant::now();
    while begun.elapsed() < duration {
        let now = Instant::now();
        let delivery = topic.send_many((0..chunk).map(|_| Record::new(value))).await?;
        let _ended = sent.send((now, delivery));
    }
    Ok(())
}

async fn count(mut sent: mpsc::UnboundedReceiver<Sent>) -> Result<Histogram<u64>, ProducerError> {
    let mut latency = histogram();
    let mut waiting = FuturesUnordered::new();
    let mut more = true;
    while more || !waiting.is_empty() {
        tokio::select! {
            next = sent.recv(), if more => match next {
                Some((due, delivery)) => waiting.push(async move { (due, delivery.await) }),
                None => more = false,
            },
            Some((due, delivered)) = waiting.next() => {
                let micros = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
                latency.saturating_record(micros.max(1));
                let others = delivered?.records.saturating_sub(1);
                latency.saturating_record_n(micros.max(1), others);
            }
        }
    }
    Ok(latency)
}
