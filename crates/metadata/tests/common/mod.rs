//! Random metadata logs that a controller could have written.

use std::collections::BTreeMap;

use ottla_metadata::record::*;
use ottla_metadata::{Image, MetadataRecord, Snapshot, TopicImage};
use ottla_model::{
    BrokerId, ClusterId, DirectoryId, LeaderEpoch, PartitionId, ProducerId, Timestamp, TopicId,
    TopicName,
};
use proptest::prelude::*;

/// One thing that happens. A topic is chosen by its place among those there are.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Register(u8),
    Create { name: u8, partitions: u8, retention: Option<u16> },
    Delete(u8),
    AddPartitions(u8, u8),
    Configure(u8, Option<u16>),
    Lead(u8, u8),
    GiveProducerIds,
    Snapshot,
}

pub(crate) fn events(max: usize) -> impl Strategy<Value = Vec<Event>> {
    let value = || proptest::option::of(1..u16::MAX);
    let event = prop_oneof![
        1 => (0..3_u8).prop_map(Event::Register),
        4 => (0..6_u8, 1..5_u8, value())
            .prop_map(|(name, partitions, retention)| Event::Create { name, partitions, retention }),
        2 => any::<u8>().prop_map(Event::Delete),
        2 => (any::<u8>(), 1..4_u8).prop_map(|(topic, more)| Event::AddPartitions(topic, more)),
        3 => (any::<u8>(), value()).prop_map(|(topic, value)| Event::Configure(topic, value)),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(topic, number)| Event::Lead(topic, number)),
        1 => Just(Event::GiveProducerIds),
        1 => Just(Event::Snapshot),
    ];
    proptest::collection::vec(event, 0..max)
}

/// The entries that these events come to; what cannot happen is left out.
pub(crate) fn entries_of(events: &[Event]) -> Vec<Vec<MetadataRecord>> {
    let mut image = Image::default();
    let mut entries = vec![founding()];
    replay(&mut image, &entries[0]);
    for (serial, event) in events.iter().enumerate() {
        let entry = entry_of(&image, event, serial);
        replay(&mut image, &entry);
        entries.push(entry);
    }
    entries.retain(|entry| !entry.is_empty());
    entries
}

pub(crate) fn replay(image: &mut Image, records: &[MetadataRecord]) {
    for record in records {
        image.replay(record).expect("the log follows itself");
    }
}

fn founding() -> Vec<MetadataRecord> {
    let cluster = ClusterId::from_bytes([7; 16]);
    let feature = "metadata.version".to_owned();
    vec![
        MetadataRecord::Cluster(ClusterRecord { cluster, created_at: Timestamp(1) }),
        MetadataRecord::FeatureLevel(FeatureLevelRecord { feature, level: 1 }),
    ]
}

fn entry_of(image: &Image, event: &Event, serial: usize) -> Vec<MetadataRecord> {
    let topic = |place: u8| {
        let count = image.topics().len();
        (count > 0).then(|| image.topics().iter().nth(place as usize % count).expect("it is below"))
    };
    match event {
        Event::Register(broker) => vec![registered(image, *broker, serial)],
        Event::Create { name, partitions, retention } => {
            created(image, *name, *partitions, *retention, serial)
        }
        Event::Delete(place) => topic(*place)
            .map(|topic| vec![MetadataRecord::TopicDeleted(TopicDeletedRecord { topic: topic.id })])
            .unwrap_or_default(),
        Event::AddPartitions(place, more) => topic(*place)
            .map(|topic| vec![placed(topic.id, topic.partition_count(), *more)])
            .unwrap_or_default(),
        Event::Configure(place, value) => {
            topic(*place).map(|topic| vec![configured(topic.id, *value)]).unwrap_or_default()
        }
        Event::Lead(place, number) => {
            topic(*place).map(|topic| vec![led(topic, *number)]).unwrap_or_default()
        }
        Event::GiveProducerIds => vec![MetadataRecord::ProducerIds(ProducerIdsRecord {
            broker: BrokerId(1),
            broker_epoch: 0,
            next: ProducerId(image.producer_ids().next().0 + 1_000),
        })],
        Event::Snapshot => Snapshot::of(image).into_entry(),
    }
}

fn registered(image: &Image, broker: u8, serial: usize) -> MetadataRecord {
    MetadataRecord::Broker(BrokerRecord {
        broker: BrokerId(i32::from(broker)),
        epoch: image.brokers().next_epoch(),
        directory: DirectoryId::from_bytes([broker; 16]),
        boot: format!("boot {serial}"),
        endpoints: vec![Endpoint { listener: "grpc".to_owned(), host: "h".to_owned(), port: 9095 }],
        registered_at: Timestamp(serial as i64),
    })
}

fn created(
    image: &Image,
    name: u8,
    partitions: u8,
    retention: Option<u16>,
    serial: usize,
) -> Vec<MetadataRecord> {
    let name = TopicName::new(&format!("topic-{name}")).expect("a good name");
    if image.topics().named(&name).is_some() {
        return Vec::new();
    }
    let topic = TopicId::from_bytes((serial as u128 + 100).to_be_bytes());
    let config = retention.map(|ms| ("retention.ms".to_owned(), ms.to_string()));
    let record = TopicRecord {
        topic,
        name,
        created_at: Timestamp(serial as i64),
        config: BTreeMap::from_iter(config),
    };
    vec![MetadataRecord::Topic(record), placed(topic, 0, partitions)]
}

fn placed(topic: TopicId, first: u32, count: u8) -> MetadataRecord {
    let partitions = vec![Placement { replicas: vec![BrokerId(1), BrokerId(0)] }; count.into()];
    MetadataRecord::Partitions(PartitionsRecord { topic, first: PartitionId(first), partitions })
}

fn configured(topic: TopicId, value: Option<u16>) -> MetadataRecord {
    let value = value.map(|ms| ms.to_string());
    let changes = BTreeMap::from([("retention.ms".to_owned(), value)]);
    MetadataRecord::TopicConfig(TopicConfigRecord { topic, changes })
}

fn led(topic: &TopicImage, number: u8) -> MetadataRecord {
    let partition = PartitionId(u32::from(number) % topic.partition_count());
    let current = topic.partition(partition).expect("it is below the count");
    let change = LeadershipChange {
        partition,
        leader: (!number.is_multiple_of(3)).then_some(BrokerId(0)),
        leader_epoch: LeaderEpoch(current.leader_epoch.0 + 1),
        isr: vec![BrokerId(0)],
    };
    MetadataRecord::Leadership(LeadershipRecord { topic: topic.id, changes: vec![change] })
}
