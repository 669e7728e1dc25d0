//! What callers hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ottla_client::Client;
use ottla_model::TopicName;
use ottla_record::partitioner::partition_for_key;
use tokio::sync::oneshot;

use crate::budget::Lease;
use crate::config::ProducerBuilder;
use crate::delivery::{Delivery, Fate};
use crate::driver::Driver;
use crate::error::ProducerError;
use crate::gather::{Intake, NotTaken};
use crate::machine::Machine;
use crate::metrics::ProducerMetrics;
use crate::record::Record;
use crate::send_many::SendMany;
use crate::shared::{Command, Shared, Topic};

/// Sends records to any number of topics. Cheap to clone; clones share buffer and connections.
///
/// When the last clone and the last [`TopicProducer`] are dropped, what was sent is still delivered
/// as long as the runtime lives; [`Producer::close`] waits for it.
#[derive(Clone, Debug)]
pub struct Producer {
    handle: Arc<Handle>,
}

/// Closes the producer when the last of its holders is gone.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close(None);
    }
}

impl Producer {
    /// Begins to choose the settings of a producer.
    pub fn builder(client: &Client) -> ProducerBuilder {
        ProducerBuilder::new(client)
    }

    pub(crate) fn start(shared: Shared, machine: Machine) -> Self {
        let shared = Arc::new(shared);
        let driver = Driver::new(shared.clone(), machine);
        shared.client.tasks().spawn_here("producer", driver.run());
        Self { handle: Arc::new(Handle { shared }) }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    /// The way into one topic, which must exist. While no broker answers, it is asked for as long as a
    /// record would be tried.
    pub async fn topic(&self, name: &str) -> Result<TopicProducer, ProducerError> {
        let name = TopicName::new(name).map_err(ottla_client::ClientError::from)?;
        let shared = self.shared();
        let patience = shared.config.delivery_timeout;
        let route = shared.client.route_within(patience, &name, false).await?;
        let topic = shared.topic(&route)?;
        Ok(TopicProducer { topic, handle: self.handle.clone() })
    }

    /// Sends what is gathered without waiting any longer, and returns when everything sent before
    /// is decided: delivered, or failed for good. What failed, its delivery says.
    pub async fn flush(&self) -> Result<(), ProducerError> {
        let (done, decided) = oneshot::channel();
        self.shared().command(Command::Flush(done));
        decided.await.map_err(|_| ProducerError::Closed)
    }

    /// Takes no more records, then flushes.
    pub async fn close(&self) -> Result<(), ProducerError> {
        let (done, decided) = oneshot::channel();
        self.shared().close(Some(done));
        // A driver that has ended by now had nothing left to decide.
        let _ = decided.await;
        Ok(())
    }

    /// What it counted so far.
    pub fn metrics(&self) -> ProducerMetrics {
        let shared = self.shared();
        let counters = &shared.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ProducerMetrics {
            records_taken: read(&counters.records_taken),
            records_delivered: read(&counters.records_delivered),
            records_failed: read(&counters.records_failed),
            batches_delivered: read(&counters.batches_delivered),
            bytes_delivered: read(&counters.bytes_delivered),
            retries: read(&counters.retries),
            duplicates: read(&counters.duplicates),
            epoch_bumps: read(&counters.epoch_bumps),
            disconnects: read(&counters.disconnects),
            waits_for_room: read(&counters.waits_for_room),
            buffer_bytes: shared.budget.used(),
            batches_in_flight: read(&counters.batches_in_flight),
        }
    }
}

/// Sends records to one topic. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TopicProducer {
    topic: Arc<Topic>,
    handle: Arc<Handle>,
}

impl TopicProducer {
    /// The topic's name.
    pub fn topic(&self) -> &TopicName {
        &self.topic.route.name
    }

    /// How many partitions the topic has, as far as is known.
    pub fn partitions(&self) -> u32 {
        self.topic.partitions.read().len() as u32
    }

