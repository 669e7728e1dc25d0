//! What to send next, and over which connection.

use ottla_model::{BrokerId, Moment, ProducerEpoch};

use super::effect::{ConnectionId, Correlation, Effect, LineId};
use super::line::Numbering;
use super::link::{Flight, LinkState};
use super::timers::Timer;
use super::{Machine, ProducerState};

/// After so much quiet a broker may have forgotten us: the next batch goes alone.
const CAREFUL_AFTER: std::time::Duration = std::time::Duration::from_secs(60);

impl Machine {
    /// Sends what the line may send now, asks for what it lacks, and sets its timer.
    pub(super) fn pump(&mut self, id: LineId, now: Moment) {
        self.give_up_lost_behind_refused(id);
        self.start_again_if_settled(id);
        while let Some(index) = self.line(id).next_to_send(self.settings.in_flight_max, now) {
            if !self.send(id, index, now) {
                break;
            }
        }
        self.line(id).check(self.settings.in_flight_max);
        self.take_if_worth_it(id, now);
        self.arm_line(id, now);
    }

    pub(super) fn pump_all(&mut self, broker: Option<BrokerId>, now: Moment) {
        for index in 0..self.lines.len() {
            let concerned = broker.is_none() || self.lines[index].leader == broker;
            if concerned && self.wants_leader(LineId(super::index(index))) {
                self.pump(LineId(super::index(index)), now);
            }
        }
    }

    /// Lets the lines send that found no room on the connection, in turn.
    pub(super) fn pump_waiting(&mut self, broker: BrokerId, now: Moment) {
        for _ in 0..self.link_mut(broker).waiting.len() {
            let link = self.link_mut(broker);
            if !link.up().is_some_and(|up| up.has_room(1, false)) {
                return;
            }
            let Some(line) = link.waiting.pop_front() else { return };
            self.line_mut(line).queued = false;
            self.pump(line, now);
        }
    }

    /// Sends one batch; false when something is missing, which was then asked for.
    fn send(&mut self, id: LineId, index: usize, now: Moment) -> bool {
        let Some(connection) = self.connection_for(id, now) else { return false };
        if self.line(id).owes_elsewhere(connection) || !self.number(id) {
            return false;
        }
        let bytes = self.line(id).window[index].batch.bytes;
        if !self.has_room(id, bytes) {
            return false;
        }
        self.be_careful_after_quiet(id, now);
        let line = self.line_mut(id);
        let Some(stamp) = line.stamp(index) else { return false };
        let slot = &mut line.window[index];
        slot.in_flight = Some(connection);
        slot.attempts += 1;
        let batch = slot.batch.id;
        if slot.attempts > 1 {
            self.counts.retries += 1;
        }
        let correlation = Correlation(self.next_correlation);
        self.next_correlation += 1;
        let flight = Flight { line: id, batch, bytes, sent: now };
        self.launch(connection, correlation, flight);
        self.effects.push_back(Effect::Send { connection, correlation, line: id, batch, stamp });
        true
    }

    fn launch(&mut self, connection: ConnectionId, correlation: Correlation, flight: Flight) {
        let broker = self.connections[&connection];
        let patience = self.settings.request_timeout;
        let up = self.link_mut(broker).up_mut().expect("the connection was just chosen");
        up.launch(correlation, flight);
        let overdue = up.overdue(patience);
        self.timers.set(Timer::Link(broker), overdue);
    }

    fn be_careful_after_quiet(&mut self, id: LineId, now: Moment) {
        let careful = self.settings.idempotent;
        let line = self.line_mut(id);
        if careful && line.in_flight() == 0 && now.since(line.last_ack) > CAREFUL_AFTER {
            line.careful = true;
        }
    }

    fn has_room(&mut self, id: LineId, bytes: u64) -> bool {
        let Some(broker) = self.line(id).leader else { return false };
        let asked = self.line(id).asked;
        let link = self.link_mut(broker);
        if link.up().is_some_and(|up| up.has_room(bytes, asked == Some(up.connection))) {
            return true;
        }
        if !std::mem::replace(&mut self.line_mut(id).queued, true) {
            self.link_mut(broker).waiting.push_back(id);
        }
        false
    }

    /// The connection to the line's leader; when there is none, the next step towards one is taken.
    fn connection_for(&mut self, id: LineId, now: Moment) -> Option<ConnectionId> {
        let (topic, leader) = (self.line(id).topic, self.line(id).leader);
        let Some(broker) = leader else {
            if self.topics[topic.0 as usize].failures == 0 {
                self.ask_routes(topic);
            }
            return None;
        };
        let link = self.links.entry(broker).or_insert_with(super::Link::new);
        match &link.state {
            LinkState::Up(up) => Some(up.connection),
            LinkState::Connecting => None,
            LinkState::Down(until) if *until > now => {
                let until = *until;
                self.timers.set(Timer::Link(broker), Some(until));
                None
            }
            LinkState::Down(_) => {
                link.state = LinkState::Connecting;
                self.effects.push_back(Effect::Connect(broker));
                None
            }
        }
    }

