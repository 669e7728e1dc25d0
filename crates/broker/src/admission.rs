//! Back-pressure: room for a batch is granted before the batch is taken.
//!
//! What the log counts as unfilled, plus what was granted and has not reached the log, stays within
//! the log's budget. At the disk's reserve nothing is granted until there is room again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ottla_log::{LogDirectory, Room};
use ottla_model::{ByteCount, Moment};
use ottla_runtime::Clock;
use ottla_runtime::metrics::Histogram;
use tokio::sync::Notify;

use crate::error::ProduceError;

/// Room for a number of bytes; given back when it is dropped, which is when the log has counted
/// the bytes itself.
#[derive(Debug)]
pub struct Admission {
    bytes: u64,
    /// When it was asked for.
    asked: Moment,
    admitted: Arc<AtomicU64>,
}

impl Admission {
    fn new(bytes: u64, asked: Moment, admitted: &Arc<AtomicU64>) -> Self {
        admitted.fetch_add(bytes, Ordering::Relaxed);
        Self { bytes, asked, admitted: Arc::clone(admitted) }
    }

    pub(crate) fn asked(&self) -> Moment {
        self.asked
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

/// Grants room.
#[derive(Debug)]
pub(crate) struct Gate {
    admitted: Arc<AtomicU64>,
    returned: Arc<Notify>,
    wait_max: Duration,
    reserve: ByteCount,
    clock: Clock,
    waits: Histogram,
}

impl Gate {
    /// `waits` is told how long those waited who had to.
    pub(crate) fn new(
        log: &LogDirectory,
        wait_max: Duration,
        reserve: ByteCount,
        clock: Clock,
        waits: Histogram,
    ) -> Self {
        let returned = Arc::new(Notify::new());
        let waiters = Arc::clone(&returned);
        log.on_room(Box::new(move || waiters.notify_waiters()));
        Self { admitted: Arc::default(), returned, wait_max, reserve, clock, waits }
    }

    /// Bytes that were granted and have not reached the log.
    pub(crate) fn admitted(&self) -> u64 {
        self.admitted.load(Ordering::Relaxed)
    }

    pub(crate) async fn admit(
        &self,
        log: &LogDirectory,
        bytes: u64,
    ) -> Result<Admission, ProduceError> {
        let begun = self.clock.moment();
        if let Some(admission) = self.try_admit(log, bytes, begun)? {
            return Ok(admission);
        }
        let waited = tokio::time::timeout(self.wait_max, self.wait(log, bytes, begun)).await;
        self.waits.observe(self.clock.moment().since(begun).as_secs_f64());
        waited.unwrap_or(Err(ProduceError::Overloaded { bytes: ByteCount(bytes) }))
    }

    async fn wait(
        &self,
        log: &LogDirectory,
        bytes: u64,
        asked: Moment,
    ) -> Result<Admission, ProduceError> {
        loop {
            let mut returned = std::pin::pin!(self.returned.notified());
            // Before looking, so that room which returns in between is not missed.
            returned.as_mut().enable();
            if let Some(admission) = self.try_admit(log, bytes, asked)? {
                return Ok(admission);
            }
            returned.await;
        }
    }

    fn try_admit(
        &self,
        log: &LogDirectory,
        bytes: u64,
        asked: Moment,
    ) -> Result<Option<Admission>, ProduceError> {
        match log.room(bytes + self.admitted()) {
            Room::Free => Ok(Some(Admission::new(bytes, asked, &self.admitted))),
            Room::Wait => Ok(None),
            Room::Full => Err(ProduceError::DiskFull {
                free: ByteCount(log.metrics().free_bytes),
                reserve: self.reserve,
            }),
        }
    }
}
