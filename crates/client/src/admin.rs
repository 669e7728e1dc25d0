//! Administration: topics, their settings and partitions, and the cluster.

use ottla_model::{Offset, PartitionId, Timestamp, TopicName};
use ottla_wire::v1;
use ottla_wire::v1::topic_service_client::TopicServiceClient;

use crate::client::{Client, protocol};
use crate::convert;
use crate::error::ClientError;
use crate::topic::{
    ClusterDescription, ConfigChanges, ConfigEntry, ListedOffset, NewTopic, OffsetAt,
    TopicDescription, TopicListing,
};

/// How many topics one page of the list has.
const PAGE_TOPICS: u32 = 1_000;

/// What a client may ask of a cluster beside records. Each call is one request and one answer, and
/// is tried again by itself only where that cannot do any harm.
#[derive(Clone, Debug)]
pub struct Admin {
    client: Client,
}

impl Admin {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Creates a topic; with `validate_only` says what it would be (and its id means nothing).
    pub async fn create_topic(&self, topic: NewTopic) -> Result<TopicListing, ClientError> {
        let name = TopicName::new(&topic.name)?;
        let request = v1::CreateTopicRequest {
            name: name.as_str().to_owned(),
            partitions: partitions_asked(&topic)?,
            replication_factor: 0,
            config: topic.config,
            validate_only: topic.validate_only,
        };
        let (address, answer) = self
            .client
            .call(request, |channel, request| async move {
                TopicServiceClient::new(channel).create_topic(request).await
            })
            .await?;
        let mut summary = answer.topic.ok_or_else(|| missing(&address, "topic"))?;
        if summary.id.is_empty() && topic.validate_only {
            summary.id = vec![0; 16].into();
        }
        convert::listing(summary).map_err(|what| protocol(&address, what))
    }

