//! How much a connection may send before anybody reads it: its HTTP/2 window, which is memory of the broker's as soon
//! as the peer wants it to be.
//!
//! Every connection has the smallest window that the protocol knows; beyond that, the first ones get as much as is good
//! for them, and the more there are, the less a further one gets. The number of connections is limited to what the
//! smallest windows take of the budget, and half of that is granted beyond them: with half of the connections all windows
//! are within the budget, and never beyond one and a half of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ottla_model::{ByteCount, KIB};
use ottla_wire::transport::{CONNECTION_WINDOW_BYTES, FRAME_BYTES_MAX, STREAM_WINDOW_BYTES};

/// HTTP/2 lets a peer send this much whatever it is told.
const WINDOW_BYTES_MIN: u32 = 64 * KIB as u32;
/// HTTP/2 knows no smaller limit of frames.
const FRAME_BYTES_MIN: u32 = 16 * KIB as u32;
const FRAMES_OF_WINDOW: u32 = 4;
/// Which part of what is left a connection gets.
const PART: u64 = 8;

/// The windows of all connections. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Windows(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Beyond the smallest windows.
    granted: AtomicU64,
    max: u64,
}

/// One connection's window, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Window {
    windows: Windows,
    more: u32,
}

impl Windows {
    /// Windows of so many bytes together.
    pub(crate) fn new(bytes_max: ByteCount) -> Self {
        Self(Arc::new(Inner { granted: AtomicU64::new(0), max: bytes_max.0 / 2 }))
    }

    /// A window for one more connection.
    pub(crate) fn take(&self) -> Window {
        let Inner { granted, max } = &*self.0;
        let left = max.saturating_sub(granted.load(Ordering::Relaxed));
        let more_max = CONNECTION_WINDOW_BYTES - WINDOW_BYTES_MIN;
        let more = u32::try_from(left / PART).unwrap_or(u32::MAX).min(more_max);
        granted.fetch_add(more.into(), Ordering::Relaxed);
        Window { windows: self.clone(), more }
    }
}

impl Window {
    /// Of all streams of the connection together.
    pub(crate) fn of_connection(&self) -> u32 {
        WINDOW_BYTES_MIN + self.more
    }

    /// The largest frame: whole ones are put together in memory, which stays with the connection.
    pub(crate) fn frame(&self) -> u32 {
        (self.of_connection() / FRAMES_OF_WINDOW).clamp(FRAME_BYTES_MIN, FRAME_BYTES_MAX)
    }

    /// Of one stream.
    pub(crate) fn of_stream(&self) -> u32 {
        self.of_connection().min(STREAM_WINDOW_BYTES)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.windows.0.granted.fetch_sub(self.more.into(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use ottla_model::MIB;

    use super::*;

    #[test]
    fn any_number_of_connections_stays_within_the_budget() {
        let windows = Windows::new(ByteCount(32 * MIB));
        let all: Vec<Window> = (0..256).map(|_| windows.take()).collect();
        let bytes: u64 = all.iter().map(|window| u64::from(window.of_connection())).sum();
        assert!((16 * MIB..=32 * MIB).contains(&bytes), "{bytes}");
        let (first, last) = (&all[0], &all[255]);
        assert!(first.of_connection() > MIB as u32 && last.of_connection() == WINDOW_BYTES_MIN);
        assert_eq!((last.of_stream(), last.frame()), (WINDOW_BYTES_MIN, FRAME_BYTES_MIN));
        drop(all);
        assert_eq!(windows.0.granted.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn where_there_is_enough_everybody_has_the_best_one() {
        let windows = Windows::new(ByteCount(1024 * MIB));
        let all: Vec<Window> = (0..50).map(|_| windows.take()).collect();
        assert!(all.iter().all(|window| window.of_connection() == CONNECTION_WINDOW_BYTES));
        assert!(all.iter().all(|window| window.of_stream() == STREAM_WINDOW_BYTES));
        assert!(all.iter().all(|window| window.frame() == FRAME_BYTES_MAX));
    }
}
