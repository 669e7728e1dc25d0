//! Random requests against a naive model of what a cluster may contain.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::World;
use ottla_control::{decide, replay};
use ottla_metadata::request::{
    AddPartitions, AllocateProducerIds, AlterTopicConfig, ControllerRequest, ControllerResponse,
    CreateTopic, DeleteTopic, TopicRef,
};
use ottla_metadata::{ControllerError, Image};
use ottla_model::{Answers, BrokerId, Outcome, Rng, Timestamp, TopicId, TopicName};
use proptest::prelude::*;

/// Everything that a topic is to its users.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Topic {
    id: TopicId,
    partitions: u32,
    config: BTreeMap<String, String>,
}

#[derive(Default)]
struct Model {
    topics: BTreeMap<TopicName, Topic>,
    ids_ever: BTreeSet<TopicId>,
    producer_ids_below: i64,
}

impl Model {
    fn take(&mut self, request: &ControllerRequest, response: ControllerResponse) {
        match (request, response) {
            (ControllerRequest::CreateTopic(want), ControllerResponse::TopicCreated(made)) => {
                let id = made.id.expect("it was not only validated");
                assert!(self.ids_ever.insert(id), "C7: an id is given once");
                let config = want.config.clone();
                let topic = Topic { id, partitions: made.partitions, config };
                assert_eq!(self.topics.insert(want.name.clone(), topic), None);
            }
            (ControllerRequest::DeleteTopic(_), ControllerResponse::TopicDeleted(gone)) => {
                assert_eq!(self.topics.remove(&gone.name).map(|topic| topic.id), Some(gone.id));
            }
            (
                ControllerRequest::AddPartitions(want),
                ControllerResponse::PartitionsAdded(added),
            ) => {
                let topic = self.named(&want.topic);
                assert_eq!((added.before, added.after), (topic.partitions, want.partitions));
                topic.partitions = want.partitions;
            }
            (
                ControllerRequest::AlterTopicConfig(want),
                ControllerResponse::TopicConfigAltered(altered),
            ) => {
                let topic = self.named(&want.topic);
                topic.config.retain(|key, _| !want.unset.contains(key));
                topic.config.extend(want.set.clone());
                assert_eq!(topic.config, altered.overrides);
            }
            (ControllerRequest::AllocateProducerIds(_), ControllerResponse::ProducerIds(block)) => {
                assert!(block.first.0 >= self.producer_ids_below, "I7: blocks never overlap");
                self.producer_ids_below = block.first.0 + block.count;
            }
            (request, response) => panic!("{request:?} was answered with {response:?}"),
        }
    }

    fn named(&mut self, topic: &TopicRef) -> &mut Topic {
        let TopicRef::Name(name) = topic else { panic!("the test names topics by name") };
        self.topics.get_mut(name).expect("only what is there is changed")
    }

    /// Whether a refusal is one that this state calls for.
    fn explains(&self, request: &ControllerRequest, error: &ControllerError) -> bool {
        let known = |topic: &TopicRef| match topic {
            TopicRef::Name(name) => self.topics.get(name),
            TopicRef::Id(_) => None,
        };
        match (request, error) {
            (ControllerRequest::CreateTopic(want), ControllerError::TopicExists { id, .. }) => {
                self.topics.get(&want.name).is_some_and(|topic| topic.id == *id)
            }
            (
                ControllerRequest::DeleteTopic(DeleteTopic { topic })
                | ControllerRequest::AddPartitions(AddPartitions { topic, .. })
                | ControllerRequest::AlterTopicConfig(AlterTopicConfig { topic, .. }),
                ControllerError::UnknownTopic { .. },
            ) => known(topic).is_none(),
            (
                ControllerRequest::AddPartitions(want),
                ControllerError::NotMorePartitions { current, .. },
            ) => known(&want.topic)
                .is_some_and(|topic| topic.partitions == *current && want.partitions <= *current),
            (_, ControllerError::TooManyPartitions { current, .. }) => {
                *current
                    == self.topics.values().map(|topic| topic.partitions as usize).sum::<usize>()
            }
            _ => false,
        }
    }

    fn agrees_with(&self, image: &Image) {
        let seen: BTreeMap<_, _> = image
            .topics()
            .iter()
            .map(|topic| {
                let (id, config) = (topic.id, topic.overrides.clone());
                (topic.name.clone(), Topic { id, partitions: topic.partition_count(), config })
            })
            .collect();
        assert_eq!(seen, self.topics);
    }
}

fn request() -> impl Strategy<Value = ControllerRequest> {
    let name = || {
        prop::sample::select(vec!["a", "b.c", "b_c", "d"])
            .prop_map(|name| TopicName::new(name).expect("a good name"))
    };
    let topic = move || name().prop_map(TopicRef::Name);
    let value = || (1..5_u32).prop_map(|hours| (hours * 3_600_000).to_string());
    let config = move || {
        prop::option::of(value())
            .prop_map(|v| v.map(|v| ("retention.ms".to_owned(), v)).into_iter().collect())
    };
    prop_oneof![
        (name(), prop::option::of(1..6_u32), config()).prop_map(|(name, partitions, config)| {
            let validate_only = false;
            ControllerRequest::CreateTopic(CreateTopic { name, partitions, config, validate_only })
        }),
        topic().prop_map(|topic| ControllerRequest::DeleteTopic(DeleteTopic { topic })),
        (topic(), 1..6_u32).prop_map(|(topic, partitions)| {
            let validate_only = false;
            ControllerRequest::AddPartitions(AddPartitions { topic, partitions, validate_only })
        }),
        (topic(), prop::option::of(value())).prop_map(|(topic, value)| {
            let key = "retention.ms".to_owned();
            let unset = value.is_none().then(|| key.clone()).into_iter().collect();
            let set = value.map(|value| (key, value)).into_iter().collect();
            let validate_only = false;
            ControllerRequest::AlterTopicConfig(AlterTopicConfig {
                topic,
                set,
                unset,
                validate_only,
            })
        }),
        Just(ControllerRequest::AllocateProducerIds(AllocateProducerIds {
            broker: BrokerId(1),
            broker_epoch: 0,
        })),
    ]
}

proptest! {
    /// Every answer is what the model says, every refusal is called for and changed nothing, and the
    /// image is the model's state after each.
    #[test]
    fn decisions_are_those_of_the_model(requests in prop::collection::vec(request(), 0..60)) {
        let mut world = World::with_broker();
        let mut model = Model::default();
        let mut ids = Rng::from_number(2);
        for request in &requests {
            let decided = decide(&world.image, request, &world.settings, &mut ids, Timestamp(3));
            match decided {
                Ok(decision) => {
                    replay(&mut world.image, &decision.records).expect("what is decided follows");
                    model.take(request, decision.response);
                }
                Err(error) => {
                    prop_assert!(model.explains(request, &error), "{request:?}: {error}");
                    prop_assert_eq!(error.outcome(), Outcome::DidNotHappen);
                }
            }
            model.agrees_with(&world.image);
        }
    }
}
