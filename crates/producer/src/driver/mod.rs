//! The shell around the machine: it carries batches, connects, asks and waits, and decides nothing.
//! [`outside`] is what it has others do, and hears from them; [`packing`] is compression.

mod outside;
mod packing;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ottla_client::TopicRoute;
use ottla_client::produce::ProduceBatch;
use ottla_model::Moment;
use ottla_runtime::Cores;
use tokio::sync::{mpsc, oneshot};

use crate::error::ProducerError;
use crate::gather::{Gathered, Gathering};
use crate::machine::{
    Ack, BatchId, ConnectionId, Correlation, Effect, LineId, Machine, NewBatch, Stamp, TopicKey,
};
use crate::payload::Payload;
use crate::shared::{Command, Shared, Topic};
use outside::{Connection, Event};
use packing::{Packet, Packing};

/// Most events that are looked at before effects are carried out.
const EVENTS_PER_TURN: usize = 64;

/// Nobody needs to know of new partitions sooner.
const REFRESH_MIN: Duration = Duration::from_millis(10);

pub(crate) struct Driver {
    shared: Arc<Shared>,
    machine: Machine,
    topics: Vec<Arc<Topic>>,
    lines: Vec<Line>,
    payloads: BTreeMap<BatchId, Payload>,
    connections: BTreeMap<ConnectionId, Connection>,
    events: mpsc::UnboundedReceiver<Event>,
    /// For the tasks that report here.
    reports: mpsc::UnboundedSender<Event>,
    flushes: Vec<(BatchId, oneshot::Sender<()>)>,
    next_batch: u64,
    next_connection: u64,
    packing: Packing,
    /// How many batches are compressed at a time.
    threads: usize,
    refresh_at: Moment,
    closing: bool,
}

