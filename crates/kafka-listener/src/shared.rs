//! What all Kafka listeners of a broker share: what they count, and how much they may hold.
//!
//! Two budgets, so that who reads much does not keep producers from writing: one of requests on their
//! way in and of batches that are not acknowledged, one of requests that are worked on and of their
//! answers. A connection has [`KAFKA_CONNECTION_BYTES_FREE`] of each for itself: requests and answers
//! of the usual size never wait for those of others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ottla_model::limits::{
    KAFKA_ANSWER_BYTES_ALL_MAX, KAFKA_CONNECTION_BYTES_FREE, KAFKA_REQUEST_BYTES_ALL_MAX,
};
use ottla_runtime::{Budget, Charge, Clock, Metrics, entropy};

use crate::metrics::KafkaMetrics;
use crate::sessions::Sessions;

/// What the Kafka listeners of one broker share. Clones share it too.
#[derive(Clone, Debug)]
pub struct KafkaShared {
    pub(crate) metrics: KafkaMetrics,
    /// Of requests that are not whole yet, or not acknowledged.
    pub(crate) requests: Budget,
    /// Of requests that are worked on, and of answers that are not taken yet.
    pub(crate) answers: Budget,
    pub(crate) clock: Clock,
    sessions: Arc<Mutex<Sessions>>,
}

/// A part of a budget, beyond what a connection has for itself: something that is there in any case,
/// and more that comes and goes.
#[derive(Debug)]
pub(crate) struct Share {
    charge: Charge,
    base: usize,
}

impl KafkaShared {
    /// With budgets of the usual size.
    pub fn register(metrics: &Metrics) -> Self {
        Self::with_budgets(metrics, KAFKA_REQUEST_BYTES_ALL_MAX, KAFKA_ANSWER_BYTES_ALL_MAX)
    }

    /// With budgets of so many bytes.
    pub fn with_budgets(metrics: &Metrics, requests: u64, answers: u64) -> Self {
        let (requests, answers) = (Budget::new(requests), Budget::new(answers));
        let kafka = KafkaMetrics::register(metrics);
        kafka.show_budgets(metrics, &requests, &answers);
        // Numbers that a client has of a broker's life before this one are not found.
        let begin = entropy::rng().map_or(0, |mut rng| rng.next_u64() as i32);
        let sessions = Arc::new(Mutex::new(Sessions::beginning_at(begin)));
        let counted = Arc::clone(&sessions);
        kafka.show_sessions(metrics, move || lock(&counted).count());
        Self { metrics: kafka, requests, answers, clock: Clock::start(), sessions }
    }

    /// The fetch sessions of all clients. Not to be held while anything is waited for.
    pub(crate) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        lock(&self.sessions)
    }
}

fn lock(sessions: &Mutex<Sessions>) -> MutexGuard<'_, Sessions> {
    sessions.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Share {
    pub(crate) fn of(budget: &Budget) -> Self {
        Self { charge: budget.charge(), base: 0 }
    }

    /// Holds so many bytes, free ones included, as soon as it may. May be dropped and called again.
    pub(crate) async fn hold(&mut self, bytes: usize) {
        self.charge.hold(beyond_free(bytes)).await;
        self.base = bytes;
    }

    /// Holds so many bytes, free ones included, if it may at once.
    pub(crate) fn try_hold(&mut self, bytes: usize) -> bool {
        let held = self.charge.try_hold(beyond_free(bytes));
        if held {
            self.base = bytes;
        }
        held
    }

    /// Holds so many bytes beside what [`Share::hold`] asked for last, as soon as it may.
    pub(crate) async fn hold_beside(&mut self, bytes: usize) {
        self.charge.hold(beyond_free(self.base + bytes)).await;
    }

    /// Holds so many bytes beside what [`Share::hold`] asked for last, if it may at once.
    pub(crate) fn try_hold_beside(&mut self, bytes: usize) -> bool {
        self.charge.try_hold(beyond_free(self.base + bytes))
    }

    /// Holds nothing any more.
    pub(crate) fn release(&mut self) {
        self.try_hold(0);
    }
}

fn beyond_free(bytes: usize) -> u64 {
    bytes.saturating_sub(KAFKA_CONNECTION_BYTES_FREE) as u64
}
