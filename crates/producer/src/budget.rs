//! How many bytes may be gathered or under way, and who waits for room.

use std::sync::Arc;

use ottla_model::{ByteCount, KIB};
use tokio::sync::Semaphore;

use crate::error::ProducerError;

/// A batch takes as much room again as it has, up to such steps: most records need not touch what all
/// partitions share, and thousands of batches of one record each do not hold room that they leave empty.
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

    /// Room for `bytes` of a batch that has room for `held`, and some more if there is enough; `None` when
    /// there is not enough for that.
    pub(crate) fn try_take(&self, bytes: u64, held: u64) -> Option<u64> {
        let wishes = [wish(bytes, held), bytes];
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
    /// Keeps room for `bytes` of a batch that has room for `held`, and some more if there is enough; they
    /// give it back.
    pub(crate) fn keep(&mut self, bytes: u64, held: u64) -> Option<u64> {
        let (_, room) = self.room.as_mut().filter(|(_, room)| *room >= bytes)?;
        let kept = wish(bytes, held).min(*room);
        *room -= kept;
        Some(kept)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some((free, bytes)) = self.room.take() {
            free.add_permits(bytes as usize);
        }
    }
}

fn wish(bytes: u64, held: u64) -> u64 {
    bytes.max(held.min(STEP_BYTES))
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
        assert_eq!(budget.try_take(100, 0), Some(100), "a batch of one record holds no more");
        assert_eq!(budget.try_take(100, KIB), Some(KIB), "as much again as it has");
        assert_eq!(budget.try_take(100, 200 * KIB), Some(STEP_BYTES));
        assert_eq!(budget.try_take(20 * KIB, 0), Some(20 * KIB));
        assert_eq!(budget.try_take(100, 200 * KIB), Some(100), "less than a step is left");
        assert_eq!(budget.try_take(16 * KIB, 0), None);
        budget.give_back(STEP_BYTES + 21 * KIB + 200);
        assert_eq!(budget.used(), 0);
    }

    #[tokio::test]
    async fn what_is_not_kept_of_a_lease_comes_back() {
        let budget = Budget::new(ByteCount(40 * KIB));
        let mut lease = budget.clone().take(100).await.expect("there is room");
        assert_eq!(lease.keep(20 * KIB, 0), None);
        assert_eq!((lease.keep(100, 0), lease.keep(100, KIB)), (Some(100), Some(KIB)));
        drop(lease);
        assert_eq!(budget.used(), 100 + KIB);
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
