//! How many bytes may be gathered or under way, and who waits for room.

use std::sync::Arc;

use ottla_model::{ByteCount, KIB};
use tokio::sync::Semaphore;

use crate::error::ProducerError;

/// Room is taken in such steps, so that most records need not touch what all partitions share.
const STEP_BYTES: u64 = 16 * KIB;

/// The room of one producer. Waiters are served in turn.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    free: Arc<Semaphore>,
    total: u64,
}

/// Room that was taken and is given back when this is dropped, unless it was kept.
#[derive(Debug, Default)]
pub(crate) struct Lease {
    room: Option<(Arc<Semaphore>, u64)>,
}

impl Budget {
    pub(crate) fn new(total: ByteCount) -> Self {
        let total = total.0.min(Semaphore::MAX_PERMITS as u64);
        Self { free: Arc::new(Semaphore::new(total as usize)), total }
    }

    pub(crate) fn total(&self) -> ByteCount {
        ByteCount(self.total)
    }

    pub(crate) fn used(&self) -> u64 {
        self.total - self.free.available_permits() as u64
    }

    /// Room for `bytes`, and some more if there is enough; `None` when there is not enough for that.
    pub(crate) fn try_take(&self, bytes: u64) -> Option<u64> {
        let wishes = [bytes.max(STEP_BYTES), bytes];
        wishes.into_iter().find(|wish| {
            let permit = permits(*wish).and_then(|n| self.free.try_acquire_many(n).ok());
            permit.map(tokio::sync::SemaphorePermit::forget).is_some()
        })
    }

    /// Waits for room for `bytes`. Cancel-safe.
    pub(crate) async fn take(self, bytes: u64) -> Result<Lease, ProducerError> {
        let wish = bytes.max(STEP_BYTES.min(self.total));
        let count = permits(wish).ok_or(ProducerError::BufferFull { size_max: self.total() })?;
        let permit = self.free.acquire_many(count).await.map_err(|_| ProducerError::Closed)?;
        permit.forget();
        Ok(Lease { room: Some((self.free, wish)) })
    }

    pub(crate) fn give_back(&self, bytes: u64) {
        self.free.add_permits(bytes as usize);
    }

    /// Ends all waiting: nothing will be given back any more.
    pub(crate) fn close(&self) {
        self.free.close();
    }
}

impl Lease {
    /// Keeps the room for whoever asks for `bytes` of it; they give it back.
    pub(crate) fn keep(&mut self, bytes: u64) -> Option<u64> {
        let (_, room) = self.room.take_if(|(_, room)| *room >= bytes)?;
        Some(room)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some((free, bytes)) = self.room.take() {
            free.add_permits(bytes as usize);
        }
    }
}

fn permits(bytes: u64) -> Option<u32> {
    u32::try_from(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_and_given_back() {
        let budget = Budget::new(ByteCount(40 * KIB));
        assert_eq!(budget.try_take(100), Some(STEP_BYTES));
        assert_eq!(budget.try_take(20 * KIB), Some(20 * KIB));
        assert_eq!(budget.try_take(100), Some(100), "less than a step is left");
        assert_eq!(budget.try_take(16 * KIB), None);
        budget.give_back(STEP_BYTES + 20 * KIB + 100);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test]
    async fn a_waiter_that_gives_up_loses_nothing() {
        let budget = Budget::new(ByteCount(32 * KIB));
        let held = budget.clone().take(32 * KIB).await.expect("there is room");
        let soon = std::time::Duration::from_millis(5);
        assert!(tokio::time::timeout(soon, budget.clone().take(1)).await.is_err());
        drop(held);
        assert_eq!(budget.used(), 0);
    }
}
