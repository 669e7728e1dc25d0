//! The load: records sent when they are due, and the latency of each from then.

mod pace;

use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use hdrhistogram::Histogram;
use ottla_client::Client;
use ottla_producer::{Producer, ProducerError, TopicProducer};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::failure::Failure;

use self::pace::{Deliveries, Load, Sent, Turn};
use super::machine::{Cpu, payload};
use super::soak::Timeline;
use super::{Bench, Case};

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
    /// How often a record had to wait for room in a producer's buffer.
    pub(super) waits_for_room: u64,
}

/// Producers that are connected and warm.
pub(super) struct Ready {
    producers: Vec<Producer>,
    topics: Vec<TopicProducer>,
    /// Records that were sent to warm up.
    pub(super) warmed: u64,
    /// Who wants to know of every latency when it is counted.
    watch: Option<Arc<Timeline>>,
}

/// Connects every producer, and sends the load for as long as a warm-up takes, uncounted: a broker that was just
/// started meets its memory for the first time then, which is slow where a machine is virtual.
pub(super) async fn warm_up(
    bench: &Bench,
    bootstrap: &str,
    topic: &str,
    case: Case,
) -> Result<Ready, Failure> {
    let mut ready = Ready { producers: Vec::new(), topics: Vec::new(), warmed: 0, watch: None };
    for _ in 0..bench.producers.max(1) {
        let client = Client::connect(bootstrap).await?;
        let producer = Producer::builder(&client)
            .compression(bench.compression.for_producer())
            .linger(bench.linger)
            .build()
            .await?;
        ready.topics.push(producer.topic(topic).await?);
        ready.producers.push(producer);
    }
    if !bench.warm_up.is_zero() {
        ready.warmed = ready.send(bench, case, bench.warm_up).await?.len();
    }
    Ok(ready)
}

impl Ready {
    /// Tells `timeline` from now on.
    pub(super) fn watch(&mut self, timeline: Arc<Timeline>) {
        self.watch = Some(timeline);
    }

    /// Sends for the wanted time with every producer, and waits for every acknowledgement.
    pub(super) async fn run(self, bench: &Bench, case: Case) -> Result<Loaded, Failure> {
        let waits = || -> u64 {
            self.producers.iter().map(|producer| producer.metrics().waits_for_room).sum()
        };
        let (cpu, waits_before, begun) = (Cpu::now(), waits(), Instant::now());
        let latency = self.send(bench, case, bench.duration).await?;
        let seconds = begun.elapsed().as_secs_f64();
        let spent = Cpu::now();
        let waits_for_room = waits() - waits_before;
        for producer in self.producers {
            producer.close().await?;
        }
        let records = latency.len();
        if records == 0 {
            let why = "no record was due in that time; give it more with --duration";
            return Err(Failure::new(why));
        }
        Ok(Loaded {
            records,
            bytes: records * case.record_bytes.0,
            seconds,
            latency,
            machine_cpu: spent.machine - cpu.machine,
            own_cpu: spent.own - cpu.own,
            waits_for_room,
        })
    }

    /// The latency of every record that was sent and acknowledged.
    pub(super) async fn send(
        &self,
        bench: &Bench,
        case: Case,
        duration: Duration,
    ) -> Result<Histogram<u64>, Failure> {
        let rate = bench.rate.map(|rate| rate as f64 / self.topics.len() as f64);
        let topics = self.topics.iter().cloned();
        let tasks: Vec<_> =
            topics.map(|topic| self.one(topic, bench, case, rate, duration)).collect();
        let mut latency = histogram();
        for (sending, counting) in tasks {
            sending.await.map_err(|error| Failure::new(error.to_string()))??;
            let one = counting.await.map_err(|error| Failure::new(error.to_string()))??;
            latency.add(one).map_err(|error| Failure::new(error.to_string()))?;
        }
        Ok(latency)
    }

    /// One producer: one side sends, the other takes the acknowledgements.
    fn one(
        &self,
        topic: TopicProducer,
        bench: &Bench,
        case: Case,
        rate: Option<f64>,
        duration: Duration,
    ) -> (Sending, Counting) {
        let (sent, receiver) = mpsc::unbounded_channel();
        let value = payload(case.record_bytes.0 as usize);
        let turn = bench.turn.then(|| Turn::new(case.partitions));
        let load = Load { topic, value, duration, each: bench.each, turn, sent };
        let sending = match rate {
            Some(rate) => {
                let runtime = tokio::runtime::Handle::current();
                tokio::task::spawn_blocking(move || load.paced(rate, &runtime))
            }
            None => tokio::spawn(load.unpaced()),
        };
        (sending, tokio::spawn(count(receiver, self.watch.clone())))
    }
}

pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MICROS_MAX, 3).expect("the bounds are constants in order")
}

type Sending = JoinHandle<Result<(), ProducerError>>;
type Counting = JoinHandle<Result<Histogram<u64>, ProducerError>>;

async fn count(
    mut sent: mpsc::UnboundedReceiver<Sent>,
    watch: Option<Arc<Timeline>>,
) -> Result<Histogram<u64>, ProducerError> {
    let mut latency = histogram();
    let mut waiting = FuturesUnordered::new();
    let mut more = true;
    while more || !waiting.is_empty() {
        tokio::select! {
            next = sent.recv(), if more => match next {
                Some(sent) => waiting.push(latencies(sent)),
                None => more = false,
            },
            Some(counted) = waiting.next() => {
                let Counted { first_due, handed, latencies } = counted?;
                for (micros, records) in &latencies {
                    latency.saturating_record_n(*micros, *records);
                }
                if let Some(watch) = &watch {
                    watch.note(first_due, handed, &latencies);
                }
            }
        }
    }
    Ok(latency)
}

/// The latencies of records that were sent together, each with the number of records that had it.
struct Counted {
    first_due: Instant,
    handed: Instant,
    latencies: Vec<(u64, u64)>,
}

async fn latencies(sent: Sent) -> Result<Counted, ProducerError> {
    let Sent { first_due, step, handed, deliveries } = sent;
    let mut latencies = Latencies { first_due, step, next: 0, counted: Vec::new() };
    match deliveries {
        Deliveries::Many(many) => {
            let records = many.await?.records;
            latencies.add(records, Instant::now());
        }
        Deliveries::Each(each) => {
            let mut now = Instant::now();
            for mut delivery in each {
                // The clock costs as much as the delivery, so that it is read after waiting only.
                match futures::poll!(&mut delivery) {
                    Poll::Ready(delivered) => drop(delivered?),
                    Poll::Pending => {
                        delivery.await?;
                        now = Instant::now();
                    }
                }
                latencies.add(1, now);
            }
        }
    }
    Ok(Counted { first_due, handed, latencies: latencies.counted })
}

struct Latencies {
    first_due: Instant,
    step: Duration,
    /// How many records were counted.
    next: u64,
    /// Microseconds, and how many records in a row had them.
    counted: Vec<(u64, u64)>,
}

impl Latencies {
    fn add(&mut self, records: u64, now: Instant) {
        let first = self.next;
        self.next += records;
        if self.step.is_zero() {
            return self.push(micros(now - self.first_due), records);
        }
        for record in first..self.next {
            let due = self.first_due + self.step.mul_f64(record as f64);
            self.push(micros(now.saturating_duration_since(due)), 1);
        }
    }

    fn push(&mut self, micros: u64, records: u64) {
        match self.counted.last_mut() {
            Some((same, count)) if *same == micros => *count += records,
            _ => self.counted.push((micros, records)),
        }
    }
}

fn micros(latency: Duration) -> u64 {
    u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1)
}
