//! What changed between two images.
//!
//! Images are published through a cell that holds only the newest, so that a follower may miss some
//! in between. It therefore compares what it applied last with what there is now.

use std::sync::Arc;

use ottla_model::{Offset, TopicId};

use crate::image::{BrokerImage, Image, TopicImage};

/// The way from one image to a later one. Everything is in rising order of id.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Delta {
    /// The end of the later image.
    pub end: Offset,
    /// Topics that were not there before.
    pub created: Vec<Arc<TopicImage>>,
    /// Topics that are there in both, and differ.
    pub changed: Vec<TopicChange>,
    /// Topics that are gone, as they were. A topic that was deleted and made again under its name
    /// is here and among the created ones, with another id.
    pub deleted: Vec<Arc<TopicImage>>,
    /// Brokers that registered for the first time, or again.
    pub brokers: Vec<Arc<BrokerImage>>,
}

/// A topic that is not what it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicChange {
    /// As it was.
    pub before: Arc<TopicImage>,
    /// As it is.
    pub after: Arc<TopicImage>,
}

impl TopicChange {
    /// The topic.
    pub fn id(&self) -> TopicId {
        self.after.id
    }

    /// Whether its settings differ.
    pub fn config_changed(&self) -> bool {
        self.before.config != self.after.config
    }

    /// Whether it has partitions that were not there before.
    pub fn partitions_added(&self) -> bool {
        self.after.partitions.len() > self.before.partitions.len()
    }
}

impl Delta {
    /// What changed from `before` to `after`, which is the same or a later image of the same log.
    pub fn between(before: &Image, after: &Image) -> Self {
        let mut delta = Self { end: after.end(), ..Self::default() };
        for (id, topic) in after.topics().by_id() {
            match before.topics().get(*id) {
                None => delta.created.push(Arc::clone(topic)),
                Some(old) if Arc::ptr_eq(old, topic) || old == topic => {}
                Some(old) => delta
                    .changed
                    .push(TopicChange { before: Arc::clone(old), after: Arc::clone(topic) }),
            }
        }
        let gone = |id: &TopicId| after.topics().get(*id).is_none();
        let old_topics = before.topics().by_id().iter();
        delta.deleted = old_topics.filter(|(id, _)| gone(id)).map(|(_, t)| Arc::clone(t)).collect();
        let is_new = |broker: &&Arc<BrokerImage>| before.brokers().get(broker.id) != Some(*broker);
        delta.brokers = after.brokers().iter().filter(is_new).map(Arc::clone).collect();
        delta
    }

    /// Whether nothing changed that anybody follows.
    pub fn is_empty(&self) -> bool {
        let Self { end: _, created, changed, deleted, brokers } = self;
        created.is_empty() && changed.is_empty() && deleted.is_empty() && brokers.is_empty()
    }
}
