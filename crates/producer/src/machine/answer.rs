//! What answers and silences mean.

use ottla_client::ServerError;
use ottla_model::{BrokerId, Moment};

use super::Machine;
use super::effect::{Ack, Answer, BatchId, ConnectionId, Correlation, Effect, Ending, LineId};
use super::effect::{Refusal, classify};
use super::line::Slot;
use super::link::{Flight, Life, LinkState};
use super::timers::Timer;
use crate::error::ProducerError;

impl Machine {
    /// A broker answered one request. Answers to requests of lost connections, or to none that was
    /// made, change nothing.
    pub(crate) fn handle_answer(
        &mut self,
        connection: ConnectionId,
        correlation: Correlation,
        answer: Answer,
        now: Moment,
    ) {
        let Some((broker, life, flight)) = self.land(connection, correlation) else { return };
        let (id, batch) = (flight.line, flight.batch);
        if let Some(index) = self.line(id).position(batch) {
            self.line_mut(id).window[index].in_flight = None;
            match answer {
                Answer::Acknowledged(ack) => self.acknowledged(id, index, ack, now),
                Answer::Refused(error) => self.refused(id, index, error, &life, now),
            }
        }
        self.pump(id, now);
        self.pump_waiting(broker, now);
    }

    fn land(
        &mut self,
        connection: ConnectionId,
        correlation: Correlation,
    ) -> Option<(BrokerId, Life, Flight)> {
        let broker = *self.connections.get(&connection)?;
        let patience = self.settings.request_timeout;
        let link = self.links.get_mut(&broker)?;
        link.failures = 0;
        let up = link.up_mut()?;
        let flight = up.land(correlation)?;
        let life = up.life.clone();
        let overdue = up.overdue(patience);
        self.timers.set(Timer::Link(broker), overdue);
        Some((broker, life, flight))
    }

    fn acknowledged(&mut self, id: LineId, index: usize, ack: Ack, now: Moment) {
        let line = self.line_mut(id);
        let slot = line.window.remove(index).expect("the index was just found");
        line.last_ack = now;
        line.failures = 0;
        line.retry_at = None;
        line.trouble = None;
        if index == 0 {
            line.careful = false;
        }
        self.settle(id, slot.batch.id, Ok(ack));
    }

    fn refused(
        &mut self,
        id: LineId,
        index: usize,
        error: Box<ServerError>,
        life: &Life,
        now: Moment,
    ) {
        self.line_mut(id).trouble = Some(error.to_string());
        if !self.settings.idempotent {
            return self.give_up(id, index, ProducerError::Refused(error));
        }
        match classify(&error) {
            Refusal::Final => self.refused_for_good(id, index, error),
            Refusal::Later => self.try_later(id, now),
            Refusal::Refresh => {
                let topic = self.line(id).topic;
                self.try_later(id, now);
                self.ask_routes(topic);
            }
            Refusal::Unclear => {
                self.line_mut(id).window[index].unanswered.push(life.clone());
                self.try_later(id, now);
            }
            Refusal::Gap => self.refused_for_a_gap(id, index, error, life),
            Refusal::Fenced => {
                self.line_mut(id).renew = true;
                self.not_under_this_epoch(id, index, error);
            }
        }
    }

    fn refused_for_good(&mut self, id: LineId, index: usize, error: Box<ServerError>) {
        let doubtful = self.line(id).window[index].is_doubtful();
        let error = match doubtful {
            true => ProducerError::RefusedLate { error },
            false => ProducerError::Refused(error),
        };
        self.give_up(id, index, error);
    }

    fn try_later(&mut self, id: LineId, now: Moment) {
        let failures = self.line(id).failures.saturating_add(1);
        let pause = self.settings.backoff.pause(failures, &mut self.rng);
        let line = self.line_mut(id);
        line.failures = failures;
        line.careful = true;
        line.retry_at = Some(now.plus(pause));
    }

    /// The batch came after one that is not in the log. Behind one that is still on its way, that is
    /// as it should be, and it follows later. As the oldest, it tells that the broker has lost count.
    ///
    /// SUBTLE: a broker looks for duplicates first, so the batch is not in the log now. An unanswered
    /// attempt may still put it there: its bytes may wait in a connection that the broker has not
    /// given up yet, behind the batch that is missing. Only the end of that process ends the doubt.
    fn refused_for_a_gap(
        &mut self,
        id: LineId,
        index: usize,
        error: Box<ServerError>,
        life: &Life,
    ) {
        let line = self.line_mut(id);
        line.window[index].unanswered.retain(|attempt| !attempt.is_over(life));
        if index > 0 && !line.spoiled {
            line.careful = true;
            return;
        }
        self.not_under_this_epoch(id, index, error);
    }

    fn not_under_this_epoch(&mut self, id: LineId, index: usize, error: Box<ServerError>) {
        self.line_mut(id).spoiled = true;
        if self.line(id).window[index].is_doubtful() {
            self.give_up(id, index, ProducerError::RefusedLate { error });
        }
    }

