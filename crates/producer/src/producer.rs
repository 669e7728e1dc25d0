//! What callers hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ottla_client::Client;
use ottla_model::{Timestamp, TopicName};
use ottla_record::partitioner::partition_for_key;
use tokio::sync::oneshot;

use crate::budget::Lease;
use crate::config::ProducerBuilder;
use crate::delivery::{Delivery, Fate};
use crate::driver::Driver;
use crate::error::ProducerError;
use crate::gather::NotTaken;
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
        let mut delivery = None;
        self.take(&record, |fate, index| delivery = Some(Delivery::new(fate.clone(), index)))
            .await?;
        Ok(delivery.expect("a record that was taken has a delivery"))
    }

    /// Takes the record if there is room for it now.
    ///
    /// # Errors
    /// [`ProducerError::BufferFull`] when there is not.
    pub fn try_send(&self, record: Record<'_>) -> Result<Delivery, ProducerError> {
        let shared = &self.handle.shared;
        let mut lease = Lease::default();
        let mut delivery = None;
        let taken = self.append(&record, shared.clock.now(), &mut lease, |fate, index| {
            delivery = Some(Delivery::new(fate.clone(), index));
        });
        match taken {
            Ok(()) => Ok(delivery.expect("a record that was taken has a delivery")),
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
    /// for the last record drawn.
    pub fn send_many<'r, I>(&self, records: I) -> SendMany<'_, 'r, I::IntoIter>
    where
        I: IntoIterator<Item = Record<'r>>,
    {
        SendMany::new(self, records.into_iter())
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    async fn take(
        &self,
        record: &Record<'_>,
        mut then: impl FnMut(&Arc<Fate>, u32),
    ) -> Result<(), ProducerError> {
        let shared = &self.handle.shared;
        if shared.give_way.load(Ordering::Relaxed) {
            shared.give_way.store(false, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
        let mut lease = Lease::default();
        loop {
            match self.append(record, shared.clock.now(), &mut lease, &mut then) {
                Ok(()) => return Ok(()),
                Err(NotTaken::Never(error)) => return Err(error),
                Err(NotTaken::Elsewhere) => {}
                Err(NotTaken::Full(bytes)) => {
                    shared.counters.waits_for_room.fetch_add(1, Ordering::Relaxed);
                    lease = shared.budget.clone().take(bytes).await?;
                }
            }
        }
    }

    pub(crate) fn append(
        &self,
        record: &Record<'_>,
        now: Timestamp,
        lease: &mut Lease,
        mut then: impl FnMut(&Arc<Fate>, u32),
    ) -> Result<(), NotTaken> {
        let shared = &self.handle.shared;
        let partitions = self.topic.partitions.read();
        let count = partitions.len();
        let (index, roaming) = match (record.partition, record.key) {
            (Some(partition), _) => (partition.0 as usize, false),
            (None, Some(key)) => (partition_for_key(key, count as u32).0 as usize, false),
            (None, None) => (self.roaming_at(count), count > 1),
        };
        let Some(gathering) = partitions.get(index) else {
            return Err(NotTaken::Never(self.unknown_partition(index, count)));
        };
        let taken = gathering.append(record, now, shared, lease, roaming, &mut then);
        if !matches!(taken, Err(NotTaken::Elsewhere)) {
            return taken;
        }
        self.topic.roaming_at.fetch_add(1, Ordering::Relaxed);
        let next = &partitions[self.roaming_at(count)];
        next.append(record, now, shared, lease, false, then)
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
