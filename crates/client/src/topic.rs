//! What a cluster says about itself, its topics and their partitions.

use std::collections::BTreeMap;

use ottla_model::{BrokerId, ClusterId, LeaderEpoch, Offset, PartitionId, Timestamp};
use ottla_model::{TopicId, TopicName};

/// A topic to be created.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; the cluster's default when absent.
    pub partitions: Option<u32>,
    /// Its settings, such as `retention.ms`; what is not named has the cluster's default.
    pub config: BTreeMap<String, String>,
    /// Only check whether it could be created.
    pub validate_only: bool,
}

impl NewTopic {
    /// A topic of this name with the cluster's defaults.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            partitions: None,
            config: BTreeMap::new(),
            validate_only: false,
        }
    }

    /// The same with this many partitions.
    pub fn partitions(mut self, count: u32) -> Self {
        self.partitions = Some(count);
        self
    }

    /// The same with this setting.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.config.insert(key.to_owned(), value.to_owned());
        self
    }
}

/// What to change in a topic's settings.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConfigChanges {
    /// Settings to set.
    pub set: BTreeMap<String, String>,
    /// Settings that go back to their default.
    pub unset: Vec<String>,
    /// Only check whether they could be changed.
    pub validate_only: bool,
}

/// One line of the list of topics.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicListing {
    /// Its name.
    pub name: TopicName,
    /// Its stable id.
    pub id: TopicId,
    /// How many partitions it has.
    pub partitions: u32,
    /// Whether it is the cluster's own.
    pub internal: bool,
}

/// All about one topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicDescription {
    /// Its name.
    pub name: TopicName,
    /// Its stable id.
    pub id: TopicId,
    /// Every setting, with its value and where that comes from.
    pub config: Vec<ConfigEntry>,
    /// Its partitions, in order.
    pub partitions: Vec<PartitionDescription>,
}

impl TopicDescription {
    /// The value of a setting.
    pub fn config_value(&self, key: &str) -> Option<&str> {
        self.config.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
    }

    /// What a list says of it.
    pub(crate) fn listing(&self) -> TopicListing {
        let partitions = u32::try_from(self.partitions.len()).unwrap_or(u32::MAX);
        TopicListing { name: self.name.clone(), id: self.id, partitions, internal: false }
    }
}

/// One setting of a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigEntry {
    /// Its name, such as `retention.ms`.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Whether the value is the default rather than set for this topic.
    pub is_default: bool,
    /// What it does.
    pub doc: String,
}

/// One partition of a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionDescription {
    /// Its index.
    pub partition: PartitionId,
    /// The broker that leads it, if there is one.
    pub leader: Option<BrokerId>,
    /// Under which reign.
    pub leader_epoch: LeaderEpoch,
    /// The brokers that keep a copy.
    pub replicas: Vec<BrokerId>,
    /// Those of them that are in sync.
    pub isr: Vec<BrokerId>,
    /// The offset of the oldest record that can be read, if the broker knows.
    pub log_start: Option<Offset>,
    /// The offset that the next record that can be read will have, if the broker knows.
    pub high_watermark: Option<Offset>,
    /// Bytes on the leader's disk, if the broker knows.
    pub bytes: Option<u64>,
    /// Why it cannot serve, or not wholly, and what to do about it.
    pub offline: Option<String>,
    /// Whether records that had been acknowledged are lost; what lies before them is still served.
    pub damaged: bool,
}

/// Which offset to look up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OffsetAt {
    /// That of the oldest record that can be read.
    Earliest,
    /// The one that the next record that can be read will have.
    Latest,
    /// That of the record with the largest timestamp.
    MaxTimestamp,
    /// That of the first record whose timestamp is this one or later.
    Timestamp(Timestamp),
}

/// An offset that was looked up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListedOffset {
    /// The offset.
    pub offset: Offset,
    /// The timestamp of the record there, when it was looked up by time.
    pub timestamp: Option<Timestamp>,
}

/// The cluster, as one of its brokers sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClusterDescription {
    /// Its id.
    pub cluster_id: ClusterId,
    /// The broker that leads the controllers, if there is one.
    pub controller: Option<BrokerId>,
    /// The brokers.
    pub brokers: Vec<BrokerDescription>,
    /// What the cluster can do, by name, and from which version on.
    pub features: BTreeMap<String, u32>,
    /// The version of the software of the broker that answered.
    pub version: String,
}

/// One broker of the cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BrokerDescription {
    /// Its number.
    pub id: BrokerId,
    /// Where clients reach it, as `host:port`.
    pub address: String,
    /// Whether it is there.
    pub online: bool,
}
