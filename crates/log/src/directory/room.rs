//! Room: in memory for bytes that are in no file yet, and on the disk for all of them.
//!
//! L9: what is acknowledged can always be filled, since produce is refused before the disk is full:
//! free space less what is still to be filled must exceed a reserve.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::{LogSettings, Room};
use crate::invariants;

/// Called when room returns.
type OnRoom = Box<dyn Fn() + Send + Sync>;

/// How much waits in memory, and how much the disk still takes.
pub(crate) struct Budget {
    unfilled_max: u64,
    reserve: u64,
    unfilled: AtomicU64,
    cached: AtomicU64,
    free: AtomicU64,
    /// Whether somebody was told to wait and not yet that there is room.
    waited_for: AtomicBool,
    on_room: Mutex<Option<OnRoom>>,
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("unfilled", &self.unfilled()).finish_non_exhaustive()
    }
}

impl Budget {
    /// Nothing is waiting; the disk has not been asked.
    pub(crate) fn new(settings: &LogSettings) -> Self {
        Self {
            unfilled_max: settings.unfilled_bytes_max,
            reserve: settings.room_reserve_bytes,
            unfilled: AtomicU64::new(0),
            cached: AtomicU64::new(0),
            free: AtomicU64::new(u64::MAX),
            waited_for: AtomicBool::new(false),
            on_room: Mutex::new(None),
        }
    }

    /// Bytes that are in no file.
    pub(crate) fn unfilled(&self) -> u64 {
        self.unfilled.load(Ordering::Relaxed)
    }

    /// Bytes of filled batches in memory.
    pub(crate) fn cached(&self) -> u64 {
        self.cached.load(Ordering::Relaxed)
    }

    /// Free bytes of the disk when it was last asked.
    pub(crate) fn free(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }

    /// More bytes are in no file. Answers whether memory is scarce since just now.
    pub(crate) fn charge(&self, bytes: u64) -> bool {
        let before = self.unfilled.fetch_add(bytes, Ordering::Relaxed);
        !self.would_be_scarce(before) && self.would_be_scarce(before + bytes)
    }

    /// Fewer are.
    pub(crate) fn release(&self, bytes: u64) {
        if bytes > 0 {
            self.unfilled.fetch_sub(bytes, Ordering::Relaxed);
            self.tell();
        }
    }

    /// Bytes that are in a file stay in memory.
    pub(crate) fn cache(&self, bytes: u64) {
        self.cached.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Cached bytes were let go.
    pub(crate) fn uncache(&self, bytes: u64) {
        self.cached.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// The disk was asked.
    pub(crate) fn set_free(&self, bytes: u64) {
        self.free.store(bytes, Ordering::Relaxed);
        self.tell();
    }

    /// Whether fills should be made though little waits: half of the budget is used.
    pub(crate) fn is_pressed(&self) -> bool {
        self.unfilled() > self.unfilled_max / 2
    }

    /// Whether such fills may end: three eighths are used. Not at half, so that each time is worth it.
    pub(crate) fn is_relieved(&self) -> bool {
        self.unfilled() <= self.unfilled_max / 8 * 3
    }

    /// Whether producers may have to wait soon: five eighths are used, more than forced fills leave.
    pub(crate) fn is_scarce(&self) -> bool {
        self.would_be_scarce(self.unfilled())
    }

    fn would_be_scarce(&self, unfilled: u64) -> bool {
        unfilled > self.unfilled_max / 8 * 5
    }

    /// How many bytes have to be filled until `is_relieved`.
    pub(crate) fn above_relief(&self) -> u64 {
        self.unfilled().saturating_sub(self.unfilled_max / 8 * 3)
    }

    /// Whether `bytes` more are welcome.
    pub(crate) fn room(&self, bytes: u64) -> Room {
        let room = self.look(bytes);
        if room == Room::Free {
            return room;
        }
        self.waited_for.store(true, Ordering::Release);
        // What was given back in between told nobody.
        self.look(bytes)
    }

    fn look(&self, bytes: u64) -> Room {
        let unfilled = self.unfilled();
        let wanted = unfilled.saturating_add(bytes);
        if !invariants::room_is_left(self.free(), wanted, self.reserve) {
            return Room::Full;
        }
        // A batch larger than the budget is let in when it is alone.
        if unfilled > 0 && wanted > self.unfilled_max { Room::Wait } else { Room::Free }
    }

    /// Has `callback` called whenever room returns after somebody was told to wait.
    pub(crate) fn on_room(&self, callback: OnRoom) {
        *self.on_room.lock() = Some(callback);
    }

    fn tell(&self) {
        // Half of the budget: whoever waits is let in for more than one batch.
        let relaxed = !self.is_pressed() && self.look(0) == Room::Free;
        if relaxed
            && self.waited_for.swap(false, Ordering::AcqRel)
            && let Some(callback) = &*self.on_room.lock()
        {
            callback();
        }
    }
}
