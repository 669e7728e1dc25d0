//! What is asked for next, and what the broker says.

use std::time::Duration;

use bytes::Bytes;
use ottla_client::{ClientError, ServerError, TopicRoute};
use ottla_model::{BrokerId, Moment, Offset, PartitionId, Retry, TopicName};

use super::link::{Link, LinkState};
use super::{Answer, ConnectionId, Effect, FetchId, Followed, Item, Key, Session};
use crate::config::{OutOfRange, Start};
use crate::error::ConsumerError;

/// What a broker calls an offset that it does not have.
const OUT_OF_RANGE: &str = "OFFSET_OUT_OF_RANGE";
/// What a broker says of a topic that is not there.
const UNKNOWN_TOPIC: &str = "UNKNOWN_TOPIC";

/// Batches that a broker sent.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) fetch: FetchId,
    pub(crate) batches: Bytes,
    pub(crate) next_offset: Offset,
    pub(crate) high_watermark: Offset,
    pub(crate) cost: u64,
}

impl Session {
    // Inputs: something happened outside.

    pub(crate) fn handle_connected(
        &mut self,
        broker: BrokerId,
        connection: ConnectionId,
        now: Moment,
    ) {
        let link = self.links.entry(broker).or_insert_with(Link::new);
        link.connected(connection);
        self.connections.insert(connection, broker);
        let share = self.settings.prefetch_bytes_max / self.links.len() as u64;
        for link in self.links.values_mut() {
            link.set_share(share);
        }
        self.top_up(broker);
        self.pursue_all(now);
    }

    pub(crate) fn handle_connect_failed(&mut self, broker: BrokerId, now: Moment) {
        let link = self.links.entry(broker).or_insert_with(Link::new);
        link.failures = link.failures.saturating_add(1);
        let failures = link.failures;
        let retry_at = now.plus(self.settings.backoff.pause(failures, &mut self.rng));
        self.links.entry(broker).or_insert_with(Link::new).state = LinkState::Down(retry_at);
        self.effects.push_back(Effect::Rearm);
        // Perhaps somebody else leads by now.
        let led = self.claims.iter().filter(|(_, claim)| claim.leader == Some(broker));
        let topics: Vec<_> = led.map(|((topic, _), _)| topic.clone()).collect();
        topics.iter().for_each(|topic| self.ask_routes(topic));
    }

    /// A connection ended. Its fetches go on over the next, where the last answer ended.
    pub(crate) fn handle_disconnected(&mut self, connection: ConnectionId, now: Moment) {
        let Some(broker) = self.connections.remove(&connection) else { return };
        self.counts.disconnects += 1;
        for claim in self.claims.values_mut() {
            if claim.fetch.is_some_and(|(_, on)| on == connection) {
                let (fetch, _) = claim.fetch.take().expect("it was just there");
                self.fetches.remove(&fetch);
            }
        }
        self.handle_connect_failed(broker, now);
    }

    pub(crate) fn handle_routes(&mut self, route: &TopicRoute, now: Moment) {
        self.asking.remove(&route.name);
        let keys: Vec<_> = self.keys().filter(|(topic, _)| *topic == route.name).cloned().collect();
        for key in keys {
            let claim = self.claims.get_mut(&key).expect("it is one of them");
            if claim.failed {
                continue;
            }
            if claim.topic != route.id {
                let topic = route.name.clone();
                self.give_up(&key, ConsumerError::TopicGone { topic });
                continue;
            }
            claim.leader = route.leaders.get(key.1.0 as usize).copied().flatten();
            if claim.leader.is_none() {
                self.try_later(&key, None, now);
            }
            self.pursue(&key, now);
        }
        if self.followed.get(&route.name).is_some_and(|followed| followed.topic != route.id) {
            let topic = route.name.clone();
            self.stop_following(&route.name, ConsumerError::TopicGone { topic });
        }
        self.assign_new(route);
    }

    /// The topic is gone. Its partitions that are read tell so themselves; without one, nobody else would.
    fn stop_following(&mut self, topic: &TopicName, error: ConsumerError) {
        let told = self.keys().any(|(name, _)| name == topic);
        if self.followed.remove(topic).is_some() && !told {
            self.items.push_back(Item::Failure(error));
        }
    }

