//! The facade: everything that a door may ask, in domain words.

use std::sync::Arc;

use ottla_model::{Offset, PartitionId};

use crate::admission::Admission;
use crate::describe::{
    AlterTopicConfig, ClusterDescription, CreateTopic, PartitionDescription, TopicDescription,
    TopicSummary,
};
use crate::error::{AdminError, FetchError, LookupError, ProduceError};
use crate::produce::ProduceAck;
use crate::request::{
    FetchRequest, Fetched, OffsetAt, OffsetFound, ProduceRequest, ProducerIdentity, TopicRef,
};

/// One broker. Cheap to clone; every clone is the same broker.
#[derive(Clone, Debug)]
pub struct Broker(Arc<Inner>);

#[derive(Debug)]
struct Inner {}

impl Broker {
    /// Waits until there is room for `bytes`, then reserves it. Call it before a batch is taken
    /// from the network, so that a full broker slows its producers down. Cancel-safe.
    ///
    /// # Errors
    /// When the disk has reached its reserve, the directory is offline, or the wait was too long.
    pub async fn admit(&self, bytes: u64) -> Result<Admission, ProduceError> {
        let _ = (&self.0, bytes);
        unimplemented!()
    }

    /// Appends a batch at once, in the order of the calls; the answer resolves when the batch is
    /// as safe as was asked. Dropping the answer does not undo the append.
    pub fn produce(&self, request: ProduceRequest) -> ProduceAck {
        let _ = request;
        unimplemented!()
    }

    /// Reads whole batches; waits at the end of the partition when asked to. Cancel-safe.
    ///
    /// # Errors
    /// When there is no such partition or offset, or the log cannot be read.
    pub async fn fetch(&self, request: FetchRequest) -> Result<Fetched, FetchError> {
        let _ = request;
        unimplemented!()
    }

    /// Looks an offset up. Cancel-safe.
    ///
    /// # Errors
    /// When there is no such partition, or the log cannot be read.
    pub async fn list_offset(
        &self,
        topic: &TopicRef,
        partition: PartitionId,
        at: OffsetAt,
    ) -> Result<OffsetFound, FetchError> {
        let _ = (topic, partition, at);
        unimplemented!()
    }

    /// Every topic, in order of names.
    pub fn list_topics(&self) -> Vec<TopicSummary> {
        unimplemented!()
    }

    /// One topic, with its partitions and settings.
    ///
    /// # Errors
    /// When there is no such topic.
    pub fn describe_topic(&self, topic: &TopicRef) -> Result<TopicDescription, LookupError> {
        let _ = topic;
        unimplemented!()
    }

    /// One partition.
    ///
    /// # Errors
    /// When there is no such partition.
    pub fn describe_partition(
        &self,
        topic: &TopicRef,
        partition: PartitionId,
    ) -> Result<PartitionDescription, LookupError> {
        let _ = (topic, partition);
        unimplemented!()
    }

    /// The cluster as this broker sees it.
    pub fn describe_cluster(&self) -> ClusterDescription {
        unimplemented!()
    }

    /// Makes a topic and waits until this broker serves it.
    ///
    /// # Errors
    /// When the name is taken or a setting is wrong.
    pub async fn create_topic(&self, request: CreateTopic) -> Result<TopicSummary, AdminError> {
        let _ = request;
        unimplemented!()
    }

    /// Deletes a topic and waits until this broker has closed it.
    ///
    /// # Errors
    /// When there is no such topic.
    pub async fn delete_topic(&self, topic: &TopicRef) -> Result<(), AdminError> {
        let _ = topic;
        unimplemented!()
    }

    /// Gives a topic more partitions, `partitions` in all, and waits until this broker serves them.
    ///
    /// # Errors
    /// When there is no such topic, or it has as many already.
    pub async fn add_partitions(
        &self,
        topic: &TopicRef,
        partitions: u32,
        validate_only: bool,
    ) -> Result<(), AdminError> {
        let _ = (topic, partitions, validate_only);
        unimplemented!()
    }

    /// Changes settings of a topic and waits until they hold here.
    ///
    /// # Errors
    /// When there is no such topic, or a setting is wrong.
    pub async fn alter_topic_config(
        &self,
        topic: &TopicRef,
        change: AlterTopicConfig,
    ) -> Result<(), AdminError> {
        let _ = (topic, change);
        unimplemented!()
    }

    /// Forgets the records below `before` (`None`: all that may be seen). Answers where the
    /// partition begins now.
    ///
    /// # Errors
    /// When there is no such partition, or `before` lies beyond its end.
    pub async fn delete_records(
        &self,
        topic: &TopicRef,
        partition: PartitionId,
        before: Option<Offset>,
    ) -> Result<Offset, AdminError> {
        let _ = (topic, partition, before);
        unimplemented!()
    }

    /// A producer identity that nobody has or will have.
    ///
    /// # Errors
    /// When the controller did not answer.
    pub async fn allocate_producer_id(&self) -> Result<ProducerIdentity, AdminError> {
        unimplemented!()
    }

    /// Whether it serves: `Err` says why not.
    ///
    /// # Errors
    /// When the data directory is offline, or the server is starting or shutting down.
    pub fn health(&self) -> Result<(), String> {
        unimplemented!()
    }
}
