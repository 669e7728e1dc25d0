//! When to send: as fast as it goes, or each record when it is due.

use std::time::{Duration, Instant};

use ottla_model::PartitionId;
use ottla_producer::{Delivery, ManyDelivery, ProducerError, Record, TopicProducer};
use tokio::sync::mpsc;

/// How many bytes an unpaced load hands over at a time.
const UNPACED_CHUNK_BYTES: u64 = 256 * 1024;

/// How many deliveries an unpaced load hands over at a time, when there is one for every record.
const EACH_CHUNK_RECORDS: u64 = 256;

/// What is due within this time is waited for awake: a sleeping thread comes back some 60 us late.
const AWAKE: Duration = Duration::from_micros(100);

/// How long the load sleeps between turns where records are due more often than that. Counted as latency, at
/// most this and some 60 us; to wait awake would take a core from what is measured.
const TURN: Duration = Duration::from_micros(250);

/// Most records that are handed over at a time, when so many are due.
const CHUNK_RECORDS_MAX: u64 = 10_000;

/// Records that were sent together, and when each was due.
pub(super) struct Sent {
    pub(super) first_due: Instant,
    pub(super) step: Duration,
    /// When all of them were in the producer's buffer.
    pub(super) handed: Instant,
    pub(super) deliveries: Deliveries,
}

/// How the load learns what became of its records.
pub(super) enum Deliveries {
    Many(ManyDelivery),
    Each(Vec<Delivery>),
}

/// What one producer sends.
pub(super) struct Load {
    pub(super) topic: TopicProducer,
    pub(super) value: Vec<u8>,
    pub(super) duration: Duration,
    /// A call and a delivery for every record, rather than for many.
    pub(super) each: bool,
    /// Which partition is next; without, the client chooses.
    pub(super) turn: Option<Turn>,
    pub(super) sent: mpsc::UnboundedSender<Sent>,
}

/// Partitions that are taken in turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    next: u32,
    count: u32,
}

impl Turn {
    /// The first of so many partitions is next.
    pub(super) fn new(count: u32) -> Self {
        Self { next: 0, count: count.max(1) }
    }

    fn take(&mut self) -> PartitionId {
        let taken = self.next;
        self.next = (taken + 1) % self.count;
        PartitionId(taken)
    }
}

impl Load {
    /// Sends as fast as it goes.
    pub(super) async fn unpaced(mut self) -> Result<(), ProducerError> {
        let chunk = (UNPACED_CHUNK_BYTES / (self.value.len() as u64 + 8)).max(1);
        let chunk = if self.each { chunk.min(EACH_CHUNK_RECORDS) } else { chunk };
        let begun = Instant::now();
        while begun.elapsed() < self.duration {
            self.send(Instant::now(), Duration::ZERO, chunk).await?;
        }
        Ok(())
    }

    /// Sends every record when it is due, `rate` a second. Blocks its thread: timers of the runtime
    /// are a millisecond coarse, which would count as latency.
    pub(super) fn paced(
        mut self,
        rate: f64,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(), ProducerError> {
        let begun = Instant::now();
        let step = Duration::from_secs_f64(1.0 / rate);
        let due_at = |record: u64| begun + Duration::from_secs_f64(record as f64 / rate);
        let all = (self.duration.as_secs_f64() * rate) as u64;
        let mut done = 0;
        while done < all {
            if step < TURN {
                std::thread::sleep(TURN);
            } else {
                wait_until(due_at(done));
            }
            let due = (begun.elapsed().as_secs_f64() * rate) as u64 + 1;
            let chunk = due.clamp(done + 1, all).min(done + CHUNK_RECORDS_MAX) - done;
            runtime.block_on(self.send(due_at(done), step, chunk))?;
            done += chunk;
        }
        Ok(())
    }

    async fn send(
        &mut self,
        first_due: Instant,
        step: Duration,
        records: u64,
    ) -> Result<(), ProducerError> {
        let (value, turn) = (&self.value, &mut self.turn);
        let mut record = || match turn {
            Some(turn) => Record::new(value).partition(turn.take()),
            None => Record::new(value),
        };
        let deliveries = if self.each {
            let mut deliveries = Vec::with_capacity(usize::try_from(records).unwrap_or_default());
            for _ in 0..records {
                deliveries.push(self.topic.send(record()).await?);
            }
            Deliveries::Each(deliveries)
        } else {
            Deliveries::Many(self.topic.send_many((0..records).map(|_| record())).await?)
        };
        let handed = Instant::now();
        // Whoever counts has gone when something failed, and says so.
        let _ = self.sent.send(Sent { first_due, step, handed, deliveries });
        Ok(())
    }
}

fn wait_until(due: Instant) {
    let left = due.saturating_duration_since(Instant::now());
    if left > AWAKE {
        std::thread::sleep(left.saturating_sub(AWAKE));
    }
    while Instant::now() < due {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_comes_back_in_time() {
        for micros in [0, 20, 100, 3000] {
            let due = Instant::now() + Duration::from_micros(micros);
            wait_until(due);
            assert!(Instant::now() >= due);
        }
    }
}
