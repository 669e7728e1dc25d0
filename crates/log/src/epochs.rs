//! Which leader epoch wrote which offsets of one log.
//!
//! Invariants (L7):
//! - epochs and their start offsets both strictly increase: an epoch under which nothing is left
//!   leaves no entry;
//! - the cache is a pure function of the log's batches, of truncations and of start moves, so that a
//!   rebuild from the log is equal to it.
//!
//! Truncation is decided with [`EpochCache::end_offset_for`] alone (R11), and with Kafka's answers:
//! a follower that asks where an epoch ended is told the end of the largest epoch that is not above
//! its own.

use ottla_model::{LeaderEpoch, Offset};

/// An epoch and the offset of the first record written under it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EpochStart {
    /// The epoch.
    pub epoch: LeaderEpoch,
    /// Its first offset.
    pub start: Offset,
}

/// The epochs of one log, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EpochCache {
    starts: Vec<EpochStart>,
}

/// An epoch or offset that would run backwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("epoch {} at offset {} cannot follow epoch {} at offset {}", got.epoch, got.start, latest.epoch, latest.start)]
pub struct EpochOrderError {
    /// The newest entry.
    pub latest: EpochStart,
    /// What was to follow it.
    pub got: EpochStart,
}

impl EpochCache {
    /// No epochs: an empty log.
    pub const fn new() -> Self {
        Self { starts: Vec::new() }
    }

    /// The cache with these entries, oldest first; `None` when they are not in strict order or negative.
    pub fn from_starts(starts: Vec<EpochStart>) -> Option<Self> {
        let ordered = starts.windows(2).all(|w| w[0].epoch < w[1].epoch && w[0].start < w[1].start);
        let natural = starts.first().is_none_or(|s| s.epoch.0 >= 0 && s.start >= Offset::ZERO);
        (ordered && natural).then_some(Self { starts })
    }

    /// The entries, oldest first.
    pub fn starts(&self) -> &[EpochStart] {
        &self.starts
    }

    /// The newest epoch, if anything was written.
    pub fn latest(&self) -> Option<EpochStart> {
        self.starts.last().copied()
    }

    /// Notes that a batch of `epoch` begins at `start`.
    ///
    /// # Errors
    /// When the epoch is below the newest, or a new epoch begins before it: nothing is changed.
    pub fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> Result<(), EpochOrderError> {
        let got = EpochStart { epoch, start };
        match self.latest() {
            Some(latest) if epoch < latest.epoch || start < latest.start => {
                Err(EpochOrderError { latest, got })
            }
            Some(latest) if epoch == latest.epoch => Ok(()),
            Some(latest) if start == latest.start => {
                // Nothing was ever written under the epoch before.
                *self.starts.last_mut().expect("there is a latest") = got;
                Ok(())
            }
            _ => {
                self.starts.push(got);
                Ok(())
            }
        }
    }

    /// The epoch under which the record at `offset` was written, if it is in the log.
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.starts.partition_point(|s| s.start <= offset);
        after.checked_sub(1).map(|at| self.starts[at].epoch)
    }

    /// Where `asked` ended in a log whose end is `log_end`: the largest epoch here that is not above
    /// it, and the offset at which the next one begins. `None` when `asked` is newer than anything
    /// here, or nothing is here. When everything here is newer, the answer is `asked` itself and the
    /// start of the oldest: nothing of it is left.
    pub fn end_offset_for(
        &self,
        asked: LeaderEpoch,
        log_end: Offset,
    ) -> Option<(LeaderEpoch, Offset)> {
        let after = self.starts.partition_point(|s| s.epoch <= asked);
        let floor = after.checked_sub(1).map(|at| self.starts[at].epoch);
        match (floor, self.starts.get(after)) {
            (Some(floor), Some(next)) => Some((floor, next.start)),
            (Some(floor), None) => (floor == asked).then_some((floor, log_end)),
            (None, Some(next)) => Some((asked, next.start)),
            (None, None) => None,
        }
    }

    /// The log now ends at `to`.
    pub fn truncate(&mut self, to: Offset) {
        let kept = self.starts.partition_point(|s| s.start < to);
        self.starts.truncate(kept);
    }

    /// The log now starts at `to`. The epoch that holds `to` is kept, and begins there.
    pub fn move_start(&mut self, to: Offset) {
        let after = self.starts.partition_point(|s| s.start <= to);
        if let Some(holder) = after.checked_sub(1) {
            self.starts.drain(..holder);
            self.starts[0].start = to;
        }
    }
}
