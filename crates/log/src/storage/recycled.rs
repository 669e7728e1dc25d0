//! Buffers for large direct reads, used again.
//!
//! A fresh buffer costs more than the read that fills it: its pages have to be found and zeroed by the
//! kernel, and then by the allocator. So whoever lets go of what was read gives the buffer back.

use std::sync::Arc;

use bytes::Bytes;
use ottla_model::MIB;
use ottla_model::limits::BLOCK_BYTES;
use parking_lot::Mutex;

use super::AlignedBuf;

/// Smaller buffers come from the allocator, and go back to it.
const RECYCLED_BYTES_MIN: usize = 256 * 1024;

/// Most bytes of buffers that wait for their next use.
const IDLE_BYTES_MAX: usize = 16 * MIB as usize;

/// Buffers that wait for their next use.
#[derive(Debug, Default)]
pub(crate) struct Recycled(Mutex<Idle>);

#[derive(Debug, Default)]
struct Idle {
    buffers: Vec<AlignedBuf>,
    bytes: usize,
}

/// A buffer that was read into, until the last who holds some of it lets go.
struct Lent {
    /// `None` once it was given back.
    buffer: Option<AlignedBuf>,
    home: Arc<Recycled>,
}

impl Recycled {
    /// A buffer of `bytes` bytes, whatever they are.
    pub(crate) fn take(&self, bytes: usize) -> AlignedBuf {
        let mut buffer = self.find(bytes).unwrap_or_else(|| AlignedBuf::with_capacity(bytes));
        buffer.set_len(bytes);
        buffer
    }

    /// One that is large enough, and not so large that most of it would be held for nothing.
    fn find(&self, bytes: usize) -> Option<AlignedBuf> {
        let Idle { buffers, bytes: idle } = &mut *self.0.lock();
        let fits = |buffer: &AlignedBuf| (bytes..=2 * bytes).contains(&buffer.capacity());
        let at = buffers.iter().rposition(fits)?;
        let buffer = buffers.swap_remove(at);
        *idle -= buffer.capacity();
        Some(buffer)
    }

    /// What was read into `buffer`, which comes back here.
    pub(crate) fn lend(self: &Arc<Self>, buffer: AlignedBuf) -> Bytes {
        Bytes::from_owner(Lent { buffer: Some(buffer), home: Arc::clone(self) })
    }

    fn give_back(&self, buffer: AlignedBuf) {
        let Idle { buffers, bytes } = &mut *self.0.lock();
        let capacity = buffer.capacity();
        if capacity >= RECYCLED_BYTES_MIN && *bytes + capacity <= IDLE_BYTES_MAX {
            *bytes += capacity;
            buffers.push(buffer);
        }
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.buffer.as_deref().unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            self.home.give_back(buffer);
        }
    }
}

/// The whole blocks that hold the bytes `from..upto`.
pub(crate) fn blocks_around(from: u64, upto: u64) -> (u64, u64) {
    (from - from % BLOCK_BYTES, upto.next_multiple_of(BLOCK_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_once_nobody_holds_any_of_it() {
        let recycled = Arc::new(Recycled::default());
        let mut buffer = recycled.take(RECYCLED_BYTES_MIN);
        buffer[7] = 7;
        let address = buffer.as_ptr();
        let part = recycled.lend(buffer).slice(7..8);
        assert_ne!(recycled.take(RECYCLED_BYTES_MIN).as_ptr(), address);
        assert_eq!(part[0], 7);
        drop(part);
        assert_eq!(recycled.take(RECYCLED_BYTES_MIN - 4096).as_ptr(), address);
    }

    #[test]
    fn what_waits_is_bounded_and_small_ones_do_not() {
        let recycled = Arc::new(Recycled::default());
        let lent: Vec<_> = (0..20).map(|_| recycled.lend(recycled.take(MIB as usize))).collect();
        drop(lent);
        assert_eq!(recycled.0.lock().bytes, IDLE_BYTES_MAX);
        drop(recycled.lend(recycled.take(4096)));
        assert_eq!(recycled.0.lock().bytes, IDLE_BYTES_MAX);
    }
}
