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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cache(starts: &[(i32, i64)]) -> EpochCache {
        let mut cache = EpochCache::new();
        for (epoch, start) in starts {
            cache.assign(LeaderEpoch(*epoch), Offset(*start)).unwrap();
        }
        cache
    }

    fn pairs(cache: &EpochCache) -> Vec<(i32, i64)> {
        cache.starts().iter().map(|s| (s.epoch.0, s.start.0)).collect()
    }

    /// Kafka's `LeaderEpochFileCache.endOffsetFor`, case by case.
    #[test]
    fn where_an_epoch_ended() {
        let cache = cache(&[(2, 10), (4, 20), (7, 35)]);
        let ended = |epoch| {
            cache.end_offset_for(LeaderEpoch(epoch), Offset(50)).map(|(e, end)| (e.0, end.0))
        };
        assert_eq!(ended(7), Some((7, 50)), "the newest ends with the log");
        assert_eq!(ended(4), Some((4, 35)));
        assert_eq!(ended(5), Some((4, 35)), "unknown between: the largest below");
        assert_eq!(ended(1), Some((1, 10)), "older than everything: nothing of it is left");
        assert_eq!(ended(8), None, "newer than everything");
        assert_eq!(EpochCache::new().end_offset_for(LeaderEpoch(0), Offset(0)), None);
    }

    #[test]
    fn an_epoch_without_records_leaves_no_entry() {
        assert_eq!(pairs(&cache(&[(1, 0), (2, 5), (3, 5), (3, 9)])), [(1, 0), (3, 5)]);
    }

    #[test]
    fn epochs_and_offsets_do_not_run_backwards() {
        let mut cache = cache(&[(3, 10)]);
        for (epoch, start) in [(2, 11), (3, 9), (4, 9)] {
            assert!(cache.assign(LeaderEpoch(epoch), Offset(start)).is_err());
        }
        assert_eq!(pairs(&cache), [(3, 10)], "a refusal changes nothing");
    }

    #[test]
    fn truncation_and_start_moves_keep_what_is_left() {
        let full = cache(&[(2, 10), (4, 20), (7, 35)]);
        let truncated = |to| {
            let mut cache = full.clone();
            cache.truncate(Offset(to));
            pairs(&cache)
        };
        assert_eq!(truncated(50), [(2, 10), (4, 20), (7, 35)]);
        assert_eq!(truncated(35), [(2, 10), (4, 20)]);
        assert_eq!(truncated(21), [(2, 10), (4, 20)]);
        assert_eq!(truncated(10), []);
        let moved = |to| {
            let mut cache = full.clone();
            cache.move_start(Offset(to));
            pairs(&cache)
        };
        assert_eq!(moved(5), [(2, 10), (4, 20), (7, 35)]);
        assert_eq!(moved(15), [(2, 15), (4, 20), (7, 35)]);
        assert_eq!(moved(20), [(4, 20), (7, 35)]);
        assert_eq!(moved(99), [(7, 99)], "the newest epoch is known even when no record is left");
    }

    #[test]
    fn entries_out_of_order_are_not_believed() {
        let start = |epoch, start| EpochStart { epoch: LeaderEpoch(epoch), start: Offset(start) };
        assert!(EpochCache::from_starts(vec![start(1, 0), start(2, 5)]).is_some());
        assert!(EpochCache::from_starts(vec![start(1, 5), start(2, 5)]).is_none());
        assert!(EpochCache::from_starts(vec![start(2, 0), start(2, 5)]).is_none());
        assert!(EpochCache::from_starts(vec![start(-1, 0)]).is_none());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Append { epochs_on: i32, records: i64 },
        Truncate { back: i64 },
        MoveStart { on: i64 },
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..3_i32, 1..5_i64)
                .prop_map(|(epochs_on, records)| Step::Append { epochs_on, records }),
            1 => (0..8_i64).prop_map(|back| Step::Truncate { back }),
            1 => (0..8_i64).prop_map(|on| Step::MoveStart { on }),
        ]
    }

    /// The log as a list of the epoch of every record.
    #[derive(Default)]
    struct Model {
        start: i64,
        epochs: Vec<i32>,
        /// The epoch that the log ended in when its start was moved to its end.
        epoch: i32,
    }

    impl Model {
        fn end(&self) -> i64 {
            self.start + self.epochs.len() as i64
        }

        fn runs(&self) -> Vec<(i32, i64)> {
            let mut runs: Vec<(i32, i64)> = Vec::new();
            for (epoch, offset) in self.epochs.iter().zip(self.start..) {
                if runs.last().is_none_or(|(last, _)| last != epoch) {
                    runs.push((*epoch, offset));
                }
            }
            runs
        }
    }

    proptest! {
        /// L7: the cache against the epochs of every single record.
        #[test]
        fn the_cache_is_what_the_records_say(steps in prop::collection::vec(any_step(), 0..40)) {
            let (mut model, mut cache) = (Model::default(), EpochCache::new());
            for step in steps {
                match step {
                    Step::Append { epochs_on, records } => {
                        model.epoch += epochs_on;
                        cache.assign(LeaderEpoch(model.epoch), Offset(model.end())).unwrap();
                        model.epochs.extend((0..records).map(|_| model.epoch));
                    }
                    Step::Truncate { back } => {
                        let kept = model.epochs.len().saturating_sub(back as usize);
                        model.epochs.truncate(kept);
                        cache.truncate(Offset(model.end()));
                    }
                    Step::MoveStart { on } => {
                        // Not to the very end: then no record says which epoch was the last.
                        let on = (on as usize).min(model.epochs.len().saturating_sub(1));
                        model.epochs.drain(..on);
                        model.start += on as i64;
                        cache.move_start(Offset(model.start));
                    }
                }
                prop_assert_eq!(pairs(&cache), model.runs());
                for (epoch, offset) in model.epochs.iter().zip(model.start..) {
                    prop_assert_eq!(cache.epoch_at(Offset(offset)), Some(LeaderEpoch(*epoch)));
                }
                for asked in -1..=model.epoch + 1 {
                    let above = model.epochs.iter().position(|epoch| *epoch > asked);
                    let end = above.map_or(model.end(), |at| model.start + at as i64);
                    let answer = cache.end_offset_for(LeaderEpoch(asked), Offset(model.end()));
                    match answer {
                        Some((_, at)) => prop_assert_eq!(at, Offset(end)),
                        None => prop_assert!(model.epochs.iter().all(|epoch| *epoch < asked)),
                    }
                }
            }
        }
    }
}
