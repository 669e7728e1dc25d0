//! What a partition's lock protects: the replica, and the producers that wait for its answers.
//!
//! Invariant: `waiting` holds exactly the tickets that the replica still owes an answer, in rising
//! order, but for those who were told that the partition closed; whoever is taken out is answered
//! outside of the lock.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use ottla_log::Stream;
use ottla_model::Moment;
use ottla_partition::{Effect, Produced as Appended, Replica, ReplicaConfig, Ticket};
use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::Surroundings;
use crate::error::ProduceError;
use crate::produce::Told;
use crate::request::Produced;
use crate::translate;

pub(super) type Answer = Result<Produced, ProduceError>;

/// Why a partition does not serve.
#[derive(Clone, Debug)]
pub(super) enum Closed {
    /// Its topic was deleted.
    Deleted,
    /// It cannot: damage, or panics that a rebuild does not mend.
    Failed(String),
}

pub(super) struct State {
    pub(super) replica: Replica,
    pub(super) waiting: Waiting,
    pub(super) closed: Option<Closed>,
    /// Why the log takes nothing any more, when it does not.
    pub(super) stopped: Option<String>,
}

/// Producers that wait, by ticket. Answers come nearly in order, so that the front is nearly always
/// the one that is looked for.
#[derive(Default)]
pub(super) struct Waiting(VecDeque<(Ticket, Option<Waiter>)>);

/// One producer that waits, and since when.
pub(super) struct Waiter {
    sender: oneshot::Sender<Told>,
    since: Moment,
}

/// Answers that are due, to be given outside of the lock.
#[derive(Default)]
pub(super) struct Completions {
    answers: SmallVec<[(Waiter, Answer); 8]>,
    /// Whether parked fetches are to be woken.
    pub(super) wake: bool,
}

impl State {
    pub(super) fn new(config: ReplicaConfig, stream: &Arc<Stream>) -> Self {
        let replica = Replica::new(config, stream);
        Self { replica, waiting: Waiting::default(), closed: None, stopped: None }
    }

    /// Takes what the replica wants done.
    pub(super) fn complete(&mut self, completions: &mut Completions) {
        while let Some(effect) = self.replica.poll_effect() {
            match effect {
                Effect::Reply { ticket, produced, when } => {
                    assert!(when.holds(&self.replica.offsets()), "no answer leaves early");
                    self.answer(ticket, Ok(translate::produced(produced)), completions);
                }
                Effect::Refuse { ticket, error } => {
                    self.answer(ticket, Err(translate::append_error(error)), completions);
                }
                Effect::WakeFetches { end: _ } => completions.wake = true,
            }
        }
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer, completions: &mut Completions) {
        match self.waiting.take(ticket) {
            Some(waiter) => completions.answers.push((waiter, answer)),
            None => assert!(self.closed.is_some(), "every ticket waits until it is answered, once"),
        }
    }
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn push(&mut self, ticket: Ticket, since: Moment) -> oneshot::Receiver<Told> {
        let (sender, receiver) = oneshot::channel();
        assert!(self.0.back().is_none_or(|(last, _)| *last < ticket), "tickets rise");
        self.0.push_back((ticket, Some(Waiter { sender, since })));
        receiver
    }

    fn take(&mut self, ticket: Ticket) -> Option<Waiter> {
        let index = self.0.binary_search_by_key(&ticket, |(other, _)| *other).ok()?;
        let waiter = self.0[index].1.take();
        while self.0.front().is_some_and(|(_, waiter)| waiter.is_none()) {
            self.0.pop_front();
        }
        waiter
    }

    fn take_all(&mut self) -> impl Iterator<Item = Waiter> {
        std::mem::take(&mut self.0).into_iter().filter_map(|(_, waiter)| waiter)
    }
}

impl Completions {
    /// Answers everybody who waits with the same error, and wakes every fetch.
    pub(super) fn refuse_all(&mut self, waiting: &mut Waiting, error: &ProduceError) {
        self.answers.extend(waiting.take_all().map(|waiter| (waiter, Err(error.clone()))));
        self.wake = true;
    }

    /// Answers; how many waited.
    pub(super) fn answer(self, around: &Surroundings) -> i64 {
        let count = i64::try_from(self.answers.len()).expect("a vector is shorter");
        if count > 0 {
            let now = around.clock.moment();
            for (waiter, answer) in self.answers {
                around.metrics.ack.observe(now.since(waiter.since).as_secs_f64());
                // Who does not wait any more does not want it.
                let _ = waiter.sender.send(Told { answer, at: now });
            }
        }
        count
    }
}

/// What the replica answers when nothing has to be waited for.
pub(super) fn at_once(appended: Appended) -> Answer {
    Ok(translate::produced(appended))
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deleted => f.write_str("its topic was deleted"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}
