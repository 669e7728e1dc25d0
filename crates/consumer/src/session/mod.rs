//! What is read, how far, and from whom. Knows no socket or clock: time and randomness are handed in.
//!
//! Call an input or a command, then drain [`Session::poll_effect`], then arm
//! [`Session::poll_timeout`].
//!
//! What it promises, per partition:
//! - Answers are given out in the order of the log, without a gap and without a repeat, over lost
//!   connections too: a fetch begins where the last answer ended, under a number of its own, and an
//!   answer to any other number is dropped.
//! - After a seek nothing comes that was fetched before it.
//! - What is fetched and not given out stays within the budget, but for one answer per connection.
//!
//! In reading order: [`claim`] (one partition), [`link`] (one connection and its credit), [`flow`]
//! (what is asked for next, and what the broker says).

mod claim;
mod flow;
mod link;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ottla_client::TopicRoute;
use ottla_client::fetch::FetchStart;
use ottla_model::{Backoff, BrokerId, Moment, Offset, PartitionId, Rng, TopicId, TopicName};

pub(crate) use claim::{Claim, Position};
pub(crate) use flow::Received;
use link::Link;

use crate::config::{OutOfRange, Start};
use crate::error::ConsumerError;

/// One partition of one topic.
pub(crate) type Key = (TopicName, PartitionId);

/// One connection. Never used again for another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// One fetch. Never used again for another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct FetchId(pub(crate) u64);

/// What the shell does next, in the order given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// Connect to a broker, and answer with `handle_connected` or `handle_connect_failed`.
    Connect(BrokerId),
    /// Ask who leads the partitions of a topic.
    AskRoutes(TopicName),
    Assign {
        connection: ConnectionId,
        fetch: FetchId,
        topic: TopicId,
        partition: PartitionId,
        start: FetchStart,
    },
    Unassign {
        connection: ConnectionId,
        fetch: FetchId,
    },
    Credit {
        connection: ConnectionId,
        bytes: u64,
    },
    /// Something is to be tried again at some time: look at `poll_timeout`. Whoever sleeps until an
    /// earlier answer of that does not know it yet.
    Rearm,
}

/// What waits to be given out.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Answer(Answer),
    Failure(ConsumerError),
}

/// Batches of one partition.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) key: Key,
    pub(crate) batches: Bytes,
    /// Records below are not wanted.
    pub(crate) from: Offset,
    pub(crate) next_offset: Offset,
    pub(crate) high_watermark: Offset,
    pub(crate) position: Arc<Position>,
    /// Of which sitting of the claim; another one means that the partition was sought since.
    pub(crate) sitting: u64,
    broker: BrokerId,
    cost: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct SessionSettings {
    pub(crate) prefetch_bytes_max: u64,
    pub(crate) out_of_range: OutOfRange,
    pub(crate) backoff: Backoff,
    /// How often it is asked whether followed topics have new partitions.
    pub(crate) refresh_after: Duration,
}

/// A topic whose new partitions are read too.
#[derive(Debug)]
struct Followed {
    topic: TopicId,
    /// How many partitions it has that are known here, whether they are read or not.
    partitions: usize,
    /// Where new ones begin.
    start: Start,
}

/// The consumer's head. See the module.
#[derive(Debug)]
pub(crate) struct Session {
    settings: SessionSettings,
    rng: Rng,
    claims: BTreeMap<Key, Claim>,
    /// Which claim a live fetch is for.
    fetches: BTreeMap<FetchId, Key>,
    links: BTreeMap<BrokerId, Link>,
    connections: BTreeMap<ConnectionId, BrokerId>,
    asking: BTreeSet<TopicName>,
    followed: BTreeMap<TopicName, Followed>,
    /// When the followed topics are asked for again.
    refresh_at: Option<Moment>,
    items: VecDeque<Item>,
    effects: VecDeque<Effect>,
    next_fetch: u64,
    next_sitting: u64,
    counts: Counts,
}

/// What it counted so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) answers: u64,
    pub(crate) bytes: u64,
    pub(crate) disconnects: u64,
}

impl Session {
    pub(crate) fn new(settings: SessionSettings, rng: Rng) -> Self {
        Self {
            settings,
            rng,
            claims: BTreeMap::new(),
            fetches: BTreeMap::new(),
            links: BTreeMap::new(),
            connections: BTreeMap::new(),
            asking: BTreeSet::new(),
            followed: BTreeMap::new(),
            refresh_at: None,
            items: VecDeque::new(),
            effects: VecDeque::new(),
            next_fetch: 0,
            next_sitting: 0,
            counts: Counts::default(),
        }
    }

