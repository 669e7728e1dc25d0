//! What a request comes to: the records to write, and the answer to give once they are durable.

use ottla_metadata::image::{METADATA_VERSION, METADATA_VERSION_MAX};
use ottla_metadata::record::{ClusterRecord, FeatureLevelRecord, MetadataRecord};
use ottla_metadata::{ControllerError, ControllerRequest, ControllerResponse, Image, ReplayError};
use ottla_model::{ClusterId, Rng, Timestamp};

use crate::settings::ControlSettings;
use crate::{brokers, configs, producer_ids, topics};

/// A decision. Nothing has changed yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// What to write, as one entry: all of it becomes durable or nothing. Empty when nothing changes.
    pub records: Vec<MetadataRecord>,
    /// The answer, for when the records are durable.
    pub response: ControllerResponse,
}

impl Decision {
    /// A decision that changes nothing.
    pub(crate) fn unchanged(response: ControllerResponse) -> Self {
        Self { records: Vec::new(), response }
    }
}

/// Decides a request against `image`, which holds everything that is committed and pending. New ids
/// come out of `ids`.
///
/// # Errors
/// When the request cannot be granted.
pub fn decide(
    image: &Image,
    request: &ControllerRequest,
    settings: &ControlSettings,
    ids: &mut Rng,
    now: Timestamp,
) -> Result<Decision, ControllerError> {
    match request {
        ControllerRequest::CreateTopic(want) => topics::create(image, want, settings, ids, now),
        ControllerRequest::DeleteTopic(want) => topics::delete(image, want),
        ControllerRequest::AddPartitions(want) => topics::add_partitions(image, want, settings),
        ControllerRequest::AlterTopicConfig(want) => configs::alter(image, want),
        ControllerRequest::AllocateProducerIds(want) => producer_ids::allocate(image, want),
        ControllerRequest::RegisterBroker(want) => brokers::register(image, want, now),
    }
}

/// The first records of a new cluster's log.
pub fn found(cluster: ClusterId, now: Timestamp) -> Vec<MetadataRecord> {
    let feature = METADATA_VERSION.to_owned();
    vec![
        MetadataRecord::Cluster(ClusterRecord { cluster, created_at: now }),
        MetadataRecord::FeatureLevel(FeatureLevelRecord { feature, level: METADATA_VERSION_MAX }),
    ]
}

/// Takes records that were decided: the only way the controller's state ever changes.
///
/// # Errors
/// When one of them cannot follow, which only a damaged log can cause. Those before it were taken.
pub fn replay(image: &mut Image, records: &[MetadataRecord]) -> Result<(), ReplayError> {
    records.iter().try_for_each(|record| image.replay(record))
}
