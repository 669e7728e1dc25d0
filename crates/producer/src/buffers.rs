//! The buffers in which batches are made, used again and again: a buffer that is allocated anew for
//! every batch is memory that the kernel must clear, which costs more than all the rest.

use std::sync::Arc;

use bytes::Bytes;
use ottla_model::MIB;
use ottla_record::FilledBuffer;
use parking_lot::Mutex;

/// Most bytes kept for batches to come. They are not part of the producer's budget.
const BYTES_KEPT_MAX: usize = 16 * MIB as usize;

/// Smaller buffers are not worth keeping.
pub(crate) const BUFFER_BYTES_MIN: usize = 4096;

/// Buffers that nobody uses now.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl Buffers {
    /// One that was used before, if there is one.
    pub(crate) fn take(&self) -> Option<Vec<u8>> {
        let mut kept = self.kept.lock();
        let buffer = kept.buffers.pop()?;
        kept.bytes -= buffer.len();
        Some(buffer)
    }

    fn keep(&self, buffer: Vec<u8>) {
        let mut kept = self.kept.lock();
        if buffer.len() >= BUFFER_BYTES_MIN && kept.bytes + buffer.len() <= BYTES_KEPT_MAX {
            kept.bytes += buffer.len();
            kept.buffers.push(buffer);
        }
    }

    /// The batch as bytes whose buffer comes back here when nobody needs them any more.
    pub(crate) fn lend(self: &Arc<Self>, batch: FilledBuffer) -> Bytes {
        Bytes::from_owner(Lent { batch: Some(batch), home: self.clone() })
    }
}

struct Lent {
    /// Until it is dropped.
    batch: Option<FilledBuffer>,
    home: Arc<Buffers>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.batch.as_ref().map_or(&[], AsRef::as_ref)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(batch) = self.batch.take() {
            self.home.keep(batch.into_buffer());
        }
    }
}

#[cfg(test)]
mod tests {
    use ottla_model::Timestamp;
    use ottla_record::{BatchBuilder, BatchOptions};

    use super::*;

    fn batch(builder: &mut BatchBuilder) -> FilledBuffer {
        builder.push(Timestamp(1), None, Some(&[7; 200_000]), std::iter::empty());
        builder.finish_uncopied(&BatchOptions::default())
    }

    #[test]
    fn a_buffer_comes_back_when_the_last_clone_of_its_bytes_is_gone() {
        let buffers = Arc::new(Buffers::default());
        let mut builder = BatchBuilder::new();
        let bytes = buffers.lend(batch(&mut builder));
        let clone = bytes.clone();
        drop(bytes);
        assert!(buffers.take().is_none(), "somebody reads it still");
        assert!(clone.len() > 200_000);
        drop(clone);
        let buffer = buffers.take().expect("it came back");
        builder.use_buffer(buffer);
        assert!(builder.room() >= 200_000);
    }

    #[test]
    fn no_more_is_kept_than_was_said() {
        let buffers = Arc::new(Buffers::default());
        let many: Vec<_> =
            (0..200).map(|_| buffers.lend(batch(&mut BatchBuilder::new()))).collect();
        drop(many);
        let kept = std::iter::from_fn(|| buffers.take()).map(|buffer| buffer.len()).sum::<usize>();
        assert!((1..=BYTES_KEPT_MAX).contains(&kept), "{kept}");
        assert_eq!(buffers.kept.lock().bytes, 0);
    }
}
