//! How a panic is kept from its neighbours: caught where the part ends, counted, said once.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the panics that were caught. Clones share the count.
#[derive(Clone, Debug, Default)]
pub struct Panics(Arc<AtomicU64>);

impl Panics {
    /// A count of none.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many were caught.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Runs `part`; a panic in it is counted, said, and returned as `None`. The caller throws away
    /// or rebuilds whatever state `part` may have left half changed.
    pub fn guard<T>(&self, name: &str, part: impl FnOnce() -> T) -> Option<T> {
        catch_unwind(AssertUnwindSafe(part)).map_err(|payload| self.caught(name, &*payload)).ok()
    }

    /// Counts and says a panic that was caught elsewhere.
    pub fn caught(&self, name: &str, payload: &(dyn Any + Send)) {
        self.0.fetch_add(1, Ordering::Relaxed);
        tracing::error!(part = name, panic = message(payload), "a part panicked and was stopped");
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_counted_and_its_neighbour_goes_on() {
        let panics = Panics::new();
        assert_eq!(panics.guard("bad", || -> u32 { panic!("planned") }), None);
        assert_eq!(panics.guard("good", || 7), Some(7));
        assert_eq!(panics.count(), 1);
    }
}
