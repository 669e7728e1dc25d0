//! How many bytes all peers together may make a process hold.
//!
//! Whoever is about to hold more takes it here first. Every peer has a bound of its own; this one bounds
//! their sum, which is what a machine runs out of. A peer that may wait does so without a place in a
//! queue: who holds something while it waits must give up after some time, or two could wait for each
//! other for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The bytes of all. Clones share them.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    held: AtomicU64,
    max: u64,
    /// How many wait, so that nobody is woken where nobody does.
    waiting: AtomicUsize,
    freed: Notify,
}

/// The bytes of one holder; given back when it is dropped.
#[derive(Debug)]
pub struct Charge {
    budget: Budget,
    bytes: u64,
}

/// Counts a holder that waits, for as long as it does.
struct Waiting<'a>(&'a AtomicUsize);

impl Budget {
    /// A budget of so many bytes, none of them held.
    pub fn new(max: u64) -> Self {
        let (held, waiting) = (AtomicU64::new(0), AtomicUsize::new(0));
        Self(Arc::new(Inner { held, max, waiting, freed: Notify::new() }))
    }

    /// How many bytes are held.
    pub fn held(&self) -> u64 {
        self.0.held.load(Ordering::Relaxed)
    }

    /// How many may be held.
    pub fn max(&self) -> u64 {
        self.0.max
    }

    /// A holder of nothing yet.
    pub fn charge(&self) -> Charge {
        Charge { budget: self.clone(), bytes: 0 }
    }

    /// An attempt that fails changes nothing: whoever waits would be woken by its own.
    fn take(&self, bytes: u64) -> bool {
        let fits = |held: u64| held.checked_add(bytes).filter(|held| *held <= self.0.max);
        // Pairs with the waiters' count: either they see what was given back, or are woken.
        self.0.held.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fits).is_ok()
    }

    fn give(&self, bytes: u64) {
        self.0.held.fetch_sub(bytes, Ordering::SeqCst);
        if bytes > 0 && self.0.waiting.load(Ordering::SeqCst) > 0 {
            self.0.freed.notify_waiters();
        }
    }
}

impl Charge {
    /// How many bytes it holds.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Holds so many bytes from now on, if the budget has them; otherwise it holds what it held. Holding
    /// less always works.
    pub fn try_hold(&mut self, bytes: u64) -> bool {
        let held = match bytes.checked_sub(self.bytes) {
            Some(0) => true,
            Some(more) => self.budget.take(more),
            None => {
                self.budget.give(self.bytes - bytes);
                true
            }
        };
        if held {
            self.bytes = bytes;
        }
        held
    }

    /// Holds so many bytes as soon as the budget has them. May be dropped and called again. More than the
    /// whole budget is the whole budget, or nobody could ever hold it.
    pub async fn hold(&mut self, bytes: u64) {
        let bytes = bytes.min(self.budget.0.max);
        if self.try_hold(bytes) {
            return;
        }
        let budget = self.budget.clone();
        let _waiting = Waiting::begin(&budget.0.waiting);
        loop {
            let mut freed = std::pin::pin!(budget.0.freed.notified());
            freed.as_mut().enable();
            if self.try_hold(bytes) {
                return;
            }
            freed.await;
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.give(self.bytes);
    }
}

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_held_is_given_back() {
        let budget = Budget::new(10);
        let (mut one, mut other) = (budget.charge(), budget.charge());
        assert!(one.try_hold(7));
        assert!(!other.try_hold(4), "there is no room");
        assert_eq!((budget.held(), other.bytes()), (7, 0));
        assert!(one.try_hold(4) && other.try_hold(6), "there is room again");
        drop(one);
        assert_eq!(budget.held(), 6);
        drop(other);
        assert_eq!(budget.held(), 0);
    }

    #[tokio::test]
    async fn who_waits_is_woken_when_there_is_room() {
        let budget = Budget::new(10);
        let mut first = budget.charge();
        first.hold(8).await;
        let mut second = budget.charge();
        let waits = tokio::time::timeout(Duration::from_millis(20), second.hold(5)).await;
        assert!(waits.is_err());
        let waiter = tokio::spawn(async move {
            second.hold(5).await;
            second.bytes()
        });
        tokio::task::yield_now().await;
        first.hold(5).await;
        assert_eq!(waiter.await.expect("it does not panic"), 5);
        assert_eq!(budget.0.waiting.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn more_than_there_is_is_all_there_is() {
        let budget = Budget::new(10);
        let mut charge = budget.charge();
        charge.hold(11).await;
        assert_eq!(budget.held(), 10);
    }
}
