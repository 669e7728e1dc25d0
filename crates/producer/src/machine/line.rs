//! The batches of one partition on their way, oldest first.
//!
//! Invariants, checked by [`Line::check`]:
//! - Batches that have a number come before those that have none, and from the oldest of them that is
//!   not settled to the newest there are at most `in_flight_max`, settled ones included, so that all
//!   lie within the window in which a broker recognises a duplicate (I3).
//! - Numbers are given in order and without a gap (I4).
//! - A batch with an unanswered attempt keeps its number for ever: under another one a late copy of
//!   it would be a second record (I1).

use std::collections::VecDeque;
use std::time::Duration;

use ottla_model::{BrokerId, Moment, ProducerEpoch, ProducerId, Sequence};

use super::effect::{BatchId, ConnectionId, NewBatch, Stamp, TopicKey};
use super::link::Life;

/// One batch on its way.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) batch: NewBatch,
    pub(crate) stamp: Option<Stamp>,
    /// How many batches of the line were numbered before it. Means nothing without a number.
    pub(crate) ordinal: u64,
    /// The connection that owes an answer for it.
    pub(crate) in_flight: Option<ConnectionId>,
    /// The attempts that nobody answered.
    pub(crate) unanswered: Vec<Life>,
    pub(crate) attempts: u32,
}

impl Slot {
    /// Whether it may be in the log though nobody said so.
    pub(crate) fn is_doubtful(&self) -> bool {
        !self.unanswered.is_empty()
    }
}

/// Under what numbers a line sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbering {
    pub(crate) producer: ProducerId,
    pub(crate) epoch: ProducerEpoch,
    pub(crate) next: Sequence,
}

impl Numbering {
    /// For a producer that is not idempotent: nothing is numbered.
    pub(crate) const NONE: Self =
        Self { producer: ProducerId::NONE, epoch: ProducerEpoch::NONE, next: Sequence::NONE };

    /// The beginning of an epoch.
    pub(crate) const fn first(producer: ProducerId, epoch: ProducerEpoch) -> Self {
        Self { producer, epoch, next: Sequence::FIRST }
    }
}

#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) topic: TopicKey,
    pub(crate) leader: Option<BrokerId>,
    pub(crate) window: VecDeque<Slot>,
    pub(crate) numbering: Option<Numbering>,
    /// How many batches were numbered so far.
    pub(crate) numbered: u64,
    /// A numbered batch was given up, or the broker lost count: what is numbered is settled first,
    /// then the line starts again under a new epoch.
    pub(crate) spoiled: bool,
    /// The present epoch must not be used again, nor raised.
    pub(crate) renew: bool,
    /// One batch at a time, until the broker has shown with an acknowledgement that it knows us.
    /// After a refusal, and on every new connection: the broker may have lost what it knew.
    /// SUBTLE: a broker takes any number from a producer it does not know. With two batches under
    /// way, it could refuse the first for a passing reason and take the second.
    pub(crate) careful: bool,
    /// Since when records are gathered that were not handed over yet.
    pub(crate) open_since: Option<Moment>,
    pub(crate) retry_at: Option<Moment>,
    pub(crate) failures: u32,
    pub(crate) last_ack: Moment,
    /// Why the last attempt failed.
    pub(crate) trouble: Option<String>,
    /// Whether it waits in its link's queue.
    pub(crate) queued: bool,
    /// The connection for which it was asked for what it has gathered, until that is handed over.
    pub(crate) asked: Option<ConnectionId>,
}

