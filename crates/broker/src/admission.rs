//! Back-pressure: room for a batch is granted before the batch is taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Room for a number of bytes; given back when it is dropped, which is when the log has counted
/// the bytes itself.
#[derive(Debug)]
pub struct Admission {
    bytes: u64,
    admitted: Arc<AtomicU64>,
}

impl Admission {
    pub(crate) fn new(bytes: u64, admitted: Arc<AtomicU64>) -> Self {
        admitted.fetch_add(bytes, Ordering::Relaxed);
        Self { bytes, admitted }
    }

    /// How many bytes it is good for.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.admitted.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