struct Line {
    gathering: Arc<Gathering>,
    topic: TopicKey,
    /// What is being compressed, oldest first.
    packets: VecDeque<Packet>,
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, machine: Machine) -> Self {
        let (reports, events) = mpsc::unbounded_channel();
        Self {
            refresh_at: shared.clock.moment().plus(refresh_after(&shared)),
            shared,
            machine,
            topics: Vec::new(),
            lines: Vec::new(),
            payloads: BTreeMap::new(),
            connections: BTreeMap::new(),
            events,
            reports,
            flushes: Vec::new(),
            next_batch: 0,
            next_connection: 0,
            packing: Packing::default(),
            threads: Cores::available(),
            closing: false,
        }
    }

    /// Runs until the producer is closed and everything sent is decided.
    pub(crate) async fn run(mut self) {
        loop {
            // In this order: a line is added before anybody asks for attention to it.
            let attention = self.shared.take_attention();
            self.take_commands();
            attention.into_iter().for_each(|line| self.look_at(line));
            self.carry_out();
            self.answer_flushes();
            if self.closing && self.payloads.is_empty() {
                return;
            }
            self.wait().await;
        }
    }

    async fn wait(&mut self) {
        let due = self.machine.poll_timeout().unwrap_or(self.refresh_at).min(self.refresh_at);
        let pause = due.since(self.shared.clock.moment());
        tokio::select! {
            biased;
            event = self.events.recv() => {
                let event = event.expect("the driver holds a sender itself");
                self.take_event(event);
                self.take_more_events();
            }
            () = self.shared.wake.notified() => {}
            () = tokio::time::sleep(pause) => self.time_passed(),
        }
    }

    fn take_more_events(&mut self) {
        for _ in 0..EVENTS_PER_TURN {
            let Ok(event) = self.events.try_recv() else { return };
            self.take_event(event);
        }
    }

    fn time_passed(&mut self) {
        let now = self.now();
        self.machine.handle_timeout(now);
        if now >= self.refresh_at {
            self.refresh_at = now.plus(refresh_after(&self.shared));
            for key in 0..self.topics.len() {
                self.ask_routes(TopicKey(key as u32));
            }
        }
    }

    fn now(&self) -> Moment {
        self.shared.clock.moment()
    }

    // What callers want.

    fn take_commands(&mut self) {
        for command in self.shared.take_commands() {
            match command {
                Command::Add(topic, gatherings, route) => self.add(topic, gatherings, &route),
                Command::Flush(done) => {
                    self.take_everything();
                    self.flushes.push((BatchId(self.next_batch), done));
                }
                Command::Close(done) => self.close(done),
            }
        }
    }

    fn add(&mut self, topic: Arc<Topic>, gatherings: Vec<Arc<Gathering>>, route: &TopicRoute) {
        let key = topic.key;
        if key.0 as usize == self.topics.len() {
            assert_eq!(self.machine.add_topic(), key, "topics are numbered in order");
            self.topics.push(topic);
        }
        for gathering in gatherings {
            let leader = route.leaders.get(gathering.partition.0 as usize).copied().flatten();
            let line = self.machine.add_line(key, leader);
            assert_eq!(line, gathering.line, "lines are numbered in order");
            self.lines.push(Line { gathering, topic: key, packets: VecDeque::new() });
        }
    }

    fn take_everything(&mut self) {
        for index in 0..self.lines.len() {
            let gathered = self.lines[index].gathering.take();
            self.hand_over(LineId(index as u32), gathered);
        }
    }

    fn close(&mut self, done: Option<oneshot::Sender<()>>) {
        self.closing = true;
        for index in 0..self.lines.len() {
            let gathered = self.lines[index].gathering.end(ProducerError::Closed);
            self.hand_over(LineId(index as u32), gathered);
        }
        self.flushes.extend(done.map(|done| (BatchId(self.next_batch), done)));
    }

    fn answer_flushes(&mut self) {
        let oldest = self.payloads.first_key_value().map(|(id, _)| *id);
        let (waiting, done): (Vec<_>, Vec<_>) = std::mem::take(&mut self.flushes)
            .into_iter()
            .partition(|(upto, _)| oldest.is_some_and(|oldest| oldest < *upto));
        self.flushes = waiting;
        for (_, flush) in done {
            // Whoever asked may have gone.
            let _ = flush.send(());
        }
    }

    // What was gathered.

    fn look_at(&mut self, line: LineId) {
        let Some(Line { gathering, .. }) = self.lines.get(line.0 as usize) else { return };
        let (sealed, open_since) = gathering.look();
        self.hand_over(line, sealed);
        if self.lines[line.0 as usize].packets.is_empty() {
            let now = self.now();
            self.machine.handle_open(line, open_since, now);
        }
    }

    fn hand_over(&mut self, line: LineId, gathered: VecDeque<Gathered>) {
        for batch in gathered {
            let id = BatchId(self.next_batch);
            self.next_batch += 1;
            let payload = Payload::new(batch);
            count(&self.shared.counters.records_taken, payload.records().into());
            let bytes = payload.bytes();
            self.payloads.insert(id, payload);
            match self.packs(line, bytes) {
                true => self.pack(line, id),
                false => self.add_batch(line, id),
            }
        }
    }

    fn add_batch(&mut self, line: LineId, id: BatchId) {
        let now = self.now();
        let payload = &self.payloads[&id];
        let (bytes, born) = (payload.bytes(), payload.born());
        let records = i32::try_from(payload.records()).expect("a batch is limited");
        self.machine.add_batch(line, NewBatch { id, records, bytes, born }, now);
    }

    // What the machine wants.

    fn carry_out(&mut self) {
        while let Some(effect) = self.machine.poll_effect() {
            match effect {
                Effect::Take(line) => {
                    let gathered = self.lines[line.0 as usize].gathering.take();
                    self.hand_over(line, gathered);
                    let now = self.now();
                    self.machine.handle_taken(line, now);
                }
                Effect::Send { connection, correlation, line, batch, stamp } => {
                    self.send(connection, correlation, line, batch, stamp);
                }
                Effect::Settle { batch, result, .. } => self.settle(batch, result),
                Effect::Connect(broker) => self.connect(broker),
                Effect::Abandon(connection) => self.abandon(connection),
                Effect::AskRoutes(topic) => self.ask_routes(topic),
                Effect::AskProducerId => self.ask_producer_id(),
            }
        }
        self.copy_counts();
    }

    fn send(
        &mut self,
        connection: ConnectionId,
        correlation: Correlation,
        line: LineId,
        batch: BatchId,
        stamp: Stamp,
    ) {
        let Line { gathering, topic, .. } = &self.lines[line.0 as usize];
        let payload = self.payloads.get_mut(&batch).expect("a batch lives until it is settled");
        let bytes = payload.encoded(stamp, &self.shared);
        // A connection that just ended has lost it, as the machine will hear.
        let Some(connection) = self.connections.get(&connection) else { return };
        connection.sender.send(ProduceBatch {
            correlation: correlation.0,
            topic: self.topics[topic.0 as usize].route.id,
            partition: gathering.partition,
            acks: self.shared.config.acks,
            durability: self.shared.config.durability,
            batch: bytes,
        });
    }

    fn settle(&mut self, batch: BatchId, result: Result<Ack, ProducerError>) {
        let payload = self.payloads.remove(&batch).expect("a batch is settled once");
        let counters = &self.shared.counters;
        let records = u64::from(payload.records());
        match &result {
            Ok(ack) => {
                count(&counters.records_delivered, records);
                count(&counters.batches_delivered, 1);
                count(&counters.bytes_delivered, payload.bytes());
                count(&counters.duplicates, ack.duplicate.into());
            }
            Err(_) => count(&counters.records_failed, records),
        }
        payload.decide(result, &self.shared);
    }

    fn copy_counts(&self) {
        let (counts, counters) = (self.machine.counts(), &self.shared.counters);
        counters.retries.store(counts.retries, Ordering::Relaxed);
        counters.epoch_bumps.store(counts.epoch_bumps, Ordering::Relaxed);
        counters.disconnects.store(counts.disconnects, Ordering::Relaxed);
        let in_flight = self.machine.in_flight() as u64;
        counters.batches_in_flight.store(in_flight, Ordering::Relaxed);
    }
}

/// How often routes are asked for again though nothing is wrong, to notice new partitions.
fn refresh_after(shared: &Shared) -> Duration {
    shared.client.config().metadata_age_max.max(REFRESH_MIN)
}

fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

/// Without a driver nothing is decided any more. A runtime that is shut down drops it half-way.
impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.budget.close();
        self.shared.refuse_commands();
        for line in &self.lines {
            for gathered in line.gathering.end(ProducerError::Closed) {
                gathered.fate.decide(Err(ProducerError::Aborted));
            }
        }
        for (_, payload) in std::mem::take(&mut self.payloads) {
            payload.decide(Err(ProducerError::Aborted), &self.shared);
        }
    }
}
