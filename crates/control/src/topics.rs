//! Topics begin, end, and get more partitions.

use ottla_metadata::config::canonical;
use ottla_metadata::record::{MetadataRecord, PartitionsRecord, TopicDeletedRecord, TopicRecord};
use ottla_metadata::request::{
    AddPartitions, CreateTopic, DeleteTopic, PartitionsAdded, TopicCreated, TopicDeleted, TopicRef,
};
use ottla_metadata::{ControllerError, ControllerResponse, Image, TopicImage};
use ottla_model::limits::TOPIC_PARTITIONS_MAX;
use ottla_model::{PartitionId, Rng, Timestamp, TopicId, TopicName};

use crate::configs::check_min_insync;
use crate::decision::Decision;
use crate::placement::place;
use crate::settings::ControlSettings;

/// Names that Kafka keeps for itself, so that its tools find nothing else under them.
const RESERVED: [&str; 5] = [
    "__cluster_metadata",
    "__consumer_offsets",
    "__remote_log_metadata",
    "__share_group_state",
    "__transaction_state",
];

pub(crate) fn create(
    image: &Image,
    want: &CreateTopic,
    settings: &ControlSettings,
    ids: &mut Rng,
    now: Timestamp,
) -> Result<Decision, ControllerError> {
    let CreateTopic { name, partitions, config, validate_only } = want;
    check_name(image, name)?;
    let count = partitions.unwrap_or(settings.partitions_default);
    check_count(image, count, count, settings)?;
    let config = canonical(config)?;
    let partitions = place(image, 0, count)?;
    check_min_insync(&config, partitions.iter().map(|placement| placement.replicas.len()))?;
    let collides_with = collision(image, name);
    let created = |id| TopicCreated { id, partitions: count, collides_with };
    if *validate_only {
        return Ok(Decision::unchanged(ControllerResponse::TopicCreated(created(None))));
    }
    let topic = TopicId::from_random(ids.id_bytes());
    let records = vec![
        MetadataRecord::Topic(TopicRecord { topic, name: name.clone(), created_at: now, config }),
        MetadataRecord::Partitions(PartitionsRecord { topic, first: PartitionId(0), partitions }),
    ];
    Ok(Decision { records, response: ControllerResponse::TopicCreated(created(Some(topic))) })
}

pub(crate) fn delete(image: &Image, want: &DeleteTopic) -> Result<Decision, ControllerError> {
    let topic = find(image, &want.topic)?;
    let TopicImage { id, name, .. } = topic;
    let deleted = TopicDeleted { id: *id, name: name.clone() };
    Ok(Decision {
        records: vec![MetadataRecord::TopicDeleted(TopicDeletedRecord { topic: *id })],
        response: ControllerResponse::TopicDeleted(deleted),
    })
}

pub(crate) fn add_partitions(
    image: &Image,
    want: &AddPartitions,
    settings: &ControlSettings,
) -> Result<Decision, ControllerError> {
    let topic = find(image, &want.topic)?;
    let (before, after) = (topic.partition_count(), want.partitions);
    if after <= before {
        let name = topic.name.clone();
        return Err(ControllerError::NotMorePartitions { name, current: before, requested: after });
    }
    check_count(image, after, after - before, settings)?;
    let partitions = place(image, before as usize, after - before)?;
    let added = PartitionsAdded { id: topic.id, before, after };
    let response = ControllerResponse::PartitionsAdded(added);
    if want.validate_only {
        return Ok(Decision::unchanged(response));
    }
    let record = PartitionsRecord { topic: topic.id, first: PartitionId(before), partitions };
    Ok(Decision { records: vec![MetadataRecord::Partitions(record)], response })
}

/// The topic that a caller names.
pub(crate) fn find<'a>(
    image: &'a Image,
    topic: &TopicRef,
) -> Result<&'a TopicImage, ControllerError> {
    let found = match topic {
        TopicRef::Name(name) => image.topics().named(name),
        TopicRef::Id(id) => image.topics().get(*id),
    };
    match found {
        Some(topic) => Ok(topic),
        None => Err(unknown(image, topic)),
    }
}

fn unknown(image: &Image, topic: &TopicRef) -> ControllerError {
    let nearest = match topic {
        TopicRef::Name(name) => image.topics().nearest(name.as_str()),
        TopicRef::Id(_) => None,
    };
    ControllerError::UnknownTopic { topic: topic.clone(), nearest }
}

fn check_name(image: &Image, name: &TopicName) -> Result<(), ControllerError> {
    if RESERVED.contains(&name.as_str()) {
        return Err(ControllerError::ReservedName { name: name.clone() });
    }
    match image.topics().named(name) {
        Some(topic) => Err(ControllerError::TopicExists { name: name.clone(), id: topic.id }),
        None => Ok(()),
    }
}

/// Kafka names a topic's metrics with `_` for `.`, so that `a.b` and `a_b` are one there. Kafka's
/// controller refuses the second of them; here it is only said, since nothing of ours mixes them up.
fn collision(image: &Image, name: &TopicName) -> Option<TopicName> {
    let merged = |name: &TopicName| name.as_str().replace('.', "_");
    if !name.as_str().contains(['.', '_']) {
        return None;
    }
    let wanted = merged(name);
    image.topics().iter().map(|topic| &topic.name).find(|other| merged(other) == wanted).cloned()
}

/// Whether a topic may have `total` partitions, and the cluster `more`.
fn check_count(
    image: &Image,
    total: u32,
    more: u32,
    settings: &ControlSettings,
) -> Result<(), ControllerError> {
    if total == 0 || total > TOPIC_PARTITIONS_MAX {
        let partitions_max = TOPIC_PARTITIONS_MAX;
        return Err(ControllerError::BadPartitionCount { requested: total, partitions_max });
    }
    let current = image.topics().partition_count();
    let partitions_max = settings.cluster_partitions_max;
    if current + more as usize > partitions_max {
        return Err(ControllerError::TooManyPartitions {
            current,
            requested: more,
            partitions_max,
        });
    }
    Ok(())
}
