//! Topics as requests name them: by name, or by id in the newest versions.

use std::collections::BTreeSet;

use ottla_broker::{Broker, TopicRef};
use ottla_kafka_codec::{ErrorCode, Str, Uuid};
use ottla_model::{LeaderEpoch, PartitionId, TopicId, TopicName};

use crate::errors;

/// No id.
pub(crate) const NO_ID: Uuid = [0; 16];

/// The topic of this name.
pub(crate) fn named(name: &str) -> Result<TopicRef, ErrorCode> {
    let name = TopicName::new(name).map_err(|_| ErrorCode::INVALID_TOPIC_EXCEPTION)?;
    Ok(TopicRef::Name(name))
}

/// The topic of this name, where a name that no topic may have is one that no topic has.
pub(crate) fn known_as(name: &str) -> Result<TopicRef, ErrorCode> {
    named(name).map_err(|_| ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
}

/// The topic, by id from the version on that names topics so.
pub(crate) fn of(name: &Str<'_>, id: Uuid, by_id: bool) -> Result<TopicRef, ErrorCode> {
    if by_id { Ok(TopicRef::Id(TopicId::from_bytes(id))) } else { known_as(name) }
}

/// The partition of this index.
pub(crate) fn partition(index: i32) -> Result<PartitionId, ErrorCode> {
    let index = u32::try_from(index).map_err(|_| ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    Ok(PartitionId(index))
}

/// Whether the leader epoch that the client knows is the one under which the partition is led.
/// Less than 0: it knows none, and does not ask.
pub(crate) fn check_epoch(
    broker: &Broker,
    topic: &TopicRef,
    partition: PartitionId,
    known: i32,
) -> Result<(), ErrorCode> {
    let current = broker.leader_epoch(topic, partition);
    let LeaderEpoch(current) = current.map_err(|error| errors::of_lookup(&error))?;
    match known {
        ..0 => Ok(()),
        _ if known < current => Err(ErrorCode::FENCED_LEADER_EPOCH),
        _ if known > current => Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
        _ => Ok(()),
    }
}

/// The keys that are there more than once. A request may have millions: no pair of them is compared.
pub(crate) fn repeated<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeSet<K> {
    let (mut seen, mut repeated) = (BTreeSet::new(), BTreeSet::new());
    for key in keys {
        if let Some(key) = seen.replace(key) {
            repeated.insert(key);
        }
    }
    repeated
}

/// Whether each key is there for the first time, so that what is asked again is not answered again:
/// one small request could have a large answer many times over.
pub(crate) fn first_time<K: Ord>() -> impl FnMut(K) -> bool {
    let mut seen = BTreeSet::new();
    move |key| seen.insert(key)
}