    /// Every topic of the users, by name.
    pub async fn list_topics(&self) -> Result<Vec<TopicListing>, ClientError> {
        let mut topics = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = v1::ListTopicsRequest {
                name_prefix: String::new(),
                page_size: PAGE_TOPICS,
                page_token,
                include_internal: false,
            };
            let (address, answer) = self
                .client
                .read(request, |channel, request| async move {
                    TopicServiceClient::new(channel).list_topics(request).await
                })
                .await?;
            for summary in answer.topics {
                topics.push(convert::listing(summary).map_err(|what| protocol(&address, what))?);
            }
            if answer.next_page_token.is_empty() {
                return Ok(topics);
            }
            page_token = answer.next_page_token;
        }
    }

    /// All about one topic.
    pub async fn describe_topic(&self, topic: &str) -> Result<TopicDescription, ClientError> {
        let request = v1::DescribeTopicRequest { topic: Some(TopicName::new(topic)?.into()) };
        let (address, answer) = self
            .client
            .read(request, |channel, request| async move {
                let mut service = TopicServiceClient::new(channel)
                    .max_decoding_message_size(ottla_wire::transport::RESPONSE_BYTES_MAX);
                service.describe_topic(request).await
            })
            .await?;
        convert::description(answer).map_err(|what| protocol(&address, what))
    }

    /// Changes settings of a topic and returns all of them as they are then.
    pub async fn alter_topic_config(
        &self,
        topic: &str,
        changes: ConfigChanges,
    ) -> Result<Vec<ConfigEntry>, ClientError> {
        let request = v1::AlterTopicConfigRequest {
            topic: Some(TopicName::new(topic)?.into()),
            set: changes.set,
            unset: changes.unset,
            validate_only: changes.validate_only,
        };
        let (_, answer) = self
            .client
            .call(request, |channel, request| async move {
                TopicServiceClient::new(channel).alter_topic_config(request).await
            })
            .await?;
        Ok(answer.config.into_iter().map(convert::config_entry).collect())
    }

    /// Grows a topic to `total` partitions. Keys move to other partitions from then on.
    pub async fn add_partitions(
        &self,
        topic: &str,
        total: u32,
    ) -> Result<TopicListing, ClientError> {
        let request = v1::AddPartitionsRequest {
            topic: Some(TopicName::new(topic)?.into()),
            partitions: total,
            validate_only: false,
        };
        let (address, answer) = self
            .client
            .call(request, |channel, request| async move {
                TopicServiceClient::new(channel).add_partitions(request).await
            })
            .await?;
        let summary = answer.topic.ok_or_else(|| missing(&address, "topic"))?;
        convert::listing(summary).map_err(|what| protocol(&address, what))
    }

    /// Deletes a topic and everything in it.
    pub async fn delete_topic(&self, topic: &str) -> Result<(), ClientError> {
        let request = v1::DeleteTopicRequest { topic: Some(TopicName::new(topic)?.into()) };
        self.client
            .call(request, |channel, request| async move {
                TopicServiceClient::new(channel).delete_topic(request).await
            })
            .await?;
        Ok(())
    }

    /// Deletes the records of a partition before `before`; answers where the partition begins then.
    pub async fn delete_records(
        &self,
        topic: &str,
        partition: PartitionId,
        before: Offset,
    ) -> Result<Offset, ClientError> {
        let name = TopicName::new(topic)?;
        let leader = self.leader(&name, partition).await?;
        let before = v1::RecordsBefore { partition: partition.0, before_offset: before.0 };
        let request =
            v1::DeleteRecordsRequest { topic: Some(name.into()), partitions: vec![before] };
        let (address, answer) = self
            .client
            .call_leader(leader, request, |channel, request| async move {
                TopicServiceClient::new(channel).delete_records(request).await
            })
            .await?;
        let deleted = answer.partitions.into_iter().next();
        let deleted = deleted.ok_or_else(|| missing(&address, "partition"))?;
        match deleted.error {
            Some(error) => Err(convert::refused(error)),
            None => Ok(Offset(deleted.log_start)),
        }
    }

    /// Looks up an offset; `None` when no record is that young.
    pub async fn list_offset(
        &self,
        topic: &str,
        partition: PartitionId,
        at: OffsetAt,
    ) -> Result<Option<ListedOffset>, ClientError> {
        let name = TopicName::new(topic)?;
        let leader = self.leader(&name, partition).await?;
        let query = v1::OffsetQuery { partition: partition.0, at: Some(at.into()) };
        let request = v1::ListOffsetsRequest { topic: Some(name.into()), queries: vec![query] };
        let (address, answer) = self
            .client
            .call_leader(leader, request, |channel, request| async move {
                TopicServiceClient::new(channel).list_offsets(request).await
            })
            .await?;
        let listed = answer.offsets.into_iter().next();
        let listed = listed.ok_or_else(|| missing(&address, "offset"))?;
        if let Some(error) = listed.error {
            return Err(convert::refused(error));
        }
        let timestamp = listed.timestamp_ms.map(Timestamp);
        Ok(listed.offset.map(|offset| ListedOffset { offset: Offset(offset), timestamp }))
    }

    /// The cluster, as the broker that answers sees it.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription, ClientError> {
        self.client.describe_cluster().await
    }

    async fn leader(
        &self,
        topic: &TopicName,
        partition: PartitionId,
    ) -> Result<Option<ottla_model::BrokerId>, ClientError> {
        let route = self.client.route(topic, false).await?;
        Ok(route.leaders.get(partition.0 as usize).copied().flatten())
    }
}

/// How many partitions the request asks for; on the wire, 0 is the cluster's default.
fn partitions_asked(topic: &NewTopic) -> Result<u32, ClientError> {
    if topic.partitions == Some(0) {
        let why = format!("topic {} cannot have 0 partitions; give it 1 or more", topic.name);
        return Err(ClientError::Invalid(why));
    }
    Ok(topic.partitions.unwrap_or(0))
}

fn missing(address: &str, what: &str) -> ClientError {
    protocol(address, format!("no {what} in it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// regression: 0 partitions quietly became the default.
    #[test]
    fn no_partitions_are_not_the_default() {
        let asked = |topic: NewTopic| partitions_asked(&topic);
        assert_eq!(asked(NewTopic::new("x")), Ok(0));
        assert_eq!(asked(NewTopic::new("x").partitions(3)), Ok(3));
        let refused = asked(NewTopic::new("x").partitions(0)).unwrap_err().to_string();
        assert!(refused.contains("cannot have 0 partitions"), "{refused}");
    }
}
