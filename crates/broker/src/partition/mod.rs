//! One partition at this broker: a pure replica, its log, and who waits for either.
//!
//! A partition is an object behind a lock, not a task: an append runs on its caller's thread, and a
//! storage thread completes what became durable. Nothing is locked, allocated or woken for a single
//! record; the lock is never held while something waits.
//!
//! Read in this order: [`state`] (what the lock protects), [`produce`], [`fetch`], [`change`]
//! (settings, leadership, deletion), [`rebuild`] (after a panic), [`traffic`] (what is counted).

mod change;
mod fetch;
mod produce;
mod rebuild;
mod state;
mod traffic;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use ottla_log::Stream;
use ottla_model::{Offset, StreamId, TopicName};
use ottla_partition::{Offsets, ReplicaConfig, RoleError};
use ottla_runtime::Clock;
use ottla_runtime::panics::Panics;
use parking_lot::Mutex;
use tokio::sync::Notify;

pub(crate) use fetch::FetchContext;
use state::{Completions, State};
pub(crate) use traffic::{Passed, Traffic};

use crate::error::LookupError;
use crate::metrics::BrokerMetrics;
use crate::request::TopicRef;
use crate::slowest::Slowest;

/// What all partitions of a broker share.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) clock: Clock,
    pub(crate) panics: Panics,
    pub(crate) metrics: BrokerMetrics,
    pub(crate) slowest: Arc<Slowest>,
}

/// One partition at this broker.
pub(crate) struct Partition {
    topic: TopicName,
    id: StreamId,
    stream: Arc<Stream>,
    around: Arc<Surroundings>,
    /// What recovery found wrong with the log: what is left can be read, and nothing else.
    damage: Option<Box<str>>,
    state: Mutex<State>,
    traffic: Traffic,
    /// Told once per advance of the high watermark, and when the partition closes.
    advanced: Notify,
    /// Told when something of the log became durable, for who waits for more than an append.
    settled: Notify,
}

impl Partition {
    /// A partition over this log, without a leader yet.
    pub(crate) fn open(
        topic: TopicName,
        stream: Arc<Stream>,
        config: ReplicaConfig,
        around: Arc<Surroundings>,
    ) -> Self {
        let id = stream.id();
        let damage = stream.damage().map(String::into_boxed_str);
        let state = Mutex::new(State::new(config, &stream));
        let (advanced, settled) = (Notify::new(), Notify::new());
        let traffic = Traffic::default();
        Self { topic, id, stream, around, damage, state, traffic, advanced, settled }
    }

    pub(crate) fn id(&self) -> StreamId {
        self.id
    }

    pub(crate) fn topic(&self) -> &TopicName {
        &self.topic
    }

    /// What went in and out.
    pub(crate) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// The offsets as clients may see them.
    pub(crate) fn offsets(&self) -> Offsets {
        self.state.lock().replica.offsets()
    }

    /// How many bytes it has, on disk and in memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.stream.bytes()
    }

    /// Why it does not serve, or not wholly, when it does not.
    pub(crate) fn refusal(&self) -> Option<LookupError> {
        let closed = self.state.lock().closed.as_ref().map(|closed| self.lookup_error(closed));
        closed.or_else(|| self.damaged())
    }

    /// What is wrong when the log lost records that had been acknowledged.
    pub(crate) fn damaged(&self) -> Option<LookupError> {
        let what = self.damage.as_ref()?;
        Some(LookupError::Damaged {
            topic: self.topic_ref(),
            partition: self.id.partition,
            end: self.offsets().high_watermark,
            what: what.to_string(),
        })
    }

    /// Refuses what changes the log, or asks for what was lost of it.
    fn check_whole(&self) -> Result<(), LookupError> {
        self.damaged().map_or(Ok(()), Err)
    }

    /// How many producers wait for their acknowledgement.
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }

    /// The log counts up to `end`. Runs on a storage thread.
    pub(crate) fn handle_durable(&self, end: Offset) {
        self.change("durable end", |state, stream| {
            state.replica.handle_durable(end);
            if state.replica.waits_for_flush() {
                state.replica.handle_flushed(stream.offsets().flushed_end);
            }
        });
        self.settled.notify_waiters();
    }

    /// Leads from now on, in this epoch.
    pub(crate) fn become_leader(&self, epoch: ottla_model::LeaderEpoch) -> Result<(), RoleError> {
        let led =
            self.change("leadership", |state, stream| state.replica.become_leader(stream, epoch));
        led.unwrap_or(Ok(()))
    }

    /// Runs `change` under the lock, then answers whoever it satisfied, outside of it. `None` when it
    /// panicked: then the partition was rebuilt from its log.
    fn change<T>(
        &self,
        what: &'static str,
        change: impl FnOnce(&mut State, &Arc<Stream>) -> T,
    ) -> Option<T> {
        let mut completions = Completions::default();
        let changed = self.around.panics.guard(what, || {
            let mut state = self.state.lock();
            let answer = change(&mut state, &self.stream);
            state.complete(&mut completions);
            answer
        });
        if changed.is_none() {
            self.rebuild(what, &mut completions);
        }
        self.finish(completions);
        changed
    }

    fn finish(&self, completions: Completions) {
        if completions.wake {
            self.advanced.notify_waiters();
        }
        let answered = completions.answer(&self.around);
        self.around.metrics.acks_waiting.dec_by(answered);
    }

    fn topic_ref(&self) -> TopicRef {
        TopicRef::Name(self.topic.clone())
    }

    fn lookup_error(&self, closed: &state::Closed) -> LookupError {
        match closed {
            state::Closed::Deleted => {
                LookupError::UnknownTopic { topic: TopicRef::Id(self.id.topic), nearest: None }
            }
            state::Closed::Failed(why) => LookupError::Offline {
                topic: self.topic_ref(),
                partition: self.id.partition,
                why: why.clone(),
            },
        }
    }
}

impl std::fmt::Debug for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Partition({}-{})", self.topic, self.id.partition)
    }
}
