//! One timer per thing that has one, and the earliest of all.

use std::collections::{BTreeMap, BTreeSet};

use ottla_model::{BrokerId, Moment};

use super::effect::{LineId, TopicKey};

/// What a timer is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Timer {
    /// When to send what lingered, to try a line again, or to give its oldest batch up.
    Line(LineId),
    /// When to connect again, or to give up a connection that owes answers.
    Link(BrokerId),
    /// When to ask again who leads a topic's partitions.
    Routes(TopicKey),
    /// When to ask again for a producer id.
    ProducerId,
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    by_time: BTreeSet<(Moment, Timer)>,
    by_timer: BTreeMap<Timer, Moment>,
}

impl Timers {
    /// Sets, moves or stops one timer.
    pub(crate) fn set(&mut self, timer: Timer, at: Option<Moment>) {
        let before = match at {
            Some(at) => self.by_timer.insert(timer, at),
            None => self.by_timer.remove(&timer),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.by_time.remove(&(before, timer));
        }
        if let Some(at) = at {
            self.by_time.insert((at, timer));
        }
    }

    pub(crate) fn earliest(&self) -> Option<Moment> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Stops and returns one timer whose time has come.
    pub(crate) fn pop_due(&mut self, now: Moment) -> Option<Timer> {
        let (_, timer) = *self.by_time.first().filter(|(at, _)| *at <= now)?;
        self.set(timer, None);
        Some(timer)
    }
}