    // Getters.

    pub(crate) fn claim(&self, key: &Key) -> Option<&Claim> {
        self.claims.get(key)
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Bytes that came and nobody took yet.
    pub(crate) fn prefetched(&self) -> u64 {
        self.links.values().map(Link::queued).sum()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.claims.keys()
    }

    /// Whether what is given out of this sitting is still wanted.
    pub(crate) fn is_current(&self, key: &Key, sitting: u64) -> bool {
        self.claims.get(key).is_some_and(|claim| claim.sitting == sitting && !claim.paused)
    }

    // Commands.

    /// Begins to read a partition.
    pub(crate) fn assign(&mut self, route: &TopicRoute, partition: PartitionId, start: Start) {
        let key = (route.name.clone(), partition);
        let leader = route.leaders.get(partition.0 as usize).copied().flatten();
        let sitting = self.new_sitting();
        self.claims.insert(key.clone(), Claim::new(route.id, leader, start, sitting));
        self.pursue(&key, Moment::START);
    }

    /// Reads partitions that the topic gets later, from a start at which nothing of them is missed.
    pub(crate) fn follow(&mut self, route: &TopicRoute, start: Start, now: Moment) {
        let start = match start {
            Start::Timestamp(_) => start,
            Start::Earliest | Start::Latest | Start::Offset(_) => Start::Earliest,
        };
        let followed = Followed { topic: route.id, partitions: route.leaders.len(), start };
        self.followed.insert(route.name.clone(), followed);
        self.refresh_at = Some(now.plus(self.settings.refresh_after));
        self.effects.push_back(Effect::Rearm);
    }

    pub(crate) fn unassign(&mut self, key: &Key) {
        self.stand_up(key);
        self.claims.remove(key);
    }

    /// Goes on elsewhere. What was fetched is dropped.
    pub(crate) fn seek(&mut self, key: &Key, start: Start) {
        self.stand_up(key);
        let Some(claim) = self.claims.get_mut(key) else { return };
        claim.begin_at(start);
        self.pursue(key, Moment::START);
    }

    /// Stops for a while. What was fetched is dropped, and fetched again: it would keep the budget
    /// from the other partitions.
    pub(crate) fn pause(&mut self, key: &Key) {
        self.stand_up(key);
        let Some(claim) = self.claims.get_mut(key) else { return };
        claim.paused = true;
        claim.go_back_to_position();
    }

    pub(crate) fn resume(&mut self, key: &Key) {
        let Some(claim) = self.claims.get_mut(key) else { return };
        claim.paused = false;
        self.pursue(key, Moment::START);
    }

    /// What is to be given out next.
    pub(crate) fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        if let Item::Answer(answer) = &item {
            self.give_back(answer.broker, answer.cost);
        }
        Some(item)
    }

    /// The answer that was given out makes no sense: the partition stops until it is sought.
    pub(crate) fn fail(&mut self, key: &Key) {
        self.stand_up(key);
        if let Some(claim) = self.claims.get_mut(key) {
            claim.failed = true;
        }
    }

    /// Ends the claim's fetch and drops what was fetched; what comes next is a new sitting.
    fn stand_up(&mut self, key: &Key) {
        let sitting = self.new_sitting();
        let Some(claim) = self.claims.get_mut(key) else { return };
        claim.sitting = sitting;
        if let Some((fetch, connection)) = claim.fetch.take() {
            self.fetches.remove(&fetch);
            self.effects.push_back(Effect::Unassign { connection, fetch });
        }
        let items = std::mem::take(&mut self.items);
        let (dropped, kept): (VecDeque<_>, VecDeque<_>) = items
            .into_iter()
            .partition(|item| matches!(item, Item::Answer(answer) if answer.key == *key));
        self.items = kept;
        for item in dropped {
            if let Item::Answer(answer) = item {
                self.give_back(answer.broker, answer.cost);
            }
        }
    }

    fn new_sitting(&mut self) -> u64 {
        self.next_sitting += 1;
        self.next_sitting
    }

    pub(crate) fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    pub(crate) fn has_items(&self) -> bool {
        !self.items.is_empty()
    }

    // Outputs.

    pub(crate) fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The earliest moment at which something is to be tried again.
    pub(crate) fn poll_timeout(&self) -> Option<Moment> {
        let claims = self.claims.values().filter_map(Claim::timer);
        let links = self.links.values().filter_map(Link::retry_at);
        claims.chain(links).chain(self.refresh_at).min()
    }
}
