//! Administration: topics, their settings and partitions, and the cluster.

use ottla_model::{Offset, PartitionId};

use crate::client::Client;
use crate::error::ClientError;
use crate::topic::{
    ClusterDescription, ConfigChanges, ListedOffset, NewTopic, OffsetAt, TopicDescription,
    TopicListing,
};

/// What a client may ask of a cluster beside records. Each call is one request and one answer, and
/// is tried again by itself only where that cannot do any harm.
#[derive(Clone, Debug)]
pub struct Admin {
    #[allow(dead_code)]
    client: Client,
}

impl Admin {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Creates a topic and describes it; with `validate_only` describes what it would be.
    pub async fn create_topic(&self, _topic: NewTopic) -> Result<TopicDescription, ClientError> {
        unimplemented!()
    }

    /// Every topic, by name.
    pub async fn list_topics(&self) -> Result<Vec<TopicListing>, ClientError> {
        unimplemented!()
    }

    /// All about one topic.
    pub async fn describe_topic(&self, _topic: &str) -> Result<TopicDescription, ClientError> {
        unimplemented!()
    }

    /// Changes settings of a topic and describes it as it is then.
    pub async fn alter_topic_config(
        &self,
        _topic: &str,
        _changes: ConfigChanges,
    ) -> Result<TopicDescription, ClientError> {
        unimplemented!()
    }

    /// Grows a topic to `total` partitions. Keys move to other partitions from then on.
    pub async fn add_partitions(
        &self,
        _topic: &str,
        _total: u32,
    ) -> Result<TopicDescription, ClientError> {
        unimplemented!()
    }

    /// Deletes a topic and everything in it.
    pub async fn delete_topic(&self, _topic: &str) -> Result<(), ClientError> {
        unimplemented!()
    }

    /// Deletes the records of a partition before `before`; answers where the partition begins then.
    pub async fn delete_records(
        &self,
        _topic: &str,
        _partition: PartitionId,
        _before: Offset,
    ) -> Result<Offset, ClientError> {
        unimplemented!()
    }

    /// Looks up an offset; `None` when no record is that young.
    pub async fn list_offset(
        &self,
        _topic: &str,
        _partition: PartitionId,
        _at: OffsetAt,
    ) -> Result<Option<ListedOffset>, ClientError> {
        unimplemented!()
    }

    /// The cluster, as the broker that answers sees it.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription, ClientError> {
        unimplemented!()
    }
}