    /// A connection ended. What it owed is tried again over the next.
    pub(crate) fn handle_disconnected(
        &mut self,
        connection: ConnectionId,
        ending: Ending,
        now: Moment,
    ) {
        let Some(broker) = self.connections.remove(&connection) else { return };
        let Some(up) = self.links.get(&broker).and_then(super::Link::up) else { return };
        if up.connection != connection {
            return;
        }
        let (flights, life) = (up.flights.clone(), up.life.clone());
        let why = match &ending {
            Ending::Drained => "the broker shut down".to_owned(),
            Ending::Broken(why) => why.clone(),
        };
        let answered = ending == Ending::Drained;
        self.counts.disconnects += 1;
        self.link_failed(broker, why.clone(), now);
        for flight in flights.values() {
            self.unanswered(flight, (!answered).then_some(&life), &why);
        }
        for flight in flights.values() {
            self.pump(flight.line, now);
        }
    }

    fn unanswered(&mut self, flight: &Flight, doubt: Option<&Life>, why: &str) {
        let idempotent = self.settings.idempotent;
        let line = self.line_mut(flight.line);
        line.careful = idempotent;
        line.trouble = Some(why.to_owned());
        let Some(index) = line.position(flight.batch) else { return };
        let slot = &mut line.window[index];
        slot.in_flight = None;
        slot.unanswered.extend(doubt.cloned());
        if !idempotent && slot.is_doubtful() {
            let error = self.too_late(flight.line, index);
            self.give_up(flight.line, index, error);
        }
    }

    pub(super) fn link_failed(&mut self, broker: BrokerId, why: String, now: Moment) {
        let link = self.links.entry(broker).or_insert_with(super::Link::new);
        link.failures = link.failures.saturating_add(1);
        let pause = self.settings.backoff.pause(link.failures, &mut self.rng);
        link.state = LinkState::Down(now.plus(pause));
        link.trouble = Some(why);
        for line in std::mem::take(&mut link.waiting) {
            self.line_mut(line).queued = false;
        }
        self.timers.set(Timer::Link(broker), Some(now.plus(pause)));
    }

    /// The link's timer is due: it may be tried again, or it owes an answer for too long.
    pub(super) fn link_due(&mut self, broker: BrokerId, now: Moment) {
        let patience = self.settings.request_timeout;
        let overdue = self.links.get(&broker).and_then(super::Link::up).and_then(|up| {
            let due = up.overdue(patience)? <= now;
            due.then_some(up.connection)
        });
        if let Some(connection) = overdue {
            self.effects.push_back(Effect::Abandon(connection));
            let why = format!("no answer in {patience:?}");
            self.handle_disconnected(connection, Ending::Broken(why), now);
        }
        let moved: Vec<_> = self.lines.iter().filter(|l| l.leader == Some(broker)).collect();
        let mut topics: Vec<_> = moved.iter().map(|line| line.topic).collect();
        topics.dedup();
        let down = self.links.get(&broker).is_some_and(|link| link.failures > 1);
        for topic in topics.into_iter().filter(|_| down) {
            self.ask_routes(topic);
        }
        self.pump_all(Some(broker), now);
    }

    /// Gives up the line's batches whose time is over.
    pub(super) fn expire(&mut self, id: LineId, now: Moment) {
        let timeout = self.settings.delivery_timeout;
        while self.line(id).window.front().is_some_and(|s| s.batch.born.plus(timeout) <= now) {
            let error = self.too_late(id, 0);
            self.give_up(id, 0, error);
        }
    }

    pub(super) fn give_up_lost_behind_refused(&mut self, id: LineId) {
        while let Some(index) = self.line(id).lost_behind_refused() {
            let error = ProducerError::LostBehindRefused { why: self.trouble(id) };
            self.give_up(id, index, error);
        }
    }

    fn too_late(&self, id: LineId, index: usize) -> ProducerError {
        let waited = self.settings.delivery_timeout;
        let why = self.trouble(id);
        let slot = &self.line(id).window[index];
        match slot.in_flight.is_some() || slot.is_doubtful() {
            true => ProducerError::TimedOutUnknown { waited, why },
            false => ProducerError::TimedOutUnsent { waited, why },
        }
    }

    fn trouble(&self, id: LineId) -> String {
        let line = self.line(id);
        let link = line.leader.and_then(|broker| self.links.get(&broker));
        let down = link.filter(|link| link.up().is_none()).and_then(|link| link.trouble.clone());
        let routes = self.topics[line.topic.0 as usize].trouble.clone();
        let why = down.or_else(|| line.trouble.clone()).or(routes);
        why.unwrap_or_else(|| "the broker is slow".to_owned())
    }

    pub(super) fn give_up_all(&mut self, id: LineId, why: &ProducerError, now: Moment) {
        while let Some(slot) = self.line(id).window.front() {
            let error = match slot.in_flight.is_some() || slot.is_doubtful() {
                true => self.too_late(id, 0),
                false => why.clone(),
            };
            self.give_up(id, 0, error);
        }
        if self.line_mut(id).open_since.take().is_some() {
            self.effects.push_back(Effect::Take(id));
        }
        self.arm_line(id, now);
    }

    /// Settles a batch as failed. If it had a number, those behind it cannot follow under theirs.
    fn give_up(&mut self, id: LineId, index: usize, error: ProducerError) {
        let idempotent = self.settings.idempotent;
        let line = self.line_mut(id);
        let Some(Slot { batch, stamp, .. }) = line.window.remove(index) else { return };
        if idempotent && stamp.is_some() {
            line.spoiled = true;
        }
        self.settle(id, batch.id, Err(error));
    }

    fn settle(&mut self, line: LineId, batch: BatchId, result: Result<Ack, ProducerError>) {
        self.effects.push_back(Effect::Settle { line, batch, result });
    }
}
