//! CreateTopics: with a count of partitions or an assignment of replicas, settings, or all defaults.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_broker::CreateTopic;
use ottla_kafka_codec::messages::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest,
    CreateTopicsResponse,
};
use ottla_kafka_codec::{CodecError, ErrorCode};
use ottla_model::TopicName;
use ottla_model::limits::KAFKA_CREATED_TOPICS_DESCRIBED_MAX;

use super::topics::{self, Turns};
use crate::call::Call;
use crate::{configs, errors};

/// What stands for "the broker's default" in counts.
const DEFAULT: i32 = -1;

/// Why a topic cannot be made, for programs and for people.
type Refusal = (ErrorCode, String);

pub(super) async fn answer(call: &Call) -> Result<Vec<Bytes>, CodecError> {
    let request: CreateTopicsRequest<'_> = call.decode()?;
    let mut results = Vec::with_capacity(request.topics.len());
    let names = || request.topics.iter().map(|topic| &*topic.name);
    let (repeated, mut is_first) = (topics::repeated(names()), topics::first_time());
    let mut turns = Turns::default();
    let mut described = 0;
    for topic in request.topics.iter().filter(|topic| is_first(&topic.name)) {
        turns.took_one().await;
        let created = match repeated.contains(&*topic.name) {
            true => Err((ErrorCode::INVALID_REQUEST, "the topic is listed twice".to_owned())),
            false => {
                let describe = described < KAFKA_CREATED_TOPICS_DESCRIBED_MAX;
                described += usize::from(describe);
                create(call, topic, request.validate_only, describe).await
            }
        };
        results.push(created.unwrap_or_else(|(code, message)| CreatableTopicResult {
            name: topic.name.clone(),
            error_code: code.0,
            error_message: Some(message.into()),
            ..Default::default()
        }));
    }
    Ok(call.encode(&CreateTopicsResponse { topics: results, ..Default::default() }))
}

async fn create<'a>(
    call: &Call,
    topic: &CreatableTopic<'a>,
    validate_only: bool,
    describe: bool,
) -> Result<CreatableTopicResult<'a>, Refusal> {
    let name = TopicName::new(&topic.name)
        .map_err(|error| (ErrorCode::INVALID_TOPIC_EXCEPTION, error.to_string()))?;
    let config = config(topic)?;
    let wanted = CreateTopic { name, partitions: partitions(call, topic)?, config, validate_only };
    let overrides = wanted.config.clone();
    let created = call.door.broker.create_topic(wanted).await;
    let created = created.map_err(|error| (errors::of_admin(&error), error.to_string()))?;
    let made = CreatableTopicResult {
        name: topic.name.clone(),
        topic_id: created.id.map(|id| id.to_bytes()).unwrap_or_default(),
        error_message: None,
        ..Default::default()
    };
    if !describe {
        // As Kafka answers whom it may not tell.
        let topic_config_error_code = ErrorCode::POLICY_VIOLATION.0;
        return Ok(CreatableTopicResult { configs: None, topic_config_error_code, ..made });
    }
    Ok(CreatableTopicResult {
        num_partitions: created.partitions.cast_signed(),
        replication_factor: 1,
        configs: Some(described(&overrides)),
        ..made
    })
}

fn config(topic: &CreatableTopic<'_>) -> Result<BTreeMap<String, String>, Refusal> {
    let mut config = BTreeMap::new();
    for entry in &topic.configs {
        let Some(value) = &entry.value else {
            let why = format!("`{}` has no value", entry.name);
            return Err((ErrorCode::INVALID_CONFIG, why));
        };
        config.insert(entry.name.to_string(), value.to_string());
    }
    Ok(config)
}

/// How many partitions are wanted, by count or by assignment.
fn partitions(call: &Call, topic: &CreatableTopic<'_>) -> Result<Option<u32>, Refusal> {
    if !topic.assignments.is_empty() {
        return assigned(call, topic).map(Some);
    }
    if !matches!(topic.replication_factor, -1 | 1) {
        let why = match topic.replication_factor {
            ..=0 => "a replication factor is at least 1, or -1 for the default".to_owned(),
            many => format!("there is 1 broker, too few for a replication factor of {many}"),
        };
        return Err((ErrorCode::INVALID_REPLICATION_FACTOR, why));
    }
    match topic.num_partitions {
        DEFAULT => Ok(None),
        count => match u32::try_from(count) {
            Ok(count @ 1..) => Ok(Some(count)),
            _ => {
                let why = "a topic has at least 1 partition, or -1 for the default".to_owned();
                Err((ErrorCode::INVALID_PARTITIONS, why))
            }
        },
    }
}

/// The count of an assignment by hand, which can only say what would be done anyway.
fn assigned(call: &Call, topic: &CreatableTopic<'_>) -> Result<u32, Refusal> {
    if topic.num_partitions != DEFAULT || i32::from(topic.replication_factor) != DEFAULT {
        let why = "an assignment of replicas says how many there are: give -1 for both counts";
        return Err((ErrorCode::INVALID_REQUEST, why.to_owned()));
    }
    let this = call.door.broker.describe_cluster().this_broker.0;
    let mut indexes: Vec<i32> = topic.assignments.iter().map(|at| at.partition_index).collect();
    indexes.sort_unstable();
    let consecutive = indexes.iter().zip(0..).all(|(index, place)| *index == place);
    let here = topic.assignments.iter().all(|at| at.broker_ids == [this]);
    if !consecutive || !here {
        let why = format!("partitions are numbered from 0, each with the one replica {this}");
        return Err((ErrorCode::INVALID_REPLICA_ASSIGNMENT, why));
    }
    Ok(u32::try_from(indexes.len()).expect("a request holds fewer"))
}

fn described(overrides: &BTreeMap<String, String>) -> Vec<CreatableTopicConfigs<'static>> {
    let entries = configs::of_topic(overrides, 1).into_iter();
    let described = entries.map(|entry| CreatableTopicConfigs {
        config_source: entry.source(),
        name: entry.name.into(),
        value: Some(entry.value.into()),
        read_only: false,
        is_sensitive: false,
    });
    described.collect()
}
