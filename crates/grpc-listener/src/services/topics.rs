//! `TopicService`: topics, their settings, their offsets.

mod offsets;

use ottla_broker::{
    AdminError, AlterTopicConfig, ConfigEntry, CreateTopic, CreatedTopic, LookupError,
    PartitionDescription, TopicDescription, TopicSummary,
};
use ottla_wire::convert::id_bytes;
use ottla_wire::v1;
use tonic::{Request, Response, Status};
use v1::topic_service_server::TopicService;

use crate::door::Door;
use crate::errors::{self, Refusal, refused};
use crate::translate;

/// Topics of a page when nobody says, and at most.
const PAGE_TOPICS: usize = 1_000;

pub(super) struct Topics {
    door: Door,
}

impl Topics {
    pub(super) fn new(door: Door) -> Self {
        Self { door }
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl TopicService for Topics {
    async fn create_topic(
        &self,
        request: Request<v1::CreateTopicRequest>,
    ) -> Answer<v1::CreateTopicResponse> {
        let request = request.into_inner();
        let validated_only = request.validate_only;
        let created = self.door.broker.create_topic(creation(request)?).await;
        Ok(Response::new(creation_answer(created.map_err(admin)?, validated_only)))
    }

    async fn list_topics(
        &self,
        request: Request<v1::ListTopicsRequest>,
    ) -> Answer<v1::ListTopicsResponse> {
        Ok(Response::new(page(&self.door.broker.list_topics(), &request.into_inner())))
    }

    async fn describe_topic(
        &self,
        request: Request<v1::DescribeTopicRequest>,
    ) -> Answer<v1::DescribeTopicResponse> {
        let topic = translate::topic(request.into_inner().topic)?;
        let described = self.door.broker.describe_topic(&topic).map_err(lookup)?;
        Ok(Response::new(description(described)))
    }

    async fn alter_topic_config(
        &self,
        request: Request<v1::AlterTopicConfigRequest>,
    ) -> Answer<v1::AlterTopicConfigResponse> {
        let v1::AlterTopicConfigRequest { topic, set, unset, validate_only } = request.into_inner();
        let topic = translate::topic(topic)?;
        let change = AlterTopicConfig { set, unset, validate_only };
        self.door.broker.alter_topic_config(&topic, change).await.map_err(admin)?;
        let described = self.door.broker.describe_topic(&topic).map_err(lookup)?;
        let config = described.config.into_iter().map(config_entry).collect();
        Ok(Response::new(v1::AlterTopicConfigResponse { config }))
    }

    async fn add_partitions(
        &self,
        request: Request<v1::AddPartitionsRequest>,
    ) -> Answer<v1::AddPartitionsResponse> {
        let v1::AddPartitionsRequest { topic, partitions, validate_only } = request.into_inner();
        let topic = translate::topic(topic)?;
        let broker = &self.door.broker;
        broker.add_partitions(&topic, partitions, validate_only).await.map_err(admin)?;
        let mut described = summary(broker.topic(&topic).map_err(lookup)?);
        described.partitions = partitions;
        Ok(Response::new(v1::AddPartitionsResponse { topic: Some(described) }))
    }

    async fn delete_topic(
        &self,
        request: Request<v1::DeleteTopicRequest>,
    ) -> Answer<v1::DeleteTopicResponse> {
        let topic = translate::topic(request.into_inner().topic)?;
        let id = self.door.broker.delete_topic(&topic).await.map_err(admin)?;
        Ok(Response::new(v1::DeleteTopicResponse { id: id_bytes(id) }))
    }

    async fn delete_records(
        &self,
        request: Request<v1::DeleteRecordsRequest>,
    ) -> Answer<v1::DeleteRecordsResponse> {
        let deleted = offsets::delete_records(&self.door.broker, request.into_inner()).await?;
        Ok(Response::new(deleted))
    }

    async fn list_offsets(
        &self,
        request: Request<v1::ListOffsetsRequest>,
    ) -> Answer<v1::ListOffsetsResponse> {
        let listed = offsets::list_offsets(&self.door.broker, request.into_inner()).await?;
        Ok(Response::new(listed))
    }
}

fn admin(error: AdminError) -> Status {
    errors::of_admin(&error).into()
}

fn lookup(error: LookupError) -> Status {
    errors::of_lookup(&error).into()
}

fn creation(request: v1::CreateTopicRequest) -> Result<CreateTopic, Refusal> {
    let v1::CreateTopicRequest { name, partitions, replication_factor, config, validate_only } =
        request;
    if replication_factor > 1 {
        let why = format!("{replication_factor} replicas need as many brokers, and this is one");
        return Err(refused("replication_factor", why));
    }
    Ok(CreateTopic {
        name: translate::topic_name(&name)?,
        partitions: (partitions > 0).then_some(partitions),
        config,
        validate_only,
    })
}

fn creation_answer(topic: CreatedTopic, validated_only: bool) -> v1::CreateTopicResponse {
    let summary = v1::TopicSummary {
        name: topic.name.as_str().to_owned(),
        id: topic.id.map(id_bytes).unwrap_or_default(),
        partitions: topic.partitions,
        replication_factor: 1,
        internal: false,
    };
    let collides_with = topic.collides_with.map(|name| name.as_str().to_owned());
    let collides_with = collides_with.unwrap_or_default();
    v1::CreateTopicResponse { topic: Some(summary), validated_only, collides_with }
}

fn summary(topic: TopicSummary) -> v1::TopicSummary {
    v1::TopicSummary {
        name: topic.name.as_str().to_owned(),
        id: id_bytes(topic.id),
        partitions: topic.partitions,
        replication_factor: 1,
        internal: topic.internal,
    }
}

/// A page of `topics`, which come by name. The token is the last name of the page before.
fn page(topics: &[TopicSummary], request: &v1::ListTopicsRequest) -> v1::ListTopicsResponse {
    let size = match request.page_size as usize {
        0 => PAGE_TOPICS,
        size => size.min(PAGE_TOPICS),
    };
    let wanted = |topic: &&TopicSummary| {
        topic.name.as_str() > request.page_token.as_str()
            && topic.name.as_str().starts_with(&request.name_prefix)
            && (request.include_internal || !topic.internal)
    };
    let mut left = topics.iter().filter(wanted);
    let topics: Vec<_> = left.by_ref().take(size).map(|topic| summary(topic.clone())).collect();
    let last = topics.last().filter(|_| left.next().is_some());
    let next_page_token = last.map(|topic| topic.name.clone()).unwrap_or_default();
    v1::ListTopicsResponse { topics, next_page_token }
}

fn description(topic: TopicDescription) -> v1::DescribeTopicResponse {
    let replicas = topic.partitions.iter().map(|partition| partition.replicas.len()).max();
    v1::DescribeTopicResponse {
        topic: Some(v1::TopicSummary {
            name: topic.name.as_str().to_owned(),
            id: id_bytes(topic.id),
            partitions: topic.partitions.len() as u32,
            replication_factor: replicas.unwrap_or(0) as u32,
            internal: topic.internal,
        }),
        partitions: topic.partitions.into_iter().map(partition).collect(),
        config: topic.config.into_iter().map(config_entry).collect(),
    }
}

fn partition(partition: PartitionDescription) -> v1::PartitionDescription {
    v1::PartitionDescription {
        partition: partition.partition.0,
        leader: partition.leader.map(|leader| leader.0),
        leader_epoch: partition.leader_epoch.0,
        replicas: partition.replicas.iter().map(|replica| replica.0).collect(),
        in_sync_replicas: partition.isr.iter().map(|replica| replica.0).collect(),
        log_start: Some(partition.log_start.0),
        high_watermark: Some(partition.high_watermark.0),
        log_end: Some(partition.log_end.0),
        bytes: Some(partition.size.0),
        offline: partition.offline.unwrap_or_default(),
        damaged: partition.damaged,
    }
}

fn config_entry(entry: ConfigEntry) -> v1::ConfigEntry {
    let source = if entry.is_set { v1::ConfigSource::Topic } else { v1::ConfigSource::Default };
    v1::ConfigEntry {
        name: entry.name,
        value: entry.value,
        source: source as i32,
        documentation: entry.doc,
        default_value: entry.default,
    }
}

#[cfg(test)]
mod tests {
    use ottla_model::{TopicId, TopicName};

    use super::*;

    fn topics(names: &[&str]) -> Vec<TopicSummary> {
        let topic = |name: &&str| TopicSummary {
            id: TopicId::METADATA,
            name: TopicName::new(name).expect("a name"),
            partitions: 1,
            internal: name.starts_with("__"),
        };
        names.iter().map(topic).collect()
    }

    #[test]
    fn pages_follow_each_other_to_the_end_and_hold_every_topic_once() {
        let topics = topics(&["__offsets", "a", "ab", "b", "c"]);
        let mut request = v1::ListTopicsRequest { page_size: 2, ..Default::default() };
        let mut pages = Vec::new();
        loop {
            let page = page(&topics, &request);
            pages.push(page.topics.into_iter().map(|topic| topic.name).collect::<Vec<_>>());
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        assert_eq!(pages, [["a", "ab"], ["b", "c"]]);
        let request = v1::ListTopicsRequest { name_prefix: "a".to_owned(), ..Default::default() };
        assert_eq!(page(&topics, &request).topics.len(), 2);
    }
}
