//! A broker of the imagination, with every vice that a real one and its network may have: answers and
//! requests get lost, connections that the client gave up still deliver, the process dies and comes
//! back, with or without what it had acknowledged.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use ottla_client::ServerError;
use ottla_model::{
    Acks, Answers, BrokerId, Durability, Fault, Moment, Offset, Outcome, ProducerEpoch, ProducerId,
    Retry, Rng,
};

use super::super::{
    Ack, Answer, BatchId, ConnectionId, Correlation, Effect, Ending, LineId, Machine,
    MachineSettings, NewBatch, Stamp, TopicKey, Window,
};
use crate::error::ProducerError;

const BROKER: BrokerId = BrokerId(1);
const RECORDS: i32 = 10;

/// What the next request to be processed meets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mood {
    Later,
    Final,
    UnclearDone,
    UnclearNotDone,
}

#[derive(Clone, Copy, Debug)]
struct Stored {
    batch: BatchId,
    stamp: Stamp,
    offset: Offset,
}

#[derive(Debug)]
struct Request {
    correlation: Correlation,
    line: LineId,
    batch: BatchId,
    stamp: Stamp,
}

#[derive(Debug, Default)]
struct Wire {
    requests: VecDeque<Request>,
    answers: VecDeque<(Correlation, Answer)>,
    /// The client has given it up; the broker does not know yet.
    zombie: bool,
}

pub(crate) struct World {
    pub(crate) machine: Machine,
    pub(crate) now: Moment,
    topic: TopicKey,
    lines: Vec<LineId>,
    logs: BTreeMap<LineId, Vec<Stored>>,
    wires: BTreeMap<ConnectionId, Wire>,
    incarnation: u64,
    tells_incarnation: bool,
    reachable: bool,
    next_batch: u64,
    next_connection: u64,
    next_producer: i64,
    handed: BTreeMap<BatchId, LineId>,
    /// Lines that have gathered a batch, and were not asked for it.
    gathered: BTreeSet<LineId>,
    pub(crate) window: Window,
    settled: BTreeMap<BatchId, Result<Ack, ProducerError>>,
    /// Acknowledged, then lost by the broker: nothing the client could do.
    robbed: BTreeSet<BatchId>,
    pub(crate) mood: Option<Mood>,
    pub(crate) trace: Vec<String>,
}

pub(crate) fn settings() -> MachineSettings {
    MachineSettings {
        in_flight_max: 5,
        linger: Duration::from_millis(5),
        delivery_timeout: Duration::from_secs(10),
        request_timeout: Duration::from_secs(3),
        backoff: ottla_model::Backoff {
            min: Duration::from_millis(20),
            max: Duration::from_secs(1),
        },
        idempotent: true,
    }
}

impl World {
    pub(crate) fn new(settings: MachineSettings, lines: u32, tells_incarnation: bool) -> Self {
        let mut machine = Machine::new(settings, Rng::from_number(7));
        let topic = machine.add_topic();
        let lines: Vec<_> = (0..lines).map(|_| machine.add_line(topic, Some(BROKER))).collect();
        Self {
            machine,
            now: Moment::START,
            topic,
            logs: lines.iter().map(|line| (*line, Vec::new())).collect(),
            lines,
            wires: BTreeMap::new(),
            incarnation: 0,
            tells_incarnation,
            reachable: true,
            next_batch: 0,
            next_connection: 0,
            next_producer: 100,
            handed: BTreeMap::new(),
            gathered: BTreeSet::new(),
            window: Window::OPEN,
            settled: BTreeMap::new(),
            robbed: BTreeSet::new(),
            mood: None,
            trace: Vec::new(),
        }
    }

    // What a script may do.

    pub(crate) fn hand_over(&mut self, line: usize) {
        let line = self.lines[line % self.lines.len()];
        self.add_batch(line);
        self.carry_out();
    }

