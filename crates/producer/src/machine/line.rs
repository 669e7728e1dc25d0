//! The batches of one partition on their way, oldest first.
//!
//! Invariants, checked by [`Line::check`]:
//! - Batches that have a number come before those that have none, and there are at most
//!   `in_flight_max` of them, so that all lie within the window in which a broker recognises a
//!   duplicate (I3).
//! - Numbers rise without a gap from one batch to the next, unless the line is spoiled (I4).
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
    /// A numbered batch was given up, or the broker lost count: what is numbered is settled first,
    /// then the line starts again under a new epoch.
    pub(crate) spoiled: bool,
    /// The present epoch must not be used again, nor raised.
    pub(crate) renew: bool,
    /// One batch at a time, until the broker has shown with an acknowledgement that it knows us.
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
}

impl Line {
    pub(crate) fn new(topic: TopicKey, leader: Option<BrokerId>) -> Self {
        Self {
            topic,
            leader,
            window: VecDeque::new(),
            numbering: None,
            spoiled: false,
            renew: false,
            careful: true,
            open_since: None,
            retry_at: None,
            failures: 0,
            last_ack: Moment::START,
            trouble: None,
            queued: false,
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
        let settled_first = index >= in_flight_max;
        (!settled_first).then_some(index)
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
        self.window[index].stamp = Some(stamp);
        Some(stamp)
    }

    /// Whether everything numbered is known not to be in the log.
    pub(crate) fn is_settled(&self) -> bool {
        let numbered = self.window.iter().take_while(|slot| slot.stamp.is_some());
        numbered.into_iter().all(|slot| slot.in_flight.is_none() && !slot.is_doubtful())
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

    /// Asserts the invariants above.
    pub(crate) fn check(&self, in_flight_max: usize) {
        let numbered = self.window.iter().take_while(|slot| slot.stamp.is_some()).count();
        assert!(numbered <= in_flight_max, "what is numbered fits the broker's window");
        let fresh = self.window.iter().skip(numbered);
        for slot in fresh {
            assert!(slot.stamp.is_none(), "numbers are given in order");
            assert!(slot.in_flight.is_none(), "what has no number was not sent");
        }
        if !self.spoiled {
            self.check_numbers();
        }
    }

    fn check_numbers(&self) {
        let numbered = self.window.iter().map_while(|s| s.stamp.map(|stamp| (stamp, s.batch)));
        let mut expected: Option<Stamp> = None;
        for (stamp, batch) in numbered {
            assert!(expected.is_none_or(|e| e == stamp), "numbers rise without a gap");
            let sequence = stamp.sequence.plus(batch.records);
            expected = (stamp != Stamp::NONE).then_some(Stamp { sequence, ..stamp });
        }
    }
}
