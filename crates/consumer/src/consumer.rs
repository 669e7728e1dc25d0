//! What callers hold.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use futures::Stream;
use futures::future::poll_fn;
use ottla_client::{Client, ClientError};
use ottla_model::{Offset, PartitionId, TopicName};
use ottla_record::Scratch;

use crate::config::{ConsumerBuilder, Start};
use crate::decode::decode;
use crate::driver::Driver;
use crate::error::ConsumerError;
use crate::metrics::ConsumerMetrics;
use crate::record::{ConsumedBatch, ConsumedRecord, Decoded};
use crate::session::{Answer, Counts, Item, Key, Position};
use crate::shared::Shared;

/// Reads partitions that it is told to read. A [`Stream`] of records, in order within a partition;
/// it never ends by itself, and goes on after an error.
///
/// Every method is cancel-safe: a record is given out when the call that gives it returns.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    current: Option<Current>,
    scratch: Scratch,
}

/// What is being given out record by record.
#[derive(Debug)]
struct Current {
    batch: ConsumedBatch,
    next: usize,
    key: Key,
    position: Arc<Position>,
    sitting: u64,
    /// The changes that were looked at when it was last known to be wanted.
    changes: u64,
}

impl Consumer {
    /// Begins to choose the settings of a consumer.
    pub fn builder(client: &Client) -> ConsumerBuilder {
        ConsumerBuilder::new(client)
    }

    pub(crate) fn start(shared: Shared) -> Self {
        let shared = Arc::new(shared);
        let driver = Driver::new(shared.clone());
        shared.client.tasks().spawn_here("consumer", driver.run());
        Self { shared, current: None, scratch: Scratch::new() }
    }

    /// Reads all partitions that a topic has, and those that it gets later; see
    /// [`Consumer::follow_topic`]. Where to begin is meant for those that it has now.
    pub async fn assign_topic(&self, topic: &str, start: Start) -> Result<(), ConsumerError> {
        let name = topic_name(topic)?;
        let route = self.shared.client.route(&name, true).await?;
        for partition in 0..route.leaders.len() {
            let partition = PartitionId(u32::try_from(partition).unwrap_or(u32::MAX));
            self.claim_new(&(name.clone(), partition))?;
            self.shared.session(|session| session.assign(&route, partition, start));
        }
        let now = self.shared.now();
        self.shared.session(|session| session.follow(&route, start, now));
        Ok(())
    }

    /// Reads the partitions that a topic gets from now on, from their beginning, since all that is in
    /// them is new; only `assign_topic` by timestamp begins there in new ones as well. They are noticed
    /// within the client's `metadata_age_max`.
    pub async fn follow_topic(&self, topic: &str) -> Result<(), ConsumerError> {
        let route = self.shared.client.route(&topic_name(topic)?, true).await?;
        let now = self.shared.now();
        self.shared.session(|session| session.follow(&route, Start::Earliest, now));
        Ok(())
    }

    /// Reads one partition.
    pub async fn assign(
        &self,
        topic: &str,
        partition: PartitionId,
        start: Start,
    ) -> Result<(), ConsumerError> {
        let name = topic_name(topic)?;
        let route = self.shared.client.route(&name, true).await?;
        let partitions = u32::try_from(route.leaders.len()).unwrap_or(u32::MAX);
        if partition.0 >= partitions {
            return Err(ConsumerError::UnknownPartition { topic: name, partition, partitions });
        }
        self.claim_new(&(name, partition))?;
        self.shared.session(|session| session.assign(&route, partition, start));
        Ok(())
    }

    fn claim_new(&self, key: &Key) -> Result<(), ConsumerError> {
        match self.shared.session(|session| session.claim(key).is_some()) {
            false => Ok(()),
            true => {
                let (topic, partition) = key.clone();
                Err(ConsumerError::AlreadyAssigned { topic, partition })
            }
        }
    }

    /// Stops reading one partition; what was fetched of it is dropped.
    pub fn unassign(&self, topic: &str, partition: PartitionId) -> Result<(), ConsumerError> {
        let key = self.assigned(topic, partition)?;
        self.shared.change(|session| session.unassign(&key));
        Ok(())
    }

    /// What it reads.
    pub fn assignment(&self) -> Vec<(TopicName, PartitionId)> {
        self.shared.session(|session| session.keys().cloned().collect())
    }

    /// Goes on reading one partition elsewhere; what was fetched of it is dropped.
    pub fn seek(
        &self,
        topic: &str,
        partition: PartitionId,
        start: Start,
    ) -> Result<(), ConsumerError> {
        let key = self.assigned(topic, partition)?;
        self.shared.change(|session| session.seek(&key, start));
        Ok(())
    }

    /// Gives out nothing more of one partition until [`Consumer::resume`]. What was fetched of it is
    /// dropped, and fetched again then, so that it leaves the budget to the other partitions.
    pub fn pause(&self, topic: &str, partition: PartitionId) -> Result<(), ConsumerError> {
        let key = self.assigned(topic, partition)?;
        self.shared.change(|session| session.pause(&key));
        Ok(())
    }

