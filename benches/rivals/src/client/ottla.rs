//! Ottla by its own clients, on one runtime; the generator has a thread of its own, so that no timer of a runtime makes
//! it late.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use hdrhistogram::Histogram;
use ottla_client::Client;
use ottla_consumer::{Consumer, Start};
use ottla_model::PartitionId;
use ottla_producer::{Delivery, ManyDelivery, Producer, Record, TopicProducer};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::job::{Flow, Job, Latency, Outcome, Task, histogram};
use crate::machine::own_cpu;
use crate::pace::{Epoch, Pace, micros_since, payload};

/// Longest wait for the next record of a tail before the run counts as failed.
const READ_PATIENCE: Duration = Duration::from_secs(30);

pub fn run(job: &Job) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        match job.task {
            Task::Produce => produce(job).await,
            Task::Tail => tail(job).await,
            Task::Read => read(job).await,
        }
    });
    runtime.shutdown_background();
    outcome
}

async fn produce(job: &Job) -> anyhow::Result<Outcome> {
    let client = Client::connect(job.bootstrap.as_str()).await?;
    let producer = Producer::builder(&client).build().await?;
    let topic = producer.topic(&job.topic).await?;
    let cpu = own_cpu();
    let begun = Instant::now();
    let latency = send(job, topic, None).await?;
    let flow = flow(job, latency.len(), begun);
    let client_cpu = own_cpu() - cpu;
    producer.close().await?;
    Ok(Outcome { flow, latency: Latency::of(&latency), client_cpu })
}

async fn tail(job: &Job) -> anyhow::Result<Outcome> {
    let client = Client::connect(job.bootstrap.as_str()).await?;
    let producer = Producer::builder(&client).build().await?;
    let topic = producer.topic(&job.topic).await?;
    let epoch = Arc::new(Epoch::now());
    let sent = Arc::new(AtomicU64::new(u64::MAX));
    let cpu = own_cpu();
    let begun = Instant::now();
    let reading = tokio::spawn(read_tail(job.clone(), epoch.clone(), sent.clone()));
    let acknowledged = send(job, topic, Some(epoch)).await?;
    sent.store(acknowledged.len(), Ordering::Release);
    let latency = reading.await??;
    let flow = flow(job, latency.len(), begun);
    let client_cpu = own_cpu() - cpu;
    producer.close().await?;
    Ok(Outcome { flow, latency: Latency::of(&latency), client_cpu })
}

async fn read_tail(
    job: Job,
    epoch: Arc<Epoch>,
    sent: Arc<AtomicU64>,
) -> anyhow::Result<Histogram<u64>> {
    let client = Client::connect(job.bootstrap.as_str()).await?;
    let mut consumer = Consumer::builder(&client).build().await?;
    consumer.assign_topic(&job.topic, Start::Earliest).await?;
    let mut latency = histogram();
    let mut quiet_since = Instant::now();
    while latency.len() < sent.load(Ordering::Acquire) {
        let batch = tokio::time::timeout(Duration::from_millis(100), consumer.next_batch()).await;
        let Ok(batch) = batch else {
            if quiet_since.elapsed() > READ_PATIENCE {
                bail!("{} records were read, then none for {READ_PATIENCE:?}", latency.len());
            }
            continue;
        };
        quiet_since = Instant::now();
        for record in batch?.records() {
            let due = record.value().and_then(|v| epoch.read(v)).context("a foreign record")?;
            latency.saturating_record(micros_since(due));
        }
    }
    Ok(latency)
}

async fn read(job: &Job) -> anyhow::Result<Outcome> {
    let client = Client::connect(job.bootstrap.as_str()).await?;
    let mut consumer = Consumer::builder(&client).build().await?;
    let cpu = own_cpu();
    let begun = Instant::now();
    consumer.assign_topic(&job.topic, Start::Earliest).await?;
    let (mut records, mut bytes) = (0, 0);
    let until = Duration::from_secs_f64(job.seconds);
    while records < job.records && begun.elapsed() < until {
        let batch = tokio::time::timeout(READ_PATIENCE, consumer.next_batch()).await;
        let batch = batch.context("no records for too long")??;
        records += batch.len() as u64;
        // Every value is looked at: a consumer that only counts has read nothing.
        bytes += batch.records().map(|r| r.value().map_or(0, <[u8]>::len)).sum::<usize>() as u64;
    }
    let flow = Flow { records, bytes, seconds: begun.elapsed().as_secs_f64() };
    Ok(Outcome { flow, latency: None, client_cpu: own_cpu() - cpu })
}

