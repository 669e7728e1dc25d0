//! A sparse index of one segment: where to begin looking for an offset or a time.
//!
//! An entry stands for a batch: its base offset, its position in the segment, and the largest
//! timestamp of everything *before* it in the segment. The start of the segment needs no entry.
//!
//! Invariants (L6, L12):
//! - offsets and positions strictly increase, timestamps never decrease;
//! - entries lie at least `interval_bytes` apart, each at the first batch that far from the one
//!   before: the index is a pure function of the segment and its interval;
//! - a look-up answers a batch boundary at or before what is asked, never after: whoever reads walks
//!   on from there, and checks the batch that it finds. An index is a hint, not a source.

use ottla_model::{Offset, Timestamp};

/// What stands for "no record yet": smaller than every timestamp.
pub const BEFORE_ALL: Timestamp = Timestamp(i64::MIN);

/// One batch of the segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IndexEntry {
    /// The batch's base offset.
    pub offset: Offset,
    /// Its position in the segment.
    pub position: u32,
    /// The largest timestamp of the batches before it in the segment.
    pub largest_before: Timestamp,
}

/// The index of one segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SparseIndex {
    base: Offset,
    interval_bytes: u32,
    entries: Vec<IndexEntry>,
    end: u32,
    largest: Timestamp,
}

impl SparseIndex {
    /// The index of an empty segment. `interval_bytes` is how far apart entries are, at least 1.
    pub fn new(base: Offset, interval_bytes: u32) -> Self {
        assert!(interval_bytes > 0, "entries lie apart");
        Self { base, interval_bytes, entries: Vec::new(), end: 0, largest: BEFORE_ALL }
    }

    /// The index with these parts; `None` when they contradict each other.
    pub fn from_parts(
        base: Offset,
        interval_bytes: u32,
        entries: Vec<IndexEntry>,
        end: u32,
        largest: Timestamp,
    ) -> Option<Self> {
        let mut before = IndexEntry { offset: base, position: 0, largest_before: BEFORE_ALL };
        for entry in &entries {
            let apart = entry.position.checked_sub(before.position)?;
            let ordered =
                entry.offset > before.offset && entry.largest_before >= before.largest_before;
            if !ordered || apart < interval_bytes {
                return None;
            }
            before = *entry;
        }
        let ends_after =
            entries.is_empty() || (before.position < end && before.largest_before <= largest);
        let empty_is_empty = end > 0 || largest == BEFORE_ALL;
        (ends_after && empty_is_empty && interval_bytes > 0).then_some(Self {
            base,
            interval_bytes,
            entries,
            end,
            largest,
        })
    }

    /// The segment's base offset.
    pub fn base(&self) -> Offset {
        self.base
    }

    /// How far apart entries are, in bytes.
    pub fn interval_bytes(&self) -> u32 {
        self.interval_bytes
    }

    /// The entries, in order.
    pub fn entries(&self) -> &[IndexEntry] {
        &self.entries
    }

    /// The end of the last batch that was observed.
    pub fn end(&self) -> u32 {
        self.end
    }

    /// The largest timestamp of the batches observed, [`BEFORE_ALL`] when there are none.
    pub fn largest(&self) -> Timestamp {
        self.largest
    }

    /// Takes in the next batch of the segment.
    ///
    /// # Panics
    /// When it does not begin at [`SparseIndex::end`].
    pub fn observe(&mut self, offset: Offset, position: u32, size: u32, largest: Timestamp) {
        assert_eq!(position, self.end, "a segment has no holes");
        let before = self.entries.last().map_or(0, |entry| entry.position);
        if position - before >= self.interval_bytes {
            self.entries.push(IndexEntry { offset, position, largest_before: self.largest });
        }
        self.end = position.checked_add(size).expect("segments stay below `SEGMENT_BYTES_MAX`");
        self.largest = self.largest.max(largest);
    }

    /// Where to begin looking for the batch that holds `offset`.
    pub fn position_for_offset(&self, offset: Offset) -> u32 {
        let after = self.entries.partition_point(|entry| entry.offset <= offset);
        self.position_before(after)
    }

    /// Where to begin looking for the first record whose timestamp is `at` or later. When
    /// [`SparseIndex::largest`] is earlier there is none.
    pub fn position_for_timestamp(&self, at: Timestamp) -> u32 {
        let after = self.entries.partition_point(|entry| entry.largest_before < at);
        self.position_before(after)
    }

    fn position_before(&self, after: usize) -> u32 {
        after.checked_sub(1).map_or(0, |at| self.entries[at].position)
    }

    /// The segment now ends at `position`. Answers the batch boundary from which the rest of it must
    /// be observed again, as the largest timestamp is known only up to there.
    pub fn truncate(&mut self, position: u32) -> u32 {
        if position >= self.end {
            return self.end;
        }
        let kept = self.entries.partition_point(|entry| entry.position < position);
        self.entries.truncate(kept);
        let last = self.entries.last().copied();
        self.end = last.map_or(0, |entry| entry.position);
        self.largest = last.map_or(BEFORE_ALL, |entry| entry.largest_before);
        self.end
    }
}

#[cfg(test)]
mod tests;
