//! Brokers begin a life.

use ottla_metadata::record::{BrokerRecord, LeadershipChange, LeadershipRecord, MetadataRecord};
use ottla_metadata::request::{BrokerRegistered, RegisterBroker};
use ottla_metadata::{ControllerError, ControllerResponse, Image, PartitionImage, TopicImage};
use ottla_model::{BrokerId, LeaderEpoch, PartitionId, Timestamp};

use crate::decision::Decision;

/// A new life of the broker, and a new reign for every partition that it leads: what its former self
/// appended and lost in a crash must not be taken for what this one appends at the same offset (R5).
pub(crate) fn register(
    image: &Image,
    want: &RegisterBroker,
    now: Timestamp,
) -> Result<Decision, ControllerError> {
    check_directory(image, want)?;
    let epoch = image.brokers().next_epoch();
    let RegisterBroker { broker, directory, boot, endpoints } = want;
    let mut records = vec![MetadataRecord::Broker(BrokerRecord {
        broker: *broker,
        epoch,
        directory: *directory,
        boot: boot.clone(),
        endpoints: endpoints.clone(),
        registered_at: now,
    })];
    records.extend(image.topics().iter().filter_map(|topic| new_reign(topic, *broker)));
    let response = ControllerResponse::BrokerRegistered(BrokerRegistered { epoch });
    Ok(Decision { records, response })
}

fn check_directory(image: &Image, want: &RegisterBroker) -> Result<(), ControllerError> {
    let RegisterBroker { broker, directory, .. } = want;
    let others = || image.brokers().iter().filter(|other| other.id != *broker);
    match others().find(|other| other.directory == *directory) {
        None => Ok(()),
        Some(owner) => {
            Err(ControllerError::DirectoryTaken { directory: *directory, owner: owner.id })
        }
    }
}

fn new_reign(topic: &TopicImage, broker: BrokerId) -> Option<MetadataRecord> {
    let led = |partition: &PartitionImage| partition.leader == Some(broker);
    let partitions = topic.partitions().filter(|(_, partition)| led(partition));
    let changes: Vec<_> = partitions.map(|(number, p)| next_epoch(number, p)).collect();
    (!changes.is_empty())
        .then_some(MetadataRecord::Leadership(LeadershipRecord { topic: topic.id, changes }))
}

fn next_epoch(number: PartitionId, partition: &PartitionImage) -> LeadershipChange {
    let PartitionImage { leader, leader_epoch: LeaderEpoch(epoch), replicas: _, isr } = partition;
    let epoch = epoch.checked_add(1).expect("a broker does not start 2^31 times");
    LeadershipChange {
        partition: number,
        leader: *leader,
        leader_epoch: LeaderEpoch(epoch),
        isr: isr.clone(),
    }
}
