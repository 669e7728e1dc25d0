//! The offsets that one replica exposes, and the order in which they may move.
//!
//! Invariants (numbers from the design; functions in `invariants.rs`, which the assertions here and
//! the simulator's checkers share):
//! - L11 `log_start` never moves back and never passes `high_watermark`.
//! - R8 `high_watermark` advances only to the lowest counted end over the in-sync set, and only while
//!   the set is large enough.
//! - R9 No client ever sees `high_watermark` go back.
//! - T7 `last_stable` never passes `high_watermark`.

use ottla_log::StreamOffsets;
use ottla_model::Offset;

use crate::invariants::{offsets_are_ordered, offsets_only_advance};

/// A replica's offsets, as clients may see them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offsets {
    /// The first offset that is kept.
    pub log_start: Offset,
    /// Up to here (exclusive) consumers may read.
    pub high_watermark: Offset,
    /// What the leader itself has that counts: on stable storage on `fsync` topics, in the kernel's
    /// hands on `relaxed` ones.
    pub counted_end: Offset,
    /// What the leader itself has on stable storage, as far as anybody asked.
    pub flushed_end: Offset,
    /// The offset that the next record gets.
    pub log_end: Offset,
}

/// What a fetch may read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FetchBounds {
    /// The first offset that is kept.
    pub log_start: Offset,
    /// Up to here (exclusive) consumers may read.
    pub high_watermark: Offset,
    /// Up to here (exclusive) consumers may read that ignore open transactions.
    pub last_stable: Offset,
}

impl Offsets {
    /// The offsets of a log that was only just opened: nothing is known to be committed yet but what
    /// lies before its start.
    pub fn opened(log: StreamOffsets) -> Self {
        let offsets = Self {
            log_start: log.log_start,
            high_watermark: log.log_start,
            counted_end: log.durable_end,
            flushed_end: log.flushed_end,
            log_end: log.log_end,
        };
        assert!(offsets_are_ordered(&offsets), "a log is opened in order: {offsets:?}");
        offsets
    }

    /// The first offset of the oldest open transaction, or the high watermark. There are no
    /// transactions yet.
    pub fn last_stable(&self) -> Offset {
        self.high_watermark
    }

    /// What a fetch may read.
    pub fn fetch_bounds(&self) -> FetchBounds {
        FetchBounds {
            log_start: self.log_start,
            high_watermark: self.high_watermark,
            last_stable: self.last_stable(),
        }
    }

    /// The log has these ends now. The counted end may fall behind the high watermark when a topic
    /// is raised from `relaxed` to `fsync`; what clients saw stays visible (R9).
    pub(crate) fn follow(&mut self, log: StreamOffsets) {
        self.update(|offsets| {
            offsets.log_end = log.log_end;
            offsets.counted_end = log.durable_end.min(log.log_end);
            offsets.flushed_end = log.flushed_end.min(log.log_end);
        });
    }

    /// The log ends here, or further.
    pub(crate) fn extend(&mut self, end: Offset) {
        self.update(|offsets| offsets.log_end = offsets.log_end.max(end));
    }

    /// The log's counted end is here, or further: completions may come late and out of order.
    pub(crate) fn count(&mut self, end: Offset) {
        self.update(|offsets| {
            offsets.counted_end = offsets.counted_end.max(end.min(offsets.log_end));
        });
    }

    /// The log is flushed up to here, or further.
    pub(crate) fn flush(&mut self, end: Offset) {
        self.update(|offsets| {
            offsets.flushed_end = offsets.flushed_end.max(end.min(offsets.log_end));
        });
    }

    /// Everything below `end` is committed. Answers whether that is news.
    pub(crate) fn commit(&mut self, end: Offset) -> bool {
        let is_news = end > self.high_watermark;
        if is_news {
            self.update(|offsets| offsets.high_watermark = end);
        }
        is_news
    }

    /// Records below `to` are no longer kept.
    pub(crate) fn move_start(&mut self, to: Offset) {
        self.update(|offsets| offsets.log_start = offsets.log_start.max(to));
    }

    fn update(&mut self, change: impl FnOnce(&mut Self)) {
        let before = *self;
        change(self);
        assert!(offsets_are_ordered(self), "{before:?} became {self:?}");
        assert!(offsets_only_advance(&before, self), "{before:?} became {self:?}");
    }
}
