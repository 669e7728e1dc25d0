//! What may be asked of the controller, in domain words, and what it answers.
//!
//! Brokers and the controller never see each other: they meet in these words, over a
//! [`ControllerChannel`].

mod error;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;

use ottla_model::{BrokerId, DirectoryId, Offset, ProducerId, TopicId, TopicName};

pub use error::ControllerError;

use crate::record::Endpoint;

/// The way to whoever is the controller now.
pub trait ControllerChannel: Send + Sync {
    /// Asks, and answers once the decision is durable.
    fn submit(&self, request: ControllerRequest) -> ControllerFuture;
}

/// An answer that is on its way.
pub type ControllerFuture =
    Pin<Box<dyn Future<Output = Result<Committed, ControllerError>> + Send + 'static>>;

/// An answer whose records are durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Committed {
    /// The answer.
    pub response: ControllerResponse,
    /// An image with at least this end has what was decided.
    pub end: Offset,
}

/// What may be asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ControllerRequest {
    /// Make a topic.
    CreateTopic(CreateTopic),
    /// Delete a topic with all its records.
    DeleteTopic(DeleteTopic),
    /// Give a topic more partitions.
    AddPartitions(AddPartitions),
    /// Change settings of a topic, all or none of them.
    AlterTopicConfig(AlterTopicConfig),
    /// Give a broker a block of producer ids that nobody else ever gets.
    AllocateProducerIds(AllocateProducerIds),
    /// Begin a broker's life.
    RegisterBroker(RegisterBroker),
}

/// What was decided: the variant of the request's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ControllerResponse {
    /// To [`ControllerRequest::CreateTopic`].
    TopicCreated(TopicCreated),
    /// To [`ControllerRequest::DeleteTopic`].
    TopicDeleted(TopicDeleted),
    /// To [`ControllerRequest::AddPartitions`].
    PartitionsAdded(PartitionsAdded),
    /// To [`ControllerRequest::AlterTopicConfig`].
    TopicConfigAltered(TopicConfigAltered),
    /// To [`ControllerRequest::AllocateProducerIds`].
    ProducerIds(ProducerIdBlock),
    /// To [`ControllerRequest::RegisterBroker`].
    BrokerRegistered(BrokerRegistered),
}

/// A topic, as a caller names it: by id it cannot be mistaken for one that was made again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TopicRef {
    /// By its name now.
    Name(TopicName),
    /// By its id.
    Id(TopicId),
}

/// Make a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateTopic {
    /// Its name.
    pub name: TopicName,
    /// How many partitions; none is the cluster's default.
    pub partitions: Option<u32>,
    /// Its settings, where they are not the defaults; units may be written (`64MiB`, `7d`).
    pub config: BTreeMap<String, String>,
    /// Only say whether it could be done, and what would come of it.
    pub validate_only: bool,
}

/// A topic was made, or could be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicCreated {
    /// Its id; none when it was only validated.
    pub id: Option<TopicId>,
    /// How many partitions it has.
    pub partitions: u32,
    /// A topic whose name differs only in `.` and `_`: in Kafka's metrics the two are one.
    pub collides_with: Option<TopicName>,
}

/// Delete a topic with all its records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeleteTopic {
    /// The topic.
    pub topic: TopicRef,
}

/// A topic was deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicDeleted {
    /// Its id.
    pub id: TopicId,
    /// The name it had.
    pub name: TopicName,
}

/// Give a topic more partitions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddPartitions {
    /// The topic.
    pub topic: TopicRef,
    /// How many it is to have together, more than it has.
    pub partitions: u32,
    /// Only say whether it could be done.
    pub validate_only: bool,
}

/// A topic has more partitions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionsAdded {
    /// The topic.
    pub id: TopicId,
    /// How many it had.
    pub before: u32,
    /// How many it has.
    pub after: u32,
}

/// Change settings of a topic, all or none of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlterTopicConfig {
    /// The topic.
    pub topic: TopicRef,
    /// Settings with their new values; units may be written.
    pub set: BTreeMap<String, String>,
    /// Settings that go back to their defaults.
    pub unset: BTreeSet<String>,
    /// Only say whether it could be done.
    pub validate_only: bool,
}

/// Settings of a topic were changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicConfigAltered {
    /// The topic.
    pub id: TopicId,
    /// The settings that now differ from the defaults, in canonical spelling.
    pub overrides: BTreeMap<String, String>,
}

/// Give a broker a block of producer ids.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AllocateProducerIds {
    /// The broker that asks.
    pub broker: BrokerId,
    /// In which of its lives.
    pub broker_epoch: i64,
}

/// Producer ids that only this broker may give away.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerIdBlock {
    /// The first.
    pub first: ProducerId,
    /// How many follow each other from there.
    pub count: i64,
}

/// Begin a broker's life.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegisterBroker {
    /// Its number.
    pub broker: BrokerId,
    /// Its data directory.
    pub directory: DirectoryId,
    /// The machine's boot in which it runs.
    pub boot: String,
    /// Where it can be reached.
    pub endpoints: Vec<Endpoint>,
}

/// A broker's life began.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerRegistered {
    /// The epoch to name in later requests.
    pub epoch: i64,
}
