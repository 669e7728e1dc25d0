//! An image as records again.
//!
//! Invariant C5: replaying a snapshot taken at offset n, and then the log from n on, gives the image
//! that replaying the whole log gives. Equal images have snapshots of equal bytes (C4).

use ottla_model::{Offset, PartitionId};

use crate::image::{Image, PartitionImage, ReplayError, TopicImage};
use crate::record::{
    BrokerRecord, ClusterRecord, FeatureLevelRecord, LeadershipChange, LeadershipRecord,
    MetadataRecord, PartitionsRecord, Placement, ProducerIdsRecord, RecordError, SnapshotRecord,
    TopicRecord,
};

/// The shortest list of records that adds up to an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// The offset of the metadata log at which the image was taken; the tail begins here.
    pub end: Offset,
    /// The records, in an order in which they can be replayed.
    pub records: Vec<MetadataRecord>,
}

/// Why bytes are no snapshot that this release can use.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The first line does not say where the snapshot was taken.
    #[error("metadata snapshot does not begin with its offset")]
    End,
    /// One of its records cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Its records contradict each other.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

impl Snapshot {
    /// The snapshot of this image.
    pub fn of(image: &Image) -> Self {
        let mut records = Vec::new();
        push_cluster(image, &mut records);
        push_brokers(image, &mut records);
        for topic in image.topics().iter() {
            push_topic(topic, &mut records);
        }
        push_producer_ids(image, &mut records);
        Self { end: image.end(), records }
    }

    /// The image that this is a snapshot of.
    ///
    /// # Errors
    /// When the records contradict each other.
    pub fn image(&self) -> Result<Image, ReplayError> {
        let mut image = Image::default();
        for record in &self.records {
            image.replay(record)?;
        }
        image.end = self.end;
        Ok(image)
    }

    /// The snapshot as one entry of the log itself, so that what is below can be forgotten.
    pub fn into_entry(self) -> Vec<MetadataRecord> {
        let count = SnapshotRecord { records: self.records.len() as u64 };
        let mut entry = vec![MetadataRecord::Snapshot(count)];
        entry.extend(self.records);
        entry
    }

    /// The snapshot as bytes: its offset, then one record a line.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = format!("{}\n", self.end).into_bytes();
        for record in &self.records {
            bytes.extend(record.encode());
            bytes.push(b'\n');
        }
        bytes
    }

    /// The snapshot that these bytes are.
    ///
    /// # Errors
    /// When they are damaged, or were written by a release that knows more.
    pub fn decode(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let body = bytes.strip_suffix(b"\n").ok_or(SnapshotError::End)?;
        let mut lines = body.split(|byte| *byte == b'\n');
        let first = lines.next().and_then(|line| std::str::from_utf8(line).ok());
        let end = first.and_then(|line| line.parse().ok()).filter(|end| *end >= 0);
        let end = end.map(Offset).ok_or(SnapshotError::End)?;
        let records = lines.map(MetadataRecord::decode).collect::<Result<_, _>>()?;
        Ok(Self { end, records })
    }
}

fn push_cluster(image: &Image, records: &mut Vec<MetadataRecord>) {
    if let Some(cluster) = image.cluster() {
        records.push(MetadataRecord::Cluster(ClusterRecord {
            cluster: cluster.id,
            created_at: cluster.created_at,
        }));
    }
    for (feature, level) in image.features().iter() {
        let feature = feature.to_owned();
        records.push(MetadataRecord::FeatureLevel(FeatureLevelRecord { feature, level }));
    }
}

/// In the order in which they registered, since broker epochs only grow.
fn push_brokers(image: &Image, records: &mut Vec<MetadataRecord>) {
    let mut brokers: Vec<_> = image.brokers().iter().collect();
    brokers.sort_by_key(|broker| broker.epoch);
    for broker in brokers {
        records.push(MetadataRecord::Broker(BrokerRecord {
            broker: broker.id,
            epoch: broker.epoch,
            directory: broker.directory,
            boot: broker.boot.clone(),
            endpoints: broker.endpoints.clone(),
            registered_at: broker.registered_at,
        }));
    }
}

fn push_topic(topic: &TopicImage, records: &mut Vec<MetadataRecord>) {
    let TopicImage { id, name, created_at, partitions, overrides, config: _ } = topic;
    records.push(MetadataRecord::Topic(TopicRecord {
        topic: *id,
        name: name.clone(),
        created_at: *created_at,
        config: overrides.clone(),
    }));
    if partitions.is_empty() {
        return;
    }
    let placements =
        partitions.iter().map(|partition| Placement { replicas: partition.replicas.clone() });
    records.push(MetadataRecord::Partitions(PartitionsRecord {
        topic: *id,
        first: PartitionId(0),
        partitions: placements.collect(),
    }));
    let changes: Vec<_> = topic.partitions().filter_map(leadership).collect();
    if !changes.is_empty() {
        records.push(MetadataRecord::Leadership(LeadershipRecord { topic: *id, changes }));
    }
}

/// How the partition differs from one that was only just placed.
fn leadership((number, partition): (PartitionId, &PartitionImage)) -> Option<LeadershipChange> {
    let placed = PartitionImage::placed(&Placement { replicas: partition.replicas.clone() });
    (*partition != placed).then(|| LeadershipChange {
        partition: number,
        leader: partition.leader,
        leader_epoch: partition.leader_epoch,
        isr: partition.isr.clone(),
    })
}

fn push_producer_ids(image: &Image, records: &mut Vec<MetadataRecord>) {
    let ids = image.producer_ids();
    if let Some(last) = ids.last {
        records.push(MetadataRecord::ProducerIds(ProducerIdsRecord {
            broker: last.broker,
            broker_epoch: last.broker_epoch,
            next: ids.next,
        }));
    }
}
