//! Who leads what: what is known of topics, for as long as it is believed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ottla_model::limits::BATCH_BYTES_MAX_DEFAULT;
use ottla_model::{BrokerId, Moment, TopicId, TopicName};
use parking_lot::Mutex;

use crate::topic::TopicDescription;

/// What a producer or consumer has to know of a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicRoute {
    /// Its name.
    pub name: TopicName,
    /// Its stable id.
    pub id: TopicId,
    /// Who leads each partition, by index; `None` while nobody does.
    pub leaders: Vec<Option<BrokerId>>,
    /// Largest encoded batch that the topic takes.
    pub batch_bytes_max: u64,
}

impl From<&TopicDescription> for TopicRoute {
    fn from(topic: &TopicDescription) -> Self {
        let limit = topic.config_value("max.message.bytes").and_then(|value| value.parse().ok());
        Self {
            name: topic.name.clone(),
            id: topic.id,
            leaders: topic.partitions.iter().map(|partition| partition.leader).collect(),
            batch_bytes_max: limit.unwrap_or(BATCH_BYTES_MAX_DEFAULT),
        }
    }
}

/// What was learnt, and when.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    known: Mutex<BTreeMap<TopicName, (Arc<TopicRoute>, Moment)>>,
}

impl Routes {
    pub(crate) fn get(
        &self,
        name: &TopicName,
        now: Moment,
        age_max: Duration,
    ) -> Option<Arc<TopicRoute>> {
        let known = self.known.lock();
        let (route, learnt) = known.get(name)?;
        (now.since(*learnt) <= age_max).then(|| route.clone())
    }

    pub(crate) fn learn(&self, topic: &TopicDescription, now: Moment) -> Arc<TopicRoute> {
        let route = Arc::new(TopicRoute::from(topic));
        self.known.lock().insert(route.name.clone(), (route.clone(), now));
        route
    }

    pub(crate) fn forget(&self, name: &TopicName) {
        self.known.lock().remove(name);
    }
}