    /// Gives out records of one partition again, where they stopped.
    pub fn resume(&self, topic: &str, partition: PartitionId) -> Result<(), ConsumerError> {
        let key = self.assigned(topic, partition)?;
        self.shared.change(|session| session.resume(&key));
        Ok(())
    }

    /// The offset of the next record that will be given out of one partition; `None` while a start
    /// that is no offset is being looked up, or when the partition is not assigned.
    pub fn position(&self, topic: &str, partition: PartitionId) -> Option<Offset> {
        let key = self.assigned(topic, partition).ok()?;
        self.shared.session(|session| session.claim(&key)?.position())
    }

    /// The offset that the partition's next record would have, as the broker last said.
    pub fn high_watermark(&self, topic: &str, partition: PartitionId) -> Option<Offset> {
        let key = self.assigned(topic, partition).ok()?;
        self.shared.session(|session| session.claim(&key)?.high_watermark())
    }

    /// What it counted so far.
    pub fn metrics(&self) -> ConsumerMetrics {
        let records = self.shared.records.load(Ordering::Relaxed);
        self.shared.session(|session| {
            let Counts { answers, bytes, disconnects } = session.counts();
            let partitions = session.keys().count() as u64;
            let prefetched_bytes = session.prefetched();
            ConsumerMetrics { records, answers, bytes, disconnects, prefetched_bytes, partitions }
        })
    }

    fn assigned(&self, topic: &str, partition: PartitionId) -> Result<Key, ConsumerError> {
        let key = (topic_name(topic)?, partition);
        match self.shared.session(|session| session.claim(&key).is_some()) {
            true => Ok(key),
            false => Err(ConsumerError::NotAssigned { topic: key.0, partition }),
        }
    }

    /// The next records, all of one partition. Those of a batch that the [`Stream`] has begun to give
    /// out are passed over by no one: they come first.
    pub async fn next_batch(&mut self) -> Result<ConsumedBatch, ConsumerError> {
        poll_fn(|context| self.poll_batch(context)).await
    }

    fn poll_batch(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<ConsumedBatch, ConsumerError>> {
        loop {
            if let Some(current) = self.wanted_current() {
                let rest = current.batch.after(current.next);
                current.position.set(rest.next_offset());
                self.current = None;
                return Poll::Ready(Ok(rest));
            }
            match self.poll_current(context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// What is being given out, unless it is all out, or not wanted any more.
    fn wanted_current(&mut self) -> Option<&mut Current> {
        let changes = self.shared.changes();
        let current = self.current.as_mut()?;
        if current.changes != changes {
            let (key, sitting) = (&current.key, current.sitting);
            if !self.shared.session(|session| session.is_current(key, sitting)) {
                self.current = None;
                return None;
            }
            current.changes = changes;
        }
        if current.next < current.batch.len() {
            return self.current.as_mut();
        }
        self.current = None;
        None
    }

    /// Fetches the next answer with records in it to be given out.
    fn poll_current(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConsumerError>> {
        loop {
            self.shared.reader.register(context.waker());
            let changes = self.shared.changes();
            match self.shared.pop() {
                None => return Poll::Pending,
                Some(Item::Failure(error)) => return Poll::Ready(Err(error)),
                Some(Item::Answer(answer)) => match self.unpack(answer, changes) {
                    Ok(current) if current.batch.len() == 0 => {
                        current.position.set(current.batch.next_offset());
                    }
                    Ok(current) => {
                        self.current = Some(current);
                        return Poll::Ready(Ok(()));
                    }
                    Err(error) => return Poll::Ready(Err(error)),
                },
            }
        }
    }

    fn unpack(&mut self, answer: Answer, changes: u64) -> Result<Current, ConsumerError> {
        let bytes_max = self.shared.config.decompressed_bytes_max.0;
        let (from, key) = (answer.from, answer.key);
        let (topic, partition) = key.clone();
        match decode(&answer.batches, from, &mut self.scratch, bytes_max) {
            Ok((sources, records)) => {
                self.shared.records.fetch_add(records.len() as u64, Ordering::Relaxed);
                let (high_watermark, next_offset) = (answer.high_watermark, answer.next_offset);
                let decoded =
                    Decoded { topic, partition, high_watermark, next_offset, sources, records };
                let (position, sitting) = (answer.position, answer.sitting);
                let batch = ConsumedBatch::new(Arc::new(decoded));
                Ok(Current { batch, next: 0, key, position, sitting, changes })
            }
            Err(error) => {
                self.shared.change(|session| session.fail(&key));
                let why = error.to_string();
                Err(ConsumerError::Corrupt { topic, partition, offset: from, why })
            }
        }
    }
}

impl Stream for Consumer {
    type Item = Result<ConsumedRecord, ConsumerError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(current) = self.wanted_current() {
                let record = current.batch.get(current.next).expect("it is not all out");
                current.next += 1;
                current.position.set(match current.next < current.batch.len() {
                    true => record.offset().plus(1),
                    false => current.batch.next_offset(),
                });
                return Poll::Ready(Some(Ok(record)));
            }
            match self.poll_current(context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.shared.close();
    }
}

fn topic_name(topic: &str) -> Result<TopicName, ConsumerError> {
    TopicName::new(topic).map_err(|error| ClientError::from(error).into())
}
