//! All producers of one log.

use std::collections::BTreeMap;

use ottla_model::{Offset, ProducerId, Sequence, Timestamp};

use super::{ProducerBatch, ProducerLimits, ProducerState, Refusal, Verdict};

/// The producers of one log.
#[derive(Clone, Debug)]
pub struct ProducerTable {
    limits: ProducerLimits,
    /// The largest id that may have been forgotten. A producer that is unknown and above was never
    /// here, as ids only grow.
    forgotten_max: ProducerId,
    /// Boxed: a map's smallest node has room for eleven, and nearly every log has one or two.
    producers: BTreeMap<ProducerId, Box<ProducerState>>,
    /// Who was silent for longest, counted in records: the order in which producers are forgotten.
    by_last_offset: BTreeMap<Offset, ProducerId>,
}

impl ProducerTable {
    /// A table of no producers.
    pub fn new(limits: ProducerLimits) -> Self {
        let forgotten_max = ProducerId::NONE;
        let (producers, by_last_offset) = (BTreeMap::new(), BTreeMap::new());
        Self { limits, forgotten_max, producers, by_last_offset }
    }

    /// The table with these producers; `None` when two share their last offset, or there are more
    /// than the limits allow.
    pub fn from_states(
        limits: ProducerLimits,
        forgotten_max: ProducerId,
        states: impl IntoIterator<Item = (ProducerId, ProducerState)>,
    ) -> Option<Self> {
        let mut table = Self { forgotten_max, ..Self::new(limits) };
        for (producer, state) in states {
            let taken = table.by_last_offset.insert(state.last_offset, producer).is_some();
            let known = table.producers.insert(producer, Box::new(state)).is_some();
            if taken || known || table.len() > limits.producers_max {
                return None;
            }
        }
        Some(table)
    }

    /// The same producers under other bounds; those silent for longest are forgotten when there are
    /// too many.
    pub fn with_limits(mut self, limits: ProducerLimits) -> Self {
        self.limits = limits;
        self.forget_surplus();
        self
    }

    /// Notes that any producer may have been here and be forgotten: the table is rebuilt from a log
    /// whose beginning is gone.
    pub fn mark_incomplete(&mut self) {
        self.forgotten_max = ProducerId(i64::MAX);
    }

    /// The largest id that may have been forgotten; [`ProducerId::NONE`] when none was.
    pub fn forgotten_max(&self) -> ProducerId {
        self.forgotten_max
    }

    /// How many producers are remembered.
    pub fn len(&self) -> usize {
        self.producers.len()
    }

    /// Whether no producer is remembered.
    pub fn is_empty(&self) -> bool {
        self.producers.is_empty()
    }

    /// What is known of a producer.
    pub fn get(&self, producer: ProducerId) -> Option<&ProducerState> {
        self.producers.get(&producer).map(|state| &**state)
    }

    /// All producers, by id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ProducerId, &ProducerState)> {
        self.producers.iter().map(|(id, state)| (*id, &**state))
    }

    /// What is to be done with a batch that arrives now. Changes nothing.
    pub fn check(&self, batch: &ProducerBatch, now: Timestamp) -> Verdict {
        if !batch.producer.is_some() {
            return Verdict::Append;
        }
        if batch.epoch.0 < 0 || !batch.is_numbered() {
            return Verdict::Refused(Refusal::Unnumbered { producer: batch.producer });
        }
        match self.producers.get(&batch.producer) {
            Some(state) => state.check(batch, self.is_expired(state, now)),
            None => self.check_unknown(batch),
        }
    }

    /// SUBTLE: of a producer that was never here, a batch that is not its first comes too early: the
    /// first was refused in passing and is about to be sent again. Taking the second would turn them
    /// around, and have the first refused as forgotten, which says that it landed.
    fn check_unknown(&self, batch: &ProducerBatch) -> Verdict {
        let (expected, got) = (Sequence::FIRST, batch.first);
        if got != expected && batch.producer > self.forgotten_max {
            return Verdict::Refused(Refusal::OutOfOrder { expected, got });
        }
        Verdict::Append
    }

    /// Takes in a batch that is in the log: just appended, or found there. Batches come in the order
    /// of their offsets; what the log holds is not questioned.
    pub fn record(&mut self, batch: &ProducerBatch, now: Timestamp) {
        if !batch.producer.is_some() {
            return;
        }
        let former = match self.producers.get_mut(&batch.producer) {
            Some(state) => {
                let former = state.last_offset;
                state.record(batch, now);
                Some(former)
            }
            None => {
                let state = Box::new(ProducerState::begin(batch, now));
                self.producers.insert(batch.producer, state);
                None
            }
        };
        self.by_last_offset.insert(batch.last_offset, batch.producer);
        // Only now, so that a map of one is not given back and made anew for every batch.
        if let Some(former) = former.filter(|former| *former != batch.last_offset) {
            self.by_last_offset.remove(&former);
        }
        self.forget_surplus();
    }

    /// Forgets the producers that have been silent for too long, and answers how many.
    pub fn expire(&mut self, now: Timestamp) -> usize {
        let before = self.len();
        let expire_after = self.limits.expire_after;
        let Self { by_last_offset, forgotten_max, .. } = self;
        self.producers.retain(|producer, state| {
            let keep = !is_older(state, expire_after, now);
            if !keep {
                by_last_offset.remove(&state.last_offset);
                *forgotten_max = (*forgotten_max).max(*producer);
            }
            keep
        });
        before - self.len()
    }

    fn is_expired(&self, state: &ProducerState, now: Timestamp) -> bool {
        is_older(state, self.limits.expire_after, now)
    }

    fn forget_surplus(&mut self) {
        while self.producers.len() > self.limits.producers_max {
            let (_, oldest) = self.by_last_offset.pop_first().expect("each producer has its place");
            self.producers.remove(&oldest);
            self.forgotten_max = self.forgotten_max.max(oldest);
        }
    }
}

fn is_older(state: &ProducerState, expire_after: std::time::Duration, now: Timestamp) -> bool {
    state.last_seen < now.minus(expire_after)
}

/// Whether two tables know the same, times of last use aside: those are not in the log (I5).
pub fn same_but_for_times(one: &ProducerTable, other: &ProducerTable) -> bool {
    let timeless = |(id, state): (ProducerId, &ProducerState)| {
        (id, state.epoch, state.last_offset, state.batches.clone())
    };
    one.iter().map(timeless).eq(other.iter().map(timeless))
}
