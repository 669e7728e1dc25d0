//! Producers that wait for their acknowledgement, in the order in which they can be answered.

use std::collections::VecDeque;

use ottla_model::{Acks, Moment, Offset, Timestamp};

use crate::effect::Ticket;

/// One producer that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Waiter {
    pub(crate) ticket: Ticket,
    /// What must be reached: the offset after the batch's last.
    pub(crate) end: Offset,
    pub(crate) base_offset: Offset,
    pub(crate) log_append_time: Option<Timestamp>,
    pub(crate) acks: Acks,
    /// Whether it waits for a flush that the topic itself does not ask for.
    pub(crate) flushed: bool,
    pub(crate) duplicate: bool,
    /// When it stops waiting.
    pub(crate) deadline: Moment,
}

/// Waiters for one kind of offset, the lowest end first.
#[derive(Debug, Default)]
pub(crate) struct AckQueue(VecDeque<Waiter>);

impl AckQueue {
    /// A fresh batch ends at the log's end, and so goes last. Only a duplicate, whose original is
    /// under way, belongs further ahead.
    pub(crate) fn insert(&mut self, waiter: Waiter) {
        let is_last = self.0.back().is_none_or(|last| last.end <= waiter.end);
        let place = if is_last {
            self.0.len()
        } else {
            self.0.partition_point(|other| other.end <= waiter.end)
        };
        self.0.insert(place, waiter);
    }

    /// Where the next waiter stands in the order of the log, if its end is reached.
    pub(crate) fn next_reached(&self, end: Offset) -> Option<(Offset, Ticket)> {
        let next = self.0.front().filter(|waiter| waiter.end <= end)?;
        Some((next.end, next.ticket))
    }

    /// The next waiter.
    pub(crate) fn pop(&mut self) -> Option<Waiter> {
        self.0.pop_front()
    }

    /// Everybody who stopped waiting.
    pub(crate) fn take_expired(&mut self, now: Moment) -> Vec<Waiter> {
        let (expired, waiting) = self.0.drain(..).partition(|waiter| waiter.deadline <= now);
        self.0 = waiting;
        Vec::from(expired)
    }

    /// Everybody.
    pub(crate) fn take_all(&mut self) -> Vec<Waiter> {
        Vec::from(std::mem::take(&mut self.0))
    }

    /// When the first of them stops waiting. Deadlines rise with the ends, but for duplicates.
    pub(crate) fn earliest_deadline(&self) -> Option<Moment> {
        self.0.iter().map(|waiter| waiter.deadline).min()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
