//! Fetch sessions: what a client fetches is remembered, so that it sends only what changes, and is sent
//! only what changed.
//!
//! As in Kafka, a session is no promise: one that is not there any more, or whose count of requests does
//! not follow on, is an error upon which its client begins anew with a whole request; and where there is
//! no room for a session, its number is 0, and every request of the client is whole.
//!
//! Invariants:
//! - At most so many sessions, and so many partitions of all of them, are remembered.
//! - A session takes one request at a time: the next one carries the next number.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ottla_kafka_codec::messages::fetch::{FetchPartition, PartitionData};
use ottla_kafka_codec::{ErrorCode, Uuid};
use ottla_model::Moment;
use ottla_model::limits::{
    KAFKA_FETCH_SESSION_KEPT_MIN, KAFKA_FETCH_SESSION_PARTITIONS_MAX, KAFKA_FETCH_SESSIONS_MAX,
    TOPIC_NAME_CHARS_MAX,
};

/// No session.
pub(crate) const NONE: i32 = 0;

/// The topic of a request: by name, or by id in the newest versions.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    pub(crate) id: Uuid,
}

/// A partition, and what is wanted of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Wanted {
    pub(crate) topic: Topic,
    pub(crate) partition: FetchPartition,
}

/// What a request changes of its session.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) wanted: Vec<Wanted>,
    pub(crate) forgotten: Vec<(Topic, i32)>,
    /// Whether topics are named by their ids.
    pub(crate) by_id: bool,
}

/// The sessions of all clients.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    sessions: BTreeMap<i32, Session>,
    last_id: i32,
    /// Of all sessions.
    partitions: usize,
}

#[derive(Debug)]
struct Session {
    /// The number of the next request.
    epoch: i32,
    by_id: bool,
    used: Moment,
    partitions: BTreeMap<(Topic, i32), Cached>,
    /// By whose turn it is: who was answered records is last.
    turns: BTreeSet<(u64, Topic, i32)>,
    last_turn: u64,
}

#[derive(Debug)]
struct Cached {
    turn: u64,
    wanted: FetchPartition,
    told: Told,
}

/// What the client was told last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Told {
    high_watermark: i64,
    log_start: i64,
}

impl Told {
    /// Whatever comes is news.
    const NOTHING: Self = Self { high_watermark: -1, log_start: -1 };

    fn by(data: &PartitionData) -> Self {
        match data.error_code {
            0 => Self { high_watermark: data.high_watermark, log_start: data.log_start_offset },
            _ => Self::NOTHING,
        }
    }
}

impl Sessions {
    /// Sessions whose numbers begin behind this one.
    pub(crate) fn beginning_at(id: i32) -> Self {
        Self { last_id: id & i32::MAX, ..Self::default() }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.sessions.len()
    }

    /// Ends a session, if there is one.
    pub(crate) fn end(&mut self, id: i32) {
        if let Some(session) = self.sessions.remove(&id) {
            self.partitions -= session.partitions.len();
        }
    }

    /// Begins a session of a client that was answered all of this; [`NONE`] where there is no room.
    pub(crate) fn begin(
        &mut self,
        answered: &[(Wanted, PartitionData)],
        by_id: bool,
        now: Moment,
    ) -> i32 {
        let fits = answered.iter().all(|(wanted, _)| can_be_remembered(wanted));
        if !fits || !self.make_room(answered.len(), now) {
            return NONE;
        }
        let mut session = Session::new(by_id, now);
        for (wanted, data) in answered {
            session.put(wanted.clone());
            session.tell(&wanted.topic, data);
        }
        let id = self.free_id();
        self.partitions += session.partitions.len();
        self.sessions.insert(id, session);
        id
    }