    fn add_batch(&mut self, line: LineId) {
        let id = BatchId(self.next_batch);
        self.next_batch += 1;
        self.handed.insert(id, line);
        let batch = NewBatch { id, records: RECORDS, bytes: 1000, born: self.now };
        self.machine.add_batch(line, batch, self.now);
    }

    /// Records are gathered, and wait to be asked for.
    pub(crate) fn gather(&mut self, line: usize) {
        let line = self.lines[line % self.lines.len()];
        self.gathered.insert(line);
        self.machine.handle_open(line, Some(self.now), self.now);
        self.carry_out();
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now.plus(time);
        while let Some(due) = self.machine.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.machine.handle_timeout(self.now);
            self.carry_out();
        }
        self.now = end;
    }

    /// The broker takes one request of one connection, perhaps of one that was given up.
    pub(crate) fn process(&mut self, pick: usize) {
        let busy: Vec<_> = self.wires.iter().filter(|(_, w)| !w.requests.is_empty()).collect();
        let Some((connection, _)) = busy.get(pick % busy.len().max(1)) else { return };
        let connection = **connection;
        let wire = self.wires.get_mut(&connection).expect("it was just there");
        let request = wire.requests.pop_front().expect("it is busy");
        let answer = self.judge(&request);
        let wire = self.wires.get_mut(&connection).expect("it was just there");
        wire.answers.push_back((request.correlation, answer));
    }

    /// One answer reaches the client.
    pub(crate) fn deliver(&mut self, pick: usize) {
        let busy: Vec<_> = self.wires.iter().filter(|(_, w)| !w.answers.is_empty()).collect();
        let Some((connection, _)) = busy.get(pick % busy.len().max(1)) else { return };
        let connection = **connection;
        let wire = self.wires.get_mut(&connection).expect("it was just there");
        let (correlation, answer) = wire.answers.pop_front().expect("it is busy");
        if !wire.zombie {
            self.machine.handle_answer(connection, correlation, answer, self.now);
            self.carry_out();
        }
    }

    /// The client sees its connections end. What was sent may still arrive.
    pub(crate) fn cut(&mut self) {
        let live: Vec<_> = self.live();
        for connection in live {
            self.wires.get_mut(&connection).expect("it is live").zombie = true;
            let ending = Ending::Broken("connection reset".to_owned());
            self.machine.handle_disconnected(connection, ending, self.now);
            self.carry_out();
        }
    }

    /// The broker answers what it took, and drops the rest unread.
    pub(crate) fn drain(&mut self) {
        for connection in self.live() {
            let wire = self.wires.remove(&connection).expect("it is live");
            for (correlation, answer) in wire.answers {
                self.machine.handle_answer(connection, correlation, answer, self.now);
                self.carry_out();
            }
            // What the answers made the client send is not read any more.
            self.wires.remove(&connection);
            self.machine.handle_disconnected(connection, Ending::Drained, self.now);
            self.carry_out();
        }
    }

    /// The process dies and is back at once. `lose` batches of every log were never on the disk.
    pub(crate) fn crash(&mut self, lose: usize) {
        self.incarnation += 1;
        let live = self.live();
        self.wires.clear();
        for log in self.logs.values_mut() {
            let kept = log.len().saturating_sub(lose);
            self.robbed.extend(log.drain(kept..).map(|stored| stored.batch));
        }
        for connection in live {
            let ending = Ending::Broken("connection reset".to_owned());
            self.machine.handle_disconnected(connection, ending, self.now);
            self.carry_out();
        }
    }

    pub(crate) fn set_reachable(&mut self, yes: bool) {
        self.reachable = yes;
    }

    fn live(&self) -> Vec<ConnectionId> {
        self.wires.iter().filter(|(_, wire)| !wire.zombie).map(|(id, _)| *id).collect()
    }

    /// Everything works from now on; runs until all is settled.
    pub(crate) fn heal(&mut self) {
        self.mood = None;
        self.reachable = true;
        for _ in 0..10_000 {
            if self.settled.len() == self.handed.len() && self.gathered.is_empty() {
                break;
            }
            while self.wires.values().any(|w| !w.requests.is_empty() || !w.answers.is_empty()) {
                self.process(0);
                self.deliver(0);
            }
            self.pass(Duration::from_millis(10));
        }
        while self.wires.values().any(|wire| !wire.requests.is_empty()) {
            self.process(0);
        }
    }

    // How the broker judges.

    fn judge(&mut self, request: &Request) -> Answer {
        let mood = self.mood.take();
        match mood {
            Some(Mood::Later) => return refused("DISK_FULL", Outcome::DidNotHappen, Retry::Later),
            Some(Mood::Final) => {
                return refused("INVALID_BATCH", Outcome::DidNotHappen, Retry::Never);
            }
            Some(Mood::UnclearNotDone) => return unclear(),
            Some(Mood::UnclearDone) | None => {}
        }
        let answer = self.append(request);
        match (mood, &answer) {
            (Some(Mood::UnclearDone), Answer::Acknowledged(_)) => unclear(),
            _ => answer,
        }
    }

    fn append(&mut self, request: &Request) -> Answer {
        let log = self.logs.get_mut(&request.line).expect("the line is known");
        let stamp = request.stamp;
        let of_producer = log.iter().filter(|s| s.stamp.producer == stamp.producer);
        let last = of_producer.clone().max_by_key(|s| s.stamp.epoch).map(|s| s.stamp.epoch);
        let of_epoch: Vec<_> = of_producer.filter(|s| Some(s.stamp.epoch) == last).collect();
        let recent = of_epoch.iter().rev().take(5);
        if let Some(known) = recent.clone().find(|s| s.stamp == stamp) {
            return acknowledged(known.offset, true);
        }
        let expected = of_epoch.last().map(|s| s.stamp.sequence.plus(RECORDS));
        let fits = match last {
            None => true,
            Some(epoch) if stamp.epoch < epoch => return fenced(),
            Some(epoch) if stamp.epoch > epoch => stamp.sequence.0 == 0,
            Some(_) => Some(stamp.sequence) == expected,
        };
        if !fits {
            return refused("OUT_OF_ORDER_SEQUENCE", Outcome::DidNotHappen, Retry::Never);
        }
        let offset = Offset(log.len() as i64 * i64::from(RECORDS));
        log.push(Stored { batch: request.batch, stamp, offset });
        acknowledged(offset, false)
    }

    // The shell.

    pub(crate) fn carry_out(&mut self) {
        while let Some(effect) = self.machine.poll_effect() {
            self.note(&effect);
            match effect {
                Effect::Take(line) => {
                    if self.gathered.remove(&line) {
                        self.add_batch(line);
                    }
                    self.machine.handle_taken(line, self.now);
                }
                Effect::Send { connection, correlation, line, batch, stamp } => {
                    let request = Request { correlation, line, batch, stamp };
                    let wire = self.wires.entry(connection).or_default();
                    wire.requests.push_back(request);
                }
                Effect::Settle { batch, result, .. } => {
                    let before = self.settled.insert(batch, result);
                    assert_eq!(before, None, "a batch is settled once");
                }
                Effect::Connect(broker) => self.connect(broker),
                Effect::Abandon(connection) => {
                    self.wires.entry(connection).or_default().zombie = true;
                }
                Effect::AskRoutes(topic) => {
                    assert_eq!(topic, self.topic);
                    let leaders = vec![Some(BROKER); self.lines.len()];
                    self.machine.handle_routes(topic, &leaders, self.now);
                }
                Effect::AskProducerId => {
                    self.next_producer += 1;
                    let producer = ProducerId(self.next_producer);
                    self.machine.handle_producer_id(producer, ProducerEpoch(0), self.now);
                }
            }
        }
    }

    fn connect(&mut self, broker: BrokerId) {
        if !self.reachable {
            let why = "connection refused".to_owned();
            return self.machine.handle_connect_failed(broker, why, self.now);
        }
        let connection = ConnectionId(self.next_connection);
        self.next_connection += 1;
        self.wires.insert(connection, Wire::default());
        self.machine.handle_connected(broker, connection, self.now);
        let incarnation = self.tells_incarnation.then(|| self.incarnation.to_string().into());
        self.machine.handle_window(connection, self.window, incarnation, self.now);
    }

    fn note(&mut self, effect: &Effect) {
        let at = self.now.0.as_millis();
        let line = match effect {
            Effect::Send { batch, stamp, connection, .. } => format!(
                "send batch={} epoch={} sequence={} connection={}",
                batch.0, stamp.epoch, stamp.sequence, connection.0
            ),
            Effect::Settle { batch, result: Ok(ack), .. } => {
                let again = if ack.duplicate { " duplicate" } else { "" };
                format!("delivered batch={} offset={}{again}", batch.0, ack.base_offset)
            }
            Effect::Settle { batch, result: Err(error), .. } => {
                format!("failed batch={} outcome={}", batch.0, error.outcome().name())
            }
            Effect::Take(line) => format!("take line={}", line.0),
            Effect::Connect(_) => "connect".to_owned(),
            Effect::Abandon(connection) => format!("abandon connection={}", connection.0),
            Effect::AskRoutes(_) => "ask routes".to_owned(),
            Effect::AskProducerId => "ask producer id".to_owned(),
        };
        self.trace.push(format!("{at} ms: {line}"));
    }

    pub(crate) fn take_trace(&mut self) -> String {
        std::mem::take(&mut self.trace).join("\n") + "\n"
    }

    // What must hold at the end.

    pub(crate) fn check(&self) {
        for (line, log) in &self.logs {
            let order: Vec<_> = log.iter().map(|stored| stored.batch).collect();
            let rising = order.windows(2).all(|pair| pair[0] < pair[1]);
            assert!(rising, "I1, I2: once and in order on line {}: {order:?}", line.0);
        }
        for (batch, line) in &self.handed {
            let stored = self.logs[line].iter().find(|stored| stored.batch == *batch);
            match self.settled.get(batch).expect("every batch is settled in the end") {
                Ok(ack) if !self.robbed.contains(batch) => {
                    let offset = stored.map(|stored| stored.offset);
                    assert_eq!(offset, Some(ack.base_offset), "I3: the original offset");
                }
                Err(error) if error.outcome() == Outcome::DidNotHappen => {
                    let trace = self.trace.join("\n");
                    assert!(stored.is_none(), "{batch:?} is in the log, though {error}\n{trace}");
                }
                Ok(_) | Err(_) => {}
            }
        }
    }

    pub(crate) fn delivered(&self) -> usize {
        self.settled.values().filter(|result| result.is_ok()).count()
    }

    pub(crate) fn failed(&self) -> usize {
        self.settled.len() - self.delivered()
    }
}

fn acknowledged(base_offset: Offset, duplicate: bool) -> Answer {
    Answer::Acknowledged(Ack {
        base_offset,
        log_append_time: None,
        acks: Acks::All,
        durability: Durability::Fsync,
        duplicate,
    })
}

fn fenced() -> Answer {
    refused("PRODUCER_FENCED", Outcome::DidNotHappen, Retry::Never)
}

fn unclear() -> Answer {
    refused("PARTITION_FAILED", Outcome::Unknown, Retry::SameSequence)
}

fn refused(code: &str, outcome: Outcome, retry: Retry) -> Answer {
    Answer::Refused(Box::new(ServerError {
        code: code.to_owned(),
        message: code.to_owned(),
        outcome,
        retry,
        fault: Fault::Nobody,
        advice: String::new(),
        retry_after: None,
        metadata: BTreeMap::new(),
    }))
}
