//! What callers hold.

use ottla_client::Client;
use ottla_model::TopicName;

use crate::config::ProducerBuilder;
use crate::delivery::{Delivery, ManyDelivery};
use crate::error::ProducerError;
use crate::metrics::ProducerMetrics;
use crate::record::Record;

/// Sends records to any number of topics. Cheap to clone; clones share buffer and connections.
///
/// When the last clone and the last [`TopicProducer`] are dropped, what was sent is still delivered
/// as long as the runtime lives; [`Producer::close`] waits for it.
#[derive(Clone, Debug)]
pub struct Producer {}

impl Producer {
    /// Begins to choose the settings of a producer.
    pub fn builder(client: &Client) -> ProducerBuilder {
        ProducerBuilder::new(client)
    }

    /// The way into one topic, which must exist.
    pub async fn topic(&self, _name: &str) -> Result<TopicProducer, ProducerError> {
        unimplemented!()
    }

    /// Sends what is gathered without waiting any longer, and returns when everything sent before
    /// is decided: delivered, or failed for good. What failed, its delivery says.
    pub async fn flush(&self) -> Result<(), ProducerError> {
        unimplemented!()
    }

    /// Takes no more records, then flushes.
    pub async fn close(&self) -> Result<(), ProducerError> {
        unimplemented!()
    }

    /// What it counted so far.
    pub fn metrics(&self) -> ProducerMetrics {
        unimplemented!()
    }
}

/// Sends records to one topic. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TopicProducer {}

impl TopicProducer {
    /// The topic's name.
    pub fn topic(&self) -> &TopicName {
        unimplemented!()
    }

    /// How many partitions the topic has, as far as is known.
    pub fn partitions(&self) -> u32 {
        unimplemented!()
    }

    /// Takes the record, waiting for room in the buffer if need be. The delivery tells what became
    /// of it; to wait for one record, write `topic.send(record).await?.await?`.
    ///
    /// Cancel-safe: a call that is dropped before it returned has not taken the record.
    pub async fn send(&self, _record: Record<'_>) -> Result<Delivery, ProducerError> {
        unimplemented!()
    }

    /// Takes the record if there is room for it now.
    ///
    /// # Errors
    /// [`ProducerError::BufferFull`] when there is not.
    pub fn try_send(&self, _record: Record<'_>) -> Result<Delivery, ProducerError> {
        unimplemented!()
    }

    /// Takes many records with one delivery for all of them: the fastest way in. Records go in the
    /// order of the iterator; those without key and partition stay side by side.
    ///
    /// A call that is dropped before it returned has taken what it drew from the iterator, except
    /// for the last record drawn.
    pub async fn send_many<'r>(
        &self,
        _records: impl IntoIterator<Item = Record<'r>>,
    ) -> Result<ManyDelivery, ProducerError> {
        unimplemented!()
    }
}
