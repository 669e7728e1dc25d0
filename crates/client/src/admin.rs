//! Administration: topics, their settings and partitions, and the cluster.

use std::time::Duration;

use ottla_model::{BrokerId, Offset, PartitionId, Timestamp, TopicId, TopicName};
use ottla_wire::v1;
use ottla_wire::v1::topic_service_client::TopicServiceClient;

use crate::client::{Client, protocol};
use crate::convert;
use crate::error::ClientError;
use crate::topic::{
    ClusterDescription, ConfigChanges, ConfigEntry, ListedOffset, NewTopic, OffsetAt,
    TopicDescription, TopicListing,
};
use crate::tries::Tries;

/// How many topics one page of the list has.
const PAGE_TOPICS: u32 = 1_000;

/// What the cluster says of a topic that was to be created.
const TOPIC_EXISTS: &str = "TOPIC_EXISTS";
/// What the cluster says of a topic that is not there.
const UNKNOWN_TOPIC: &str = "UNKNOWN_TOPIC";

/// Instead of an offset, in what deletes: everything that readers may see now.
const ALL_NOW: Offset = Offset(-1);

/// A partition, and by which of its topic's names it is asked for.
#[derive(Debug)]
struct Place<'a> {
    topic: &'a TopicName,
    reference: v1::TopicRef,
    partition: PartitionId,
}

/// What a client may ask of a cluster beside records.
///
/// Each call is tried for as long as the settings' `request_timeout`, so that a broker may restart or
/// a leader move meanwhile. It is made again after an attempt of which nobody knows what became of it,
/// and then the answer is read accordingly: what was to be created may exist, what was to be deleted may
/// be gone. Names and places that move are looked up once, before the first attempt: another one must not
/// touch a topic that was made again meanwhile under the same name, or records that came meanwhile.
#[derive(Clone, Debug)]
pub struct Admin {
    client: Client,
}

impl Admin {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Creates a topic; with `validate_only` says what it would be (and its id means nothing).
    ///
    /// When it exists after an attempt whose answer was lost, with the partitions that were asked for,
    /// it counts as created: nobody can tell whose it is.
    pub async fn create_topic(&self, topic: NewTopic) -> Result<TopicListing, ClientError> {
        let name = TopicName::new(&topic.name)?;
        let request = v1::CreateTopicRequest {
            name: name.as_str().to_owned(),
            partitions: partitions_asked(&topic)?,
            replication_factor: 0,
            config: topic.config,
            validate_only: topic.validate_only,
        };
        let mut tries = self.client.tries();
        loop {
            let created = self.create_once(&tries, request.clone()).await;
            match created {
                Ok(topic) => return Ok(topic),
                Err(error) if tries.doubtful() && error.code() == Some(TOPIC_EXISTS) => {
                    let there = self.describe_topic(name.as_str()).await?;
                    let same = [0, there.partitions.len()].contains(&(request.partitions as usize));
                    return if same { Ok(there.listing()) } else { Err(error) };
                }
                Err(error) => tries.after(error).await?,
            }
        }
    }

