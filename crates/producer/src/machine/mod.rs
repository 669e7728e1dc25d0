//! When which batch is sent to whom under which number, and what every answer and every silence
//! means. Knows no socket, byte, clock or dice: the time is handed in, and the randomness too.
//!
//! Call an input or a command, then drain [`Machine::poll_effect`], then arm
//! [`Machine::poll_timeout`]. `now` never goes back.
//!
//! What it promises, per partition, to whoever carries out the effects in order (numbers from the
//! project's invariants):
//! - I1 A batch is in the log once, or not at all. It is sent again under its old number only, and
//!   gets another number only when every attempt was answered with "not in the log", or its broker's
//!   process ended before another of it said so.
//! - I2 Batches are in the log in the order they were handed over. Nothing overtakes what is not
//!   settled.
//! - I4 After a gap that cannot be closed (a batch was given up, the broker lost what it had
//!   acknowledged) the line goes on under the next epoch, which fences every late copy (I6).
//! - Every batch is settled once: acknowledged, refused for good, or given up when its time is over;
//!   and then the error says whether it may be in the log.
//!
//! In reading order: [`effect`] (what goes in and out), [`line`] (one partition), [`link`] (one
//! connection), [`answer`] (what answers and silences mean), [`pump`] (what to send), [`timers`].

mod answer;
mod effect;
mod line;
mod link;
mod pump;
#[cfg(test)]
mod tests;
mod timers;

use bytes::Bytes;
use ottla_model::{BrokerId, Moment, ProducerEpoch, ProducerId, Rng};
use std::collections::{BTreeMap, VecDeque};

pub(crate) use effect::{
    Ack, Answer, BatchId, ConnectionId, Correlation, Effect, Ending, LineId, MachineSettings,
    NewBatch, Stamp, TopicKey,
};
use line::{Line, Slot};
pub(crate) use link::Window;
use link::{Life, Link, LinkState, Up};
use timers::{Timer, Timers};

use crate::error::ProducerError;

/// The producer's head. See the module.
#[derive(Debug)]
pub(crate) struct Machine {
    settings: MachineSettings,
    rng: Rng,
    topics: Vec<Topic>,
    lines: Vec<Line>,
    links: BTreeMap<BrokerId, Link>,
    connections: BTreeMap<ConnectionId, BrokerId>,
    producer: ProducerState,
    timers: Timers,
    effects: VecDeque<Effect>,
    next_correlation: u64,
    counts: Counts,
}

/// What it counted so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) retries: u64,
    pub(crate) epoch_bumps: u64,
    pub(crate) disconnects: u64,
}

#[derive(Debug, Default)]
struct Topic {
    lines: Vec<LineId>,
    asking: bool,
    failures: u32,
    trouble: Option<String>,
}

/// The id under which new lines number their batches.
#[derive(Debug)]
enum ProducerState {
    Unknown,
    Asked { failures: u32 },
    Known(ProducerId, ProducerEpoch),
}

impl Machine {
    pub(crate) fn new(settings: MachineSettings, rng: Rng) -> Self {
        Self {
            settings,
            rng,
            topics: Vec::new(),
            lines: Vec::new(),
            links: BTreeMap::new(),
            connections: BTreeMap::new(),
            producer: ProducerState::Unknown,
            timers: Timers::default(),
            effects: VecDeque::new(),
            next_correlation: 0,
            counts: Counts::default(),
        }
    }

