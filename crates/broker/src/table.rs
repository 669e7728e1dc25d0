//! The partitions at this broker, found by topic and number. The truth is the metadata image; the
//! reconciler feeds this from it.
//!
//! Readers never wait: the table is replaced whole when a topic comes, goes or grows.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use ottla_metadata::{Image, TopicImage};
use ottla_model::{PartitionId, StreamId, TopicId, TopicName};

use crate::error::LookupError;
use crate::partition::Partition;
use crate::request::TopicRef;

/// Every topic that has partitions here.
#[derive(Debug, Default)]
pub(crate) struct PartitionTable {
    topics: ArcSwap<Topics>,
}

#[derive(Clone, Debug, Default)]
struct Topics {
    by_id: HashMap<TopicId, Arc<TopicEntry>>,
    by_name: HashMap<TopicName, TopicId>,
}

/// One topic's partitions. `None`: not opened here yet, or not kept here.
#[derive(Clone, Debug)]
pub(crate) struct TopicEntry {
    pub(crate) image: Arc<TopicImage>,
    pub(crate) partitions: Vec<Option<Arc<Partition>>>,
}

impl PartitionTable {
    /// The partition that is asked for.
    pub(crate) fn find(
        &self,
        topic: &TopicRef,
        partition: PartitionId,
        image: &Image,
    ) -> Result<Arc<Partition>, LookupError> {
        let topics = self.topics.load();
        let Some(entry) = topics.entry(topic) else {
            return Err(missing(topic, Some(partition), image));
        };
        match entry.partitions.get(partition.0 as usize) {
            Some(Some(found)) => Ok(Arc::clone(found)),
            Some(None) => Err(LookupError::Opening { topic: topic.clone(), partition }),
            None => Err(missing(topic, Some(partition), image)),
        }
    }

    /// The partition of this stream.
    pub(crate) fn get(&self, stream: StreamId) -> Option<Arc<Partition>> {
        let topics = self.topics.load();
        topics.by_id.get(&stream.topic)?.partitions.get(stream.partition.0 as usize)?.clone()
    }

    /// The topic that is asked for, with its partitions.
    pub(crate) fn entry(&self, topic: &TopicRef) -> Option<Arc<TopicEntry>> {
        self.topics.load().entry(topic).cloned()
    }

    /// The topic that is asked for, or why there is none.
    pub(crate) fn topic(
        &self,
        topic: &TopicRef,
        image: &Image,
    ) -> Result<Arc<TopicEntry>, LookupError> {
        self.entry(topic).ok_or_else(|| missing(topic, None, image))
    }

    /// Every topic, by name.
    pub(crate) fn list(&self) -> Vec<Arc<TopicEntry>> {
        let mut entries: Vec<_> = self.topics.load().by_id.values().cloned().collect();
        entries.sort_by(|a, b| a.image.name.cmp(&b.image.name));
        entries
    }

    /// Every partition that is open here.
    pub(crate) fn partitions(&self) -> Vec<Arc<Partition>> {
        let topics = self.topics.load();
        topics.by_id.values().flat_map(|e| e.partitions.iter().flatten()).cloned().collect()
    }

    /// How many topics and open partitions there are.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let topics = self.topics.load();
        let open = topics.by_id.values().map(|e| e.partitions.iter().flatten().count());
        (topics.by_id.len(), open.sum())
    }

    /// Changes several topics at once: only the reconciler does.
    pub(crate) fn update(
        &self,
        put: impl IntoIterator<Item = TopicEntry>,
        removed: impl IntoIterator<Item = TopicId>,
    ) {
        let mut topics = Topics::clone(&self.topics.load());
        for id in removed {
            if let Some(entry) = topics.by_id.remove(&id) {
                topics.by_name.remove(&entry.image.name);
            }
        }
        for entry in put {
            topics.by_name.insert(entry.image.name.clone(), entry.image.id);
            topics.by_id.insert(entry.image.id, Arc::new(entry));
        }
        self.topics.store(Arc::new(topics));
    }
}

impl Topics {
    fn entry(&self, topic: &TopicRef) -> Option<&Arc<TopicEntry>> {
        match topic {
            TopicRef::Id(id) => self.by_id.get(id),
            TopicRef::Name(name) => self.by_id.get(self.by_name.get(name)?),
        }
    }
}

/// Why a topic or partition is not in the table: unknown, or known and on its way.
fn missing(topic: &TopicRef, partition: Option<PartitionId>, image: &Image) -> LookupError {
    let known = match topic {
        TopicRef::Name(name) => image.topics().named(name),
        TopicRef::Id(id) => image.topics().get(*id),
    };
    let Some(known) = known else {
        let nearest = match topic {
            TopicRef::Name(name) => image.topics().nearest(name.as_str()),
            TopicRef::Id(_) => None,
        };
        return LookupError::UnknownTopic { topic: topic.clone(), nearest };
    };
    let partitions = known.partition_count();
    match partition {
        Some(partition) if partition.0 >= partitions => {
            LookupError::UnknownPartition { topic: topic.clone(), partition, partitions }
        }
        other => LookupError::Opening {
            topic: topic.clone(),
            partition: other.unwrap_or(PartitionId(0)),
        },
    }
}
