//! What went through a partition, counted without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// Totals since the partition was opened, and what of them was looked at last.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    produced: Total,
    records: Total,
    fetched: Total,
}

/// What went through between two looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Passed {
    /// Bytes of batches appended.
    pub(crate) produced: u64,
    /// Records appended.
    pub(crate) records: u64,
    /// Bytes of batches handed to consumers.
    pub(crate) fetched: u64,
}

#[derive(Debug, Default)]
struct Total {
    counted: AtomicU64,
    looked_at: AtomicU64,
}

impl Traffic {
    pub(crate) fn count_in(&self, bytes: u64, records: u64) {
        self.produced.add(bytes);
        self.records.add(records);
    }

    pub(crate) fn count_out(&self, bytes: u64) {
        self.fetched.add(bytes);
    }

    /// What went through since the last call. One caller at a time.
    pub(crate) fn passed(&self) -> Passed {
        Passed {
            produced: self.produced.passed(),
            records: self.records.passed(),
            fetched: self.fetched.passed(),
        }
    }
}

impl Total {
    fn add(&self, more: u64) {
        self.counted.fetch_add(more, Ordering::Relaxed);
    }

    fn passed(&self) -> u64 {
        let now = self.counted.load(Ordering::Relaxed);
        now - self.looked_at.swap(now, Ordering::Relaxed)
    }
}