    // Getters.

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.links.values().filter_map(Link::up).map(|up| up.flights.len()).sum()
    }

    // Commands.

    /// A topic that is new here; its lines follow.
    pub(crate) fn add_topic(&mut self) -> TopicKey {
        self.topics.push(Topic::default());
        TopicKey(index(self.topics.len() - 1))
    }

    /// A partition that is new here.
    pub(crate) fn add_line(&mut self, topic: TopicKey, leader: Option<BrokerId>) -> LineId {
        let id = LineId(index(self.lines.len()));
        self.lines.push(Line::new(topic, leader));
        self.lines[id.0 as usize].careful = self.settings.idempotent;
        self.topics[topic.0 as usize].lines.push(id);
        id
    }

    /// A batch to be sent after all of its line that came before.
    pub(crate) fn add_batch(&mut self, line: LineId, batch: NewBatch, now: Moment) {
        let slot = Slot {
            batch,
            stamp: None,
            ordinal: 0,
            in_flight: None,
            unanswered: Vec::new(),
            attempts: 0,
        };
        self.line_mut(line).window.push_back(slot);
        self.pump(line, now);
    }

    // Inputs: something happened outside.

    /// Records are gathered since `open`, and were not handed over; or none are.
    pub(crate) fn handle_open(&mut self, line: LineId, open: Option<Moment>, now: Moment) {
        self.line_mut(line).open_since = open;
        self.pump(line, now);
    }

    /// What the line had gathered was handed over, if there was anything. Follows every
    /// [`Effect::Take`].
    pub(crate) fn handle_taken(&mut self, line: LineId, now: Moment) {
        if let Some(broker) = self.give_place_back(line) {
            self.pump_waiting(broker, now);
        }
    }

    /// A broker took the connection.
    pub(crate) fn handle_connected(
        &mut self,
        broker: BrokerId,
        connection: ConnectionId,
        now: Moment,
    ) {
        let link = self.links.entry(broker).or_insert_with(Link::new);
        link.state = LinkState::Up(Up {
            connection,
            life: Life { broker, incarnation: None },
            window: Window::OPEN,
            bytes: 0,
            asked: 0,
            flights: BTreeMap::new(),
        });
        self.connections.insert(connection, broker);
        let careful = self.settings.idempotent;
        for line in self.lines.iter_mut().filter(|line| line.leader == Some(broker)) {
            line.careful = careful;
        }
        self.pump_all(Some(broker), now);
    }

    /// A broker could not be reached.
    pub(crate) fn handle_connect_failed(&mut self, broker: BrokerId, why: String, now: Moment) {
        self.link_failed(broker, why, now);
    }

    /// How much may be without an answer on this connection, and which life of the broker it reached,
    /// if that was said.
    pub(crate) fn handle_window(
        &mut self,
        connection: ConnectionId,
        window: Window,
        incarnation: Option<Bytes>,
        now: Moment,
    ) {
        let Some(broker) = self.connections.get(&connection).copied() else { return };
        if let Some(up) = self.link_mut(broker).up_mut() {
            up.window = window;
            up.life.incarnation = incarnation.or(up.life.incarnation.take());
        }
        self.pump_waiting(broker, now);
    }

    /// Who leads the partitions of a topic, in order; a line beyond the end is gone.
    pub(crate) fn handle_routes(
        &mut self,
        topic: TopicKey,
        leaders: &[Option<BrokerId>],
        now: Moment,
    ) {
        let state = &mut self.topics[topic.0 as usize];
        (state.asking, state.failures, state.trouble) = (false, 0, None);
        let lines = state.lines.clone();
        for (line, leader) in lines.iter().zip(leaders) {
            self.line_mut(*line).leader = *leader;
        }
        if lines.iter().any(|id| self.line(*id).leader.is_none() && self.wants_leader(*id)) {
            self.routes_failed(topic, "a partition has no leader".to_owned(), now);
        }
        for line in lines {
            self.pump(line, now);
        }
    }

    /// Nobody could say for the moment.
    pub(crate) fn handle_routes_failed(&mut self, topic: TopicKey, why: String, now: Moment) {
        self.topics[topic.0 as usize].asking = false;
        self.routes_failed(topic, why, now);
    }

    /// The topic is gone: nothing of it can be sent any more.
    pub(crate) fn handle_topic_gone(&mut self, topic: TopicKey, why: &ProducerError, now: Moment) {
        self.topics[topic.0 as usize].asking = false;
        for line in self.topics[topic.0 as usize].lines.clone() {
            self.give_up_all(line, why, now);
        }
    }

    /// A producer id of our own.
    pub(crate) fn handle_producer_id(
        &mut self,
        producer: ProducerId,
        epoch: ProducerEpoch,
        now: Moment,
    ) {
        self.producer = ProducerState::Known(producer, epoch);
        self.pump_all(None, now);
    }

    /// No producer id could be had for the moment.
    pub(crate) fn handle_producer_id_failed(&mut self, why: &str, now: Moment) {
        let ProducerState::Asked { failures } = &mut self.producer else { return };
        *failures = failures.saturating_add(1);
        let pause = self.settings.backoff.pause(*failures, &mut self.rng);
        self.timers.set(Timer::ProducerId, Some(now.plus(pause)));
        for line in &mut self.lines {
            line.trouble = Some(format!("no producer id: {why}"));
        }
    }

    /// The time that `poll_timeout` told has come.
    pub(crate) fn handle_timeout(&mut self, now: Moment) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Line(line) => {
                    self.expire(line, now);
                    self.pump(line, now);
                }
                Timer::Link(broker) => self.link_due(broker, now),
                Timer::Routes(topic) => self.ask_routes(topic),
                Timer::ProducerId => self.effects.push_back(Effect::AskProducerId),
            }
        }
    }

    // Outputs: what to do next, in this order.

    pub(crate) fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Moment> {
        self.timers.earliest()
    }

    // Shared by the files below.

    fn line(&self, id: LineId) -> &Line {
        &self.lines[id.0 as usize]
    }

    fn line_mut(&mut self, id: LineId) -> &mut Line {
        &mut self.lines[id.0 as usize]
    }

    fn link_mut(&mut self, broker: BrokerId) -> &mut Link {
        self.links.entry(broker).or_insert_with(Link::new)
    }

    fn wants_leader(&self, id: LineId) -> bool {
        let line = self.line(id);
        !line.window.is_empty() || line.open_since.is_some()
    }

    fn ask_routes(&mut self, topic: TopicKey) {
        let state = &mut self.topics[topic.0 as usize];
        if !state.asking {
            state.asking = true;
            self.timers.set(Timer::Routes(topic), None);
            self.effects.push_back(Effect::AskRoutes(topic));
        }
    }

    fn routes_failed(&mut self, topic: TopicKey, why: String, now: Moment) {
        let state = &mut self.topics[topic.0 as usize];
        state.failures = state.failures.saturating_add(1);
        state.trouble = Some(why);
        let pause = self.settings.backoff.pause(state.failures, &mut self.rng);
        self.timers.set(Timer::Routes(topic), Some(now.plus(pause)));
    }
}

fn index(length: usize) -> u32 {
    u32::try_from(length).expect("a client knows fewer than 2^32 partitions")
}
