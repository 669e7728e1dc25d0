//! Requests in the broker's words.

use ottla_broker::TopicRef;
use ottla_model::{PartitionId, TopicId, TopicName};
use ottla_wire::convert::{self, TopicKey};
use ottla_wire::v1;

use crate::errors::{self, Refusal};

/// The topic of a request.
pub(crate) fn topic(topic: Option<v1::TopicRef>) -> Result<TopicRef, Refusal> {
    let key = convert::topic_of_request(topic).map_err(|error| errors::of_topic_ref(&error))?;
    Ok(broker_ref(key))
}

/// The topic of this name.
pub(crate) fn topic_named(name: &str) -> Result<TopicRef, Refusal> {
    let key = convert::topic_named(name).map_err(|error| errors::of_topic_ref(&error))?;
    Ok(broker_ref(key))
}

/// A name that a topic may have.
pub(crate) fn topic_name(name: &str) -> Result<TopicName, Refusal> {
    Ok(TopicName::new(name).map_err(|error| errors::of_topic_ref(&error.into()))?)
}

/// The topic of this id.
pub(crate) fn topic_with_id(id: &[u8]) -> Result<TopicId, Refusal> {
    Ok(convert::topic_id(id).map_err(|error| errors::of_topic_ref(&error))?)
}

fn broker_ref(key: TopicKey) -> TopicRef {
    match key {
        TopicKey::Name(name) => TopicRef::Name(name),
        TopicKey::Id(id) => TopicRef::Id(id),
    }
}

/// Partitions as a list for people and programs.
pub(crate) fn listed(partitions: &[PartitionId]) -> String {
    partitions.iter().map(PartitionId::to_string).collect::<Vec<_>>().join(",")
}