    /// Reads what a followed topic has got since it was looked at.
    fn assign_new(&mut self, route: &TopicRoute) {
        let followed = self.followed.get_mut(&route.name).filter(|f| f.topic == route.id);
        let Some(Followed { partitions, start, .. }) = followed else { return };
        let (known, start) = (*partitions, *start);
        *partitions = known.max(route.leaders.len());
        for partition in (known..route.leaders.len()).map(|index| PartitionId(index as u32)) {
            if !self.claims.contains_key(&(route.name.clone(), partition)) {
                self.assign(route, partition, start);
            }
        }
    }

    pub(crate) fn handle_routes_failed(
        &mut self,
        topic: &TopicName,
        error: &ClientError,
        now: Moment,
    ) {
        self.asking.remove(topic);
        let keys: Vec<_> = self.keys().filter(|(name, _)| name == topic).cloned().collect();
        for key in keys {
            match error.code() {
                Some(_) if is_final(error) => self.give_up(&key, error.clone().into()),
                _ => self.try_later(&key, None, now),
            }
        }
        let error = match error.code() {
            Some(UNKNOWN_TOPIC) => ConsumerError::TopicGone { topic: topic.clone() },
            Some(_) if is_final(error) => error.clone().into(),
            _ => return,
        };
        self.stop_following(topic, error);
    }

    /// A fetch begins.
    pub(crate) fn handle_assigned(&mut self, fetch: FetchId, offset: Offset, end: Offset) {
        let Some(claim) = self.fetches.get(&fetch).and_then(|key| self.claims.get_mut(key)) else {
            return;
        };
        claim.start = Start::Offset(offset);
        claim.high_watermark = Some(end);
        claim.failures = 0;
        if claim.position.get().is_none() {
            claim.position.set(offset);
        }
    }

    pub(crate) fn handle_received(&mut self, connection: ConnectionId, received: Received) {
        let Some(broker) = self.connections.get(&connection).copied() else { return };
        let Received { fetch, batches, next_offset, high_watermark, cost } = received;
        self.counts.answers += 1;
        self.counts.bytes += batches.len() as u64;
        let link = self.links.entry(broker).or_insert_with(Link::new);
        link.received(cost);
        link.failures = 0;
        let Some(key) = self.fetches.get(&fetch).cloned() else {
            return self.give_back(broker, cost);
        };
        let claim = self.claims.get_mut(&key).expect("a live fetch has a claim");
        claim.high_watermark = Some(high_watermark);
        let Start::Offset(from) = claim.start else {
            return self.give_back(broker, cost);
        };
        claim.start = Start::Offset(next_offset.max(from));
        let (position, sitting) = (claim.position.clone(), claim.sitting);
        let answer = Answer {
            key,
            batches,
            from,
            next_offset,
            high_watermark,
            position,
            sitting,
            broker,
            cost,
        };
        self.items.push_back(Item::Answer(answer));
    }

    /// A fetch has ended by itself.
    pub(crate) fn handle_ended(
        &mut self,
        fetch: FetchId,
        error: Option<Box<ServerError>>,
        now: Moment,
    ) {
        let Some(key) = self.fetches.remove(&fetch) else { return };
        let claim = self.claims.get_mut(&key).expect("a live fetch has a claim");
        claim.fetch = None;
        let start = claim.start;
        match error {
            None => self.try_later(&key, None, now),
            Some(error) if error.code == OUT_OF_RANGE => self.out_of_range(&key, start, &error),
            Some(error) if error.retry == Retry::Never => {
                self.give_up(&key, ClientError::Refused(error).into());
            }
            Some(error) => {
                self.try_later(&key, error.retry_after, now);
                self.ask_routes(&key.0);
            }
        }
        self.pursue(&key, now);
    }

    pub(crate) fn handle_timeout(&mut self, now: Moment) {
        self.links.values_mut().for_each(|link| link.pause_is_over(now));
        self.pursue_all(now);
        if self.refresh_at.is_some_and(|at| at <= now) {
            self.refresh_at = Some(now.plus(self.settings.refresh_after));
            let topics: Vec<_> = self.followed.keys().cloned().collect();
            topics.iter().for_each(|topic| self.ask_routes(topic));
        }
    }