    async fn create_once(
        &self,
        tries: &Tries<'_>,
        request: v1::CreateTopicRequest,
    ) -> Result<TopicListing, ClientError> {
        let validate_only = request.validate_only;
        let (address, answer) = self
            .client
            .call(tries, request, |channel, request| async move {
                TopicServiceClient::new(channel).create_topic(request).await
            })
            .await?;
        let mut summary = answer.topic.ok_or_else(|| missing(&address, "topic"))?;
        if summary.id.is_empty() && validate_only {
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
        let patience = self.client.config().request_timeout;
        self.describe_topic_within(patience, &TopicName::new(topic)?).await
    }

    pub(crate) async fn describe_topic_within(
        &self,
        patience: Duration,
        topic: &TopicName,
    ) -> Result<TopicDescription, ClientError> {
        let request = v1::DescribeTopicRequest { topic: Some(topic.clone().into()) };
        let (address, answer) = self
            .client
            .read_within(patience, request, |channel, request| async move {
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
        let name = TopicName::new(topic)?;
        let tries = self.client.tries();
        let id = self.topic_id(&tries, &name).await?;
        let request = v1::AlterTopicConfigRequest {
            topic: Some(id.into()),
            set: changes.set,
            unset: changes.unset,
            validate_only: changes.validate_only,
        };
        let (_, answer) = self
            .client
            .read_within(tries.left(), request, |channel, request| async move {
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
        let name = TopicName::new(topic)?;
        let mut tries = self.client.tries();
        let id = self.topic_id(&tries, &name).await?;
        let request = v1::AddPartitionsRequest {
            topic: Some(id.into()),
            partitions: total,
            validate_only: false,
        };
        loop {
            let add = |channel, request| async move {
                TopicServiceClient::new(channel).add_partitions(request).await
            };
            match self.client.call(&tries, request.clone(), add).await {
                Ok((address, answer)) => {
                    self.client.forget_route(&name);
                    let summary = answer.topic.ok_or_else(|| missing(&address, "topic"))?;
                    return convert::listing(summary).map_err(|what| protocol(&address, what));
                }
                Err(ClientError::Refused(error)) if tries.doubtful() => {
                    self.client.forget_route(&name);
                    let there = self.describe_topic(topic).await?;
                    let done = there.id == id && there.partitions.len() == total as usize;
                    return if done {
                        Ok(there.listing())
                    } else {
                        Err(ClientError::Refused(error))
                    };
                }
                Err(error) => tries.after(error).await?,
            }
        }
    }

    /// Deletes a topic and everything in it.
    pub async fn delete_topic(&self, topic: &str) -> Result<(), ClientError> {
        let name = TopicName::new(topic)?;
        let mut tries = self.client.tries();
        let id = self.topic_id(&tries, &name).await?;
        let request = v1::DeleteTopicRequest { topic: Some(id.into()) };
        loop {
            let delete = |channel, request| async move {
                TopicServiceClient::new(channel).delete_topic(request).await
            };
            match self.client.call(&tries, request.clone(), delete).await {
                Ok(_) => break,
                Err(error) if tries.doubtful() && error.code() == Some(UNKNOWN_TOPIC) => break,
                Err(error) => tries.after(error).await?,
            }
        }
        self.client.forget_route(&name);
        Ok(())
    }

    /// Deletes the records of a partition before `before`, or for -1 all that readers may see now;
    /// answers where the partition begins then.
    pub async fn delete_records(
        &self,
        topic: &str,
        partition: PartitionId,
        before: Offset,
    ) -> Result<Offset, ClientError> {
        let name = TopicName::new(topic)?;
        let mut tries = self.client.tries();
        let reference = self.topic_id(&tries, &name).await?.into();
        let place = Place { topic: &name, reference, partition };
        let before = match before {
            ALL_NOW => self.end(&mut tries, &place).await?,
            offset => offset,
        };
        loop {
            match self.delete_records_once(&tries, &place, before).await {
                Ok(log_start) => return Ok(log_start),
                Err(error) => tries.after(error).await?,
            }
        }
    }

    /// The offset that the partition's next record that can be read will have.
    async fn end(&self, tries: &mut Tries<'_>, place: &Place<'_>) -> Result<Offset, ClientError> {
        match self.list_offset_trying(tries, place, OffsetAt::Latest).await? {
            Some(end) => Ok(end.offset),
            None => Err(missing(&format!("{}-{}", place.topic, place.partition), "end")),
        }
    }

    async fn delete_records_once(
        &self,
        tries: &Tries<'_>,
        place: &Place<'_>,
        before: Offset,
    ) -> Result<Offset, ClientError> {
        let leader = self.leader(tries, place).await?;
        let before = v1::RecordsBefore { partition: place.partition.0, before_offset: before.0 };
        let topic = Some(place.reference.clone());
        let request = v1::DeleteRecordsRequest { topic, partitions: vec![before] };
        let (address, answer) = self
            .client
            .call_leader(leader, tries, request, |channel, request| async move {
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
        let place = Place { topic: &name, reference: name.clone().into(), partition };
        self.list_offset_trying(&mut self.client.tries(), &place, at).await
    }

    async fn list_offset_trying(
        &self,
        tries: &mut Tries<'_>,
        place: &Place<'_>,
        at: OffsetAt,
    ) -> Result<Option<ListedOffset>, ClientError> {
        loop {
            match self.list_offset_once(tries, place, at).await {
                Ok(found) => return Ok(found),
                Err(error) => tries.after(error).await?,
            }
        }
    }

    async fn list_offset_once(
        &self,
        tries: &Tries<'_>,
        place: &Place<'_>,
        at: OffsetAt,
    ) -> Result<Option<ListedOffset>, ClientError> {
        let leader = self.leader(tries, place).await?;
        let query = v1::OffsetQuery { partition: place.partition.0, at: Some(at.into()) };
        let topic = Some(place.reference.clone());
        let request = v1::ListOffsetsRequest { topic, queries: vec![query] };
        let (address, answer) = self
            .client
            .call_leader(leader, tries, request, |channel, request| async move {
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

    /// Which topic has this name now.
    async fn topic_id(&self, tries: &Tries<'_>, topic: &TopicName) -> Result<TopicId, ClientError> {
        Ok(self.client.route_within(tries.left(), topic, true).await?.id)
    }

    /// Who leads the partition: what is known, and after a failure, what is true now.
    async fn leader(
        &self,
        tries: &Tries<'_>,
        place: &Place<'_>,
    ) -> Result<Option<BrokerId>, ClientError> {
        let again = tries.failures() > 0;
        let route = self.client.route_within(tries.left(), place.topic, again).await?;
        Ok(route.leaders.get(place.partition.0 as usize).copied().flatten())
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
