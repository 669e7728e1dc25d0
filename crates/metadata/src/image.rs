//! What the metadata log adds up to at one of its offsets.
//!
//! Invariants:
//! - C4 An image is a pure function of the records before its end: whoever replayed the same prefix
//!   holds an equal image, and its snapshot has equal bytes.
//! - C7 A topic's id is never another topic's; its name is no other topic's at the same time.
//! - Leader epochs, broker epochs, feature levels and the next producer id never go back.
//!
//! Cloning an image is cheap: topics and brokers are shared, and replaced whole when they change.

mod brokers;
mod features;
mod producer_ids;
mod topics;

use ottla_model::{ClusterId, Offset, StreamId, Timestamp};

pub use brokers::{BrokerImage, BrokersImage};
pub use features::{FeaturesImage, METADATA_VERSION, METADATA_VERSION_MAX};
pub use producer_ids::ProducerIdsImage;
pub use topics::{PartitionImage, TopicImage, TopicsImage};

use crate::config::ConfigError;
use crate::record::{ClusterRecord, MetadataRecord, SnapshotRecord};

/// Cluster facts at one offset of the metadata log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Image {
    pub(crate) end: Offset,
    pub(crate) cluster: Option<ClusterImage>,
    pub(crate) features: FeaturesImage,
    pub(crate) brokers: BrokersImage,
    pub(crate) topics: TopicsImage,
    pub(crate) producer_ids: ProducerIdsImage,
}

/// Which cluster this is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClusterImage {
    /// Its id.
    pub id: ClusterId,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Why a record cannot follow the ones before it: the log was damaged, or written by a release with
/// a defect. Nothing was changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReplayError {
    /// The record contradicts what is already known.
    #[error("metadata record `{kind}` at offset {offset} cannot follow what came before: {why}")]
    Contradiction {
        /// The record's kind.
        kind: &'static str,
        /// Its offset in the metadata log.
        offset: Offset,
        /// What it contradicts.
        why: String,
    },
    /// The record uses a feature, or a level of it, that this release does not have.
    #[error(
        "the metadata log uses `{feature}` at level {level}, and this release knows only up to \
         {level_max}; start the release that wrote it, or a newer one"
    )]
    Feature {
        /// The feature.
        feature: String,
        /// Its level in the log.
        level: u16,
        /// The highest level this release knows; 0 when it does not know the feature.
        level_max: u16,
    },
    /// The record sets something that this release does not know.
    #[error("a topic in the metadata log has settings that this release does not take: {0}")]
    Config(#[from] ConfigError),
}

/// Why one part of the image refuses a record; [`Image::replay`] adds which record it was.
pub(crate) enum Refusal {
    Contradiction(String),
    Error(ReplayError),
}

impl From<ConfigError> for Refusal {
    fn from(error: ConfigError) -> Self {
        Self::Error(ReplayError::Config(error))
    }
}

impl Image {
    /// The image before the first record of a log that begins here, because what was below was
    /// forgotten.
    pub fn starting_at(start: Offset) -> Self {
        Self { end: start, ..Self::default() }
    }

    /// The metadata log's offset up to which (exclusive) this image holds everything.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// Which cluster this is; none before the log's first record.
    pub fn cluster(&self) -> Option<ClusterImage> {
        self.cluster
    }

    /// What the records may contain.
    pub fn features(&self) -> &FeaturesImage {
        &self.features
    }

    /// The brokers that ever registered.
    pub fn brokers(&self) -> &BrokersImage {
        &self.brokers
    }

    /// The topics there are.
    pub fn topics(&self) -> &TopicsImage {
        &self.topics
    }

    /// Whether this is the stream of a partition that exists, or one of the cluster's own.
    pub fn has_stream(&self, stream: StreamId) -> bool {
        stream == StreamId::METADATA
            || self
                .topics
                .get(stream.topic)
                .is_some_and(|topic| stream.partition.0 < topic.partition_count())
    }

    /// How far producer ids are used up.
    pub fn producer_ids(&self) -> &ProducerIdsImage {
        &self.producer_ids
    }

    /// Takes the next record of the log: the only way an image ever changes.
    ///
    /// # Errors
    /// When the record cannot follow. The image is as it was.
    pub fn replay(&mut self, record: &MetadataRecord) -> Result<(), ReplayError> {
        self.apply(record).map_err(|refusal| match refusal {
            Refusal::Error(error) => error,
            Refusal::Contradiction(why) => {
                ReplayError::Contradiction { kind: record.kind(), offset: self.end, why }
            }
        })?;
        self.end = self.end.plus(1);
        Ok(())
    }

    fn apply(&mut self, record: &MetadataRecord) -> Result<(), Refusal> {
        match record {
            MetadataRecord::Cluster(record) => self.found(record),
            MetadataRecord::FeatureLevel(record) => self.features.replay(record),
            MetadataRecord::Broker(record) => self.brokers.replay(record),
            MetadataRecord::Topic(record) => self.topics.replay_topic(record),
            MetadataRecord::Partitions(record) => self.topics.replay_partitions(record),
            MetadataRecord::Leadership(record) => self.topics.replay_leadership(record),
            MetadataRecord::TopicConfig(record) => self.topics.replay_config(record),
            MetadataRecord::TopicDeleted(record) => self.topics.replay_deleted(record),
            MetadataRecord::Snapshot(SnapshotRecord { records: _ }) => {
                *self = Self::starting_at(self.end);
                Ok(())
            }
            MetadataRecord::ProducerIds(record) => self.producer_ids.replay(record),
        }
    }

    fn found(&mut self, record: &ClusterRecord) -> Result<(), Refusal> {
        if let Some(cluster) = self.cluster {
            return Err(Refusal::Contradiction(format!("this is cluster {} already", cluster.id)));
        }
        let &ClusterRecord { cluster, created_at } = record;
        self.cluster = Some(ClusterImage { id: cluster, created_at });
        Ok(())
    }
}
