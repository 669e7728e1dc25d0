//! What callers hold.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use ottla_client::Client;
use ottla_model::{Offset, PartitionId, TopicName};

use crate::config::{ConsumerBuilder, Start};
use crate::error::ConsumerError;
use crate::record::{ConsumedBatch, ConsumedRecord};

/// Reads partitions that it is told to read. A [`Stream`] of records, in order within a partition;
/// it never ends by itself, and goes on after an error.
///
/// Every method is cancel-safe: a record is given out when the call that gives it returns.
#[derive(Debug)]
pub struct Consumer {}

impl Consumer {
    /// Begins to choose the settings of a consumer.
    pub fn builder(client: &Client) -> ConsumerBuilder {
        ConsumerBuilder::new(client)
    }

    /// Reads all partitions that a topic has now.
    pub async fn assign_topic(&self, _topic: &str, _start: Start) -> Result<(), ConsumerError> {
        unimplemented!()
    }

    /// Reads one partition.
    pub async fn assign(
        &self,
        _topic: &str,
        _partition: PartitionId,
        _start: Start,
    ) -> Result<(), ConsumerError> {
        unimplemented!()
    }

    /// Stops reading one partition; what was fetched of it is dropped.
    pub fn unassign(&self, _topic: &str, _partition: PartitionId) -> Result<(), ConsumerError> {
        unimplemented!()
    }

    /// What it reads.
    pub fn assignment(&self) -> Vec<(TopicName, PartitionId)> {
        unimplemented!()
    }

    /// Goes on reading one partition elsewhere; what was fetched of it is dropped.
    pub fn seek(
        &self,
        _topic: &str,
        _partition: PartitionId,
        _start: Start,
    ) -> Result<(), ConsumerError> {
        unimplemented!()
    }

    /// Gives out nothing more of one partition until [`Consumer::resume`]; what was fetched stays.
    pub fn pause(&self, _topic: &str, _partition: PartitionId) -> Result<(), ConsumerError> {
        unimplemented!()
    }

    /// Gives out records of one partition again.
    pub fn resume(&self, _topic: &str, _partition: PartitionId) -> Result<(), ConsumerError> {
        unimplemented!()
    }

    /// The offset of the next record that will be given out of one partition; `None` while a start
    /// that is no offset is being looked up.
    pub fn position(&self, _topic: &str, _partition: PartitionId) -> Option<Offset> {
        unimplemented!()
    }

    /// The offset that the partition's next record would have, as the broker last said.
    pub fn high_watermark(&self, _topic: &str, _partition: PartitionId) -> Option<Offset> {
        unimplemented!()
    }

    /// The next records, all of one partition.
    pub async fn next_batch(&mut self) -> Result<ConsumedBatch, ConsumerError> {
        unimplemented!()
    }
}

impl Stream for Consumer {
    type Item = Result<ConsumedRecord, ConsumerError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        unimplemented!()
    }
}
