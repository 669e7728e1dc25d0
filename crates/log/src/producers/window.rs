//! One producer: its epoch and its last five batches.

use ottla_model::limits::PRODUCER_IN_FLIGHT_MAX;
use ottla_model::{Offset, ProducerEpoch, Sequence, Timestamp};
use smallvec::SmallVec;

use super::{ProducerBatch, Refusal, Verdict};

/// Half of the sequence numbers: what is less than this behind is a retry, what is more is ahead.
const HALF: i64 = 1 << 30;

/// A batch that is remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchMark {
    /// Its first record's sequence.
    pub first: Sequence,
    /// Its last record's sequence.
    pub last: Sequence,
    /// Its first record's offset.
    pub base_offset: Offset,
    /// Its last record's offset.
    pub last_offset: Offset,
    /// Its largest timestamp.
    pub timestamp: Timestamp,
}

/// What is known of one producer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProducerState {
    /// Its newest epoch.
    pub epoch: ProducerEpoch,
    /// When its last batch came, by the clock of whoever appended or replayed it.
    pub last_seen: Timestamp,
    /// The offset of its last record in the log: markers count too.
    pub last_offset: Offset,
    /// Its last batches of this epoch, oldest first, without gaps between them. Empty after a marker
    /// that began the epoch.
    pub(crate) batches: SmallVec<[BatchMark; PRODUCER_IN_FLIGHT_MAX]>,
}

impl ProducerState {
    /// The remembered batches, oldest first.
    pub fn batches(&self) -> &[BatchMark] {
        &self.batches
    }

    /// The sequence that comes next, when one is known.
    pub fn expected(&self) -> Option<Sequence> {
        self.batches.last().map(|batch| batch.last.plus(1))
    }

    /// Whether the batches are numbered without gaps and lie in order at or before the last record:
    /// what is read from a file is not believed without it.
    pub(crate) fn is_consistent(&self) -> bool {
        let each = |mark: &BatchMark| {
            let records = mark.last_offset.0.checked_sub(mark.base_offset.0);
            mark.first.0 >= 0
                && mark.base_offset >= Offset::ZERO
                && mark.last_offset <= self.last_offset
                && records == Some(distance(mark.first, mark.last)).filter(|_| mark.last.0 >= 0)
        };
        let follows = |w: &[BatchMark]| {
            w[0].last.plus(1) == w[1].first && w[0].last_offset < w[1].base_offset
        };
        self.last_offset >= Offset::ZERO
            && self.batches.iter().all(each)
            && self.batches.windows(2).all(follows)
    }

    pub(super) fn check(&self, batch: &ProducerBatch, expired: bool) -> Verdict {
        if batch.epoch < self.epoch {
            return refuse(Refusal::Fenced { current: self.epoch, got: batch.epoch });
        }
        let expected = if batch.epoch == self.epoch {
            if let Some(duplicate) = self.duplicate_of(batch) {
                return duplicate;
            }
            self.expected()
        } else {
            Some(Sequence::FIRST)
        };
        match expected {
            Some(expected) if expected != batch.first && !expired => {
                refuse(misplaced(expected, batch, batch.epoch == self.epoch))
            }
            _ => Verdict::Append,
        }
    }

    fn duplicate_of(&self, batch: &ProducerBatch) -> Option<Verdict> {
        let same = |mark: &&BatchMark| mark.first == batch.first && mark.last == batch.last;
        self.batches.iter().rev().find(same).map(|mark| Verdict::Duplicate {
            base_offset: mark.base_offset,
            last_offset: mark.last_offset,
            timestamp: mark.timestamp,
        })
    }

    /// A producer of which `batch` is the first that is known.
    pub(super) fn begin(batch: &ProducerBatch, now: Timestamp) -> Self {
        let mut state = Self {
            epoch: batch.epoch,
            last_seen: now,
            last_offset: batch.last_offset,
            batches: SmallVec::new(),
        };
        state.remember(batch);
        state
    }

    /// Takes in a batch that is in the log, so that it is no longer in question.
    pub(super) fn record(&mut self, batch: &ProducerBatch, now: Timestamp) {
        self.last_seen = now;
        self.last_offset = batch.last_offset;
        let continues = batch.epoch == self.epoch
            && self.expected().is_none_or(|expected| expected == batch.first);
        if !continues && (batch.is_numbered() || batch.epoch != self.epoch) {
            self.batches.clear();
        }
        self.epoch = batch.epoch;
        self.remember(batch);
    }

    fn remember(&mut self, batch: &ProducerBatch) {
        if !batch.is_numbered() {
            return;
        }
        if self.batches.len() == PRODUCER_IN_FLIGHT_MAX {
            self.batches.remove(0);
        }
        self.batches.push(BatchMark {
            first: batch.first,
            last: batch.last,
            base_offset: batch.base_offset,
            last_offset: batch.last_offset,
            timestamp: batch.timestamp,
        });
    }
}

/// A batch that is not next: behind, and so appended before and forgotten, or else out of order.
fn misplaced(expected: Sequence, batch: &ProducerBatch, same_epoch: bool) -> Refusal {
    let got = batch.first;
    let behind = distance(batch.last, expected);
    if same_epoch && (1..=HALF).contains(&behind) && distance(got, expected) <= HALF {
        Refusal::Forgotten { expected, got }
    } else {
        Refusal::OutOfOrder { expected, got }
    }
}

/// How far `to` lies after `from`, going up and around.
fn distance(from: Sequence, to: Sequence) -> i64 {
    (i64::from(to.0) - i64::from(from.0)).rem_euclid(i64::from(i32::MAX) + 1)
}

fn refuse(refusal: Refusal) -> Verdict {
    Verdict::Refused(refusal)
}

impl ProducerBatch {
    /// Whether it carries sequence numbers: markers do not.
    pub(super) fn is_numbered(&self) -> bool {
        self.first.0 >= 0
    }
}
