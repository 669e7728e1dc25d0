//! How many bytes of requests may be held that nobody has acted upon yet, of all peers together.
//!
//! Every stream and every call has a bound of its own; this one bounds their sum, which is what a
//! machine runs out of. Who would exceed it is refused rather than made to wait: peers that hold back
//! the end of their messages would wait for each other for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ottla_model::{ByteCount, Fault, Outcome, Retry};
use tonic::Code;

use crate::error::{RichError, key};

/// The bytes of all. Clones share them.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    held: AtomicU64,
    max: u64,
}

/// The bytes of one holder; given back when it is dropped.
#[derive(Debug)]
pub struct Charge {
    budget: Budget,
    bytes: AtomicU64,
}

impl Budget {
    /// A budget of so many bytes, none of them held.
    pub fn new(max: ByteCount) -> Self {
        Self(Arc::new(Inner { held: AtomicU64::new(0), max: max.0 }))
    }

    /// How many bytes are held.
    pub fn held(&self) -> u64 {
        self.0.held.load(Ordering::Relaxed)
    }

    /// A holder of nothing yet.
    pub fn charge(&self) -> Charge {
        Charge { budget: self.clone(), bytes: AtomicU64::new(0) }
    }

    fn exceeded(&self) -> Box<RichError> {
        let limit = ByteCount(self.0.max);
        let message = format!("the broker holds {limit} of requests already, as much as it takes");
        let error = RichError::refused("TOO_MUCH_IN_FLIGHT", Code::ResourceExhausted, message)
            .with_answers(Outcome::DidNotHappen, Retry::Later, Fault::Nobody)
            .with(key::LIMIT, self.0.max)
            .advising("try again later, with less under way");
        Box::new(error)
    }
}

impl Charge {
    /// Holds so many bytes from now on. One holder does this from one place at a time.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when these are more than the budget has; then it holds what it held. Holding
    /// less always works.
    pub fn hold(&self, bytes: u64) -> Result<(), Box<RichError>> {
        let inner = &self.budget.0;
        let before = self.bytes.load(Ordering::Relaxed);
        if bytes > before {
            let more = bytes - before;
            let held = inner.held.fetch_add(more, Ordering::Relaxed);
            if held.saturating_add(more) > inner.max {
                inner.held.fetch_sub(more, Ordering::Relaxed);
                return Err(self.budget.exceeded());
            }
        } else if bytes < before {
            inner.held.fetch_sub(before - bytes, Ordering::Relaxed);
        }
        self.bytes.store(bytes, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.0.held.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_given_back() {
        let budget = Budget::new(ByteCount(10));
        let (one, other) = (budget.charge(), budget.charge());
        one.hold(7).expect("there is room");
        let refused = other.hold(4).expect_err("there is not");
        assert_eq!((refused.code, budget.held()), (Code::ResourceExhausted, 7));
        one.hold(4).expect("it is less");
        other.hold(6).expect("there is room again");
        drop(one);
        assert_eq!(budget.held(), 6);
        drop(other);
        assert_eq!(budget.held(), 0);
    }
}
