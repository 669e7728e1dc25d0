//! What was read for clients that have not taken it yet: the bytes of all fetch streams together.
//!
//! It is no gate. Who reads while the budget is used up reads one batch at a time, so that a slow client costs its own
//! throughput, nobody waits for another one's memory, and what goes beyond the budget is a batch a stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ottla_model::{ByteCount, MIB};

/// One read takes at most this part of the budget.
const PART: u64 = 16;
/// But this much always.
const READ_BYTES_MIN: u64 = MIB;

/// The answers of all streams. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Answers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    held: AtomicU64,
    max: u64,
}

/// Bytes that are held; given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    answers: Answers,
    bytes: u64,
}

impl Answers {
    /// A budget of so many bytes, none of them held.
    pub(crate) fn new(bytes_max: ByteCount) -> Self {
        Self(Arc::new(Inner { held: AtomicU64::new(0), max: bytes_max.0 }))
    }

    /// How many bytes are held.
    pub(crate) fn held(&self) -> u64 {
        self.0.held.load(Ordering::Relaxed)
    }

    /// Whether the budget is used up.
    pub(crate) fn are_scarce(&self) -> bool {
        self.held() >= self.0.max
    }

    /// How much one read may bring now. There is always at least one batch in it.
    pub(crate) fn read_bytes_max(&self) -> u64 {
        if self.are_scarce() { 1 } else { (self.0.max / PART).max(READ_BYTES_MIN) }
    }

    /// Holds these.
    pub(crate) fn hold(&self, bytes: u64) -> Held {
        self.0.held.fetch_add(bytes, Ordering::Relaxed);
        Held { answers: self.clone(), bytes }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.answers.0.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reads_when_it_is_scarce_reads_one_batch() {
        let answers = Answers::new(ByteCount(32 * MIB));
        assert_eq!(answers.read_bytes_max(), 2 * MIB);
        let held = answers.hold(32 * MIB);
        assert!(answers.are_scarce());
        assert_eq!(answers.read_bytes_max(), 1);
        drop(held);
        assert_eq!((answers.held(), answers.read_bytes_max()), (0, 2 * MIB));
    }
}
