//! What the metadata log holds: one fact a record.
//!
//! Kinds, versions and field names are on disk and between brokers of different releases: **they are
//! stable**. A new meaning gets a new kind or a higher version, never another reading of an old one.
//! Invariant C9: a record of an unknown kind or a future version is an error, never skipped.

mod codec;

use std::collections::BTreeMap;

use ottla_model::{
    BrokerId, ClusterId, DirectoryId, LeaderEpoch, PartitionId, ProducerId, Timestamp, TopicId,
    TopicName,
};
use serde::{Deserialize, Serialize};

pub use codec::RecordError;

/// One fact. Written by the controller, replayed by everybody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MetadataRecord {
    /// Kind `cluster`: the cluster's id. The first record of every metadata log.
    Cluster(ClusterRecord),
    /// Kind `feature_level`: a feature is used at this level from here on.
    FeatureLevel(FeatureLevelRecord),
    /// Kind `broker`: a broker process began its life.
    Broker(BrokerRecord),
    /// Kind `topic`: a topic exists. Its partitions follow.
    Topic(TopicRecord),
    /// Kind `partitions`: a topic has these partitions more.
    Partitions(PartitionsRecord),
    /// Kind `leadership`: partitions have another leader, leader epoch or in-sync set.
    Leadership(LeadershipRecord),
    /// Kind `topic_config`: settings of a topic were set or unset, all at once.
    TopicConfig(TopicConfigRecord),
    /// Kind `topic_deleted`: a topic, its partitions and settings are gone.
    TopicDeleted(TopicDeletedRecord),
    /// Kind `snapshot`: forget everything; the records after this one in its entry are all there is.
    Snapshot(SnapshotRecord),
    /// Kind `producer_ids`: every producer id below `next` may have been given away.
    ProducerIds(ProducerIdsRecord),
}

/// The cluster's identity.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterRecord {
    /// The cluster's id, from its beginning to its end.
    pub cluster: ClusterId,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A feature's level: what the records after this one may contain.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureLevelRecord {
    /// The feature, such as `metadata.version`.
    pub feature: String,
    /// The level from here on. Never lower than before.
    pub level: u16,
}

/// A broker's life: written whenever its process starts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerRecord {
    /// The broker's number.
    pub broker: BrokerId,
    /// Which life of the cluster's brokers this is: grows with every registration. Requests of an
    /// earlier life are fenced by it.
    pub epoch: i64,
    /// Its data directory. Another id than last time means that the disk was replaced.
    pub directory: DirectoryId,
    /// The machine's boot. Another id than last time means that unflushed bytes may be lost.
    pub boot: String,
    /// Where it can be reached.
    pub endpoints: Vec<Endpoint>,
    /// When it registered.
    pub registered_at: Timestamp,
}

/// Where a broker listens.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Which door: `grpc`, `kafka` or `http`.
    pub listener: String,
    /// The host name or address that clients are told.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// A topic's beginning.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicRecord {
    /// Its id, which no other topic ever has.
    pub topic: TopicId,
    /// Its name, which no other topic has at the same time.
    pub name: TopicName,
    /// When it was made.
    pub created_at: Timestamp,
    /// The settings that differ from the defaults, in their canonical spelling.
    pub config: BTreeMap<String, String>,
}

/// More partitions of a topic.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionsRecord {
    /// The topic.
    pub topic: TopicId,
    /// The number of the first of these; the others follow without a gap.
    pub first: PartitionId,
    /// Where each is kept.
    pub partitions: Vec<Placement>,
}

/// Where a new partition is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// Who has a copy, the preferred leader first. All of them begin in sync.
    pub replicas: Vec<BrokerId>,
}

/// Another leader, leader epoch or in-sync set for some partitions of one topic.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeadershipRecord {
    /// The topic.
    pub topic: TopicId,
    /// What holds from here on, by partition in rising order.
    pub changes: Vec<LeadershipChange>,
}

/// Who leads a partition, and who counts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeadershipChange {
    /// The partition.
    pub partition: PartitionId,
    /// The leader, or none while nobody can lead.
    pub leader: Option<BrokerId>,
    /// The reign. Higher than before whenever the leader, or its process, is another.
    pub leader_epoch: LeaderEpoch,
    /// The replicas that have everything acknowledged, in rising order.
    pub isr: Vec<BrokerId>,
}

/// Settings of a topic, changed together.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicConfigRecord {
    /// The topic.
    pub topic: TopicId,
    /// Each changed setting with its new canonical value, or none where the default is back.
    pub changes: BTreeMap<String, Option<String>>,
}

/// A topic's end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicDeletedRecord {
    /// The topic.
    pub topic: TopicId,
}

/// The beginning of a snapshot within the log. What is below its offset is not needed any more.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotRecord {
    /// How many records follow that make up the snapshot.
    pub records: u64,
}

/// How far producer ids are used up. Durable before any of them is given away (I7).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProducerIdsRecord {
    /// Who got the block that ends here.
    pub broker: BrokerId,
    /// In which of its lives.
    pub broker_epoch: i64,
    /// The first id that is still free.
    pub next: ProducerId,
}