    // What follows.

    fn out_of_range(&mut self, key: &Key, start: Start, error: &ServerError) {
        let elsewhere = match self.settings.out_of_range {
            OutOfRange::Earliest => Start::Earliest,
            OutOfRange::Latest => Start::Latest,
            OutOfRange::Error => {
                let offset = match start {
                    Start::Offset(offset) => offset,
                    Start::Earliest | Start::Latest | Start::Timestamp(_) => Offset(-1),
                };
                let (topic, partition) = key.clone();
                let why = error.message.clone();
                let error = ConsumerError::OutOfRange { topic, partition, offset, why };
                return self.give_up(key, error);
            }
        };
        let claim = self.claims.get_mut(key).expect("the claim is there");
        // What waits to be given out keeps the old position; the new one follows it.
        claim.begin_at(elsewhere);
    }

    fn give_up(&mut self, key: &Key, error: ConsumerError) {
        if let Some(claim) = self.claims.get_mut(key)
            && std::mem::replace(&mut claim.failed, true)
        {
            return;
        }
        self.items.push_back(Item::Failure(error));
    }

    fn try_later(&mut self, key: &Key, pause: Option<Duration>, now: Moment) {
        let Some(claim) = self.claims.get_mut(key) else { return };
        claim.failures = claim.failures.saturating_add(1);
        let failures = claim.failures;
        let pause =
            self.settings.backoff.pause(failures, &mut self.rng).max(pause.unwrap_or_default());
        if let Some(claim) = self.claims.get_mut(key) {
            claim.retry_at = Some(now.plus(pause));
            self.effects.push_back(Effect::Rearm);
        }
    }

    pub(super) fn pursue_all(&mut self, now: Moment) {
        let keys: Vec<_> = self.claims.keys().cloned().collect();
        keys.iter().for_each(|key| self.pursue(key, now));
    }

    /// Takes the next step towards a fetch for the claim, if it wants one.
    pub(super) fn pursue(&mut self, key: &Key, now: Moment) {
        let Some(claim) = self.claims.get_mut(key).filter(|claim| claim.wants_fetch(now)) else {
            return;
        };
        claim.retry_at = None;
        let Some(broker) = claim.leader else {
            return self.ask_routes(&key.0);
        };
        let link = self.links.entry(broker).or_insert_with(Link::new);
        match link.state {
            LinkState::Connecting => {}
            LinkState::Down(until) if until > now => {}
            LinkState::Down(_) => {
                link.state = LinkState::Connecting;
                self.effects.push_back(Effect::Connect(broker));
            }
            LinkState::Up(connection) => self.begin_fetch(key, connection),
        }
    }

    fn begin_fetch(&mut self, key: &Key, connection: ConnectionId) {
        let fetch = FetchId(self.next_fetch);
        self.next_fetch += 1;
        let claim = self.claims.get_mut(key).expect("whoever calls has looked");
        claim.fetch = Some((fetch, connection));
        let (topic, start) = (claim.topic, claim.fetch_start());
        self.fetches.insert(fetch, key.clone());
        let partition = key.1;
        self.effects.push_back(Effect::Assign { connection, fetch, topic, partition, start });
    }

    fn ask_routes(&mut self, topic: &TopicName) {
        if self.asking.insert(topic.clone()) {
            self.effects.push_back(Effect::AskRoutes(topic.clone()));
        }
    }

    pub(super) fn give_back(&mut self, broker: BrokerId, cost: u64) {
        if let Some(link) = self.links.get_mut(&broker) {
            link.taken(cost);
        }
        self.top_up(broker);
    }

    fn top_up(&mut self, broker: BrokerId) {
        let grant = self.links.get_mut(&broker).and_then(Link::grant);
        if let Some((connection, bytes)) = grant {
            self.effects.push_back(Effect::Credit { connection, bytes });
        }
    }
}

fn is_final(error: &ClientError) -> bool {
    error.code() == Some(UNKNOWN_TOPIC) || ottla_model::Answers::retry(error) == Retry::Never
}