    /// Changes a session, and answers all that its client wants now.
    pub(crate) fn go_on(
        &mut self,
        (id, epoch): (i32, i32),
        change: Change,
        now: Moment,
    ) -> Result<Vec<Wanted>, ErrorCode> {
        let session = self.sessions.get_mut(&id).ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        if session.epoch != epoch || !change.wanted.iter().all(can_be_remembered) {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if session.by_id != change.by_id {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        let before = session.partitions.len();
        session.change(change);
        session.used = now;
        session.epoch = epoch.checked_add(1).unwrap_or(1);
        let wanted = session.wanted();
        self.partitions = self.partitions + wanted.len() - before;
        if self.partitions > KAFKA_FETCH_SESSION_PARTITIONS_MAX {
            self.end(id);
            return Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        }
        Ok(wanted)
    }

    /// Which of what was found is news to the session's client, who is told now.
    pub(crate) fn news(&mut self, id: i32, topic: &Topic, data: &PartitionData) -> bool {
        // Ended meanwhile: the client is told everything, and learns of the end with its next request.
        self.sessions.get_mut(&id).is_none_or(|session| session.tell(topic, data))
    }

    /// Whether there is room for a session, for which one that is not used any more may have to go.
    fn make_room(&mut self, partitions: usize, now: Moment) -> bool {
        loop {
            let fits = self.sessions.len() < KAFKA_FETCH_SESSIONS_MAX
                && self.partitions + partitions <= KAFKA_FETCH_SESSION_PARTITIONS_MAX;
            if fits {
                return true;
            }
            let oldest = self.sessions.iter().min_by_key(|(_, session)| session.used);
            let Some((id, session)) = oldest.map(|(id, session)| (*id, session)) else {
                return false;
            };
            if now.0.saturating_sub(session.used.0) < KAFKA_FETCH_SESSION_KEPT_MIN {
                return false;
            }
            self.end(id);
        }
    }

    fn free_id(&mut self) -> i32 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if self.last_id > NONE && !self.sessions.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }
}

impl Session {
    fn new(by_id: bool, now: Moment) -> Self {
        let (partitions, turns) = (BTreeMap::new(), BTreeSet::new());
        Self { epoch: 1, by_id, used: now, partitions, turns, last_turn: 0 }
    }

    fn change(&mut self, change: Change) {
        for wanted in change.wanted {
            self.put(wanted);
        }
        for key in change.forgotten {
            if let Some(cached) = self.partitions.remove(&key) {
                self.turns.remove(&(cached.turn, key.0, key.1));
            }
        }
    }

    fn put(&mut self, Wanted { topic, partition }: Wanted) {
        let key = (topic, partition.partition);
        if let Some(cached) = self.partitions.get_mut(&key) {
            cached.wanted = partition;
            return;
        }
        let turn = self.next_turn(&key);
        self.partitions.insert(key, Cached { turn, wanted: partition, told: Told::NOTHING });
    }

    fn next_turn(&mut self, (topic, partition): &(Topic, i32)) -> u64 {
        self.last_turn += 1;
        self.turns.insert((self.last_turn, topic.clone(), *partition));
        self.last_turn
    }

    /// In the order of their turns.
    fn wanted(&self) -> Vec<Wanted> {
        let each = self.turns.iter().map(|(_, topic, partition)| {
            let cached = &self.partitions[&(topic.clone(), *partition)];
            Wanted { topic: topic.clone(), partition: cached.wanted.clone() }
        });
        each.collect()
    }