impl Line {
    pub(crate) fn new(topic: TopicKey, leader: Option<BrokerId>) -> Self {
        Self {
            topic,
            leader,
            window: VecDeque::new(),
            numbering: None,
            numbered: 0,
            spoiled: false,
            renew: false,
            careful: true,
            open_since: None,
            retry_at: None,
            failures: 0,
            last_ack: Moment::START,
            trouble: None,
            queued: false,
            asked: None,
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.window.iter().take_while(|s| s.attempts > 0).filter(|s| s.in_flight.is_some()).count()
    }

    /// Most batches under way now.
    pub(crate) fn in_flight_limit(&self, in_flight_max: usize) -> usize {
        if self.careful { 1 } else { in_flight_max }
    }

    pub(crate) fn position(&self, batch: BatchId) -> Option<usize> {
        self.window.binary_search_by_key(&batch, |slot| slot.batch.id).ok()
    }

    /// The batch to be sent next, if one may be sent now.
    pub(crate) fn next_to_send(&self, in_flight_max: usize, now: Moment) -> Option<usize> {
        if self.retry_at.is_some_and(|at| at > now)
            || self.in_flight() >= self.in_flight_limit(in_flight_max)
        {
            return None;
        }
        let index = self.window.iter().position(|slot| self.wants_sending(slot))?;
        let fits = self.window[index].stamp.is_some() || self.span() < in_flight_max as u64;
        fits.then_some(index)
    }

    /// How many numbers the broker must remember to recognise everything that is not settled.
    fn span(&self) -> u64 {
        let oldest = self.window.front().filter(|slot| slot.stamp.is_some());
        oldest.map_or(0, |slot| self.numbered - slot.ordinal)
    }

    fn wants_sending(&self, slot: &Slot) -> bool {
        slot.in_flight.is_none() && (!self.spoiled || slot.is_doubtful())
    }

    /// Whether a connection other than this one still owes answers: until it gave them, sending more
    /// could overtake.
    pub(crate) fn owes_elsewhere(&self, connection: ConnectionId) -> bool {
        self.window.iter().any(|slot| slot.in_flight.is_some_and(|other| other != connection))
    }

    /// Numbers the batch at `index` if it has none. Numbers are given in order.
    pub(crate) fn stamp(&mut self, index: usize) -> Option<Stamp> {
        if let Some(stamp) = self.window[index].stamp {
            return Some(stamp);
        }
        let numbering = self.numbering.as_mut()?;
        let records = self.window[index].batch.records;
        let stamp = Stamp {
            producer: numbering.producer,
            epoch: numbering.epoch,
            sequence: numbering.next,
        };
        if stamp != Stamp::NONE {
            numbering.next = numbering.next.plus(records);
        }
        let slot = &mut self.window[index];
        slot.stamp = Some(stamp);
        slot.ordinal = self.numbered;
        self.numbered += 1;
        Some(stamp)
    }

    /// Whether everything numbered is known not to be in the log.
    pub(crate) fn is_settled(&self) -> bool {
        let numbered = self.window.iter().take_while(|slot| slot.stamp.is_some());
        numbered.into_iter().all(|slot| slot.in_flight.is_none() && !slot.is_doubtful())
    }

    /// In a spoiled line, a batch without an answer behind one that is known not to be in the log.
    ///
    /// SUBTLE: to send it again under its old number would tell where it is. But a broker that has
    /// forgotten us in between takes any number, and then it would come before the other.
    pub(crate) fn lost_behind_refused(&self) -> Option<usize> {
        let idle = |slot: &Slot| slot.stamp.is_some() && slot.in_flight.is_none();
        let absent = self.window.iter().position(|slot| idle(slot) && !slot.is_doubtful())?;
        let behind = self.window.iter().skip(absent).position(|s| idle(s) && s.is_doubtful())?;
        self.spoiled.then_some(absent + behind)
    }

    /// Takes the numbers back, so that new ones can be given.
    pub(crate) fn unstamp(&mut self) {
        for slot in &mut self.window {
            slot.stamp = None;
        }
    }

    /// When its oldest batch is given up.
    pub(crate) fn expires(&self, timeout: Duration) -> Option<Moment> {
        let oldest = self.window.front().map(|slot| slot.batch.born);
        oldest.or(self.open_since).map(|born| born.plus(timeout))
    }

    /// Asserts the invariants above. The machine does after every change, in release builds too.
    pub(crate) fn check(&self, in_flight_max: usize) {
        assert!(self.span() <= in_flight_max as u64, "what is numbered fits the broker's window");
        let numbered = self.window.iter().take_while(|slot| slot.stamp.is_some()).count();
        for slot in self.window.iter().skip(numbered) {
            assert!(slot.stamp.is_none(), "numbers are given in order");
            assert!(slot.in_flight.is_none(), "what has no number was not sent");
        }
        let ordinals = self.window.iter().take(numbered).map(|slot| slot.ordinal);
        assert!(ordinals.is_sorted(), "numbers are given in order");
    }
}
