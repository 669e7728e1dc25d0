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

/// The topic of this name, if there is one. To be asked once for all partitions of a topic: the broker
/// would look for a similar name each time.
pub(crate) fn existing(broker: &Broker, name: &str) -> Result<TopicRef, ErrorCode> {
    let topic = known_as(name)?;
    match is_there(broker, &topic) {
        true => Ok(topic),
        false => Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
    }
}

fn is_there(broker: &Broker, topic: &TopicRef) -> bool {
    let image = broker.image();
    match topic {
        TopicRef::Name(name) => image.topics().named(name).is_some(),
        TopicRef::Id(id) => image.topics().get(*id).is_some(),
    }
}

/// The topic, if there is one; by id from the version on that names topics so.
pub(crate) fn of(
    broker: &Broker,
    name: &Str<'_>,
    id: Uuid,
    by_id: bool,
) -> Result<TopicRef, ErrorCode> {
    if !by_id {
        return existing(broker, name);
    }
    let topic = TopicRef::Id(TopicId::from_bytes(id));
    if is_there(broker, &topic) { Ok(topic) } else { Err(ErrorCode::UNKNOWN_TOPIC_ID) }
}

/// How many partitions are looked at before others have their turn.
const AT_A_TIME: usize = 256;

/// Lets others have their turn now and then, within what goes through many partitions.
#[derive(Debug, Default)]
pub(crate) struct Turns(usize);

impl Turns {
    /// One more partition was looked at.
    pub(crate) async fn took_one(&mut self) {
        self.0 += 1;
        if self.0.is_multiple_of(AT_A_TIME) {
            tokio::task::yield_now().await;
        }
    }
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