    /// Whether this is news; it is none any more.
    fn tell(&mut self, topic: &Topic, data: &PartitionData) -> bool {
        let key = (topic.clone(), data.partition_index);
        let has_records = data.records.as_ref().is_some_and(|records| !records.is_empty());
        let Some(cached) = self.partitions.get_mut(&key) else {
            return true;
        };
        let before = std::mem::replace(&mut cached.told, Told::by(data));
        let is_news = before != cached.told
            || has_records
            || data.error_code != 0
            || data.diverging_epoch.epoch >= 0;
        if has_records {
            // The others have their turn first.
            let turn = cached.turn;
            self.turns.remove(&(turn, key.0.clone(), key.1));
            let turn = self.next_turn(&key);
            if let Some(cached) = self.partitions.get_mut(&key) {
                cached.turn = turn;
            }
        }
        is_news
    }
}

/// Whether this is no larger than what a topic can be called: names of topics that cannot be are not kept.
fn can_be_remembered(wanted: &Wanted) -> bool {
    wanted.topic.name.len() <= TOPIC_NAME_CHARS_MAX
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ottla_kafka_codec::Records;

    use super::*;

    fn topic(name: &str) -> Topic {
        Topic { name: name.into(), id: [0; 16] }
    }

    fn wanting(partitions: impl IntoIterator<Item = i32>) -> Change {
        let wanted = partitions.into_iter().map(|partition| Wanted {
            topic: topic("t"),
            partition: FetchPartition { partition, ..Default::default() },
        });
        Change { wanted: wanted.collect(), ..Change::default() }
    }

    fn told(partition_index: i32, high_watermark: i64) -> PartitionData {
        PartitionData {
            partition_index,
            high_watermark,
            log_start_offset: 0,
            records: Some(Records::default()),
            ..Default::default()
        }
    }

    fn begun(sessions: &mut Sessions, partitions: i32, now: Moment) -> i32 {
        let answers = (0..partitions).map(|index| told(index, 5));
        let answered: Vec<_> = wanting(0..partitions).wanted.into_iter().zip(answers).collect();
        sessions.begin(&answered, false, now)
    }

    fn indexes(wanted: Vec<Wanted>) -> Vec<i32> {
        wanted.into_iter().map(|wanted| wanted.partition.partition).collect()
    }

    const NOW: Moment = Moment(Duration::ZERO);

    #[test]
    fn a_session_remembers_adds_and_forgets() {
        let mut sessions = Sessions::default();
        let id = begun(&mut sessions, 2, NOW);
        let all = sessions.go_on((id, 1), Change::default(), NOW).expect("it goes on");
        assert_eq!(indexes(all), [0, 1]);
        let change = Change { forgotten: vec![(topic("t"), 0)], ..wanting([7]) };
        assert_eq!(indexes(sessions.go_on((id, 2), change, NOW).expect("it goes on")), [1, 7]);
        assert_eq!((sessions.count(), sessions.partitions), (1, 2));
        sessions.end(id);
        assert_eq!((sessions.count(), sessions.partitions), (0, 0));
    }

    #[test]
    fn what_does_not_follow_on_is_refused_by_kafkas_codes() {
        let mut sessions = Sessions::default();
        let id = begun(&mut sessions, 1, NOW);
        let mut code = |at, change| sessions.go_on(at, change, NOW).expect_err("refused");
        assert_eq!(code((id + 1, 1), Change::default()), ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        assert_eq!(code((id, 2), Change::default()), ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        let by_id = Change { by_id: true, ..Change::default() };
        assert_eq!(code((id, 1), by_id), ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
    }

    #[test]
    fn only_news_are_told() {
        let mut sessions = Sessions::default();
        let id = begun(&mut sessions, 2, NOW);
        let mut news = |data: PartitionData| sessions.news(id, &topic("t"), &data);
        assert!(!news(told(0, 5)), "told before");
        assert!(news(told(0, 6)), "the end has moved");
        assert!(!news(told(0, 6)));
        let records = Some(Records(vec![bytes::Bytes::from_static(b"batch")]));
        assert!(news(PartitionData { records, ..told(0, 6) }));
        let error = PartitionData { error_code: 6, ..told(0, 6) };
        assert!(news(error.clone()) && news(error), "an error each time");
        assert!(news(told(0, 6)), "it is well again");
        let all = sessions.go_on((id, 1), Change::default(), NOW).expect("it goes on");
        assert_eq!(indexes(all), [1, 0], "who had records is last");
    }

    #[test]
    fn there_are_as_many_as_there_may_be_and_who_is_not_used_goes() {
        let mut sessions = Sessions::beginning_at(i32::MAX);
        for _ in 0..KAFKA_FETCH_SESSIONS_MAX {
            assert!(begun(&mut sessions, 1, NOW) > NONE);
        }
        assert_eq!(begun(&mut sessions, 1, NOW), NONE, "all are used");
        let later = Moment(KAFKA_FETCH_SESSION_KEPT_MIN);
        assert!(begun(&mut sessions, 1, later) > NONE);
        assert_eq!(sessions.count(), KAFKA_FETCH_SESSIONS_MAX);
    }
}
