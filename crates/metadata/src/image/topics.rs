//! The topics there are, with their partitions and settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_model::{BrokerId, LeaderEpoch, PartitionId, StreamId, Timestamp, TopicId, TopicName};

use super::Refusal;
use crate::config::{TopicConfig, canonical};
use crate::record::{
    LeadershipChange, LeadershipRecord, PartitionsRecord, Placement, TopicConfigRecord,
    TopicDeletedRecord, TopicRecord,
};
use crate::suggest::nearest;

/// Every topic, by id and by name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TopicsImage {
    by_id: BTreeMap<TopicId, Arc<TopicImage>>,
    by_name: BTreeMap<TopicName, TopicId>,
    partitions: usize,
}

/// One topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicImage {
    /// Its id, for ever.
    pub id: TopicId,
    /// Its name.
    pub name: TopicName,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its partitions, by number.
    pub partitions: Vec<PartitionImage>,
    /// The settings that differ from the defaults, in canonical spelling.
    pub overrides: BTreeMap<String, String>,
    /// Its settings, resolved.
    pub config: TopicConfig,
}

/// Where one partition is kept, and who leads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionImage {
    /// The leader, or none while nobody can lead.
    pub leader: Option<BrokerId>,
    /// The reign.
    pub leader_epoch: LeaderEpoch,
    /// Who has a copy, the preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// The replicas that have everything acknowledged.
    pub isr: Vec<BrokerId>,
}

impl TopicsImage {
    /// The topic with this id.
    pub fn get(&self, id: TopicId) -> Option<&Arc<TopicImage>> {
        self.by_id.get(&id)
    }

    /// The topic with this name.
    pub fn named(&self, name: &TopicName) -> Option<&Arc<TopicImage>> {
        self.by_name.get(name).and_then(|id| self.by_id.get(id))
    }

    /// The topic whose name is most like this text, when any is.
    pub fn nearest(&self, name: &str) -> Option<TopicName> {
        let found = nearest(name, self.by_name.keys().map(TopicName::as_str))?;
        self.by_name.keys().find(|name| name.as_str() == found).cloned()
    }

    /// Every topic, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<TopicImage>> {
        self.by_name.values().map(|id| &self.by_id[id])
    }

    /// Every topic, by id.
    pub fn by_id(&self) -> &BTreeMap<TopicId, Arc<TopicImage>> {
        &self.by_id
    }

    /// How many topics there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// How many partitions all topics have together.
    pub fn partition_count(&self) -> usize {
        self.partitions
    }

    pub(super) fn replay_topic(&mut self, record: &TopicRecord) -> Result<(), Refusal> {
        let TopicRecord { topic, name, created_at, config } = record;
        if self.by_id.contains_key(topic) || self.by_name.contains_key(name) {
            let why = format!("topic `{name}` or its id {topic} exists already");
            return Err(Refusal::Contradiction(why));
        }
        let image = TopicImage {
            id: *topic,
            name: name.clone(),
            created_at: *created_at,
            partitions: Vec::new(),
            overrides: canonical(config)?,
            config: TopicConfig::from_overrides(config)?,
        };
        self.by_name.insert(name.clone(), *topic);
        self.by_id.insert(*topic, Arc::new(image));
        Ok(())
    }

    pub(super) fn replay_partitions(&mut self, record: &PartitionsRecord) -> Result<(), Refusal> {
        let PartitionsRecord { topic, first, partitions } = record;
        let image = self.existing(*topic)?;
        let count = image.partitions.len();
        if first.0 as usize != count {
            let why = format!("topic {topic} has {count} partitions, and the next is not {first}");
            return Err(Refusal::Contradiction(why));
        }
        let mut image = TopicImage::clone(image);
        image.partitions.extend(partitions.iter().map(PartitionImage::placed));
        self.by_id.insert(*topic, Arc::new(image));
        self.partitions += partitions.len();
        Ok(())
    }

    pub(super) fn replay_leadership(&mut self, record: &LeadershipRecord) -> Result<(), Refusal> {
        let LeadershipRecord { topic, changes } = record;
        let mut image = TopicImage::clone(self.existing(*topic)?);
        for change in changes {
            image.lead(change).map_err(Refusal::Contradiction)?;
        }
        self.by_id.insert(*topic, Arc::new(image));
        Ok(())
    }

    pub(super) fn replay_config(&mut self, record: &TopicConfigRecord) -> Result<(), Refusal> {
        let TopicConfigRecord { topic, changes } = record;
        let mut image = TopicImage::clone(self.existing(*topic)?);
        for (key, value) in changes {
            match value {
                Some(value) => image.overrides.insert(key.clone(), value.clone()),
                None => image.overrides.remove(key),
            };
        }
        image.overrides = canonical(&image.overrides)?;
        image.config = TopicConfig::from_overrides(&image.overrides)?;
        self.by_id.insert(*topic, Arc::new(image));
        Ok(())
    }

    pub(super) fn replay_deleted(&mut self, record: &TopicDeletedRecord) -> Result<(), Refusal> {
        let TopicDeletedRecord { topic } = record;
        self.existing(*topic)?;
        let image = self.by_id.remove(topic).expect("it was found above");
        let named = self.by_name.remove(&image.name);
        assert_eq!(named, Some(*topic), "a topic is found by its name as long as it exists");
        self.partitions -= image.partitions.len();
        Ok(())
    }

    fn existing(&self, topic: TopicId) -> Result<&TopicImage, Refusal> {
        match self.by_id.get(&topic) {
            Some(image) => Ok(image),
            None => Err(Refusal::Contradiction(format!("there is no topic {topic}"))),
        }
    }
}

