//! What every service of the door has.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ottla_broker::{Broker, LookupError, TopicRef};
use ottla_model::TopicId;
use ottla_runtime::{Clock, Shutdown, entropy};
use ottla_wire::Budget;

use crate::answers::Answers;
use crate::metrics::DoorMetrics;
use crate::seats::Seats;
use crate::settings::GrpcSettings;

/// The broker, the settings, and the request to drain. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) broker: Broker,
    pub(crate) settings: Arc<GrpcSettings>,
    pub(crate) drain: Shutdown,
    pub(crate) clock: Clock,
    /// Which life of the broker this is.
    pub(crate) incarnation: [u8; 16],
    /// Of all fetches.
    pub(crate) seats: Seats,
    /// Of all requests that nobody has acted upon yet.
    pub(crate) budget: Budget,
    /// Of all that was read and not sent yet.
    pub(crate) answers: Answers,
    turn: Arc<AtomicU32>,
}

impl Door {
    pub(crate) fn open(
        broker: Broker,
        settings: GrpcSettings,
        drain: Shutdown,
        metrics: &DoorMetrics,
    ) -> io::Result<Self> {
        Ok(Self {
            broker,
            seats: Seats::new(metrics.fetches.clone(), settings.fetches_all_max),
            budget: metrics.budget.clone(),
            answers: metrics.answers.clone(),
            settings: Arc::new(settings),
            drain,
            clock: Clock::start(),
            incarnation: entropy::rng()?.id_bytes(),
            turn: Arc::new(AtomicU32::new(0)),
        })
    }

    /// The topic's id, which stays with it whatever becomes of its name.
    pub(crate) fn id_of(&self, topic: &TopicRef) -> Result<TopicId, LookupError> {
        self.broker.topic(topic).map(|topic| topic.id)
    }

    /// How many partitions the topic has.
    pub(crate) fn partitions_of(&self, topic: &TopicRef) -> Result<u32, LookupError> {
        self.broker.topic(topic).map(|topic| topic.partitions)
    }

    /// A number that grows by one with every call: who takes records without a key takes turns by it.
    pub(crate) fn next_turn(&self) -> u32 {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }
}
