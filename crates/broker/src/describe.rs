//! What the broker tells about topics, partitions and the cluster; and what it is asked to change.

use std::collections::BTreeMap;

use ottla_model::{
    BrokerId, ByteCount, ClusterId, DirectoryId, LeaderEpoch, Offset, PartitionId, ProducerEpoch,
    ProducerId, Sequence, Timestamp, TopicId, TopicName,
};

/// A topic to be made.
#[derive(Clone, Debug)]
pub struct CreateTopic {
    /// Its name.
    pub name: TopicName,
    /// How many partitions; `None` takes the broker's default.
    pub partitions: Option<u32>,
    /// Settings by their names, as text; everything else has its default.
    pub config: BTreeMap<String, String>,
    /// Only say whether it could be made.
    pub validate_only: bool,
}

/// A topic was made, or could be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreatedTopic {
    /// Its id; none when it was only validated.
    pub id: Option<TopicId>,
    /// Its name.
    pub name: TopicName,
    /// How many partitions it has.
    pub partitions: u32,
    /// A topic whose name differs only in `.` and `_`: in Kafka's metrics the two are one.
    pub collides_with: Option<TopicName>,
}

/// Settings of a topic to be changed.
#[derive(Clone, Debug, Default)]
pub struct AlterTopicConfig {
    /// New values by the setting's name, as text.
    pub set: BTreeMap<String, String>,
    /// Settings that go back to their defaults.
    pub unset: Vec<String>,
    /// Only say whether it could be done.
    pub validate_only: bool,
}

/// A topic as `list` shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicSummary {
    /// Its stable id.
    pub id: TopicId,
    /// Its name.
    pub name: TopicName,
    /// How many partitions it has.
    pub partitions: u32,
    /// Whether the cluster keeps its own state in it.
    pub internal: bool,
}

/// A topic with its partitions and settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicDescription {
    /// Its stable id.
    pub id: TopicId,
    /// Its name.
    pub name: TopicName,
    /// Whether the cluster keeps its own state in it.
    pub internal: bool,
    /// Its partitions, in order.
    pub partitions: Vec<PartitionDescription>,
    /// Every setting, in order of names.
    pub config: Vec<ConfigEntry>,
}

/// One partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionDescription {
    /// Its index.
    pub partition: PartitionId,
    /// Who leads it; `None` while nobody does.
    pub leader: Option<BrokerId>,
    /// Under which reign.
    pub leader_epoch: LeaderEpoch,
    /// Who keeps it.
    pub replicas: Vec<BrokerId>,
    /// Which of them are in sync.
    pub isr: Vec<BrokerId>,
    /// Where it begins.
    pub log_start: Offset,
    /// Where what consumers may see ends.
    pub high_watermark: Offset,
    /// Where the log ends.
    pub log_end: Offset,
    /// Its size on disk and in the unfilled tail, at this broker.
    pub size: ByteCount,
    /// Why it cannot serve, or not wholly, and what to do about it.
    pub offline: Option<String>,
    /// Whether records that had been acknowledged are lost; what lies before them is still served.
    pub damaged: bool,
}

/// An idempotent producer, as a partition remembers it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProducerDescription {
    /// Its id.
    pub id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
    /// The sequence of the last record it wrote here, if a batch of this epoch is remembered.
    pub last_sequence: Option<Sequence>,
    /// When it last wrote here.
    pub last_seen: Timestamp,
}

/// One setting of a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigEntry {
    /// Its name, such as `retention.ms`.
    pub name: String,
    /// Its value as text.
    pub value: String,
    /// What it would be if nobody had set it.
    pub default: String,
    /// Whether somebody set it for this topic.
    pub is_set: bool,
    /// What it means.
    pub doc: String,
}

/// The cluster as this broker sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClusterDescription {
    /// The cluster's id.
    pub cluster_id: ClusterId,
    /// The broker that answers.
    pub this_broker: BrokerId,
    /// The active controller, where there is one.
    pub controller: Option<BrokerId>,
    /// Every registered broker.
    pub brokers: Vec<BrokerDescription>,
    /// What the cluster can do, by name, and from which version on.
    pub features: Vec<(String, u32)>,
    /// How many topics there are.
    pub topics: u32,
    /// How many partitions they have together.
    pub partitions: u32,
}

/// One broker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerDescription {
    /// Its id.
    pub id: BrokerId,
    /// Its data directory's id.
    pub directory: DirectoryId,
    /// Where clients reach its gRPC door, such as `localhost:9095`; empty when it has none.
    pub grpc: String,
    /// The version of Ottla that it runs.
    pub version: String,
}