fn flow(job: &Job, records: u64, begun: Instant) -> Flow {
    let bytes = records * job.record_bytes as u64;
    Flow { records, bytes, seconds: begun.elapsed().as_secs_f64() }
}

/// What was handed over and is to be acknowledged.
enum Sent {
    Many(Instant, ManyDelivery),
    Each(Instant, Vec<Delivery>),
}

/// Sends for the job's time and waits for every acknowledgement; with an epoch, each record says when it was due.
async fn send(
    job: &Job,
    topic: TopicProducer,
    epoch: Option<Arc<Epoch>>,
) -> anyhow::Result<Histogram<u64>> {
    let (sent, receiver) = mpsc::unbounded_channel();
    let counting = tokio::spawn(count(receiver));
    let value = payload(job.record_bytes);
    let turn = if job.turn { job.partitions } else { 0 };
    let generator = Generator { topic, value, turn, turned: 0, each: job.each, epoch, sent };
    let job = job.clone();
    match job.rate {
        // Beside the client on the same runtime: neither waits for a thread of the other's.
        None => tokio::spawn(generator.unpaced(job)).await??,
        // On a thread of its own: the timers of a runtime are a millisecond coarse.
        Some(_) => {
            let runtime = Handle::current();
            tokio::task::spawn_blocking(move || generator.paced(&job, &runtime)).await??;
        }
    }
    counting.await?
}

struct Generator {
    topic: TopicProducer,
    value: Vec<u8>,
    /// How many partitions to take in turn; zero leaves it to the client.
    turn: u32,
    turned: u32,
    each: bool,
    epoch: Option<Arc<Epoch>>,
    sent: mpsc::UnboundedSender<Sent>,
}

impl Generator {
    async fn unpaced(mut self, job: Job) -> anyhow::Result<()> {
        let mut pace = Pace::begin(job.record_bytes, job.rate, job.seconds);
        while let Some((count, due)) = pace.next() {
            self.hand_over(count, due).await?;
        }
        Ok(())
    }

    fn paced(mut self, job: &Job, runtime: &Handle) -> anyhow::Result<()> {
        let mut pace = Pace::begin(job.record_bytes, job.rate, job.seconds);
        while let Some((count, due)) = pace.next() {
            runtime.block_on(self.hand_over(count, due))?;
        }
        Ok(())
    }

    async fn hand_over(&mut self, count: u64, due: Instant) -> anyhow::Result<()> {
        if let Some(epoch) = &self.epoch {
            epoch.stamp(due, &mut self.value);
        }
        let (value, turn, turned) = (&self.value, self.turn, &mut self.turned);
        let mut next = || match turn {
            0 => Record::new(value),
            turn => {
                *turned = (*turned + 1) % turn;
                Record::new(value).partition(PartitionId(*turned))
            }
        };
        let count = usize::try_from(count)?;
        let handed = if self.each {
            let mut deliveries = Vec::with_capacity(count);
            for _ in 0..count {
                deliveries.push(self.topic.send(next()).await?);
            }
            Sent::Each(due, deliveries)
        } else {
            let records = std::iter::repeat_with(next).take(count);
            Sent::Many(due, self.topic.send_many(records).await?)
        };
        // The counter ends early only with an error, which is told where it is waited for.
        let _ended = self.sent.send(handed);
        Ok(())
    }
}

async fn count(mut sent: mpsc::UnboundedReceiver<Sent>) -> anyhow::Result<Histogram<u64>> {
    let mut latency = histogram();
    let mut waiting = FuturesUnordered::new();
    let mut more = true;
    while more || !waiting.is_empty() {
        tokio::select! {
            next = sent.recv(), if more => match next {
                Some(sent) => waiting.push(acknowledged(sent)),
                None => more = false,
            },
            Some(found) = waiting.next() => {
                let (due, records) = found?;
                latency.saturating_record_n(micros_since(due), records);
            }
        }
    }
    Ok(latency)
}

async fn acknowledged(sent: Sent) -> anyhow::Result<(Instant, u64)> {
    match sent {
        Sent::Many(due, delivery) => Ok((due, delivery.await?.records)),
        Sent::Each(due, deliveries) => {
            let count = deliveries.len() as u64;
            for delivery in deliveries {
                delivery.await?;
            }
            Ok((due, count))
        }
    }
}