    /// Takes the record, waiting for room in the buffer if need be. The delivery tells what became
    /// of it; to wait for one record, write `topic.send(record).await?.await?`.
    ///
    /// Cancel-safe: a call that is dropped before it returned has not taken the record.
    pub async fn send(&self, record: Record<'_>) -> Result<Delivery, ProducerError> {
        let shared = &self.handle.shared;
        if shared.give_way.load(Ordering::Relaxed) {
            shared.give_way.store(false, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
        let mut intake = Intake::new(shared, Lease::default());
        loop {
            match self.take(&record, &mut intake) {
                Ok(delivery) => return Ok(delivery),
                Err(NotTaken::Never(error)) => return Err(error),
                Err(NotTaken::Elsewhere) => {}
                Err(NotTaken::Full(bytes)) => {
                    shared.counters.waits_for_room.fetch_add(1, Ordering::Relaxed);
                    // Who holds room while waiting for more could wait for others who do.
                    intake.lease = Lease::default();
                    let lease = shared.budget.clone().take(bytes).await?;
                    intake = Intake::new(shared, lease);
                }
            }
        }
    }

    /// Takes the record if there is room for it now.
    ///
    /// # Errors
    /// [`ProducerError::BufferFull`] when there is not.
    pub fn try_send(&self, record: Record<'_>) -> Result<Delivery, ProducerError> {
        let shared = &self.handle.shared;
        match self.take(&record, &mut Intake::new(shared, Lease::default())) {
            Ok(delivery) => Ok(delivery),
            Err(NotTaken::Never(error)) => Err(error),
            Err(NotTaken::Full(_) | NotTaken::Elsewhere) => {
                Err(ProducerError::BufferFull { size_max: shared.budget.total() })
            }
        }
    }

    /// Takes many records with one delivery for all of them: the fastest way in. Records go in the
    /// order of the iterator; those without key and partition stay side by side.
    ///
    /// A call that is dropped before it returned has taken what it drew from the iterator, except
    /// for the last few records drawn.
    pub fn send_many<'r, I>(&self, records: I) -> SendMany<'_, 'r, I::IntoIter>
    where
        I: IntoIterator<Item = Record<'r>>,
    {
        SendMany::new(self, records.into_iter())
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    fn take(&self, record: &Record<'_>, intake: &mut Intake<'_>) -> Result<Delivery, NotTaken> {
        let mut delivery = None;
        let then = |fate: &Arc<Fate>, index, _| delivery = Some(Delivery::new(fate.clone(), index));
        let (_, full) = self.append(std::slice::from_ref(record), intake, then);
        full?;
        Ok(delivery.expect("a record that was taken has a delivery"))
    }

    /// Takes records, in order, as many as it can; says how many, and why no more. `then` learns of
    /// every run of them that lies side by side in a batch: which batch, the first place, how many.
    pub(crate) fn append(
        &self,
        records: &[Record<'_>],
        intake: &mut Intake<'_>,
        mut then: impl FnMut(&Arc<Fate>, u32, u32),
    ) -> (usize, Result<(), NotTaken>) {
        let partitions = self.topic.partitions.read();
        let (mut taken, mut moved) = (0, false);
        while taken < records.len() {
            let rest = &records[taken..];
            let (index, roaming) = self.destination(&rest[0], partitions.len());
            let Some(gathering) = partitions.get(index) else {
                let error = self.unknown_partition(index, partitions.len());
                return (taken, Err(NotTaken::Never(error)));
            };
            // What found one partition full settles in the next, lest it seal them all.
            let (run, roaming) = match std::mem::take(&mut moved) {
                true => (&rest[..1], false),
                false => (&rest[..run_length(rest)], roaming),
            };
            let (count, full) = gathering.append(run, intake, roaming, &mut then);
            taken += count;
            match full {
                Ok(()) => {}
                Err(NotTaken::Elsewhere) => {
                    self.topic.roaming_at.fetch_add(1, Ordering::Relaxed);
                    moved = true;
                }
                Err(why) => return (taken, Err(why)),
            }
        }
        (taken, Ok(()))
    }

    /// The partition's index, and whether another would do as well.
    fn destination(&self, record: &Record<'_>, partitions: usize) -> (usize, bool) {
        match (record.partition, record.key) {
            (Some(partition), _) => (partition.0 as usize, false),
            (None, Some(key)) => (partition_for_key(key, partitions as u32).0 as usize, false),
            (None, None) => (self.roaming_at(partitions), partitions > 1),
        }
    }

    /// The partition that records without a key go to for now: the next one when a batch is full.
    fn roaming_at(&self, count: usize) -> usize {
        let turn = self.topic.roaming_at.load(Ordering::Relaxed);
        (turn % count.max(1) as u64) as usize
    }

    fn unknown_partition(&self, index: usize, count: usize) -> ProducerError {
        ProducerError::UnknownPartition {
            topic: self.topic().clone(),
            partition: ottla_model::PartitionId(index as u32),
            partitions: count as u32,
        }
    }
}

/// How many records from the first on certainly go the same way. Keys are looked at one by one.
fn run_length(records: &[Record<'_>]) -> usize {
    let first = &records[0];
    if first.partition.is_none() && first.key.is_some() {
        return 1;
    }
    let alike = |record: &&Record<'_>| {
        record.partition == first.partition && (first.partition.is_some() || record.key.is_none())
    };
    records.iter().take_while(alike).count()
}
