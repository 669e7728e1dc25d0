//! What became durable and was not told yet. Many acknowledgements of one round are told on a thread of
//! their own, so that the journal's writes the next round meanwhile; a few are told at once, since
//! waking a thread takes as long as they do.

use std::time::Duration;

use ottla_model::{Offset, StreamId};
use parking_lot::{Condvar, Mutex};

/// Up to so many streams are told by whoever made them durable.
const TOLD_AT_ONCE_MAX: usize = 8;

/// Durable ends, in the order in which they moved.
#[derive(Debug, Default)]
pub(crate) struct Tidings {
    ends: Mutex<Vec<(StreamId, Offset)>>,
    came: Condvar,
}

impl Tidings {
    /// Whether so few are better told at once. They may overtake others: an end that is told late
    /// says nothing new.
    pub(crate) fn are_few(ends: &[(StreamId, Offset)]) -> bool {
        ends.len() <= TOLD_AT_ONCE_MAX
    }

    /// Leaves these to the thread that tells.
    pub(crate) fn put(&self, ends: &[(StreamId, Offset)]) {
        self.ends.lock().extend_from_slice(ends);
        self.came.notify_one();
    }

    /// Everything that came, into the empty `into`; waits for it, but no longer than `span`.
    pub(crate) fn take(&self, into: &mut Vec<(StreamId, Offset)>, span: Duration) {
        let mut ends = self.ends.lock();
        if ends.is_empty() {
            self.came.wait_for(&mut ends, span);
        }
        std::mem::swap(&mut *ends, into);
    }
}
