//! Who keeps a new partition.

use ottla_metadata::record::Placement;
use ottla_metadata::{ControllerError, Image};
use ottla_model::BrokerId;

/// A place for each of `count` new partitions of a topic that has `existing` already: one replica
/// each, dealt over the brokers. Topics begin at different brokers, so that many small topics spread
/// as well.
pub(crate) fn place(
    image: &Image,
    existing: usize,
    count: u32,
) -> Result<Vec<Placement>, ControllerError> {
    let brokers: Vec<BrokerId> = image.brokers().iter().map(|broker| broker.id).collect();
    if brokers.is_empty() {
        return Err(ControllerError::NoBrokers);
    }
    let first = image.topics().partition_count() + existing;
    let place = |n| Placement { replicas: vec![brokers[(first + n) % brokers.len()]] };
    Ok((0..count as usize).map(place).collect())
}