impl TopicImage {
    /// The partition with this number.
    pub fn partition(&self, partition: PartitionId) -> Option<&PartitionImage> {
        self.partitions.get(partition.0 as usize)
    }

    /// Every partition with its number.
    pub fn partitions(&self) -> impl ExactSizeIterator<Item = (PartitionId, &PartitionImage)> {
        (0..self.partitions.len() as u32).map(PartitionId).zip(&self.partitions)
    }

    /// How many partitions it has.
    pub fn partition_count(&self) -> u32 {
        u32::try_from(self.partitions.len()).expect("TOPIC_PARTITIONS_MAX is far below")
    }

    /// The streams of its partitions.
    pub fn streams(&self) -> impl ExactSizeIterator<Item = StreamId> {
        let id = self.id;
        (0..self.partitions.len() as u32).map(move |number| StreamId::new(id, PartitionId(number)))
    }

    fn lead(&mut self, change: &LeadershipChange) -> Result<(), String> {
        let LeadershipChange { partition, leader, leader_epoch, isr } = change;
        let Some(image) = self.partitions.get_mut(partition.0 as usize) else {
            return Err(format!("topic {} has no partition {partition}", self.id));
        };
        if *leader_epoch < image.leader_epoch {
            return Err(format!(
                "the leader epoch of {}-{partition} is {} and cannot go back to {leader_epoch}",
                self.id, image.leader_epoch
            ));
        }
        if *leader_epoch == image.leader_epoch && *leader != image.leader {
            return Err(format!(
                "{}-{partition} cannot have two leaders in epoch {leader_epoch}",
                self.id
            ));
        }
        image.leader = *leader;
        image.leader_epoch = *leader_epoch;
        image.isr.clone_from(isr);
        Ok(())
    }
}

impl PartitionImage {
    pub(crate) fn placed(placement: &Placement) -> Self {
        let Placement { replicas } = placement;
        let mut isr = replicas.clone();
        isr.sort_unstable();
        Self {
            leader: replicas.first().copied(),
            leader_epoch: LeaderEpoch::FIRST,
            replicas: replicas.clone(),
            isr,
        }
    }
}
