//! Metadata: the brokers, and the topics that are asked for; makes those that are not there, where
//! client and settings allow it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use ottla_broker::{AdminError, CreateTopic, TopicRef};
use ottla_kafka_codec::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
use ottla_kafka_codec::{CodecError, ErrorCode, Str};
use ottla_metadata::TopicImage;
use ottla_model::limits::KAFKA_AUTO_CREATED_TOPICS_MAX;
use ottla_model::{PartitionId, TopicId, TopicName};

use super::topics::{self, NO_ID};
use crate::call::Call;
use crate::errors;
use crate::settings::Advertised;

/// The first version that tells "all topics" from "no topics".
const NULL_IS_ALL_FROM: i16 = 1;
/// The first version that may ask by id.
const BY_ID_FROM: i16 = 12;

/// What anybody may do with a topic, as bits: read, write, create, delete, alter, describe, and
/// describe and alter its settings. There is no authorisation yet.
pub(super) const TOPIC_OPERATIONS: i32 =
    1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11;
/// What anybody may do with the cluster: create, alter, describe, act for it, describe and alter its
/// settings, write idempotently.
pub(super) const CLUSTER_OPERATIONS: i32 =
    1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;

pub(super) async fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: MetadataRequest<'_> = call.decode()?;
    let asked =
        request.topics.filter(|topics| call.version() >= NULL_IS_ALL_FROM || !topics.is_empty());
    let mut topics = match asked {
        None => every_topic(call),
        Some(asked) => {
            let mut topics = Vec::with_capacity(asked.len());
            let mut is_first = topics::first_time();
            let mut may_create = KAFKA_AUTO_CREATED_TOPICS_MAX;
            for topic in asked {
                if !is_first((topic.topic_id, topic.name.as_deref().map(str::to_owned))) {
                    continue;
                }
                let may = request.allow_auto_topic_creation;
                topics.push(find(call, topic, may.then_some(&mut may_create)).await);
            }
            topics
        }
    };
    if request.include_topic_authorized_operations {
        for topic in &mut topics {
            topic.topic_authorized_operations = TOPIC_OPERATIONS;
        }
    }
    let cluster = call.door.broker.describe_cluster();
    let mut response = MetadataResponse {
        brokers: brokers(call),
        cluster_id: Some(cluster_id(call).into()),
        controller_id: cluster.controller.map_or(-1, |id| id.0),
        topics,
        ..Default::default()
    };
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    Ok(call.encode(&response))
}

/// The cluster's id, spelled as Kafka spells ids.
pub(super) fn cluster_id(call: &Call) -> String {
    URL_SAFE_NO_PAD.encode(call.door.broker.describe_cluster().cluster_id.to_bytes())
}

fn brokers(call: &Call) -> Vec<MetadataResponseBroker<'static>> {
    let brokers = addresses(call).into_iter().map(|(node_id, at)| MetadataResponseBroker {
        node_id,
        host: at.host.into(),
        port: at.port.into(),
        rack: None,
    });
    brokers.collect()
}

/// Every broker with the place where this client reaches it: this one where it was reached, or where
/// it is advertised; the others where they registered.
pub(super) fn addresses(call: &Call) -> Vec<(i32, Advertised)> {
    let broker = &call.door.broker;
    let this = broker.describe_cluster().this_broker;
    let image = broker.image();
    let others = image.brokers().iter().filter(|other| other.id != this).filter_map(|other| {
        let at = other.endpoint("kafka")?;
        Some((other.id.0, Advertised { host: at.host.clone(), port: at.port }))
    });
    let mut addresses: Vec<_> = others.collect();
    addresses.push((this.0, call.advertised()));
    addresses.sort();
    addresses
}

fn every_topic(call: &Call) -> Vec<MetadataResponseTopic<'static>> {
    let image = call.door.broker.image();
    let mut topics: Vec<_> = image.topics().iter().map(|topic| described(topic)).collect();
    topics.sort_by(|a, b| a.name.cmp(&b.name));
    topics
}

async fn find<'a>(
    call: &Call,
    asked: MetadataRequestTopic<'a>,
    may_create: Option<&mut usize>,
) -> MetadataResponseTopic<'a> {
    let by_id = asked.topic_id != NO_ID;
    let found = match &asked.name {
        _ if by_id && call.version() < BY_ID_FROM => Err(ErrorCode::INVALID_REQUEST),
        None if !by_id => Err(ErrorCode::INVALID_REQUEST),
        _ if by_id => with_id(call, TopicId::from_bytes(asked.topic_id)),
        name => with_name(call, name.as_deref().unwrap_or_default(), may_create).await,
    };
    found.unwrap_or_else(|code| MetadataResponseTopic {
        error_code: code.0,
        name: asked.name,
        topic_id: asked.topic_id,
        ..Default::default()
    })
}

fn with_id(call: &Call, id: TopicId) -> Result<MetadataResponseTopic<'static>, ErrorCode> {
    let image = call.door.broker.image();
    image.topics().get(id).map(|topic| described(topic)).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)
}

async fn with_name(
    call: &Call,
    name: &str,
    may_create: Option<&mut usize>,
) -> Result<MetadataResponseTopic<'static>, ErrorCode> {
    let TopicRef::Name(name) = topics::named(name)? else {
        return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
    };
    let known = |name: &TopicName| {
        let image = call.door.broker.image();
        image.topics().named(name).map(|topic| described(topic))
    };
    if let Some(topic) = known(&name) {
        return Ok(topic);
    }
    let Some(left) = may_create.filter(|_| call.door.settings.auto_create_topics) else {
        return Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    };
    *left = left.checked_sub(1).ok_or(ErrorCode::LEADER_NOT_AVAILABLE)?;
    let wanted = CreateTopic {
        name: name.clone(),
        partitions: None,
        config: Default::default(),
        validate_only: false,
    };
    match call.door.broker.create_topic(wanted).await {
        // Somebody else was faster.
        Ok(_) | Err(AdminError::TopicExists { .. }) => {}
        Err(error) => return Err(errors::of_admin(&error)),
    }
    known(&name).ok_or(ErrorCode::LEADER_NOT_AVAILABLE)
}

fn described(topic: &TopicImage) -> MetadataResponseTopic<'static> {
    let partitions = topic.partitions().map(|(PartitionId(index), partition)| {
        let leaderless = ErrorCode::LEADER_NOT_AVAILABLE;
        let error_code = partition.leader.map_or(leaderless, |_| ErrorCode::NONE).0;
        MetadataResponsePartition {
            error_code,
            partition_index: index.cast_signed(),
            leader_id: partition.leader.map_or(-1, |id| id.0),
            leader_epoch: partition.leader_epoch.0,
            replica_nodes: partition.replicas.iter().map(|id| id.0).collect(),
            isr_nodes: partition.isr.iter().map(|id| id.0).collect(),
            offline_replicas: Vec::new(),
        }
    });
    MetadataResponseTopic {
        name: Some(Str::from(topic.name.as_str().to_owned())),
        topic_id: topic.id.to_bytes(),
        partitions: partitions.collect(),
        ..Default::default()
    }
}
