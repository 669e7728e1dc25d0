//! Answers of the cluster, in our words. An answer that cannot be one is described, not trusted.

use ottla_model::{BrokerId, ClusterId, LeaderEpoch, Offset, PartitionId, TopicName};
use ottla_wire::convert::topic_id;
use ottla_wire::error::RichError;
use ottla_wire::v1;

use crate::error::ClientError;
use crate::topic::{
    BrokerDescription, ClusterDescription, ConfigEntry, OffsetAt, PartitionDescription,
    TopicDescription, TopicListing,
};

pub(crate) fn cluster(answer: v1::DescribeClusterResponse) -> Result<ClusterDescription, String> {
    let id = <[u8; 16]>::try_from(&*answer.cluster_id)
        .map_err(|_| format!("a cluster id of {} bytes", answer.cluster_id.len()))?;
    let brokers = answer.brokers.into_iter();
    Ok(ClusterDescription {
        cluster_id: ClusterId::from_bytes(id),
        controller: answer.controller_id.map(BrokerId),
        brokers: brokers
            .map(|b| BrokerDescription { id: BrokerId(b.id), address: b.address, online: b.online })
            .collect(),
        features: answer.features.into_iter().map(|f| (f.name, f.version)).collect(),
        version: answer.version,
    })
}

pub(crate) fn listing(summary: v1::TopicSummary) -> Result<TopicListing, String> {
    Ok(TopicListing {
        name: TopicName::new(&summary.name).map_err(|error| error.to_string())?,
        id: topic_id(&summary.id).map_err(|error| error.to_string())?,
        partitions: summary.partitions,
        internal: summary.internal,
    })
}

pub(crate) fn description(answer: v1::DescribeTopicResponse) -> Result<TopicDescription, String> {
    let summary = listing(answer.topic.ok_or("a topic without its name")?)?;
    Ok(TopicDescription {
        name: summary.name,
        id: summary.id,
        config: answer.config.into_iter().map(config_entry).collect(),
        partitions: answer.partitions.into_iter().map(partition).collect(),
    })
}

pub(crate) fn config_entry(entry: v1::ConfigEntry) -> ConfigEntry {
    ConfigEntry {
        is_default: entry.source() == v1::ConfigSource::Default,
        key: entry.name,
        value: entry.value,
        doc: entry.documentation,
    }
}

fn partition(partition: v1::PartitionDescription) -> PartitionDescription {
    let brokers = |ids: Vec<i32>| ids.into_iter().map(BrokerId).collect();
    PartitionDescription {
        partition: PartitionId(partition.partition),
        leader: partition.leader.map(BrokerId),
        leader_epoch: LeaderEpoch(partition.leader_epoch),
        replicas: brokers(partition.replicas),
        isr: brokers(partition.in_sync_replicas),
        log_start: partition.log_start.map(Offset),
        high_watermark: partition.high_watermark.map(Offset),
        bytes: partition.bytes,
        offline: Some(partition.offline).filter(|why| !why.is_empty()),
        damaged: partition.damaged,
    }
}

pub(crate) fn refused(error: v1::Error) -> ClientError {
    ClientError::Refused(Box::new(RichError::from(error).into()))
}

impl From<OffsetAt> for v1::OffsetAt {
    fn from(at: OffsetAt) -> Self {
        use v1::offset_at::{At, Earliest, Latest, MaxTimestamp};
        let at = match at {
            OffsetAt::Earliest => At::Earliest(Earliest {}),
            OffsetAt::Latest => At::Latest(Latest {}),
            OffsetAt::MaxTimestamp => At::MaxTimestamp(MaxTimestamp {}),
            OffsetAt::Timestamp(time) => At::TimestampMs(time.0),
        };
        Self { at: Some(at) }
    }
}