    /// Sees to it that the line has numbers to give; false when it has to wait for them.
    fn number(&mut self, id: LineId) -> bool {
        if !self.settings.idempotent {
            self.line_mut(id).numbering.get_or_insert(Numbering::NONE);
            return true;
        }
        if self.line(id).numbering.is_some() {
            return true;
        }
        match self.producer {
            ProducerState::Known(producer, epoch) => {
                self.line_mut(id).numbering = Some(Numbering::first(producer, epoch));
                true
            }
            ProducerState::Asked { .. } => false,
            ProducerState::Unknown => {
                self.producer = ProducerState::Asked { failures: 0 };
                self.effects.push_back(Effect::AskProducerId);
                false
            }
        }
    }

    /// Ends a spoiled line's epoch when nothing of it can land any more. The next epoch begins with
    /// number 0, and its first batch fences whatever is still on its way under the old one.
    pub(super) fn start_again_if_settled(&mut self, id: LineId) {
        let line = self.line_mut(id);
        if !line.spoiled || !line.is_settled() {
            return;
        }
        line.spoiled = false;
        line.careful = true;
        line.unstamp();
        let old = line.numbering.take();
        let renew = std::mem::take(&mut line.renew);
        let Some(old) = old else { return };
        match old.epoch.0.checked_add(1).filter(|_| !renew) {
            Some(next) => {
                let again = Numbering::first(old.producer, ProducerEpoch(next));
                self.line_mut(id).numbering = Some(again);
            }
            None => self.forget_producer(old),
        }
        self.counts.epoch_bumps += 1;
    }

    /// The id is used up: whoever needs one asks for another. Lines that still count under the old
    /// one go on.
    fn forget_producer(&mut self, old: Numbering) {
        if matches!(self.producer, ProducerState::Known(id, _) if id == old.producer) {
            self.producer = ProducerState::Unknown;
        }
    }

    /// Has the line's gathered records handed over when waiting any longer gains nothing: the broker
    /// owes this line no answer, or they lingered long enough. While the connection has no room they stay
    /// where they are, and more join them: of ten thousand lines each would send every record alone.
    fn take_if_worth_it(&mut self, id: LineId, now: Moment) {
        let Some(since) = self.line(id).open_since else { return };
        let expired = now >= since.plus(self.settings.delivery_timeout);
        let may = !expired
            && self.can_send_more(id, now)
            && self.need_not_wait(id, since, now)
            && self.has_room(id, 1);
        if may {
            self.note_asked(id);
        }
        if expired || may {
            self.line_mut(id).open_since = None;
            self.effects.push_back(Effect::Take(id));
        }
    }

    /// What is asked for has its place on the connection, so that no more lines are asked than may send.
    fn note_asked(&mut self, id: LineId) {
        let Some(broker) = self.line(id).leader else { return };
        let Some(up) = self.link_mut(broker).up_mut() else { return };
        let connection = up.connection;
        if self.line(id).asked != Some(connection) {
            // Its leader moved since it was asked.
            self.give_place_back(id);
            self.link_mut(broker).up_mut().expect("it was just there").asked += 1;
            self.line_mut(id).asked = Some(connection);
        }
    }

    /// Gives back the place that the line was asked for, and says where there is room now.
    pub(super) fn give_place_back(&mut self, id: LineId) -> Option<BrokerId> {
        let connection = self.line_mut(id).asked.take()?;
        let broker = self.connections.get(&connection).copied()?;
        let up = self.link_mut(broker).up_mut().filter(|up| up.connection == connection)?;
        up.asked -= 1;
        Some(broker)
    }

    fn need_not_wait(&self, id: LineId, since: Moment, now: Moment) -> bool {
        self.line(id).window.is_empty() || now >= since.plus(self.settings.linger)
    }

    fn can_send_more(&mut self, id: LineId, now: Moment) -> bool {
        let line = self.line(id);
        let limit = line.in_flight_limit(self.settings.in_flight_max);
        let fits = !line.spoiled && line.window.len() < limit;
        fits && line.retry_at.is_none_or(|at| at <= now)
            && self.connection_for(id, now).is_some()
            && self.number(id)
    }

    pub(super) fn arm_line(&mut self, id: LineId, now: Moment) {
        let linger = self.settings.linger;
        let line = self.line(id);
        let lingered = line.open_since.map(|since| since.plus(linger)).filter(|at| *at > now);
        let expires = line.expires(self.settings.delivery_timeout);
        let retry = line.retry_at.filter(|at| *at > now);
        let earliest = [lingered, expires, retry].into_iter().flatten().min();
        self.timers.set(Timer::Line(id), earliest);
    }
}
